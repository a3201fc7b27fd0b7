/*
 * The WebSocket server's calls that concern connections. On the connection's own loop they act at
 * once; from any other thread they travel to that loop as a mail.
 */
#include "bell/ws_server.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "base/versioned.h"
#include "bell/net/blob.h"
#include "bell/net/mailbox.h"
#include "bell/server/connection.h"
#include "bell/server/metrics_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_batch.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/close_code.h"
#include "bell/ws/frame.h"

/* ---- mails ---- */

enum mail_kind {
    MAIL_SEND,
    MAIL_CLOSE,
    MAIL_ABORT,
    MAIL_RUN,
    MAIL_RUN_ALL,
    MAIL_PUBLISH,
    MAIL_BROADCAST,
    MAIL_RETAIN
};

/* What the mails of one bell_ws_run_all have in common; goes with the last of them. */
struct ws_round {
    atomic_uint_fast32_t left; /* loops that have not done with the task */
    bell_ws_task_fn done;      /* NULL: nobody wants to know */
};

struct ws_mail {
    struct bell_mail mail; /* first */
    struct bell_ws_server *ws;
    struct bell_server_loop *home;
    bell_conn conn;          /* whom it is for; publish and broadcast: whom it is not for */
    struct bell_blob *frame; /* (owned) a reference; CLOSE: the reason */
    struct bell_ws_variants *variants; /* (owned) a reference; PUBLISH, BROADCAST: of frame */
    struct bell_blob *topic;           /* (owned) a reference */
    struct bell_ws_retained *retained; /* (owned) RETAIN: the topic's value, or that it has none */
    struct ws_round *round;            /* (shared) RUN_ALL */
    bell_ws_task_fn task;
    void *user;
    bell_ws_terms terms; /* SEND, PUBLISH, RETAIN */
    uint16_t code;
    uint8_t kind; /* enum mail_kind */
};

static bell_slice blob_slice(const struct bell_blob *b)
{
    return bell_slice_make(b->bytes, b->size);
}

static struct bell_blob *blob_of(bell_slice s)
{
    struct bell_blob *b = bell_blob_create(s.n);
    if (b != NULL && s.n > 0) {
        memcpy(b->bytes, s.p, s.n);
        b->size = s.n;
    }
    return b;
}

static struct bell_blob *frame_of(bell_message_type type, bell_slice data)
{
    return bell_ws_frame_create((enum bell_ws_opcode)type, data, false, NULL);
}

/* What a mail holds of memory that others hold too. */
static void mail_release(const struct ws_mail *m)
{
    bell_blob_unref(m->frame);
    bell_ws_variants_unref(m->variants);
    bell_blob_unref(m->topic);
    bell_ws_retained_destroy(m->retained);
}

/* Holds what m holds, and a value of its own. BELL_ENOMEM. */
static bell_status mail_copy(const struct ws_mail *m, struct ws_mail *copy)
{
    struct bell_ws_retained *value = NULL;
    if (m->retained != NULL) {
        value = bell_ws_retained_create(blob_slice(m->topic), m->retained->hash);
        if (value == NULL) {
            return BELL_ENOMEM;
        }
        value->frame = m->frame == NULL ? NULL : bell_blob_ref(m->frame);
        value->variants = bell_ws_variants_ref(m->variants);
        value->terms = m->terms;
        value->sequence = m->retained->sequence;
    }
    if (m->frame != NULL) {
        (void)bell_blob_ref(m->frame);
    }
    (void)bell_ws_variants_ref(m->variants);
    if (m->topic != NULL) {
        (void)bell_blob_ref(m->topic);
    }
    *copy = *m;
    copy->retained = value;
    return BELL_OK;
}

/* Gives it a message for many, with room for compressed twins when somebody could want one.
 * BELL_ENOMEM. */
static bell_status mail_write(struct ws_mail *m, bell_message_type type, bell_slice data)
{
    const bell_ws_deflate_options *o = &m->ws->options.deflate;
    bool has_variants = o->is_enabled && data.n >= o->threshold_bytes;
    m->frame = frame_of(type, data);
    m->variants = has_variants ? bell_ws_variants_create() : NULL;
    return m->frame == NULL || (has_variants && m->variants == NULL) ? BELL_ENOMEM : BELL_OK;
}

/* The connection, when it is an open WebSocket of this server on this loop. */
static struct bell_connection *find_here(const struct bell_ws_server *ws,
                                         struct bell_server_loop *home, bell_conn conn)
{
    struct bell_connection *c = bell_connection_find(home, conn);
    if (c == NULL || c->phase != BELL_CONNECTION_WEBSOCKET || c->u.ws.server != ws) {
        return NULL;
    }
    return c;
}

