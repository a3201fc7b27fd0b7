/*
 * Request bodies. For any bytes:
 *
 *  - cut anywhere, they give the body, the end and the refusal that the whole gives;
 *  - no more comes out than the limit allows, and nothing is read behind the end;
 *  - a body, written again in chunks, gives the same body.
 *
 * The first byte chooses kind and limit, the second where to cut; the rest is the stream.
 */
#include "base/buf.h"
#include "bell/http/body.h"
#include "fuzz.h"

#include <string.h>

enum { CONTROL_BYTES = 2, SMALL_LIMIT_BYTES = 20, LARGE_LIMIT_BYTES = 100000 };

struct run {
    struct bell_buf body; /* to be finished */
    bell_status st;
    uint16_t refusal;
    size_t used; /* of the stream */
};

/* Takes the pieces out of n bytes at the front of the stream. */
static void run_feed(struct run *run, struct bell_http_body *b, bell_slice stream, size_t n)
{
    char *copy = malloc(n + (n == 0));
    FUZZ_CHECK(copy != NULL);
    if (n > 0) {
        memcpy(copy, stream.p, n);
    }
    bell_slice in = {copy, n};
    bell_slice piece;
    while ((run->st = bell_http_body_next(b, &in, &piece)) == BELL_OK) {
        FUZZ_CHECK(piece.n > 0 && piece.p >= copy && piece.p + piece.n <= copy + n);
        FUZZ_CHECK(bell_buf_append(&run->body, piece) == BELL_OK);
    }
    FUZZ_CHECK(run->st != BELL_EAGAIN || in.n == 0);
    run->used += n - in.n;
    free(copy);
}

/* The buf has no more room than the limit: a byte too many fails in run_feed. */
static void run_read(struct run *run, const bell_http_framing *framing, size_t limit,
                     bell_slice stream, size_t step)
{
    *run = (struct run){.st = BELL_EAGAIN};
    bell_buf_init(&run->body, limit);
    struct bell_http_body b;
    bell_http_body_init(&b, framing, limit);
    size_t at = 0;
    do {
        size_t n = stream.n - at < step ? stream.n - at : step;
        run_feed(run, &b, bell_slice_make(stream.p + at, n), n);
        at += n;
    } while (run->st == BELL_EAGAIN && at < stream.n);
    run->refusal = run->st == BELL_EPROTO ? b.refusal : 0;
    FUZZ_CHECK(bell_http_body_is_complete(&b) == (run->st == BELL_ENOTFOUND));
}

static void check_written_again(bell_slice body, size_t chunk_bytes)
{
    struct bell_buf text;
    bell_buf_init(&text, 1 << 24);
    for (size_t at = 0; at < body.n;) {
        size_t n = body.n - at < chunk_bytes ? body.n - at : chunk_bytes;
        FUZZ_CHECK(bell_buf_printf(&text, "%zx\r\n", n) == BELL_OK);
        FUZZ_CHECK(bell_buf_append(&text, bell_slice_make(body.p + at, n)) == BELL_OK);
        FUZZ_CHECK(bell_buf_append(&text, BELL_LIT("\r\n")) == BELL_OK);
        at += n;
    }
    FUZZ_CHECK(bell_buf_append(&text, BELL_LIT("0\r\n\r\n")) == BELL_OK);
    const bell_http_framing framing = {.body = BELL_HTTP_BODY_CHUNKED};
    struct run run;
    run_read(&run, &framing, body.n, bell_buf_slice(&text), text.n);
    FUZZ_CHECK(run.st == BELL_ENOTFOUND && run.used == text.n);
    FUZZ_CHECK(bell_slice_equal(bell_buf_slice(&run.body), body));
    bell_buf_finish(&run.body);
    bell_buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CONTROL_BYTES) {
        return 0;
    }
    size_t limit = (data[0] & 1) != 0 ? SMALL_LIMIT_BYTES : LARGE_LIMIT_BYTES;
    bool has_length = (data[0] & 2) != 0;
    const bell_http_framing framing = {
        .body = has_length ? BELL_HTTP_BODY_LENGTH : BELL_HTTP_BODY_CHUNKED,
        .content_length = has_length ? (data[0] >> 2) % (limit + 1) : 0,
    };
    bell_slice stream = bell_slice_make(data + CONTROL_BYTES, size - CONTROL_BYTES);
    struct run whole;
    struct run cut;
    run_read(&whole, &framing, limit, stream, stream.n + 1);
    run_read(&cut, &framing, limit, stream, (size_t)data[1] + 1);
    FUZZ_CHECK(whole.st == cut.st && whole.refusal == cut.refusal);
    FUZZ_CHECK(bell_slice_equal(bell_buf_slice(&whole.body), bell_buf_slice(&cut.body)));
    FUZZ_CHECK(whole.st != BELL_ENOTFOUND || whole.used == cut.used);
    if (whole.st == BELL_ENOTFOUND) {
        check_written_again(bell_buf_slice(&whole.body), (size_t)data[1] + 1);
    }
    bell_buf_finish(&whole.body);
    bell_buf_finish(&cut.body);
    return 0;
}
