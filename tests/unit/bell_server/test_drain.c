/*
 * Draining: who is served to the end, who is told when, and what happens at the deadline.
 */
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_MS = 600000, CROWD = 300 };

static atomic_int opens;
static atomic_int closes;
static atomic_int last_code;

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    (void)ws, (void)conn, (void)request, (void)user;
    atomic_fetch_add(&opens, 1);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    (void)ws, (void)conn, (void)user;
    assert_int_equal(event->origin, BELL_CLOSED_BY_ENGINE);
    atomic_store(&last_code, event->code);
    atomic_fetch_add(&closes, 1);
}

static const struct bell_component COMPONENT = {.on_open = on_open, .on_close = on_close};

/* GET /slow is answered when release_slow is called. */
static struct bell_http_server *slow_server;
static atomic_uint_fast64_t slow;

static void handle_slow(struct bell_http_request *r, void *user)
{
    (void)user;
    atomic_store(&slow, bell_http_request_defer(r));
}

static void release_slow(void)
{
    const bell_http_response response = {.status = 200, .body = BELL_LIT("late")};
    assert_int_equal(bell_http_respond_later(slow_server, atomic_load(&slow), &response), BELL_OK);
}

static void handle_hello(struct bell_http_request *r, void *user)
{
    const bell_http_response response = {.status = 200, .body = BELL_LIT("hello")};
    (void)user;
    assert_int_equal(bell_http_respond(r, &response), BELL_OK);
}

static void make(struct service *s)
{
    atomic_store(&opens, 0);
    atomic_store(&closes, 0);
    atomic_store(&slow, 0);
    service_init(s, NULL);
    slow_server = s->http;
    assert_int_equal(bell_http_server_route(s->http, "GET", "/slow", handle_slow, NULL), BELL_OK);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/hello", handle_hello, NULL), BELL_OK);
    service_add_websocket(s, &COMPONENT, NULL);
}

static void ask(struct peer *p, const char *path)
{
    char text[128];
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    peer_send(p, bell_slice_from(text));
}

static void open_websocket(struct peer *p, uint16_t port)
{
    peer_connect(p, port);
    assert_int_equal(peer_upgrade(p, "/ws", ""), 101);
}

static void expect_1001(struct peer *p)
{
    peer_frame f;
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xe9", 2);
}

/* An answer with "Connection: close", and the end of the stream. */
static void expect_last_answer(struct peer *p, const char *body)
{
    char head[4096];
    char text[64] = "";
    assert_int_equal(peer_read_head(p, head, sizeof head), 200);
    assert_non_null(strstr(head, "Connection: close\r\n"));
    assert_true(peer_read(p, text, strlen(body)));
    assert_string_equal(text, body);
    assert_int_equal(peer_read_to_end(p), 0);
}

static void drain_and_wait_until_it_is_known(const struct service *s, uint32_t spread_ms)
{
    /* A connection that has been answered is idle: it is told first thing. */
    struct peer idle;
    char body[64];
    peer_connect(&idle, s->port);
    ask(&idle, "/hello");
    assert_int_equal(read_answer(&idle, body, sizeof body), 200);
    bell_io_server_drain_spread(s->io, LONG_MS, spread_ms);
    assert_int_equal(peer_read_to_end(&idle), 0);
    peer_close(&idle);
}

static void a_request_under_way_is_answered_and_the_connection_closed(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    make(&s);
    service_start(&s, 1);
    peer_connect(&p, s.port);
    ask(&p, "/slow");
    while (atomic_load(&slow) == 0) {
        (void)sched_yield();
    }
    drain_and_wait_until_it_is_known(&s, LONG_MS / 2);
    release_slow();
    expect_last_answer(&p, "late");
    peer_close(&p);
    bell_io_server_wait(s.io);
    service_finish(&s);
}

static void who_has_connected_may_still_ask(void **state)
{
    (void)state;
    struct service s;
    struct peer silent;
    struct peer p;
    struct peer w;
    make(&s);
    service_start(&s, 1);
    peer_connect(&silent, s.port);
    peer_connect(&p, s.port);
    peer_connect(&w, s.port);
    drain_and_wait_until_it_is_known(&s, 0);
    ask(&p, "/hello");
    expect_last_answer(&p, "hello");
    assert_int_equal(peer_upgrade(&w, "/ws", ""), 101); /* it would be told nothing else by 503 */
    expect_1001(&w);
    peer_send_frame(&w, 8, BELL_LIT("\x03\xe9"));
    assert_int_equal(peer_read_to_end(&w), 0);
    /* Who asks nothing is not waited for as long as it could be: the end comes by itself. */
    assert_int_equal(peer_read_to_end(&silent), 0);
    peer_close(&silent);
    peer_close(&p);
    peer_close(&w);
    bell_io_server_wait(s.io);
    assert_int_equal(atomic_load(&closes), 1);
    assert_int_equal(atomic_load(&last_code), 1001);
    service_finish(&s);
}

