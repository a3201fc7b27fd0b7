/*
 * What becomes of each command of a visitor: which lane it takes, the rule it runs, the answer.
 *
 * run_x is called on a thread of work, done_x on the announcer (writes) or a reader (reads), and
 * x_on_loop on the connection's loop.
 */
#include "desk/gateway/visitor_item.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "desk/gateway/gateway_internal.h"

#include <string.h>

enum {
    ARENA_MAX_BYTES = 512 * 1024,         /* a command is below 128 KiB */
    RESULTS_MAX_BYTES = 16 * 1024 * 1024, /* 200 messages of 8,000 characters */
    TYPING_EVERY_MS = 1000,               /* clients repeat it every 3 s */
};

struct visitor_item *visitor_item_create(struct visitor_session *session)
{
    struct visitor_item *item = bell_mem_zalloc(sizeof *item);
    if (item != NULL) {
        item->session = session;
        bell_arena_init(&item->arena, ARENA_MAX_BYTES);
        bell_arena_init(&item->results, RESULTS_MAX_BYTES);
    }
    return item;
}

void visitor_item_destroy(struct visitor_item *item)
{
    bell_arena_finish(&item->arena);
    bell_arena_finish(&item->results);
    if (item->command.type == VISITOR_COMMAND_HELLO) {
        explicit_bzero(item, sizeof *item); /* holds the visitor's token */
    }
    bell_mem_free(item);
}

struct reply_to visitor_item_reply_to(const struct visitor_item *item)
{
    bool is_post = item->command.type == VISITOR_COMMAND_POST;
    struct reply_to to = {item->command.has_ref, item->command.ref, is_post, {{0}}};
    if (is_post) {
        to.id = item->command.u.post.id;
    }
    return to;
}

static struct visitor_item *item_of(struct work_item *work)
{
    return BELL_CONTAINER_OF(work, struct visitor_item, work);
}

/* The last touch of an item that was given to work. */
static void item_end(struct visitor_item *item)
{
    struct peer *peer = &item->session->peer;
    visitor_item_destroy(item);
    peer_end(peer);
}

static bell_status item_submit(struct visitor_item *item, enum work_lane lane,
                               struct outcome (*run)(struct work_item *, struct tx *),
                               void (*done)(struct work_item *))
{
    struct peer *peer = &item->session->peer;
    item->work = (struct work_item){.run = run, .done = done};
    peer_begin(peer);
    bell_status st = work_submit(peer->gateway->work, lane, &item->work);
    if (st != BELL_OK) {
        peer_end(peer);
    }
    return st;
}

static struct outcome busy(void)
{
    struct outcome outcome = outcome_refused(ERROR_BUSY);
    outcome.retry_after_ms = PEER_BUSY_RETRY_MS;
    return outcome;
}

/* work has no room, or is stopping. The item is still ours. */
static void refuse_busy(struct visitor_item *item)
{
    refuse_visitor(&item->session->peer, visitor_item_reply_to(item), busy());
    visitor_item_destroy(item);
}

static void refuse_rate(struct visitor_item *item, uint64_t wait_ms)
{
    struct outcome outcome = outcome_refused(ERROR_RATE_LIMITED);
    outcome.retry_after_ms = (int64_t)wait_ms;
    gateway_count(&item->session->peer.gateway->counts.rate_refusals);
    refuse_visitor(&item->session->peer, visitor_item_reply_to(item), outcome);
    visitor_item_destroy(item);
}

static bell_slice address_key(const struct visitor_session *session)
{
    return bell_slice_make(session->address_key, session->address_key_bytes);
}

static void refuse_outcome(struct visitor_item *item)
{
    struct outcome outcome = item->work.outcome;
    if (outcome.error == ERROR_BUSY && outcome.retry_after_ms == 0) {
        outcome = busy();
    }
    refuse_visitor(&item->session->peer, visitor_item_reply_to(item), outcome);
}

static void reply(struct visitor_item *item, struct visitor_event *event)
{
    event->has_ref = item->command.has_ref;
    event->ref = item->command.ref;
    reply_visitor(&item->session->peer, event);
}

/* Goes on with the item on the connection's loop; without memory for that the connection ends. */
static void go_on_loop(struct visitor_item *item, bell_ws_task_fn task)
{
    const struct peer *peer = &item->session->peer;
    if (bell_ws_run(peer->ws, peer->conn, task, item) != BELL_OK) {
        bell_ws_abort(peer->ws, peer->conn);
        item_end(item);
    }
}

