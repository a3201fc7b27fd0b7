/*
 * Messages, changes and receipts (see record.h).
 *
 * How far messages have reached the agents' side is one number for the whole desk, the event up to
 * which some console has everything; a message of a later event is not delivered yet. So a
 * visitor's post costs no write for it, and neither does its delivery.
 */
#include "desk/domain/record.h"

#include "desk/store/agent.h"
#include "desk/store/counter.h"
#include "desk/store/event.h"
#include "desk/store/message.h"

/* Old events go in steps, so that few appends pay for it. */
enum { PRUNE_STEP = 1024 };

static bell_status append_event(struct tx *tx, const struct event_row *row, int64_t *number)
{
    bell_status st = store_event_append(tx->db, row, tx->now_us, number);
    if (st == BELL_OK && tx->event_history > 0 && *number % PRUNE_STEP == 0 &&
        *number > tx->event_history) {
        st = store_event_prune(tx->db, *number - tx->event_history);
    }
    return st;
}

/* A live event for a desk event; *out is NULL when the list has enough of them (see event.h). */
static bell_status tell(struct tx *tx, enum event_type type, int64_t number,
                        const struct conversation_row *row, bool for_visitor, struct event **out)
{
    *out = NULL;
    if (tx->events->count >= EVENT_LIST_MAX && !for_visitor) {
        return BELL_OK;
    }
    struct event *event = event_list_add(tx->events, type);
    if (event == NULL) {
        return BELL_ENOMEM;
    }
    event->number = number;
    event->for_visitor = for_visitor;
    event->conversation = row->number;
    event->visitor = row->visitor_id;
    *out = event;
    return BELL_OK;
}

static void row_take_in(struct conversation_row *row, const struct message *message)
{
    row->last = message->number;
    row->changed_at = message->at;
    switch (message->author) {
    case AUTHOR_VISITOR:
        row->last_shown = message->number;
        row->last_visitor = message->number;
        row->unread++;
        if (row->waiting_since == 0) {
            row->waiting_since = message->at;
        }
        return;
    case AUTHOR_AGENT:
        row->last_shown = message->number;
        row->waiting_since = 0;
        return;
    case AUTHOR_SITE:
        row->last_shown = message->number;
        return;
    case AUTHOR_SYSTEM:
        return;
    }
}

bell_status record_message(struct tx *tx, struct conversation_row *row, int64_t sender,
                           struct message *message)
{
    message->number = row->last + 1;
    message->at = tx->now_us;
    int64_t number = 0;
    bell_status st = append_event(
        tx, &(struct event_row){.kind = EVENT_KIND_MESSAGE, .conversation = row->number}, &number);
    if (st == BELL_OK) {
        st = store_message_insert(tx->db, number, row->number, sender, message);
    }
    struct event *event = NULL;
    if (st == BELL_OK) {
        st = tell(tx, EVENT_MESSAGE, number, row, true, &event);
    }
    if (st != BELL_OK) {
        return st;
    }
    event->message = *message;
    row_take_in(row, message);
    return BELL_OK;
}

bell_status record_line(struct tx *tx, struct conversation_row *row, enum line line, int64_t agent,
                        bell_slice agent_name)
{
    struct message message = {
        .author = AUTHOR_SYSTEM,
        .has_agent = true,
        .agent = agent,
        .name = agent_name,
        .has_line = true,
        .line = line,
        .text = BELL_LIT(""),
    };
    return record_message(tx, row, MESSAGE_SENDER_VISITOR,
                          &message); /* it has no id that could repeat */
}

bell_status record_change_begin(struct tx *tx, const struct conversation_row *row, bool for_visitor,
                                struct event **out)
{
    int64_t number = 0;
    bell_status st = append_event(
        tx, &(struct event_row){.kind = EVENT_KIND_CONVERSATION, .conversation = row->number},
        &number);
    if (st != BELL_OK) {
        return st;
    }
    return tell(tx, EVENT_CONVERSATION, number, row, for_visitor, out);
}

bell_status record_change_end(struct tx *tx, struct event *event)
{
    if (event == NULL) {
        return BELL_OK;
    }
    struct bell_arena *arena = &tx->events->arena;
    struct conversation_changed *changed = &event->changed;
    bell_status st =
        store_conversation_load(tx->db, event->conversation, arena, &changed->conversation);
    if (st == BELL_OK && changed->conversation.has_agent) {
        struct agent_row agent = {0};
        st = store_agent_get(tx->db, changed->conversation.agent, arena, &agent);
        changed->agent_name = agent.agent.name;
    }
    return st;
}

bell_status record_agent_delivered(struct tx *tx, const struct conversation_row *row,
                                   int64_t *number)
{
    int64_t event = 0;
    int64_t reached = 0;
    bell_status st = store_counter_get(tx->db, COUNTER_AGENT_DELIVERED, &event);
    if (st == BELL_OK && event > 0) {
        st = store_message_last_until(tx->db, row->number, event, &reached);
    }
    if (st == BELL_OK) {
        *number = reached > row->agent_read ? reached : row->agent_read;
    }
    return st;
}

static bell_status tell_receipt(struct tx *tx, int64_t number, const struct conversation_row *row,
                                bool for_visitor, int64_t agent_delivered)
{
    struct event *event = NULL;
    bell_status st = tell(tx, EVENT_RECEIPT, number, row, for_visitor, &event);
    if (st == BELL_OK && event != NULL) {
        event->receipt = (struct receipt_changed){
            .receipt = {.visitor_delivered = row->visitor_delivered,
                        .visitor_read = row->visitor_read,
                        .agent_read = row->agent_read},
            .agent_delivered = agent_delivered,
        };
    }
    return st;
}

bell_status record_receipt(struct tx *tx, const struct conversation_row *row, bool for_visitor)
{
    int64_t number = 0;
    int64_t delivered = 0;
    bell_status st = append_event(
        tx, &(struct event_row){.kind = EVENT_KIND_RECEIPT, .conversation = row->number}, &number);
    if (st == BELL_OK && for_visitor) {
        st = record_agent_delivered(tx, row, &delivered);
    }
    return st == BELL_OK ? tell_receipt(tx, number, row, for_visitor, delivered) : st;
}

bell_status record_delivered(struct tx *tx, const struct conversation_row *row, int64_t number)
{
    return tell_receipt(tx, 0, row, true, number > row->agent_read ? number : row->agent_read);
}

bell_status record_agent(struct tx *tx, const struct agent *agent)
{
    int64_t number = 0;
    bell_status st = append_event(
        tx, &(struct event_row){.kind = EVENT_KIND_AGENT, .agent = agent->agent}, &number);
    if (st != BELL_OK) {
        return st;
    }
    struct event *event = event_list_add(tx->events, EVENT_AGENT);
    if (event == NULL) {
        return BELL_ENOMEM;
    }
    event->number = number;
    event->agent = *agent;
    return BELL_OK;
}
