/*
 * The database behind db.h: SQLite in WAL mode with synchronous=FULL.
 *
 * Every commit is one append to the log and one fdatasync of it. A connection opens without
 * SQLite's own mutexes, since it belongs to one thread at a time. See sqlite.org/wal.html and
 * sqlite.org/lang_transaction.html, section "Response To Errors Within A Transaction".
 */
#include "desk/store/sqlite.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

static struct bell_log_limit failure_log;

bell_status sqlite_status(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return BELL_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return BELL_EAGAIN;
    case SQLITE_CONSTRAINT:
        return BELL_EEXISTS;
    case SQLITE_NOMEM:
        return BELL_ENOMEM;
    case SQLITE_FULL:
        return BELL_ELIMIT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
        return BELL_EACCES;
    case SQLITE_NOTADB:
        return BELL_EINVAL;
    default:
        return BELL_EIO;
    }
}

/* --- planned failures of tests --- */

static atomic_int_fast64_t fail_countdown; /* 0 = off, 1 = the next call fails */
static atomic_bool has_failed;

void db_fail_at(int64_t n)
{
    atomic_store(&has_failed, false);
    atomic_store(&fail_countdown, n);
}

bool db_failed(void)
{
    return atomic_load(&has_failed);
}

static bool must_fail(void)
{
    /* Relaxed: only a count. */
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0 ||
        atomic_fetch_sub(&fail_countdown, 1) != 1) {
        return false;
    }
    atomic_store(&has_failed, true);
    return true;
}

/* --- connections --- */

bell_status sqlite_connect(const char *path, bool read_only, uint32_t cache_kib, sqlite3 **out)
{
    char pragmas[256];
    int n = snprintf(pragmas, sizeof pragmas,
                     "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=0;"
                     "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-%u;"
                     "PRAGMA query_only=%d;",
                     cache_kib, read_only ? 1 : 0);
    assert(n > 0 && (size_t)n < sizeof pragmas);
    sqlite3 *handle = NULL;
    /* A reader, too, needs to write the file of the shared index beside the log. */
    int code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(handle, 1);
        (void)sqlite3_busy_timeout(handle, SQLITE_BUSY_TIMEOUT_MS);
        code = sqlite3_exec(handle, pragmas, NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        bell_log(BELL_LOG_ERROR, "store: cannot open database path=%s code=%d reason=\"%s\"", path,
                 code, handle == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(handle));
        (void)sqlite3_close(handle);
        return sqlite_status(code);
    }
    *out = handle;
    return BELL_OK;
}

/* The statement of the way out must not need memory when memory is what is missing. */
static const struct db_sql rollback_sql = {"ROLLBACK"};
static bell_status statement_get(struct db *db, const struct db_sql *sql, sqlite3_stmt **out);

static int on_log_grown(void *user, sqlite3 *handle, const char *name, int pages)
{
    (void)name;
    checkpointer_hear(user, handle, pages);
    return SQLITE_OK;
}

bell_status db_open(struct store *store, enum db_mode mode, struct db **out)
{
    struct db *db = bell_mem_zalloc(sizeof *db);
    if (db == NULL) {
        return BELL_ENOMEM;
    }
    db->mode = mode;
    db->note = -1;
    uint32_t cache = mode == DB_WRITER ? store->writer_cache_kib : store->reader_cache_kib;
    bell_status st = sqlite_connect(store->path, mode == DB_READER, cache, &db->handle);
    if (st != BELL_OK) {
        bell_mem_free(db);
        return st;
    }
    sqlite3_stmt *rollback = NULL;
    st = statement_get(db, &rollback_sql, &rollback);
    if (st != BELL_OK) {
        db_close(db);
        return st;
    }
    if (mode == DB_WRITER && store->checkpointer != NULL) {
        (void)sqlite3_wal_hook(db->handle, on_log_grown, store->checkpointer);
    }
    *out = db;
    return BELL_OK;
}

void db_close(struct db *db)
{
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; i < DB_CACHE_SLOTS; i++) {
        (void)sqlite3_finalize(db->slots[i].statement);
    }
    /* Closing rolls back what is open. */
    int code = sqlite3_close(db->handle);
    assert(code == SQLITE_OK);
    bell_mem_free(db);
}

/* --- statements --- */

/*
 * Tells of a failure once; why SQLite gave up the whole transaction is kept for what comes after.
 */
