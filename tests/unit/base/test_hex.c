#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void encodes_every_nibble(void **state)
{
    (void)state;
    char out[17];
    bell_hex_encode("\x01\x23\x45\x67\x89\xab\xcd\xef", 8, out);
    assert_string_equal(out, "0123456789abcdef");
}

static void decodes_what_it_encoded(void **state)
{
    (void)state;
    uint8_t bytes[256];
    char text[513];
    uint8_t back[256];
    for (int i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
    }
    bell_hex_encode(bytes, sizeof bytes, text);
    assert_int_equal(bell_hex_decode(bell_slice_from(text), back, sizeof back), BELL_OK);
    assert_memory_equal(bytes, back, sizeof bytes);
}

static void refuses_what_is_not_lower_case_hex_of_the_length(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "0", "000", "00000", "0g00", "AB00", " 000", "00-1"};
    uint8_t out[2];
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(bell_hex_decode(bell_slice_from(BAD[i]), out, 2), BELL_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_every_nibble),
        cmocka_unit_test(decodes_what_it_encoded),
        cmocka_unit_test(refuses_what_is_not_lower_case_hex_of_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
