/*
 * Words of the framing (RFC 6455 section 5.2) that decoder, assembler and encoder share.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |F|R|R|R|opcode |M| length      | length, 16 or 64 bits,        |
 *     |I|S|S|S|       |A| 0-125: it   | when the 7 bits say           |
 *     |N|V|V|V|       |S| 126: 16 bit | 126 or 127                    |
 *     | |1|2|3|       |K| 127: 64 bit |                               |
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     | masking key, 4 bytes when MASK is set, then the payload       |
 *     +---------------------------------------------------------------+
 */
#ifndef BELL_WS_FRAME_H
#define BELL_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opcodes; 0x3-0x7 and 0xb-0xf are reserved. */
enum bell_ws_opcode {
    BELL_WS_CONTINUATION = 0x0,
    BELL_WS_TEXT = 0x1,
    BELL_WS_BINARY = 0x2,
    BELL_WS_CLOSE = 0x8,
    BELL_WS_PING = 0x9,
    BELL_WS_PONG = 0xa,
};

/* Which end of the connection we are: a client masks what it sends, a server must not
 * (section 5.1). */
enum bell_ws_role { BELL_WS_SERVER, BELL_WS_CLIENT };

enum {
    BELL_WS_KEY_BYTES = 4,           /* masking key */
    BELL_WS_HEADER_MAX_BYTES = 14,   /* 2, 64-bit length, key */
    BELL_WS_CONTROL_MAX_BYTES = 125, /* payload of a control frame (section 5.5) */
    BELL_WS_REASON_MAX_BYTES = 123,  /* of a Close frame: the code takes 2 (section 5.5.1) */
};

/* Received bytes, which may be changed in place. */
typedef struct {
    char *p;  /* (borrowed) */
    size_t n; /* length in bytes */
} bell_ws_input;

/* Section 5.5: the opcodes with the highest of their four bits set are control frames. */
static inline bool bell_ws_opcode_is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

#endif
