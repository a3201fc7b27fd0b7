/*
 * What the SQLite files of this folder share: the store behind store.h and the connection behind
 * db.h.
 *
 * Private to desk/store.
 */
#ifndef DESK_STORE_SQLITE_H
#define DESK_STORE_SQLITE_H

#include "bell/status.h"
#include "desk/store/db.h"
#include "desk/store/store.h"

#include <sqlite3.h>

struct checkpointer;

/* How long a connection waits for a lock another one holds: a checkpoint, or the command line. */
enum { SQLITE_BUSY_TIMEOUT_MS = 10000 };

struct store {
    char *folder;                      /* (owned) */
    char *path;                        /* (owned) of the database file */
    int lock_fd;                       /* held by a server; -1 = none */
    struct checkpointer *checkpointer; /* (owned) NULL for the command line */
    uint32_t writer_cache_kib;
    uint32_t reader_cache_kib;
};

/* Statements of a connection, found by the address of their db_sql; a power of two. */
enum { DB_CACHE_SLOTS = 256 };

struct db_slot {
    const struct db_sql *sql;
    sqlite3_stmt *statement; /* (owned) */
};

struct db {
    sqlite3 *handle;                   /* (owned) */
    struct checkpointer *checkpointer; /* (borrowed) told of the log's size; writer only */
    enum db_mode mode;
    bool is_open;       /* between begin and commit or rollback */
    bool has_savepoint; /* between savepoint and release or rollback_to */
    bell_status lost;   /* why SQLite itself rolled back the transaction; BELL_OK = it did not */
    int64_t note;       /* see db_note */
    size_t statements;  /* slots in use */
    struct db_slot slots[DB_CACHE_SLOTS];
};

/* SQLite's result code in our words. */
bell_status sqlite_status(int code);
/* A bare handle with the pragmas that all connections share. Logs failures. */
BELL_NODISCARD bell_status sqlite_connect(const char *path, bool read_only, uint32_t cache_kib,
                                          sqlite3 **out);
/* Once per process, before anything else: memory through base/mem.h, no shared connections. */
BELL_NODISCARD bell_status sqlite_prepare_process(void);

/* --- checkpoint.c: copies the log into the database file, on a thread of its own --- */

BELL_NODISCARD bell_status checkpointer_create(const char *path, uint32_t start_kib,
                                               uint32_t limit_kib, struct checkpointer **out);
/* Ends the thread. NULL is fine. */
void checkpointer_destroy(struct checkpointer *c);
/*
 * The log has so many pages after a commit of this writer. From the writer's thread; cheap, unless
 * the log has reached its limit: then it copies the rest.
 */
void checkpointer_hear(struct checkpointer *c, sqlite3 *writer, int log_pages);

/* --- schema.c --- */

/*
 * Brings the schema up to date. BELL_EINVAL: newer than this program, or somebody else's database.
 */
BELL_NODISCARD bell_status schema_migrate(sqlite3 *handle, char *why);

#endif
