/*
 * Queries of the tables agent and setup_token (see agent.h and schema.c).
 */
#include "desk/store/agent.h"

#include "desk/store/rows.h"

#include <assert.h>

#define COLUMNS                                                                                    \
    "SELECT number, name, email, role, status, removed, password, password_version FROM agent "

static const struct db_sql select_by_number = {COLUMNS "WHERE number = $1"};
static const struct db_sql select_by_email = {COLUMNS "WHERE email = $1 AND removed = 0"};
static const struct db_sql select_all = {COLUMNS "ORDER BY number LIMIT $1"};

#undef COLUMNS

static bell_status agent_read(struct db_rows *rows, struct bell_arena *arena, struct agent *out)
{
    bell_status st = BELL_OK;
    *out = (struct agent){
        .agent = db_column_int(rows, 0),
        .name = rows_text(rows, 1, arena, &st),
        .email = rows_text(rows, 2, arena, &st),
        .role = (enum role)db_column_int(rows, 3),
        .status = (enum status)db_column_int(rows, 4),
        .removed = db_column_int(rows, 5) != 0,
    };
    return st;
}

static bell_status row_get(struct db *db, const struct db_sql *sql, db_value key,
                           struct bell_arena *arena, struct agent_row *out)
{
    struct db_rows rows;
    db_query(db, sql, &key, 1, &rows);
    bool found = db_next(&rows);
    struct agent_row row = {0};
    bell_status st = BELL_OK;
    if (found) {
        st = agent_read(&rows, arena, &row.agent);
        row.password = rows_text(&rows, 6, arena, &st);
        row.password_version = db_column_int(&rows, 7);
    }
    st = rows_end_one(&rows, found, st);
    if (st == BELL_OK) {
        *out = row;
    }
    return st;
}

bell_status store_agent_get(struct db *db, int64_t number, struct bell_arena *arena,
                            struct agent_row *out)
{
    return row_get(db, &select_by_number, db_int(number), arena, out);
}

bell_status store_agent_by_email(struct db *db, bell_slice email, struct bell_arena *arena,
                                 struct agent_row *out)
{
    return row_get(db, &select_by_email, db_text(email), arena, out);
}

bell_status store_agent_insert(struct db *db, const struct agent *agent, bell_slice password,
                               int64_t at, int64_t *number)
{
    static const struct db_sql insert = {"INSERT INTO agent (name, email, password, "
                                         "password_version, role, status, removed, created_at)"
                                         " VALUES ($1, $2, $3, 1, $4, $5, 0, $6) RETURNING number"};
    return rows_one_int(db, &insert,
                        DB_PARAMS(db_text(agent->name), db_text(agent->email), db_text(password),
                                  db_int(agent->role), db_int(agent->status), db_int(at)),
                        number);
}

bell_status store_agent_set_password(struct db *db, int64_t number, bell_slice password)
{
    static const struct db_sql update = {"UPDATE agent SET password = $1, password_version = "
                                         "password_version + 1 WHERE number = $2"};
    return db_run(db, &update, DB_PARAMS(db_text(password), db_int(number)));
}

bell_status store_agent_set_status(struct db *db, int64_t number, enum status status)
{
    static const struct db_sql update = {"UPDATE agent SET status = $1 WHERE number = $2"};
    return db_run(db, &update, DB_PARAMS(db_int(status), db_int(number)));
}

bell_status store_agent_set_removed(struct db *db, int64_t number)
{
    static const struct db_sql update = {"UPDATE agent SET removed = 1 WHERE number = $1"};
    return db_run(db, &update, DB_PARAMS(db_int(number)));
}

bell_status store_agent_count(struct db *db, int64_t *count)
{
    static const struct db_sql select = {"SELECT count(*) FROM agent"};
    return rows_one_int(db, &select, DB_NO_PARAMS, count);
}

static_assert(ROLE_OWNER == 0, "the query below names it by number");

bell_status store_agent_count_owners(struct db *db, int64_t *count)
{
    static const struct db_sql select = {
        "SELECT count(*) FROM agent WHERE removed = 0 AND role = 0"};
    return rows_one_int(db, &select, DB_NO_PARAMS, count);
}

bell_status store_agent_list(struct db *db, int64_t limit, struct bell_arena *arena,
                             struct agent **items, size_t *count)
{
    void *array = NULL;
    bell_status st = rows_array(arena, limit, sizeof **items, &array);
    if (st != BELL_OK) {
        return st;
    }
    struct agent *list = array;
    size_t n = 0;
    struct db_rows rows;
    db_query(db, &select_all, DB_PARAMS(db_int(limit)), &rows);
    while (st == BELL_OK && db_next(&rows)) {
        st = agent_read(&rows, arena, &list[n++]);
    }
    st = rows_end_one(&rows, true, st);
    if (st == BELL_OK) {
        *items = list;
        *count = n;
    }
    return st;
}

/* --- the one-time token of the first owner --- */

bell_status store_setup_get(struct db *db, uint8_t hash[SETUP_HASH_BYTES])
{
    static const struct db_sql select = {"SELECT hash FROM setup_token WHERE number = 1"};
    struct db_rows rows;
    db_query(db, &select, DB_NO_PARAMS, &rows);
    bool found = db_next(&rows);
    if (found) {
        bell_slice bytes = db_column_bytes(&rows, 0);
        found = bytes.n == SETUP_HASH_BYTES;
        if (found) {
            memcpy(hash, bytes.p, SETUP_HASH_BYTES);
        }
    }
    return rows_end_one(&rows, found, BELL_OK);
}

bell_status store_setup_set(struct db *db, const uint8_t hash[SETUP_HASH_BYTES], int64_t at)
{
    static const struct db_sql upsert = {
        "INSERT INTO setup_token (number, hash, created_at) VALUES (1, $1, $2)"
        " ON CONFLICT (number) DO UPDATE SET hash = excluded.hash, created_at = "
        "excluded.created_at"};
    return db_run(db, &upsert, DB_PARAMS(db_bytes(hash, SETUP_HASH_BYTES), db_int(at)));
}

bell_status store_setup_remove(struct db *db)
{
    static const struct db_sql remove_token = {"DELETE FROM setup_token"};
    return db_run(db, &remove_token, DB_NO_PARAMS);
}
