/*
 * Queries of the table counter: single numbers of the whole desk. See db.h for the statuses.
 */
#ifndef DESK_STORE_COUNTER_H
#define DESK_STORE_COUNTER_H

#include "desk/store/db.h"

/* Number of the desk event up to which some console has everything. */
#define COUNTER_AGENT_DELIVERED BELL_LIT("agent_delivered")

/* 0 when it was never set. */
BELL_NODISCARD bell_status store_counter_get(struct db *db, bell_slice name, int64_t *value);
BELL_NODISCARD bell_status store_counter_set(struct db *db, bell_slice name, int64_t value);

#endif