/* The connection, when it is a client's of this kind that is not open yet. */
static struct bell_connection *find_connecting(const struct bell_ws_server *ws,
                                               struct bell_server_loop *home, bell_conn conn)
{
    struct bell_connection *c = ws->is_client ? bell_connection_find(home, conn) : NULL;
    if (c == NULL || c->phase != BELL_CONNECTION_CONNECTING || c->u.connect->ws != ws) {
        return NULL;
    }
    return c;
}

static bell_status close_here(const struct bell_ws_server *ws, struct bell_server_loop *home,
                              bell_conn conn, uint16_t code, bell_slice reason)
{
    struct bell_connection *c = find_connecting(ws, home, conn);
    if (c != NULL) {
        return bell_ws_connect_cancel(c);
    }
    c = find_here(ws, home, conn);
    return c == NULL ? BELL_ECLOSED : bell_ws_session_close(c, code, reason, BELL_CLOSED_BY_US);
}

static bell_status abort_here(const struct bell_ws_server *ws, struct bell_server_loop *home,
                              bell_conn conn)
{
    struct bell_connection *c = find_connecting(ws, home, conn);
    if (c != NULL) {
        return bell_ws_connect_cancel(c);
    }
    c = find_here(ws, home, conn);
    if (c == NULL) {
        return BELL_ECLOSED;
    }
    bell_ws_session_abort(c);
    return BELL_OK;
}

static void publish_here(struct bell_server_loop *home, const struct ws_mail *m)
{
    const bell_ws_publication p = {.ws = m->ws,
                                   .topic = m->topic,
                                   .except = m->conn,
                                   .frame = m->frame,
                                   .variants = m->variants,
                                   .terms = m->terms};
    bell_ws_batch_publish(home, &p);
}

/* A value, or none any more, takes its place unless a later one was quicker. */
static void retain_here(struct bell_server_loop *home, struct ws_mail *m)
{
    struct bell_ws_retained *value = m->retained;
    struct bell_ws_retained_table *table = &m->ws->loops[home->loop.index].retained;
    const struct bell_ws_retained *old =
        bell_ws_retained_find(table, blob_slice(m->topic), value->hash);
    if (old != NULL && old->sequence > value->sequence) {
        return;
    }
    if (value->frame == NULL) {
        bell_ws_retained_remove(table, blob_slice(m->topic), value->hash);
        return;
    }
    m->retained = NULL;
    bell_ws_retained_put(table, value);
    publish_here(home, m);
}

/* Nobody can be told that a frame was not queued: without it the connection must not go on. */
static void send_here(struct bell_connection *c, const struct ws_mail *m)
{
    bell_server_loop_settle(m->home);
    if (bell_ws_session_send_frame(c, m->frame, NULL, &m->terms) == BELL_ENOMEM) {
        bell_ws_session_doom(c, BELL_ENOMEM);
    }
}

/*
 * What counts of a mail. Messages count by their bytes, and tasks apart from them, so that neither
 * keeps the other out. What ends a connection or a retained value does not count: it is a last
 * resort, and once for each of them is enough.
 */
static size_t mail_bytes(const struct ws_mail *m)
{
    switch ((enum mail_kind)m->kind) {
    case MAIL_SEND:
    case MAIL_PUBLISH:
    case MAIL_BROADCAST:
        return sizeof *m + m->frame->size;
    case MAIL_RETAIN:
        return m->frame == NULL ? 0 : sizeof *m + m->frame->size;
    case MAIL_CLOSE:
    case MAIL_ABORT:
    case MAIL_RUN:
    case MAIL_RUN_ALL:
        break;
    }
    return 0;
}

static bool is_task(const struct ws_mail *m)
{
    return m->kind == MAIL_RUN || m->kind == MAIL_RUN_ALL;
}

/* Is there room for it in what waits for that loop? Then it counts. */
static bool room_take(struct bell_server_loop *home, const struct ws_mail *m)
{
    size_t bytes = mail_bytes(m);
    if (bytes == 0) {
        return !is_task(m) || bell_server_loop_task_begin(home);
    }
    /* Relaxed, here and where it shrinks: a bound, through which no other memory is published. */
    size_t before = atomic_fetch_add_explicit(&home->mail_bytes, bytes, memory_order_relaxed);
    if (before == 0 || before + bytes <= BELL_WS_MAX_MAIL_BYTES) {
        return true;
    }
    atomic_fetch_sub_explicit(&home->mail_bytes, bytes, memory_order_relaxed);
    return false;
}

static void room_give(struct bell_server_loop *home, const struct ws_mail *m)
{
    if (is_task(m)) {
        bell_server_loop_task_end(home);
    } else {
        atomic_fetch_sub_explicit(&home->mail_bytes, mail_bytes(m), memory_order_relaxed);
    }
}

static void mail_free(struct ws_mail *m)
{
    room_give(m->home, m);
    mail_release(m);
    bell_mem_free(m);
}

