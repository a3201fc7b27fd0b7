/*
 * Frame decoder. For any bytes:
 *
 *  - cut anywhere, they give the frames and the verdict that the whole gives;
 *  - parts keep their promises: the first of a frame, the bytes left, the limit, ASCII;
 *  - what was decoded, encoded again, is what came: the protocol has one form for each frame.
 *
 * The first byte of an input chooses role, limit, RSV1 and the seed of the cuts; the rest is the
 * stream.
 */
#include "bell/ws/decoder.h"
#include "bell/ws/encoder.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

enum { SMALL_LIMIT_BYTES = 200, LARGE_LIMIT_BYTES = 1 << 20, LONGEST_PIECE_BYTES = 40 };

/* One pass over the stream and what it saw. */
struct run {
    const uint8_t *stream; /* as it came, still masked */
    size_t at;             /* there: what the parts so far stand for */
    uint64_t left_bytes;   /* of the frame under way */
    uint64_t max_frame_bytes;
    size_t frames; /* begun */
    bool is_masked;
    bool allows_deflate;
    uint8_t key[BELL_WS_KEY_BYTES];
    size_t key_at; /* payload of this frame so far */
    bell_status st;
    uint16_t code;
};

/* The header of a frame with this first part must be the very bytes that came. */
static void check_header(struct run *r, const bell_ws_part *part)
{
    char header[BELL_WS_HEADER_MAX_BYTES];
    uint64_t payload_bytes = part->payload.n + part->left_bytes;
    size_t n = bell_ws_encoder_header_size(payload_bytes, r->is_masked);
    FUZZ_CHECK(r->left_bytes == 0);
    FUZZ_CHECK(part->opcode >= BELL_WS_CLOSE || payload_bytes <= r->max_frame_bytes);
    FUZZ_CHECK(part->opcode < BELL_WS_CLOSE || (payload_bytes <= 125 && part->fin));
    if (r->is_masked) {
        memcpy(r->key, r->stream + r->at + n - BELL_WS_KEY_BYTES, BELL_WS_KEY_BYTES);
    }
    FUZZ_CHECK(bell_ws_encoder_write_header(header, (enum bell_ws_opcode)part->opcode, part->fin,
                                            payload_bytes, r->is_masked ? r->key : NULL) == n);
    FUZZ_CHECK(!part->is_deflated || (r->allows_deflate && (part->opcode == BELL_WS_TEXT ||
                                                            part->opcode == BELL_WS_BINARY)));
    if (part->is_deflated) {
        bell_ws_encoder_mark_deflated(header);
    }
    FUZZ_CHECK(memcmp(header, r->stream + r->at, n) == 0);
    r->at += n;
    r->key_at = 0;
    r->left_bytes = payload_bytes;
    r->frames++;
}

static bell_status check_part(const bell_ws_part *part, void *user)
{
    struct run *r = user;
    if (part->is_first) {
        check_header(r, part);
    } else {
        FUZZ_CHECK(part->payload.n > 0);
    }
    FUZZ_CHECK(part->payload.n + part->left_bytes == r->left_bytes);
    for (size_t i = 0; i < part->payload.n; i++) {
        uint8_t byte = (uint8_t)part->payload.p[i];
        uint8_t mask = r->is_masked ? r->key[r->key_at++ % BELL_WS_KEY_BYTES] : 0;
        FUZZ_CHECK((byte ^ mask) == r->stream[r->at++]);
        FUZZ_CHECK(!part->is_ascii || byte < 0x80);
    }
    r->left_bytes = part->left_bytes;
    return BELL_OK;
}

/* seed 0 = whole, else cut at places that follow from it. */
static struct run run_stream(const uint8_t *stream, size_t n, uint8_t choice, uint32_t seed)
{
    bool is_client = (choice & 1) != 0;
    uint64_t limit = (choice & 2) != 0 ? SMALL_LIMIT_BYTES : LARGE_LIMIT_BYTES;
    struct run r = {.stream = stream,
                    .max_frame_bytes = limit,
                    .is_masked = !is_client,
                    .allows_deflate = (choice & 4) != 0};
    struct bell_ws_decoder d;
    bell_ws_decoder_init(&d, is_client ? BELL_WS_CLIENT : BELL_WS_SERVER);
    if (r.allows_deflate) {
        bell_ws_decoder_allow_deflate(&d);
    }
    size_t piece = n;
    for (size_t at = 0; at < n && r.st == BELL_OK; at += piece) {
        if (seed != 0) {
            seed = seed * 1664525u + 1013904223u;
            piece = 1 + (seed >> 16) % LONGEST_PIECE_BYTES;
        }
        piece = piece < n - at ? piece : n - at;
        char *copy = malloc(piece);
        FUZZ_CHECK(copy != NULL);
        memcpy(copy, stream + at, piece);
        bell_ws_input in = {copy, piece};
        r.st = bell_ws_decoder_feed(&d, &in, limit, check_part, &r);
        FUZZ_CHECK(r.st != BELL_OK || in.n == 0);
        free(copy);
    }
    r.code = bell_ws_decoder_close_code(&d);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const uint8_t *stream = data + 1;
    struct run whole = run_stream(stream, size - 1, data[0], 0);
    struct run cut = run_stream(stream, size - 1, data[0], 1u + data[0]);
    FUZZ_CHECK(whole.st == cut.st && whole.code == cut.code);
    FUZZ_CHECK(whole.at == cut.at && whole.frames == cut.frames);
    FUZZ_CHECK(whole.left_bytes == cut.left_bytes);
    FUZZ_CHECK(whole.code == (whole.st == BELL_OK ? 0 : whole.st == BELL_EPROTO ? 1002 : 1009));
    return 0;
}