/* ---- hello ---- */

static struct outcome run_hello(struct work_item *work, struct tx *tx)
{
    struct visitor_item *item = item_of(work);
    struct visitor_greeting *greeting = &item->u.greeting;
    bell_arena_finish(&item->results);
    tx->events->origin = item->session->peer.conn;
    struct outcome outcome =
        visitor_hello(tx, &item->command.u.hello, bell_slice_from(item->session->origin),
                      bell_slice_from(item->session->browser), &item->results, &greeting->result);
    if (outcome_is_done(outcome)) {
        outcome = visitor_history(tx, &greeting->result.self, item->command.u.hello.after,
                                  VISITOR_HISTORY_LIMIT, &item->results, &greeting->page);
    }
    return outcome;
}

static void done_hello(struct work_item *work);

/*
 * Something was told to this visitor between the reading of the state and the subscription: read it
 * again. A new visitor is known by now, and keeps the token of the first reading.
 */
static bell_status greet_again(struct visitor_item *item)
{
    struct visitor_greeting *greeting = &item->u.greeting;
    struct visitor_command_hello *hello = &item->command.u.hello;
    if (greeting->result.welcome.has_token) {
        greeting->has_token = true;
        greeting->token = greeting->result.welcome.token;
        hello->has_visitor = true;
        hello->visitor = greeting->result.self.id;
        hello->has_token = true;
        hello->token = greeting->token;
    }
    greeting->is_subscribed = true;
    item->work = (struct work_item){.run = run_hello, .done = done_hello};
    return work_submit(item->session->peer.gateway->work, WORK_WRITE, &item->work);
}

static void send_greeting(struct visitor_item *item)
{
    struct visitor_session *session = item->session;
    struct visitor_greeting *greeting = &item->u.greeting;
    struct visitor_event welcome = {.type = VISITOR_EVENT_WELCOME,
                                    .u.welcome = greeting->result.welcome};
    welcome.u.welcome.online = presence_is_online(session->peer.gateway->presence);
    if (greeting->has_token) {
        welcome.u.welcome.has_token = true;
        welcome.u.welcome.token = greeting->token;
    }
    reply(item, &welcome);
    explicit_bzero(&welcome, sizeof welcome);
    const struct visitor_event page = {.type = VISITOR_EVENT_MESSAGES,
                                       .u.messages = greeting->page};
    reply_visitor(&session->peer, &page);
}

static void become_ready(struct visitor_item *item)
{
    struct visitor_session *session = item->session;
    session->self = item->u.greeting.result.self;
    atomic_store(&session->conversation, item->u.greeting.result.conversation);
    bell_mem_free(session->origin);
    bell_mem_free(session->browser);
    session->origin = NULL;
    session->browser = NULL;
    visitor_set_phase(session, VISITOR_READY);
    send_greeting(item);
}

static void hello_on_loop(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct visitor_item *item = user;
    struct visitor_session *session = item->session;
    struct visitor_greeting *greeting = &item->u.greeting;
    if (conn == 0) {
        item_end(item);
        return;
    }
    if (!outcome_is_done(item->work.outcome)) {
        visitor_set_phase(session, VISITOR_NEW);
        refuse_outcome(item);
        if (desk_error_http_status(item->work.outcome.error) < 500) {
            peer_count_misuse(&session->peer);
        }
        item_end(item);
        return;
    }
    char name[TOPIC_VISITOR_BYTES];
    bell_slice topic = topic_of_visitor(greeting->result.self.id, name);
    if (bell_ws_subscribe(ws, conn, topic) != BELL_OK ||
        bell_ws_subscribe(ws, conn, TOPIC_VISITORS) != BELL_OK) {
        bell_ws_abort(ws, conn);
        item_end(item);
        return;
    }
    uint64_t mark = fanout_visitor_mark(session->peer.gateway->fanout, greeting->result.self.id);
    if (greeting->is_subscribed || mark == greeting->mark) {
        become_ready(item);
    } else if (greet_again(item) == BELL_OK) {
        return;
    } else {
        bell_ws_abort(ws, conn);
    }
    item_end(item);
}

