/*
 * The schema, as numbered steps.
 *
 * PRAGMA user_version holds the number of the last step that was taken; each step and its number
 * are one transaction. A step that was ever released is never edited: what changes is a new step.
 *
 * All tables are STRICT. Times are microseconds since 1970. Enums hold the numbers of
 * desk/proto/types.h, whose order is therefore fixed.
 *
 * What happens at each message decides the shape of the busy tables:
 *
 *   message       appended in the order of the desk's events, whose number is its key: rows of
 *                 one moment lie together and share pages. Its two other keys begin with the
 *                 conversation, so that what is busy now touches few pages. sender is 0 for the
 *                 visitor, else the agent: with the conversation it says whose ids must not repeat.
 *   conversation  small rows without text: lists fetch the beginnings of two messages when they are
 *                 read. The partial indices hold what the lists show, in their order.
 */
#include "desk/store/sqlite.h"

#include "base/compiler.h"
#include "base/log.h"

#include <assert.h>
#include <stdio.h>

/* Tells our files from other people's (PRAGMA application_id): "Desk". */
enum { APPLICATION_ID = 0x4465736b };

static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE site ("
    "    number INTEGER PRIMARY KEY,"
    "    key TEXT NOT NULL UNIQUE,"
    "    name TEXT NOT NULL,"
    "    welcome TEXT NOT NULL," /* empty: none */
    "    origins TEXT NOT NULL," /* one a line; empty: any */
    "    created_at INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE visitor ("
    "    number INTEGER PRIMARY KEY,"
    "    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
    "    site INTEGER NOT NULL REFERENCES site (number),"
    "    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32)," /* SHA-256 */
    "    name TEXT,"
    "    email TEXT,"
    "    page TEXT,"
    "    title TEXT,"
    "    referrer TEXT,"
    "    language TEXT,"
    "    browser TEXT,"
    "    created_at INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE agent ("
    "    number INTEGER PRIMARY KEY,"
    "    name TEXT NOT NULL,"
    "    email TEXT NOT NULL,"               /* ASCII letters in lower case */
    "    password TEXT NOT NULL,"            /* argon2id, as libsodium writes it */
    "    password_version INTEGER NOT NULL," /* counts changes */
    "    role INTEGER NOT NULL,"
    "    status INTEGER NOT NULL,"
    "    removed INTEGER NOT NULL," /* 0 or 1 */
    "    created_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX agent_by_email ON agent (email) WHERE removed = 0;"

    "CREATE TABLE session ("
    "    number INTEGER PRIMARY KEY AUTOINCREMENT," /* no number names two sessions */
    "    agent INTEGER NOT NULL REFERENCES agent (number),"
    "    secret_hash BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32)," /* SHA-256 */
    "    created_at INTEGER NOT NULL,"
    "    seen_at INTEGER NOT NULL,"
    "    address TEXT NOT NULL,"
    "    browser TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX session_by_agent ON session (agent);"

    "CREATE TABLE conversation ("
    "    number INTEGER PRIMARY KEY,"
    "    visitor INTEGER NOT NULL UNIQUE REFERENCES visitor (number),"
    "    site INTEGER NOT NULL REFERENCES site (number),"
    "    state INTEGER NOT NULL,"
    "    agent INTEGER REFERENCES agent (number)," /* NULL: nobody has it */
    "    last INTEGER NOT NULL,"                   /* number of the last message */
    "    last_shown INTEGER NOT NULL,"             /* of the last that is no system line */
    "    first_visitor INTEGER NOT NULL,"          /* of the visitor's first */
    "    last_visitor INTEGER NOT NULL,"           /* of the visitor's last */
    "    unread INTEGER NOT NULL,"                 /* visitor's messages after agent_read */
    "    created_at INTEGER NOT NULL,"
    "    changed_at INTEGER NOT NULL,"
    "    waiting_since INTEGER,"
    "    visitor_delivered INTEGER NOT NULL,"
    "    visitor_read INTEGER NOT NULL,"
    "    agent_read INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX conversation_open ON conversation (changed_at) WHERE state = 0;"
    "CREATE INDEX conversation_of_agent ON conversation (agent, changed_at) WHERE state = 0;"
    "CREATE INDEX conversation_closed ON conversation (changed_at) WHERE state = 1;"

    "CREATE TABLE message ("
    "    event INTEGER PRIMARY KEY," /* number of the desk event that told of it */
    "    conversation INTEGER NOT NULL REFERENCES conversation (number),"
    "    number INTEGER NOT NULL,"
    "    sender INTEGER NOT NULL,"
    "    id BLOB," /* made by the sender; NULL for site and system */
    "    author INTEGER NOT NULL,"
    "    agent INTEGER REFERENCES agent (number),"
    "    name TEXT,"    /* that agent's name at the time */
    "    line INTEGER," /* of a system line */
    "    text TEXT NOT NULL,"
    "    at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX message_by_number ON message (conversation, number);"
    "CREATE UNIQUE INDEX message_by_id ON message (conversation, id, sender) WHERE id IS NOT NULL;"

    "CREATE TABLE event ("
    "    number INTEGER PRIMARY KEY,"
    "    kind INTEGER NOT NULL,"
    "    conversation INTEGER," /* NULL for kind agent */
    "    agent INTEGER,"        /* kind agent only */
    "    at INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE counter ("
    "    name TEXT PRIMARY KEY,"
    "    value INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE setup_token ("
    "    number INTEGER PRIMARY KEY CHECK (number = 1),"
    "    hash BLOB NOT NULL CHECK (length(hash) = 32)," /* SHA-256 */
    "    created_at INTEGER NOT NULL"
    ") STRICT;",
};

