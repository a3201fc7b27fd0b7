#include "base/compiler.h"
#include "bell/ws/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

/* RFC 4648 section 10, and a pass through the whole alphabet. */
static const struct {
    const char *bytes;
    const char *text;
} VECTORS[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/"},
};

static void encodes_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    for (size_t i = 0; i < BELL_ARRAY_LEN(VECTORS); i++) {
        char out[16] = "";
        bell_ws_base64_encode(VECTORS[i].bytes, strlen(VECTORS[i].bytes), out);
        assert_string_equal(out, VECTORS[i].text);
    }
}

static void knows_the_text_of_so_many_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < BELL_ARRAY_LEN(VECTORS); i++) {
        size_t n = strlen(VECTORS[i].bytes);
        for (size_t other = 0; other < 9; other++) {
            assert_int_equal(bell_ws_base64_is_of(bell_slice_from(VECTORS[i].text), other),
                             other == n);
        }
    }
}

static void refuses_any_other_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } BAD[] = {
        {"Zg", 1},    {"Zg=", 1},  {"Zg===", 1}, {"Zh==", 1},  {"Zv==", 1},     {"Z===", 1},
        {"Zm9=", 2},  {"Zm8", 2},  {"Zm8==", 2}, {"Zm-v", 3},  {"Zm_v", 3},     {"Zm 9v", 3},
        {"Z\nm9", 3}, {" Zm9", 3}, {"=Zm9", 3},  {"Zm9v=", 3}, {"Zg==Zg==", 4},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_false(bell_ws_base64_is_of(bell_slice_from(BAD[i].text), BAD[i].n));
    }
    assert_false(bell_ws_base64_is_of(bell_slice_make("Zm9\0", 4), 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_the_vectors_of_rfc_4648),
        cmocka_unit_test(knows_the_text_of_so_many_bytes),
        cmocka_unit_test(refuses_any_other_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
