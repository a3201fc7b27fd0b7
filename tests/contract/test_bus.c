/*
 * What every bus promises (src/desk/bus/bus.h). A further bus is a further line in `buses`.
 */
#include "base/compiler.h"
#include "desk/bus/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct bus_kind {
    const char *name;
    bell_status (*create)(struct bus **out);
};

static const struct bus_kind buses[] = {
    {"local", bus_create},
};

enum { HEARD_MAX = 64 };

struct listener {
    int64_t heard[HEARD_MAX];
    size_t count;
    size_t batches;
    struct listener *before; /* must have heard as much when this one hears */
    bool was_early;
    bool has_text; /* the texts were there as well */
};

static void listen(const struct event_list *events, void *user)
{
    struct listener *l = user;
    l->batches++;
    if (l->before != NULL && l->before->batches < l->batches) {
        l->was_early = true;
    }
    for (const struct event *e = events->first; e != NULL; e = e->next) {
        l->heard[l->count++ % HEARD_MAX] = e->number;
        l->has_text = bell_slice_equal(e->message.text, BELL_LIT("hello"));
    }
}

static void publish(struct bus *bus, int64_t first, int64_t count)
{
    struct event_list list;
    event_list_init(&list);
    for (int64_t i = 0; i < count; i++) {
        struct event *e = event_list_add(&list, EVENT_MESSAGE);
        assert_non_null(e);
        e->number = first + i;
        e->message.text = BELL_LIT("hello");
    }
    bus_publish(bus, &list);
    event_list_finish(&list);
}

static struct bus *create(void **state)
{
    const struct bus_kind *kind = *state;
    struct bus *bus = NULL;
    assert_int_equal(kind->create(&bus), BELL_OK);
    return bus;
}

static void everybody_hears_all_events_once_in_order(void **state)
{
    struct bus *bus = create(state);
    struct listener a = {0};
    struct listener b = {.before = &a};
    assert_int_equal(bus_subscribe(bus, listen, &a), BELL_OK);
    assert_int_equal(bus_subscribe(bus, listen, &b), BELL_OK);
    publish(bus, 1, 1);
    publish(bus, 2, 5);
    publish(bus, 7, 3);
    assert_int_equal(a.count, 9);
    assert_int_equal(a.batches, 3);
    assert_int_equal(b.count, 9);
    assert_false(b.was_early); /* heard in the order of subscribing */
    for (int64_t i = 0; i < 9; i++) {
        assert_int_equal(a.heard[i], i + 1);
        assert_int_equal(b.heard[i], i + 1);
    }
    assert_true(b.has_text);
    bus_destroy(bus);
}

static void who_has_gone_hears_nothing_more(void **state)
{
    struct bus *bus = create(state);
    struct listener a = {0};
    struct listener b = {0};
    assert_int_equal(bus_subscribe(bus, listen, &a), BELL_OK);
    assert_int_equal(bus_subscribe(bus, listen, &b), BELL_OK);
    publish(bus, 1, 1);
    bus_unsubscribe(bus, listen, &a);
    bus_unsubscribe(bus, listen, &a); /* unknown by now */
    publish(bus, 2, 1);
    assert_int_equal(a.count, 1);
    assert_int_equal(b.count, 2);
    bus_destroy(bus);
}

static void publishing_to_nobody_is_fine(void **state)
{
    struct bus *bus = create(state);
    publish(bus, 1, 3);
    bus_destroy(bus);
    bus_destroy(NULL);
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; i < BELL_ARRAY_LEN(buses); i++) {
        /* cmocka wants the state as a plain pointer; it is only read. */
        static struct bus_kind kind;
        kind = buses[i];
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(everybody_hears_all_events_once_in_order, &kind),
            cmocka_unit_test_prestate(who_has_gone_hears_nothing_more, &kind),
            cmocka_unit_test_prestate(publishing_to_nobody_is_fine, &kind),
        };
        failed += cmocka_run_group_tests_name(kind.name, tests, NULL, NULL);
    }
    return failed;
}
