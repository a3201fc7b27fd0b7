/*
 * Who decides about an upgrade: the component, at once or later, from its loop or from any thread;
 * and what becomes of a decision that comes too late.
 */
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 64 };

static const char *const SUBPROTOCOLS[] = {"one", "two"};

/* ---- the application ---- */

static atomic_uint_fast64_t exchanges[MANY]; /* in the order of the upgrades */
static atomic_int exchange_count;
static atomic_int opens;
static atomic_int closes;
static atomic_int discards;
static atomic_int wrongs;
static atomic_uint_fast64_t opened_user; /* of the last one */

static void check(bool is_right)
{
    atomic_fetch_add(&wrongs, is_right ? 0 : 1);
}

static bool is(bell_slice s, const char *text)
{
    return bell_slice_equal(s, bell_slice_from(text));
}

static void discard(void *user)
{
    free(user);
    atomic_fetch_add(&discards, 1);
}

static void on_open(struct bell_ws_server *ws, bell_conn conn, const struct bell_http_request *r,
                    void *user)
{
    (void)user;
    check(is(bell_http_request_path(r), "/ws"));
    atomic_store(&opened_user, (uint64_t)(uintptr_t)bell_ws_get_user(ws, conn));
    atomic_fetch_add(&opens, 1);
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)user;
    check(bell_ws_send(ws, conn, m->type, m->data) == BELL_OK);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    (void)e;
    (void)user;
    free(bell_ws_get_user(ws, conn));
    atomic_fetch_add(&closes, 1);
}

static void defer(struct bell_ws_server *ws, struct bell_http_request *r, void *user)
{
    (void)ws;
    (void)user;
    bell_http_exchange exchange = bell_http_request_defer(r);
    check(exchange != 0 && bell_http_request_defer(r) == 0);
    check(bell_ws_accept(r, NULL) == BELL_ESTATE);
    int n = atomic_load(&exchange_count);
    atomic_store(&exchanges[n % MANY], exchange);
    atomic_store(&exchange_count, n + 1);
}

/* Asks for "?do=": what to do. */
static void decide(struct bell_ws_server *ws, struct bell_http_request *r, void *user)
{
    char room[64];
    bell_slice what = {NULL, 0};
    const bell_http_field cookie = {BELL_LIT("Set-Cookie"), BELL_LIT("id=7")};
    const bell_http_field own = {BELL_LIT("Sec-WebSocket-Accept"), BELL_LIT("x")};
    const bell_http_field broken = {BELL_LIT("X-A"), BELL_LIT("a\r\nb: c")};
    (void)user;
    check(bell_http_request_query_value(r, "do", room, sizeof room, &what) == BELL_OK);
    if (is(what, "accept")) {
        bell_ws_acceptance terms = {
            .user = malloc(1), .subprotocol = BELL_LIT("two"), .fields = &cookie, .field_count = 1};
        check(is(bell_http_request_cookie(r, "session"), "s1"));
        check(is(bell_http_request_header(r, "X-Token"), "t1"));
        check(bell_ws_offers(r, BELL_LIT("two")) && bell_ws_offers(r, BELL_LIT("one")) &&
              bell_ws_offers(r, BELL_LIT("three")) && !bell_ws_offers(r, BELL_LIT("four")));
        check(bell_ws_accept(r, &terms) == BELL_OK);
        check(bell_ws_accept(r, &terms) == BELL_ESTATE);
        check(bell_http_request_defer(r) == 0);
        const bell_http_response response = {.status = 403};
        check(bell_http_respond(r, &response) == BELL_ESTATE);
    } else if (is(what, "refuse")) {
        const bell_http_response response = {.status = 401,
                                             .content_type = BELL_LIT("text/plain"),
                                             .body = BELL_LIT("who?"),
                                             .fields = &cookie,
                                             .field_count = 1};
        check(bell_http_respond(r, &response) == BELL_OK);
        check(bell_ws_accept(r, NULL) == BELL_ESTATE);
    } else if (is(what, "mistakes")) {
        static bell_http_field many[33];
        static char large[70000];
        memset(large, 'x', sizeof large);
        for (size_t i = 0; i < 33; i++) {
            many[i] = cookie;
        }
        const bell_http_field too_large = {BELL_LIT("X-A"), bell_slice_make(large, sizeof large)};
        const bell_ws_acceptance bad[] = {
            {.subprotocol = BELL_LIT("three")}, /* offered, but not ours */
            {.subprotocol = BELL_LIT("one")},   /* ours, but not offered here */
            {.fields = &own, .field_count = 1},       {.fields = &broken, .field_count = 1},
            {.fields = &too_large, .field_count = 1}, {.fields = many, .field_count = 33},
        };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            check(bell_ws_accept(r, &bad[i]) == BELL_EINVAL);
        }
        const bell_ws_acceptance most = {.fields = many, .field_count = 32};
        check(bell_ws_accept(r, &most) == BELL_OK);
    } /* else nothing */
    (void)ws;
}