/* One loop has run the task, or has ended. What the others wrote before is seen by the last one. */
static void round_leave(const struct ws_mail *m)
{
    if (atomic_fetch_sub_explicit(&m->round->left, 1, memory_order_acq_rel) == 1) {
        if (m->round->done != NULL) {
            m->round->done(m->ws, 0, m->user);
        }
        bell_mem_free(m->round);
    }
}

static void mail_deliver(struct bell_mail *mail)
{
    struct ws_mail *m = (struct ws_mail *)(void *)mail;
    struct bell_connection *c = find_here(m->ws, m->home, m->conn);
    switch ((enum mail_kind)m->kind) {
    case MAIL_SEND:
        if (c != NULL) {
            send_here(c, m);
        }
        break;
    case MAIL_CLOSE:
        if (close_here(m->ws, m->home, m->conn, m->code, blob_slice(m->frame)) == BELL_ENOMEM &&
            c != NULL) {
            bell_ws_session_doom(c, BELL_ENOMEM);
        }
        break;
    case MAIL_ABORT:
        (void)abort_here(m->ws, m->home, m->conn);
        break;
    case MAIL_RUN:
        m->task(m->ws, c == NULL && find_connecting(m->ws, m->home, m->conn) == NULL ? 0 : m->conn,
                m->user);
        break;
    case MAIL_RUN_ALL:
        m->task(m->ws, 0, m->user);
        round_leave(m);
        break;
    case MAIL_PUBLISH:
    case MAIL_BROADCAST: /* without a topic */
        publish_here(m->home, m);
        break;
    case MAIL_RETAIN:
        retain_here(m->home, m);
        break;
    }
    mail_free(m);
}

static void mail_discard(struct bell_mail *mail)
{
    struct ws_mail *m = (struct ws_mail *)(void *)mail;
    if (m->kind == MAIL_RUN) {
        m->task(m->ws, 0, m->user);
    } else if (m->kind == MAIL_RUN_ALL) {
        round_leave(m);
    }
    mail_free(m);
}

/* A mail that waits to be posted or freed. Takes what content owns over, also on failure.
 * BELL_EAGAIN: too much waits for that loop; BELL_ENOMEM. */
static bell_status mail_make(struct bell_server_loop *home, struct ws_mail content,
                             struct ws_mail **out)
{
    bool has_room = room_take(home, &content);
    struct ws_mail *m = has_room ? bell_mem_alloc(sizeof *m) : NULL;
    if (m == NULL) {
        if (has_room) {
            room_give(home, &content);
        }
        mail_release(&content);
        return has_room ? BELL_ENOMEM : BELL_EAGAIN;
    }
    *m = content;
    m->mail = (struct bell_mail){.deliver = mail_deliver, .discard = mail_discard};
    m->home = home;
    *out = m;
    return BELL_OK;
}

static bell_status mail_post(struct bell_server_loop *home, struct ws_mail content)
{
    struct ws_mail *m;
    bell_status st = mail_make(home, content, &m);
    if (st == BELL_OK) {
        bell_loop_post(&home->loop, &m->mail);
    }
    return st;
}

static bool is_here(const struct bell_server_loop *home)
{
    return bell_loop_current() == &home->loop;
}

/*
 * Mails for these loops (indexes NULL = the first ones), all or none: what is made cannot be
 * refused any more. A message that is published needs none for our own loop, which gets it at once:
 * there it is NULL.
 */
static bell_status mails_make(const struct ws_mail *mail, const uint32_t *indexes, uint32_t count,
                              struct ws_mail **mails)
{
    bool leaves_ours_out = mail->kind == MAIL_PUBLISH || mail->kind == MAIL_BROADCAST;
    bell_status st = BELL_OK;
    uint32_t made = 0;
    while (made < count && st == BELL_OK) {
        struct bell_server_loop *home =
            &mail->ws->io->loops[indexes == NULL ? made : indexes[made]];
        struct ws_mail content;
        mails[made] = NULL;
        if (!leaves_ours_out || !is_here(home)) {
            st = mail_copy(mail, &content);
            st = st == BELL_OK ? mail_make(home, content, &mails[made]) : st;
        }
        made += st == BELL_OK;
    }
    while (st != BELL_OK && made > 0) {
        struct ws_mail *unsent = mails[--made];
        if (unsent != NULL) {
            mail_free(unsent);
        }
    }
    return st;
}

/* The loop of a handle, NULL when there is no such loop. */
static struct bell_server_loop *home_of(const struct bell_ws_server *ws, bell_conn conn)
{
    uint32_t index = bell_connection_handle_loop(conn);
    return conn == 0 || ws->io == NULL || index >= ws->loop_count ? NULL : &ws->io->loops[index];
}

