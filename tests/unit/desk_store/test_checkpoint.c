/*
 * The log (src/desk/store/checkpoint.c): it stays small however much is written, and however
 * little the writer rests.
 */
#include "desk.h"
#include "desk/store/db.h"
#include "desk/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <cmocka.h>

static const struct db_sql make_table = {"CREATE TABLE t (n INTEGER PRIMARY KEY, x BLOB)"};
static const struct db_sql insert = {"INSERT INTO t (x) VALUES ($1)"};
static const struct db_sql count_rows = {"SELECT count(*) FROM t"};

enum {
    LIMIT_KIB = 512,
    ROUNDS = 2000,
    ROW_BYTES = 8000,
    COMMIT_KIB = 64 /* pages of one, at most */
};

static int64_t file_size(const char *folder, const char *name)
{
    char path[DESK_PATH_BYTES];
    folder_path(folder, name, path);
    struct stat file;
    return stat(path, &file) == 0 ? file.st_size : 0;
}

static void the_log_does_not_grow_without_end_under_steady_writes(void **state)
{
    (void)state;
    char folder[DESK_FOLDER_BYTES];
    char why[STORE_WHY_BYTES];
    struct store *store = NULL;
    struct db *db = NULL;
    static const char row[ROW_BYTES];
    folder_make(folder);
    const struct store_options options = {.folder = bell_slice_from(folder),
                                          .is_server = true,
                                          .checkpoint_kib = 64,
                                          .log_limit_kib = LIMIT_KIB};
    assert_int_equal(store_open(&options, why, &store), BELL_OK);
    assert_int_equal(db_open(store, DB_WRITER, &db), BELL_OK);
    assert_int_equal(db_run(db, &make_table, DB_NO_PARAMS), BELL_OK);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(db_begin(db), BELL_OK);
        assert_int_equal(db_run(db, &insert, DB_PARAMS(db_bytes(row, sizeof row))), BELL_OK);
        assert_int_equal(db_commit(db), BELL_OK);
    }
    /* 16 MB and more were written. No time plays a part: who writes waits for who copies. The
     * commit that reaches the limit is in the log before it is heard of. */
    assert_in_range(file_size(folder, "deskbell.db-wal"), 1, (LIMIT_KIB + COMMIT_KIB) * 1024);
    assert_in_range(file_size(folder, "deskbell.db"), ROUNDS * ROW_BYTES / 4, INT64_MAX);
    struct db_rows rows;
    db_query(db, &count_rows, DB_NO_PARAMS, &rows);
    assert_true(db_next(&rows));
    assert_int_equal(db_column_int(&rows, 0), ROUNDS);
    assert_int_equal(db_end(&rows), BELL_OK);
    db_close(db);
    store_close(store);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_does_not_grow_without_end_under_steady_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
