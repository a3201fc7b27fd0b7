/*
 * UTF-8 against a twin that reads the definition (RFC 3629 section 3) one byte at a time.
 */
#include "base/compiler.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

/* Characters that are not the first of their length are overlong: the smallest of each length. */
static const uint32_t SMALLEST[] = {0, 0x80, 0x800, 0x10000};

/* Can these bits, the beginning of a character of so many bytes, still become a character? */
static bool can_become_character(uint32_t bits, int missing, int continuations)
{
    uint32_t low = bits << (6 * missing);
    uint32_t high = low | ((1u << (6 * missing)) - 1);
    if (high < SMALLEST[continuations] || low > 0x10ffff) {
        return false;
    }
    return !(low >= 0xd800 && high <= 0xdfff);
}

/* The index of the first byte after which no valid text can follow; n when there is none. */
static size_t twin_first_bad(const uint8_t *p, size_t n, bool *is_complete)
{
    uint32_t bits = 0;
    int missing = 0;
    int continuations = 0;
    for (size_t i = 0; i < n; i++) {
        if (missing > 0) {
            if (p[i] >> 6 != 2) {
                return i;
            }
            bits = bits << 6 | (p[i] & 0x3f);
            missing--;
        } else if (p[i] >> 7 == 0) {
            continue;
        } else if (p[i] >> 5 == 6) {
            bits = p[i] & 0x1f;
            missing = continuations = 1;
        } else if (p[i] >> 4 == 14) {
            bits = p[i] & 0x0f;
            missing = continuations = 2;
        } else if (p[i] >> 3 == 30) {
            bits = p[i] & 0x07;
            missing = continuations = 3;
        } else {
            return i;
        }
        if (!can_become_character(bits, missing, continuations)) {
            return i;
        }
    }
    *is_complete = missing == 0;
    return n;
}

static bool twin_is_valid(const uint8_t *p, size_t n)
{
    bool is_complete = false;
    return twin_first_bad(p, n, &is_complete) == n && is_complete;
}

static bool is_valid(const uint8_t *p, size_t n)
{
    return bell_utf8_is_valid(bell_slice_make(p, n));
}

static size_t encode(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    static const uint8_t LEAD[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (uint8_t)(LEAD[n] | c);
    return n;
}

static void accepts_every_character_and_no_surrogate(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint8_t text[32];
        memset(text, 'a', sizeof text);
        bool is_surrogate = c >= 0xd800 && c <= 0xdfff;
        size_t n = encode(c, text);
        assert_int_equal(is_valid(text, n), !is_surrogate);
        assert_int_equal(is_valid(text, sizeof text), !is_surrogate); /* by words */
    }
}

/* Checks a few bytes alone (byte by byte inside) and in front of more text (by words inside). */
static void check_against_twin(const uint8_t *bytes, size_t n)
{
    uint8_t text[16];
    memset(text, 'a', sizeof text);
    memcpy(text, bytes, n);
    bool expected = twin_is_valid(bytes, n);
    if (is_valid(bytes, n) != expected || is_valid(text, sizeof text) != expected) {
        fail_msg("%02x %02x %02x %02x (%zu bytes)", bytes[0], bytes[1], bytes[2], bytes[3], n);
    }
}

static void agrees_with_twin_on_all_strings_of_up_to_three_bytes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        uint8_t bytes[4] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0};
        if (bytes[0] < 0x80) { /* nothing new: the same as without it */
            i |= 0xffff;
            continue;
        }
        check_against_twin(bytes, 3);
        if (bytes[2] == 0) {
            check_against_twin(bytes, 2);
        }
        if (bytes[1] == 0 && bytes[2] == 0) {
            check_against_twin(bytes, 1);
        }
    }
}

static void agrees_with_twin_on_the_edges_of_four_bytes(void **state)
{
    (void)state;
    static const uint8_t EDGES[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0xa0, 0xbf, 0xc0, 0xff};
    for (unsigned first = 0xef; first <= 0xff; first++) {
        for (unsigned second = 0; second <= 0xff; second++) {
            for (size_t i = 0; i < BELL_ARRAY_LEN(EDGES) * BELL_ARRAY_LEN(EDGES); i++) {
                uint8_t bytes[4] = {(uint8_t)first, (uint8_t)second,
                                    EDGES[i / BELL_ARRAY_LEN(EDGES)],
                                    EDGES[i % BELL_ARRAY_LEN(EDGES)]};
                check_against_twin(bytes, 4);
            }
        }
    }
}

/* Feeds one byte at a time; the index of the byte that failed, n when none did. */
static size_t first_bad(const uint8_t *p, size_t n)
{
    struct bell_utf8 u;
    bell_utf8_init(&u);
    for (size_t i = 0; i < n; i++) {
        if (!bell_utf8_feed(&u, bell_slice_make(p + i, 1))) {
            return i;
        }
    }
    return n;
}

