/*
 * Walking the tables: the one decoder and the one encoder behind all typed functions, and the text
 * rules they share. Private to this room. Any thread.
 */
#ifndef DESK_PROTO_WALK_H
#define DESK_PROTO_WALK_H

#include "base/arena.h"
#include "base/buf.h"
#include "desk/proto/decode.h"
#include "desk/proto/table.h"
#include "desk/proto/text.h"

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As decode.h says; out points to the struct the table describes. */
BELL_NODISCARD bell_status proto_tagged_decode(const struct proto_tagged *table, bell_slice json,
                                               struct bell_arena *arena, void *out,
                                               struct decode_failure *why);
BELL_NODISCARD bell_status proto_body_decode(const struct proto_body *table, bell_slice json,
                                             struct bell_arena *arena, void *out,
                                             struct decode_failure *why);

/* As encode.h says. */
BELL_NODISCARD bell_status proto_tagged_encode(const struct proto_tagged *table, const void *value,
                                               struct bell_buf *out);
BELL_NODISCARD bell_status proto_body_encode(const struct proto_body *table, const void *value,
                                             struct bell_buf *out);

/* Empty for a value that is none. */
bell_slice proto_name(const struct proto_names *table, unsigned value);
bool proto_from_name(const struct proto_names *table, bell_slice name, unsigned *out);

/* Closed ranges of code points that show nothing, in order. */
struct proto_range {
    uint32_t first;
    uint32_t last;
};
extern const struct proto_range PROTO_BLANK_RANGES[];
extern const size_t PROTO_BLANK_RANGE_COUNT;

#endif
