/*
 * libbell when memory ends: each allocation of composing a server, and then of sessions with all
 * that it does, fails once. What cannot be done is refused or costs its connection; afterwards the
 * server serves, every callback has come as promised, and no block of memory is left.
 */
#include "base/mem.h"
#include "bell_app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { MOST_ALLOCATIONS = 2000 };

static void composing_fails_cleanly_at_each_allocation(void **state)
{
    (void)state;
    int64_t nth = 0;
    bool failed;
    do {
        struct service s;
        bell_mem_fail_at(++nth);
        bell_status st = app_compose(&s);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        /* What is only a matter of speed may go on without. */
        assert_true(st == BELL_OK || (failed && st == BELL_ENOMEM));
        if (st == BELL_OK) {
            assert_true(app_talk(&s));
        }
        service_finish(&s);
        assert_true(nth < MOST_ALLOCATIONS);
    } while (failed);
    assert_true(nth > 30);
}

static void a_session_fails_cleanly_at_each_allocation_and_the_next_one_works(void **state)
{
    (void)state;
    struct service s;
    int64_t nth = 0;
    bool failed;
    assert_int_equal(app_compose(&s), BELL_OK);
    do {
        bell_mem_fail_at(++nth);
        bool all = app_talk(&s);
        all &= app_ask_all(&s);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_true(all || failed);
        assert_true(app_talk(&s));
        app_wait_closed(&s);
        assert_true(nth < MOST_ALLOCATIONS);
    } while (failed);
    assert_true(app_ask_all(&s));
    assert_true(nth > 50);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composing_fails_cleanly_at_each_allocation),
        cmocka_unit_test(a_session_fails_cleanly_at_each_allocation_and_the_next_one_works),
    };
    return cmocka_run_group_tests(tests, app_folder_make, app_folder_remove);
}
