#include "base/compiler.h"
#include "base/mem.h"
#include "bell/net/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN = 200, STEPS = 20000 };

/* An alarm as the tests know it. */
struct known {
    uint64_t deadline_ms;
    uint64_t order; /* of those that were set */
    uint32_t period_ms;
    uint32_t slot;
    uint32_t generation;
    bool is_set;
};

static struct bell_alarm_table table;
static struct known all[KNOWN];
static uint64_t orders;
static uint64_t now;
static uint64_t rung; /* how many */
static unsigned seed;

/* Those that are due, the nearest first; NULL when none is. */
static struct known *next_due(void)
{
    struct known *next = NULL;
    for (size_t i = 0; i < KNOWN; i++) {
        struct known *k = &all[i];
        if (k->is_set && k->deadline_ms <= now &&
            (next == NULL || k->deadline_ms < next->deadline_ms ||
             (k->deadline_ms == next->deadline_ms && k->order < next->order))) {
            next = k;
        }
    }
    return next;
}

static void set(struct known *k, uint64_t deadline_ms, uint32_t period_ms)
{
    struct bell_alarm alarm = {.deadline_ms = deadline_ms, .user = k, .period_ms = period_ms};
    assert_int_equal(bell_alarm_set(&table, &alarm), BELL_OK);
    *k = (struct known){.deadline_ms = alarm.deadline_ms,
                        .order = orders++,
                        .period_ms = period_ms,
                        .slot = alarm.slot,
                        .generation = alarm.generation,
                        .is_set = true};
}

static void cancel(struct known *k)
{
    const struct bell_alarm *alarm = bell_alarm_find(&table, k->slot);
    bool is_there = alarm != NULL && alarm->generation == k->generation;
    assert_int_equal(is_there, k->is_set);
    if (is_there) {
        bell_alarm_cancel(&table, alarm);
    }
    k->is_set = false;
}

/* Sets or cancels any of them. */
static void do_something(void)
{
    struct known *k = &all[rand_r(&seed) % KNOWN];
    if (rand_r(&seed) % 3 == 0 || k->is_set) {
        cancel(k);
    } else {
        set(k, now + (unsigned)rand_r(&seed) % 50,
            rand_r(&seed) % 2 == 0 ? 0 : 1 + (uint32_t)rand_r(&seed) % 20);
    }
}

static void on_ring(const struct bell_alarm *alarm, void *user)
{
    struct known *k = alarm->user;
    assert_ptr_equal(user, &table);
    assert_ptr_equal(k, next_due());
    assert_int_equal(alarm->slot, k->slot);
    assert_int_equal(alarm->generation, k->generation);
    assert_int_equal(alarm->deadline_ms, k->deadline_ms);
    k->is_set = k->period_ms > 0;
    while (k->is_set && k->deadline_ms <= now) {
        k->deadline_ms += k->period_ms;
    }
    rung++;
    if (rand_r(&seed) % 2 == 0) {
        do_something();
    }
}

static void rings_as_a_plain_model_does(void **state)
{
    (void)state;
    now = 1000;
    rung = 0;
    seed = 5;
    for (int step = 0; step < STEPS; step++) {
        do_something();
        if (rand_r(&seed) % 4 == 0) {
            /* Sleeps as long as the table says, or wakes before, or after. */
            int sleep_ms = bell_alarm_timeout_ms(&table, now);
            uint64_t before = now;
            now += (unsigned)rand_r(&seed) % 30;
            bool is_early = sleep_ms < 0 || now < before + (uint64_t)sleep_ms;
            uint64_t rung_before = rung;
            assert_int_equal(is_early, next_due() == NULL);
            bell_alarm_run(&table, now, on_ring, &table);
            assert_int_equal(is_early, rung == rung_before);
            assert_null(next_due());
        }
    }
    assert_true(rung > STEPS / 10);
    bell_alarm_table_finish(&table);
    assert_int_equal(bell_mem_live(), 0);
    memset(all, 0, sizeof all);
}

struct again {
    struct bell_alarm_table table;
    int count;
    uint64_t deadline_ms;
};

