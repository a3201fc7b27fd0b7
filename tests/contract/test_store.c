/*
 * What every store promises (src/desk/store/db.h). A further store is a further line in `stores`;
 * the statements here, as those of the query files, are written for all of them.
 */
#include "base/compiler.h"
#include "desk.h"
#include "desk/store/db.h"
#include "desk/store/event.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct store_kind {
    const char *name;
    void (*open)(struct desk *desk);
    void (*close)(struct desk *desk);
};

static const struct store_kind stores[] = {
    {"sqlite", desk_open, desk_close},
};

static const struct store_kind *kind; /* of the tests that run now */

static const struct db_sql make_table = {
    "CREATE TABLE t (n INTEGER PRIMARY KEY, a INTEGER, b TEXT, c BLOB, u INTEGER UNIQUE)"};
static const struct db_sql insert = {"INSERT INTO t (n) VALUES ($1)"};
static const struct db_sql insert_unique = {"INSERT INTO t (n, u) VALUES ($1, $2)"};
static const struct db_sql count_rows = {"SELECT count(*) FROM t"};

struct fixture {
    struct desk desk;
    struct db *reader;
};

static int setup(void **state)
{
    static struct fixture f;
    kind->open(&f.desk);
    assert_int_equal(db_run(f.desk.db, &make_table, DB_NO_PARAMS), BELL_OK);
    assert_int_equal(db_open(f.desk.store, DB_READER, &f.reader), BELL_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    db_close(f->reader);
    kind->close(&f->desk);
    return 0;
}

static bell_status put(struct db *db, int64_t n)
{
    return db_run(db, &insert, DB_PARAMS(db_int(n)));
}

static int64_t rows_of(struct db *db)
{
    struct db_rows rows;
    db_query(db, &count_rows, DB_NO_PARAMS, &rows);
    assert_true(db_next(&rows));
    int64_t count = db_column_int(&rows, 0);
    assert_false(db_next(&rows));
    assert_int_equal(db_end(&rows), BELL_OK);
    return count;
}

/* --- values --- */

static void values_come_back_as_they_were_given(void **state)
{
    struct fixture *f = *state;
    static const struct db_sql put_values = {"INSERT INTO t (n, a, b, c) VALUES ($1, $2, $3, $4)"};
    static const struct db_sql get_values = {"SELECT a, b, c FROM t WHERE n = $1"};
    static const struct {
        int64_t a;
        const char *b;
    } cases[] = {
        {0, ""},
        {INT64_MAX, "text"},
        {INT64_MIN, "배송 😀 'quoted' \"twice\" \\ % $1 ?"},
        {-1, "line\nline"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(cases); i++) {
        bell_slice b = bell_slice_from(cases[i].b);
        const uint8_t c[] = {0, 1, 0xff, 0, (uint8_t)i};
        assert_int_equal(db_run(f->desk.db, &put_values,
                                DB_PARAMS(db_int((int64_t)i), db_int(cases[i].a), db_text(b),
                                          db_bytes(c, sizeof c))),
                         BELL_OK);
        struct db_rows rows;
        db_query(f->reader, &get_values, DB_PARAMS(db_int((int64_t)i)), &rows);
        assert_true(db_next(&rows));
        assert_int_equal(db_column_int(&rows, 0), cases[i].a);
        assert_false(db_column_is_null(&rows, 1));
        assert_true(bell_slice_equal(db_column_bytes(&rows, 1), b));
        assert_true(bell_slice_equal(db_column_bytes(&rows, 2), bell_slice_make(c, sizeof c)));
        assert_false(db_next(&rows));
        assert_int_equal(db_end(&rows), BELL_OK);
    }
}

static void absent_is_not_empty(void **state)
{
    struct fixture *f = *state;
    static const struct db_sql put_text = {"INSERT INTO t (n, b) VALUES ($1, $2)"};
    static const struct db_sql get_text = {"SELECT b FROM t ORDER BY n"};
    const bell_slice absent = {NULL, 0};
    assert_int_equal(db_run(f->desk.db, &put_text, DB_PARAMS(db_int(1), db_text_or_null(absent))),
                     BELL_OK);
    assert_int_equal(db_run(f->desk.db, &put_text, DB_PARAMS(db_int(2), db_text(absent))), BELL_OK);
    assert_int_equal(
        db_run(f->desk.db, &put_text, DB_PARAMS(db_int(3), db_text_or_null(BELL_LIT("")))),
        BELL_OK);
    struct db_rows rows;
    db_query(f->desk.db, &get_text, DB_NO_PARAMS, &rows);
    assert_true(db_next(&rows));
    assert_true(db_column_is_null(&rows, 0));
    assert_null(db_column_bytes(&rows, 0).p);
    for (int i = 0; i < 2; i++) {
        assert_true(db_next(&rows));
        assert_false(db_column_is_null(&rows, 0));
        assert_non_null(db_column_bytes(&rows, 0).p);
        assert_int_equal(db_column_bytes(&rows, 0).n, 0);
    }
    assert_int_equal(db_end(&rows), BELL_OK);
}

static void returning_and_on_conflict_work(void **state)
{
    struct fixture *f = *state;
    static const struct db_sql upsert = {
        "INSERT INTO t (u, a) VALUES ($1, $2)"
        " ON CONFLICT (u) DO UPDATE SET a = excluded.a RETURNING n, a"};
    int64_t numbers[2] = {0};
    for (int64_t i = 0; i < 2; i++) {
        struct db_rows rows;
        db_query(f->desk.db, &upsert, DB_PARAMS(db_int(7), db_int(i)), &rows);
        assert_true(db_next(&rows));
        numbers[i] = db_column_int(&rows, 0);
        assert_int_equal(db_column_int(&rows, 1), i);
        assert_false(db_next(&rows));
        assert_int_equal(db_end(&rows), BELL_OK);
    }
    assert_int_equal(numbers[0], numbers[1]);
}

static void a_second_row_of_a_unique_key_exists_already(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(db_run(f->desk.db, &insert_unique, DB_PARAMS(db_int(1), db_int(5))), BELL_OK);
    assert_int_equal(db_run(f->desk.db, &insert_unique, DB_PARAMS(db_int(2), db_int(5))),
                     BELL_EEXISTS);
    assert_int_equal(db_run(f->desk.db, &insert_unique, DB_PARAMS(db_int(2), db_int(6))), BELL_OK);
}

static void a_statement_may_be_left_before_its_last_row(void **state)
{
    struct fixture *f = *state;
    static const struct db_sql get_all = {"SELECT n FROM t ORDER BY n"};
    for (int64_t i = 1; i <= 5; i++) {
        assert_int_equal(put(f->desk.db, i), BELL_OK);
    }
    for (int round = 0; round < 2; round++) {
        struct db_rows rows;
        db_query(f->desk.db, &get_all, DB_NO_PARAMS, &rows);
        assert_true(db_next(&rows));
        assert_int_equal(db_column_int(&rows, 0), 1);
        assert_int_equal(db_end(&rows), BELL_OK);
    }
}

/* --- transactions --- */

static void others_see_a_transaction_only_when_it_is_committed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(db_begin(f->desk.db), BELL_OK);
    assert_int_equal(put(f->desk.db, 1), BELL_OK);
    assert_int_equal(rows_of(f->desk.db), 1);
    assert_int_equal(rows_of(f->reader), 0);
    assert_int_equal(db_commit(f->desk.db), BELL_OK);
    assert_int_equal(rows_of(f->reader), 1);
}

static void a_rollback_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(db_begin(f->desk.db), BELL_OK);
    assert_int_equal(put(f->desk.db, 1), BELL_OK);
    db_rollback(f->desk.db);
    db_rollback(f->desk.db); /* fine when none is open */
    assert_int_equal(rows_of(f->desk.db), 0);
    assert_int_equal(db_begin(f->desk.db), BELL_OK);
    assert_int_equal(db_commit(f->desk.db), BELL_OK);
}