static bell_status fail(struct db *db, int code, const char *what)
{
    bell_status st = sqlite_status(code);
    if (db->is_open && db->lost == BELL_OK && sqlite3_get_autocommit(db->handle) != 0) {
        db->lost = st;
    }
    /* A unique key that says no is often an ordinary answer. */
    enum bell_log_level level = st == BELL_EEXISTS ? BELL_LOG_DEBUG : BELL_LOG_ERROR;
    bell_log_limited(&failure_log, level,
                     "store: statement failed code=%d reason=\"%s\" sql=\"%s\"", code,
                     sqlite3_errmsg(db->handle), what);
    return st;
}

static bell_status fail_planned(const char *what)
{
    bell_log_limited(&failure_log, BELL_LOG_DEBUG, "store: planned failure sql=\"%s\"", what);
    return BELL_EIO;
}

/*
 * The parameters must appear in the order of their numbers, since SQLite counts them by
 * appearance.
 */
static bool parameters_are_in_order(sqlite3_stmt *statement)
{
    int count = sqlite3_bind_parameter_count(statement);
    for (int i = 1; i <= count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "$%d", i);
        const char *found = sqlite3_bind_parameter_name(statement, i);
        if (found == NULL || strcmp(found, name) != 0) {
            return false;
        }
    }
    return true;
}

static struct db_slot *slot_of(struct db *db, const struct db_sql *sql)
{
    size_t i = ((uintptr_t)sql >> 3) & (DB_CACHE_SLOTS - 1);
    while (db->slots[i].sql != NULL && db->slots[i].sql != sql) {
        i = (i + 1) & (DB_CACHE_SLOTS - 1);
    }
    return &db->slots[i];
}

static bell_status statement_get(struct db *db, const struct db_sql *sql, sqlite3_stmt **out)
{
    struct db_slot *slot = slot_of(db, sql);
    if (slot->sql == NULL) {
        assert(db->statements < DB_CACHE_SLOTS / 2);
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v3(db->handle, sql->text, -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement, NULL);
        if (code != SQLITE_OK) {
            return fail(db, code, sql->text);
        }
        assert(parameters_are_in_order(statement));
        slot->sql = sql;
        slot->statement = statement;
        db->statements++;
    }
    *out = slot->statement;
    return BELL_OK;
}

