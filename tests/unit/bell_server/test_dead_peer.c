/*
 * Peers that are not there any more and have not said so: no word, no end of the stream, no reset.
 * Each is closed in the time that was set, and the application hears of it once, with the reason.
 *
 * Where it may, the program moves into a network of its own and takes that down: then nothing of
 * what either side sends arrives. Elsewhere the peers are only silent, which is the same to a
 * server that looks at what comes.
 */
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <net/if.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEARTBEAT_MS = 150,
    IDLE_MS = 450,
    CLOSE_MS = 300,
    HTTP_MS = 400,
    PATIENT_IDLE_MS = 2000, /* so long that it does not matter when this program is held up */
    PATIENT_HTTP_MS = 20000,
};

/* ---- the network ---- */

static bool has_own_network;

static bool set_network(bool up)
{
    struct ifreq lo = {.ifr_flags = up ? IFF_UP : 0};
    memcpy(lo.ifr_name, "lo", sizeof "lo");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool done = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return done;
}

static void network_cut(void)
{
    assert_true(!has_own_network || set_network(false));
}

static int network_mend(void **state)
{
    (void)state;
    return !has_own_network || set_network(true) ? 0 : -1;
}

/* ---- the application ---- */

static atomic_int opens;
static atomic_int closes;
static atomic_int errors;
static atomic_int last_error;
static atomic_int last_why;
static atomic_int last_origin;
static atomic_int last_code;
static atomic_uint_fast64_t closed_at_ms;
static atomic_uint_fast64_t opened;

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    (void)ws, (void)request, (void)user;
    atomic_store(&opened, conn);
    atomic_fetch_add(&opens, 1);
}

static void on_error(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user)
{
    (void)ws, (void)conn, (void)user;
    atomic_store(&last_error, error);
    atomic_fetch_add(&errors, 1);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    (void)ws, (void)conn, (void)user;
    atomic_store(&last_why, event->why);
    atomic_store(&last_origin, (int)event->origin);
    atomic_store(&last_code, event->code);
    atomic_store(&closed_at_ms, now_ms());
    atomic_fetch_add(&closes, 1);
}

static void handle_large(struct bell_http_request *r, void *user)
{
    static char body[8 << 20];
    const bell_http_response response = {.status = 200, .body = {body, sizeof body}};
    (void)user;
    assert_int_equal(bell_http_respond(r, &response), BELL_OK);
}

static const struct bell_component COMPONENT = {
    .on_open = on_open, .on_close = on_close, .on_error = on_error};

static void start_with(struct service *s, uint32_t idle_ms, uint32_t http_ms)
{
    bell_http_options http;
    bell_ws_options ws;
    bell_http_options_init(&http);
    http.head_timeout_ms = http_ms;
    http.body_timeout_ms = http_ms;
    http.keep_alive_ms = http_ms;
    http.send_timeout_ms = http_ms;
    bell_ws_options_init(&ws);
    ws.heartbeat_ms = HEARTBEAT_MS;
    ws.idle_timeout_ms = idle_ms;
    ws.close_timeout_ms = CLOSE_MS;
    atomic_store(&opens, 0);
    atomic_store(&closes, 0);
    atomic_store(&errors, 0);
    service_init(s, &http);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/large", handle_large, NULL), BELL_OK);
    assert_int_equal(bell_http_server_route(s->http, "POST", "/large", handle_large, NULL),
                     BELL_OK);
    service_add_websocket(s, &COMPONENT, &ws);
    service_start(s, 1);
}

static void start(struct service *s)
{
    start_with(s, IDLE_MS, PATIENT_HTTP_MS);
}

static void open_websocket(struct peer *p, uint16_t port)
{
    peer_connect(p, port);
    assert_int_equal(peer_upgrade(p, "/ws", ""), 101);
    while (atomic_load(&opens) == 0) {
        (void)sched_yield();
    }
}

static void wait_closed(void)
{
    while (atomic_load(&closes) == 0) {
        (void)usleep(1000);
    }
}

static bell_loop_metrics metrics(const struct service *s)
{
    bell_loop_metrics m;
    assert_int_equal(bell_metrics_loop(s->io, 0, &m), BELL_OK);
    return m;
}

static void wait_gone(const struct service *s)
{
    while (metrics(s).connections > 0) {
        (void)usleep(1000);
    }
}

/* What the application was told in the end, once; and not before its time. */
static void expect_told(bell_close_origin origin, bell_status why, uint64_t not_before_ms)
{
    assert_int_equal(atomic_load(&opens), 1);
    assert_int_equal(atomic_load(&closes), 1);
    assert_int_equal(atomic_load(&last_origin), (int)origin);
    assert_int_equal(atomic_load(&last_why), why);
    assert_int_equal(atomic_load(&last_code), 1006);
    assert_true(atomic_load(&closed_at_ms) >= not_before_ms);
}

/* ---- WebSockets ---- */

static void a_peer_that_vanishes_is_closed_after_the_idle_timeout(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    start(&s);
    uint64_t alive_ms = now_ms();
    open_websocket(&p, s.port);
    network_cut();
    wait_closed();
    wait_gone(&s);
    expect_told(BELL_CLOSED_BY_ENGINE, BELL_ETIMEOUT, alive_ms + IDLE_MS / 2);
    assert_int_equal(atomic_load(&errors), 1);
    assert_int_equal(atomic_load(&last_error), BELL_ETIMEOUT);
    bell_ws_stats stats;
    bell_ws_server_stats(s.ws, &stats);
    assert_int_equal(stats.timeouts, 1);
    peer_close(&p);
    service_finish(&s);
}

