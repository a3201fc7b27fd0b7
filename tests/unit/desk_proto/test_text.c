#include "desk/proto/walk.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void counts_characters_not_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
    } CASES[] = {
        {"", 0},
        {"a", 1},
        {"é", 1},
        {"안녕", 2},
        {"你好", 2},
        {"😀", 1},
        {"a中😀é", 4},
        {"e\xcc\x81", 2},   /* e and a combining accent */
        {"👩‍👧", 3}, /* two people and a joiner */
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_int_equal(proto_text_count(bell_slice_from(CASES[i].text)), CASES[i].count);
    }
}

static void knows_what_shows_nothing(void **state)
{
    (void)state;
    static const char *const BLANK[] = {
        "",
        " ",
        " \t\r\n",
        "\xc2\xa0",                 /* U+00A0 no-break space */
        "\xe3\x80\x80",             /* U+3000 ideographic space */
        "\xe2\x80\x8b\xe2\x80\x8d", /* U+200B, U+200D */
        "\xef\xbb\xbf",             /* U+FEFF */
        "\xe3\x85\xa4",             /* U+3164 Hangul filler */
        "\x01\x1f\x7f",
    };
    static const char *const SEEN[] = {
        "x", " x ", "\n中", "é", "한", "😀", "0", "\xe3\x85\xa4 ㅋ", "\xc2\xa1", "\xef\xbf\xbd"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(BLANK); i++) {
        assert_true(proto_text_is_blank(bell_slice_from(BLANK[i])));
    }
    for (size_t i = 0; i < BELL_ARRAY_LEN(SEEN); i++) {
        assert_false(proto_text_is_blank(bell_slice_from(SEEN[i])));
    }
}

static void ranges_of_blanks_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROTO_BLANK_RANGE_COUNT; i++) {
        assert_true(PROTO_BLANK_RANGES[i].first <= PROTO_BLANK_RANGES[i].last);
        assert_true(i == 0 || PROTO_BLANK_RANGES[i - 1].last < PROTO_BLANK_RANGES[i].first);
    }
}

static void names_and_values_are_one_to_one(void **state)
{
    (void)state;
    for (unsigned i = AUTHOR_VISITOR; i <= AUTHOR_SYSTEM; i++) {
        enum author back;
        assert_true(author_from_name(author_name((enum author)i), &back));
        assert_int_equal(back, i);
    }
    for (unsigned i = ERROR_BAD_JSON; i <= ERROR_INTERNAL; i++) {
        enum desk_error back;
        assert_true(desk_error_from_name(desk_error_name((enum desk_error)i), &back));
        assert_int_equal(back, i);
        assert_true(desk_error_text((enum desk_error)i).n > 0);
        assert_in_range(desk_error_http_status((enum desk_error)i), 400, 599);
    }
    assert_true(bell_slice_equal(state_name(STATE_CLOSED), BELL_LIT("closed")));
    assert_int_equal(desk_error_http_status(ERROR_RATE_LIMITED), 429);
}

static void what_is_no_value_has_no_name(void **state)
{
    (void)state;
    static const char *const NONE[] = {"", "Visitor", "visitors", "visito", " visitor"};
    unsigned value = 77;
    for (size_t i = 0; i < BELL_ARRAY_LEN(NONE); i++) {
        assert_false(proto_from_name(&PROTO_AUTHOR, bell_slice_from(NONE[i]), &value));
        assert_false(proto_from_name(&PROTO_DESK_ERROR, bell_slice_from(NONE[i]), &value));
    }
    assert_int_equal(value, 77);
    assert_int_equal(proto_name(&PROTO_AUTHOR, AUTHOR_SYSTEM + 1).n, 0);
    assert_int_equal(desk_error_name(ERROR_NONE).n, 0);
    assert_int_equal(desk_error_text(ERROR_NONE).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_characters_not_bytes),
        cmocka_unit_test(knows_what_shows_nothing),
        cmocka_unit_test(ranges_of_blanks_are_in_order),
        cmocka_unit_test(names_and_values_are_one_to_one),
        cmocka_unit_test(what_is_no_value_has_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
