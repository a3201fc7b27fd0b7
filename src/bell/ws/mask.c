#include "bell/ws/mask.h"

#include <string.h>

static const size_t WORD_BYTES = 8;
static const size_t STEP_BYTES = 32; /* four words */

/* The highest bit of each byte of a word: set in what is not ASCII. */
static const uint64_t NOT_ASCII = 0x8080808080808080u;

/* The key twice, in memory order, so that the order of bytes in a word does not matter. */
static uint64_t key_word(const uint8_t key[BELL_WS_KEY_BYTES])
{
    uint64_t word;
    memcpy(&word, key, BELL_WS_KEY_BYTES);
    memcpy((char *)&word + BELL_WS_KEY_BYTES, key, BELL_WS_KEY_BYTES);
    return word;
}

/* One word in place; what it has become. */
static uint64_t mask_word(char *p, uint64_t mask)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    word ^= mask;
    memcpy(p, &word, sizeof word);
    return word;
}

bool bell_ws_mask_apply(char *p, size_t n, const uint8_t key[BELL_WS_KEY_BYTES])
{
    uint64_t mask = key_word(key);
    uint64_t seen = 0;
    while (n >= STEP_BYTES) {
        uint64_t a = mask_word(p, mask);
        uint64_t b = mask_word(p + WORD_BYTES, mask);
        uint64_t c = mask_word(p + 2 * WORD_BYTES, mask);
        uint64_t d = mask_word(p + 3 * WORD_BYTES, mask);
        seen |= (a | b) | (c | d);
        p += STEP_BYTES;
        n -= STEP_BYTES;
    }
    while (n >= WORD_BYTES) {
        seen |= mask_word(p, mask);
        p += WORD_BYTES;
        n -= WORD_BYTES;
    }
    if (n > 0) { /* fewer than a word; the unused bytes of it are 0, and so ASCII */
        uint64_t word = 0;
        uint64_t cut_mask = 0;
        memcpy(&word, p, n);
        memcpy(&cut_mask, &mask, n);
        word ^= cut_mask;
        seen |= word;
        memcpy(p, &word, n);
    }
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
