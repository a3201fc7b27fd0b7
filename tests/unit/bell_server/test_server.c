/*
 * Promises of the composed servers, seen from a real socket: callback order, closing, limits, calls
 * from other threads, draining.
 */
#include "base/mem.h"
#include "bell/bell.h"
#include "bell/server/connection.h"
#include "bell/server/server_loop.h"
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOG_LINES = 256, PATIENCE_S = 20 };

/* What the component was told, in order; written by loops, read by the test. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
    char lines[LOG_LINES][128];
    bell_conn conns[LOG_LINES];
} told = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static atomic_bool is_filling;
static atomic_int drains;

/* What the component does when it is told; set before a server starts. */
static struct {
    void (*in_open)(struct bell_ws_server *ws, bell_conn conn);
    void (*in_message)(struct bell_ws_server *ws, bell_conn conn, const bell_message *m);
    void (*in_error)(struct bell_ws_server *ws, bell_conn conn);
    void (*in_close)(struct bell_ws_server *ws, bell_conn conn);
} acts;

static void tell(bell_conn conn, const char *text)
{
    (void)pthread_mutex_lock(&told.lock);
    if (told.count < LOG_LINES) {
        (void)snprintf(told.lines[told.count], sizeof told.lines[0], "%s", text);
        told.conns[told.count] = conn;
        told.count++;
    }
    (void)pthread_cond_broadcast(&told.changed);
    (void)pthread_mutex_unlock(&told.lock);
}

/* Waits until the component was told so many things, and returns the handle of the last. */
static bell_conn wait_told(int count)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    (void)pthread_mutex_lock(&told.lock);
    while (told.count < count) {
        if (pthread_cond_timedwait(&told.changed, &told.lock, &until) != 0) {
            break;
        }
    }
    int have = told.count;
    bell_conn last = have > 0 ? told.conns[have - 1] : 0;
    (void)pthread_mutex_unlock(&told.lock);
    assert_true(have >= count);
    return last;
}

static int told_count(void)
{
    (void)pthread_mutex_lock(&told.lock);
    int count = told.count;
    (void)pthread_mutex_unlock(&told.lock);
    return count;
}

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    (void)request;
    (void)user;
    tell(conn, "open");
    if (acts.in_open != NULL) {
        acts.in_open(ws, conn);
    }
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    char line[128];
    (void)user;
    (void)snprintf(line, sizeof line, "message %.*s", m->data.n > 40 ? 40 : BELL_FMT(m->data));
    tell(conn, line);
    if (acts.in_message != NULL) {
        acts.in_message(ws, conn, m);
    }
}

static void on_drain(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)user;
    (void)conn;
    atomic_fetch_add(&drains, 1);
}

static void on_error(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user)
{
    char line[128];
    (void)user;
    (void)snprintf(line, sizeof line, "error %s", bell_status_name(error));
    tell(conn, line);
    if (acts.in_error != NULL) {
        acts.in_error(ws, conn);
    }
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    static const char *const ORIGINS[] = {"peer", "us", "engine"};
    char line[128];
    (void)user;
    if (acts.in_close != NULL) {
        acts.in_close(ws, conn);
    }
    int n = snprintf(line, sizeof line, "close %u %s %s ", e->code, ORIGINS[e->origin],
                     bell_status_name(e->why));
    assert_true(n > 0 && (size_t)n + e->reason.n < sizeof line);
    memcpy(line + n, e->reason.n > 0 ? e->reason.p : "", e->reason.n);
    line[(size_t)n + e->reason.n] = '\0';
    tell(conn, line);
}

struct world {
    struct bell_ws_server *ws;
    struct bell_http_server *http;
    struct bell_io_server *io;
    uint16_t port;
};

static void world_start(struct world *w, const bell_ws_options *options, uint32_t threads)
{
    const struct bell_component component = {.on_open = on_open,
                                             .on_message = on_message,
                                             .on_drain = on_drain,
                                             .on_error = on_error,
                                             .on_close = on_close};
    bell_io_options io_options;
    bell_io_options_init(&io_options);
    io_options.threads = threads;
    told.count = 0;
    assert_int_equal(bell_ws_server_create(&component, options, &w->ws), BELL_OK);
    assert_int_equal(bell_http_server_create(NULL, &w->http), BELL_OK);
    assert_int_equal(bell_http_server_websocket(w->http, "/*", w->ws), BELL_OK);
    assert_int_equal(bell_io_server_create(w->http, &io_options, &w->io), BELL_OK);
    assert_int_equal(bell_io_server_listen(w->io, "127.0.0.1:0"), BELL_OK);
    w->port = bell_io_server_port(w->io, 0);
    assert_int_equal(bell_io_server_start(w->io), BELL_OK);
}