/* Two hashes that nobody outside can choose, of which the same keys of two topics differ; of what
 * is sent to one connection topic is 0. */
static uint64_t key_hash(uint64_t topic, bell_slice key)
{
    uint64_t hash = bell_topic_hash(key) ^ (topic << 1 | topic >> 63);
    return hash == 0 ? UINT64_MAX : hash;
}

static bool is_overflow(bell_ws_overflow overflow)
{
    return (unsigned)overflow <= BELL_OVERFLOW_DROP_NEWEST;
}

/* Text must be UTF-8. */
static bool is_message(bell_message_type type, bell_slice data)
{
    return type == BELL_BINARY || (type == BELL_TEXT && bell_utf8_is_valid(data));
}

/* ---- one connection ---- */

static bell_status send_to(struct bell_ws_server *ws, bell_conn conn, bell_message_type type,
                           bell_slice data, const bell_ws_terms *terms)
{
    struct bell_server_loop *home = home_of(ws, conn);
    if (home == NULL) {
        return BELL_ECLOSED;
    }
    if (!is_message(type, data)) {
        return BELL_EINVAL;
    }
    if (is_here(home)) {
        struct bell_connection *c = find_here(ws, home, conn);
        return c == NULL ? BELL_ECLOSED : bell_ws_session_send(c, type, data, terms);
    }
    struct bell_blob *frame = frame_of(type, data);
    if (frame == NULL) {
        return BELL_ENOMEM;
    }
    struct ws_mail mail = {.ws = ws, .conn = conn, .frame = frame, .kind = MAIL_SEND};
    if (terms != NULL) {
        mail.terms = *terms;
    }
    return mail_post(home, mail);
}

bell_status bell_ws_send(struct bell_ws_server *ws, bell_conn conn, bell_message_type type,
                         bell_slice data)
{
    return send_to(ws, conn, type, data, NULL);
}

