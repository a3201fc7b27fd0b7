#include "bell/ws/encoder.h"

#include "base/num.h"
#include "base/utf8.h"
#include "bell/ws/close_code.h"
#include "bell/ws/mask.h"

#include <assert.h>
#include <string.h>

/* The first two bytes of a header; see the drawing in frame.h. */
enum {
    FIN_BIT = 0x80,
    DEFLATED_BIT = 0x40, /* RSV1 */
    OPCODE_BITS = 0x0f,
    MASK_BIT = 0x80,
    LENGTH_7_BITS_MAX = 125,
    LENGTH_16_BITS = 126,
    LENGTH_64_BITS = 127,
    CODE_BYTES = 2, /* of a Close payload */
};

size_t bell_ws_encoder_header_size(uint64_t payload_bytes, bool is_masked)
{
    size_t size = payload_bytes <= LENGTH_7_BITS_MAX ? 2 : payload_bytes <= UINT16_MAX ? 4 : 10;
    return is_masked ? size + BELL_WS_KEY_BYTES : size;
}

size_t bell_ws_encoder_write_header(char *out, enum bell_ws_opcode opcode, bool fin,
                                    uint64_t payload_bytes, const uint8_t *key)
{
    /* Section 5.2: the highest bit of the length is 0; section 5.5: control frames are small. */
    assert(payload_bytes <= INT64_MAX);
    assert(!bell_ws_opcode_is_control((uint8_t)opcode) ||
           (fin && payload_bytes <= BELL_WS_CONTROL_MAX_BYTES));
    uint8_t *h = (uint8_t *)out;
    uint8_t mask_bit = key != NULL ? MASK_BIT : 0;
    size_t size = 2;
    h[0] = (uint8_t)(opcode | (fin ? FIN_BIT : 0));
    if (payload_bytes <= LENGTH_7_BITS_MAX) {
        h[1] = (uint8_t)(payload_bytes | mask_bit);
    } else if (payload_bytes <= UINT16_MAX) {
        h[1] = LENGTH_16_BITS | mask_bit;
        bell_write_be16(h + 2, (uint16_t)payload_bytes);
        size = 4;
    } else {
        h[1] = LENGTH_64_BITS | mask_bit;
        bell_write_be64(h + 2, payload_bytes);
        size = 10;
    }
    if (key != NULL) {
        memcpy(h + size, key, BELL_WS_KEY_BYTES);
        size += BELL_WS_KEY_BYTES;
    }
    return size;
}

void bell_ws_encoder_mark_deflated(char *header)
{
    uint8_t *h = (uint8_t *)header;
    assert(!bell_ws_opcode_is_control(h[0]));
    h[0] |= DEFLATED_BIT;
}

size_t bell_ws_encoder_write_frame(char *out, enum bell_ws_opcode opcode, bell_slice payload,
                                   const uint8_t *key)
{
    size_t header_size = bell_ws_encoder_write_header(out, opcode, true, payload.n, key);
    char *to = out + header_size;
    if (payload.n > 0 && payload.p != to) {
        memcpy(to, payload.p, payload.n);
    }
    if (key != NULL) {
        (void)bell_ws_mask_apply(to, payload.n, key);
    }
    return header_size + payload.n;
}

bell_slice bell_ws_encoder_payload(bell_slice frame, enum bell_ws_opcode *opcode)
{
    assert(frame.n >= 2);
    const uint8_t *h = (const uint8_t *)frame.p;
    size_t size = h[1] == LENGTH_64_BITS ? 10 : h[1] == LENGTH_16_BITS ? 4 : 2;
    *opcode = (enum bell_ws_opcode)(h[0] & OPCODE_BITS);
    return bell_slice_make(frame.p + size, frame.n - size);
}

bell_status bell_ws_encoder_write_close(char out[BELL_WS_CONTROL_MAX_BYTES], uint16_t code,
                                        bell_slice reason, size_t *size)
{
    if (!bell_ws_close_code_is_sendable(code) || reason.n > BELL_WS_REASON_MAX_BYTES ||
        !bell_utf8_is_valid(reason)) {
        return BELL_EINVAL;
    }
    bell_write_be16(out, code);
    if (reason.n > 0) {
        memcpy(out + CODE_BYTES, reason.p, reason.n);
    }
    *size = CODE_BYTES + reason.n;
    return BELL_OK;
}
