/*
 * What agents do with conversations (see conversation.h).
 */
#include "desk/domain/conversation.h"

#include "desk/domain/event.h"
#include "desk/domain/record.h"
#include "desk/domain/rights.h"
#include "desk/domain/text.h"
#include "desk/store/counter.h"
#include "desk/store/event.h"
#include "desk/store/message.h"

/* Who asks, and the conversation it is about. */
static struct outcome begin(struct tx *tx, int64_t agent, int64_t conversation,
                            struct agent_row *agent_row, struct conversation_row *row)
{
    struct outcome o = rights_agent(tx, agent, &tx->events->arena, agent_row);
    if (!outcome_is_done(o)) {
        return o;
    }
    bell_status st = store_conversation_get(tx->db, conversation, row);
    return st == BELL_ENOTFOUND ? outcome_refused(ERROR_NOT_FOUND) : outcome_from(st);
}

/* --- post --- */

/* Nobody has it yet: whoever answers, has it. */
static bell_status post_store(struct tx *tx, const struct agent *agent,
                              struct conversation_row *row, const struct agent_command_post *post,
                              struct posted *out)
{
    struct event *change = NULL;
    bool takes = row->agent == 0;
    bell_status st = BELL_OK;
    if (takes) {
        row->agent = agent->agent;
        st = record_change_begin(tx, row, true, &change);
        if (st == BELL_OK) {
            st = record_line(tx, row, LINE_JOINED, agent->agent, agent->name);
        }
    }
    struct message message = {
        .has_id = true,
        .id = post->id,
        .author = AUTHOR_AGENT,
        .has_agent = true,
        .agent = agent->agent,
        .name = agent->name,
        .text = post->text,
    };
    if (st == BELL_OK) {
        st = record_message(tx, row, agent->agent, &message);
    }
    if (st == BELL_OK) {
        st = takes ? store_conversation_save(tx->db, row)
                   : store_conversation_save_posted(tx->db, row);
    }
    if (st == BELL_OK) {
        st = record_change_end(tx, change);
    }
    if (st == BELL_OK) {
        *out = (struct posted){
            .conversation = row->number, .number = message.number, .at = message.at};
    }
    return st;
}

struct outcome conversation_post(struct tx *tx, int64_t agent,
                                 const struct agent_command_post *post, struct posted *out)
{
    enum desk_error error = text_check_post(post->text);
    if (error != ERROR_NONE) {
        return outcome_refused(error);
    }
    struct agent_row agent_row = {0};
    struct conversation_row row = {0};
    struct outcome o = begin(tx, agent, post->conversation, &agent_row, &row);
    if (!outcome_is_done(o)) {
        return o;
    }
    /* First of all: a repeat gets the first answer even when the same post would be refused now. */
    int64_t number = 0;
    int64_t at = 0;
    bell_status st = store_message_find(tx->db, row.number, agent, post->id, &number, &at);
    if (st == BELL_OK) {
        *out = (struct posted){
            .conversation = row.number, .number = number, .at = at, .is_repeat = true};
        return outcome_done();
    }
    if (st != BELL_ENOTFOUND) {
        return outcome_from(st);
    }
    if (row.state == STATE_CLOSED) {
        return outcome_refused(ERROR_CLOSED);
    }
    bool is_forced = post->has_force && post->force;
    if (post->seen < row.last_visitor && !is_forced) {
        return (struct outcome){.error = ERROR_STALE, .number = row.last_visitor};
    }
    return outcome_from(post_store(tx, &agent_row.agent, &row, post, out));
}

/* --- who has it, and is it open --- */

/* Writes a change of state or agent (already in row) with its line; has_line is false for none. */
static struct outcome change(struct tx *tx, struct conversation_row *row, bool has_line,
                             enum line line, const struct agent *about)
{
    struct event *event = NULL;
    row->changed_at = tx->now_us;
    bell_status st = record_change_begin(tx, row, true, &event);
    if (st == BELL_OK && has_line) {
        st = record_line(tx, row, line, about->agent, about->name);
    }
    if (st == BELL_OK) {
        st = store_conversation_save(tx->db, row);
    }
    if (st == BELL_OK) {
        st = record_change_end(tx, event);
    }
    return outcome_from(st);
}

struct outcome conversation_take(struct tx *tx, int64_t agent, int64_t conversation)
{
    struct agent_row agent_row = {0};
    struct conversation_row row = {0};
    struct outcome o = begin(tx, agent, conversation, &agent_row, &row);
    if (!outcome_is_done(o)) {
        return o;
    }
    if (row.state == STATE_CLOSED) {
        return outcome_refused(ERROR_CLOSED);
    }
    if (row.agent == agent) {
        return outcome_done();
    }
    if (row.agent != 0) {
        return (struct outcome){.error = ERROR_TAKEN, .agent = row.agent};
    }
    row.agent = agent;
    return change(tx, &row, true, LINE_JOINED, &agent_row.agent);
}