bell_status bell_ws_send_sized(struct bell_ws_server *ws, bell_conn conn, bell_message_type type,
                               bell_slice data, const bell_ws_send_options *options,
                               size_t options_bytes)
{
    bell_ws_send_options known = {0};
    if (!bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    if (!is_overflow(known.overflow)) {
        return BELL_EINVAL;
    }
    const bell_ws_terms terms = {.key = known.key.n == 0 ? 0 : key_hash(0, known.key),
                                 .overflow = known.overflow};
    return send_to(ws, conn, type, data, &terms);
}

bell_status bell_ws_close(struct bell_ws_server *ws, bell_conn conn, uint16_t code,
                          bell_slice reason)
{
    struct bell_server_loop *home = home_of(ws, conn);
    if (!bell_ws_close_code_is_sendable(code) || reason.n > BELL_WS_REASON_MAX_BYTES ||
        !bell_utf8_is_valid(reason)) {
        return BELL_EINVAL;
    }
    if (home == NULL) {
        return BELL_ECLOSED;
    }
    if (is_here(home)) {
        return close_here(ws, home, conn, code, reason);
    }
    struct bell_blob *text = blob_of(reason);
    if (text == NULL) {
        return BELL_ENOMEM;
    }
    return mail_post(
        home,
        (struct ws_mail){.ws = ws, .conn = conn, .frame = text, .code = code, .kind = MAIL_CLOSE});
}

bell_status bell_ws_abort(struct bell_ws_server *ws, bell_conn conn)
{
    struct bell_server_loop *home = home_of(ws, conn);
    if (home == NULL) {
        return BELL_ECLOSED;
    }
    if (!is_here(home)) {
        return mail_post(home, (struct ws_mail){.ws = ws, .conn = conn, .kind = MAIL_ABORT});
    }
    return abort_here(ws, home, conn);
}

bell_status bell_ws_run(struct bell_ws_server *ws, bell_conn conn, bell_ws_task_fn task, void *user)
{
    struct bell_server_loop *home = home_of(ws, conn);
    if (home == NULL) {
        home = ws->io == NULL ? NULL : &ws->io->loops[0];
    }
    if (home == NULL) {
        return BELL_ESTATE;
    }
    return mail_post(
        home,
        (struct ws_mail){.ws = ws, .conn = conn, .task = task, .user = user, .kind = MAIL_RUN});
}

bell_status bell_ws_run_all(struct bell_ws_server *ws, bell_ws_task_fn task, bell_ws_task_fn done,
                            void *user)
{
    if (ws->io == NULL) {
        return BELL_ESTATE;
    }
    uint32_t count = ws->loop_count;
    struct ws_mail *mails[BELL_IO_MAX_LOOPS];
    struct ws_round *round = bell_mem_alloc(sizeof *round);
    if (round == NULL) {
        return BELL_ENOMEM;
    }
    const struct ws_mail mail = {
        .ws = ws, .round = round, .task = task, .user = user, .kind = MAIL_RUN_ALL};
    bell_status st = mails_make(&mail, NULL, count, mails);
    if (st != BELL_OK) {
        bell_mem_free(round);
        return st;
    }
    atomic_init(&round->left, count);
    round->done = done;
    for (uint32_t i = 0; i < count; i++) { /* the last one may free it */
        bell_loop_post(&ws->io->loops[i].loop, &mails[i]->mail);
    }
    return BELL_OK;
}

struct bell_server_loop *bell_ws_server_loop_here(const struct bell_ws_server *ws)
{
    return ws->io == NULL ? NULL : bell_io_server_loop_here(ws->io);
}

struct bell_connection *bell_ws_server_find_mine(const struct bell_ws_server *ws, bell_conn conn)
{
    struct bell_server_loop *home = home_of(ws, conn);
    return home == NULL || !is_here(home) ? NULL : find_here(ws, home, conn);
}

/* Why bell_ws_server_find_mine has found nothing. What has become of the connection only its own
 * loop knows. */
static bell_status why_not_mine(const struct bell_ws_server *ws, bell_conn conn)
{
    const struct bell_server_loop *home = home_of(ws, conn);
    return home == NULL || is_here(home) ? BELL_ECLOSED : BELL_ESTATE;
}

/* Where its user pointer is, NULL for a stale handle or on another thread. */
static void **user_of(const struct bell_ws_server *ws, bell_conn conn)
{
    struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    if (c != NULL) {
        return &c->u.ws.user;
    }
    struct bell_server_loop *home = home_of(ws, conn);
    c = home == NULL || !is_here(home) ? NULL : find_connecting(ws, home, conn);
    return c == NULL ? NULL : &c->u.connect->user;
}

void bell_ws_set_user(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    void **place = user_of(ws, conn);
    if (place != NULL) {
        *place = user;
    }
}

void *bell_ws_get_user(struct bell_ws_server *ws, bell_conn conn)
{
    void **place = user_of(ws, conn);
    return place == NULL ? NULL : *place;
}

bell_status bell_ws_set_queue(struct bell_ws_server *ws, bell_conn conn,
                              const bell_ws_queue_options *queue)
{
    struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    if (c == NULL || c->u.ws.state == BELL_WS_DONE) {
        return c == NULL ? why_not_mine(ws, conn) : BELL_ECLOSED;
    }
    bell_server_loop_settle(bell_server_loop_of(c));
    if (queue == NULL) {
        if (c->u.ws.extra != NULL) {
            c->u.ws.extra->has_queue = false;
        }
        return BELL_OK;
    }
    bell_ws_queue_options complete = *queue;
    bell_status st = bell_ws_queue_complete(&complete);
    if (st != BELL_OK) {
        return st;
    }
    struct bell_ws_extra *extra = bell_ws_extra_of(c);
    if (extra == NULL) {
        return BELL_ENOMEM;
    }
    extra->queue = complete;
    extra->has_queue = true;
    return BELL_OK;
}

size_t bell_ws_queued_bytes(struct bell_ws_server *ws, bell_conn conn)
{
    const struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    if (c == NULL) {
        return 0;
    }
    bell_server_loop_settle(bell_server_loop_of(c));
    return c->stream.out.bytes;
}

bell_slice bell_ws_subprotocol(struct bell_ws_server *ws, bell_conn conn)
{
    const struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    return c == NULL || c->subprotocol == 0 ? bell_slice_make(NULL, 0)
                                            : ws->subprotocols[c->subprotocol - 1];
}

bell_slice bell_ws_peer_address(struct bell_ws_server *ws, bell_conn conn)
{
    static _Thread_local char room[BELL_ADDRESS_TEXT_BYTES];
    const struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    return c == NULL ? bell_slice_make(NULL, 0) : bell_address_format(&c->peer, room);
}

bell_status bell_ws_tls_sized(struct bell_ws_server *ws, bell_conn conn, bell_tls_agreement *out,
                              size_t out_bytes)
{
    const struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    return c == NULL ? why_not_mine(ws, conn) : bell_connection_tls(c, out, out_bytes);
}

void bell_ws_server_stats_sized(const struct bell_ws_server *ws, bell_ws_stats *out,
                                size_t out_bytes)
{
    bell_ws_stats sum = {.connections = bell_ws_connection_count(ws)};
    for (uint32_t i = 0; i < ws->loop_count; i++) {
        const struct bell_ws_loop *loop = &ws->loops[i];
        sum.high_marks += bell_counter_read(&loop->high_marks);
        sum.replaced += bell_counter_read(&loop->replaced);
        sum.dropped += bell_counter_read(&loop->dropped);
        sum.slow_receivers += bell_counter_read(&loop->slow_receivers);
        sum.opened += bell_counter_read(&loop->opened);
        sum.received += bell_counter_read(&loop->received);
        sum.received_bytes += bell_counter_read(&loop->received_bytes);
        sum.sent += bell_counter_read(&loop->sent);
        sum.sent_bytes += bell_counter_read(&loop->sent_bytes);
        sum.timeouts += bell_counter_read(&loop->timeouts);
    }
    sum.retained = atomic_load_explicit(&ws->retained_count, memory_order_relaxed);
    sum.retained_bytes = atomic_load_explicit(&ws->retained_bytes, memory_order_relaxed);
    bell_versioned_write(out, out_bytes, &sum, sizeof sum);
}

uint64_t bell_ws_connection_count(const struct bell_ws_server *ws)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < ws->loop_count; i++) {
        count += atomic_load(&ws->loops[i].connections);
    }
    return count;
}

