/*
 * UTF-8. For any bytes:
 *
 *  - the whole check says what Table 3-7 of the Unicode Standard says, wherever the text lies;
 *  - the incremental check, cut anywhere, says the same, and fails at the first byte after which
 *    no valid text can follow.
 *
 * The first byte says how to cut, the second where the text lies; the rest is the text.
 */
#include "base/utf8.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

enum { CONTROL_BYTES = 2, ALIGNMENTS = 64 };

/* The table: first bytes, and the range of the second; those behind it are 80..BF. */
static const struct {
    uint8_t first, last, min, max, more;
} ROWS[] = {
    {0x00, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 0x80, 0xbf, 1}, {0xe0, 0xe0, 0xa0, 0xbf, 2},
    {0xe1, 0xec, 0x80, 0xbf, 2}, {0xed, 0xed, 0x80, 0x9f, 2}, {0xee, 0xef, 0x80, 0xbf, 2},
    {0xf0, 0xf0, 0x90, 0xbf, 3}, {0xf1, 0xf3, 0x80, 0xbf, 3}, {0xf4, 0xf4, 0x80, 0x8f, 3},
};

/* How many bytes are the beginning of some text; *whole: do they end with a character? */
static size_t twin(const uint8_t *text, size_t n, bool *whole)
{
    size_t at = 0;
    *whole = true;
    while (at < n) {
        size_t row = 0;
        while (row < sizeof ROWS / sizeof *ROWS &&
               (text[at] < ROWS[row].first || text[at] > ROWS[row].last)) {
            row++;
        }
        if (row == sizeof ROWS / sizeof *ROWS) {
            return at;
        }
        for (size_t i = 1; i <= ROWS[row].more; i++) {
            if (at + i == n) {
                *whole = false;
                return n;
            }
            uint8_t min = i == 1 ? ROWS[row].min : 0x80;
            uint8_t max = i == 1 ? ROWS[row].max : 0xbf;
            if (text[at + i] < min || text[at + i] > max) {
                return at + i;
            }
        }
        at += 1U + ROWS[row].more;
    }
    return n;
}

static void check_cut(bell_slice text, size_t step, size_t right, bool is_whole)
{
    struct bell_utf8 u;
    bell_utf8_init(&u);
    for (size_t at = 0; at < text.n;) {
        size_t n = text.n - at < step ? text.n - at : step;
        bool goes_on = bell_utf8_feed(&u, bell_slice_make(text.p + at, n));
        FUZZ_CHECK(goes_on == (right >= at + n));
        if (!goes_on) {
            return;
        }
        at += n;
    }
    FUZZ_CHECK(bell_utf8_is_complete(&u) == is_whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CONTROL_BYTES) {
        return 0;
    }
    size_t n = size - CONTROL_BYTES;
    size_t shift = data[1] % ALIGNMENTS;
    bool is_whole;
    size_t right = twin(data + CONTROL_BYTES, n, &is_whole);
    char *room = malloc(shift + n + 1);
    FUZZ_CHECK(room != NULL);
    memcpy(room + shift, data + CONTROL_BYTES, n);
    bell_slice text = bell_slice_make(room + shift, n);
    FUZZ_CHECK(bell_utf8_is_valid(text) == (right == n && is_whole));
    check_cut(text, (size_t)data[0] + 1, right, is_whole);
    check_cut(text, 1, right, is_whole);
    free(room);
    return 0;
}
