#include "bell/ws/mask.h"

#include "base/compiler.h"

#include <string.h>

enum { WORD_BYTES = 8, BLOCK_WORDS = 8, BLOCK_BYTES = WORD_BYTES * BLOCK_WORDS };

/* The highest bit of each byte of a word: set in what is not ASCII. */
static const uint64_t NOT_ASCII = 0x8080808080808080u;

/* One word in place; what it has become. */
BELL_INLINE uint64_t mask_word(char *p, uint64_t mask)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    word ^= mask;
    memcpy(p, &word, sizeof word);
    return word;
}

/* Whole blocks; all words they have become, in one. */
BELL_INLINE uint64_t mask_blocks_anyhow(char *p, size_t blocks, uint64_t mask)
{
    uint64_t seen[BLOCK_WORDS] = {0};
    for (size_t i = 0; i < blocks; i++) {
        for (size_t j = 0; j < BLOCK_WORDS; j++) {
            seen[j] |= mask_word(p + i * BLOCK_BYTES + j * WORD_BYTES, mask);
        }
    }
    uint64_t all = 0;
    for (size_t j = 0; j < BLOCK_WORDS; j++) {
        all |= seen[j];
    }
    return all;
}

BELL_AVX2 static uint64_t mask_blocks_avx2(char *p, size_t blocks, uint64_t mask)
{
    return mask_blocks_anyhow(p, blocks, mask);
}

static uint64_t mask_blocks(char *p, size_t blocks, uint64_t mask)
{
    return BELL_HAS_AVX2() ? mask_blocks_avx2(p, blocks, mask)
                           : mask_blocks_anyhow(p, blocks, mask);
}

/* Fewer than a word, without a loop: most messages have such an end. */
static uint64_t mask_rest(char *p, size_t n, const uint8_t key[BELL_WS_KEY_BYTES])
{
    uint32_t four = 0;
    uint16_t two = 0;
    uint8_t one = 0;
    if ((n & 4) != 0) {
        uint32_t mask;
        memcpy(&mask, key, sizeof mask);
        memcpy(&four, p, sizeof four);
        four ^= mask;
        memcpy(p, &four, sizeof four);
        p += sizeof four;
    }
    if ((n & 2) != 0) {
        uint16_t mask;
        memcpy(&mask, key, sizeof mask);
        memcpy(&two, p, sizeof two);
        two = (uint16_t)(two ^ mask);
        memcpy(p, &two, sizeof two);
        p += sizeof two;
    }
    if ((n & 1) != 0) {
        one = (uint8_t)*p ^ key[n & 2];
        *p = (char)one;
    }
    return four | two | one;
}

bool bell_ws_mask_apply(char *p, size_t n, const uint8_t key[BELL_WS_KEY_BYTES])
{
    /* The key twice, in memory order, so that the order of bytes in a word does not matter. */
    uint32_t half;
    memcpy(&half, key, sizeof half);
    uint64_t mask = (uint64_t)half << 32 | half;
    uint64_t seen = 0;
    if (n >= BLOCK_BYTES) {
        size_t blocks = n / BLOCK_BYTES;
        seen = mask_blocks(p, blocks, mask);
        p += blocks * BLOCK_BYTES;
        n -= blocks * BLOCK_BYTES;
    }
    for (; n >= WORD_BYTES; n -= WORD_BYTES) {
        seen |= mask_word(p, mask);
        p += WORD_BYTES;
    }
    seen |= mask_rest(p, n, key);
    return (seen & NOT_ASCII) == 0;
}

void bell_ws_mask_rotate(uint8_t key[BELL_WS_KEY_BYTES], size_t n)
{
    uint8_t turned[BELL_WS_KEY_BYTES];
    for (size_t i = 0; i < BELL_WS_KEY_BYTES; i++) {
        turned[i] = key[(i + n) % BELL_WS_KEY_BYTES];
    }
    memcpy(key, turned, sizeof turned);
}
