/*
 * Queries of the table event: what consoles page through to catch up. See db.h for the statuses.
 */
#ifndef DESK_STORE_EVENT_H
#define DESK_STORE_EVENT_H

#include "base/arena.h"
#include "desk/proto/types.h"
#include "desk/store/db.h"

/* A row; what the event tells is read from where it stands now. */
struct event_row {
    int64_t number;
    enum event_kind kind;
    int64_t conversation; /* 0 = none */
    int64_t agent;        /* EVENT_KIND_AGENT only */
};

/* Appends an event and tells its number: one more than the last. row->number is ignored. */
BELL_NODISCARD bell_status store_event_append(struct db *db, const struct event_row *row,
                                              int64_t at, int64_t *number);
/*
 * Number of the last event, 0 = there never was one; and of the oldest kept (last + 1 when none
 * is).
 */
BELL_NODISCARD bell_status store_event_last(struct db *db, int64_t *number);
BELL_NODISCARD bell_status store_event_oldest(struct db *db, int64_t *number);
/* At most limit events after a number, in order; items in arena. */
BELL_NODISCARD bell_status store_event_page(struct db *db, int64_t after, int64_t limit,
                                            struct bell_arena *arena, struct event_row **items,
                                            size_t *count);
/* Forgets the events up to a number, but never the last one: it carries the count on. */
BELL_NODISCARD bell_status store_event_prune(struct db *db, int64_t until);

#endif
