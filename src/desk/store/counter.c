/*
 * Queries of the table counter (see counter.h and schema.c).
 */
#include "desk/store/counter.h"

#include "desk/store/rows.h"

bell_status store_counter_get(struct db *db, bell_slice name, int64_t *value)
{
    static const struct db_sql select = {"SELECT value FROM counter WHERE name = $1"};
    bell_status st = rows_one_int(db, &select, DB_PARAMS(db_text(name)), value);
    if (st == BELL_ENOTFOUND) {
        *value = 0;
        return BELL_OK;
    }
    return st;
}

bell_status store_counter_set(struct db *db, bell_slice name, int64_t value)
{
    static const struct db_sql upsert = {"INSERT INTO counter (name, value) VALUES ($1, $2) ON "
                                         "CONFLICT (name) DO UPDATE SET value = excluded.value"};
    return db_run(db, &upsert, DB_PARAMS(db_text(name), db_int(value)));
}
