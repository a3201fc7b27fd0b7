/*
 * Everything at once: peers that come, talk, break off and break rules; a component that in every
 * callback sends, publishes, subscribes, looks around, sets timers and closes itself or others;
 * other threads that do the same through handles which may be stale; and at the end a drain or a
 * stop in the middle of it. What must hold: each connection hears open, then anything, then close
 * once; nothing is left.
 *
 * Run it under the sanitizers. The seed is fixed, the threads' timing is not.
 */
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPS = 3, HANDLES = 64, PEER_THREADS = 3, CALLERS = 2, ROUND_MS = 700 };

static const char *const TOPICS[] = {"a", "b", "c", "d"};

/* Handles that were seen, most of them stale by now. */
static atomic_uint_fast64_t handles[HANDLES];
static atomic_int opens;
static atomic_int closes;
static atomic_int messages;
static atomic_int out_of_order;
static atomic_int tasks_posted;
static atomic_int tasks_run;
static atomic_int rounds_posted;
static atomic_int rounds_done;
static atomic_int visits;
static atomic_int rings;
/* Timers that were started, on whatever loop, most of them over by now. */
static atomic_uint_fast64_t timers[HANDLES];
static atomic_bool is_over;

static _Thread_local unsigned seed;

static unsigned pick(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static bell_conn any_handle(void)
{
    return atomic_load(&handles[pick(HANDLES)]);
}

static void run_task(struct bell_ws_server *ws, bell_conn conn, void *user);
static void run_round(struct bell_ws_server *ws, bell_conn conn, void *user);
static void end_round(struct bell_ws_server *ws, bell_conn conn, void *user);
static bool visit(struct bell_ws_server *ws, bell_conn conn, void *user);
static void ring(struct bell_ws_server *ws, bell_ws_timer timer, void *user);

/* What only a loop may do; elsewhere it is refused. */
static bell_status look_around(struct bell_ws_server *ws, bell_conn conn, bell_slice topic)
{
    static _Thread_local int depth; /* of walks within walks */
    bell_status st = BELL_OK;
    switch (pick(4)) {
    case 0:
        if (depth < 2) {
            depth++;
            st = pick(2) == 0 ? bell_ws_visit(ws, visit, NULL)
                              : bell_ws_visit_topic(ws, topic, visit, NULL);
            depth--;
        }
        break;
    case 1: {
        bell_ws_timer timer;
        st = bell_ws_start_timer(ws, pick(4), pick(3), ring, NULL, &timer);
        if (st == BELL_OK) {
            atomic_store(&timers[pick(HANDLES)], timer);
        }
        break;
    }
    case 2:
        st = bell_ws_cancel_timer(ws, atomic_load(&timers[pick(HANDLES)]));
        break;
    default: {
        bool is_in = bell_ws_is_subscribed(ws, conn, topic);
        bell_slice name;
        for (size_t i = 0; (name = bell_ws_topic_at(ws, conn, i)).n > 0; i++) {
            is_in ^= bell_slice_equal(name, topic);
        }
        out_of_order += is_in; /* by one of the two only */
    }
    }
    return st == BELL_ESTATE ? BELL_OK : st;
}

/* One thing that is legal anywhere. */
static void do_anything(struct bell_ws_server *ws, bell_conn self)
{
    static const char text[3000];
    bell_conn conn = pick(2) == 0 && self != 0 ? self : any_handle();
    bell_slice topic = bell_slice_from(TOPICS[pick(4)]);
    bell_slice data = bell_slice_make(text, pick(8) == 0 ? sizeof text : pick(100));
    bell_status st = BELL_OK;
    bool is_of_the_loop = false; /* another thread is told so */
    switch (pick(15)) {
    case 14:
        st = look_around(ws, conn, topic);
        break;
    case 13:
        if (pick(4) == 0) {
            st = bell_ws_run_all(ws, run_round, end_round, NULL);
            atomic_fetch_add(&rounds_posted, st == BELL_OK);
        }
        break;
    case 12: {
        const bell_ws_publish_options options = {.is_retained = true};
        out_of_order += bell_ws_topic_count(ws, topic) > 100000;
        st = pick(4) == 0 ? bell_ws_clear_retained(ws, topic)
                          : bell_ws_publish_with(ws, topic, BELL_BINARY, data, &options);
        break;
    }
    case 10: {
        const bell_ws_publish_options options = {.key = bell_slice_from(TOPICS[pick(4)]),
                                                 .overflow = (bell_ws_overflow)pick(4)};
        st = bell_ws_publish_with(ws, topic, BELL_BINARY, data, &options);
        break;
    }
    case 11: {
        bell_ws_stats stats;
        const bell_ws_queue_options queue = {.max_bytes = 10000,
                                             .max_messages = 100,
                                             .overflow = (bell_ws_overflow)pick(4),
                                             .close_code = 3000};
        bell_ws_server_stats(ws, &stats);
        st = bell_ws_set_queue(ws, conn, pick(2) == 0 ? &queue : NULL);
        is_of_the_loop = true;
        break;
    }
    case 0:
        st = bell_ws_close(ws, conn, 1000, BELL_LIT("enough"));
        break;
    case 1:
        st = pick(4) == 0 ? bell_ws_abort(ws, conn) : BELL_OK;
        break;
    case 2:
        st = bell_ws_publish(ws, topic, BELL_BINARY, data, pick(2) == 0 ? self : 0);
        break;
    case 3:
        st = pick(4) == 0 ? bell_ws_broadcast(ws, BELL_BINARY, data, self) : BELL_OK;
        break;
    case 4:
        st = bell_ws_subscribe(ws, conn, topic);
        is_of_the_loop = true;
        break;
    case 5:
        st = bell_ws_unsubscribe(ws, conn, topic);
        is_of_the_loop = true;
        break;
    case 6:
        st = bell_ws_run(ws, conn, run_task, NULL);
        if (st == BELL_OK) {
            atomic_fetch_add(&tasks_posted, 1);
        }
        break;
    default:
        st = bell_ws_send(ws, conn, BELL_BINARY, data);
        break;
    }
    if (st != BELL_OK && st != BELL_ECLOSED && st != BELL_ELIMIT && st != BELL_ENOTFOUND &&
        st != BELL_EAGAIN && !(st == BELL_ESTATE && is_of_the_loop && conn != self)) {
        atomic_fetch_add(&out_of_order, 1);
    }
}

static void run_task(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    atomic_fetch_add(&tasks_run, 1);
    if (conn != 0 && pick(2) == 0) {
        do_anything(ws, conn);
    }
}

/* Always on a loop. */
static void run_round(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    bell_status st = look_around(ws, any_handle(), bell_slice_from(TOPICS[pick(4)]));
    out_of_order += conn != 0 || (st != BELL_OK && st != BELL_ENOTFOUND);
}

static void end_round(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    out_of_order += conn != 0;
    atomic_fetch_add(&rounds_done, 1);
    do_anything(ws, 0);
}

static bool visit(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    atomic_fetch_add(&visits, 1);
    /* It is open, and lives here. */
    out_of_order += bell_ws_get_user(ws, conn) == NULL;
    if (pick(4) == 0) {
        do_anything(ws, conn);
    }
    return pick(16) > 0;
}

static void ring(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    (void)user;
    atomic_fetch_add(&rings, 1);
    do_anything(ws, 0);
    if (pick(4) == 0) {
        bell_status st = bell_ws_cancel_timer(ws, timer);
        out_of_order += st != BELL_OK && st != BELL_ENOTFOUND;
    }
}

/* The application's pointer tells what a connection has heard so far. */
static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    int *heard = malloc(sizeof *heard);
    (void)request;
    (void)user;
    seed += (unsigned)conn;
    atomic_fetch_add(&opens, 1);
    out_of_order += heard == NULL || bell_ws_get_user(ws, conn) != NULL;
    *heard = 1;
    bell_ws_set_user(ws, conn, heard);
    atomic_store(&handles[pick(HANDLES)], conn);
    bell_status st = bell_ws_subscribe(ws, conn, bell_slice_from(TOPICS[pick(4)]));
    out_of_order += st != BELL_OK;
    do_anything(ws, conn);
    do_anything(ws, conn);
}