/* Nor is a proxy that has not yet said for whom it connects: one that came before the drain, and
 * one that came in the end. */
static void a_silent_proxy_is_not_waited_for(void **state)
{
    static const char *const PROXIES[] = {"127.0.0.0/8"};
    struct service s;
    struct peer p;
    struct peer late;
    bell_http_options http;
    bell_io_options options;
    char body[64];
    (void)state;
    bell_http_options_init(&http);
    http.head_timeout_ms = LONG_MS;
    service_init(&s, &http);
    bell_io_options_init(&options);
    options.threads = 1;
    options.trusted_proxies = PROXIES;
    options.trusted_proxy_count = 1;
    options.proxy_protocol = true;
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    peer_connect(&p, bell_io_server_port(s.io, 0));
    peer_connect(&late, bell_io_server_port(s.io, 0)); /* answered when both are accepted */
    peer_send(&late, BELL_LIT("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(read_answer(&late, body, sizeof body), 404);
    peer_close(&late);
    peer_connect(&late, bell_io_server_port(s.io, 0));
    bell_io_server_drain(s.io, LONG_MS);
    assert_int_equal(peer_read_to_end(&p), 0);
    assert_int_equal(peer_read_to_end(&late), 0);
    assert_int_equal(bell_io_server_wait(s.io), BELL_OK);
    peer_close(&p);
    peer_close(&late);
    service_finish(&s);
}

/* Before the start nobody accepts: all of them wait in the backlog, and none is reset. */
static void what_waits_in_the_backlog_is_served(void **state)
{
    (void)state;
    struct service s;
    static struct peer peers[20];
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = 3;
    make(&s);
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    for (size_t i = 0; i < 20; i++) {
        peer_connect(&peers[i], bell_io_server_port(s.io, 0));
        ask(&peers[i], "/hello");
    }
    bell_io_server_drain(s.io, LONG_MS);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    for (size_t i = 0; i < 20; i++) {
        expect_last_answer(&peers[i], "hello");
        peer_close(&peers[i]);
    }
    bell_io_server_wait(s.io);
    service_finish(&s);
}

static sem_t told;

/* ---- what was sent before ---- */

static sem_t may_go_on;

static void hold(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws, (void)conn, (void)user;
    (void)sem_post(&told);
    wait_posted(&may_go_on);
}

/* A loop that is busy for a moment learns of both in the same turn. */
static void what_was_sent_before_goes_out_before_1001(void **state)
{
    (void)state;
    enum { LOOPS = 2, PEERS = 20 };
    struct service s;
    static struct peer peers[PEERS];
    peer_frame f;
    assert_int_equal(sem_init(&told, 0, 0), 0);
    assert_int_equal(sem_init(&may_go_on, 0, 0), 0);
    make(&s);
    service_start(&s, LOOPS);
    for (size_t i = 0; i < PEERS; i++) {
        open_websocket(&peers[i], s.port);
    }
    assert_int_equal(bell_ws_run_all(s.ws, hold, NULL, NULL), BELL_OK);
    for (int i = 0; i < LOOPS; i++) {
        wait_posted(&told);
    }
    assert_int_equal(bell_ws_broadcast(s.ws, BELL_TEXT, BELL_LIT("bye"), 0), BELL_OK);
    bell_io_server_drain(s.io, LONG_MS);
    for (int i = 0; i < LOOPS; i++) {
        (void)sem_post(&may_go_on);
    }
    for (size_t i = 0; i < PEERS; i++) {
        assert_true(peer_read_frame(&peers[i], &f));
        assert_int_equal(f.first, 0x81);
        assert_memory_equal(f.payload, "bye", 3);
        expect_1001(&peers[i]);
        peer_close(&peers[i]);
    }
    bell_io_server_wait(s.io);
    service_finish(&s);
    assert_int_equal(sem_destroy(&told), 0);
    assert_int_equal(sem_destroy(&may_go_on), 0);
}

static void the_spread_is_even(void **state)
{
    (void)state;
    enum { SPREAD_MS = 960 };
    struct service s;
    static struct peer peers[CROWD];
    static uint64_t told_ms[CROWD];
    make(&s);
    service_start(&s, 2);
    for (size_t i = 0; i < CROWD; i++) {
        open_websocket(&peers[i], s.port);
    }
    uint64_t begin_ms = now_ms();
    bell_io_server_drain_spread(s.io, LONG_MS, SPREAD_MS);
    /* In the order in which they were opened, loop by loop; so each wait is for the next one. */
    for (size_t i = 0; i < CROWD; i++) {
        expect_1001(&peers[i]);
        told_ms[i] = now_ms() - begin_ms;
        peer_send_frame(&peers[i], 8, BELL_LIT("\x03\xe9"));
        peer_close(&peers[i]);
    }
    bell_io_server_wait(s.io);
    /* A slow machine may tell them later, never earlier. */
    assert_true(told_ms[CROWD - 1] >= SPREAD_MS / 2);
    assert_true(told_ms[CROWD / 2] >= SPREAD_MS / 4);
    assert_int_equal(atomic_load(&closes), CROWD);
    assert_int_equal(atomic_load(&last_code), 1001);
    service_finish(&s);
}

static void the_deadline_drops_whoever_is_left(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    struct peer deaf;
    make(&s);
    service_start(&s, 2);
    open_websocket(&p, s.port);
    open_websocket(&deaf, s.port);
    /* One does not answer its 1001, and the other one's turn would come after the deadline. */
    bell_io_server_drain_spread(s.io, 300, LONG_MS);
    bell_io_server_wait(s.io);
    assert_int_equal(atomic_load(&opens), 2);
    assert_int_equal(atomic_load(&closes), 2);
    peer_close(&p);
    peer_close(&deaf);
    service_finish(&s);
}

static void a_later_call_only_brings_the_deadline_nearer(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    make(&s);
    service_start(&s, 2);
    open_websocket(&p, s.port);
    drain_and_wait_until_it_is_known(&s, LONG_MS / 2);
    bell_io_server_drain(s.io, LONG_MS); /* neither later nor without the spread */
    bell_io_server_drain(s.io, 0);
    bell_io_server_wait(s.io);
    assert_int_equal(atomic_load(&closes), 1);
    peer_close(&p);
    service_finish(&s);
}

/* Sessions come and go while the others are told: in slots that were looked at already, too. */
static void late_sessions_are_told_in_the_end(void **state)
{
    (void)state;
    struct service s;
    struct peer early;
    struct peer late;
    struct peer idle;
    make(&s);
    service_start(&s, 1);
    peer_connect(&late, s.port);
    peer_send(&late, BELL_LIT("GET /ws HTTP/1.1\r\nHost: x\r\n")); /* has begun: is waited for */
    open_websocket(&early, s.port);
    peer_connect(&idle, s.port);
    bell_io_server_drain_spread(s.io, LONG_MS, 300);
    expect_1001(&early);
    peer_send_frame(&early, 8, BELL_LIT("\x03\xe9"));
    assert_int_equal(peer_read_to_end(&early), 0);
    peer_send(&late, BELL_LIT("Upgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    char head[4096];
    assert_int_equal(peer_read_head(&late, head, sizeof head), 101);
    expect_1001(&late);
    peer_close(&early);
    peer_close(&late);
    peer_close(&idle);
    bell_io_server_wait(s.io);
    assert_int_equal(atomic_load(&closes), 2);
    service_finish(&s);
}

/* A shared socket's connections are dealt out to loops which are about to end. */
static void connections_on_their_way_to_another_loop_arrive(void **state)
{
    (void)state;
    char folder[] = "/tmp/bell_drain_XXXXXX";
    char address[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address, sizeof address, "unix:%s/s", folder);
    for (int round = 0; round < 10; round++) {
        struct service s;
        static struct peer peers[12];
        bell_io_options options;
        bell_io_options_init(&options);
        options.threads = 4;
        make(&s);
        assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
        assert_int_equal(bell_io_server_listen(s.io, address), BELL_OK);
        if (round % 2 == 0) {
            assert_int_equal(bell_io_server_start(s.io), BELL_OK);
        }
        for (size_t i = 0; i < 12; i++) {
            peer_connect_unix(&peers[i], address + 5);
            ask(&peers[i], "/hello");
        }
        bell_io_server_drain(s.io, LONG_MS);
        if (round % 2 == 1) {
            assert_int_equal(bell_io_server_start(s.io), BELL_OK);
        }
        for (size_t i = 0; i < 12; i++) {
            char body[64];
            assert_int_equal(read_answer(&peers[i], body, sizeof body), 200);
            peer_close(&peers[i]);
        }
        bell_io_server_wait(s.io);
        service_finish(&s);
    }
    assert_int_equal(remove(folder), 0);
}

/* ---- what is for no connection ---- */

static _Atomic pthread_t first; /* the first loop's thread */
static atomic_int tasks;
static atomic_int strays; /* tasks that ran elsewhere */
static atomic_bool is_on_first;

static void note_first(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws, (void)conn, (void)user;
    atomic_store(&first, pthread_self());
    (void)sem_post(&told);
}

static void note_task(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws, (void)conn, (void)user;
    atomic_fetch_add(&strays, pthread_equal(atomic_load(&first), pthread_self()) ? 0 : 1);
    atomic_fetch_add(&tasks, 1);
}

static void on_open_somewhere(struct bell_ws_server *ws, bell_conn conn,
                              const struct bell_http_request *request, void *user)
{
    (void)ws, (void)conn, (void)request, (void)user;
    atomic_store(&is_on_first, pthread_equal(atomic_load(&first), pthread_self()));
    atomic_fetch_add(&opens, 1);
}

static void on_close_anywhere(struct bell_ws_server *ws, bell_conn conn,
                              const bell_close_event *event, void *user)
{
    (void)conn, (void)event, (void)user;
    assert_int_equal(bell_ws_run(ws, 0, note_task, NULL), BELL_OK);
}

static void begin_tasks(struct service *s)
{
    static const struct bell_component TELLS = {.on_open = on_open_somewhere,
                                                .on_close = on_close_anywhere};
    atomic_store(&opens, 0);
    atomic_store(&tasks, 0);
    atomic_store(&strays, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(s, NULL);
    service_add_websocket(s, &TELLS, NULL);
    service_start(s, 3);
    assert_int_equal(bell_ws_run(s->ws, 0, note_first, NULL), BELL_OK);
    wait_posted(&told);
}

static void ring(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    (void)timer, (void)user;
    note_task(ws, 0, NULL);
    (void)sem_post(&told);
}

static void start_ring(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    note_task(ws, conn, user);
    /* Longer than a loop with nobody left takes to end. */
    if (bell_ws_start_timer(ws, 100, 0, ring, NULL, NULL) != BELL_OK) {
        atomic_fetch_add(&strays, 1);
        (void)sem_post(&told);
    }
}

static void the_first_loop_waits_for_the_others(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    begin_tasks(&s);
    open_websocket(&p, s.port);
    while (atomic_load(&is_on_first)) {
        peer_close(&p);
        open_websocket(&p, s.port);
    }
    bell_io_server_drain(s.io, LONG_MS);
    expect_1001(&p);
    assert_int_equal(bell_ws_run(s.ws, 0, start_ring, NULL), BELL_OK);
    wait_posted(&told);
    peer_send_frame(&p, 8, BELL_LIT("\x03\xe9"));
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    bell_io_server_wait(s.io);
    assert_int_equal(atomic_load(&tasks), atomic_load(&opens) + 2);
    assert_int_equal(atomic_load(&strays), 0);
    service_finish(&s);
    assert_int_equal(sem_destroy(&told), 0);
}

/* What only such tasks touch needs no lock, in the end neither. */
static void what_on_close_has_run_runs_on_the_first_loop(void **state)
{
    (void)state;
    struct service s;
    static struct peer peers[CROWD];
    begin_tasks(&s);
    for (size_t i = 0; i < CROWD; i++) {
        open_websocket(&peers[i], s.port);
    }
    bell_io_server_stop(s.io);
    assert_int_equal(atomic_load(&tasks), CROWD);
    assert_int_equal(atomic_load(&strays), 0);
    for (size_t i = 0; i < CROWD; i++) {
        peer_close(&peers[i]);
    }
    service_finish(&s);
    assert_int_equal(sem_destroy(&told), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_under_way_is_answered_and_the_connection_closed),
        cmocka_unit_test(who_has_connected_may_still_ask),
        cmocka_unit_test(a_silent_proxy_is_not_waited_for),
        cmocka_unit_test(what_waits_in_the_backlog_is_served),
        cmocka_unit_test(what_was_sent_before_goes_out_before_1001),
        cmocka_unit_test(the_spread_is_even),
        cmocka_unit_test(the_deadline_drops_whoever_is_left),
        cmocka_unit_test(a_later_call_only_brings_the_deadline_nearer),
        cmocka_unit_test(late_sessions_are_told_in_the_end),
        cmocka_unit_test(connections_on_their_way_to_another_loop_arrive),
        cmocka_unit_test(the_first_loop_waits_for_the_others),
        cmocka_unit_test(what_on_close_has_run_runs_on_the_first_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
