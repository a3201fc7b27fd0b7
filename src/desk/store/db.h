/*
 * Connection, transaction, statement: all that the queries know of the database behind them.
 *
 * SQL stands as text in the query files (one per table) and is written so that SQLite and
 * PostgreSQL both take it: parameters $1 $2 …, RETURNING, ON CONFLICT. A statement is prepared at
 * its first use on a connection and kept; the address of its `struct db_sql` names it.
 *
 * A connection and everything made from it belongs to one thread at a time. A failed statement
 * leaves the transaction open; who began it rolls back. Every failure is written to the log once,
 * here, with the statement that failed and never with its parameters.
 *
 * Statuses of all calls that return one:
 *   BELL_EAGAIN  another connection holds the lock longer than the connection waits
 *   BELL_EEXISTS a unique or foreign key or a check refused a row
 *   BELL_ENOMEM  out of memory
 *   BELL_ELIMIT  the disk is full
 *   BELL_EACCES  the file or folder may not be written or read
 *   BELL_EIO     anything else
 */
#ifndef DESK_STORE_DB_H
#define DESK_STORE_DB_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct store;

/* One statement; static, since its address is its name. */
struct db_sql {
    const char *text;
};

enum db_type { DB_NULL, DB_INT, DB_TEXT, DB_BYTES };

/*
 * A parameter. Bytes are borrowed until the statement has ended (db_run returned, db_end called).
 */
typedef struct {
    enum db_type type;
    int64_t number;   /* DB_INT */
    bell_slice bytes; /* DB_TEXT (UTF-8) and DB_BYTES */
} db_value;

static inline db_value db_null(void)
{
    return (db_value){.type = DB_NULL};
}

static inline db_value db_int(int64_t number)
{
    return (db_value){.type = DB_INT, .number = number};
}

static inline db_value db_text(bell_slice text)
{
    return (db_value){.type = DB_TEXT, .bytes = text};
}

static inline db_value db_bytes(const void *p, size_t n)
{
    return (db_value){.type = DB_BYTES, .bytes = bell_slice_make(p, n)};
}

/* Where absent is told by another value. */
static inline db_value db_int_or_null(bool has, int64_t number)
{
    return has ? db_int(number) : db_null();
}

static inline db_value db_text_or_null(bell_slice text)
{
    return text.p == NULL ? db_null() : db_text(text);
}

/* The parameters of a call in order, and their count. */
#define DB_PARAMS(...)                                                                             \
    (const db_value[]){__VA_ARGS__}, sizeof((const db_value[]){__VA_ARGS__}) / sizeof(db_value)
#define DB_NO_PARAMS NULL, 0

enum db_mode {
    DB_WRITER, /* begins with the write lock, so that it never fails half way for want of it */
    DB_READER  /* may only read; a transaction sees one state of the database */
};

/* --- life cycle --- */

/*
 * A further connection to an open store, which must outlive it. One writer and any number of
 * readers may work at the same time, each on its own thread.
 */
BELL_NODISCARD bell_status db_open(struct store *store, enum db_mode mode, struct db **out);
/* Rolls back what is open. NULL is fine. */
void db_close(struct db *db);

/* --- transactions --- */

/* BELL_ESTATE when one is open already. */
BELL_NODISCARD bell_status db_begin(struct db *db);
/*
 * BELL_OK: it is on disk and survives a power cut. Else nothing of it happened; it is rolled back.
 */
BELL_NODISCARD bell_status db_commit(struct db *db);
/* Fine when none is open. */
void db_rollback(struct db *db);
/*
 * A mark inside a transaction, at most one at a time: release keeps what was done since,
 * rollback_to undoes it; both remove the mark.
 */
BELL_NODISCARD bell_status db_savepoint(struct db *db);
BELL_NODISCARD bell_status db_release(struct db *db);
BELL_NODISCARD bell_status db_rollback_to(struct db *db);
/* Rows written by this connection since it was opened: tells whether a command changed anything. */
int64_t db_changes(const struct db *db);
bool db_is_writer(const struct db *db);

/*
 * A number for the queries to remember during one transaction (that of the last event): reads as -1
 * after begin, commit and every kind of rollback.
 */
int64_t db_note(const struct db *db);
void db_set_note(struct db *db, int64_t note);

/* --- statements --- */

/* Rows of a running statement. All fields are private. */
struct db_rows {
    struct db *db;
    void *statement;
    const struct db_sql *sql;
    bell_status st;
};

/* Runs a statement to its end and drops its rows. */
BELL_NODISCARD bell_status db_run(struct db *db, const struct db_sql *sql, const db_value *params,
                                  size_t count);
/*
 * Starts a statement; then db_next until false, then db_end, always. Failures show in db_end. A
 * statement must not be started again while its rows are being read.
 */
void db_query(struct db *db, const struct db_sql *sql, const db_value *params, size_t count,
              struct db_rows *out);
/* Moves to the first or next row; false at the end and on failure. */
bool db_next(struct db_rows *rows);
/* The columns of the row, from 0. Slices are borrowed until the next db_next or db_end. */
int64_t db_column_int(struct db_rows *rows, int column);
bell_slice db_column_bytes(struct db_rows *rows, int column);
bool db_column_is_null(struct db_rows *rows, int column);
/* BELL_OK when the statement ran without a failure. */
BELL_NODISCARD bell_status db_end(struct db_rows *rows);

/*
 * For tests: the n-th statement, begin or commit of any connection from now fails with BELL_EIO; 0
 * = off.
 */
void db_fail_at(int64_t n);
/* For tests: did the planned failure happen? */
bool db_failed(void);

#endif