static void world_stop(struct world *w)
{
    bell_io_server_stop(w->io);
    assert_int_equal(bell_ws_connection_count(w->ws), 0);
    bell_io_server_destroy(w->io);
    bell_http_server_destroy(w->http);
    bell_ws_server_destroy(w->ws);
    memset(&acts, 0, sizeof acts);
    assert_int_equal(bell_mem_live(), 0);
}

static void assert_told(const char *const *expected, int count)
{
    (void)wait_told(count);
    for (int i = 0; i < count; i++) {
        assert_string_equal(told.lines[i], expected[i]);
    }
    assert_int_equal(told_count(), count);
}

#define ASSERT_TOLD(...)                                                                           \
    assert_told((const char *const[]){__VA_ARGS__},                                                \
                (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)))

static void echo(struct bell_ws_server *ws, bell_conn conn, const bell_message *m)
{
    assert_int_equal(bell_ws_send(ws, conn, m->type, m->data), BELL_OK);
}

/* ---- order ---- */

static void open_comes_first_and_close_once_and_last(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    peer_frame f;
    acts.in_message = echo;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    peer_send_frame(&p, 1, BELL_LIT("one"));
    peer_send_frame(&p, 2, BELL_LIT("two"));
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x81);
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x82);
    peer_send_frame(&p, 8, BELL_LIT("\x03\xe8 bye"));
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xe8", 2);
    assert_false(peer_read_frame(&p, &f)); /* the server ends the stream (RFC 6455 7.1.1) */
    peer_close(&p);
    ASSERT_TOLD("open", "message one", "message two", "close 1000 peer BELL_OK  bye");
    world_stop(&w);
}

static void frames_behind_the_handshake_in_one_packet_are_read(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    peer_frame f;
    char head[1024];
    acts.in_message = echo;
    world_start(&w, NULL, 1);
    peer_connect(&p, w.port);
    peer_send(&p,
              BELL_LIT("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
                       "\r\n\r\n\x81\x82\0\0\0\0hi"));
    assert_int_equal(peer_read_head(&p, head, sizeof head), 101);
    assert_non_null(strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")); /* RFC 6455 section 1.3 */
    assert_true(peer_read_frame(&p, &f));
    assert_memory_equal(f.payload, "hi", 2);
    peer_close(&p);
    ASSERT_TOLD("open", "message hi", "close 1006 peer BELL_OK ");
    world_stop(&w);
}

static void a_reset_is_told_as_1006(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    (void)wait_told(1);
    peer_reset(&p);
    ASSERT_TOLD("open", "close 1006 peer BELL_OK ");
    world_stop(&w);
}

static void a_broken_rule_is_an_error_then_a_close(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    peer_frame f;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    peer_send(&p, BELL_LIT("\x81\x01x")); /* not masked: RFC 6455 section 5.1 */
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xea", 2);
    assert_false(peer_read_frame(&p, &f));
    peer_close(&p);
    ASSERT_TOLD("open", "error BELL_EPROTO", "close 1002 engine BELL_EPROTO ");
    world_stop(&w);
}

/* ---- closing inside callbacks ---- */

static void close_it(struct bell_ws_server *ws, bell_conn conn)
{
    assert_int_equal(bell_ws_close(ws, conn, 4001, BELL_LIT("enough")), BELL_OK);
    assert_int_equal(bell_ws_close(ws, conn, 4002, BELL_LIT("twice is fine")), BELL_OK);
    assert_int_equal(bell_ws_send(ws, conn, BELL_TEXT, BELL_LIT("late")), BELL_ECLOSED);
}

static void abort_it(struct bell_ws_server *ws, bell_conn conn)
{
    bell_ws_abort(ws, conn);
    assert_int_equal(bell_ws_send(ws, conn, BELL_TEXT, BELL_LIT("late")), BELL_ECLOSED);
    bell_ws_abort(ws, conn);
}

static void close_on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m)
{
    (void)m;
    close_it(ws, conn);
}

static void abort_on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m)
{
    (void)m;
    abort_it(ws, conn);
}

