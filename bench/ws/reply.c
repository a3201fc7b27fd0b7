#include "reply.h"

#include <string.h>

enum {
    BASIC_HEAD_BYTES = 2,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    BYTES_16 = 2,
    BYTES_64 = 8,
    BIT_FIN = 0x80,
    BIT_RSV1 = 0x40, /* compressed: RFC 7692 section 6 */
    BITS_RSV23 = 0x30,
    BIT_MASKED = 0x80,
    BIT_CONTROL = 0x08,
    BITS_OPCODE = 0x0f,
    MAX_CONTROL_BYTES = 125,
};

static size_t head_size(uint8_t second)
{
    uint8_t length = second & LENGTH_64;
    return BASIC_HEAD_BYTES + (size_t)(length == LENGTH_64   ? BYTES_64
                                       : length == LENGTH_16 ? BYTES_16
                                                             : 0);
}

/* Gathers the head. Is it whole? */
static bool head_take(struct reply_reader *r, const char **bytes, size_t *size)
{
    size_t wanted = BASIC_HEAD_BYTES;
    while (*size > 0) {
        if (r->head_bytes >= BASIC_HEAD_BYTES) {
            wanted = head_size(r->head[1]);
        }
        if (r->head_bytes == wanted) {
            return true;
        }
        r->head[r->head_bytes++] = (uint8_t) * (*bytes)++;
        --*size;
    }
    return r->head_bytes >= BASIC_HEAD_BYTES && r->head_bytes == head_size(r->head[1]);
}

/* Begins the frame whose head is there. Is it as it should be? */
static bool frame_begin(struct reply_reader *r)
{
    uint8_t first = r->head[0];
    uint8_t length = r->head[1] & LENGTH_64;
    size_t extra = (size_t)r->head_bytes - BASIC_HEAD_BYTES;
    uint64_t payload = extra == 0 ? length : 0;
    for (size_t i = 0; i < extra; i++) {
        payload = payload << 8 | r->head[BASIC_HEAD_BYTES + i];
    }
    bool is_shortest =
        extra == 0 ||
        (extra == BYTES_16 ? payload >= LENGTH_16 : payload > UINT16_MAX && payload >> 63 == 0);
    if (!is_shortest || (r->head[1] & BIT_MASKED) != 0 || (first & BITS_RSV23) != 0) {
        return false;
    }
    uint8_t opcode = first & BITS_OPCODE;
    if ((opcode & BIT_CONTROL) != 0) {
        if (opcode > REPLY_PONG || payload > MAX_CONTROL_BYTES || (first & BIT_FIN) == 0 ||
            (first & BIT_RSV1) != 0) {
            return false;
        }
    } else if (opcode == REPLY_CONTINUATION) {
        if (r->message == 0 || (first & BIT_RSV1) != 0) {
            return false;
        }
    } else {
        if (r->message != 0 || opcode > REPLY_BINARY) {
            return false;
        }
        r->message = opcode;
        r->message_at = 0;
        r->is_compressed = (first & BIT_RSV1) != 0;
    }
    r->left = payload;
    r->is_in_frame = true;
    return true;
}

enum reply_status reply_next(struct reply_reader *r, const char **bytes, size_t *size,
                             struct reply_part *out)
{
    if (!r->is_in_frame) {
        if (!head_take(r, bytes, size)) {
            return REPLY_NEEDS_MORE;
        }
        if (!frame_begin(r)) {
            return REPLY_BROKEN;
        }
    }
    if (*size == 0 && r->left > 0) {
        return REPLY_NEEDS_MORE;
    }
    bool is_control = (r->head[0] & BIT_CONTROL) != 0;
    size_t part = r->left < *size ? (size_t)r->left : *size;
    *out = (struct reply_part){
        .bytes = *bytes,
        .size = part,
        .at = is_control ? 0 : r->message_at,
        .opcode = is_control ? r->head[0] & BITS_OPCODE : r->message,
        .is_compressed = !is_control && r->is_compressed,
        .is_end = part == r->left && (r->head[0] & BIT_FIN) != 0,
    };
    *bytes += part;
    *size -= part;
    r->left -= part;
    if (!is_control) {
        r->message_at += part;
        r->message = out->is_end ? 0 : r->message;
    }
    if (r->left == 0) {
        r->is_in_frame = false;
        r->head_bytes = 0;
    }
    return REPLY_PART;
}
