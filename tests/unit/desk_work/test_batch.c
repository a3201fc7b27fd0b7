/*
 * Several writes in one transaction (src/desk/work/batch.h): one that fails leaves no trace, and
 * does not trouble the others.
 */
#include "base/compiler.h"
#include "desk.h"
#include "desk/work/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct db_sql make_table = {"CREATE TABLE t (n INTEGER PRIMARY KEY)"};
static const struct db_sql insert = {"INSERT INTO t (n) VALUES ($1)"};
static const struct db_sql count_rows = {"SELECT count(*) FROM t"};
static const struct db_sql sum_rows = {"SELECT coalesce(sum(n), 0) FROM t"};
static const struct db_sql give_up = {"INSERT OR ROLLBACK INTO t (n) VALUES ($1)"};

enum what { WRITE, REFUSE, WRITE_THEN_REFUSE, WRITE_THEN_FAIL, GIVE_UP, LOOK };

struct step {
    struct work_item item;
    enum what what;
    int64_t n;
    int runs;
    int64_t seen;   /* LOOK: rows before this item */
    int64_t now_us; /* when it ran */
};

enum { STEPS_MAX = 8 };

struct fixture {
    struct desk desk;
    struct batch_runner runner;
    struct step steps[STEPS_MAX];
};

static int64_t fake_now;

static int64_t now_us(void)
{
    return fake_now;
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    desk_open(&f.desk);
    assert_int_equal(db_run(f.desk.db, &make_table, DB_NO_PARAMS), BELL_OK);
    fake_now = 1000;
    f.runner = (struct batch_runner){.db = f.desk.db, .now_us = now_us};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < STEPS_MAX; i++) {
        event_list_finish(&f->steps[i].item.events);
    }
    desk_close(&f->desk);
    return 0;
}

static struct outcome run_step(struct work_item *item, struct tx *tx)
{
    struct step *step = BELL_CONTAINER_OF(item, struct step, item);
    step->runs++;
    step->now_us = tx->now_us;
    assert_non_null(event_list_add(tx->events, EVENT_MESSAGE));
    switch (step->what) {
    case REFUSE:
        return outcome_refused(ERROR_FORBIDDEN);
    case LOOK: {
        struct db_rows rows;
        db_query(tx->db, &count_rows, DB_NO_PARAMS, &rows);
        assert_true(db_next(&rows));
        step->seen = db_column_int(&rows, 0);
        return outcome_from(db_end(&rows));
    }
    case GIVE_UP:
        return outcome_from(db_run(tx->db, &give_up, DB_PARAMS(db_int(step->n))));
    case WRITE:
    case WRITE_THEN_REFUSE:
    case WRITE_THEN_FAIL:
        break;
    }
    bell_status st = db_run(tx->db, &insert, DB_PARAMS(db_int(step->n)));
    if (step->what == WRITE_THEN_REFUSE) {
        return outcome_refused(ERROR_CLOSED);
    }
    if (step->what == WRITE_THEN_FAIL) {
        st = db_run(tx->db, &insert,
                    DB_PARAMS(db_int(step->n))); /* the same again: refused by its key */
    }
    return outcome_from(st);
}

static struct batch_result run(struct fixture *f, size_t count, const enum what *whats)
{
    for (size_t i = 0; i < count; i++) {
        event_list_finish(&f->steps[i].item.events); /* of the run before */
        f->steps[i].item = (struct work_item){.run = run_step};
        f->steps[i].what = whats[i];
        f->steps[i].n = 1 << i;
        f->steps[i].item.next = i + 1 < count ? &f->steps[i + 1].item : NULL;
    }
    struct batch_result result;
    batch_run(&f->runner, (struct item_list){&f->steps[0].item, &f->steps[count - 1].item},
              &result);
    return result;
}

static void all_writes_of_a_batch_are_one_commit(void **state)
{
    struct fixture *f = *state;
    struct batch_result result = run(f, 3, (enum what[]){WRITE, LOOK, WRITE});
    assert_int_equal(result.st, BELL_OK);
    assert_true(result.has_changed);
    assert_int_equal(result.count, 3);
    assert_int_equal(result.done, 3);
    assert_int_equal(f->steps[1].seen, 1); /* later items see what earlier ones did */
    assert_int_equal(desk_count(&f->desk, &sum_rows), 5);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(f->steps[i].runs, 1);
        assert_int_equal(f->steps[i].item.events.count, 1);
    }
}

