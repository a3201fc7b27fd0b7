/*
 * Queries of the table message. See db.h for the statuses.
 */
#ifndef DESK_STORE_MESSAGE_H
#define DESK_STORE_MESSAGE_H

#include "base/arena.h"
#include "desk/proto/types.h"
#include "desk/store/db.h"

/*
 * Whose ids must not repeat within a conversation: 0 for the visitor, else the number of the
 * agent.
 */
enum { MESSAGE_SENDER_VISITOR = 0 };

/*
 * A page ends with the message with which its texts reach this, so that no answer comes near what
 * may wait on a connection: 200 of the longest messages would be 6 MB.
 */
enum { STORE_PAGE_TEXT_BYTES = 256 * 1024 };

/* Place and time of the message its sender has stored with this id; BELL_ENOTFOUND. */
BELL_NODISCARD bell_status store_message_find(struct db *db, int64_t conversation, int64_t sender,
                                              desk_id id, int64_t *number, int64_t *at);
/*
 * event is the number of the desk event that tells of it. BELL_EEXISTS: number or id is there
 * already.
 */
BELL_NODISCARD bell_status store_message_insert(struct db *db, int64_t event, int64_t conversation,
                                                int64_t sender, const struct message *message);
/*
 * At most limit messages with numbers above after, fewer when their texts are long (see
 * STORE_PAGE_TEXT_BYTES); *more tells whether there are further ones. In order; items and texts in
 * arena.
 */
BELL_NODISCARD bell_status store_message_after(struct db *db, int64_t conversation, int64_t after,
                                               int64_t limit, struct bell_arena *arena,
                                               struct message **items, size_t *count, bool *more);
/* The last of those with numbers below before; in order and bounded as well. */
BELL_NODISCARD bell_status store_message_before(struct db *db, int64_t conversation, int64_t before,
                                                int64_t limit, struct bell_arena *arena,
                                                struct message **items, size_t *count, bool *more);
/* The message a desk event told of. BELL_ENOTFOUND. */
BELL_NODISCARD bell_status store_message_of_event(struct db *db, int64_t event,
                                                  struct bell_arena *arena, struct message *out);
/* How many of the visitor's messages have numbers above after? */
BELL_NODISCARD bell_status store_message_count_visitor(struct db *db, int64_t conversation,
                                                       int64_t after, int64_t *count);
/* Number of the last message told of by an event up to this one; 0 = none. */
BELL_NODISCARD bell_status store_message_last_until(struct db *db, int64_t conversation,
                                                    int64_t event, int64_t *number);

/* What store_message_reached finds: a conversation and the visitor's last message in it. */
struct message_reached {
    int64_t conversation;
    int64_t number;
};

/*
 * The conversations with visitors' messages in the events after `after` up to `until`, those with
 * the latest first, at most limit.
 */
BELL_NODISCARD bell_status store_message_reached(struct db *db, int64_t after, int64_t until,
                                                 int64_t limit, struct bell_arena *arena,
                                                 struct message_reached **items, size_t *count);

#endif