static void fails_with_the_first_byte_that_no_text_can_hold(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bad_at;
    } CASES[] = {
        {"a\x80", 1},        /* continuation without a beginning */
        {"\xc0", 0},         /* overlong, whatever follows */
        {"\xc1", 0},         /* likewise */
        {"\xc2z", 1},        /* cut short */
        {"\xe0\x9f", 1},     /* overlong */
        {"\xed\xa0", 1},     /* surrogate */
        {"\xef\xbf\xff", 2}, /* no continuation */
        {"\xf0\x8f", 1},     /* overlong */
        {"\xf4\x90", 1},     /* above U+10FFFF */
        {"\xf5", 0},         /* likewise */
        {"\xff", 0},         /* never */
        {"\xce\xba\xf4\x8f\x7f", 4},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        const uint8_t *p = (const uint8_t *)CASES[i].text;
        size_t n = strlen(CASES[i].text);
        assert_int_equal(first_bad(p, n), CASES[i].bad_at);
        assert_int_equal(is_valid(p, n), false);
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Mostly valid text of long ASCII runs and characters of all lengths, sometimes with a wrong byte.
 */
static size_t make_text(uint32_t *seed, uint8_t *out, size_t room)
{
    size_t n = 0;
    while (n + 64 < room) {
        uint32_t kind = next_random(seed) % 8;
        if (kind < 3) {
            size_t run = next_random(seed) % 60;
            memset(out + n, 'x', run);
            n += run;
            continue;
        }
        static const uint32_t BELOW[] = {0x80, 0x800, 0xd800, 0x110000};
        uint32_t c = next_random(seed) % BELOW[kind % 4];
        n += encode(c >= 0xd800 && c <= 0xdfff ? 0xac00 : c, out + n);
    }
    if (next_random(seed) % 2 == 0) {
        out[next_random(seed) % n] = (uint8_t)next_random(seed);
    }
    return n - next_random(seed) % 4;
}

static void cuts_do_not_change_the_result(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        uint8_t text[256];
        size_t n = make_text(&seed, text, sizeof text);
        bool twin_complete = false;
        size_t bad_at = twin_first_bad(text, n, &twin_complete);
        struct bell_utf8 u;
        bell_utf8_init(&u);
        bool is_right = true;
        size_t at = 0;
        while (is_right && at < n) {
            size_t piece = next_random(&seed) % 40;
            piece = piece < n - at ? piece : n - at;
            is_right = bell_utf8_feed(&u, bell_slice_make(text + at, piece));
            /* A piece fails exactly when it holds the byte that is at fault. */
            assert_int_equal(is_right, bad_at >= at + piece);
            at += piece;
        }
        assert_int_equal(is_right, bad_at == n);
        assert_int_equal(is_right && bell_utf8_is_complete(&u), twin_is_valid(text, n));
        assert_int_equal(is_valid(text, n), twin_is_valid(text, n));
        assert_int_equal(first_bad(text, n), bad_at);
    }
}

/* Lengths around blocks and words, and what no ASCII is at every place. */
static void finds_a_single_character_in_long_text(void **state)
{
    (void)state;
    enum { LONGEST = 200 };
    static const char *const SEQUENCES[] = {"\x80", "\xc3\xa9", "\xe2\x82", "\xf0\x9f\x98\x80"};
    uint8_t text[LONGEST];
    for (size_t n = 1; n <= LONGEST; n++) {
        memset(text, 'a', n);
        assert_true(is_valid(text, n));
        for (size_t i = 0; i < sizeof SEQUENCES / sizeof *SEQUENCES; i++) {
            size_t bytes = strlen(SEQUENCES[i]);
            for (size_t at = 0; at + bytes <= n; at++) {
                memset(text, 'a', n);
                memcpy(text + at, SEQUENCES[i], bytes);
                assert_int_equal(is_valid(text, n), twin_is_valid(text, n));
            }
        }
    }
}

static void empty_text_is_valid(void **state)
{
    (void)state;
    struct bell_utf8 u;
    bell_utf8_init(&u);
    assert_true(bell_utf8_is_complete(&u));
    assert_true(bell_utf8_feed(&u, (bell_slice){NULL, 0}));
    assert_true(bell_utf8_is_complete(&u));
    assert_true(bell_utf8_is_valid((bell_slice){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_single_character_in_long_text),
        cmocka_unit_test(empty_text_is_valid),
        cmocka_unit_test(accepts_every_character_and_no_surrogate),
        cmocka_unit_test(agrees_with_twin_on_all_strings_of_up_to_three_bytes),
        cmocka_unit_test(agrees_with_twin_on_the_edges_of_four_bytes),
        cmocka_unit_test(fails_with_the_first_byte_that_no_text_can_hold),
        cmocka_unit_test(cuts_do_not_change_the_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
