#include "bell/ws/sha1.h"

#include "base/compiler.h"
#include "base/num.h"

#include <stddef.h>
#include <string.h>

enum { BLOCK_BYTES = 64, ROUNDS = 80, LENGTH_AT = BLOCK_BYTES - 8, WORDS = 5 };

struct sha1 {
    uint32_t h[WORDS];
    uint64_t length_bytes;      /* taken in so far */
    uint8_t block[BLOCK_BYTES]; /* length_bytes % BLOCK_BYTES are in use */
};

static uint32_t rotate_left(uint32_t v, unsigned bits)
{
    return v << bits | v >> (32 - bits);
}

/* Section 4.1.1 and 4.2.1: the function and constant of the rounds of a quarter. */
BELL_INLINE uint32_t round_value(unsigned quarter, uint32_t b, uint32_t c, uint32_t d)
{
    switch (quarter) {
    case 0:
        return ((b & c) | (~b & d)) + 0x5a827999u;
    case 1:
        return (b ^ c ^ d) + 0x6ed9eba1u;
    case 2:
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    default:
        return (b ^ c ^ d) + 0xca62c1d6u;
    }
}

/* One round. Instead of moving the five words on, the next one names them differently. */
BELL_INLINE void do_round(unsigned quarter, uint32_t w, uint32_t a, uint32_t *b, uint32_t c,
                          uint32_t d, uint32_t *e)
{
    *e += rotate_left(a, 5) + round_value(quarter, *b, c, d) + w;
    *b = rotate_left(*b, 30);
}

/* Inlined four times: the quarter is known then. */
BELL_INLINE void do_quarter(unsigned quarter, const uint32_t *w, uint32_t v[WORDS])
{
    uint32_t a = v[0];
    uint32_t b = v[1];
    uint32_t c = v[2];
    uint32_t d = v[3];
    uint32_t e = v[4];
    for (size_t t = 0; t < ROUNDS / 4; t += WORDS) {
        do_round(quarter, w[t], a, &b, c, d, &e);
        do_round(quarter, w[t + 1], e, &a, b, c, &d);
        do_round(quarter, w[t + 2], d, &e, a, b, &c);
        do_round(quarter, w[t + 3], c, &d, e, a, &b);
        do_round(quarter, w[t + 4], b, &c, d, e, &a);
    }
    v[0] = a;
    v[1] = b;
    v[2] = c;
    v[3] = d;
    v[4] = e;
}

/* Section 6.1.2. */
static void take_block(struct sha1 *s)
{
    uint32_t w[ROUNDS];
    for (size_t t = 0; t < 16; t++) {
        const uint8_t *b = s->block + 4 * t;
        w[t] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (size_t t = 16; t < ROUNDS; t++) {
        w[t] = rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
    uint32_t v[WORDS];
    memcpy(v, s->h, sizeof v);
    do_quarter(0, w, v);
    do_quarter(1, w + ROUNDS / 4, v);
    do_quarter(2, w + ROUNDS / 2, v);
    do_quarter(3, w + ROUNDS * 3 / 4, v);
    for (size_t i = 0; i < WORDS; i++) {
        s->h[i] += v[i];
    }
}

static void take(struct sha1 *s, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;
    while (n > 0) {
        size_t used = s->length_bytes % BLOCK_BYTES;
        size_t taken = n < BLOCK_BYTES - used ? n : BLOCK_BYTES - used;
        memcpy(s->block + used, from, taken);
        s->length_bytes += taken;
        from += taken;
        n -= taken;
        if (used + taken == BLOCK_BYTES) {
            take_block(s);
        }
    }
}

/* Section 5.1.1: a bit 1, bits 0, and the length in bits as 64 bits at the end of a block. */
static void take_padding(struct sha1 *s)
{
    size_t used = s->length_bytes % BLOCK_BYTES;
    s->block[used++] = 0x80;
    memset(s->block + used, 0, BLOCK_BYTES - used);
    if (used > LENGTH_AT) {
        take_block(s);
        memset(s->block, 0, LENGTH_AT);
    }
    bell_write_be64(s->block + LENGTH_AT, s->length_bytes * 8);
    take_block(s);
}

void bell_ws_sha1(bell_slice head, bell_slice tail, uint8_t out[BELL_WS_SHA1_BYTES])
{
    struct sha1 s = {.h = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u}};
    take(&s, head.p, head.n);
    take(&s, tail.p, tail.n);
    take_padding(&s);
    for (size_t i = 0; i < BELL_WS_SHA1_BYTES; i++) {
        out[i] = (uint8_t)(s.h[i / 4] >> (24 - 8 * (i % 4)) & 0xff);
    }
}
