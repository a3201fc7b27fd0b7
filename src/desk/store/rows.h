/*
 * Helpers of the query files: texts and values out of rows. Private to desk/store.
 */
#ifndef DESK_STORE_ROWS_H
#define DESK_STORE_ROWS_H

#include "base/arena.h"
#include "desk/proto/types.h"
#include "desk/store/db.h"

/*
 * A copy of the column in the arena; .p is NULL when the column is. Sets *st on failure, does
 * nothing after one.
 */
bell_slice rows_text(struct db_rows *rows, int column, struct bell_arena *arena, bell_status *st);
/* The 16 bytes of an id; zeroed when the column is NULL. */
desk_id rows_id(struct db_rows *rows, int column);

/* Runs a statement that gives one row with one number; BELL_ENOTFOUND when it gives none. */
BELL_NODISCARD bell_status rows_one_int(struct db *db, const struct db_sql *sql,
                                        const db_value *params, size_t count, int64_t *out);
/* st when it is a failure, else the end of the rows, else BELL_ENOTFOUND when there was none. */
BELL_NODISCARD bell_status rows_end_one(struct db_rows *rows, bool found, bell_status st);

/*
 * Room for limit elements in the arena: lists are read with a bound. BELL_OK, BELL_ENOMEM.
 */
BELL_NODISCARD bell_status rows_array(struct bell_arena *arena, int64_t limit, size_t element_bytes,
                                      void **out);

#endif
