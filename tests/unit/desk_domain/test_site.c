/*
 * Sites (src/desk/domain/site.h).
 */
#include "desk.h"
#include "desk/domain/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct outcome add(struct desk *desk, struct site_entry entry)
{
    int64_t number = 0;
    desk_begin(desk);
    return desk_end(desk, site_add(&desk->tx, &entry, &number));
}

static enum desk_error add_key(struct desk *desk, bell_slice key)
{
    return add(desk, (struct site_entry){.key = key, .name = BELL_LIT("Shop")}).error;
}

static void a_fresh_desk_has_the_site_demo_and_only_once(void **state)
{
    struct desk *desk = *state;
    desk_begin(desk);
    assert_int_equal(site_ensure_demo(&desk->tx).error, ERROR_NONE);
    desk_commit(desk);
    struct site_entry *sites = NULL;
    size_t count = 0;
    assert_int_equal(site_list(&desk->tx, &desk->arena, &sites, &count).error, ERROR_NONE);
    assert_int_equal(count, 1);
    assert_true(bell_slice_equal(sites[0].key, BELL_LIT("demo")));
    assert_true(sites[0].welcome.n > 0);
    assert_int_equal(sites[0].origins.n, 0);
}

static void a_key_has_1_to_64_of_few_characters(void **state)
{
    struct desk *desk = *state;
    char key[66];
    memset(key, 'k', sizeof key);
    assert_int_equal(add_key(desk, BELL_LIT("a")), ERROR_NONE);
    assert_int_equal(add_key(desk, BELL_LIT("my-shop-2")), ERROR_NONE);
    assert_int_equal(add_key(desk, bell_slice_make(key, 64)), ERROR_NONE);
    assert_int_equal(add_key(desk, bell_slice_make(key, 65)), ERROR_BAD_FIELD);
    assert_int_equal(add_key(desk, BELL_LIT("")), ERROR_BAD_FIELD);
    assert_int_equal(add_key(desk, BELL_LIT("Shop")), ERROR_BAD_FIELD);
    assert_int_equal(add_key(desk, BELL_LIT("a b")), ERROR_BAD_FIELD);
    assert_int_equal(add_key(desk, BELL_LIT("a/b")), ERROR_BAD_FIELD);
}

static void a_key_exists_once(void **state)
{
    struct desk *desk = *state;
    assert_int_equal(add_key(desk, BELL_LIT("shop")), ERROR_NONE);
    assert_int_equal(add_key(desk, BELL_LIT("shop")), ERROR_EXISTS);
}

static void name_and_welcome_have_limits(void **state)
{
    struct desk *desk = *state;
    char text[1001];
    memset(text, 'x', sizeof text);
    struct site_entry entry = {.key = BELL_LIT("a"), .name = bell_slice_make(text, 100)};
    assert_int_equal(add(desk, entry).error, ERROR_NONE);
    entry.key = BELL_LIT("b");
    entry.name.n = 101;
    assert_int_equal(add(desk, entry).error, ERROR_TOO_LONG);
    entry.name.n = 1;
    entry.welcome = bell_slice_make(text, 1001);
    assert_int_equal(add(desk, entry).error, ERROR_TOO_LONG);
    entry.welcome.n = 1000;
    assert_int_equal(add(desk, entry).error, ERROR_NONE);
    entry.key = BELL_LIT("c");
    entry.name = BELL_LIT(" ");
    assert_int_equal(add(desk, entry).error, ERROR_BAD_FIELD);
}

static void origins_are_a_scheme_and_a_host(void **state)
{
    struct desk *desk = *state;
    static const struct {
        const char *origins;
        enum desk_error error;
    } cases[] = {
        {"https://shop.example", ERROR_NONE},
        {"https://shop.example\nhttp://127.0.0.1:8080", ERROR_NONE},
        {"https://shop.example/", ERROR_BAD_FIELD},
        {"https://Shop.example", ERROR_BAD_FIELD},
        {"https://", ERROR_BAD_FIELD},
        {"shop.example", ERROR_BAD_FIELD},
        {"https://a\n\nhttps://b", ERROR_BAD_FIELD},
        {"javascript:alert(1)", ERROR_BAD_FIELD},
    };
    char key[3] = "k0";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        key[1]++;
        const struct site_entry entry = {.key = bell_slice_make(key, 2),
                                         .name = BELL_LIT("Shop"),
                                         .origins = bell_slice_from(cases[i].origins)};
        assert_int_equal(add(desk, entry).error, cases[i].error);
    }
}

static void a_site_may_be_shown_only_from_its_origins(void **state)
{
    (void)state;
    const struct site_entry any = {0};
    const struct site_entry two = {.origins = BELL_LIT("https://a.example\nhttps://b.example")};
    assert_true(site_allows(&any, BELL_LIT("https://x.example")));
    assert_true(site_allows(&two, BELL_LIT("https://a.example")));
    assert_true(site_allows(&two, BELL_LIT("https://b.example")));
    assert_true(site_allows(&two, BELL_LIT(""))); /* no browser */
    assert_false(site_allows(&two, BELL_LIT("https://a.example:8443")));
    assert_false(site_allows(&two, BELL_LIT("https://a.exampl")));
    assert_false(site_allows(&two, BELL_LIT("null")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fresh_desk_has_the_site_demo_and_only_once, desk_setup,
                                        desk_teardown),
        cmocka_unit_test_setup_teardown(a_key_has_1_to_64_of_few_characters, desk_setup,
                                        desk_teardown),
        cmocka_unit_test_setup_teardown(a_key_exists_once, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(name_and_welcome_have_limits, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(origins_are_a_scheme_and_a_host, desk_setup, desk_teardown),
        cmocka_unit_test(a_site_may_be_shown_only_from_its_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
