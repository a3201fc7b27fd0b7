/*
 * The commands by which an agent reads: hello, list, open, history, events.
 *
 * hello only reads, but travels with the writes: its answer is then in the order of the commits,
 * behind every event that it already counts in and before every later one. The console subscribed
 * before, so nothing falls between.
 */
#include "base/mem.h"
#include "desk/domain/inbox.h"
#include "desk/gateway/agent_item.h"
#include "desk/gateway/gateway_internal.h"

static struct outcome run_hello(struct work_item *work, struct tx *tx)
{
    struct agent_item *item = agent_item_of(work);
    bell_arena_finish(&item->results);
    item->u.event = (struct agent_event){.type = AGENT_EVENT_WELCOME};
    return inbox_welcome(tx, item->session->self.agent, &item->results, &item->u.event.u.welcome);
}

/* The list of agents with who is connected right now. false: out of memory. */
static bool add_presence(struct agent_item *item)
{
    struct presence *presence = item->session->peer.gateway->presence;
    struct agent_event_welcome *welcome = &item->u.event.u.welcome;
    size_t count = welcome->agents_count;
    struct agent *agents = bell_arena_alloc(&item->results, (count + 1) * sizeof *agents);
    if (agents == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        agents[i] = welcome->agents[i];
        agents[i].connected = presence_is_connected(presence, agents[i].agent);
    }
    welcome->agents = agents;
    welcome->agent.connected = presence_is_connected(presence, welcome->agent.agent);
    return true;
}

static bool become_ready(struct agent_item *item)
{
    struct agent_session *session = item->session;
    const struct agent *agent = &item->u.event.u.welcome.agent;
    session->name = bell_mem_copy_text(agent->name);
    if (session->name == NULL || presence_enter(session->peer.gateway->presence, agent->agent,
                                                agent->status == STATUS_ONLINE) != BELL_OK) {
        return false;
    }
    session->is_present = true;
    if (!add_presence(item)) {
        return false;
    }
    agent_set_phase(session, AGENT_READY);
    agent_item_reply(item, &item->u.event);
    return true;
}

static void hello_on_loop(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct agent_item *item = user;
    if (conn != 0 && !outcome_is_done(item->work.outcome)) {
        agent_set_phase(item->session, AGENT_KNOWN);
        agent_item_refuse(item);
    } else if (conn != 0 && !become_ready(item)) {
        bell_ws_abort(ws, conn);
    }
    agent_item_end(item);
}

static void done_hello(struct work_item *work)
{
    struct agent_item *item = agent_item_of(work);
    if (outcome_is_done(work->outcome)) {
        fanout_begin_at(item->session->peer.gateway->fanout, item->u.event.u.welcome.event);
    }
    agent_item_go_on_loop(item, hello_on_loop);
}

void agent_item_start_hello(struct agent_item *item)
{
    struct agent_session *session = item->session;
    if (bell_ws_subscribe(session->peer.ws, session->peer.conn, TOPIC_DESK) != BELL_OK) {
        agent_item_refuse_busy(item);
        return;
    }
    agent_set_phase(session, AGENT_GREETING);
    if (agent_item_submit(item, WORK_WRITE, run_hello, done_hello) != BELL_OK) {
        agent_set_phase(session, AGENT_KNOWN);
        agent_item_refuse_busy(item);
    }
}

/* ---- list, open, history, events ---- */

static struct outcome run_read(struct work_item *work, struct tx *tx)
{
    struct agent_item *item = agent_item_of(work);
    struct agent_event *event = &item->u.event;
    const struct agent_command *command = &item->command;
    bell_arena_finish(&item->results);
    switch (command->type) {
    case AGENT_COMMAND_LIST:
        event->type = AGENT_EVENT_CONVERSATIONS;
        return inbox_list(tx, item->session->self.agent, &command->u.list, &item->results,
                          &event->u.conversations);
    case AGENT_COMMAND_OPEN:
        event->type = AGENT_EVENT_CONVERSATION;
        return inbox_open(tx, command->u.open.conversation, &item->results, &event->u.conversation);
    case AGENT_COMMAND_HISTORY:
        event->type = AGENT_EVENT_MESSAGES;
        return inbox_history(tx, &command->u.history, &item->results, &event->u.messages);
    case AGENT_COMMAND_EVENTS:
        event->type = AGENT_EVENT_EVENTS;
        return inbox_events(tx, &command->u.events, &item->results, &event->u.events);
    case AGENT_COMMAND_HELLO:
    case AGENT_COMMAND_POST:
    case AGENT_COMMAND_TAKE:
    case AGENT_COMMAND_ASSIGN:
    case AGENT_COMMAND_CLOSE:
    case AGENT_COMMAND_REOPEN:
    case AGENT_COMMAND_DELIVERED:
    case AGENT_COMMAND_READ:
    case AGENT_COMMAND_TYPING:
    case AGENT_COMMAND_STATUS:
    case AGENT_COMMAND_PING:
        break; /* have their own run */
    }
    return outcome_refused(ERROR_INTERNAL);
}

/* The store does not know who is connected. The events are ours: run made them in our arena. */
static void add_presence_to_events(struct agent_item *item)
{
    struct presence *presence = item->session->peer.gateway->presence;
    union {
        const struct desk_event *from;
        struct desk_event *to;
    } events = {.from = item->u.event.u.events.items};
    for (size_t i = 0; i < item->u.event.u.events.items_count; i++) {
        struct desk_event *event = &events.to[i];
        if (event->has_agent) {
            event->agent.connected = presence_is_connected(presence, event->agent.agent);
        }
    }
}

static void done_read(struct work_item *work)
{
    struct agent_item *item = agent_item_of(work);
    if (outcome_is_done(work->outcome)) {
        if (item->command.type == AGENT_COMMAND_EVENTS) {
            add_presence_to_events(item);
        }
        agent_item_reply(item, &item->u.event);
    } else {
        agent_item_refuse(item);
    }
    agent_item_end(item);
}

bell_status agent_item_start_read(struct agent_item *item)
{
    return agent_item_submit(item, WORK_READ, run_read, done_read);
}