/* ---- topics ---- */

static atomic_uint_fast32_t *filter_of(struct bell_ws_loop *loop, uint64_t hash)
{
    return &loop->subscriptions[(hash >> 32) & (BELL_WS_TOPIC_FILTER - 1)];
}

void bell_ws_server_forget_subscription(uint64_t hash, void *ws_loop)
{
    atomic_fetch_sub(filter_of(ws_loop, hash), 1);
    bell_metrics_count_topic(ws_loop, hash, UINT64_MAX, 0); /* one less */
}

/* To one who subscribes, and may have been there before: messages of the same key that were
 * published later, and not retained, may wait for him. */
static bell_status value_send(struct bell_connection *c, const struct bell_ws_retained *value)
{
    bell_ws_terms terms = value->terms;
    terms.replaces_none = true;
    return bell_ws_session_send_frame(c, value->frame, value->variants, &terms);
}

bell_status bell_ws_subscribe(struct bell_ws_server *ws, bell_conn conn, bell_slice topic)
{
    struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    if (c == NULL || c->u.ws.state == BELL_WS_DONE) {
        return c == NULL ? why_not_mine(ws, conn) : BELL_ECLOSED;
    }
    bell_server_loop_settle(bell_server_loop_of(c));
    struct bell_ws_loop *loop = &ws->loops[c->stream.loop->index];
    bool joined;
    bell_status st = bell_topic_subscribe(loop->topics, &c->u.ws.topics, c, topic, &joined);
    if (st != BELL_OK || !joined) {
        return st;
    }
    uint64_t hash = bell_topic_hash(topic);
    atomic_fetch_add(filter_of(loop, hash), 1);
    bell_metrics_count_topic(loop, hash, 1, 0);
    const struct bell_ws_retained *value =
        loop->retained.count == 0 ? NULL : bell_ws_retained_find(&loop->retained, topic, hash);
    if (value != NULL && value_send(c, value) == BELL_ENOMEM) {
        st = bell_ws_unsubscribe(ws, conn, topic);
        return st == BELL_OK ? BELL_ENOMEM : st;
    } /* else it was sent, or its queue has done with it what it does */
    return BELL_OK;
}

bell_status bell_ws_unsubscribe(struct bell_ws_server *ws, bell_conn conn, bell_slice topic)
{
    struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    if (c == NULL) {
        return why_not_mine(ws, conn);
    }
    bell_server_loop_settle(bell_server_loop_of(c));
    struct bell_ws_loop *loop = &ws->loops[c->stream.loop->index];
    uint64_t hash = bell_topic_hash(topic); /* before its own name (bell_ws_topic_at) may go */
    bell_status st = bell_topic_unsubscribe(loop->topics, &c->u.ws.topics, topic);
    if (st == BELL_OK) {
        bell_ws_server_forget_subscription(hash, loop);
    }
    return st;
}

/* The loop to begin with: the caller's own, so that twins which it makes are there for the others.
 */
static uint32_t first_loop(const struct bell_ws_server *ws)
{
    const struct bell_server_loop *here = bell_ws_server_loop_here(ws);
    return here == NULL ? 0 : here->loop.index;
}

/* The loops that may have receivers of a message, in the order in which they get it. */
static uint32_t loops_of(const struct ws_mail *mail, uint64_t topic, uint32_t *indexes)
{
    const struct bell_ws_server *ws = mail->ws;
    uint32_t count = 0;
    uint32_t first = first_loop(ws);
    for (uint32_t i = 0; i < ws->loop_count; i++) {
        uint32_t index = (first + i) % ws->loop_count;
        struct bell_ws_loop *loop = &ws->loops[index];
        if (mail->kind == MAIL_BROADCAST ? atomic_load(&loop->connections) > 0
                                         : atomic_load(filter_of(loop, topic)) > 0) {
            indexes[count++] = index;
        }
    }
    return count;
}