int store_schema_version(void)
{
    return (int)BELL_ARRAY_LEN(steps);
}

static int run_sql(sqlite3 *handle, const char *sql)
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL);
}

static int read_int(sqlite3 *handle, const char *sql, int *out)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (code != SQLITE_OK) {
        return code;
    }
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *out = sqlite3_column_int(statement, 0);
        code = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* One step and its number, in the transaction that is open. */
static int take_step(sqlite3 *handle, int step)
{
    int code = run_sql(handle, steps[step - 1]);
    if (code != SQLITE_OK) {
        return code;
    }
    char number[96];
    int n = snprintf(number, sizeof number, "PRAGMA user_version=%d; PRAGMA application_id=%d",
                     step, APPLICATION_ID);
    assert(n > 0 && (size_t)n < sizeof number);
    return run_sql(handle, number);
}

/* Two programs may come here at once: the number is read again under the write lock. */
static int take_next_step(sqlite3 *handle, int *version)
{
    int code = run_sql(handle, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK) {
        return code;
    }
    code = read_int(handle, "PRAGMA user_version", version);
    if (code == SQLITE_OK && *version < store_schema_version()) {
        code = take_step(handle, *version + 1);
    }
    if (code == SQLITE_OK) {
        code = run_sql(handle, "COMMIT");
    }
    if (code == SQLITE_OK) {
        *version += *version < store_schema_version() ? 1 : 0;
    } else {
        (void)run_sql(handle, "ROLLBACK");
    }
    return code;
}

static bell_status refuse(sqlite3 *handle, char *why, const char *reason)
{
    (void)snprintf(why, STORE_WHY_BYTES, "%s %s", sqlite3_db_filename(handle, "main"), reason);
    return BELL_EINVAL;
}

/* Before anything is written: is it ours, and not from the future? */
static bell_status check_owner(sqlite3 *handle, int *version, char *why)
{
    int application = 0;
    int tables = 0;
    int code = read_int(handle, "PRAGMA user_version", version);
    if (code == SQLITE_OK) {
        code = read_int(handle, "PRAGMA application_id", &application);
    }
    if (code == SQLITE_OK) {
        code = read_int(handle, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if ((code & 0xff) == SQLITE_CORRUPT) {
        return refuse(handle, why, "is damaged: put back a backup");
    }
    if (code != SQLITE_OK) {
        bell_log(BELL_LOG_ERROR, "store: cannot read schema code=%d reason=\"%s\"", code,
                 sqlite3_errmsg(handle));
        return sqlite_status(code);
    }
    if (application != APPLICATION_ID && (tables > 0 || *version != 0)) {
        return refuse(handle, why, "is not a database of deskbell");
    }
    if (*version > store_schema_version()) {
        char reason[128];
        (void)snprintf(
            reason, sizeof reason,
            "was written by a newer deskbell (schema %d, this one knows %d): use that one",
            *version, store_schema_version());
        return refuse(handle, why, reason);
    }
    return BELL_OK;
}

bell_status schema_migrate(sqlite3 *handle, char *why)
{
    int version = 0;
    bell_status st = check_owner(handle, &version, why);
    if (st != BELL_OK) {
        return st;
    }
    /* The page size can be chosen only before the first table. */
    int code = run_sql(handle, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL");
    while (code == SQLITE_OK && version < store_schema_version()) {
        code = take_next_step(handle, &version);
    }
    if (code != SQLITE_OK) {
        bell_log(BELL_LOG_ERROR, "store: migration failed from=%d code=%d reason=\"%s\"", version,
                 code, sqlite3_errmsg(handle));
    }
    return sqlite_status(code);
}
