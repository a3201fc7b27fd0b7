#include "desk/gateway/fanout.h"

#include "base/buf.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "bell/ws_server.h"
#include "desk/bus/bus.h"
#include "desk/gateway/peer.h"
#include "desk/gateway/presence.h"
#include "desk/gateway/roster.h"
#include "desk/proto/encode.h"

#include <stdatomic.h>
#include <string.h>

/* A message of 8,000 characters of four bytes, each escaped at worst, fits well into one event. */
enum { EVENT_JSON_MAX_BYTES = 1024 * 1024, MARKS = 1024 };

struct fanout {
    struct fanout_options with;
    struct bell_buf text; /* (owned) announcer only: reused from event to event */
    atomic_int_fast64_t last_event;
    atomic_uint_fast64_t desk_count;
    atomic_uint_fast64_t visitor_count;
    atomic_uint_fast64_t marks[MARKS]; /* by the first bytes of the visitor's random id */
};

bell_slice topic_of_visitor(desk_id visitor, char out[TOPIC_VISITOR_BYTES])
{
    out[0] = 'v';
    out[1] = '/';
    bell_hex_encode(visitor.b, sizeof visitor.b, out + 2);
    return bell_slice_make(out, TOPIC_VISITOR_BYTES - 1);
}

static size_t mark_index(desk_id visitor)
{
    return ((size_t)visitor.b[0] << 8 | visitor.b[1]) % MARKS;
}

uint64_t fanout_visitor_mark(const struct fanout *fanout, desk_id visitor)
{
    return atomic_load(&fanout->marks[mark_index(visitor)]);
}

int64_t fanout_last_event(const struct fanout *fanout)
{
    return atomic_load(&fanout->last_event);
}

void fanout_begin_at(struct fanout *fanout, int64_t event)
{
    if (fanout_last_event(fanout) == 0) {
        atomic_store(&fanout->last_event, event);
    }
}

uint64_t fanout_desk_count(const struct fanout *fanout)
{
    return atomic_load_explicit(&fanout->desk_count, memory_order_relaxed);
}

uint64_t fanout_visitor_count(const struct fanout *fanout)
{
    return atomic_load_explicit(&fanout->visitor_count, memory_order_relaxed);
}

/* ---- text and topics ---- */

/*
 * A fan-out that fails for want of memory costs nothing but time: what was missed shows as a gap in
 * the numbers at the next event, and the client asks for it.
 */
static void complain(bell_status st)
{
    static struct bell_log_limit limit;
    bell_log_limited(&limit, BELL_LOG_ERROR, "cannot tell an event status=%s",
                     bell_status_name(st));
}

static void publish_agents(struct fanout *fanout, struct bell_buf *text,
                           const struct agent_event *event, bell_conn except)
{
    bell_buf_clear(text);
    bell_status st = agent_event_encode(event, text);
    if (st == BELL_OK) {
        st = bell_ws_publish(fanout->with.agents, TOPIC_DESK, BELL_TEXT, bell_buf_slice(text),
                             except);
    }
    if (st != BELL_OK) {
        complain(st);
    }
    (void)atomic_fetch_add_explicit(&fanout->desk_count, 1, memory_order_relaxed);
}

static void publish_visitors(struct fanout *fanout, struct bell_buf *text, bell_slice topic,
                             const struct visitor_event *event, bell_conn except)
{
    bell_buf_clear(text);
    bell_status st = visitor_event_encode(event, text);
    if (st == BELL_OK) {
        st = bell_ws_publish(fanout->with.visitors, topic, BELL_TEXT, bell_buf_slice(text), except);
    }
    if (st != BELL_OK) {
        complain(st);
    }
    (void)atomic_fetch_add_explicit(&fanout->visitor_count, 1, memory_order_relaxed);
}

static void publish_visitor(struct fanout *fanout, struct bell_buf *text, desk_id visitor,
                            const struct visitor_event *event, bell_conn except)
{
    char topic[TOPIC_VISITOR_BYTES];
    (void)atomic_fetch_add(&fanout->marks[mark_index(visitor)], 1);
    publish_visitors(fanout, text, topic_of_visitor(visitor, topic), event, except);
}