static void a_peer_that_answers_pings_lives(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    peer_frame f;
    start_with(&s, PATIENT_IDLE_MS, PATIENT_HTTP_MS);
    uint64_t alive_ms = now_ms();
    uint64_t end_ms = alive_ms + PATIENT_IDLE_MS + IDLE_MS; /* longer than a silent one has */
    open_websocket(&p, s.port);
    while (alive_ms < end_ms) {
        assert_true(peer_read_frame(&p, &f));
        assert_int_equal(f.first, 0x89);
        alive_ms = now_ms();
        peer_send_frame(&p, 10, BELL_LIT(""));
    }
    assert_int_equal(atomic_load(&closes), 0);
    /* And then vanishes. */
    network_cut();
    wait_closed();
    expect_told(BELL_CLOSED_BY_ENGINE, BELL_ETIMEOUT, alive_ms + PATIENT_IDLE_MS / 2);
    peer_close(&p);
    service_finish(&s);
}

/* What we send does not count as a sign of life, whatever room the kernel has for it. */
static void sending_to_a_peer_that_has_vanished_keeps_it_no_longer(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    start(&s);
    open_websocket(&p, s.port);
    network_cut();
    while (atomic_load(&closes) == 0) {
        bell_status st = bell_ws_send(s.ws, atomic_load(&opened), BELL_TEXT, BELL_LIT("there?"));
        assert_true(st == BELL_OK || st == BELL_ECLOSED);
        (void)usleep(5000);
    }
    wait_gone(&s);
    assert_int_equal(atomic_load(&closes), 1);
    assert_int_equal(atomic_load(&last_why), BELL_ETIMEOUT);
    peer_close(&p);
    service_finish(&s);
}

/* With more queued than the kernel takes: the end comes by time, before the limit of the queue. */
static void a_full_queue_does_not_keep_a_peer_that_has_vanished(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    static char large[3 << 20];
    start(&s);
    memset(large, 'x', sizeof large);
    open_websocket(&p, s.port);
    network_cut();
    assert_int_equal(
        bell_ws_send(s.ws, atomic_load(&opened), BELL_TEXT, bell_slice_make(large, sizeof large)),
        BELL_OK);
    wait_closed();
    wait_gone(&s);
    assert_int_equal(atomic_load(&closes), 1);
    assert_int_equal(atomic_load(&last_why), BELL_ETIMEOUT);
    peer_close(&p);
    service_finish(&s);
}

static void our_close_is_waited_for_as_long_as_was_set(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    start_with(&s, PATIENT_IDLE_MS, PATIENT_HTTP_MS);
    open_websocket(&p, s.port);
    network_cut();
    uint64_t begin_ms = now_ms();
    assert_int_equal(bell_ws_close(s.ws, atomic_load(&opened), 4000, BELL_LIT("bye")), BELL_OK);
    wait_closed();
    wait_gone(&s);
    expect_told(BELL_CLOSED_BY_US, BELL_ETIMEOUT, begin_ms + CLOSE_MS / 2);
    assert_int_equal(atomic_load(&errors), 0);
    peer_close(&p);
    service_finish(&s);
}

static void a_drain_waits_for_nobody_who_has_vanished(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    start(&s);
    open_websocket(&p, s.port);
    network_cut();
    bell_io_server_drain(s.io, 600000);
    bell_io_server_wait(s.io); /* by the close's time-out, not by that deadline */
    assert_int_equal(atomic_load(&closes), 1);
    assert_int_equal(atomic_load(&last_origin), BELL_CLOSED_BY_ENGINE);
    peer_close(&p);
    service_finish(&s);
}

/* ---- HTTP ---- */

static void requests_that_are_never_finished_are_let_go(void **state)
{
    (void)state;
    static const char *const BEGUN[] = {
        "",         /* connected, and no more */
        "GET / HT", /* a head */
        "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", /* a body */
        "GET /none HTTP/1.1\r\nHost: x\r\n\r\n",  /* kept after its answer */
        "GET /large HTTP/1.1\r\nHost: x\r\n\r\n", /* an answer nobody takes */
    };
    for (size_t i = 0; i < sizeof BEGUN / sizeof *BEGUN; i++) {
        struct service s;
        struct peer p;
        start_with(&s, IDLE_MS, HTTP_MS);
        peer_connect_small(&p, s.port);
        while (metrics(&s).opened == 0) {
            (void)sched_yield();
        }
        peer_send(&p, bell_slice_from(BEGUN[i]));
        network_cut();
        wait_gone(&s);
        peer_close(&p);
        service_finish(&s);
        assert_int_equal(network_mend(NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_peer_that_vanishes_is_closed_after_the_idle_timeout,
                                  network_mend),
        cmocka_unit_test_teardown(a_peer_that_answers_pings_lives, network_mend),
        cmocka_unit_test_teardown(sending_to_a_peer_that_has_vanished_keeps_it_no_longer,
                                  network_mend),
        cmocka_unit_test_teardown(a_full_queue_does_not_keep_a_peer_that_has_vanished,
                                  network_mend),
        cmocka_unit_test_teardown(our_close_is_waited_for_as_long_as_was_set, network_mend),
        cmocka_unit_test_teardown(a_drain_waits_for_nobody_who_has_vanished, network_mend),
        cmocka_unit_test_teardown(requests_that_are_never_finished_are_let_go, network_mend),
    };
    has_own_network = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && set_network(true);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