/* All of these loops get a message, or none. */
static bell_status spread(const struct ws_mail *mail, const uint32_t *indexes, uint32_t count)
{
    struct bell_server_loop *loops = mail->ws->io->loops;
    struct ws_mail *mails[BELL_IO_MAX_LOOPS];
    bell_status st = mails_make(mail, indexes, count, mails);
    for (uint32_t i = 0; i < count && st == BELL_OK; i++) {
        if (mails[i] == NULL) {
            publish_here(&loops[indexes[i]], mail);
        } else {
            bell_loop_post(&loops[indexes[i]].loop, &mails[i]->mail);
        }
    }
    return st;
}

/* Under the lock. Takes value, the server's own, over, also on failure. */
static bell_status retain_locked(const struct ws_mail *mail, struct bell_ws_retained *value,
                                 struct ws_mail **mails)
{
    struct bell_ws_server *ws = mail->ws;
    bell_slice topic = blob_slice(mail->topic);
    const struct bell_ws_retained *old = bell_ws_retained_find(&ws->retained, topic, value->hash);
    size_t others = atomic_load(&ws->retained_bytes) - (old == NULL ? 0 : old->bytes);
    bell_status st = BELL_OK;
    if (mail->frame == NULL) {
        st = old == NULL ? BELL_ENOTFOUND : BELL_OK;
    } else if ((old == NULL && ws->retained.count >= ws->options.max_retained) ||
               value->bytes > ws->options.max_retained_bytes ||
               others > ws->options.max_retained_bytes - value->bytes) {
        st = BELL_ELIMIT;
    }
    value->sequence = ws->retained_sequence + 1;
    if (st == BELL_OK) {
        struct ws_mail each = *mail;
        each.retained = value; /* of which each gets a copy */
        st = mails_make(&each, NULL, ws->loop_count, mails);
    }
    if (st != BELL_OK) {
        bell_ws_retained_destroy(value);
        return st;
    }
    ws->retained_sequence++;
    if (mail->frame == NULL) {
        bell_ws_retained_remove(&ws->retained, topic, value->hash);
        atomic_store(&ws->retained_bytes, others);
        bell_ws_retained_destroy(value);
    } else {
        atomic_store(&ws->retained_bytes, others + value->bytes);
        bell_ws_retained_put(&ws->retained, value);
    }
    atomic_store(&ws->retained_count, ws->retained.count);
    return BELL_OK;
}

/* Retains mail's frame, or nothing any more when it has none, and tells all loops. */
static bell_status retain(const struct ws_mail *mail, uint64_t hash)
{
    struct bell_ws_server *ws = mail->ws;
    struct ws_mail *mails[BELL_IO_MAX_LOOPS] = {NULL};
    struct ws_mail *mine = NULL;
    struct bell_ws_retained *value = bell_ws_retained_create(blob_slice(mail->topic), hash);
    if (value == NULL) {
        return BELL_ENOMEM;
    }
    value->bytes = mail->topic->size + (mail->frame == NULL ? 0 : mail->frame->size);
    (void)pthread_mutex_lock(&ws->retained_lock);
    bell_status st = retain_locked(mail, value, mails);
    for (uint32_t i = 0; i < ws->loop_count && st == BELL_OK; i++) {
        if (is_here(&ws->io->loops[i]) && mail->frame != NULL) {
            mine = mails[i]; /* what this thread sends after it must come after it */
        } else {
            bell_loop_post(&ws->io->loops[i].loop, &mails[i]->mail);
        }
    }
    (void)pthread_mutex_unlock(&ws->retained_lock);
    if (mine != NULL) {
        mail_deliver(&mine->mail);
    }
    return st;
}

bell_status bell_ws_clear_retained(struct bell_ws_server *ws, bell_slice topic)
{
    if (!bell_topic_is_name(topic)) {
        return BELL_EINVAL;
    }
    if (ws->io == NULL) {
        return BELL_ENOTFOUND;
    }
    struct ws_mail mail = {.ws = ws, .topic = blob_of(topic), .kind = MAIL_RETAIN};
    if (mail.topic == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st = retain(&mail, bell_topic_hash(topic));
    mail_release(&mail);
    return st;
}

static bell_status publish_retained(struct ws_mail *mail, bell_slice topic, bell_message_type type,
                                    bell_slice data, uint64_t hash)
{
    if (mail->ws->io == NULL) {
        return BELL_ESTATE;
    }
    mail->kind = MAIL_RETAIN;
    bell_status st = mail_write(mail, type, data);
    mail->topic = blob_of(topic);
    st = mail->topic == NULL ? BELL_ENOMEM : st;
    if (st == BELL_OK) {
        st = retain(mail, hash);
    }
    mail_release(mail);
    return st;
}

uint64_t bell_ws_topic_count(const struct bell_ws_server *ws, bell_slice topic)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < ws->loop_count; i++) {
        count += bell_topic_count(ws->loops[i].topics, topic);
    }
    return count;
}