static void set_again(const struct bell_alarm *alarm, void *user)
{
    struct again *a = user;
    struct bell_alarm next = {.deadline_ms = 0, .user = alarm->user};
    a->count++;
    a->deadline_ms = alarm->deadline_ms;
    if (a->count < 10) {
        assert_int_equal(bell_alarm_set(&a->table, &next), BELL_OK);
    }
}

static void one_that_sets_itself_again_rings_once_a_run(void **state)
{
    (void)state;
    struct again a = {.count = 0};
    struct bell_alarm first = {.deadline_ms = 100};
    assert_int_equal(bell_alarm_set(&a.table, &first), BELL_OK);
    bell_alarm_run(&a.table, 99, set_again, &a);
    assert_int_equal(a.count, 0);
    for (int i = 1; i <= 10; i++) {
        bell_alarm_run(&a.table, 100 + (uint64_t)i, set_again, &a);
        assert_int_equal(a.count, i);
    }
    bell_alarm_run(&a.table, 1000, set_again, &a);
    assert_int_equal(a.count, 10);
    bell_alarm_table_finish(&a.table);
}

static void note(const struct bell_alarm *alarm, void *user)
{
    struct again *a = user;
    a->count++;
    a->deadline_ms = alarm->deadline_ms;
}

static void a_periodic_one_keeps_to_its_grid_and_leaves_out_what_it_missed(void **state)
{
    (void)state;
    static const struct {
        uint64_t now_ms;
        int count;            /* rung by then */
        int sleep_ms;         /* from then */
        uint64_t deadline_ms; /* of the last one */
    } ROWS[] = {{99, 0, 1, 0},     {100, 1, 10, 100}, {109, 1, 1, 100}, {113, 2, 7, 110},
                {120, 3, 10, 120}, {155, 4, 5, 130},  {160, 5, 10, 160}};
    struct again a = {.count = 0};
    struct bell_alarm alarm = {.deadline_ms = 100, .period_ms = 10};
    assert_int_equal(bell_alarm_timeout_ms(&a.table, 0), -1);
    assert_int_equal(bell_alarm_set(&a.table, &alarm), BELL_OK);
    for (size_t i = 0; i < BELL_ARRAY_LEN(ROWS); i++) {
        bell_alarm_run(&a.table, ROWS[i].now_ms, note, &a);
        assert_int_equal(a.count, ROWS[i].count);
        assert_int_equal(a.deadline_ms, ROWS[i].deadline_ms);
        assert_int_equal(bell_alarm_timeout_ms(&a.table, ROWS[i].now_ms), ROWS[i].sleep_ms);
    }
    assert_int_equal(bell_alarm_timeout_ms(&a.table, 170), 0);
    assert_int_equal(bell_alarm_timeout_ms(&a.table, 171), 0);
    bell_alarm_cancel(&a.table, bell_alarm_find(&a.table, alarm.slot));
    assert_null(bell_alarm_find(&a.table, alarm.slot));
    assert_int_equal(bell_alarm_timeout_ms(&a.table, 171), -1);
    bell_alarm_table_finish(&a.table);
}

static void far_ones_are_slept_for_as_long_as_an_int_can_say(void **state)
{
    (void)state;
    static const uint64_t FAR[] = {INT_MAX - 1, INT_MAX, (uint64_t)INT_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < BELL_ARRAY_LEN(FAR); i++) {
        struct again a = {.count = 0};
        struct bell_alarm alarm = {.deadline_ms = 7 + FAR[i]};
        assert_int_equal(bell_alarm_set(&a.table, &alarm), BELL_OK);
        assert_int_equal(bell_alarm_timeout_ms(&a.table, 7),
                         FAR[i] < INT_MAX ? (int)FAR[i] : INT_MAX);
        bell_alarm_run(&a.table, 6 + FAR[i], note, &a);
        assert_int_equal(a.count, 0);
        bell_alarm_run(&a.table, 7 + FAR[i], note, &a);
        assert_int_equal(a.count, 1);
        bell_alarm_table_finish(&a.table);
    }
}