static void use_in_close(struct bell_ws_server *ws, bell_conn conn)
{
    assert_ptr_equal(bell_ws_get_user(ws, conn), &told);
    assert_int_equal(bell_ws_send(ws, conn, BELL_TEXT, BELL_LIT("late")), BELL_ECLOSED);
    assert_int_equal(bell_ws_close(ws, conn, 1000, BELL_LIT("")), BELL_ECLOSED);
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("topic")), BELL_ECLOSED);
    bell_ws_abort(ws, conn);
}

static void set_user(struct bell_ws_server *ws, bell_conn conn)
{
    bell_ws_set_user(ws, conn, &told);
}

static void expect_close_frame(struct peer *p, const char *payload)
{
    peer_frame f;
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, 0x88);
    assert_int_equal(f.n, strlen(payload));
    assert_memory_equal(f.payload, payload, f.n);
}

static void closing_oneself_is_legal_in_every_callback(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    peer_frame f;

    acts.in_open = close_it;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    expect_close_frame(&p, "\x0f\xa1"
                           "enough");
    peer_send_frame(&p, 1, BELL_LIT("ignored after our Close frame"));
    peer_send_frame(&p, 8, BELL_LIT("\x0f\xa1"));
    assert_false(peer_read_frame(&p, &f));
    peer_close(&p);
    ASSERT_TOLD("open", "close 4001 us BELL_OK ");
    world_stop(&w);

    acts.in_open = abort_it;
    world_start(&w, NULL, 1);
    peer_connect(&p, w.port);
    (void)peer_upgrade(&p, "/", "");
    assert_false(peer_read_frame(&p, &f));
    peer_close(&p);
    ASSERT_TOLD("open", "close 1006 us BELL_OK ");
    world_stop(&w);

    acts.in_message = close_on_message;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    peer_send_frame(&p, 1, BELL_LIT("a"));
    peer_send_frame(&p, 1, BELL_LIT("b"));
    expect_close_frame(&p, "\x0f\xa1"
                           "enough");
    peer_send_frame(&p, 8, BELL_LIT(""));
    assert_false(peer_read_frame(&p, &f));
    peer_close(&p);
    ASSERT_TOLD("open", "message a", "close 1005 us BELL_OK ");
    world_stop(&w);

    acts.in_message = abort_on_message;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    peer_send(&p, BELL_LIT("\x81\x81\0\0\0\0a\x81\x81\0\0\0\0b"));
    assert_false(peer_read_frame(&p, &f));
    peer_close(&p);
    ASSERT_TOLD("open", "message a", "close 1006 us BELL_OK ");
    world_stop(&w);

    acts.in_error = close_it;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    peer_send(&p, BELL_LIT("\xf1\x80\0\0\0\0"));
    expect_close_frame(&p, "\x0f\xa1"
                           "enough");
    assert_false(peer_read_frame(&p, &f));
    peer_close(&p);
    ASSERT_TOLD("open", "error BELL_EPROTO", "close 1002 engine BELL_EPROTO ");
    world_stop(&w);

    acts.in_error = abort_it;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    peer_send(&p, BELL_LIT("\xf1\x80\0\0\0\0"));
    assert_false(peer_read_frame(&p, &f));
    peer_close(&p);
    ASSERT_TOLD("open", "error BELL_EPROTO", "close 1006 us BELL_OK ");
    world_stop(&w);

    acts.in_open = set_user;
    acts.in_close = use_in_close;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    (void)wait_told(1);
    peer_close(&p);
    ASSERT_TOLD("open", "close 1006 peer BELL_OK ");
    world_stop(&w);
}

static void a_peer_that_does_not_answer_our_close_is_dropped(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.close_timeout_ms = 50;
    acts.in_open = close_it;
    world_start(&w, &o, 1);
    peer_open(&p, w.port);
    ASSERT_TOLD("open", "close 1006 us BELL_ETIMEOUT ");
    assert_true(peer_read_to_end(&p) > 0);
    peer_close(&p);
    world_stop(&w);
}

/* ---- limits ---- */

