/*
 * Queries of the table event (see event.h and schema.c).
 *
 * The number of the last event is looked up once per transaction and counted on from there: the
 * note of the connection forgets it whenever something is rolled back.
 */
#include "desk/store/event.h"

#include "desk/store/rows.h"

bell_status store_event_last(struct db *db, int64_t *number)
{
    static const struct db_sql select = {"SELECT coalesce(max(number), 0) FROM event"};
    return rows_one_int(db, &select, DB_NO_PARAMS, number);
}

bell_status store_event_append(struct db *db, const struct event_row *row, int64_t at,
                               int64_t *number)
{
    static const struct db_sql insert = {
        "INSERT INTO event (number, kind, conversation, agent, at) VALUES ($1, $2, $3, $4, $5)"};
    int64_t last = db_note(db);
    if (last < 0) {
        bell_status st = store_event_last(db, &last);
        if (st != BELL_OK) {
            return st;
        }
    }
    bell_status st = db_run(db, &insert,
                            DB_PARAMS(db_int(last + 1), db_int(row->kind),
                                      db_int_or_null(row->conversation != 0, row->conversation),
                                      db_int_or_null(row->agent != 0, row->agent), db_int(at)));
    if (st != BELL_OK) {
        return st;
    }
    db_set_note(db, last + 1);
    *number = last + 1;
    return BELL_OK;
}

bell_status store_event_oldest(struct db *db, int64_t *number)
{
    static const struct db_sql select = {"SELECT coalesce(min(number), 1) FROM event"};
    return rows_one_int(db, &select, DB_NO_PARAMS, number);
}

bell_status store_event_page(struct db *db, int64_t after, int64_t limit, struct bell_arena *arena,
                             struct event_row **items, size_t *count)
{
    static const struct db_sql select = {"SELECT number, kind, conversation, agent FROM event "
                                         "WHERE number > $1 ORDER BY number LIMIT $2"};
    void *array = NULL;
    bell_status st = rows_array(arena, limit, sizeof **items, &array);
    if (st != BELL_OK) {
        return st;
    }
    struct event_row *list = array;
    size_t n = 0;
    struct db_rows rows;
    db_query(db, &select, DB_PARAMS(db_int(after), db_int(limit)), &rows);
    while (db_next(&rows)) {
        list[n++] = (struct event_row){
            .number = db_column_int(&rows, 0),
            .kind = (enum event_kind)db_column_int(&rows, 1),
            .conversation = db_column_int(&rows, 2),
            .agent = db_column_int(&rows, 3),
        };
    }
    st = db_end(&rows);
    if (st == BELL_OK) {
        *items = list;
        *count = n;
    }
    return st;
}

bell_status store_event_prune(struct db *db, int64_t until)
{
    static const struct db_sql prune = {
        "DELETE FROM event WHERE number <= $1 AND number < (SELECT max(number) FROM event)"};
    return db_run(db, &prune, DB_PARAMS(db_int(until)));
}
