#include "base/compiler.h"
#include "bell/ws/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { LONGEST = 200, ALIGNMENTS = 16, GUARD = 16, ROOM = GUARD + ALIGNMENTS + LONGEST + GUARD };

/* RFC 6455 section 5.3, to the letter. */
static bool twin_apply(char *p, size_t n, const uint8_t *key)
{
    bool is_ascii = true;
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)(p[i] ^ key[i % 4]);
        is_ascii = is_ascii && ((unsigned char)p[i] & 0x80) == 0;
    }
    return is_ascii;
}

static void fill(char *p, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (char)(seed >> 24);
    }
}

static void agrees_with_twin_at_every_length_and_alignment(void **state)
{
    (void)state;
    static const uint8_t KEYS[][4] = {
        {0, 0, 0, 0}, {0x37, 0xfa, 0x21, 0x3d}, {0xff, 1, 0x80, 0x7f}};
    for (size_t k = 0; k < BELL_ARRAY_LEN(KEYS); k++) {
        for (size_t n = 0; n <= LONGEST; n++) {
            for (size_t shift = 0; shift < ALIGNMENTS; shift++) {
                char bytes[ROOM];
                char expected[ROOM];
                fill(bytes, sizeof bytes, (uint32_t)(n * ALIGNMENTS + shift));
                memcpy(expected, bytes, sizeof bytes);
                bool is_ascii = bell_ws_mask_apply(bytes + GUARD + shift, n, KEYS[k]);
                assert_int_equal(is_ascii, twin_apply(expected + GUARD + shift, n, KEYS[k]));
                assert_memory_equal(bytes, expected, sizeof bytes);
            }
        }
    }
}

static void tells_ascii_from_a_single_other_byte_anywhere(void **state)
{
    (void)state;
    static const uint8_t KEY[] = {0x91, 0x02, 0xe3, 0x74};
    for (size_t n = 0; n <= LONGEST; n++) {
        char bytes[LONGEST];
        memset(bytes, 'a', sizeof bytes);
        (void)twin_apply(bytes, n, KEY);
        assert_true(bell_ws_mask_apply(bytes, n, KEY));
        for (size_t at = 0; at < n; at++) {
            memset(bytes, 0x7f, sizeof bytes);
            bytes[at] = (char)0x80;
            (void)twin_apply(bytes, n, KEY);
            assert_false(bell_ws_mask_apply(bytes, n, KEY));
        }
    }
}

static void pieces_with_turned_keys_make_the_whole(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= LONGEST; cut++) {
        uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
        char bytes[LONGEST];
        char expected[LONGEST];
        fill(bytes, sizeof bytes, 7);
        memcpy(expected, bytes, sizeof bytes);
        (void)twin_apply(expected, sizeof expected, key);
        (void)bell_ws_mask_apply(bytes, cut, key);
        bell_ws_mask_rotate(key, cut);
        (void)bell_ws_mask_apply(bytes + cut, sizeof bytes - cut, key);
        assert_memory_equal(bytes, expected, sizeof bytes);
    }
}

/* RFC 6455 section 5.7: "Hello". */
static void unmasks_the_example_of_the_rfc(void **state)
{
    (void)state;
    static const uint8_t KEY[] = {0x37, 0xfa, 0x21, 0x3d};
    char bytes[] = {0x7f, (char)0x9f, 0x4d, 0x51, 0x58};
    assert_true(bell_ws_mask_apply(bytes, sizeof bytes, KEY));
    assert_memory_equal(bytes, "Hello", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_twin_at_every_length_and_alignment),
        cmocka_unit_test(tells_ascii_from_a_single_other_byte_anywhere),
        cmocka_unit_test(pieces_with_turned_keys_make_the_whole),
        cmocka_unit_test(unmasks_the_example_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