static void a_message_may_have_its_limit_and_no_byte_more(void **state)
{
    (void)state;
    static char bytes[1001];
    struct world w;
    struct peer p;
    peer_frame f;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.max_message_bytes = 1000;
    acts.in_message = echo;
    memset(bytes, 'x', sizeof bytes);
    world_start(&w, &o, 1);
    peer_open(&p, w.port);
    peer_send_frame(&p, 1, bell_slice_make(bytes, 999));
    assert_true(peer_read_frame(&p, &f) && f.n == 999);
    peer_send_frame(&p, 1, bell_slice_make(bytes, 1000));
    assert_true(peer_read_frame(&p, &f) && f.n == 1000);
    peer_send_frame(&p, 1, bell_slice_make(bytes, 1001));
    expect_close_frame(&p, "\x03\xf1");
    peer_close(&p);
    (void)wait_told(5);
    assert_string_equal(told.lines[3], "error BELL_ELIMIT");
    assert_string_equal(told.lines[4], "close 1009 engine BELL_ELIMIT ");
    world_stop(&w);
}

static void a_slow_receiver_is_dropped_with_1013_and_the_others_do_not_notice(void **state)
{
    (void)state;
    enum { MESSAGES = 400, SIZE = 10000 };
    static char bytes[SIZE];
    struct world w;
    static struct peer slow;
    static struct peer quick;
    static peer_frame f;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = 256 * 1024;
    world_start(&w, &o, 2);
    peer_connect_small(&slow, w.port);
    assert_int_equal(peer_upgrade(&slow, "/", ""), 101);
    bell_conn slow_conn = wait_told(1);
    peer_open(&quick, w.port);
    (void)wait_told(2);
    memset(bytes, 'm', sizeof bytes);
    for (int i = 0; i < MESSAGES; i++) {
        (void)snprintf(bytes, 16, "%06d", i);
        assert_int_equal(bell_ws_broadcast(w.ws, BELL_TEXT, bell_slice_make(bytes, SIZE), 0),
                         BELL_OK);
        assert_true(peer_read_frame(&quick, &f));
        assert_int_equal(strtol(f.payload, NULL, 10), i);
    }
    (void)wait_told(4);
    assert_string_equal(told.lines[2], "error BELL_ELIMIT");
    assert_string_equal(told.lines[3], "close 1013 engine BELL_ELIMIT ");
    assert_int_equal(told.conns[3], slow_conn);
    assert_int_equal(bell_ws_send(w.ws, slow_conn, BELL_TEXT, BELL_LIT("x")),
                     BELL_OK); /* fails softly */
    /* What the slow one gets is whole frames, and a Close frame at the end. */
    int frames = 0;
    while (peer_read_frame(&slow, &f) && f.first == 0x81) {
        assert_int_equal(strtol(f.payload, NULL, 10), frames);
        frames++;
    }
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xf5", 2);
    assert_true(frames < MESSAGES);
    peer_close(&slow);
    peer_close(&quick);
    (void)wait_told(5);
    world_stop(&w);
}

enum { FLOOD_MESSAGES = 1500, FLOOD_BYTES = 10000, FLOOD_QUEUE_BYTES = 1024 * 1024 };

static void echo_and_tell_when_filling(struct bell_ws_server *ws, bell_conn conn,
                                       const bell_message *m)
{
    size_t before = bell_ws_queued_bytes(ws, conn);
    echo(ws, conn, m);
    /* The mark from which on the peer is not read. */
    if (before <= FLOOD_QUEUE_BYTES / 2 && bell_ws_queued_bytes(ws, conn) > FLOOD_QUEUE_BYTES / 2) {
        atomic_store(&is_filling, true);
    }
}

static void *flood(void *user)
{
    static char bytes[FLOOD_BYTES];
    memset(bytes, 'e', sizeof bytes);
    for (int i = 0; i < FLOOD_MESSAGES; i++) {
        peer_send_frame(user, 2, bell_slice_make(bytes, sizeof bytes));
    }
    return NULL;
}

static void who_does_not_read_is_not_read_and_may_go_on_later(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    static peer_frame f;
    pthread_t sender;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = FLOOD_QUEUE_BYTES;
    acts.in_message = echo_and_tell_when_filling;
    atomic_store(&is_filling, false);
    atomic_store(&drains, 0);
    world_start(&w, &o, 1);
    peer_open(&p, w.port);
    assert_int_equal(pthread_create(&sender, NULL, flood, &p), 0);
    while (!atomic_load(&is_filling)) {
        (void)sched_yield(); /* the kernel's buffers hold less than what is on its way */
    }
    for (int i = 0; i < FLOOD_MESSAGES; i++) {
        assert_true(peer_read_frame(&p, &f) && f.n == FLOOD_BYTES);
    }
    (void)pthread_join(sender, NULL);
    assert_true(atomic_load(&drains) > 0);
    peer_send_frame(&p, 8, BELL_LIT("\x03\xe8"));
    expect_close_frame(&p, "\x03\xe8");
    peer_close(&p);
    world_stop(&w);
}

