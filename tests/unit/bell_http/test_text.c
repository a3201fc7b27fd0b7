/*
 * Words of HTTP: RFC 9110 section 5.6.
 */
#include "bell/http/text.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

/* RFC 9110 section 5.6.2, written out. */
static bool is_tchar_by_the_letter(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c > 0 && c < 0x80 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void classifies_every_byte_as_the_rfc_does(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char c = (char)i;
        assert_int_equal(bell_http_char_is(c, BELL_HTTP_TCHAR), is_tchar_by_the_letter(i));
        assert_int_equal(bell_http_char_is(c, BELL_HTTP_FIELD),
                         i == '\t' || (i >= 0x20 && i != 0x7f));
        assert_int_equal(bell_http_char_is(c, BELL_HTTP_VCHAR), i > 0x20 && i < 0x7f);
        assert_int_equal(bell_http_char_is(c, BELL_HTTP_URI),
                         i > 0x20 && i < 0x7f && strchr("\"#<>", i) == NULL);
        assert_int_equal(bell_http_char_is(c, BELL_HTTP_PATH),
                         i > 0x20 && i < 0x7f && strchr("\"#<>%/\\`{}", i) == NULL);
        bool is_unreserved = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'z') ||
                             (i >= 'A' && i <= 'Z') ||
                             (i > 0 && i < 0x80 && strchr("-._~", i) != NULL);
        assert_int_equal(bell_http_char_is(c, BELL_HTTP_HOST), is_unreserved);
    }
}

/* Every byte at every place of a run that spans several words, in exact memory. */
static void word_scan_equals_byte_scan(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 27; n++) {
        char *text = malloc(n + (n == 0));
        assert_non_null(text);
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                memset(text, 'a', n);
                text[at] = (char)c;
                assert_int_equal(bell_http_span_of_field(text, n),
                                 bell_http_span_of(text, n, BELL_HTTP_FIELD));
            }
        }
        memset(text, '\t', n);
        assert_int_equal(bell_http_span_of_field(text, n), n);
        memset(text, 0xff, n);
        assert_int_equal(bell_http_span_of_field(text, n), n);
        free(text);
    }
}

static void compares_without_case_only_for_letters(void **state)
{
    (void)state;
    assert_true(bell_http_equal_nocase(BELL_LIT("Content-LENGTH"), BELL_LIT("content-length")));
    assert_true(bell_http_equal_nocase(BELL_LIT(""), BELL_LIT("")));
    assert_false(bell_http_equal_nocase(BELL_LIT("a"), BELL_LIT("ab")));
    /* Bytes that differ by 0x20 but are no letters. */
    assert_false(bell_http_equal_nocase(BELL_LIT("@"), BELL_LIT("`")));
    assert_false(bell_http_equal_nocase(BELL_LIT("["), BELL_LIT("{")));
    assert_false(bell_http_equal_nocase(BELL_LIT("\xc4"), BELL_LIT("\xe4")));
}

static void trims_only_space_and_tab(void **state)
{
    (void)state;
    assert_true(bell_slice_equal(bell_http_trim(BELL_LIT(" \t a b\t ")), BELL_LIT("a b")));
    assert_true(bell_slice_equal(bell_http_trim(BELL_LIT("\va\f")), BELL_LIT("\va\f")));
    assert_int_equal(bell_http_trim(BELL_LIT(" \t ")).n, 0);
    assert_int_equal(bell_http_trim((bell_slice){NULL, 0}).n, 0);
}

/* RFC 9110 section 5.6.1.2: empty elements are ignored; 5.6.4: commas in quotes are text. */
static void walks_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *elements[4];
    } CASES[] = {
        {"", {NULL}},
        {" , ,\t", {NULL}},
        {"a", {"a"}},
        {"a,b", {"a", "b"}},
        {", a ,,b\t,", {"a", "b"}},
        {"a;x=\"1,2\", b", {"a;x=\"1,2\"", "b"}},
        {"\"a\\\",b\",c", {"\"a\\\",b\"", "c"}},
        {"\"open, end", {"\"open, end"}},
        {"\"open\\", {"\"open\\"}},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_slice rest = bell_slice_from(CASES[i].list);
        bell_slice element;
        for (size_t k = 0; CASES[i].elements[k] != NULL; k++) {
            assert_true(bell_http_list_next(&rest, &element));
            assert_true(bell_slice_equal(element, bell_slice_from(CASES[i].elements[k])));
        }
        assert_false(bell_http_list_next(&rest, &element));
    }
    assert_true(bell_http_list_has(BELL_LIT("x, Upgrade"), BELL_LIT("upgrade")));
    assert_false(bell_http_list_has(BELL_LIT("upgraded"), BELL_LIT("upgrade")));
}

static void reads_decimals_up_to_the_last_that_fits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bell_status st;
        uint64_t value;
    } CASES[] = {
        {"0", BELL_OK, 0},
        {"007", BELL_OK, 7},
        {"18446744073709551614", BELL_OK, UINT64_MAX - 1},
        {"18446744073709551615", BELL_OK, UINT64_MAX},
        {"18446744073709551616", BELL_ELIMIT, 0},
        {"99999999999999999999999999", BELL_ELIMIT, 0},
        {"00000000000000000000000000000018446744073709551615", BELL_OK, UINT64_MAX},
        {"", BELL_EINVAL, 0},
        {"+1", BELL_EINVAL, 0},
        {"-1", BELL_EINVAL, 0},
        {" 1", BELL_EINVAL, 0},
        {"1 ", BELL_EINVAL, 0},
        {"0x1", BELL_EINVAL, 0},
        {"1,1", BELL_EINVAL, 0},
        {"99999999999999999999999999x", BELL_EINVAL, 0},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        uint64_t value = 0;
        assert_int_equal(bell_http_parse_decimal(bell_slice_from(CASES[i].text), &value),
                         CASES[i].st);
        assert_true(value == CASES[i].value);
    }
}

static void decodes_percent_escapes_strictly(void **state)
{
    (void)state;
    assert_int_equal(bell_http_percent_value(BELL_LIT("%41")), 'A');
    assert_int_equal(bell_http_percent_value(BELL_LIT("%fFx")), 0xff);
    assert_int_equal(bell_http_percent_value(BELL_LIT("%4")), -1);
    assert_int_equal(bell_http_percent_value(BELL_LIT("%g0")), -1);
    assert_int_equal(bell_http_percent_value(BELL_LIT("%0g")), -1);
    assert_int_equal(bell_http_percent_value(BELL_LIT("%+1")), -1);
    assert_int_equal(bell_http_percent_value(BELL_LIT("A41")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classifies_every_byte_as_the_rfc_does),
        cmocka_unit_test(word_scan_equals_byte_scan),
        cmocka_unit_test(compares_without_case_only_for_letters),
        cmocka_unit_test(trims_only_space_and_tab),
        cmocka_unit_test(walks_lists),
        cmocka_unit_test(reads_decimals_up_to_the_last_that_fits),
        cmocka_unit_test(decodes_percent_escapes_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
