/*
 * What agents read (see inbox.h).
 */
#include "desk/domain/inbox.h"

#include "desk/domain/account.h"
#include "desk/domain/rights.h"
#include "desk/store/conversation.h"
#include "desk/store/event.h"
#include "desk/store/message.h"
#include "desk/store/visitor.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t bounded(bool has, int64_t asked, int64_t otherwise, int64_t max)
{
    int64_t limit = has ? asked : otherwise;
    if (limit < 1) {
        return 1;
    }
    return limit < max ? limit : max;
}

struct outcome inbox_welcome(struct tx *tx, int64_t agent, struct bell_arena *arena,
                             struct agent_event_welcome *out)
{
    struct agent_row row = {0};
    struct outcome o = rights_agent(tx, agent, arena, &row);
    struct agent *agents = NULL;
    struct agent_event_welcome w = {0};
    if (outcome_is_done(o)) {
        o = account_list(tx, arena, &agents, &w.agents_count);
    }
    if (!outcome_is_done(o)) {
        return o;
    }
    w.agent = row.agent;
    w.agents = agents;
    bell_status st = store_event_last(tx->db, &w.event);
    if (st == BELL_OK) {
        st = store_event_oldest(tx->db, &w.oldest);
    }
    if (st == BELL_OK) {
        st = store_conversation_counts(tx->db, agent, &w.mine, &w.unassigned, &w.all);
    }
    if (st == BELL_OK) {
        *out = w;
    }
    return outcome_from(st);
}

/* --- lists --- */

/* A place on the wire: changed_at "." number, both decimal. */
static bool number_take(bell_slice *text, int64_t *out)
{
    int64_t value = 0;
    size_t i = 0;
    for (; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text->p[i] - '0', &value)) {
            return false;
        }
    }
    if (i == 0) {
        return false;
    }
    *out = value;
    *text = bell_slice_make(text->p + i, text->n - i);
    return true;
}

static bool place_parse(bell_slice text, struct conversation_place *out)
{
    if (!number_take(&text, &out->changed_at) || text.n == 0 || text.p[0] != '.') {
        return false;
    }
    text = bell_slice_make(text.p + 1, text.n - 1);
    return number_take(&text, &out->number) && text.n == 0;
}

static bell_status place_write(const struct conversation *last, struct bell_arena *arena,
                               bell_slice *out)
{
    char text[64];
    int n =
        snprintf(text, sizeof text, "%" PRId64 ".%" PRId64, last->changed_at, last->conversation);
    *out = bell_arena_copy(arena, bell_slice_make(text, n > 0 ? (size_t)n : 0));
    return out->p == NULL ? BELL_ENOMEM : BELL_OK;
}

struct outcome inbox_list(struct tx *tx, int64_t agent, const struct agent_command_list *list,
                          struct bell_arena *arena, struct agent_event_conversations *out)
{
    struct conversation_place place = {0};
    bool has_place = list->before.p != NULL;
    if (has_place && !place_parse(list->before, &place)) {
        return outcome_refused(ERROR_BAD_FIELD);
    }
    int64_t limit =
        bounded(list->has_limit, list->limit, INBOX_LIST_LIMIT, AGENT_COMMAND_LIST_LIMIT_MAX);
    struct agent_event_conversations page = {.view = list->view};
    struct conversation *items = NULL;
    /* One more than asked for tells whether there is a next page. */
    bell_status st = store_conversation_list(tx->db, list->view, agent, has_place ? &place : NULL,
                                             limit + 1, arena, &items, &page.items_count);
    if (st == BELL_OK && page.items_count > (size_t)limit) {
        page.items_count = (size_t)limit;
        st = place_write(&items[limit - 1], arena, &page.next);
    }
    if (st == BELL_OK) {
        st = store_event_last(tx->db, &page.event);
    }
    if (st == BELL_OK) {
        page.items = items;
        *out = page;
    }
    return outcome_from(st);
}

/* --- one conversation --- */

struct outcome inbox_open(struct tx *tx, int64_t conversation, struct bell_arena *arena,
                          struct agent_event_conversation *out)
{
    struct conversation_row row;
    struct visitor_row visitor = {0};
    struct agent_event_conversation answer = {0};
    bell_status st = store_conversation_get(tx->db, conversation, &row);
    if (st == BELL_ENOTFOUND) {
        return outcome_refused(ERROR_NOT_FOUND);
    }
    if (st == BELL_OK) {
        st = store_conversation_load(tx->db, conversation, arena, &answer.conversation);
    }
    if (st == BELL_OK) {
        st = store_visitor_get(tx->db, row.visitor, arena, &visitor);
    }
    if (st == BELL_OK) {
        st = store_event_last(tx->db, &answer.event);
    }
    if (st == BELL_OK) {
        answer.facts = visitor.facts;
        *out = answer;
    }
    return outcome_from(st);
}

