/*
 * The header of the PROXY protocol. For any bytes:
 *
 *  - cut anywhere, they give the outcome that the whole gives;
 *  - a header that is accepted has its stated size, no more than the limits, and is accepted again
 *    when nothing stands behind it, and not when its last byte is missing;
 *  - "try again" ends: more bytes than the longest header always give a verdict.
 *
 * The first byte says how to cut; the rest is the stream.
 */
#include "bell/net/proxy_header.h"
#include "fuzz.h"

#include <string.h>

struct run {
    bell_status st;
    bell_proxy_header header;
};

/* From a block of exactly this size, at another address each time. */
static struct run run_read(bell_slice stream, size_t n)
{
    struct run run = {.st = BELL_EAGAIN};
    char *copy = malloc(n + (n == 0));
    FUZZ_CHECK(copy != NULL);
    if (n > 0) {
        memcpy(copy, stream.p, n);
    }
    run.st = bell_proxy_header_read(bell_slice_make(copy, n), &run.header);
    free(copy);
    return run;
}

static struct run run_cut(bell_slice stream, size_t step)
{
    struct run run = run_read(stream, 0);
    for (size_t n = 0; run.st == BELL_EAGAIN && n < stream.n;) {
        n = stream.n - n < step ? stream.n : n + step;
        run = run_read(stream, n);
    }
    return run;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    bell_slice stream = bell_slice_make(data + 1, size - 1);
    struct run whole = run_read(stream, stream.n);
    struct run cut = run_cut(stream, (size_t)data[0] + 1);
    FUZZ_CHECK(whole.st == cut.st);
    FUZZ_CHECK(whole.st != BELL_EAGAIN || stream.n < BELL_PROXY_MAX_BYTES);
    if (whole.st != BELL_OK) {
        return 0;
    }
    const bell_proxy_header *h = &whole.header;
    FUZZ_CHECK(h->size_bytes == cut.header.size_bytes && h->has_source == cut.header.has_source &&
               h->is_secure == cut.header.is_secure);
    FUZZ_CHECK(!h->has_source ||
               memcmp(h->source.bytes, cut.header.source.bytes, sizeof h->source.bytes) == 0);
    FUZZ_CHECK(h->size_bytes <= stream.n && h->size_bytes <= BELL_PROXY_MAX_BYTES);
    FUZZ_CHECK(stream.p[0] != 'P' || h->size_bytes <= BELL_PROXY_V1_MAX_BYTES);
    FUZZ_CHECK(run_read(stream, h->size_bytes).st == BELL_OK);
    FUZZ_CHECK(run_read(stream, h->size_bytes - 1).st == BELL_EAGAIN);
    return 0;
}
