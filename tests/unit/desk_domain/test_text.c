/*
 * Texts from people (src/desk/domain/text.h).
 */
#include "desk/domain/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void cuts_between_characters(void **state)
{
    (void)state;
    assert_true(bell_slice_equal(text_cut(BELL_LIT("안녕하세요"), 2), BELL_LIT("안녕")));
    assert_true(bell_slice_equal(text_cut(BELL_LIT("안녕"), 2), BELL_LIT("안녕")));
    assert_true(bell_slice_equal(text_cut(BELL_LIT("안녕"), 3), BELL_LIT("안녕")));
    assert_true(bell_slice_equal(text_cut(BELL_LIT("abc"), 0), BELL_LIT("")));
}

static bell_slice repeated(const char *character, size_t count)
{
    static char text[4 * (MESSAGE_TEXT_MAX_CHARS + 2)];
    size_t n = strlen(character);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * n, character, n);
    }
    return bell_slice_make(text, count * n);
}

static void a_post_has_1_to_8000_characters(void **state)
{
    (void)state;
    assert_int_equal(text_check_post(BELL_LIT("")), ERROR_BAD_FIELD);
    assert_int_equal(text_check_post(BELL_LIT(" \n")), ERROR_BAD_FIELD);
    assert_int_equal(text_check_post(BELL_LIT("\xe3\x80\x80")), ERROR_BAD_FIELD); /* U+3000 */
    assert_int_equal(text_check_post(BELL_LIT("a")), ERROR_NONE);
    assert_int_equal(text_check_post(repeated("a", 7999)), ERROR_NONE);
    assert_int_equal(text_check_post(repeated("a", 8000)), ERROR_NONE);
    assert_int_equal(text_check_post(repeated("a", 8001)), ERROR_TOO_LONG);
    assert_int_equal(text_check_post(repeated("한", 8000)), ERROR_NONE);
    assert_int_equal(text_check_post(repeated("😀", 8000)), ERROR_NONE);
    assert_int_equal(text_check_post(repeated("😀", 8001)), ERROR_TOO_LONG);
}

static void a_name_is_one_line_within_its_limit(void **state)
{
    (void)state;
    assert_int_equal(text_check_name(BELL_LIT("김민수"), 3), ERROR_NONE);
    assert_int_equal(text_check_name(BELL_LIT("김민수"), 2), ERROR_TOO_LONG);
    assert_int_equal(text_check_name(BELL_LIT("  "), 10), ERROR_BAD_FIELD);
    assert_int_equal(text_check_name(BELL_LIT("\xc2\xa0\xe2\x80\x8b"), 10),
                     ERROR_BAD_FIELD); /* U+00A0, U+200B */
    assert_int_equal(text_check_name(BELL_LIT("a\nb"), 10), ERROR_BAD_FIELD);
    assert_int_equal(text_check_name(BELL_LIT("a\x7f"), 10), ERROR_BAD_FIELD);
}

static void an_email_has_something_on_both_sides_of_one_at(void **state)
{
    (void)state;
    static const struct {
        const char *email;
        enum desk_error error;
    } cases[] = {
        {"a@b", ERROR_NONE},
        {"ann@example.com", ERROR_NONE},
        {"o'neil+x@mail.example", ERROR_NONE},
        {"메일@도메인", ERROR_NONE},
        {"", ERROR_BAD_FIELD},
        {"@", ERROR_BAD_FIELD},
        {"a@", ERROR_BAD_FIELD},
        {"@b", ERROR_BAD_FIELD},
        {"a@b@c", ERROR_BAD_FIELD},
        {"a b@c", ERROR_BAD_FIELD},
        {"ab", ERROR_BAD_FIELD},
        {"a@b\n", ERROR_BAD_FIELD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(text_check_email(bell_slice_from(cases[i].email)), cases[i].error);
    }
    char email[256];
    memset(email, 'a', sizeof email);
    email[100] = '@';
    assert_int_equal(text_check_email(bell_slice_make(email, 253)), ERROR_NONE);
    assert_int_equal(text_check_email(bell_slice_make(email, 254)), ERROR_NONE);
    assert_int_equal(text_check_email(bell_slice_make(email, 255)), ERROR_TOO_LONG);
}

static void emails_are_compared_in_lower_case(void **state)
{
    (void)state;
    char out[EMAIL_MAX_BYTES];
    assert_true(bell_slice_equal(text_lower_email(BELL_LIT("Ann.Z@EXAMPLE.com"), out),
                                 BELL_LIT("ann.z@example.com")));
    assert_true(bell_slice_equal(text_lower_email(BELL_LIT("Ä@[`{"), out), BELL_LIT("Ä@[`{")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(a_post_has_1_to_8000_characters),
        cmocka_unit_test(a_name_is_one_line_within_its_limit),
        cmocka_unit_test(an_email_has_something_on_both_sides_of_one_at),
        cmocka_unit_test(emails_are_compared_in_lower_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
