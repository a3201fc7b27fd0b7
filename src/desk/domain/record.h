/*
 * The steps that rules have in common: a message is appended, a change or receipt is told.
 *
 * Private to desk/domain. Each writes through the transaction and adds to its list of events.
 */
#ifndef DESK_DOMAIN_RECORD_H
#define DESK_DOMAIN_RECORD_H

#include "bell/status.h"
#include "desk/domain/event.h"
#include "desk/domain/tx.h"
#include "desk/store/conversation.h"

/*
 * Appends a message to the conversation: fills number and at, writes it, and brings row up to date
 * in memory; the caller saves the row. Texts of the message must live as long as the events.
 */
BELL_NODISCARD bell_status record_message(struct tx *tx, struct conversation_row *row,
                                          int64_t sender, struct message *message);
/* A system line about an agent. */
BELL_NODISCARD bell_status record_line(struct tx *tx, struct conversation_row *row, enum line line,
                                       int64_t agent, bell_slice agent_name);

/*
 * A change of the conversation: begun before the messages that belong to it, so that a console
 * knows the conversation before its messages, ended when everything is written, so that it shows
 * the state after the whole command.
 */
BELL_NODISCARD bell_status record_change_begin(struct tx *tx, const struct conversation_row *row,
                                               bool for_visitor, struct event **out);
BELL_NODISCARD bell_status record_change_end(struct tx *tx, struct event *event);

/*
 * How far it was seen has changed; row is saved. A desk event; for_visitor: the agents' side moved,
 * so the visitor hears of it, too.
 */
BELL_NODISCARD bell_status record_receipt(struct tx *tx, const struct conversation_row *row,
                                          bool for_visitor);
/* Messages up to number have reached the agents' side: told to the visitor only. */
BELL_NODISCARD bell_status record_delivered(struct tx *tx, const struct conversation_row *row,
                                            int64_t number);
/* An agent is new, changed or removed. */
BELL_NODISCARD bell_status record_agent(struct tx *tx, const struct agent *agent);

/* Up to where the conversation's messages have reached the agents' side. */
BELL_NODISCARD bell_status record_agent_delivered(struct tx *tx, const struct conversation_row *row,
                                                  int64_t *number);

#endif
