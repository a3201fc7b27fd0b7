/*
 * Texts and values out of rows (see rows.h).
 */
#include "desk/store/rows.h"

#include "base/num.h"

bell_slice rows_text(struct db_rows *rows, int column, struct bell_arena *arena, bell_status *st)
{
    bell_slice none = {NULL, 0};
    if (*st != BELL_OK || db_column_is_null(rows, column)) {
        return none;
    }
    bell_slice copy = bell_arena_copy(arena, db_column_bytes(rows, column));
    if (copy.p == NULL) {
        *st = BELL_ENOMEM;
    }
    return copy;
}

desk_id rows_id(struct db_rows *rows, int column)
{
    desk_id id = {{0}};
    bell_slice bytes = db_column_bytes(rows, column);
    if (bytes.n == sizeof id.b) {
        memcpy(id.b, bytes.p, sizeof id.b);
    }
    return id;
}

bell_status rows_end_one(struct db_rows *rows, bool found, bell_status st)
{
    bell_status end = db_end(rows);
    if (st != BELL_OK) {
        return st;
    }
    if (end != BELL_OK) {
        return end;
    }
    return found ? BELL_OK : BELL_ENOTFOUND;
}

bell_status rows_one_int(struct db *db, const struct db_sql *sql, const db_value *params,
                         size_t count, int64_t *out)
{
    struct db_rows rows;
    db_query(db, sql, params, count, &rows);
    bool found = db_next(&rows);
    int64_t value = found ? db_column_int(&rows, 0) : 0;
    bell_status st = rows_end_one(&rows, found, BELL_OK);
    if (st == BELL_OK) {
        *out = value;
    }
    return st;
}

bell_status rows_array(struct bell_arena *arena, int64_t limit, size_t element_bytes, void **out)
{
    size_t total;
    if (limit < 0 || !bell_size_mul((size_t)limit, element_bytes, &total)) {
        return BELL_EINVAL;
    }
    void *items = bell_arena_alloc(arena, total);
    if (items == NULL) {
        return BELL_ENOMEM;
    }
    *out = items;
    return BELL_OK;
}