static void done_hello(struct work_item *work)
{
    struct visitor_item *item = item_of(work);
    if (outcome_is_done(work->outcome)) {
        item->u.greeting.mark = fanout_visitor_mark(item->session->peer.gateway->fanout,
                                                    item->u.greeting.result.self.id);
    }
    go_on_loop(item, hello_on_loop);
}

static void start_hello(struct visitor_item *item)
{
    struct visitor_session *session = item->session;
    uint64_t wait_ms = item->command.u.hello.has_visitor
                           ? 0
                           : rate_take(session->peer.gateway->new_visitors, address_key(session),
                                       bell_clock_now_ms());
    if (wait_ms > 0) {
        refuse_rate(item, wait_ms);
        return;
    }
    visitor_set_phase(session, VISITOR_GREETING);
    if (item_submit(item, WORK_WRITE, run_hello, done_hello) != BELL_OK) {
        visitor_set_phase(session, VISITOR_NEW);
        refuse_busy(item);
    }
}

/* ---- post ---- */

static struct outcome run_post(struct work_item *work, struct tx *tx)
{
    struct visitor_item *item = item_of(work);
    tx->events->origin = item->session->peer.conn;
    return visitor_post(tx, &item->session->self, &item->command.u.post,
                        item->u.posting.open_wait_ms == 0, &item->u.posting.posted);
}

static void give_conversation_back(struct visitor_item *item)
{
    if (item->u.posting.has_taken) {
        rate_give_back(item->session->peer.gateway->conversations, address_key(item->session),
                       bell_clock_now_ms());
    }
}

static void done_post(struct work_item *work)
{
    struct visitor_item *item = item_of(work);
    const struct posted *posted = &item->u.posting.posted;
    if (outcome_is_done(work->outcome)) {
        if (!posted->opened) {
            give_conversation_back(item);
        }
        atomic_store(&item->session->conversation, posted->conversation);
        struct visitor_event stored = {.type = VISITOR_EVENT_STORED,
                                       .u.stored = {.id = item->command.u.post.id,
                                                    .number = posted->number,
                                                    .at = posted->at}};
        reply(item, &stored);
    } else {
        give_conversation_back(item);
        if (work->outcome.error == ERROR_RATE_LIMITED) {
            gateway_count(&item->session->peer.gateway->counts.rate_refusals);
            work->outcome.retry_after_ms = (int64_t)item->u.posting.open_wait_ms;
        }
        refuse_outcome(item);
    }
    item_end(item);
}

static void start_post(struct visitor_item *item)
{
    struct visitor_session *session = item->session;
    struct gateway *gateway = session->peer.gateway;
    uint64_t now_ms = bell_clock_now_ms();
    bell_slice visitor = bell_slice_make(session->self.id.b, sizeof session->self.id.b);
    uint64_t wait_ms = rate_take(gateway->messages, visitor, now_ms);
    if (wait_ms > 0) {
        refuse_rate(item, wait_ms);
        return;
    }
    if (atomic_load(&session->conversation) == 0) {
        item->u.posting.open_wait_ms =
            rate_take(gateway->conversations, address_key(session), now_ms);
        item->u.posting.has_taken = item->u.posting.open_wait_ms == 0;
    }
    if (item_submit(item, WORK_WRITE, run_post, done_post) != BELL_OK) {
        give_conversation_back(item);
        refuse_busy(item);
    }
}

/* ---- history ---- */

static struct outcome run_history(struct work_item *work, struct tx *tx)
{
    struct visitor_item *item = item_of(work);
    const struct visitor_command_history *history = &item->command.u.history;
    bell_arena_finish(&item->results);
    return visitor_history(tx, &item->session->self, history->after,
                           history->has_limit ? history->limit : VISITOR_HISTORY_LIMIT,
                           &item->results, &item->u.page);
}

static void done_history(struct work_item *work)
{
    struct visitor_item *item = item_of(work);
    if (outcome_is_done(work->outcome)) {
        struct visitor_event page = {.type = VISITOR_EVENT_MESSAGES, .u.messages = item->u.page};
        reply(item, &page);
    } else {
        refuse_outcome(item);
    }
    item_end(item);
}

/* ---- delivered, read ---- */

static struct progress *progress_of(const struct visitor_item *item)
{
    return item->command.type == VISITOR_COMMAND_READ ? &item->session->read
                                                      : &item->session->delivered;
}

