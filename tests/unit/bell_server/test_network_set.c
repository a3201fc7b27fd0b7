/*
 * Sets of networks say what a walk over all of them says, whatever was added and removed.
 */
#include "base/compiler.h"
#include "base/mem.h"
#include "bell/server/network_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bell_network network(const char *text)
{
    bell_network n;
    assert_int_equal(bell_network_parse(bell_slice_from(text), &n), BELL_OK);
    return n;
}

static bool has(const struct bell_network_set *set, const char *text)
{
    bell_address a;
    assert_int_equal(bell_address_parse(bell_slice_from(text), &a), BELL_OK);
    return bell_network_set_has(set, &a);
}

static void add(struct bell_network_set *set, const char *text)
{
    const bell_network n = network(text);
    assert_int_equal(bell_network_set_add(set, &n, SIZE_MAX), BELL_OK);
}

static bell_status drop(struct bell_network_set *set, const char *text)
{
    const bell_network n = network(text);
    return bell_network_set_remove(set, &n);
}

static void an_address_is_in_networks_of_any_length(void **state)
{
    struct bell_network_set set;
    (void)state;
    bell_network_set_init(&set);
    assert_false(has(&set, "192.0.2.1"));
    assert_int_equal(drop(&set, "192.0.2.1"), BELL_ENOTFOUND);
    add(&set, "192.0.2.1");
    add(&set, "198.51.100.0/25");
    add(&set, "2001:db8::/33");
    add(&set, "2001:db8::7");
    assert_true(has(&set, "192.0.2.1"));
    assert_false(has(&set, "192.0.2.0"));
    assert_true(has(&set, "198.51.100.127"));
    assert_false(has(&set, "198.51.100.128"));
    assert_true(has(&set, "2001:db8:7fff::1"));
    assert_false(has(&set, "2001:db8:8000::1"));
    assert_int_equal(drop(&set, "2001:db8::/33"), BELL_OK);
    assert_int_equal(drop(&set, "2001:db8::/33"), BELL_ENOTFOUND);
    assert_true(has(&set, "2001:db8::7"));
    assert_false(has(&set, "2001:db8::8"));
    add(&set, "::/0");
    assert_true(has(&set, "203.0.113.9"));
    bell_network_set_finish(&set);
    assert_int_equal(bell_mem_live(), 0);
}

static void what_is_there_twice_counts_once_and_goes_at_once(void **state)
{
    struct bell_network_set set;
    (void)state;
    bell_network_set_init(&set);
    add(&set, "10.0.0.0/8");
    add(&set, "10.1.2.3/8"); /* the same */
    assert_int_equal(set.count, 1);
    assert_int_equal(drop(&set, "10.0.0.0/8"), BELL_OK);
    assert_false(has(&set, "10.0.0.1"));
    bell_network_set_finish(&set);
}

static void it_takes_as_many_as_it_may(void **state)
{
    enum { MOST = 100 };
    struct bell_network_set set;
    (void)state;
    bell_network_set_init(&set);
    for (unsigned i = 0; i <= MOST; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "192.0.2.%u", i);
        const bell_network n = network(text);
        assert_int_equal(bell_network_set_add(&set, &n, MOST), i < MOST ? BELL_OK : BELL_ELIMIT);
        assert_int_equal(bell_network_set_add(&set, &n, MOST), i < MOST ? BELL_OK : BELL_ELIMIT);
    }
    bell_network_set_finish(&set);
}

static void without_memory_it_stays_as_it_is(void **state)
{
    struct bell_network_set set;
    (void)state;
    bell_network_set_init(&set);
    for (unsigned i = 0; i < 200; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "192.0.2.%u", i);
        const bell_network n = network(text);
        bell_mem_fail_at(1);
        bell_status st = bell_network_set_add(&set, &n, SIZE_MAX);
        bool has_failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_int_equal(st, has_failed ? BELL_ENOMEM : BELL_OK);
        assert_int_equal(has(&set, text), !has_failed);
        add(&set, text);
        assert_true(has(&set, "192.0.2.0"));
        assert_true(has(&set, text));
    }
    bell_network_set_finish(&set);
    assert_int_equal(bell_mem_live(), 0);
}

/* Few bits that differ, so that many networks hold each other and are met again. */
static bell_address random_address(void)
{
    bell_address a = {{0}};
    a.bytes[0] = (uint8_t)(rand() % 4 * 64);
    a.bytes[7] = (uint8_t)(rand() % 4);
    a.bytes[15] = (uint8_t)(rand() % 8);
    return a;
}

static void it_agrees_with_a_walk(void **state)
{
    enum { STEPS = 20000, MOST = 500 };
    static bell_network all[MOST];
    struct bell_network_set set;
    size_t count = 0;
    (void)state;
    srand(7);
    bell_network_set_init(&set);
    for (int step = 0; step < STEPS; step++) {
        const bell_address a = random_address();
        const bell_network n = bell_network_of(&a, (uint8_t)(rand() % BELL_NETWORK_LENGTHS));
        size_t at = 0;
        while (at < count && !bell_network_equal(&all[at], &n)) {
            at++;
        }
        /* It grows and shrinks in waves. */
        bool adds = rand() % 10 < (step / 2000 % 2 == 0 ? 8 : 2);
        if (adds && (at < count || count < MOST)) {
            assert_int_equal(bell_network_set_add(&set, &n, MOST), BELL_OK);
            all[at] = n;
            count += at == count;
        } else if (!adds) {
            assert_int_equal(bell_network_set_remove(&set, &n),
                             at < count ? BELL_OK : BELL_ENOTFOUND);
            if (at < count) {
                all[at] = all[--count];
            }
        }
        assert_int_equal(set.count, count);
        const bell_address asked = random_address();
        assert_int_equal(bell_network_set_has(&set, &asked),
                         bell_networks_have(all, count, &asked));
    }
    bell_network_set_finish(&set);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_in_networks_of_any_length),
        cmocka_unit_test(what_is_there_twice_counts_once_and_goes_at_once),
        cmocka_unit_test(it_takes_as_many_as_it_may),
        cmocka_unit_test(without_memory_it_stays_as_it_is),
        cmocka_unit_test(it_agrees_with_a_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
