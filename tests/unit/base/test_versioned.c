#include "base/versioned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* What one release knows, and what the next one does. */
struct older {
    uint32_t a;
    uint32_t b;
};
struct newer {
    uint32_t a;
    uint32_t b;
    uint32_t c;
};

static const struct newer DEFAULTS = {1, 2, 3};

static void an_older_caller_gets_the_default_of_what_he_does_not_know(void **state)
{
    (void)state;
    struct older given = {10, 20};
    struct newer known = DEFAULTS;
    assert_true(bell_versioned_read(&known, sizeof known, &given, sizeof given));
    assert_int_equal(known.a, 10);
    assert_int_equal(known.b, 20);
    assert_int_equal(known.c, 3);
}

static void a_caller_of_the_same_age_is_read_whole(void **state)
{
    (void)state;
    struct newer given = {10, 20, 30};
    struct newer known = DEFAULTS;
    assert_true(bell_versioned_read(&known, sizeof known, &given, sizeof given));
    assert_memory_equal(&known, &given, sizeof known);
}

static void a_newer_caller_is_refused_only_when_he_asks_for_something_new(void **state)
{
    (void)state;
    struct newer given = {10, 20, 0};
    struct older known = {1, 2};
    assert_true(bell_versioned_read(&known, sizeof known, &given, sizeof given));
    assert_int_equal(known.a, 10);
    for (size_t i = 0; i < sizeof given.c; i++) {
        given.c = 0;
        ((unsigned char *)&given.c)[i] = 1;
        assert_false(bell_versioned_read(&known, sizeof known, &given, sizeof given));
    }
}

static void nothing_given_leaves_the_defaults(void **state)
{
    (void)state;
    struct newer known = DEFAULTS;
    assert_true(bell_versioned_read(&known, sizeof known, NULL, sizeof known));
    assert_memory_equal(&known, &DEFAULTS, sizeof known);
}

static void defaults_fill_no_more_than_an_older_caller_has_room_for(void **state)
{
    (void)state;
    struct {
        struct older options;
        uint32_t behind;
    } caller = {.behind = 77};
    bell_versioned_write(&caller.options, sizeof caller.options, &DEFAULTS, sizeof DEFAULTS);
    assert_int_equal(caller.options.a, 1);
    assert_int_equal(caller.options.b, 2);
    assert_int_equal(caller.behind, 77);
}

static void what_only_a_newer_caller_knows_becomes_zero(void **state)
{
    (void)state;
    static const struct older KNOWN = {1, 2};
    struct newer options;
    memset(&options, 0xff, sizeof options);
    bell_versioned_write(&options, sizeof options, &KNOWN, sizeof KNOWN);
    assert_int_equal(options.a, 1);
    assert_int_equal(options.c, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_caller_gets_the_default_of_what_he_does_not_know),
        cmocka_unit_test(a_caller_of_the_same_age_is_read_whole),
        cmocka_unit_test(a_newer_caller_is_refused_only_when_he_asks_for_something_new),
        cmocka_unit_test(nothing_given_leaves_the_defaults),
        cmocka_unit_test(defaults_fill_no_more_than_an_older_caller_has_room_for),
        cmocka_unit_test(what_only_a_newer_caller_knows_becomes_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
