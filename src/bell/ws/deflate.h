/*
 * Compression of messages (RFC 7692 sections 6 and 7.2), on zlib.
 *
 *     message --deflate, sync flush--> blocks 00 00 ff ff --last four cut--> payload with RSV1
 *
 * A deflater and an inflater hold one LZ77 window each. Without context takeover every message
 * begins with an empty one: then one of either serves any number of connections, one message after
 * the other. With takeover a connection needs its own.
 *
 * No I/O. Not thread-safe: one of these belongs to one loop thread.
 */
#ifndef BELL_WS_DEFLATE_H
#define BELL_WS_DEFLATE_H

#include "base/buf.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bell_ws_deflater;
struct bell_ws_inflater;

typedef struct {
    uint8_t window_bits;  /* 8 to 15 */
    uint8_t level;        /* 1 = fastest to 9 = smallest */
    uint8_t memory_level; /* 1 to 9: zlib's memLevel */
} bell_ws_deflater_options;

/*
 * Owned by the caller; about 2^(window_bits + 2) + 2^(memory_level + 9) bytes and 6 KiB.
 * BELL_ENOMEM.
 *
 * zlib has no window of 2^8 bytes. For 8 it is given 9, where it refers back by 512 - 262 = 250
 * bytes at most, and so stays within the 256 that were agreed on.
 */
BELL_NODISCARD bell_status bell_ws_deflater_create(bell_ws_deflater_options options,
                                                   struct bell_ws_deflater **out);
/* Takes NULL. */
void bell_ws_deflater_destroy(struct bell_ws_deflater *d);

/*
 * Appends the payload of a compressed message to out. keeps: the window of the messages before is
 * used and this one added to it; else it begins and stays empty.
 *
 * BELL_ELIMIT  the payload would be longer than out may become: out is as before
 * BELL_ENOMEM  likewise
 *
 * After a failure the window is empty, which every receiver understands.
 */
BELL_NODISCARD bell_status bell_ws_deflater_run(struct bell_ws_deflater *d, bell_slice message,
                                                bool keeps, struct bell_buf *out);
/* Forgets the messages before: for when one that was compressed is not sent. */
void bell_ws_deflater_reset(struct bell_ws_deflater *d);

/*
 * window_bits: 8 to 15, what the peer has agreed to. Owned by the caller; about 8 KiB and, from the
 * first message on, 2^window_bits bytes (at least 512). BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_ws_inflater_create(uint8_t window_bits,
                                                   struct bell_ws_inflater **out);
/* Takes NULL. */
void bell_ws_inflater_destroy(struct bell_ws_inflater *i);

/*
 * Appends the message behind the payload of a compressed one to out, piece by piece. keeps as
 * above. Text is checked as it comes out, so neither bad text nor a bomb is inflated much further
 * than to where it is known to be one.
 *
 * BELL_EPROTO  not a whole number of DEFLATE blocks as section 7.2.1 makes them, or text that is
 *              not UTF-8
 * BELL_ELIMIT  the message is longer than out may become
 * BELL_ENOMEM
 *
 * After a failure what is in out means nothing, and with takeover the connection cannot go on. A
 * final block (BFINAL) within a payload is no end: what follows goes on (section 7.2.3.4). An empty
 * payload is taken for an empty message. A peer that refers back further than window_bits allow,
 * but not beyond the beginning of the message, is refused with BELL_EPROTO or understood, depending
 * on how much room out has; zlib keeps no count of it. It is never misread.
 */
BELL_NODISCARD bell_status bell_ws_inflater_run(struct bell_ws_inflater *i, bell_slice payload,
                                                bool is_text, bool keeps, struct bell_buf *out);

#endif