static struct outcome run_progress(struct work_item *work, struct tx *tx)
{
    struct visitor_item *item = item_of(work);
    struct visitor_seeing *seeing = &item->u.seeing;
    const struct visitor_self *self = &item->session->self;
    return item->command.type == VISITOR_COMMAND_READ
               ? visitor_read(tx, self, seeing->number, &seeing->conversation)
               : visitor_delivered(tx, self, seeing->number, &seeing->conversation);
}

static void done_progress(struct work_item *work);

static void progress_on_loop(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    struct visitor_item *item = user;
    struct progress *progress = progress_of(item);
    if (conn == 0) {
        item_end(item);
        return;
    }
    if (!outcome_is_done(item->work.outcome)) {
        refuse_outcome(item);
        progress_fail(progress, item->u.seeing.number);
        item_end(item);
        return;
    }
    /* Another tab may have made it. */
    if (item->u.seeing.conversation != 0) {
        atomic_store(&item->session->conversation, item->u.seeing.conversation);
    }
    if (progress_end(progress)) {
        item->u.seeing.number = progress_begin(progress);
        item->work = (struct work_item){.run = run_progress, .done = done_progress};
        if (work_submit(item->session->peer.gateway->work, WORK_WRITE, &item->work) == BELL_OK) {
            return;
        }
        progress_fail(progress, item->u.seeing.number);
    }
    item_end(item);
}

static void done_progress(struct work_item *work)
{
    go_on_loop(item_of(work), progress_on_loop);
}

static void start_progress(struct visitor_item *item)
{
    struct progress *progress = progress_of(item);
    int64_t number = item->command.type == VISITOR_COMMAND_READ ? item->command.u.read.number
                                                                : item->command.u.delivered.number;
    if (!progress_want(progress, number)) {
        visitor_item_destroy(item);
        return;
    }
    item->u.seeing.number = progress_begin(progress);
    if (item_submit(item, WORK_WRITE, run_progress, done_progress) != BELL_OK) {
        progress_fail(progress, item->u.seeing.number);
        refuse_busy(item);
    }
}

/* ---- typing, identify, ping ---- */

/* Beginning is passed on at most once in a while, ending once. */
static void start_typing(struct visitor_item *item)
{
    struct visitor_session *session = item->session;
    int64_t conversation = atomic_load(&session->conversation);
    uint64_t now_ms = bell_clock_now_ms();
    bool on = item->command.u.typing.on;
    bool is_news = on ? now_ms - session->typing_at_ms >= TYPING_EVERY_MS : session->is_typing;
    visitor_item_destroy(item);
    if (!is_news || conversation == 0) {
        return;
    }
    session->is_typing = on;
    session->typing_at_ms = on ? now_ms : session->typing_at_ms;
    fanout_tell_visitor_typing(session->peer.gateway->fanout, conversation, on);
}

static struct outcome run_identify(struct work_item *work, struct tx *tx)
{
    const struct visitor_item *item = item_of(work);
    tx->events->origin = item->session->peer.conn;
    return visitor_identify(tx, &item->session->self, &item->command.u.identify);
}

static void done_identify(struct work_item *work)
{
    struct visitor_item *item = item_of(work);
    if (outcome_is_done(work->outcome)) {
        struct visitor_event done = {.type = VISITOR_EVENT_DONE};
        reply(item, &done);
    } else {
        refuse_outcome(item);
    }
    item_end(item);
}

static void start_ping(struct visitor_item *item)
{
    struct visitor_event pong = {.type = VISITOR_EVENT_PONG};
    reply(item, &pong);
    visitor_item_destroy(item);
}

void visitor_item_start(struct visitor_item *item)
{
    bell_status st = BELL_OK;
    switch (item->command.type) {
    case VISITOR_COMMAND_HELLO:
        start_hello(item);
        break;
    case VISITOR_COMMAND_POST:
        start_post(item);
        break;
    case VISITOR_COMMAND_HISTORY:
        st = item_submit(item, WORK_READ, run_history, done_history);
        break;
    case VISITOR_COMMAND_DELIVERED:
    case VISITOR_COMMAND_READ:
        start_progress(item);
        break;
    case VISITOR_COMMAND_TYPING:
        start_typing(item);
        break;
    case VISITOR_COMMAND_IDENTIFY:
        st = item_submit(item, WORK_WRITE, run_identify, done_identify);
        break;
    case VISITOR_COMMAND_PING:
        start_ping(item);
        break;
    }
    if (st != BELL_OK) {
        refuse_busy(item);
    }
}
