/*
 * What becomes of the commands by which an agent changes something. run_x is called on work's
 * writer, done_x on the announcer, x_on_loop on the connection's loop.
 */
#include "desk/gateway/agent_item.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "desk/domain/account.h"
#include "desk/gateway/gateway_internal.h"

enum {
    ARENA_MAX_BYTES = 512 * 1024,         /* a command is below 128 KiB */
    RESULTS_MAX_BYTES = 32 * 1024 * 1024, /* 500 events with messages of 8,000 characters */
};

struct agent_item *agent_item_create(struct agent_session *session)
{
    struct agent_item *item = bell_mem_zalloc(sizeof *item);
    if (item != NULL) {
        item->session = session;
        bell_arena_init(&item->arena, ARENA_MAX_BYTES);
        bell_arena_init(&item->results, RESULTS_MAX_BYTES);
    }
    return item;
}

void agent_item_destroy(struct agent_item *item)
{
    if (item != NULL) {
        bell_arena_finish(&item->arena);
        bell_arena_finish(&item->results);
        bell_mem_free(item);
    }
}

struct reply_to agent_item_reply_to(const struct agent_item *item)
{
    bool is_post = item->command.type == AGENT_COMMAND_POST;
    struct reply_to to = {item->command.has_ref, item->command.ref, is_post, {{0}}};
    if (is_post) {
        to.id = item->command.u.post.id;
    }
    return to;
}

struct agent_item *agent_item_of(struct work_item *work)
{
    return BELL_CONTAINER_OF(work, struct agent_item, work);
}

void agent_item_end(struct agent_item *item)
{
    struct peer *peer = &item->session->peer;
    agent_item_destroy(item);
    peer_end(peer);
}

bell_status agent_item_resubmit(struct agent_item *item, enum work_lane lane,
                                struct outcome (*run)(struct work_item *, struct tx *),
                                void (*done)(struct work_item *))
{
    item->work = (struct work_item){.run = run, .done = done};
    return work_submit(item->session->peer.gateway->work, lane, &item->work);
}

bell_status agent_item_submit(struct agent_item *item, enum work_lane lane,
                              struct outcome (*run)(struct work_item *, struct tx *),
                              void (*done)(struct work_item *))
{
    peer_begin(&item->session->peer);
    bell_status st = agent_item_resubmit(item, lane, run, done);
    if (st != BELL_OK) {
        peer_end(&item->session->peer);
    }
    return st;
}

static struct outcome busy(void)
{
    struct outcome outcome = outcome_refused(ERROR_BUSY);
    outcome.retry_after_ms = PEER_BUSY_RETRY_MS;
    return outcome;
}

void agent_item_refuse_busy(struct agent_item *item)
{
    refuse_agent(&item->session->peer, agent_item_reply_to(item), busy());
    agent_item_destroy(item);
}

void agent_item_refuse(struct agent_item *item)
{
    struct outcome outcome = item->work.outcome;
    if (outcome.error == ERROR_BUSY && outcome.retry_after_ms == 0) {
        outcome = busy();
    }
    refuse_agent(&item->session->peer, agent_item_reply_to(item), outcome);
}

void agent_item_reply(struct agent_item *item, struct agent_event *event)
{
    event->has_ref = item->command.has_ref;
    event->ref = item->command.ref;
    reply_agent(&item->session->peer, event);
}

void agent_item_go_on_loop(struct agent_item *item, bell_ws_task_fn task)
{
    const struct peer *peer = &item->session->peer;
    if (bell_ws_run(peer->ws, peer->conn, task, item) != BELL_OK) {
        bell_ws_abort(peer->ws, peer->conn);
        agent_item_end(item);
    }
}

/* ---- post ---- */

static struct outcome run_post(struct work_item *work, struct tx *tx)
{
    struct agent_item *item = agent_item_of(work);
    tx->events->origin = item->session->peer.conn;
    return conversation_post(tx, item->session->self.agent, &item->command.u.post, &item->u.posted);
}

static void done_post(struct work_item *work)
{
    struct agent_item *item = agent_item_of(work);
    if (outcome_is_done(work->outcome)) {
        struct agent_event stored = {.type = AGENT_EVENT_STORED,
                                     .u.stored = {.id = item->command.u.post.id,
                                                  .conversation = item->u.posted.conversation,
                                                  .number = item->u.posted.number,
                                                  .at = item->u.posted.at}};
        agent_item_reply(item, &stored);
    } else {
        agent_item_refuse(item);
    }
    agent_item_end(item);
}

/* ---- take, assign, close, reopen, status: answered with done; read: not at all ---- */