static int bind_one(sqlite3_stmt *statement, int index, const db_value *v)
{
    /* An empty slice may have no address; SQLite would take that for NULL. */
    const char *p = v->bytes.p == NULL ? "" : v->bytes.p;
    switch (v->type) {
    case DB_NULL:
        return sqlite3_bind_null(statement, index);
    case DB_INT:
        return sqlite3_bind_int64(statement, index, v->number);
    case DB_TEXT:
        return sqlite3_bind_text64(statement, index, p, v->bytes.n, SQLITE_STATIC, SQLITE_UTF8);
    case DB_BYTES:
        return sqlite3_bind_blob64(statement, index, p, v->bytes.n, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static bell_status statement_start(struct db *db, const struct db_sql *sql, const db_value *params,
                                   size_t count, sqlite3_stmt **out)
{
    if (must_fail()) {
        return fail_planned(sql->text);
    }
    /*
     * Without this the rest of a transaction that is gone would be committed statement by
     * statement.
     */
    if (db->lost != BELL_OK) {
        return db->lost;
    }
    sqlite3_stmt *statement = NULL;
    bell_status st = statement_get(db, sql, &statement);
    if (st != BELL_OK) {
        return st;
    }
    assert(!sqlite3_stmt_busy(statement));
    assert((size_t)sqlite3_bind_parameter_count(statement) == count);
    for (size_t i = 0; i < count; i++) {
        int code = bind_one(statement, (int)i + 1, &params[i]);
        if (code != SQLITE_OK) {
            return fail(db, code, sql->text);
        }
    }
    *out = statement;
    return BELL_OK;
}

void db_query(struct db *db, const struct db_sql *sql, const db_value *params, size_t count,
              struct db_rows *out)
{
    sqlite3_stmt *statement = NULL;
    bell_status st = statement_start(db, sql, params, count, &statement);
    *out = (struct db_rows){.db = db, .statement = statement, .sql = sql, .st = st};
}

bool db_next(struct db_rows *rows)
{
    if (rows->st != BELL_OK) {
        return false;
    }
    int code = sqlite3_step(rows->statement);
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        rows->st = fail(rows->db, code, rows->sql->text);
    }
    return false;
}

int64_t db_column_int(struct db_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

bell_slice db_column_bytes(struct db_rows *rows, int column)
{
    const char *p = sqlite3_column_blob(rows->statement, column);
    int n = sqlite3_column_bytes(rows->statement, column);
    if (p == NULL && sqlite3_column_type(rows->statement, column) != SQLITE_NULL) {
        return BELL_LIT(""); /* empty is not absent */
    }
    return bell_slice_make(p, (size_t)n);
}

bool db_column_is_null(struct db_rows *rows, int column)
{
    return sqlite3_column_type(rows->statement, column) == SQLITE_NULL;
}

bell_status db_end(struct db_rows *rows)
{
    if (rows->statement != NULL) {
        /* Repeats the failure of the last step, which has been told. */
        (void)sqlite3_reset(rows->statement);
        rows->statement = NULL;
    }
    return rows->st;
}

bell_status db_run(struct db *db, const struct db_sql *sql, const db_value *params, size_t count)
{
    struct db_rows rows;
    db_query(db, sql, params, count, &rows);
    while (db_next(&rows)) {
    }
    return db_end(&rows);
}

/* --- transactions --- */

static const struct db_sql begin_write = {"BEGIN IMMEDIATE"};
static const struct db_sql begin_read = {"BEGIN"};
static const struct db_sql commit_sql = {"COMMIT"};
static const struct db_sql savepoint_sql = {"SAVEPOINT item"};
static const struct db_sql release_sql = {"RELEASE item"};
static const struct db_sql rollback_to_sql = {"ROLLBACK TO item"};

static void closed(struct db *db)
{
    db->is_open = false;
    db->has_savepoint = false;
    db->lost = BELL_OK;
    db->note = -1;
}

bell_status db_begin(struct db *db)
{
    if (db->is_open) {
        return BELL_ESTATE;
    }
    bell_status st = db_run(db, db->mode == DB_WRITER ? &begin_write : &begin_read, DB_NO_PARAMS);
    if (st != BELL_OK) {
        return st;
    }
    closed(db);
    db->is_open = true;
    return BELL_OK;
}

bell_status db_commit(struct db *db)
{
    if (!db->is_open) {
        return BELL_ESTATE;
    }
    bell_status st = db_run(db, &commit_sql, DB_NO_PARAMS);
    if (st == BELL_OK) {
        closed(db);
    } else {
        db_rollback(db);
    }
    return st;
}

void db_rollback(struct db *db)
{
    if (!db->is_open) {
        return;
    }
    if (sqlite3_get_autocommit(db->handle) == 0) {
        /*
         * Past the planned failures and without an allocation: there is no way on from a failed
         * rollback.
         */
        sqlite3_stmt *statement = NULL;
        int code = SQLITE_OK;
        if (statement_get(db, &rollback_sql, &statement) == BELL_OK) {
            code = sqlite3_step(statement);
            (void)sqlite3_reset(statement);
        }
        if (sqlite3_get_autocommit(db->handle) == 0) {
            bell_log(BELL_LOG_ERROR, "store: rollback failed code=%d reason=\"%s\"", code,
                     sqlite3_errmsg(db->handle));
        }
    }
    closed(db);
}

bell_status db_savepoint(struct db *db)
{
    if (!db->is_open || db->has_savepoint) {
        return BELL_ESTATE;
    }
    bell_status st = db_run(db, &savepoint_sql, DB_NO_PARAMS);
    db->has_savepoint = st == BELL_OK;
    return st;
}

bell_status db_release(struct db *db)
{
    if (!db->has_savepoint) {
        return BELL_ESTATE;
    }
    bell_status st = db_run(db, &release_sql, DB_NO_PARAMS);
    if (st == BELL_OK) {
        db->has_savepoint = false;
    }
    return st;
}

bell_status db_rollback_to(struct db *db)
{
    if (!db->has_savepoint) {
        return BELL_ESTATE;
    }
    db->note = -1;
    bell_status st = db_run(db, &rollback_to_sql, DB_NO_PARAMS);
    if (st != BELL_OK) {
        return st;
    }
    return db_release(db);
}

int64_t db_changes(const struct db *db)
{
    return sqlite3_total_changes64(db->handle);
}

bool db_is_writer(const struct db *db)
{
    return db->mode == DB_WRITER;
}

int64_t db_note(const struct db *db)
{
    return db->note;
}

void db_set_note(struct db *db, int64_t note)
{
    db->note = note;
}
