#include "base/compiler.h"
#include "base/hex.h"
#include "bell/ws/sha1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static const char *digest(bell_slice head, bell_slice tail)
{
    static char text[2 * BELL_WS_SHA1_BYTES + 1];
    uint8_t out[BELL_WS_SHA1_BYTES];
    bell_ws_sha1(head, tail, out);
    bell_hex_encode(out, sizeof out, text);
    return text;
}

/* FIPS 180-2 appendix A, and the digest of nothing. */
static void gives_the_digests_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *digest;
    } CASES[] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_slice text = bell_slice_from(CASES[i].text);
        assert_string_equal(digest(text, BELL_LIT("")), CASES[i].digest);
        for (size_t cut = 0; cut <= text.n; cut++) {
            bell_slice head = {text.p, cut};
            bell_slice tail = {text.p + cut, text.n - cut};
            assert_string_equal(digest(head, tail), CASES[i].digest);
        }
    }
}

/* The padding takes a block of its own from 56 bytes on; checked with sha1sum(1). */
static void pads_at_every_side_of_a_block(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *digest;
    } CASES[] = {
        {55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
        {57, "f08f24908d682555111be7ff6f004e78283d989a"},
        {63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"},
        {64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {65, "11655326c708d70319be2610e8a57d9a5b959d3b"},
        {119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"},
        {120, "f34c1488385346a55709ba056ddd08280dd4c6d6"},
        {128, "ad5b3fdbcb526778c2839d2f151ea753995e26a0"},
        {200, "e61cfffe0d9195a525fc6cf06ca2d77119c24a40"},
    };
    char text[200];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_string_equal(digest(bell_slice_make(text, CASES[i].n), BELL_LIT("")),
                            CASES[i].digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_digests_of_the_standard),
        cmocka_unit_test(pads_at_every_side_of_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