static void handle(struct bell_http_request *r, void *user)
{
    check(bell_ws_accept(r, NULL) == BELL_ESTATE);
    defer(NULL, r, user);
}

/* ---- helpers ---- */

static void begin_with(struct service *s, const struct bell_component *component,
                       uint32_t timeout_ms, struct bell_guard *guard)
{
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.subprotocols = SUBPROTOCOLS;
    o.subprotocol_count = 2;
    o.upgrade_timeout_ms = timeout_ms;
    atomic_store(&exchange_count, 0);
    atomic_store(&opens, 0);
    atomic_store(&closes, 0);
    atomic_store(&discards, 0);
    atomic_store(&wrongs, 0);
    atomic_store(&opened_user, 0);
    service_init(s, NULL);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/later", handle, NULL), BELL_OK);
    service_add_websocket(s, component, &o);
    if (guard != NULL) {
        assert_int_equal(bell_ws_server_add_guard(s->ws, guard), BELL_OK);
    }
    service_start(s, 1);
}

static const struct bell_component DECIDES = {
    .on_upgrade = decide, .on_open = on_open, .on_message = on_message, .on_close = on_close};
static const struct bell_component DEFERS = {
    .on_upgrade = defer, .on_open = on_open, .on_message = on_message, .on_close = on_close};

static void begin(struct service *s, const struct bell_component *component)
{
    begin_with(s, component, 20000, NULL);
}

static void end(struct service *s)
{
    service_finish(s);
    assert_int_equal(atomic_load(&wrongs), 0);
    assert_int_equal(atomic_load(&opens), atomic_load(&closes));
}

static void wait_for(const atomic_int *count, int n)
{
    for (int i = 0; atomic_load(count) < n; i++) {
        assert_true(i < 20000);
        (void)usleep(1000);
    }
}

static void ask(struct peer *p, const char *query, const char *fields)
{
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "GET /ws%s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                     query, fields);
    peer_send(p, bell_slice_make(text, (size_t)n));
}

/* A new upgrade that waits for its decision. */
static bell_http_exchange ask_and_wait(struct peer *p, const struct service *s)
{
    int n = atomic_load(&exchange_count);
    peer_connect(p, s->port);
    ask(p, "", "Sec-WebSocket-Protocol: two\r\n");
    wait_for(&exchange_count, n + 1);
    return atomic_load(&exchanges[n % MANY]);
}

static bell_status accept_it(const struct service *s, bell_http_exchange exchange)
{
    const bell_ws_acceptance terms = {.user = malloc(1), .discard = discard};
    bell_status st = bell_ws_accept_later(s->ws, exchange, &terms);
    if (st != BELL_OK) {
        free(terms.user);
    }
    return st;
}

static void expect_echo(struct peer *p, const char *text)
{
    static peer_frame f;
    peer_send_frame(p, 1, bell_slice_from(text));
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.n, strlen(text));
    assert_memory_equal(f.payload, text, f.n);
}

/* ---- at once ---- */

static void accepts_with_user_subprotocol_and_fields(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char head[2048];
    begin(&s, &DECIDES);
    peer_connect(&p, s.port);
    ask(&p, "?do=accept",
        "Sec-WebSocket-Protocol: one, three\r\nSec-WebSocket-Protocol: two\r\n"
        "Cookie: a=b; session=s1\r\nX-Token: t1\r\n");
    assert_int_equal(peer_read_head(&p, head, sizeof head), 101);
    assert_non_null(strstr(head, "Set-Cookie: id=7\r\n"));
    assert_non_null(strstr(head, "Sec-WebSocket-Protocol: two\r\n"));
    expect_echo(&p, "hello");
    assert_true(atomic_load(&opened_user) != 0);
    peer_close(&p);
    end(&s);
}