static void a_reader_sees_one_state_as_long_as_its_transaction(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f->desk.db, 1), BELL_OK);
    assert_int_equal(db_begin(f->reader), BELL_OK);
    assert_int_equal(rows_of(f->reader), 1);
    assert_int_equal(put(f->desk.db, 2), BELL_OK);
    assert_int_equal(rows_of(f->reader), 1);
    db_rollback(f->reader);
    assert_int_equal(rows_of(f->reader), 2);
}

static void a_savepoint_undoes_only_what_came_after_it(void **state)
{
    struct fixture *f = *state;
    struct db *db = f->desk.db;
    assert_int_equal(db_begin(db), BELL_OK);
    assert_int_equal(put(db, 1), BELL_OK);
    assert_int_equal(db_savepoint(db), BELL_OK);
    assert_int_equal(put(db, 2), BELL_OK);
    assert_int_equal(db_rollback_to(db), BELL_OK);
    assert_int_equal(rows_of(db), 1);
    assert_int_equal(db_savepoint(db), BELL_OK);
    assert_int_equal(put(db, 3), BELL_OK);
    assert_int_equal(db_release(db), BELL_OK);
    assert_int_equal(db_commit(db), BELL_OK);
    assert_int_equal(rows_of(f->reader), 2);
}

static void steps_in_the_wrong_order_are_refused(void **state)
{
    struct fixture *f = *state;
    struct db *db = f->desk.db;
    assert_int_equal(db_commit(db), BELL_ESTATE);
    assert_int_equal(db_savepoint(db), BELL_ESTATE);
    assert_int_equal(db_begin(db), BELL_OK);
    assert_int_equal(db_begin(db), BELL_ESTATE);
    assert_int_equal(db_release(db), BELL_ESTATE);
    assert_int_equal(db_rollback_to(db), BELL_ESTATE);
    assert_int_equal(db_savepoint(db), BELL_OK);
    assert_int_equal(db_savepoint(db), BELL_ESTATE);
    assert_int_equal(db_commit(db), BELL_OK); /* takes the savepoint along */
    assert_int_equal(db_release(db), BELL_ESTATE);
}

