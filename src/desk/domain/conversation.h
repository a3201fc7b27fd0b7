/*
 * What agents do with conversations: answer, take, hand over, close, reopen, and tell how far they
 * saw.
 *
 * agent is the number of the agent who asks. Common refusals of all functions:
 *
 *     ERROR_FORBIDDEN  no such agent, or removed
 *     ERROR_NOT_FOUND  no such conversation
 *
 * System lines that a command writes are messages of their own, numbered like all others. State of
 * a conversation: open <-> closed, by close, reopen, or a visitor's message.
 */
#ifndef DESK_DOMAIN_CONVERSATION_H
#define DESK_DOMAIN_CONVERSATION_H

#include "desk/domain/tx.h"
#include "desk/domain/visitor.h"

/*
 * Stores an answer. When nobody has the conversation the agent takes it (line joined, before the
 * answer). A repeat of an id gets the first answer, whatever else has happened since.
 *
 * ERROR_STALE      the visitor wrote after post->seen and force is not set; number: where
 * ERROR_CLOSED     the conversation is closed
 * ERROR_TOO_LONG   a text over MESSAGE_TEXT_MAX_CHARS characters
 * ERROR_BAD_FIELD  a blank text
 */
struct outcome conversation_post(struct tx *tx, int64_t agent,
                                 const struct agent_command_post *post, struct posted *out);

/*
 * Taking what one has already is done without effect. ERROR_TAKEN (agent says who), ERROR_CLOSED.
 */
struct outcome conversation_take(struct tx *tx, int64_t agent, int64_t conversation);
/*
 * to is the agent who gets it, 0 = back to the queue; no effect when that is so already.
 * ERROR_NOT_FOUND also for an unknown or removed agent, ERROR_CLOSED.
 */
struct outcome conversation_assign(struct tx *tx, int64_t agent, int64_t conversation, int64_t to);
/*
 * Both without effect when it is so already. Reopening keeps who had it, if that agent still
 * exists.
 */
struct outcome conversation_close(struct tx *tx, int64_t agent, int64_t conversation);
struct outcome conversation_reopen(struct tx *tx, int64_t agent, int64_t conversation);

/*
 * The agent has seen everything up to number. Never goes back; above the last counts as the last.
 */
struct outcome conversation_read(struct tx *tx, int64_t agent, int64_t conversation,
                                 int64_t number);
/*
 * A console has every desk event up to this number: the visitors' messages among them have reached
 * the agents' side. Never goes back; above the last event counts as the last.
 */
struct outcome conversation_delivered(struct tx *tx, int64_t agent, int64_t event);

#endif
