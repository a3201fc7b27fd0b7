#include "bell/ws/decoder.h"

#include "base/compiler.h"
#include "base/num.h"
#include "bell/ws/close_code.h"
#include "bell/ws/mask.h"

#include <assert.h>
#include <string.h>

/* The first two bytes of a header; see the drawing in frame.h. */
enum {
    FIN_BIT = 0x80,
    DEFLATED_BIT = 0x40, /* RSV1 */
    RESERVED_BITS = 0x70,
    OPCODE_BITS = 0x0f,
    MASK_BIT = 0x80,
    LENGTH_BITS = 0x7f,
    LENGTH_16_BITS = 126, /* these two stand for a length that follows */
    LENGTH_64_BITS = 127,
};

static_assert(sizeof(struct bell_ws_decoder) <= 32, "idle connections stay small");

/* What a header says, as far as it has come. */
typedef struct {
    uint64_t payload_bytes;
    size_t size_bytes; /* of the header itself; 0 until it has come whole */
} header;

void bell_ws_decoder_init(struct bell_ws_decoder *d, enum bell_ws_role role)
{
    *d = (struct bell_ws_decoder){.is_client = role == BELL_WS_CLIENT};
}

void bell_ws_decoder_allow_deflate(struct bell_ws_decoder *d)
{
    d->allows_deflate = true;
}

uint16_t bell_ws_decoder_close_code(const struct bell_ws_decoder *d)
{
    return d->close_code;
}

bool bell_ws_decoder_is_between_frames(const struct bell_ws_decoder *d)
{
    return d->left_bytes == 0 && d->header_bytes == 0;
}

static bell_status fail_protocol(struct bell_ws_decoder *d)
{
    d->close_code = BELL_WS_CLOSE_PROTOCOL_ERROR;
    return BELL_EPROTO;
}

static bool is_known_opcode(uint8_t opcode)
{
    return opcode <= BELL_WS_BINARY || (opcode >= BELL_WS_CLOSE && opcode <= BELL_WS_PONG);
}

static bool is_first_byte_right(const struct bell_ws_decoder *d, uint8_t byte)
{
    uint8_t opcode = byte & OPCODE_BITS;
    bool begins_message = opcode == BELL_WS_TEXT || opcode == BELL_WS_BINARY;
    uint8_t wrong_bits =
        d->allows_deflate && begins_message ? RESERVED_BITS & ~DEFLATED_BIT : RESERVED_BITS;
    /* Section 5.2: a bit that no extension has given a meaning, or an unknown opcode: fail. */
    if ((byte & wrong_bits) != 0 || !is_known_opcode(opcode)) {
        return false;
    }
    /* Section 5.5: control frames must not be fragmented. */
    return !bell_ws_opcode_is_control(opcode) || (byte & FIN_BIT) != 0;
}

static bool is_second_byte_right(const struct bell_ws_decoder *d, uint8_t first, uint8_t second)
{
    /* Section 5.1: a client masks all frames, a server none. */
    if (((second & MASK_BIT) != 0) == d->is_client) {
        return false;
    }
    /* Section 5.5: control frames carry at most 125 bytes. */
    return !bell_ws_opcode_is_control(first & OPCODE_BITS) ||
           (second & LENGTH_BITS) <= BELL_WS_CONTROL_MAX_BYTES;
}

/*
 * Reads the length when its bytes are there. Section 5.2: the shortest form, the highest bit 0.
 * *size_bytes is what length and the two first bytes take, 0 while they are not there.
 */
static bool read_length(const uint8_t *h, size_t n, header *out)
{
    uint8_t length = h[1] & LENGTH_BITS;
    size_t size = length < LENGTH_16_BITS ? 2 : length == LENGTH_16_BITS ? 4 : 10;
    if (n < size) {
        return true;
    }
    out->size_bytes = size;
    if (length < LENGTH_16_BITS) {
        out->payload_bytes = length;
        return true;
    }
    if (length == LENGTH_16_BITS) {
        out->payload_bytes = bell_read_be16(h + 2);
        return out->payload_bytes >= LENGTH_16_BITS;
    }
    out->payload_bytes = bell_read_be64(h + 2);
    return out->payload_bytes > UINT16_MAX && out->payload_bytes <= INT64_MAX;
}

/* Checks the n bytes of a header that have come, each rule as early as it can be told. */
static bell_status check_header(struct bell_ws_decoder *d, const uint8_t *h, size_t n,
                                uint64_t max_frame_bytes, header *out)
{
    *out = (header){0};
    if (!is_first_byte_right(d, h[0])) {
        return fail_protocol(d);
    }
    if (n < 2) {
        return BELL_OK;
    }
    if (!is_second_byte_right(d, h[0], h[1]) || !read_length(h, n, out)) {
        return fail_protocol(d);
    }
    if (out->size_bytes == 0) {
        return BELL_OK;
    }
    /* A control frame is small already, and a Close frame must get through any limit. */
    if (out->payload_bytes > max_frame_bytes && !bell_ws_opcode_is_control(h[0] & OPCODE_BITS)) {
        d->close_code = BELL_WS_CLOSE_TOO_BIG;
        return BELL_ELIMIT;
    }
    if (!d->is_client) {
        size_t with_key = out->size_bytes + BELL_WS_KEY_BYTES;
        out->size_bytes = n < with_key ? 0 : with_key;
    }
    return BELL_OK;
}

