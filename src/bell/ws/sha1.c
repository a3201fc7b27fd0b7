#include "bell/ws/sha1.h"

#include "base/compiler.h"
#include "base/num.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#ifdef BELL_SHA
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#endif

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
static void take_block_anyhow(struct sha1 *s)
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

#ifdef BELL_SHA
enum { LANES = 4, GROUPS = ROUNDS / LANES };

/* Does the processor have the instructions? Asked once: in a virtual machine that takes long. */
static bool has_sha(void)
{
    enum { NOT_KNOWN, NO, YES };
    static atomic_int known;
    int is_there = atomic_load_explicit(&known, memory_order_relaxed); /* the same whoever asks */
    if (is_there == NOT_KNOWN) {
        unsigned a;
        unsigned b = 0;
        unsigned c;
        unsigned d;
        bool is_told = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0;
        is_there = is_told && (b & bit_SHA) != 0 && __builtin_cpu_supports("ssse3") ? YES : NO;
        atomic_store_explicit(&known, is_there, memory_order_relaxed);
    }
    return is_there == YES;
}

/* Four rounds; words has w, and e in its highest lane. */
BELL_SHA static __m128i do_group(size_t group, __m128i abcd, __m128i words)
{
    switch (group / (GROUPS / 4)) { /* an instruction for each quarter */
    case 0:
        return _mm_sha1rnds4_epu32(abcd, words, 0);
    case 1:
        return _mm_sha1rnds4_epu32(abcd, words, 1);
    case 2:
        return _mm_sha1rnds4_epu32(abcd, words, 2);
    default:
        return _mm_sha1rnds4_epu32(abcd, words, 3);
    }
}

/* The same as take_block_anyhow, with four words in a register, the first in the highest lane. */
BELL_SHA static void take_block_x86(struct sha1 *s)
{
    const __m128i reversed = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i w[LANES];
    for (size_t i = 0; i < LANES; i++) {
        const __m128i *from = (const void *)(s->block + i * sizeof *from);
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128(from), reversed);
    }
    uint32_t h[LANES] = {s->h[3], s->h[2], s->h[1], s->h[0]};
    const __m128i abcd_before = _mm_loadu_si128((const __m128i *)(const void *)h);
    __m128i abcd = abcd_before;
    __m128i last = _mm_set_epi32((int)s->h[4], 0, 0, 0);
    const __m128i e_before = last;
    for (size_t group = 0; group < GROUPS; group++) {
        __m128i *now = &w[group % LANES];
        /* After the first group e is what a was before the last one, turned. */
        __m128i words = group == 0 ? _mm_add_epi32(last, *now) : _mm_sha1nexte_epu32(last, *now);
        last = abcd;
        abcd = do_group(group, abcd, words);
        __m128i next = _mm_sha1msg1_epu32(*now, w[(group + 1) % LANES]);
        next = _mm_xor_si128(next, w[(group + 2) % LANES]);
        *now = _mm_sha1msg2_epu32(next, w[(group + 3) % LANES]);
    }
    abcd = _mm_add_epi32(abcd, abcd_before);
    last = _mm_sha1nexte_epu32(last, e_before);
    _mm_storeu_si128((__m128i *)(void *)h, abcd);
    for (size_t i = 0; i < LANES; i++) {
        s->h[i] = h[LANES - 1 - i];
    }
    _mm_storeu_si128((__m128i *)(void *)h, last);
    s->h[4] = h[LANES - 1];
}

static void take_block(struct sha1 *s)
{
    if (has_sha()) {
        take_block_x86(s);
    } else {
        take_block_anyhow(s);
    }
}
#else
static void take_block(struct sha1 *s)
{
    take_block_anyhow(s);
}
#endif

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