/* ---- heartbeat ---- */

static void a_silent_peer_is_pinged_and_a_dead_one_closed(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    peer_frame f;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.heartbeat_ms = 100;
    o.idle_timeout_ms = 1500; /* to answer in, also when this program is held up */
    world_start(&w, &o, 1);
    peer_open(&p, w.port);
    for (int i = 0; i < 18; i++) { /* answering keeps it open beyond that */
        assert_true(peer_read_frame(&p, &f));
        assert_int_equal(f.first, 0x89);
        peer_send_frame(&p, 10, bell_slice_make(f.payload, f.n));
    }
    assert_int_equal(told_count(), 1);
    while (peer_read_frame(&p, &f)) { /* and now without answers */
        assert_int_equal(f.first, 0x89);
    }
    peer_close(&p);
    ASSERT_TOLD("open", "error BELL_ETIMEOUT", "close 1006 engine BELL_ETIMEOUT ");
    world_stop(&w);
}

/* ---- other threads ---- */

static void messages_of_one_thread_keep_their_order(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct world w;
    struct peer p;
    static peer_frame f;
    world_start(&w, NULL, 2);
    peer_open(&p, w.port);
    bell_conn conn = wait_told(1);
    for (int i = 0; i < COUNT; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        bell_slice s = bell_slice_from(text);
        assert_int_equal(i % 2 == 0 ? bell_ws_send(w.ws, conn, BELL_TEXT, s)
                                    : bell_ws_broadcast(w.ws, BELL_TEXT, s, 0),
                         BELL_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_true(peer_read_frame(&p, &f));
        f.payload[f.n] = '\0';
        assert_int_equal(strtol(f.payload, NULL, 10), i);
    }
    assert_int_equal(bell_ws_close(w.ws, conn, 1000, BELL_LIT("done")), BELL_OK);
    expect_close_frame(&p, "\x03\xe8"
                           "done");
    peer_close(&p);
    ASSERT_TOLD("open", "close 1006 us BELL_OK ");
    assert_int_equal(bell_ws_send(w.ws, conn, BELL_TEXT, BELL_LIT("x")),
                     BELL_OK); /* no harm done */
    world_stop(&w);
}

static void subscribe_in_open(struct bell_ws_server *ws, bell_conn conn)
{
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("news")), BELL_OK);
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("news")), BELL_OK);
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("other")), BELL_OK);
    assert_int_equal(bell_ws_unsubscribe(ws, conn, BELL_LIT("other")), BELL_OK);
    assert_int_equal(bell_ws_unsubscribe(ws, conn, BELL_LIT("other")), BELL_ENOTFOUND);
}

static void a_topic_reaches_every_subscriber_on_every_loop_but_one(void **state)
{
    (void)state;
    enum { PEERS = 24 };
    struct world w;
    static struct peer peers[PEERS];
    bell_conn conns[PEERS];
    peer_frame f;
    acts.in_open = subscribe_in_open;
    world_start(&w, NULL, 4);
    for (int i = 0; i < PEERS; i++) {
        peer_open(&peers[i], w.port);
        conns[i] = wait_told(i + 1);
    }
    assert_int_equal(bell_ws_connection_count(w.ws), PEERS);
    assert_int_equal(bell_ws_publish(w.ws, BELL_LIT("nobody"), BELL_TEXT, BELL_LIT("x"), 0),
                     BELL_OK);
    assert_int_equal(bell_ws_publish(w.ws, BELL_LIT("other"), BELL_TEXT, BELL_LIT("x"), 0),
                     BELL_OK);
    assert_int_equal(
        bell_ws_publish(w.ws, BELL_LIT("news"), BELL_TEXT, BELL_LIT("first"), conns[7]), BELL_OK);
    assert_int_equal(bell_ws_publish(w.ws, BELL_LIT("news"), BELL_BINARY, BELL_LIT("second"), 0),
                     BELL_OK);
    for (int i = 0; i < PEERS; i++) {
        if (i != 7) {
            assert_true(peer_read_frame(&peers[i], &f));
            assert_int_equal(f.first, 0x81);
            assert_memory_equal(f.payload, "first", 5);
        }
        assert_true(peer_read_frame(&peers[i], &f));
        assert_int_equal(f.first, 0x82);
        assert_memory_equal(f.payload, "second", 6);
        peer_close(&peers[i]);
    }
    world_stop(&w);
}

