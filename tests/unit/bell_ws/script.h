/*
 * What the tests of the framing share: frames written as text, and what came out, written as text.
 *
 * A script is a list of frames separated by "|":
 *
 *     T:hello   text          t:hello   text, more to follow (fin 0)
 *     B:bytes   binary        b:bytes   binary, more to follow
 *     C:rest    continuation  c:rest    continuation, more to follow
 *     P:data    ping          O:data    pong
 *     X:1000,bye  close with code and reason      X:  close without
 *     Z:bytes   text with RSV1          z:bytes   the same, more to follow
 *     Y:bytes   binary with RSV1        y:bytes   the same, more to follow
 *     B*70000   as B:, with that many bytes "x" (likewise T* t* b* C* c* P* O* Z* z* Y* y*)
 *     #8f80     these bytes, in hexadecimal, as they are
 *
 * Its result is the list of what happened:
 *
 *     text:hello|binary:..|ping:..|pong:..|close:1000,bye|ztext:..|zbinary:..|
 *
 * (the last two: compressed ones, as they came)
 *
 * and the failure, if any: "fail:1002". Long payloads are shown as "x*70000" when they are all one
 * byte, else by length and checksum.
 */
#ifndef BELL_TESTS_WS_SCRIPT_H
#define BELL_TESTS_WS_SCRIPT_H

#include "base/buf.h"
#include "bell/slice.h"
#include "bell/ws/assembler.h"
#include "bell/ws/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends the bytes on the wire as a peer of this role of ours sends them (masked to a server). */
void script_write(struct bell_buf *out, enum bell_ws_role role, const char *script);

/* One frame as on the wire, right or wrong. */
struct raw_frame {
    uint8_t first; /* fin, reserved bits, opcode */
    bool is_masked;
    uint8_t length_bytes; /* 0 = the shortest form, else 1, 2 or 8 */
    bell_slice payload;   /* unmasked */
    uint8_t key[BELL_WS_KEY_BYTES];
};
void raw_frame_write(struct bell_buf *out, const struct raw_frame *frame);

/* Appends "name:payload|" as results show it. */
void result_append(struct bell_buf *out, const char *name, bell_slice payload);

struct script_limits {
    bell_ws_limits bytes;
    bool allows_deflate;
};

/*
 * Feeds an assembler the stream in pieces: cut_at 0 = whole, else the size of the first piece;
 * then_bytes the size of all later ones (0 = the rest). Appends the result. Finishes the assembler.
 */
void script_run(struct bell_buf *result, enum bell_ws_role role, const struct script_limits *limits,
                bell_slice stream, size_t cut_at, size_t then_bytes);

/* The events that script_run uses, with a struct bell_buf as the user pointer. */
extern const bell_ws_events script_events;

#endif
