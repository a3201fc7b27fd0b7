#include "desk/gateway/rate.h"

#include "base/compiler.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const uint64_t NOW = 1000000;

static struct rate_table *make(uint64_t per_window, uint64_t window_ms, uint64_t burst, size_t keys)
{
    struct rate_table *table = NULL;
    assert_int_equal(rate_table_create(per_window, window_ms, burst, keys, &table), BELL_OK);
    return table;
}

static void gives_the_burst_at_once_and_says_when_the_next_one_is_there(void **state)
{
    (void)state;
    struct rate_table *table = make(2, 1000, 20, 100);
    bell_slice key = BELL_LIT("visitor");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(rate_take(table, key, NOW), 0);
    }
    assert_int_equal(rate_take(table, key, NOW), 500);
    assert_int_equal(rate_take(table, key, NOW + 499), 1);
    assert_int_equal(rate_take(table, key, NOW + 500), 0);
    assert_int_equal(rate_take(table, key, NOW + 500), 500);
    rate_table_destroy(table);
}

static void is_whole_again_after_a_pause_and_not_more_than_whole(void **state)
{
    (void)state;
    struct rate_table *table = make(10, 1000, 3, 100);
    for (uint64_t round = 0; round < 3; round++) {
        uint64_t now = NOW + round * 1000000;
        for (int i = 0; i < 3; i++) {
            assert_int_equal(rate_take(table, BELL_LIT("a"), now), 0);
        }
        assert_int_not_equal(rate_take(table, BELL_LIT("a"), now), 0);
    }
    rate_table_destroy(table);
}

static void keys_do_not_cost_each_other(void **state)
{
    (void)state;
    struct rate_table *table = make(1, 60000, 1, 100);
    assert_int_equal(rate_take(table, BELL_LIT("a"), NOW), 0);
    assert_int_equal(rate_take(table, BELL_LIT("b"), NOW), 0);
    assert_int_equal(rate_take(table, BELL_LIT("a"), NOW), 60000);
    assert_int_equal(rate_take(table, BELL_LIT(""), NOW), 0);
    rate_table_destroy(table);
}

static void peek_takes_nothing_and_what_is_given_back_can_be_taken(void **state)
{
    (void)state;
    struct rate_table *table = make(1, 60000, 1, 100);
    bell_slice key = BELL_LIT("a");
    assert_int_equal(rate_peek(table, key, NOW), 0);
    assert_int_equal(rate_take(table, key, NOW), 0);
    assert_int_equal(rate_peek(table, key, NOW), 60000);
    rate_give_back(table, key, NOW);
    assert_int_equal(rate_take(table, key, NOW), 0);
    /* Nothing was taken of a key that is whole: giving back must not make more of it. */
    rate_give_back(table, BELL_LIT("b"), NOW);
    assert_int_equal(rate_take(table, BELL_LIT("b"), NOW), 0);
    assert_int_not_equal(rate_take(table, BELL_LIT("b"), NOW), 0);
    rate_table_destroy(table);
}

static void a_full_table_forgets_and_keeps_its_size(void **state)
{
    (void)state;
    struct rate_table *table = make(1, 60000, 1, 1);
    int64_t live = bell_mem_live();
    for (int i = 0; i < 100000; i++) {
        char key[16];
        int n = snprintf(key, sizeof key, "%d", i);
        assert_int_equal(rate_take(table, bell_slice_make(key, (size_t)n), NOW + (uint64_t)i), 0);
    }
    assert_int_equal(bell_mem_live(), live);
    rate_table_destroy(table);
}

static void refuses_rates_of_nothing(void **state)
{
    (void)state;
    struct rate_table *table = NULL;
    assert_int_equal(rate_table_create(0, 1, 1, 1, &table), BELL_EINVAL);
    assert_int_equal(rate_table_create(1, 0, 1, 1, &table), BELL_EINVAL);
    assert_int_equal(rate_table_create(1, 1, 0, 1, &table), BELL_EINVAL);
    assert_int_equal(rate_table_create(1, 1, 1, 0, &table), BELL_EINVAL);
    assert_null(table);
}

static void addresses_count_by_what_one_customer_has(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } CASES[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
        {"", "192.0.2.1", false},
        {"no address at all, and a long one too, longer than any", "", false},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char a[RATE_ADDRESS_BYTES];
        char b[RATE_ADDRESS_BYTES];
        bell_slice key_a = rate_address_key(bell_slice_from(CASES[i].a), a);
        bell_slice key_b = rate_address_key(bell_slice_from(CASES[i].b), b);
        assert_int_equal(bell_slice_equal(key_a, key_b), CASES[i].same);
    }
}

static void a_failed_allocation_leaves_nothing_behind(void **state)
{
    (void)state;
    int64_t before = bell_mem_live();
    for (int64_t n = 1;; n++) {
        struct rate_table *table = NULL;
        bell_mem_fail_at(n);
        bell_status st = rate_table_create(1, 1, 1, 1, &table);
        bell_mem_fail_at(0);
        if (st == BELL_OK) {
            rate_table_destroy(table);
            break;
        }
        assert_int_equal(st, BELL_ENOMEM);
    }
    assert_int_equal(bell_mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_burst_at_once_and_says_when_the_next_one_is_there),
        cmocka_unit_test(is_whole_again_after_a_pause_and_not_more_than_whole),
        cmocka_unit_test(keys_do_not_cost_each_other),
        cmocka_unit_test(peek_takes_nothing_and_what_is_given_back_can_be_taken),
        cmocka_unit_test(a_full_table_forgets_and_keeps_its_size),
        cmocka_unit_test(refuses_rates_of_nothing),
        cmocka_unit_test(addresses_count_by_what_one_customer_has),
        cmocka_unit_test(a_failed_allocation_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("desk_gateway_rate", tests, NULL, NULL);
}