struct ran {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
    bell_conn conn;
};

static void task(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct ran *r = user;
    (void)ws;
    (void)pthread_mutex_lock(&r->lock);
    r->count++;
    r->conn = conn;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

static void wait_ran(struct ran *r, int count)
{
    (void)pthread_mutex_lock(&r->lock);
    while (r->count < count) {
        (void)pthread_cond_wait(&r->changed, &r->lock);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

static void a_task_runs_always_and_is_told_when_the_connection_is_gone(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    struct ran r = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    world_start(&w, NULL, 2);
    peer_open(&p, w.port);
    bell_conn conn = wait_told(1);
    assert_int_equal(bell_ws_run(w.ws, conn, task, &r), BELL_OK);
    wait_ran(&r, 1);
    assert_true(r.conn == conn);
    peer_close(&p);
    (void)wait_told(2);
    assert_int_equal(bell_ws_run(w.ws, conn, task, &r), BELL_OK);
    wait_ran(&r, 2);
    assert_true(r.conn == 0);
    bell_io_server_stop(w.io);
    assert_int_equal(bell_ws_run(w.ws, conn, task, &r), BELL_OK); /* the loops have ended */
    assert_int_equal(r.count, 3);
    world_stop(&w);
}

static void refuses_what_must_not_be_sent(void **state)
{
    (void)state;
    static char reason[124];
    static const uint16_t BAD[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    struct world w;
    struct peer p;
    memset(reason, 'r', sizeof reason);
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    bell_conn conn = wait_told(1);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(bell_ws_close(w.ws, conn, BAD[i], BELL_LIT("")), BELL_EINVAL);
    }
    assert_int_equal(bell_ws_close(w.ws, conn, 1000, bell_slice_make(reason, 124)), BELL_EINVAL);
    assert_int_equal(bell_ws_close(w.ws, conn, 1000, BELL_LIT("\xff")), BELL_EINVAL);
    assert_int_equal(bell_ws_send(w.ws, conn, BELL_TEXT, BELL_LIT("\xc0\x80")), BELL_EINVAL);
    /* No message is of these opcodes: a continuation, one that is reserved, Close. */
    for (int type = 0; type <= 8; type += type == 0 ? 3 : 5) {
        const bell_message_type none = (bell_message_type)type;
        assert_int_equal(bell_ws_send(w.ws, conn, none, BELL_LIT("x")), BELL_EINVAL);
        assert_int_equal(bell_ws_broadcast(w.ws, none, BELL_LIT("x"), 0), BELL_EINVAL);
        assert_int_equal(bell_ws_publish(w.ws, BELL_LIT("t"), none, BELL_LIT("x"), 0), BELL_EINVAL);
    }
    assert_int_equal(bell_ws_publish(w.ws, BELL_LIT(""), BELL_TEXT, BELL_LIT("x"), 0), BELL_EINVAL);
    assert_int_equal(bell_ws_send(w.ws, 0, BELL_TEXT, BELL_LIT("x")), BELL_ECLOSED);
    assert_int_equal(bell_ws_close(w.ws, conn, 1000, bell_slice_make(reason, 123)), BELL_OK);
    peer_close(&p);
    (void)wait_told(2);
    world_stop(&w);
}

/* ---- ends ---- */

static void draining_says_1001_and_ends_when_all_have_gone(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    struct peer idle;
    peer_frame f;
    world_start(&w, NULL, 2);
    peer_open(&p, w.port);
    (void)wait_told(1);
    peer_connect(&idle, w.port); /* speaks no HTTP yet */
    bell_io_server_drain(w.io, 10000);
    expect_close_frame(&p, "\x03\xe9");
    peer_send_frame(&p, 8, BELL_LIT("\x03\xe9"));
    assert_false(peer_read_frame(&p, &f));
    assert_int_equal(peer_read_to_end(&idle), 0);
    peer_close(&p);
    peer_close(&idle);
    bell_io_server_wait(w.io);
    ASSERT_TOLD("open", "close 1001 engine BELL_OK ");
    world_stop(&w);
}

static void stopping_closes_everybody_once(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    world_start(&w, NULL, 1);
    peer_open(&p, w.port);
    (void)wait_told(1);
    bell_io_server_stop(w.io);
    ASSERT_TOLD("open", "close 1006 engine BELL_ESTATE ");
    peer_close(&p);
    world_stop(&w);
}

static void a_second_server_is_told_that_the_port_is_in_use(void **state)
{
    (void)state;
    struct world w;
    struct bell_http_server *http;
    struct bell_io_server *io;
    char address[32];
    world_start(&w, NULL, 2);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)w.port);
    assert_int_equal(bell_http_server_create(NULL, &http), BELL_OK);
    assert_int_equal(bell_io_server_create(http, NULL, &io), BELL_OK);
    assert_int_equal(bell_io_server_listen(io, address), BELL_EADDRINUSE);
    assert_int_equal(bell_io_server_listen(io, "192.0.2.1:80"), BELL_EINVAL);
    assert_int_equal(bell_io_server_listen(io, "nonsense"), BELL_EINVAL);
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    world_stop(&w);
}

/* A handle is a slot and the generation of its use: none may come a second time. */
static void a_slot_that_was_used_as_often_as_can_be_told_is_not_used_again(void **state)
{
    static struct bell_server_loop home;
    (void)state;
    bell_client_slab_init(&home.clients);
    struct bell_connection *c = bell_slab_take(&home);
    assert_non_null(c);
    const bell_conn first = bell_connection_handle(c);
    bell_slab_give(&home, c);
    c->generation = UINT32_MAX; /* after very many uses */
    assert_ptr_equal(bell_slab_take(&home), c);
    bell_slab_give(&home, c);
    assert_ptr_not_equal(bell_slab_take(&home), c);
    assert_null(bell_connection_find(&home, first));
    bell_slab_finish(&home);
    assert_int_equal(bell_mem_live(), 0);
}

static void a_clients_slot_likewise(void **state)
{
    static struct bell_client_slab slab;
    bell_client_place first;
    bell_client_place next;
    (void)state;
    bell_client_slab_init(&slab);
    assert_int_equal(bell_client_slab_take(&slab, &first), BELL_OK);
    struct bell_connection *c = bell_client_slab_at(&slab, first.slot);
    c->generation = UINT32_MAX - 1;
    bell_client_slab_give(&slab, c, first.slot);
    assert_int_equal(bell_client_slab_take(&slab, &next), BELL_OK);
    assert_int_equal(next.slot, first.slot);
    bell_client_slab_give(&slab, c, first.slot);
    assert_int_equal(bell_client_slab_take(&slab, &next), BELL_OK);
    assert_int_not_equal(next.slot, first.slot);
    bell_client_slab_finish(&slab);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_comes_first_and_close_once_and_last),
        cmocka_unit_test(frames_behind_the_handshake_in_one_packet_are_read),
        cmocka_unit_test(a_reset_is_told_as_1006),
        cmocka_unit_test(a_broken_rule_is_an_error_then_a_close),
        cmocka_unit_test(closing_oneself_is_legal_in_every_callback),
        cmocka_unit_test(a_peer_that_does_not_answer_our_close_is_dropped),
        cmocka_unit_test(a_message_may_have_its_limit_and_no_byte_more),
        cmocka_unit_test(a_slow_receiver_is_dropped_with_1013_and_the_others_do_not_notice),
        cmocka_unit_test(who_does_not_read_is_not_read_and_may_go_on_later),
        cmocka_unit_test(a_silent_peer_is_pinged_and_a_dead_one_closed),
        cmocka_unit_test(messages_of_one_thread_keep_their_order),
        cmocka_unit_test(a_topic_reaches_every_subscriber_on_every_loop_but_one),
        cmocka_unit_test(a_task_runs_always_and_is_told_when_the_connection_is_gone),
        cmocka_unit_test(refuses_what_must_not_be_sent),
        cmocka_unit_test(draining_says_1001_and_ends_when_all_have_gone),
        cmocka_unit_test(stopping_closes_everybody_once),
        cmocka_unit_test(a_second_server_is_told_that_the_port_is_in_use),
        cmocka_unit_test(a_slot_that_was_used_as_often_as_can_be_told_is_not_used_again),
        cmocka_unit_test(a_clients_slot_likewise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