struct outcome inbox_history(struct tx *tx, const struct agent_command_history *history,
                             struct bell_arena *arena, struct agent_event_messages *out)
{
    if (history->has_after && history->has_before) {
        return outcome_refused(ERROR_BAD_FIELD);
    }
    struct conversation_row row;
    bell_status st = store_conversation_get(tx->db, history->conversation, &row);
    if (st == BELL_ENOTFOUND) {
        return outcome_refused(ERROR_NOT_FOUND);
    }
    int64_t limit = bounded(history->has_limit, history->limit, INBOX_HISTORY_LIMIT,
                            AGENT_COMMAND_HISTORY_LIMIT_MAX);
    struct message *items = NULL;
    struct agent_event_messages page = {.conversation = history->conversation};
    if (st == BELL_OK && history->has_before) {
        st = store_message_before(tx->db, row.number, history->before, limit, arena, &items,
                                  &page.items_count, &page.more);
    } else if (st == BELL_OK) {
        int64_t after = history->has_after ? history->after : 0;
        st = store_message_after(tx->db, row.number, after, limit, arena, &items, &page.items_count,
                                 &page.more);
    }
    if (st == BELL_OK) {
        page.items = items;
        *out = page;
    }
    return outcome_from(st);
}

/* --- events --- */

/* What the event tells, as it stands now. */
static bell_status event_load(struct tx *tx, const struct event_row *row, struct bell_arena *arena,
                              struct desk_event *out)
{
    *out = (struct desk_event){.event = row->number, .kind = row->kind};
    switch (row->kind) {
    case EVENT_KIND_MESSAGE:
        out->has_conversation = true;
        out->conversation = row->conversation;
        out->has_message = true;
        return store_message_of_event(tx->db, row->number, arena, &out->message);
    case EVENT_KIND_CONVERSATION:
        out->has_changed = true;
        return store_conversation_load(tx->db, row->conversation, arena, &out->changed);
    case EVENT_KIND_RECEIPT: {
        struct conversation_row conversation = {0};
        bell_status st = store_conversation_get(tx->db, row->conversation, &conversation);
        out->has_conversation = true;
        out->conversation = row->conversation;
        out->has_receipt = true;
        out->receipt = (struct receipt){.visitor_delivered = conversation.visitor_delivered,
                                        .visitor_read = conversation.visitor_read,
                                        .agent_read = conversation.agent_read};
        return st;
    }
    case EVENT_KIND_AGENT: {
        struct agent_row agent = {0};
        bell_status st = store_agent_get(tx->db, row->agent, arena, &agent);
        out->has_agent = true;
        out->agent = agent.agent;
        return st;
    }
    }
    return BELL_EIO; /* a kind that a newer deskbell wrote */
}

struct outcome inbox_events(struct tx *tx, const struct agent_command_events *events,
                            struct bell_arena *arena, struct agent_event_events *out)
{
    int64_t last = 0;
    int64_t oldest = 0;
    bell_status st = store_event_last(tx->db, &last);
    if (st == BELL_OK) {
        st = store_event_oldest(tx->db, &oldest);
    }
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    if (events->after + 1 < oldest || events->after > last) {
        return outcome_refused(ERROR_GONE);
    }
    int64_t limit = bounded(events->has_limit, events->limit, INBOX_EVENTS_LIMIT,
                            AGENT_COMMAND_EVENTS_LIMIT_MAX);
    struct event_row *rows = NULL;
    size_t count = 0;
    st = store_event_page(tx->db, events->after, limit, arena, &rows, &count);
    struct desk_event *items =
        st == BELL_OK ? bell_arena_alloc(arena, count * sizeof *items) : NULL;
    if (st == BELL_OK && items == NULL) {
        st = BELL_ENOMEM;
    }
    /* Long messages make a page shorter, as in store_message_after. */
    size_t n = 0;
    for (size_t text_bytes = 0; st == BELL_OK && n < count && text_bytes < STORE_PAGE_TEXT_BYTES;
         n++) {
        st = event_load(tx, &rows[n], arena, &items[n]);
        text_bytes += items[n].message.text.n;
    }
    if (st == BELL_OK) {
        *out = (struct agent_event_events){.items = items, .items_count = n, .last = last};
    }
    return outcome_from(st);
}
