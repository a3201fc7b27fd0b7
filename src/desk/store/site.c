/*
 * Queries of the table site (see site.h and schema.c).
 */
#include "desk/store/site.h"

#include "desk/store/rows.h"

#define COLUMNS "SELECT number, key, name, welcome, origins FROM site "

static const struct db_sql select_by_key = {COLUMNS "WHERE key = $1"};
static const struct db_sql select_by_number = {COLUMNS "WHERE number = $1"};
static const struct db_sql select_all = {COLUMNS "ORDER BY key LIMIT $1"};

#undef COLUMNS

static bell_status row_read(struct db_rows *rows, struct bell_arena *arena, struct site_row *out)
{
    bell_status st = BELL_OK;
    *out = (struct site_row){
        .number = db_column_int(rows, 0),
        .key = rows_text(rows, 1, arena, &st),
        .name = rows_text(rows, 2, arena, &st),
        .welcome = rows_text(rows, 3, arena, &st),
        .origins = rows_text(rows, 4, arena, &st),
    };
    return st;
}

static bell_status row_get(struct db *db, const struct db_sql *sql, db_value key,
                           struct bell_arena *arena, struct site_row *out)
{
    struct db_rows rows;
    db_query(db, sql, &key, 1, &rows);
    bool found = db_next(&rows);
    struct site_row row = {0};
    bell_status st = found ? row_read(&rows, arena, &row) : BELL_OK;
    st = rows_end_one(&rows, found, st);
    if (st == BELL_OK) {
        *out = row;
    }
    return st;
}

bell_status store_site_by_key(struct db *db, bell_slice key, struct bell_arena *arena,
                              struct site_row *out)
{
    return row_get(db, &select_by_key, db_text(key), arena, out);
}

bell_status store_site_get(struct db *db, int64_t number, struct bell_arena *arena,
                           struct site_row *out)
{
    return row_get(db, &select_by_number, db_int(number), arena, out);
}

bell_status store_site_insert(struct db *db, const struct site_row *row, int64_t at,
                              int64_t *number)
{
    static const struct db_sql insert = {
        "INSERT INTO site (key, name, welcome, origins, created_at) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING number"};
    return rows_one_int(db, &insert,
                        DB_PARAMS(db_text(row->key), db_text(row->name), db_text(row->welcome),
                                  db_text(row->origins), db_int(at)),
                        number);
}

bell_status store_site_count(struct db *db, int64_t *count)
{
    static const struct db_sql select = {"SELECT count(*) FROM site"};
    return rows_one_int(db, &select, DB_NO_PARAMS, count);
}

bell_status store_site_list(struct db *db, int64_t limit, struct bell_arena *arena,
                            struct site_row **items, size_t *count)
{
    void *array = NULL;
    bell_status st = rows_array(arena, limit, sizeof **items, &array);
    if (st != BELL_OK) {
        return st;
    }
    struct site_row *list = array;
    size_t n = 0;
    struct db_rows rows;
    db_query(db, &select_all, DB_PARAMS(db_int(limit)), &rows);
    while (st == BELL_OK && db_next(&rows)) {
        st = row_read(&rows, arena, &list[n++]);
    }
    st = rows_end_one(&rows, true, st);
    if (st == BELL_OK) {
        *items = list;
        *count = n;
    }
    return st;
}
