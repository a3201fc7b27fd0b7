/*
 * The small parts of a session: allowance, misuse, progress; and the roster.
 */
#include "desk/gateway/bucket.h"
#include "desk/gateway/progress.h"
#include "desk/gateway/roster.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_connection_has_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    struct bucket_rate rate = bucket_rate_of(50, 3);
    struct bucket bucket = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bucket_take(&bucket, &rate, 1000), 0);
    }
    assert_int_equal(bucket_take(&bucket, &rate, 1000), 20);
    assert_int_equal(bucket_take(&bucket, &rate, 1019), 1);
    assert_int_equal(bucket_take(&bucket, &rate, 1020), 0);
}

static void the_highest_rate_does_not_become_none(void **state)
{
    (void)state;
    struct bucket_rate rate = bucket_rate_of(1000000, 1000000);
    struct bucket bucket = {0};
    for (int i = 0; i < 1000000; i++) {
        assert_int_equal(bucket_take(&bucket, &rate, 1000), 0);
    }
    assert_int_not_equal(bucket_take(&bucket, &rate, 1000), 0);
}

static void the_tenth_broken_rule_is_one_too_many(void **state)
{
    (void)state;
    struct misuse misuse = {0};
    for (int i = 1; i < MISUSE_LIMIT; i++) {
        assert_false(misuse_add(&misuse));
    }
    assert_true(misuse_add(&misuse));
}

static void good_commands_make_good_for_bad_ones(void **state)
{
    (void)state;
    struct misuse misuse = {0};
    misuse_forgive(&misuse);
    for (int i = 0; i < 1000; i++) {
        assert_false(misuse_add(&misuse));
        misuse_forgive(&misuse);
    }
}

static void reports_go_one_at_a_time_and_never_back(void **state)
{
    (void)state;
    struct progress p = {0};
    assert_true(progress_want(&p, 5));
    assert_int_equal(progress_begin(&p), 5);
    assert_false(progress_want(&p, 4));
    assert_false(progress_want(&p, 6));
    assert_false(progress_want(&p, 9));
    assert_false(progress_want(&p, 8));
    assert_true(progress_end(&p));
    assert_int_equal(progress_begin(&p), 9);
    assert_false(progress_end(&p));
    assert_false(progress_want(&p, 9));
    assert_true(progress_want(&p, 10));
}

static void a_failed_report_may_be_told_again(void **state)
{
    (void)state;
    struct progress p = {0};
    assert_true(progress_want(&p, 5));
    progress_fail(&p, progress_begin(&p));
    assert_true(progress_want(&p, 5));
}

static struct roster_entry entry_of(bell_conn conn, int64_t session)
{
    struct roster_entry entry = {.conn = conn, .session = session};
    memset(entry.secret.b, (int)session, sizeof entry.secret.b);
    return entry;
}

static void the_roster_holds_who_was_added_and_not_removed(void **state)
{
    (void)state;
    struct roster *roster;
    assert_int_equal(roster_create(&roster), BELL_OK);
    for (bell_conn conn = 1; conn <= 100; conn++) {
        assert_int_equal(roster_add(roster, entry_of(conn, (int64_t)conn % 7)), BELL_OK);
    }
    for (bell_conn conn = 1; conn <= 100; conn += 2) {
        roster_remove(roster, conn);
    }
    roster_remove(roster, 999);
    struct roster_entry *entries;
    size_t count;
    assert_int_equal(roster_copy(roster, &entries, &count), BELL_OK);
    assert_int_equal(count, 50);
    assert_int_equal(roster_count(roster), 50);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].conn % 2, 0);
        assert_int_equal(entries[i].secret.b[31], entries[i].session);
        sum += entries[i].conn;
    }
    assert_int_equal(sum, 2550);
    roster_copy_free(entries, count);
    roster_destroy(roster);
}

static void an_empty_roster_has_no_copy(void **state)
{
    (void)state;
    struct roster *roster;
    assert_int_equal(roster_create(&roster), BELL_OK);
    struct roster_entry *entries;
    size_t count = 1;
    assert_int_equal(roster_copy(roster, &entries, &count), BELL_OK);
    assert_null(entries);
    assert_int_equal(count, 0);
    roster_copy_free(entries, count);
    roster_destroy(roster);
}

static void a_roster_without_memory_stays_as_it_was(void **state)
{
    (void)state;
    int64_t before = bell_mem_live();
    struct roster *roster;
    assert_int_equal(roster_create(&roster), BELL_OK);
    bell_mem_fail_at(1);
    assert_int_equal(roster_add(roster, entry_of(1, 1)), BELL_ENOMEM);
    bell_mem_fail_at(0);
    assert_int_equal(roster_count(roster), 0);
    assert_int_equal(roster_add(roster, entry_of(1, 1)), BELL_OK);
    struct roster_entry *entries;
    size_t count;
    bell_mem_fail_at(1);
    assert_int_equal(roster_copy(roster, &entries, &count), BELL_ENOMEM);
    bell_mem_fail_at(0);
    assert_int_equal(roster_count(roster), 1);
    roster_destroy(roster);
    assert_int_equal(bell_mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_has_its_burst_and_then_its_rate),
        cmocka_unit_test(the_highest_rate_does_not_become_none),
        cmocka_unit_test(the_tenth_broken_rule_is_one_too_many),
        cmocka_unit_test(good_commands_make_good_for_bad_ones),
        cmocka_unit_test(reports_go_one_at_a_time_and_never_back),
        cmocka_unit_test(a_failed_report_may_be_told_again),
        cmocka_unit_test(the_roster_holds_who_was_added_and_not_removed),
        cmocka_unit_test(an_empty_roster_has_no_copy),
        cmocka_unit_test(a_roster_without_memory_stays_as_it_was),
    };
    return cmocka_run_group_tests_name("desk_gateway_small", tests, NULL, NULL);
}