static void refuses_with_any_answer_and_ends_the_connection(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char head[2048];
    char body[16] = "";
    begin(&s, &DECIDES);
    peer_connect(&p, s.port);
    ask(&p, "?do=refuse", "");
    peer_send_frame(&p, 1, BELL_LIT("may be a frame or a request"));
    assert_int_equal(peer_read_head(&p, head, sizeof head), 401);
    assert_non_null(strstr(head, "Set-Cookie: id=7\r\n"));
    assert_non_null(strstr(head, "Connection: close\r\n"));
    assert_true(peer_read(&p, body, 4));
    assert_string_equal(body, "who?");
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    end(&s);
    assert_int_equal(atomic_load(&opens), 0);
}

static void no_decision_is_a_refusal(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char head[2048];
    begin(&s, &DECIDES);
    peer_connect(&p, s.port);
    ask(&p, "?do=nothing", "");
    assert_int_equal(peer_read_head(&p, head, sizeof head), 500);
    (void)peer_read_to_end(&p);
    peer_close(&p);
    end(&s);
    assert_int_equal(atomic_load(&opens), 0);
}

static void terms_that_cannot_be_are_refused_and_change_nothing(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char head[4096];
    begin(&s, &DECIDES);
    peer_connect(&p, s.port);
    ask(&p, "?do=mistakes", "Sec-WebSocket-Protocol: three, two\r\n");
    assert_int_equal(peer_read_head(&p, head, sizeof head), 101);
    assert_non_null(strstr(head, "Sec-WebSocket-Protocol: two\r\n"));
    expect_echo(&p, "x");
    peer_close(&p);
    end(&s);
}

/* ---- later ---- */

static void accepts_later_and_reads_what_waited(void **state)
{
    (void)state;
    enum { FRAMES = 12, FRAME_BYTES = 16000 }; /* more than may wait */
    static char payload[FRAME_BYTES];
    struct service s;
    static struct peer p;
    static peer_frame f;
    char head[2048];
    begin(&s, &DEFERS);
    bell_http_exchange exchange = ask_and_wait(&p, &s);
    for (int i = 0; i < FRAMES; i++) {
        memset(payload, 'a' + i, sizeof payload);
        peer_send_frame(&p, 2, bell_slice_make(payload, sizeof payload));
    }
    assert_int_equal(atomic_load(&opens), 0);
    assert_int_equal(accept_it(&s, exchange), BELL_OK);
    assert_int_equal(peer_read_head(&p, head, sizeof head), 101);
    assert_non_null(strstr(head, "Sec-WebSocket-Protocol: two\r\n"));
    for (int i = 0; i < FRAMES; i++) {
        assert_true(peer_read_frame(&p, &f) && f.n == FRAME_BYTES && f.payload[0] == 'a' + i);
    }
    expect_echo(&p, "later");
    assert_true(atomic_load(&opened_user) != 0);
    /* A second decision finds no upgrade. */
    assert_int_equal(accept_it(&s, exchange), BELL_OK);
    wait_for(&discards, 1);
    expect_echo(&p, "still here");
    peer_close(&p);
    end(&s);
    assert_int_equal(atomic_load(&opens), 1);
}

static void refuses_later(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char body[32];
    const bell_http_response response = {.status = 403, .body = BELL_LIT("no")};
    begin(&s, &DEFERS);
    bell_http_exchange exchange = ask_and_wait(&p, &s);
    assert_int_equal(bell_ws_reject_later(s.ws, exchange, &response), BELL_OK);
    assert_int_equal(read_answer(&p, body, sizeof body), 403);
    assert_string_equal(body, "no");
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    end(&s);
}

