/*
 * Queries of the table visitor. See db.h for the statuses.
 */
#ifndef DESK_STORE_VISITOR_H
#define DESK_STORE_VISITOR_H

#include "base/arena.h"
#include "desk/proto/types.h"
#include "desk/store/db.h"

enum { VISITOR_HASH_BYTES = 32 };

struct visitor_row {
    int64_t number;
    int64_t site;
    uint8_t secret_hash[VISITOR_HASH_BYTES]; /* SHA-256 of the secret */
    struct visitor visitor;
    struct facts facts;
};

/* BELL_ENOTFOUND; texts in arena. */
BELL_NODISCARD bell_status store_visitor_find(struct db *db, desk_id id, struct bell_arena *arena,
                                              struct visitor_row *out);
BELL_NODISCARD bell_status store_visitor_get(struct db *db, int64_t number,
                                             struct bell_arena *arena, struct visitor_row *out);
/* row->number is ignored. */
BELL_NODISCARD bell_status store_visitor_insert(struct db *db, const struct visitor_row *row,
                                                int64_t at, int64_t *number);
BELL_NODISCARD bell_status store_visitor_set_facts(struct db *db, int64_t number,
                                                   const struct facts *facts);
/* Absent ones (.p NULL) stay as they are. */
BELL_NODISCARD bell_status store_visitor_set_names(struct db *db, int64_t number, bell_slice name,
                                                   bell_slice email);

#endif
