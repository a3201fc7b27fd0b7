/*
 * Reads what a server sends (RFC 6455 section 5), strictly and in a way of its own: the load client
 * must not take over a mistake of libbell's decoder. No I/O, no allocation.
 */
#ifndef WS_REPLY_H
#define WS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLY_HEAD_BYTES = 10 };

/* RFC 6455 section 5.2. */
enum reply_opcode {
    REPLY_CONTINUATION = 0,
    REPLY_TEXT = 1,
    REPLY_BINARY = 2,
    REPLY_CLOSE = 8,
    REPLY_PING = 9,
    REPLY_PONG = 10,
};

/* Of a connection; all zero at its beginning. */
struct reply_reader {
    uint64_t left;       /* of the frame's payload */
    uint64_t message_at; /* bytes of the message that came */
    uint8_t head[REPLY_HEAD_BYTES];
    uint8_t head_bytes;
    uint8_t message; /* opcode of the message under way; 0 = none */
    bool is_in_frame;
    bool is_compressed; /* the message */
};

struct reply_part {
    const char *bytes;
    size_t size;
    uint64_t at;              /* of its first byte in the message, or 0 in a control frame */
    enum reply_opcode opcode; /* of the message when it is one */
    bool is_compressed;
    bool is_end; /* of the message, or of the control frame */
};

enum reply_status { REPLY_PART, REPLY_NEEDS_MORE, REPLY_BROKEN };

/*
 * The next part of *size bytes at *bytes, which move on behind it. After REPLY_BROKEN, which is a
 * broken rule of section 5, the reader is of no further use.
 */
enum reply_status reply_next(struct reply_reader *r, const char **bytes, size_t *size,
                             struct reply_part *out);

#endif