/* ---- events of the bus, on the announcer ---- */

static void tell_desk(struct fanout *fanout, const struct desk_event *event)
{
    const struct agent_event told = {.type = AGENT_EVENT_DESK_EVENT, .u.desk_event.event = *event};
    atomic_store(&fanout->last_event, event->event);
    publish_agents(fanout, &fanout->text, &told, 0);
}

static void on_message(struct fanout *fanout, const struct event *event, bell_conn origin)
{
    const struct desk_event desk = {.event = event->number,
                                    .kind = EVENT_KIND_MESSAGE,
                                    .has_conversation = true,
                                    .conversation = event->conversation,
                                    .has_message = true,
                                    .message = event->message};
    if (event->for_visitor) {
        const struct visitor_event told = {.type = VISITOR_EVENT_MESSAGE,
                                           .u.message.message = event->message};
        /* The poster hears `stored` of his own message, and of all others like everybody. */
        bell_conn except = event->message.author == AUTHOR_VISITOR ? origin : 0;
        publish_visitor(fanout, &fanout->text, event->visitor, &told, except);
    }
    tell_desk(fanout, &desk);
}

static void on_conversation(struct fanout *fanout, const struct event *event)
{
    const struct conversation *changed = &event->changed.conversation;
    const struct desk_event desk = {.event = event->number,
                                    .kind = EVENT_KIND_CONVERSATION,
                                    .has_changed = true,
                                    .changed = *changed};
    if (event->for_visitor) {
        const struct visitor_event told = {
            .type = VISITOR_EVENT_STATE,
            .u.state = {.state = changed->state, .agent_name = event->changed.agent_name}};
        publish_visitor(fanout, &fanout->text, event->visitor, &told, 0);
    }
    tell_desk(fanout, &desk);
}

static void on_receipt(struct fanout *fanout, const struct event *event)
{
    if (event->for_visitor) {
        const struct visitor_event told = {
            .type = VISITOR_EVENT_RECEIPT,
            .u.receipt = {.delivered = event->receipt.agent_delivered,
                          .read = event->receipt.receipt.agent_read}};
        publish_visitor(fanout, &fanout->text, event->visitor, &told, 0);
    }
    if (event->number > 0) {
        const struct desk_event desk = {.event = event->number,
                                        .kind = EVENT_KIND_RECEIPT,
                                        .has_conversation = true,
                                        .conversation = event->conversation,
                                        .has_receipt = true,
                                        .receipt = event->receipt.receipt};
        tell_desk(fanout, &desk);
    }
}

static void on_agent(struct fanout *fanout, int64_t number, const struct agent *changed)
{
    struct desk_event desk = {
        .event = number, .kind = EVENT_KIND_AGENT, .has_agent = true, .agent = *changed};
    if (changed->removed) {
        presence_remove(fanout->with.presence, changed->agent);
    }
    desk.agent.connected = presence_is_connected(fanout->with.presence, changed->agent);
    tell_desk(fanout, &desk);
}

static void on_session_ended(struct fanout *fanout, int64_t session)
{
    struct roster_entry *entries;
    size_t count;
    bell_status st = roster_copy(fanout->with.roster, &entries, &count);
    if (st != BELL_OK) {
        complain(st); /* the watch finds it within seconds */
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (entries[i].session == session) {
            st = bell_ws_close(fanout->with.agents, entries[i].conn, CLOSE_SESSION_ENDED,
                               BELL_LIT("the session has ended"));
            (void)st; /* gone already, or found by the watch */
        }
    }
    roster_copy_free(entries, count);
}

static void on_event(struct fanout *fanout, const struct event *event, bell_conn origin)
{
    switch (event->type) {
    case EVENT_MESSAGE:
        on_message(fanout, event, origin);
        break;
    case EVENT_CONVERSATION:
        on_conversation(fanout, event);
        break;
    case EVENT_RECEIPT:
        on_receipt(fanout, event);
        break;
    case EVENT_AGENT:
        on_agent(fanout, event->number, &event->agent);
        break;
    case EVENT_STATUS:
        presence_set_status(fanout->with.presence, event->status.agent,
                            event->status.status == STATUS_ONLINE);
        break;
    case EVENT_SESSION_ENDED:
        on_session_ended(fanout, event->session.session);
        break;
    }
}

