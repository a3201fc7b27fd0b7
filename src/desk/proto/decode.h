/*
 * Decoding: JSON text from outside becomes plain values, or a refusal that says what is wrong.
 *
 * Strict: one JSON object (RFC 8259) of UTF-8 without repeated names; no unknown fields; numbers
 * are integers written without fraction or exponent; everything is within the limits of the schema;
 * characters are counted as Unicode code points; text holds no U+0000.
 *
 * There is one function per kind of text, all of the same shape; gen/decode.h lists them.
 *
 *     X_decode(json, arena, out, why)
 *
 * json is borrowed until the call returns; what out points to lives in the arena. why is set on
 * failure only, out means nothing then.
 *
 *     BELL_OK      *out holds it
 *     BELL_EPROTO  refused: *why tells the sender's mistake
 *     BELL_ENOMEM  no memory, or more than the arena's limit; why->error is ERROR_BUSY
 *
 * Any thread. Memory is bounded by the arena's limit and, until the call returns, by the limits
 * below.
 */
#ifndef DESK_PROTO_DECODE_H
#define DESK_PROTO_DECODE_H

#include "base/arena.h"
#include "desk/proto/types.h"

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Longest text that is looked at, else ERROR_TOO_LONG. The longest that is legal in a command is a
 * post whose 8,000 characters are all written as two \u escapes of 6 bytes: below 100 KB.
 */
#define COMMAND_MAX_BYTES (128 * 1024)
/* No command has so many fields; more is refused before memory is spent on it. */
#define COMMAND_MAX_VALUES 64
/* The longest for events and HTTP responses: what the desk's own side has made. */
#define EVENT_MAX_BYTES (16 * 1024 * 1024)
/* Deeper nesting than this is refused before it is parsed; no value here needs more than 4. */
#define DECODE_MAX_DEPTH 8

#define DECODE_FIELD_MAX 63

struct decode_failure {
    enum desk_error error;
    /* What the answer should repeat; present if it could be read all the same. */
    bool has_ref;
    int64_t ref;
    bool has_id; /* of a post */
    desk_id id;
    /* Which field, e.g. "text" or "items[3].number"; empty when it is none. Ends with a zero byte.
     */
    char field[DECODE_FIELD_MAX + 1];
};

#include "desk/proto/gen/decode.h"

#endif