static void there_are_at_most_a_million(void **state)
{
    (void)state;
    struct again a = {.count = 0};
    struct bell_alarm alarm;
    for (uint32_t i = 0; i < BELL_ALARMS_MAX; i++) {
        alarm = (struct bell_alarm){.deadline_ms = 1 + i * UINT64_C(7919) % 1000};
        assert_int_equal(bell_alarm_set(&a.table, &alarm), BELL_OK);
        assert_int_equal(alarm.slot, i + 1);
    }
    assert_int_equal(bell_alarm_set(&a.table, &alarm), BELL_ELIMIT);
    assert_null(bell_alarm_find(&a.table, 0));
    assert_null(bell_alarm_find(&a.table, BELL_ALARMS_MAX + 1));
    bell_alarm_cancel(&a.table, bell_alarm_find(&a.table, 77));
    assert_int_equal(bell_alarm_set(&a.table, &alarm), BELL_OK);
    assert_int_equal(alarm.slot, 77);
    assert_int_equal(bell_alarm_set(&a.table, &alarm), BELL_ELIMIT);
    bell_alarm_run(&a.table, 1000, note, &a);
    assert_int_equal(a.count, BELL_ALARMS_MAX);
    assert_int_equal(bell_alarm_timeout_ms(&a.table, 0), -1);
    bell_alarm_table_finish(&a.table);
    assert_int_equal(bell_mem_live(), 0);
}

/* A handle is a slot and the generation of its use: none may come a second time. */
static void a_slot_that_was_used_as_often_as_can_be_told_is_not_used_again(void **state)
{
    (void)state;
    struct again a = {.count = 0};
    struct bell_alarm first = {.deadline_ms = 10};
    struct bell_alarm last = {.deadline_ms = 10};
    struct bell_alarm other = {.deadline_ms = 10};
    assert_int_equal(bell_alarm_set(&a.table, &first), BELL_OK);
    bell_alarm_cancel(&a.table, bell_alarm_find(&a.table, first.slot));
    a.table.slots[first.slot - 1].generation = UINT32_MAX; /* after very many uses */
    assert_int_equal(bell_alarm_set(&a.table, &last), BELL_OK);
    assert_int_equal(last.slot, first.slot);
    assert_int_equal(last.generation, UINT32_MAX);
    bell_alarm_cancel(&a.table, bell_alarm_find(&a.table, last.slot));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bell_alarm_set(&a.table, &other), BELL_OK);
        assert_int_not_equal(other.slot, first.slot);
    }
    assert_null(bell_alarm_find(&a.table, first.slot));
    bell_alarm_run(&a.table, 10, note, &a);
    assert_int_equal(a.count, 3);
    bell_alarm_table_finish(&a.table);
    assert_int_equal(bell_mem_live(), 0);
}

static void a_failed_allocation_changes_nothing(void **state)
{
    (void)state;
    struct again a = {.count = 0};
    int64_t nth = 1;
    int expected = 0;
    while (expected < 100) {
        struct bell_alarm alarm = {.deadline_ms = 10};
        bell_mem_fail_at(nth);
        bell_status st = bell_alarm_set(&a.table, &alarm);
        bool has_failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_int_equal(st, has_failed ? BELL_ENOMEM : BELL_OK);
        /* Each of the two fails, then neither. */
        nth = has_failed ? nth + 1 : 1;
        expected += has_failed ? 0 : 1;
    }
    bell_alarm_run(&a.table, 10, note, &a);
    assert_int_equal(a.count, 100);
    bell_alarm_table_finish(&a.table);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_as_a_plain_model_does),
        cmocka_unit_test(one_that_sets_itself_again_rings_once_a_run),
        cmocka_unit_test(a_periodic_one_keeps_to_its_grid_and_leaves_out_what_it_missed),
        cmocka_unit_test(far_ones_are_slept_for_as_long_as_an_int_can_say),
        cmocka_unit_test(there_are_at_most_a_million),
        cmocka_unit_test(a_slot_that_was_used_as_often_as_can_be_told_is_not_used_again),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
