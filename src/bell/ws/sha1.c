#include "bell/ws/sha1.h"

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

/* Section 4.1.1 and 4.2.1: the function and constant of round t. */
static uint32_t round_value(unsigned t, uint32_t b, uint32_t c, uint32_t d)
{
    switch (t / 20) {
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
    uint32_t a = s->h[0];
    uint32_t b = s->h[1];
    uint32_t c = s->h[2];
    uint32_t d = s->h[3];
    uint32_t e = s->h[4];
    for (unsigned t = 0; t < ROUNDS; t++) {
        uint32_t next = rotate_left(a, 5) + round_value(t, b, c, d) + e + w[t];
        e = d;
        d = c;
        c = rotate_left(b, 30);
        b = a;
        a = next;
    }
    s->h[0] += a;
    s->h[1] += b;
    s->h[2] += c;
    s->h[3] += d;
    s->h[4] += e;
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
    static const uint8_t FIRST = 0x80;
    static const uint8_t ZERO = 0;
    uint64_t length_bits = s->length_bytes * 8;
    take(s, &FIRST, 1);
    while (s->length_bytes % BLOCK_BYTES != LENGTH_AT) {
        take(s, &ZERO, 1);
    }
    for (int shift = 56; shift >= 0; shift -= 8) {
        uint8_t byte = (uint8_t)(length_bits >> shift & 0xff);
        take(s, &byte, 1);
    }
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
