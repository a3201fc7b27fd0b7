#include "base/compiler.h"
#include "bell/net/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

struct watch {
    struct bell_timer timer;
    uint64_t fired_ms; /* 0 = not yet */
    int count;
    struct bell_timer_wheel *wheel;
    struct bell_timer *to_cancel;
    uint64_t again_ms;
};

static void on_time(struct bell_timer *timer, uint64_t now_ms, void *user)
{
    (void)user;
    struct watch *w = BELL_CONTAINER_OF(timer, struct watch, timer);
    w->fired_ms = now_ms;
    w->count++;
    if (w->to_cancel != NULL) {
        bell_timer_cancel(w->wheel, w->to_cancel);
    }
    if (w->again_ms > 0) {
        uint64_t deadline_ms = w->again_ms;
        w->again_ms = 0;
        bell_timer_arm(w->wheel, timer, deadline_ms);
    }
}

/* Runs as a loop does: sleeps as long as the wheel says. */
static uint64_t run_until(struct bell_timer_wheel *w, uint64_t now_ms, uint64_t end_ms)
{
    while (now_ms < end_ms) {
        int wait_ms = bell_timer_wheel_timeout_ms(w, now_ms);
        uint64_t step = wait_ms < 0 || now_ms + (uint64_t)wait_ms > end_ms ? end_ms - now_ms
                                                                           : (uint64_t)wait_ms;
        now_ms += step == 0 ? 1 : step;
        bell_timer_wheel_run(w, now_ms);
    }
    return now_ms;
}

static void fires_never_early_and_at_most_a_tick_late(void **state)
{
    (void)state;
    static const uint64_t SPANS[] = {0,    1,     31,    32,     33,      255,     8191,   8192,
                                     8193, 16384, 75000, 600000, 2000000, 2097152, 9000000};
    for (size_t i = 0; i < BELL_ARRAY_LEN(SPANS); i++) {
        for (uint64_t start = 1000000; start < 1000000 + 9000; start += 777) {
            struct bell_timer_wheel wheel;
            struct watch w = {.wheel = &wheel};
            bell_timer_wheel_init(&wheel, start, on_time, NULL);
            bell_timer_arm(&wheel, &w.timer, start + SPANS[i]);
            (void)run_until(&wheel, start, start + SPANS[i] + 2 * BELL_TIMER_TICK_MS);
            assert_int_equal(w.count, 1);
            assert_true(w.fired_ms >= start + SPANS[i]);
            assert_true(w.fired_ms <= start + SPANS[i] + 2 * BELL_TIMER_TICK_MS);
            assert_int_equal(wheel.armed, 0);
        }
    }
}

static void many_random_timers_all_fire_once(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct bell_timer_wheel wheel;
    struct watch *all = calloc(COUNT, sizeof *all);
    assert_non_null(all);
    unsigned seed = 7;
    bell_timer_wheel_init(&wheel, 5000, on_time, NULL);
    for (int i = 0; i < COUNT; i++) {
        all[i].wheel = &wheel;
        bell_timer_arm(&wheel, &all[i].timer, 5000 + (uint64_t)(rand_r(&seed) % 3000000));
    }
    (void)run_until(&wheel, 5000, 3100000);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(all[i].count, 1);
        assert_true(all[i].fired_ms >= all[i].timer.deadline_ms);
        assert_true(all[i].fired_ms <= all[i].timer.deadline_ms + 2 * BELL_TIMER_TICK_MS);
    }
    free(all);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
    (void)state;
    struct bell_timer_wheel wheel;
    struct watch a = {.wheel = &wheel};
    struct watch b = {.wheel = &wheel};
    bell_timer_wheel_init(&wheel, 0, on_time, NULL);
    bell_timer_arm(&wheel, &a.timer, 100);
    bell_timer_arm(&wheel, &b.timer, 100);
    a.to_cancel = &b.timer; /* of the same slot, while it is being run */
    (void)run_until(&wheel, 0, 1000);
    assert_int_equal(a.count, 1);
    assert_int_equal(b.count, 0);
    assert_int_equal(bell_timer_wheel_timeout_ms(&wheel, 1000), -1);
}

static void a_callback_may_arm_its_own_timer_again(void **state)
{
    (void)state;
    struct bell_timer_wheel wheel;
    struct watch a = {.wheel = &wheel, .again_ms = 1}; /* a deadline that has passed */
    bell_timer_wheel_init(&wheel, 0, on_time, NULL);
    bell_timer_arm(&wheel, &a.timer, 50);
    bell_timer_wheel_run(&wheel, 90);
    assert_int_equal(a.count, 1); /* not twice in one run of one tick */
    (void)run_until(&wheel, 90, 400);
    assert_int_equal(a.count, 2);
}

static void moving_a_timer_keeps_one_shot(void **state)
{
    (void)state;
    struct bell_timer_wheel wheel;
    struct watch a = {.wheel = &wheel};
    bell_timer_wheel_init(&wheel, 0, on_time, NULL);
    bell_timer_arm(&wheel, &a.timer, 100);
    bell_timer_arm(&wheel, &a.timer, 20000);
    (void)run_until(&wheel, 0, 19000);
    assert_int_equal(a.count, 0);
    (void)run_until(&wheel, 19000, 21000);
    assert_int_equal(a.count, 1);
}

static void a_long_sleep_without_timers_costs_nothing(void **state)
{
    (void)state;
    struct bell_timer_wheel wheel;
    struct watch a = {.wheel = &wheel};
    bell_timer_wheel_init(&wheel, 0, on_time, NULL);
    bell_timer_wheel_run(&wheel, UINT64_C(1) << 50); /* walking every tick would take for ever */
    bell_timer_arm(&wheel, &a.timer, (UINT64_C(1) << 50) + 100);
    (void)run_until(&wheel, UINT64_C(1) << 50, (UINT64_C(1) << 50) + 200);
    assert_int_equal(a.count, 1);
}

/* What is armed before the wheel has run again is told what time it is. */
static void the_first_timer_after_a_long_sleep_costs_nothing(void **state)
{
    (void)state;
    struct bell_timer_wheel wheel;
    struct watch a = {.wheel = &wheel};
    bell_timer_wheel_init(&wheel, 0, on_time, NULL);
    bell_timer_wheel_catch_up(&wheel, UINT64_C(1) << 50);
    bell_timer_arm(&wheel, &a.timer, (UINT64_C(1) << 50) + 100);
    bell_timer_wheel_run(&wheel, UINT64_C(1) << 50);
    assert_int_equal(a.count, 0);
    bell_timer_wheel_catch_up(&wheel, UINT64_C(1) << 51); /* no way around one that is armed */
    assert_int_equal(a.count, 0);
    (void)run_until(&wheel, UINT64_C(1) << 50, (UINT64_C(1) << 50) + 200);
    assert_int_equal(a.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_never_early_and_at_most_a_tick_late),
        cmocka_unit_test(many_random_timers_all_fire_once),
        cmocka_unit_test(a_cancelled_timer_does_not_fire),
        cmocka_unit_test(a_callback_may_arm_its_own_timer_again),
        cmocka_unit_test(moving_a_timer_keeps_one_shot),
        cmocka_unit_test(a_long_sleep_without_timers_costs_nothing),
        cmocka_unit_test(the_first_timer_after_a_long_sleep_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