static void hears(struct bell_ws_server *ws, bell_conn conn)
{
    const int *heard = bell_ws_get_user(ws, conn);
    if (heard == NULL || *heard != 1) {
        atomic_fetch_add(&out_of_order, 1);
    }
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)m;
    (void)user;
    hears(ws, conn);
    atomic_fetch_add(&messages, 1);
    do_anything(ws, conn);
}

static void on_drain(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    hears(ws, conn);
    do_anything(ws, conn);
}

static void on_error(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user)
{
    (void)error;
    (void)user;
    hears(ws, conn);
    do_anything(ws, conn);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    int *heard = bell_ws_get_user(ws, conn);
    (void)e;
    (void)user;
    hears(ws, conn);
    do_anything(ws, conn);
    do_anything(ws, conn);
    if (heard != NULL) {
        *heard = 2;
    }
    bell_ws_set_user(ws, conn, NULL);
    free(heard);
    atomic_fetch_add(&closes, 1);
}

static void handle_later(struct bell_http_request *r, void *user)
{
    struct service *s = user;
    const bell_http_response response = {.status = 200, .body = BELL_LIT("late")};
    bell_http_exchange exchange = bell_http_request_defer(r);
    bell_status st = bell_http_respond_later(s->http, exchange, &response);
    out_of_order += st != BELL_OK;
    if (pick(4) == 0) { /* a mistake that must do no harm */
        st = bell_http_respond_later(s->http, exchange, &response);
        out_of_order += st != BELL_OK;
    }
}

