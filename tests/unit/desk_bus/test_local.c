/*
 * The local bus (src/desk/bus/bus.h): its limits. How every bus delivers is in tests/contract.
 */
#include "base/mem.h"
#include "desk/bus/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void count_batch(const struct event_list *events, void *user)
{
    (void)events;
    int *count = user;
    (*count)++;
}

static void holds_eight_subscribers_and_no_more(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    int counts[BUS_MAX_SUBSCRIBERS + 1] = {0};
    assert_int_equal(bus_create(&bus), BELL_OK);
    for (size_t i = 0; i < BUS_MAX_SUBSCRIBERS; i++) {
        assert_int_equal(bus_subscribe(bus, count_batch, &counts[i]), BELL_OK);
    }
    assert_int_equal(bus_subscribe(bus, count_batch, &counts[BUS_MAX_SUBSCRIBERS]), BELL_ELIMIT);
    bus_unsubscribe(bus, count_batch, &counts[0]);
    assert_int_equal(bus_subscribe(bus, count_batch, &counts[BUS_MAX_SUBSCRIBERS]), BELL_OK);
    struct event_list list;
    event_list_init(&list);
    assert_non_null(event_list_add(&list, EVENT_MESSAGE));
    bus_publish(bus, &list);
    assert_int_equal(counts[0], 0);
    for (size_t i = 1; i <= BUS_MAX_SUBSCRIBERS; i++) {
        assert_int_equal(counts[i], 1);
    }
    event_list_finish(&list);
    bus_destroy(bus);
}

static void says_when_there_is_no_memory(void **state)
{
    (void)state;
    struct bus *bus = NULL;
    bell_mem_fail_at(1);
    assert_int_equal(bus_create(&bus), BELL_ENOMEM);
    bell_mem_fail_at(0);
    assert_null(bus);
    bus_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_eight_subscribers_and_no_more),
        cmocka_unit_test(says_when_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