static void mistakes_about_later_are_told_or_do_no_harm(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char body[32];
    const bell_http_field own = {BELL_LIT("upgrade"), BELL_LIT("x")};
    const bell_http_field broken = {BELL_LIT("a b"), BELL_LIT("x")};
    const bell_ws_acceptance unknown = {.subprotocol = BELL_LIT("three")};
    const bell_ws_acceptance not_offered = {.subprotocol = BELL_LIT("one"), .discard = discard};
    const bell_ws_acceptance owns = {.fields = &own, .field_count = 1};
    const bell_ws_acceptance breaks = {.fields = &broken, .field_count = 1};
    begin(&s, &DEFERS);
    bell_http_exchange exchange = ask_and_wait(&p, &s);
    assert_int_equal(bell_ws_accept_later(s.ws, exchange, &unknown), BELL_EINVAL);
    assert_int_equal(bell_ws_accept_later(s.ws, exchange, &owns), BELL_EINVAL);
    assert_int_equal(bell_ws_accept_later(s.ws, exchange, &breaks), BELL_EINVAL);
    assert_int_equal(bell_ws_accept_later(s.ws, 0, NULL), BELL_EINVAL);
    assert_int_equal(bell_ws_accept_later(s.ws, UINT64_C(0xff000000), NULL), BELL_EINVAL);
    assert_int_equal(bell_ws_accept_later(s.ws, exchange, &not_offered), BELL_OK);
    assert_int_equal(read_answer(&p, body, sizeof body), 500);
    wait_for(&discards, 1);
    peer_close(&p);

    /* The exchange of a request that is no upgrade. */
    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    wait_for(&exchange_count, 2);
    assert_int_equal(accept_it(&s, atomic_load(&exchanges[1])), BELL_OK);
    wait_for(&discards, 2);
    const bell_http_response response = {.status = 200, .body = BELL_LIT("fine")};
    assert_int_equal(bell_http_respond_later(s.http, atomic_load(&exchanges[1]), &response),
                     BELL_OK);
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    peer_close(&p);
    end(&s);
    assert_int_equal(atomic_load(&opens), 0);
}

static void a_client_that_leaves_is_forgotten(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, &DEFERS);
    bell_http_exchange ended = ask_and_wait(&p, &s);
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    assert_int_equal(peer_read_to_end(&p), 0); /* it is closed without an answer */
    peer_close(&p);
    bell_http_exchange was_reset = ask_and_wait(&p, &s);
    peer_reset(&p);
    assert_int_equal(accept_it(&s, ended), BELL_OK);
    assert_int_equal(accept_it(&s, was_reset), BELL_OK);
    /* A session of it may have begun, when the reset comes after the decision. */
    while (atomic_load(&discards) + atomic_load(&opens) < 2) {
        (void)usleep(1000);
    }
    assert_true(atomic_load(&discards) >= 1);
    end(&s);
}

static void the_time_for_a_decision_has_an_end(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char body[64];
    begin_with(&s, &DEFERS, 30, NULL);
    bell_http_exchange exchange = ask_and_wait(&p, &s);
    assert_int_equal(read_answer(&p, body, sizeof body), 503);
    assert_int_equal(peer_read_to_end(&p), 0);
    assert_int_equal(accept_it(&s, exchange), BELL_OK);
    wait_for(&discards, 1);
    peer_close(&p);
    end(&s);
    assert_int_equal(atomic_load(&opens), 0);
}

/* As for one that asks while it drains: a 503 would count as a refusal, 1001 says come back. */
static void a_drain_waits_for_a_decision(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    peer_frame f;
    char head[1024];
    begin(&s, &DEFERS);
    bell_http_exchange exchange = ask_and_wait(&p, &s);
    bell_io_server_drain(s.io, 20000);
    assert_int_equal(accept_it(&s, exchange), BELL_OK); /* comes to the loop after the drain */
    assert_int_equal(peer_read_head(&p, head, sizeof head), 101);
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xe9", 2);
    peer_send_frame(&p, 8, BELL_LIT("\x03\xe9"));
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    bell_io_server_wait(s.io);
    end(&s);
    assert_int_equal(atomic_load(&discards), 0);
}

static void a_drain_waits_no_longer_than_it_may(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, &DEFERS);
    bell_http_exchange exchange = ask_and_wait(&p, &s);
    bell_io_server_drain(s.io, 30);
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    bell_io_server_wait(s.io);
    assert_int_equal(accept_it(&s, exchange), BELL_OK);
    assert_int_equal(atomic_load(&discards), 1); /* the loop has ended: within the call */
    end(&s);
}