/* ---- those outside ---- */

static void send_bytes(int fd, const char *bytes, size_t n)
{
    ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* whatever arrives */
}

static void read_some(int fd, int wait_ms)
{
    static _Thread_local char bytes[65536];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, wait_ms) > 0) {
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        (void)n;
    }
}

static const char UPGRADE[] = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char LATER[] = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";

/* One connection's life. */
static void be_a_peer(uint16_t port)
{
    static const char *const FRAMES[] = {"\x82\x83\0\0\0\0abc",      "\x01\x81\0\0\0\0a",
                                         "\x80\x81\0\0\0\0b",        "\x89\x80\0\0\0\0",
                                         "\x88\x82\0\0\0\0\x03\xe8", "\xf1\x80\0\0\0\0"};
    static const size_t SIZES[] = {9, 7, 7, 6, 8, 6};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)(const void *)&to, sizeof to) != 0) {
        (void)close(fd);
        return;
    }
    if (pick(4) == 0) {
        send_bytes(fd, LATER, sizeof LATER - 1);
    }
    send_bytes(fd, UPGRADE, pick(16) == 0 ? pick(sizeof UPGRADE) : sizeof UPGRADE - 1);
    unsigned count = pick(60);
    for (unsigned i = 0; i < count; i++) {
        /* Closing and breaking rules are rare, else little else would happen. */
        unsigned what = pick(30) == 0 ? 4 + pick(2) : pick(4);
        send_bytes(fd, FRAMES[what], SIZES[what]);
        if (pick(3) == 0) {
            read_some(fd, (int)pick(3));
        }
    }
    if (pick(3) == 0) {
        const struct linger reset = {.l_onoff = 1};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    } else if (pick(2) == 0) {
        (void)shutdown(fd, SHUT_WR);
        read_some(fd, 5);
    }
    (void)close(fd);
}

struct outsider {
    pthread_t thread;
    const struct service *service;
    unsigned seed;
    bool is_peer;
};

static void *outside(void *user)
{
    const struct outsider *o = user;
    seed = o->seed;
    while (!atomic_load(&is_over)) {
        if (o->is_peer) {
            be_a_peer(o->service->port);
        } else {
            do_anything(o->service->ws, 0);
            (void)usleep(pick(200));
        }
    }
    return NULL;
}

static void chaos(bool drain, unsigned round)
{
    static const struct bell_component component = {.on_open = on_open,
                                                    .on_message = on_message,
                                                    .on_drain = on_drain,
                                                    .on_error = on_error,
                                                    .on_close = on_close};
    struct service s;
    struct outsider outsiders[PEER_THREADS + CALLERS];
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = 20000;
    o.queue.max_messages = 200;
    o.heartbeat_ms = 50;
    o.idle_timeout_ms = 200;
    o.close_timeout_ms = 50;
    atomic_store(&is_over, false);
    service_init(&s, NULL);
    assert_int_equal(bell_http_server_route(s.http, "GET", "/later", handle_later, &s), BELL_OK);
    service_add_websocket(&s, &component, &o);
    service_start(&s, LOOPS);
    for (unsigned i = 0; i < PEER_THREADS + CALLERS; i++) {
        outsiders[i] =
            (struct outsider){.service = &s, .seed = round * 100 + i, .is_peer = i < PEER_THREADS};
        assert_int_equal(pthread_create(&outsiders[i].thread, NULL, outside, &outsiders[i]), 0);
    }
    (void)usleep(ROUND_MS * 1000);
    if (drain) {
        bell_io_server_drain(s.io, 300);
        bell_io_server_wait(s.io);
    } else {
        bell_io_server_stop(s.io);
    }
    assert_int_equal(bell_ws_connection_count(s.ws), 0);
    assert_int_equal(atomic_load(&opens), atomic_load(&closes));
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < PEER_THREADS + CALLERS; i++) {
        (void)pthread_join(outsiders[i].thread, NULL);
    }
    service_finish(&s);
    assert_int_equal(atomic_load(&out_of_order), 0);
    assert_int_equal(atomic_load(&tasks_posted), atomic_load(&tasks_run));
    assert_int_equal(atomic_load(&rounds_posted), atomic_load(&rounds_done));
}

static void order_holds_when_everybody_does_anything_and_a_drain_comes(void **state)
{
    (void)state;
    chaos(true, 1);
    chaos(true, 2);
    assert_true(atomic_load(&opens) > 20 && atomic_load(&messages) > 20);
    assert_true(atomic_load(&visits) > 0 && atomic_load(&rings) > 0);
}

static void order_holds_when_everybody_does_anything_and_a_stop_comes(void **state)
{
    (void)state;
    chaos(false, 3);
    chaos(false, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_holds_when_everybody_does_anything_and_a_drain_comes),
        cmocka_unit_test(order_holds_when_everybody_does_anything_and_a_stop_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
