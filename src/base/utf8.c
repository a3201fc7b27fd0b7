#include "base/utf8.h"

#include "base/compiler.h"

#include <stddef.h>
#include <string.h>

/*
 * Table 3-7 of the Unicode standard (the grammar of RFC 3629 section 4): the first byte says how
 * many follow and between which bounds the second one lies; all later ones lie between 80 and bf.
 *
 *     first   second  further          first   second  further
 *     00-7f                            ed      80-9f   1         no surrogates
 *     c2-df   80-bf                    ee-ef   80-bf   1
 *     e0      a0-bf   1  not overlong  f0      90-bf   2         not overlong
 *     e1-ec   80-bf   1                f1-f3   80-bf   2
 *                                      f4      80-8f   2         up to U+10FFFF
 */

enum { WORD_BYTES = 8, BLOCK_WORDS = 8, BLOCK_BYTES = WORD_BYTES * BLOCK_WORDS };

/* The highest bit of each byte of a word: set in what is not ASCII. */
static const uint64_t NOT_ASCII = 0x8080808080808080u;

void bell_utf8_init(struct bell_utf8 *u)
{
    *u = (struct bell_utf8){0};
}

static bool is_between(uint8_t byte, uint8_t min, uint8_t max)
{
    return byte >= min && byte <= max;
}

/* What follows this first byte of more than one; false when none may begin with it. */
static bool begin_character(struct bell_utf8 *u, uint8_t first)
{
    if (!is_between(first, 0xc2, 0xf4)) {
        return false;
    }
    u->missing = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    u->min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    u->max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return true;
}

static bool feed_byte(struct bell_utf8 *u, uint8_t byte)
{
    if (u->missing == 0) {
        return byte < 0x80 || begin_character(u, byte);
    }
    if (!is_between(byte, u->min, u->max)) {
        return false;
    }
    u->missing--;
    u->min = 0x80;
    u->max = 0xbf;
    return true;
}

static uint64_t read_word(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Steps over blocks that are wholly ASCII. */
BELL_INLINE const uint8_t *skip_blocks_anyhow(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= BLOCK_BYTES) {
        uint64_t seen = 0;
        for (size_t i = 0; i < BLOCK_WORDS; i++) {
            seen |= read_word(p + i * WORD_BYTES);
        }
        if ((seen & NOT_ASCII) != 0) {
            break;
        }
        p += BLOCK_BYTES;
    }
    return p;
}

BELL_AVX2 static const uint8_t *skip_blocks_avx2(const uint8_t *p, const uint8_t *end)
{
    return skip_blocks_anyhow(p, end);
}

/* Steps over words that are wholly ASCII. */
static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
    if (end - p >= BLOCK_BYTES) {
        p = BELL_HAS_AVX2() ? skip_blocks_avx2(p, end) : skip_blocks_anyhow(p, end);
    }
    while (end - p >= WORD_BYTES && (read_word(p) & NOT_ASCII) == 0) {
        p += WORD_BYTES;
    }
    return p;
}

/* The length of the character at p, where at least four bytes can be read; 0 when it is none. */
static size_t whole_character(const uint8_t *p)
{
    uint8_t first = p[0];
    if (first < 0x80) {
        return 1;
    }
    if ((first & 0xf0) == 0xe0) { /* before the shorter ones: Korean, Chinese, Japanese */
        unsigned tail = (unsigned)p[1] << 8 | p[2];
        unsigned high = (unsigned)(first & 0x0f) << 1 | (p[1] >> 5 & 1); /* code point >> 11 */
        /* High bits 0 are overlong, 0xd800 >> 11 are surrogates. */
        return (tail & 0xc0c0) == 0x8080 && high != 0 && high != 0xd800 >> 11 ? 3 : 0;
    }
    if (first < 0xe0) {
        return first >= 0xc2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    }
    struct bell_utf8 u;
    if (!begin_character(&u, first) || !is_between(p[1], u.min, u.max)) {
        return 0;
    }
    return (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
}

bool bell_utf8_feed(struct bell_utf8 *u, bell_slice s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    const uint8_t *end = p + s.n;
    while (p < end && u->missing > 0) {
        if (!feed_byte(u, *p++)) {
            return false;
        }
    }
    while (end - p >= WORD_BYTES) {
        if ((read_word(p) & NOT_ASCII) == 0) {
            p = skip_ascii(p, end);
            continue;
        }
        /* A character takes four bytes at most: two fit into what is left. */
        for (int i = 0; i < 2; i++) {
            size_t n = whole_character(p);
            if (n == 0) {
                return false;
            }
            p += n;
        }
    }
    while (p < end) {
        if (!feed_byte(u, *p++)) {
            return false;
        }
    }
    return true;
}

bool bell_utf8_is_valid(bell_slice s)
{
    if (s.n >= WORD_BYTES) {
        /* Most text is ASCII, and then its last word may overlap what was looked at. */
        const uint8_t *end = (const uint8_t *)s.p + s.n;
        const uint8_t *p = skip_ascii((const uint8_t *)s.p, end);
        if (end - p < WORD_BYTES && (read_word(end - WORD_BYTES) & NOT_ASCII) == 0) {
            return true;
        }
    }
    struct bell_utf8 u;
    bell_utf8_init(&u);
    return bell_utf8_feed(&u, s) && bell_utf8_is_complete(&u);
}