struct outcome conversation_assign(struct tx *tx, int64_t agent, int64_t conversation, int64_t to)
{
    struct agent_row agent_row = {0};
    struct conversation_row row = {0};
    struct outcome o = begin(tx, agent, conversation, &agent_row, &row);
    if (!outcome_is_done(o)) {
        return o;
    }
    struct agent_row to_row = {0};
    if (to != 0) {
        o = rights_agent(tx, to, &tx->events->arena, &to_row);
        if (o.error == ERROR_FORBIDDEN) {
            return outcome_refused(ERROR_NOT_FOUND);
        }
        if (!outcome_is_done(o)) {
            return o;
        }
    }
    if (row.state == STATE_CLOSED) {
        return outcome_refused(ERROR_CLOSED);
    }
    if (row.agent == to) {
        return outcome_done();
    }
    row.agent = to;
    /* Taking it over oneself reads as joining; going back to the queue is nobody's line. */
    return change(tx, &row, to != 0, to == agent ? LINE_JOINED : LINE_ASSIGNED, &to_row.agent);
}

struct outcome conversation_close(struct tx *tx, int64_t agent, int64_t conversation)
{
    struct agent_row agent_row = {0};
    struct conversation_row row = {0};
    struct outcome o = begin(tx, agent, conversation, &agent_row, &row);
    if (!outcome_is_done(o) || row.state == STATE_CLOSED) {
        return o;
    }
    row.state = STATE_CLOSED;
    row.waiting_since = 0;
    return change(tx, &row, true, LINE_CLOSED, &agent_row.agent);
}

struct outcome conversation_reopen(struct tx *tx, int64_t agent, int64_t conversation)
{
    struct agent_row agent_row = {0};
    struct conversation_row row = {0};
    struct outcome o = begin(tx, agent, conversation, &agent_row, &row);
    if (!outcome_is_done(o) || row.state == STATE_OPEN) {
        return o;
    }
    row.state = STATE_OPEN;
    if (row.agent != 0 && row.agent != agent) {
        struct agent_row had = {0};
        o = rights_agent(tx, row.agent, &tx->events->arena, &had);
        if (o.error == ERROR_FORBIDDEN) {
            row.agent = 0; /* removed meanwhile */
        } else if (!outcome_is_done(o)) {
            return o;
        }
    }
    return change(tx, &row, true, LINE_REOPENED, &agent_row.agent);
}

/* --- how far it came --- */

struct outcome conversation_read(struct tx *tx, int64_t agent, int64_t conversation, int64_t number)
{
    struct agent_row agent_row = {0};
    struct conversation_row row = {0};
    struct outcome o = begin(tx, agent, conversation, &agent_row, &row);
    int64_t until = number < row.last ? number : row.last;
    if (!outcome_is_done(o) || until <= row.agent_read) {
        return o;
    }
    row.agent_read = until;
    bell_status st = store_message_count_visitor(tx->db, conversation, until, &row.unread);
    if (st == BELL_OK) {
        st = store_conversation_save_receipt(tx->db, &row);
    }
    if (st == BELL_OK) {
        st = record_receipt(tx, &row, true);
    }
    return outcome_from(st);
}

/*
 * When a console comes back after a long time there may be any number of messages: only so many
 * events and conversations are looked at, the latest. The other visitors are told when they come
 * back (welcome).
 */
enum { DELIVERED_MAX_EVENTS = 20000, DELIVERED_MAX_CONVERSATIONS = 500 };

static bell_status delivered_tell(struct tx *tx, int64_t after, int64_t until)
{
    if (until - after > DELIVERED_MAX_EVENTS) {
        after = until - DELIVERED_MAX_EVENTS;
    }
    struct message_reached *reached = NULL;
    size_t count = 0;
    bell_status st = store_message_reached(tx->db, after, until, DELIVERED_MAX_CONVERSATIONS,
                                           &tx->events->arena, &reached, &count);
    for (size_t i = 0; st == BELL_OK && i < count; i++) {
        struct conversation_row row;
        st = store_conversation_get(tx->db, reached[i].conversation, &row);
        if (st == BELL_OK) {
            st = record_delivered(tx, &row, reached[i].number);
        }
    }
    return st;
}

struct outcome conversation_delivered(struct tx *tx, int64_t agent, int64_t event)
{
    int64_t before = 0;
    bell_status st = store_counter_get(tx->db, COUNTER_AGENT_DELIVERED, &before);
    struct agent_row agent_row = {0};
    struct outcome o =
        st == BELL_OK ? rights_agent(tx, agent, &tx->events->arena, &agent_row) : outcome_from(st);
    if (!outcome_is_done(o) || event <= before) {
        return o;
    }
    int64_t last = 0;
    st = store_event_last(tx->db, &last);
    int64_t until = event < last ? event : last;
    if (st != BELL_OK || until <= before) {
        return outcome_from(st);
    }
    st = store_counter_set(tx->db, COUNTER_AGENT_DELIVERED, until);
    if (st == BELL_OK) {
        st = delivered_tell(tx, before, until);
    }
    return outcome_from(st);
}