/*
 * What almost every header is: of a whole message of less than 126 bytes, from a client, and
 * without compression. All that check_header asks of such a one is its limit.
 */
static bool is_usual(const struct bell_ws_decoder *d, const uint8_t *h, size_t n,
                     uint64_t max_frame_bytes, header *out)
{
    enum { USUAL_BYTES = 2 + BELL_WS_KEY_BYTES };
    bool begins_message = n >= USUAL_BYTES &&
                          (h[0] == (FIN_BIT | BELL_WS_TEXT) || h[0] == (FIN_BIT | BELL_WS_BINARY));
    if (!begins_message || d->is_client || h[1] < MASK_BIT || h[1] >= (MASK_BIT | LENGTH_16_BITS)) {
        return false;
    }
    *out = (header){.payload_bytes = h[1] & LENGTH_BITS, .size_bytes = USUAL_BYTES};
    return out->payload_bytes <= max_frame_bytes;
}

static void consume(bell_ws_input *in, size_t n)
{
    in->p += n;
    in->n -= n;
}

static void begin_frame(struct bell_ws_decoder *d, const uint8_t *h, const header *head)
{
    d->opcode = h[0] & OPCODE_BITS;
    d->fin = (h[0] & FIN_BIT) != 0;
    d->is_deflated = (h[0] & DEFLATED_BIT) != 0;
    d->left_bytes = head->payload_bytes;
    d->header_bytes = 0;
    if (!d->is_client) {
        memcpy(d->key, h + head->size_bytes - BELL_WS_KEY_BYTES, BELL_WS_KEY_BYTES);
    }
}

/* BELL_OK: a header was used up and the frame has begun. BELL_EAGAIN: all input was put aside. */
static bell_status take_header(struct bell_ws_decoder *d, bell_ws_input *in,
                               uint64_t max_frame_bytes)
{
    size_t held = d->header_bytes;
    size_t n = in->n;
    const uint8_t *h = (const uint8_t *)in->p;
    header head;
    if (held == 0 && is_usual(d, h, n, max_frame_bytes, &head)) {
        begin_frame(d, h, &head);
        consume(in, head.size_bytes);
        return BELL_OK;
    }
    if (BELL_UNLIKELY(held > 0 || n < BELL_WS_HEADER_MAX_BYTES)) {
        /* Perhaps cut: look at it in our own memory, which is large enough for any header. */
        size_t room = BELL_WS_HEADER_MAX_BYTES - held;
        size_t taken = n < room ? n : room;
        memcpy(d->header + held, in->p, taken);
        h = d->header;
        n = held + taken;
    }
    bell_status st = check_header(d, h, n, max_frame_bytes, &head);
    if (st != BELL_OK) {
        return st;
    }
    if (head.size_bytes == 0) {
        d->header_bytes = (uint8_t)n; /* less than BELL_WS_HEADER_MAX_BYTES, or it were whole */
        consume(in, in->n);
        return BELL_EAGAIN;
    }
    begin_frame(d, h, &head);
    consume(in, head.size_bytes - held);
    return BELL_OK;
}

/* Takes what there is of the payload. All is settled before the callback, which may free us. */
static bell_status give_part(struct bell_ws_decoder *d, bell_ws_input *in, bool is_first,
                             bell_ws_part_fn on_part, void *user)
{
    size_t n = in->n < d->left_bytes ? in->n : (size_t)d->left_bytes;
    char *payload = in->p;
    bool is_ascii = false;
    if (!d->is_client) {
        is_ascii = bell_ws_mask_apply(payload, n, d->key);
        if (n < d->left_bytes) {
            bell_ws_mask_rotate(d->key, n);
        }
    }
    consume(in, n);
    d->left_bytes -= n;
    bell_ws_part part = {
        .payload = {payload, n},
        .left_bytes = d->left_bytes,
        .opcode = d->opcode,
        .fin = d->fin,
        .is_first = is_first,
        .is_ascii = is_ascii,
        .is_deflated = d->is_deflated,
    };
    return on_part(&part, user);
}

bell_status bell_ws_decoder_feed(struct bell_ws_decoder *d, bell_ws_input *in,
                                 uint64_t max_frame_bytes, bell_ws_part_fn on_part, void *user)
{
    assert(d->close_code == 0);
    while (in->n > 0) {
        bool is_first = d->left_bytes == 0;
        bell_status st = is_first ? take_header(d, in, max_frame_bytes) : BELL_OK;
        if (st == BELL_OK) {
            st = give_part(d, in, is_first, on_part, user);
        } else if (st == BELL_EAGAIN) {
            return BELL_OK;
        }
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}