/* ---- what is usual for a topic ---- */

static struct bell_ws_topic_rule *find_rule(struct bell_ws_server *ws, uint64_t hash)
{
    for (size_t i = 0; i < ws->topic_rule_count; i++) {
        if (ws->topic_rules[i].hash == hash) {
            return &ws->topic_rules[i];
        }
    }
    return NULL;
}

bell_status bell_ws_server_set_topic_sized(struct bell_ws_server *ws, bell_slice topic,
                                           const bell_ws_topic_options *options,
                                           size_t options_bytes)
{
    bell_ws_topic_options known = {0};
    if (!bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    if (ws->io != NULL && ws->io->phase != BELL_IO_NEW) {
        return BELL_ESTATE;
    }
    if (!bell_topic_is_name(topic) || !is_overflow(known.overflow)) {
        return BELL_EINVAL;
    }
    uint64_t hash = bell_topic_hash(topic);
    struct bell_ws_topic_rule *rule = find_rule(ws, hash);
    if (rule == NULL) {
        if (ws->topic_rule_count == BELL_WS_MAX_TOPIC_RULES) {
            return BELL_ELIMIT;
        }
        rule = &ws->topic_rules[ws->topic_rule_count++];
    }
    *rule = (struct bell_ws_topic_rule){.hash = hash, .options = known};
    return BELL_OK;
}

/* What the message says comes first, then what its topic does. */
static bell_ws_terms terms_of(struct bell_ws_server *ws, uint64_t topic,
                              const bell_ws_publish_options *o)
{
    bell_ws_terms terms = {.overflow = o->overflow};
    const struct bell_ws_topic_rule *rule = find_rule(ws, topic);
    if (rule != NULL && terms.overflow == BELL_OVERFLOW_DEFAULT) {
        terms.overflow = rule->options.overflow;
    }
    if (o->key.n > 0 || (rule != NULL && rule->options.keeps_latest)) {
        terms.key = key_hash(topic, o->key);
    }
    return terms;
}

static bell_status publish(struct bell_ws_server *ws, bell_slice topic, bell_message_type type,
                           bell_slice data, const bell_ws_publish_options *o)
{
    if (!bell_topic_is_name(topic) || !is_message(type, data) || !is_overflow(o->overflow)) {
        return BELL_EINVAL;
    }
    uint64_t hash = bell_topic_hash(topic);
    size_t named = bell_metrics_find_topic(ws, hash);
    if (named < ws->named_topic_count) {
        atomic_fetch_add_explicit(&ws->named_topics[named].published, 1, memory_order_relaxed);
    }
    struct ws_mail mail = {
        .ws = ws,
        .conn = o->except,
        .kind = MAIL_PUBLISH,
        .terms = terms_of(ws, hash, o),
    };
    if (o->is_retained) {
        return publish_retained(&mail, topic, type, data, hash);
    }
    uint32_t indexes[BELL_IO_MAX_LOOPS];
    uint32_t count = loops_of(&mail, hash, indexes);
    if (count == 0) {
        return BELL_OK;
    }
    bell_status st = mail_write(&mail, type, data);
    mail.topic = blob_of(topic);
    st = mail.topic == NULL ? BELL_ENOMEM : st;
    if (st == BELL_OK) {
        st = spread(&mail, indexes, count);
    }
    mail_release(&mail);
    return st;
}

bell_status bell_ws_publish(struct bell_ws_server *ws, bell_slice topic, bell_message_type type,
                            bell_slice data, bell_conn except)
{
    const bell_ws_publish_options options = {.except = except};
    return publish(ws, topic, type, data, &options);
}

bell_status bell_ws_publish_sized(struct bell_ws_server *ws, bell_slice topic,
                                  bell_message_type type, bell_slice data,
                                  const bell_ws_publish_options *options, size_t options_bytes)
{
    bell_ws_publish_options known = {0};
    return bell_versioned_read(&known, sizeof known, options, options_bytes)
               ? publish(ws, topic, type, data, &known)
               : BELL_ENOTSUP;
}

bell_status bell_ws_broadcast(struct bell_ws_server *ws, bell_message_type type, bell_slice data,
                              bell_conn except)
{
    if (!is_message(type, data)) {
        return BELL_EINVAL;
    }
    struct ws_mail mail = {.ws = ws, .conn = except, .kind = MAIL_BROADCAST};
    uint32_t indexes[BELL_IO_MAX_LOOPS];
    uint32_t count = loops_of(&mail, 0, indexes);
    if (count == 0) {
        return BELL_OK;
    }
    bell_status st = mail_write(&mail, type, data);
    if (st == BELL_OK) {
        st = spread(&mail, indexes, count);
    }
    mail_release(&mail);
    return st;
}