static void a_failed_statement_leaves_the_transaction_open(void **state)
{
    struct fixture *f = *state;
    struct db *db = f->desk.db;
    assert_int_equal(db_begin(db), BELL_OK);
    assert_int_equal(put(db, 1), BELL_OK);
    assert_int_equal(db_savepoint(db), BELL_OK);
    assert_int_equal(put(db, 1), BELL_EEXISTS);
    assert_int_equal(db_rollback_to(db), BELL_OK);
    assert_int_equal(put(db, 2), BELL_OK);
    assert_int_equal(db_commit(db), BELL_OK);
    assert_int_equal(rows_of(f->reader), 2);
}

static void changes_tell_whether_anything_was_written(void **state)
{
    struct fixture *f = *state;
    int64_t before = db_changes(f->desk.db);
    assert_int_equal(rows_of(f->desk.db), 0);
    assert_int_equal(db_changes(f->desk.db), before);
    assert_int_equal(put(f->desk.db, 1), BELL_OK);
    assert_true(db_changes(f->desk.db) > before);
}

static void a_note_lasts_as_long_as_what_it_is_about(void **state)
{
    struct fixture *f = *state;
    struct db *db = f->desk.db;
    assert_int_equal(db_begin(db), BELL_OK);
    assert_int_equal(db_note(db), -1);
    db_set_note(db, 7);
    assert_int_equal(db_savepoint(db), BELL_OK);
    assert_int_equal(db_note(db), 7);
    assert_int_equal(db_rollback_to(db), BELL_OK);
    assert_int_equal(db_note(db), -1);
    db_set_note(db, 8);
    assert_int_equal(db_commit(db), BELL_OK);
    assert_int_equal(db_begin(db), BELL_OK);
    assert_int_equal(db_note(db), -1);
    db_set_note(db, 9);
    db_rollback(db);
    assert_int_equal(db_note(db), -1);
}

