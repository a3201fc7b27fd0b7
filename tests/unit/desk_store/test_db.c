/*
 * Connection, transaction, statement (src/desk/store/db.h): what holds for SQLite alone stands
 * here, what every store must keep stands in tests/contract.
 */
#include "base/mem.h"
#include "desk.h"
#include "desk/store/db.h"
#include "desk/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct db_sql make_table = {
    "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, x ANY)"};
static const struct db_sql insert = {"INSERT INTO t (n, x) VALUES ($1, $2)"};
static const struct db_sql count_rows = {"SELECT count(*) FROM t"};

static int setup(void **state)
{
    int rc = desk_setup(state);
    struct desk *desk = *state;
    assert_int_equal(db_run(desk->db, &make_table, DB_NO_PARAMS), BELL_OK);
    return rc;
}

static int64_t pragma(struct desk *desk, const char *text)
{
    /*
     * The address names the statement, so each call needs its own for as long as the connection
     * lives.
     */
    static struct db_sql sql[16];
    static size_t used;
    sql[used] = (struct db_sql){text};
    return desk_count(desk, &sql[used++]);
}

static void syncs_each_commit_to_disk_and_checks_foreign_keys(void **state)
{
    struct desk *desk = *state;
    assert_int_equal(pragma(desk, "PRAGMA synchronous"), 2); /* FULL */
    assert_int_equal(pragma(desk, "PRAGMA foreign_keys"), 1);
    assert_int_equal(pragma(desk, "PRAGMA wal_autocheckpoint"), 0);
    assert_int_equal(pragma(desk, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
}

static void prepares_a_statement_once_per_connection(void **state)
{
    struct desk *desk = *state;
    assert_int_equal(db_run(desk->db, &insert, DB_PARAMS(db_int(1), db_null())), BELL_OK);
    int64_t live = bell_mem_live();
    for (int i = 2; i < 50; i++) {
        assert_int_equal(db_run(desk->db, &insert, DB_PARAMS(db_int(i), db_null())), BELL_OK);
    }
    assert_in_range(bell_mem_live() - live, 0, 4); /* pages, but no statements */
}

static void refuses_to_go_on_after_sqlite_gave_up_the_transaction(void **state)
{
    struct desk *desk = *state;
    static const struct db_sql give_up = {"INSERT OR ROLLBACK INTO t (n, x) VALUES ($1, $2)"};
    assert_int_equal(db_begin(desk->db), BELL_OK);
    assert_int_equal(db_run(desk->db, &insert, DB_PARAMS(db_int(1), db_null())), BELL_OK);
    assert_int_equal(db_run(desk->db, &give_up, DB_PARAMS(db_int(1), db_null())), BELL_EEXISTS);
    /* Else this one would be committed by itself. */
    assert_int_equal(db_run(desk->db, &insert, DB_PARAMS(db_int(2), db_null())), BELL_EEXISTS);
    assert_int_equal(db_savepoint(desk->db), BELL_EEXISTS);
    assert_int_equal(db_commit(desk->db), BELL_EEXISTS);
    assert_int_equal(desk_count(desk, &count_rows), 0);
    assert_int_equal(db_begin(desk->db), BELL_OK);
    assert_int_equal(db_run(desk->db, &insert, DB_PARAMS(db_int(3), db_null())), BELL_OK);
    assert_int_equal(db_commit(desk->db), BELL_OK);
    assert_int_equal(desk_count(desk, &count_rows), 1);
}

static void a_reader_cannot_write(void **state)
{
    struct desk *desk = *state;
    struct db *reader = NULL;
    assert_int_equal(db_open(desk->store, DB_READER, &reader), BELL_OK);
    assert_false(db_is_writer(reader));
    assert_int_equal(db_run(reader, &insert, DB_PARAMS(db_int(1), db_null())), BELL_EACCES);
    db_close(reader);
    assert_int_equal(desk_count(desk, &count_rows), 0);
}

static void fails_as_planned_once(void **state)
{
    struct desk *desk = *state;
    db_fail_at(2);
    assert_int_equal(db_run(desk->db, &insert, DB_PARAMS(db_int(1), db_null())), BELL_OK);
    assert_false(db_failed());
    assert_int_equal(db_run(desk->db, &insert, DB_PARAMS(db_int(2), db_null())), BELL_EIO);
    assert_true(db_failed());
    assert_int_equal(db_run(desk->db, &insert, DB_PARAMS(db_int(3), db_null())), BELL_OK);
    db_fail_at(0);
    assert_int_equal(desk_count(desk, &count_rows), 2);
}

static void gives_all_memory_back(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk); /* The first time SQLite keeps something for the process. */
    desk_close(&desk);
    int64_t live = bell_mem_live();
    desk_open(&desk);
    desk_close(&desk);
    assert_int_equal(bell_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(syncs_each_commit_to_disk_and_checks_foreign_keys, setup,
                                        desk_teardown),
        cmocka_unit_test_setup_teardown(prepares_a_statement_once_per_connection, setup,
                                        desk_teardown),
        cmocka_unit_test_setup_teardown(refuses_to_go_on_after_sqlite_gave_up_the_transaction,
                                        setup, desk_teardown),
        cmocka_unit_test_setup_teardown(a_reader_cannot_write, setup, desk_teardown),
        cmocka_unit_test_setup_teardown(fails_as_planned_once, setup, desk_teardown),
        cmocka_unit_test(gives_all_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