static struct outcome run_change(struct work_item *work, struct tx *tx)
{
    const struct agent_item *item = agent_item_of(work);
    const struct agent_command *command = &item->command;
    int64_t agent = item->session->self.agent;
    tx->events->origin = item->session->peer.conn;
    switch (command->type) {
    case AGENT_COMMAND_TAKE:
        return conversation_take(tx, agent, command->u.take.conversation);
    case AGENT_COMMAND_ASSIGN:
        return conversation_assign(tx, agent, command->u.assign.conversation,
                                   command->u.assign.has_agent ? command->u.assign.agent : 0);
    case AGENT_COMMAND_CLOSE:
        return conversation_close(tx, agent, command->u.close.conversation);
    case AGENT_COMMAND_REOPEN:
        return conversation_reopen(tx, agent, command->u.reopen.conversation);
    case AGENT_COMMAND_STATUS:
        return account_set_status(tx, agent, command->u.status.status);
    case AGENT_COMMAND_READ:
        return conversation_read(tx, agent, command->u.read.conversation, command->u.read.number);
    case AGENT_COMMAND_HELLO:
    case AGENT_COMMAND_LIST:
    case AGENT_COMMAND_OPEN:
    case AGENT_COMMAND_HISTORY:
    case AGENT_COMMAND_EVENTS:
    case AGENT_COMMAND_POST:
    case AGENT_COMMAND_DELIVERED:
    case AGENT_COMMAND_TYPING:
    case AGENT_COMMAND_PING:
        break; /* have their own run */
    }
    return outcome_refused(ERROR_INTERNAL);
}

static void done_change(struct work_item *work)
{
    struct agent_item *item = agent_item_of(work);
    if (!outcome_is_done(work->outcome)) {
        agent_item_refuse(item);
    } else if (item->command.type != AGENT_COMMAND_READ) {
        struct agent_event done = {.type = AGENT_EVENT_DONE};
        agent_item_reply(item, &done);
    }
    agent_item_end(item);
}

/* ---- delivered ---- */

static struct outcome run_delivered(struct work_item *work, struct tx *tx)
{
    const struct agent_item *item = agent_item_of(work);
    return conversation_delivered(tx, item->session->self.agent, item->u.number);
}

static void done_delivered(struct work_item *work);

static void delivered_on_loop(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    struct agent_item *item = user;
    struct progress *progress = &item->session->delivered;
    if (conn == 0) {
        agent_item_end(item);
        return;
    }
    if (!outcome_is_done(item->work.outcome)) {
        agent_item_refuse(item);
        progress_fail(progress, item->u.number);
    } else if (progress_end(progress)) {
        item->u.number = progress_begin(progress);
        if (agent_item_resubmit(item, WORK_WRITE, run_delivered, done_delivered) == BELL_OK) {
            return;
        }
        progress_fail(progress, item->u.number);
    }
    agent_item_end(item);
}

static void done_delivered(struct work_item *work)
{
    struct agent_item *item = agent_item_of(work);
    struct gateway *gateway = item->session->peer.gateway;
    /* Only the announcer stores here. */
    if (outcome_is_done(work->outcome) && item->u.number > atomic_load(&gateway->delivered)) {
        atomic_store(&gateway->delivered, item->u.number);
    }
    agent_item_go_on_loop(item, delivered_on_loop);
}

/*
 * Every console tells of every event; only the first of them has news. What no console can have yet
 * counts as the last event there is.
 */
static void start_delivered(struct agent_item *item)
{
    struct progress *progress = &item->session->delivered;
    struct gateway *gateway = item->session->peer.gateway;
    int64_t last = fanout_last_event(gateway->fanout);
    int64_t number = item->command.u.delivered.event;
    number = number < last ? number : last;
    if (number <= atomic_load(&gateway->delivered) || !progress_want(progress, number)) {
        agent_item_destroy(item);
        return;
    }
    item->u.number = progress_begin(progress);
    if (agent_item_submit(item, WORK_WRITE, run_delivered, done_delivered) != BELL_OK) {
        progress_fail(progress, item->u.number);
        agent_item_refuse_busy(item);
    }
}

static void start_ping(struct agent_item *item)
{
    struct agent_event pong = {.type = AGENT_EVENT_PONG};
    agent_item_reply(item, &pong);
    agent_item_destroy(item);
}

void agent_item_start(struct agent_item *item)
{
    bell_status st = BELL_OK;
    switch (item->command.type) {
    case AGENT_COMMAND_HELLO:
        agent_item_start_hello(item);
        break;
    case AGENT_COMMAND_LIST:
    case AGENT_COMMAND_OPEN:
    case AGENT_COMMAND_HISTORY:
    case AGENT_COMMAND_EVENTS:
        st = agent_item_start_read(item);
        break;
    case AGENT_COMMAND_POST:
        st = agent_item_submit(item, WORK_WRITE, run_post, done_post);
        break;
    case AGENT_COMMAND_TAKE:
    case AGENT_COMMAND_ASSIGN:
    case AGENT_COMMAND_CLOSE:
    case AGENT_COMMAND_REOPEN:
    case AGENT_COMMAND_STATUS:
    case AGENT_COMMAND_READ:
        st = agent_item_submit(item, WORK_WRITE, run_change, done_change);
        break;
    case AGENT_COMMAND_DELIVERED:
        start_delivered(item);
        break;
    case AGENT_COMMAND_TYPING:
        agent_item_start_typing(item);
        break;
    case AGENT_COMMAND_PING:
        start_ping(item);
        break;
    }
    if (st != BELL_OK) {
        agent_item_refuse_busy(item);
    }
}