static void a_stop_drops_what_is_not_decided(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, &DEFERS);
    bell_http_exchange exchange = ask_and_wait(&p, &s);
    bell_io_server_stop(s.io);
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    assert_int_equal(accept_it(&s, exchange), BELL_OK);
    assert_int_equal(atomic_load(&discards), 1);
    end(&s);
}

static void guards_are_asked_before_the_component_and_before_a_late_answer(void **state)
{
    (void)state;
    struct service s;
    static struct peer first;
    static struct peer second;
    static struct peer third;
    char head[2048];
    struct bell_guard *guard;
    assert_int_equal(bell_guard_connections_create(1, 5, &guard), BELL_OK);
    begin_with(&s, &DEFERS, 20000, guard);
    bell_http_exchange a = ask_and_wait(&first, &s);
    bell_http_exchange b = ask_and_wait(&second, &s); /* none is open yet */
    assert_int_equal(accept_it(&s, a), BELL_OK);
    assert_int_equal(peer_read_head(&first, head, sizeof head), 101);
    assert_int_equal(accept_it(&s, b), BELL_OK);
    assert_int_equal(peer_read_head(&second, head, sizeof head), 429);
    wait_for(&discards, 1);
    peer_connect(&third, s.port);
    ask(&third, "", "");
    assert_int_equal(peer_read_head(&third, head, sizeof head), 429);
    assert_int_equal(atomic_load(&exchange_count), 2);
    peer_close(&first);
    peer_close(&second);
    peer_close(&third);
    end(&s);
}

/* ---- from many threads ---- */

struct decider {
    pthread_t thread;
    const struct service *service;
    bool accepts;
};

static atomic_bool is_over;

/* Decides about everything again and again, whether it was decided already or not. */
static void *decide_all(void *user)
{
    const struct decider *d = user;
    const bell_http_response response = {.status = 403};
    while (!atomic_load(&is_over)) {
        int n = atomic_load(&exchange_count);
        for (int i = n > 8 ? n - 8 : 0; i < n; i++) {
            bell_http_exchange exchange = atomic_load(&exchanges[i % MANY]);
            check(d->accepts
                      ? accept_it(d->service, exchange) == BELL_OK
                      : bell_ws_reject_later(d->service->ws, exchange, &response) == BELL_OK);
        }
        (void)usleep(100);
    }
    return NULL;
}

static void decisions_of_many_threads_race(void **state)
{
    (void)state;
    enum { UPGRADES = 200 };
    struct service s;
    static struct peer p;
    struct decider deciders[] = {{.service = &s, .accepts = true}, {.service = &s}};
    char head[2048];
    int accepted = 0;
    begin(&s, &DEFERS);
    atomic_store(&is_over, false);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&deciders[i].thread, NULL, decide_all, &deciders[i]), 0);
    }
    for (int i = 0; i < UPGRADES; i++) {
        peer_connect(&p, s.port);
        ask(&p, "", "");
        int status = peer_read_head(&p, head, sizeof head);
        assert_true(status == 101 || status == 403);
        accepted += status == 101;
        peer_close(&p);
    }
    bell_io_server_stop(s.io);
    atomic_store(&is_over, true);
    for (size_t i = 0; i < 2; i++) {
        (void)pthread_join(deciders[i].thread, NULL);
    }
    end(&s);
    assert_int_equal(atomic_load(&opens), accepted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_with_user_subprotocol_and_fields),
        cmocka_unit_test(refuses_with_any_answer_and_ends_the_connection),
        cmocka_unit_test(no_decision_is_a_refusal),
        cmocka_unit_test(terms_that_cannot_be_are_refused_and_change_nothing),
        cmocka_unit_test(accepts_later_and_reads_what_waited),
        cmocka_unit_test(refuses_later),
        cmocka_unit_test(mistakes_about_later_are_told_or_do_no_harm),
        cmocka_unit_test(a_client_that_leaves_is_forgotten),
        cmocka_unit_test(the_time_for_a_decision_has_an_end),
        cmocka_unit_test(a_drain_waits_for_a_decision),
        cmocka_unit_test(a_drain_waits_no_longer_than_it_may),
        cmocka_unit_test(a_stop_drops_what_is_not_decided),
        cmocka_unit_test(guards_are_asked_before_the_component_and_before_a_late_answer),
        cmocka_unit_test(decisions_of_many_threads_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
