/*
 * What agents read: lists, one conversation, its messages, the events of the desk.
 *
 * All of these only read and run in one transaction, so that what they tell and the event number
 * beside it agree. Items and texts of the results live in arena.
 */
#ifndef DESK_DOMAIN_INBOX_H
#define DESK_DOMAIN_INBOX_H

#include "base/arena.h"
#include "desk/domain/tx.h"

/* How many when the client does not say. */
enum { INBOX_LIST_LIMIT = 50, INBOX_HISTORY_LIMIT = 100, INBOX_EVENTS_LIMIT = 200 };

/*
 * Everything of the first answer but who is connected (false for all: the gateway knows).
 * ERROR_FORBIDDEN: the agent is unknown or removed.
 */
struct outcome inbox_welcome(struct tx *tx, int64_t agent, struct bell_arena *arena,
                             struct agent_event_welcome *out);
/* ERROR_BAD_FIELD: list->before is not a next of an earlier page. */
struct outcome inbox_list(struct tx *tx, int64_t agent, const struct agent_command_list *list,
                          struct bell_arena *arena, struct agent_event_conversations *out);
/* ERROR_NOT_FOUND */
struct outcome inbox_open(struct tx *tx, int64_t conversation, struct bell_arena *arena,
                          struct agent_event_conversation *out);
/* ERROR_NOT_FOUND; ERROR_BAD_FIELD: after and before together. Neither: from the beginning. */
struct outcome inbox_history(struct tx *tx, const struct agent_command_history *history,
                             struct bell_arena *arena, struct agent_event_messages *out);
/* ERROR_GONE: the desk does not keep the event after `after` any more, or never had it. */
struct outcome inbox_events(struct tx *tx, const struct agent_command_events *events,
                            struct bell_arena *arena, struct agent_event_events *out);

#endif
