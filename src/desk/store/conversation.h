/*
 * Queries of the table conversation. See db.h for the statuses.
 */
#ifndef DESK_STORE_CONVERSATION_H
#define DESK_STORE_CONVERSATION_H

#include "base/arena.h"
#include "desk/proto/types.h"
#include "desk/store/db.h"

/* A row, and the id of its visitor. Without texts, so it is cheap to read and write. */
struct conversation_row {
    int64_t number;
    int64_t visitor;
    int64_t site;
    desk_id visitor_id; /* read only */
    enum state state;
    int64_t agent;         /* 0 = nobody */
    int64_t last;          /* number of the last message */
    int64_t last_shown;    /* of the last that is no system line */
    int64_t first_visitor; /* of the visitor's first */
    int64_t last_visitor;  /* of the visitor's last */
    int64_t unread;
    int64_t created_at;
    int64_t changed_at;
    int64_t waiting_since; /* 0 = nobody waits */
    int64_t visitor_delivered;
    int64_t visitor_read;
    int64_t agent_read;
};

/*
 * A place in a list: the conversation before which (in the list: after which) the next page
 * begins.
 */
struct conversation_place {
    int64_t changed_at;
    int64_t number;
};

/* BELL_ENOTFOUND when there is none. */
BELL_NODISCARD bell_status store_conversation_get(struct db *db, int64_t number,
                                                  struct conversation_row *out);
BELL_NODISCARD bell_status store_conversation_of_visitor(struct db *db, int64_t visitor,
                                                         struct conversation_row *out);
/* row->number is ignored. */
BELL_NODISCARD bell_status store_conversation_insert(struct db *db,
                                                     const struct conversation_row *row,
                                                     int64_t *number);
/*
 * Writes what a message changes: last, last_shown, last_visitor, unread, changed_at,
 * waiting_since.
 */
BELL_NODISCARD bell_status store_conversation_save_posted(struct db *db,
                                                          const struct conversation_row *row);
/* The same and state and agent. */
BELL_NODISCARD bell_status store_conversation_save(struct db *db,
                                                   const struct conversation_row *row);
/* Writes unread, visitor_delivered, visitor_read, agent_read. */
BELL_NODISCARD bell_status store_conversation_save_receipt(struct db *db,
                                                           const struct conversation_row *row);

/* As lists show it; texts in arena. BELL_ENOTFOUND when there is none. */
BELL_NODISCARD bell_status store_conversation_load(struct db *db, int64_t number,
                                                   struct bell_arena *arena,
                                                   struct conversation *out);
/*
 * At most limit of a list, latest change first, beginning after a place (NULL: at the top). agent
 * matters for VIEW_MINE only.
 */
BELL_NODISCARD bell_status store_conversation_list(struct db *db, enum view view, int64_t agent,
                                                   const struct conversation_place *after,
                                                   int64_t limit, struct bell_arena *arena,
                                                   struct conversation **items, size_t *count);
BELL_NODISCARD bell_status store_conversation_counts(struct db *db, int64_t agent, int64_t *mine,
                                                     int64_t *unassigned, int64_t *all);
/* Any open conversation of the agent; BELL_ENOTFOUND when there is none left. */
BELL_NODISCARD bell_status store_conversation_any_of(struct db *db, int64_t agent, int64_t *number);

#endif