static void on_events(const struct event_list *events, void *user)
{
    struct fanout *fanout = user;
    for (const struct event *event = events->first; event != NULL; event = event->next) {
        on_event(fanout, event, events->origin);
    }
}

void fanout_tell_desk_event(struct fanout *fanout, const struct desk_event *event)
{
    if (event->event <= fanout_last_event(fanout)) {
        return;
    }
    if (event->has_agent) {
        on_agent(fanout, event->event, &event->agent);
    } else {
        tell_desk(fanout, event);
    }
}

/* ---- what is not stored ---- */

void fanout_tell_visitor_typing(struct fanout *fanout, int64_t conversation, bool on)
{
    struct bell_buf text;
    bell_buf_init(&text, EVENT_JSON_MAX_BYTES);
    const struct agent_event told = {.type = AGENT_EVENT_TYPING,
                                     .u.typing = {.conversation = conversation, .on = on}};
    publish_agents(fanout, &text, &told, 0);
    bell_buf_finish(&text);
}

void fanout_tell_agent_typing(struct fanout *fanout, int64_t conversation, desk_id visitor,
                              int64_t agent, bell_slice agent_name, bool on, uint64_t from)
{
    struct bell_buf text;
    bell_buf_init(&text, EVENT_JSON_MAX_BYTES);
    const struct visitor_event to_visitor = {.type = VISITOR_EVENT_TYPING,
                                             .u.typing = {.on = on, .name = agent_name}};
    const struct agent_event to_agents = {
        .type = AGENT_EVENT_TYPING,
        .u.typing = {.conversation = conversation, .on = on, .has_agent = true, .agent = agent}};
    char topic[TOPIC_VISITOR_BYTES];
    publish_visitors(fanout, &text, topic_of_visitor(visitor, topic), &to_visitor, 0);
    publish_agents(fanout, &text, &to_agents, from);
    bell_buf_finish(&text);
}

void fanout_tell_presence(struct fanout *fanout, int64_t agent, bool online, bool connected)
{
    struct bell_buf text;
    bell_buf_init(&text, EVENT_JSON_MAX_BYTES);
    const struct agent_event told = {.type = AGENT_EVENT_PRESENCE,
                                     .u.presence = {.agent = agent,
                                                    .status = online ? STATUS_ONLINE : STATUS_AWAY,
                                                    .connected = connected}};
    publish_agents(fanout, &text, &told, 0);
    bell_buf_finish(&text);
}

void fanout_tell_online(struct fanout *fanout, bool online)
{
    struct bell_buf text;
    bell_buf_init(&text, EVENT_JSON_MAX_BYTES);
    const struct visitor_event told = {.type = VISITOR_EVENT_ONLINE, .u.online.on = online};
    publish_visitors(fanout, &text, TOPIC_VISITORS, &told, 0);
    bell_buf_finish(&text);
}

/* ---- life ---- */

bell_status fanout_create(const struct fanout_options *options, struct fanout **out)
{
    struct fanout *fanout = bell_mem_zalloc(sizeof *fanout);
    if (fanout == NULL) {
        return BELL_ENOMEM;
    }
    fanout->with = *options;
    bell_buf_init(&fanout->text, EVENT_JSON_MAX_BYTES);
    bell_status st = bus_subscribe(options->bus, on_events, fanout);
    if (st != BELL_OK) {
        bell_mem_free(fanout);
        return st;
    }
    *out = fanout;
    return BELL_OK;
}

void fanout_destroy(struct fanout *fanout)
{
    if (fanout == NULL) {
        return;
    }
    bus_unsubscribe(fanout->with.bus, on_events, fanout);
    bell_buf_finish(&fanout->text);
    bell_mem_free(fanout);
}
