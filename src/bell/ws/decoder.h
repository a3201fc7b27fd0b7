/*
 * Frame decoder: bytes from a peer become frame parts (RFC 6455 section 5.2).
 *
 * No I/O, no allocation. The result does not depend on how the input is cut into pieces, but for
 * the cuts between the parts of one frame. A decoder belongs to one connection, and so to one loop
 * thread. Which frames may follow each other is the assembler's concern.
 */
#ifndef BELL_WS_DECODER_H
#define BELL_WS_DECODER_H

#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* All fields are private. 32 bytes, since every idle connection has one. */
struct bell_ws_decoder {
    uint64_t left_bytes;                      /* payload of this frame, still to come */
    uint16_t close_code;                      /* 0 until an error */
    uint8_t header[BELL_WS_HEADER_MAX_BYTES]; /* a header of which only the beginning has come */
    uint8_t header_bytes;                     /* in use there */
    uint8_t key[BELL_WS_KEY_BYTES];           /* turned so that key[0] meets the next byte */
    uint8_t opcode;                           /* of this frame */
    bool fin : 1;                             /* of this frame */
    bool is_deflated : 1;                     /* this frame has RSV1 */
    bool is_client : 1;                       /* our role */
    bool allows_deflate : 1;                  /* RSV1 has been given a meaning */
};

/*
 * A piece of a frame. The first part of a frame comes as soon as its header is complete and may
 * have an empty payload; further parts never have. The last one has left_bytes 0.
 */
typedef struct {
    bell_slice payload;  /* unmasked; borrowed, valid until the callback returns */
    uint64_t left_bytes; /* of this frame, still to come */
    uint8_t opcode;      /* enum bell_ws_opcode */
    bool fin;            /* the last frame of its message */
    bool is_first;       /* the first part of its frame */
    bool is_ascii;       /* the payload is known to be ASCII; false says nothing */
    bool is_deflated;    /* RSV1: of a compressed message (RFC 7692 section 6) */
} bell_ws_part;

/*
 * Anything but BELL_OK stops the feed, which returns that status at once and touches neither the
 * decoder nor the input again: the callback may have freed both.
 */
typedef bell_status (*bell_ws_part_fn)(const bell_ws_part *part, void *user);

/* There is nothing to finish. */
void bell_ws_decoder_init(struct bell_ws_decoder *d, enum bell_ws_role role);
/* permessage-deflate was agreed on: from now on RSV1 may stand on the first frame of a message, and
 * still nowhere else (RFC 7692 section 6). */
void bell_ws_decoder_allow_deflate(struct bell_ws_decoder *d);

/*
 * Uses up *in as far as it can and calls the part callback for every piece. Frames that announce
 * a payload of more than max_frame_bytes are refused. Payloads are unmasked
 * in place: the bytes behind *in change.
 *
 * BELL_OK      all of *in was used
 * BELL_EPROTO  the peer broke section 5; bell_ws_decoder_close_code tells how to answer
 * BELL_ELIMIT  a frame announces more than the limit; likewise
 * else         what the callback returned; *in is what follows the part it was given, and feeding
 *              it goes on there
 *
 * After BELL_EPROTO and BELL_ELIMIT of its own the decoder must not be fed again.
 */
BELL_NODISCARD bell_status bell_ws_decoder_feed(struct bell_ws_decoder *d, bell_ws_input *in,
                                                uint64_t max_frame_bytes, bell_ws_part_fn on_part,
                                                void *user);

/* After a failure of its own: 1002 or 1009; else 0. */
uint16_t bell_ws_decoder_close_code(const struct bell_ws_decoder *d);

/* Nothing of a frame has come yet, or the last one is complete. */
bool bell_ws_decoder_is_between_frames(const struct bell_ws_decoder *d);

#endif