static void a_refusal_that_wrote_nothing_costs_nothing(void **state)
{
    struct fixture *f = *state;
    struct batch_result result = run(f, 3, (enum what[]){WRITE, REFUSE, WRITE});
    assert_int_equal(result.done, 2);
    assert_int_equal(f->steps[1].item.outcome.error, ERROR_FORBIDDEN);
    assert_int_equal(f->steps[1].item.events.count, 0);
    assert_int_equal(f->steps[0].runs, 1); /* not run again */
    assert_int_equal(desk_count(&f->desk, &sum_rows), 5);
}

static void what_fails_after_writing_is_undone_alone(void **state)
{
    struct fixture *f = *state;
    static const enum what failures[] = {WRITE_THEN_REFUSE, WRITE_THEN_FAIL};
    for (size_t i = 0; i < 2; i++) {
        static const struct db_sql clear = {"DELETE FROM t"};
        assert_int_equal(db_run(f->desk.db, &clear, DB_NO_PARAMS), BELL_OK);
        struct batch_result result = run(f, 4, (enum what[]){WRITE, failures[i], LOOK, WRITE});
        assert_int_equal(result.st, BELL_OK);
        assert_int_equal(result.done, 3);
        assert_int_equal(f->steps[0].item.outcome.error, ERROR_NONE);
        assert_int_equal(f->steps[1].item.outcome.error, i == 0 ? ERROR_CLOSED : ERROR_INTERNAL);
        assert_int_equal(f->steps[1].item.events.count, 0);
        assert_int_equal(f->steps[0].item.events.count, 1); /* of the second run only */
        assert_int_equal(f->steps[2].seen, 1);
        assert_int_equal(desk_count(&f->desk, &sum_rows), 9);
    }
}

static void nothing_is_committed_when_all_are_refused(void **state)
{
    struct fixture *f = *state;
    struct batch_result result = run(f, 2, (enum what[]){REFUSE, LOOK});
    assert_int_equal(result.st, BELL_OK);
    assert_false(result.has_changed);
}

static void a_lost_transaction_refuses_the_whole_batch(void **state)
{
    struct fixture *f = *state;
    struct batch_result result = run(f, 2, (enum what[]){WRITE, GIVE_UP});
    assert_int_equal(result.st, BELL_OK);
    /* Its row is there now, and SQLite gives up the transaction. */
    result = run(f, 3, (enum what[]){GIVE_UP, REFUSE, WRITE});
    assert_int_equal(result.st, BELL_EEXISTS);
    assert_int_equal(result.done, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(f->steps[i].item.outcome.error, ERROR_INTERNAL);
        assert_int_equal(f->steps[i].item.events.count, 0);
    }
    assert_int_equal(desk_count(&f->desk, &sum_rows), 3);
    assert_int_equal(run(f, 1, (enum what[]){LOOK}).st, BELL_OK); /* and the next batch works */
}

static void a_commit_that_fails_refuses_even_what_was_refused(void **state)
{
    struct fixture *f = *state;
    db_fail_at(3); /* begin, insert, commit */
    struct batch_result result = run(f, 2, (enum what[]){WRITE, REFUSE});
    db_fail_at(0);
    assert_int_equal(result.st, BELL_EIO);
    assert_int_equal(f->steps[0].item.outcome.error, ERROR_INTERNAL);
    /* It may have been refused because of what is not there now. */
    assert_int_equal(f->steps[1].item.outcome.error, ERROR_INTERNAL);
    assert_int_equal(f->steps[0].item.events.count, 0);
    assert_int_equal(desk_count(&f->desk, &count_rows), 0);
    assert_int_equal(run(f, 1, (enum what[]){WRITE}).st, BELL_OK);
}

static void time_never_goes_back_from_one_write_to_the_next(void **state)
{
    struct fixture *f = *state;
    (void)run(f, 1, (enum what[]){LOOK});
    assert_int_equal(f->steps[0].now_us, 1000);
    fake_now = 400; /* somebody has set the clock */
    (void)run(f, 1, (enum what[]){LOOK});
    assert_int_equal(f->steps[0].now_us, 1000);
    fake_now = 1001;
    (void)run(f, 1, (enum what[]){LOOK});
    assert_int_equal(f->steps[0].now_us, 1001);
}

#define WITH_RUNNER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RUNNER(all_writes_of_a_batch_are_one_commit),
        WITH_RUNNER(a_refusal_that_wrote_nothing_costs_nothing),
        WITH_RUNNER(what_fails_after_writing_is_undone_alone),
        WITH_RUNNER(nothing_is_committed_when_all_are_refused),
        WITH_RUNNER(a_lost_transaction_refuses_the_whole_batch),
        WITH_RUNNER(a_commit_that_fails_refuses_even_what_was_refused),
        WITH_RUNNER(time_never_goes_back_from_one_write_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
