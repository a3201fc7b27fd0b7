/*
 * Queries of the table site. See db.h for the statuses.
 */
#ifndef DESK_STORE_SITE_H
#define DESK_STORE_SITE_H

#include "base/arena.h"
#include "desk/store/db.h"

struct site_row {
    int64_t number;
    bell_slice key;
    bell_slice name;
    bell_slice welcome; /* empty: none */
    bell_slice origins; /* one a line; empty: any */
};

/* BELL_ENOTFOUND; texts in arena. */
BELL_NODISCARD bell_status store_site_by_key(struct db *db, bell_slice key,
                                             struct bell_arena *arena, struct site_row *out);
BELL_NODISCARD bell_status store_site_get(struct db *db, int64_t number, struct bell_arena *arena,
                                          struct site_row *out);
/* BELL_EEXISTS: the key is there already. row->number is ignored. */
BELL_NODISCARD bell_status store_site_insert(struct db *db, const struct site_row *row, int64_t at,
                                             int64_t *number);
BELL_NODISCARD bell_status store_site_count(struct db *db, int64_t *count);
/* At most limit sites by key. */
BELL_NODISCARD bell_status store_site_list(struct db *db, int64_t limit, struct bell_arena *arena,
                                           struct site_row **items, size_t *count);

#endif
