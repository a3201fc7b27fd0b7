/*
 * Queries of the table session (see session.h and schema.c).
 */
#include "desk/store/session.h"

#include "desk/store/rows.h"

bell_status store_session_insert(struct db *db, int64_t agent,
                                 const uint8_t hash[SESSION_HASH_BYTES], bell_slice address,
                                 bell_slice browser, int64_t at, int64_t *number)
{
    static const struct db_sql insert = {
        "INSERT INTO session (agent, secret_hash, created_at, seen_at, address, browser)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING number"};
    return rows_one_int(db, &insert,
                        DB_PARAMS(db_int(agent), db_bytes(hash, SESSION_HASH_BYTES), db_int(at),
                                  db_int(at), db_text(address), db_text(browser)),
                        number);
}

bell_status store_session_find(struct db *db, const uint8_t hash[SESSION_HASH_BYTES],
                               bell_slice address, struct session_row *out)
{
    static const struct db_sql select = {"SELECT s.number, s.agent, a.role, s.seen_at, s.address "
                                         "FROM session s JOIN agent a ON a.number = s.agent"
                                         " WHERE s.secret_hash = $1 AND a.removed = 0"};
    struct db_rows rows;
    db_query(db, &select, DB_PARAMS(db_bytes(hash, SESSION_HASH_BYTES)), &rows);
    bool found = db_next(&rows);
    struct session_row row = {0};
    if (found) {
        row = (struct session_row){
            .number = db_column_int(&rows, 0),
            .agent = db_column_int(&rows, 1),
            .role = (enum role)db_column_int(&rows, 2),
            .seen_at = db_column_int(&rows, 3),
            .same_address = bell_slice_equal(db_column_bytes(&rows, 4), address),
        };
    }
    bell_status st = rows_end_one(&rows, found, BELL_OK);
    if (st == BELL_OK) {
        *out = row;
    }
    return st;
}

bell_status store_session_agent(struct db *db, int64_t number, int64_t *agent)
{
    static const struct db_sql select = {"SELECT agent FROM session WHERE number = $1"};
    return rows_one_int(db, &select, DB_PARAMS(db_int(number)), agent);
}

bell_status store_session_touch(struct db *db, int64_t number, bell_slice address, int64_t at)
{
    static const struct db_sql update = {
        "UPDATE session SET seen_at = $1, address = $2 WHERE number = $3"};
    return db_run(db, &update, DB_PARAMS(db_int(at), db_text(address), db_int(number)));
}

bell_status store_session_remove(struct db *db, int64_t number)
{
    static const struct db_sql remove_one = {"DELETE FROM session WHERE number = $1"};
    return db_run(db, &remove_one, DB_PARAMS(db_int(number)));
}

bell_status store_session_any_of(struct db *db, int64_t agent, int64_t but, int64_t *number)
{
    static const struct db_sql select = {
        "SELECT number FROM session WHERE agent = $1 AND number <> $2 LIMIT 1"};
    return rows_one_int(db, &select, DB_PARAMS(db_int(agent), db_int(but)), number);
}

bell_status store_session_oldest_beyond(struct db *db, int64_t agent, int64_t keep, int64_t *number)
{
    static const struct db_sql select = {"SELECT number FROM session WHERE agent = $1 ORDER BY "
                                         "seen_at DESC, number DESC LIMIT 1 OFFSET $2"};
    return rows_one_int(db, &select, DB_PARAMS(db_int(agent), db_int(keep)), number);
}

bell_status store_session_any_before(struct db *db, int64_t seen_before, int64_t *number,
                                     int64_t *agent)
{
    static const struct db_sql select = {
        "SELECT number, agent FROM session WHERE seen_at < $1 LIMIT 1"};
    struct db_rows rows;
    db_query(db, &select, DB_PARAMS(db_int(seen_before)), &rows);
    bool found = db_next(&rows);
    int64_t found_number = found ? db_column_int(&rows, 0) : 0;
    int64_t found_agent = found ? db_column_int(&rows, 1) : 0;
    bell_status st = rows_end_one(&rows, found, BELL_OK);
    if (st == BELL_OK) {
        *number = found_number;
        *agent = found_agent;
    }
    return st;
}

bell_status store_session_list(struct db *db, int64_t agent, int64_t limit,
                               struct bell_arena *arena, struct session **items, size_t *count)
{
    static const struct db_sql select = {
        "SELECT number, created_at, seen_at, address, browser FROM session WHERE agent = $1"
        " ORDER BY seen_at DESC, number DESC LIMIT $2"};
    void *array = NULL;
    bell_status st = rows_array(arena, limit, sizeof **items, &array);
    if (st != BELL_OK) {
        return st;
    }
    struct session *list = array;
    size_t n = 0;
    struct db_rows rows;
    db_query(db, &select, DB_PARAMS(db_int(agent), db_int(limit)), &rows);
    while (st == BELL_OK && db_next(&rows)) {
        list[n++] = (struct session){
            .session = db_column_int(&rows, 0),
            .created_at = db_column_int(&rows, 1),
            .seen_at = db_column_int(&rows, 2),
            .address = rows_text(&rows, 3, arena, &st),
            .browser = rows_text(&rows, 4, arena, &st),
        };
    }
    st = rows_end_one(&rows, true, st);
    if (st == BELL_OK) {
        *items = list;
        *count = n;
    }
    return st;
}