static void events_are_numbered_without_gaps_whatever_is_rolled_back(void **state)
{
    struct fixture *f = *state;
    struct db *db = f->desk.db;
    const struct event_row row = {.kind = EVENT_KIND_CONVERSATION, .conversation = 1};
    int64_t number = 0;
    for (int64_t expected = 1; expected < 20; expected += 2) {
        assert_int_equal(db_begin(db), BELL_OK);
        assert_int_equal(store_event_append(db, &row, 1, &number), BELL_OK);
        assert_int_equal(number, expected);
        assert_int_equal(db_savepoint(db), BELL_OK);
        assert_int_equal(store_event_append(db, &row, 1, &number), BELL_OK);
        assert_int_equal(db_rollback_to(db), BELL_OK);
        assert_int_equal(store_event_append(db, &row, 1, &number), BELL_OK);
        assert_int_equal(number, expected + 1);
        assert_int_equal(db_commit(db), BELL_OK);
        assert_int_equal(db_begin(db), BELL_OK);
        assert_int_equal(store_event_append(db, &row, 1, &number), BELL_OK);
        db_rollback(db);
    }
}

/* --- several at once --- */

struct second_writer {
    struct store *store;
    atomic_bool is_waiting;
    bell_status st;
};

static void *write_beside(void *user)
{
    struct second_writer *w = user;
    struct db *db = NULL;
    w->st = db_open(w->store, DB_WRITER, &db);
    if (w->st != BELL_OK) {
        return NULL;
    }
    atomic_store(&w->is_waiting, true);
    w->st = db_begin(db); /* waits for the other one */
    if (w->st == BELL_OK) {
        w->st = put(db, 2);
    }
    if (w->st == BELL_OK) {
        w->st = db_commit(db);
    }
    db_close(db);
    return NULL;
}

static void a_second_writer_waits_for_the_first(void **state)
{
    struct fixture *f = *state;
    struct second_writer w = {.store = f->desk.store};
    pthread_t thread;
    assert_int_equal(db_begin(f->desk.db), BELL_OK);
    assert_int_equal(put(f->desk.db, 1), BELL_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_beside, &w), 0);
    while (!atomic_load(&w.is_waiting)) {
        (void)usleep(100);
    }
    assert_int_equal(rows_of(f->reader), 0);
    assert_int_equal(db_commit(f->desk.db), BELL_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w.st, BELL_OK);
    assert_int_equal(rows_of(f->reader), 2);
}

static void closing_in_the_middle_rolls_back(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    assert_int_equal(db_open(f->desk.store, DB_WRITER, &db), BELL_OK);
    assert_int_equal(db_begin(db), BELL_OK);
    assert_int_equal(put(db, 1), BELL_OK);
    db_close(db);
    db_close(NULL);
    assert_int_equal(rows_of(f->reader), 0);
    assert_int_equal(put(f->desk.db, 1), BELL_OK);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(values_come_back_as_they_were_given),
        WITH_STORE(absent_is_not_empty),
        WITH_STORE(returning_and_on_conflict_work),
        WITH_STORE(a_second_row_of_a_unique_key_exists_already),
        WITH_STORE(a_statement_may_be_left_before_its_last_row),
        WITH_STORE(others_see_a_transaction_only_when_it_is_committed),
        WITH_STORE(a_rollback_leaves_nothing),
        WITH_STORE(a_reader_sees_one_state_as_long_as_its_transaction),
        WITH_STORE(a_savepoint_undoes_only_what_came_after_it),
        WITH_STORE(steps_in_the_wrong_order_are_refused),
        WITH_STORE(a_failed_statement_leaves_the_transaction_open),
        WITH_STORE(changes_tell_whether_anything_was_written),
        WITH_STORE(a_note_lasts_as_long_as_what_it_is_about),
        WITH_STORE(events_are_numbered_without_gaps_whatever_is_rolled_back),
        WITH_STORE(a_second_writer_waits_for_the_first),
        WITH_STORE(closing_in_the_middle_rolls_back),
    };
    int failed = 0;
    for (size_t i = 0; i < BELL_ARRAY_LEN(stores); i++) {
        kind = &stores[i];
        failed += cmocka_run_group_tests_name(kind->name, tests, NULL, NULL);
    }
    return failed;
}
