/*
 * The I/O server's own promises: who may start, wait and stop, and what belongs to whom.
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
#include <stdatomic.h>

static void *run(void *user)
{
    static bell_status st;
    st = bell_io_server_run(user);
    return &st;
}

static void *stop(void *user)
{
    bell_io_server_stop(user);
    return NULL;
}

static void make(struct service *s, const struct bell_component *component)
{
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = 2;
    service_init(s, NULL);
    service_add_websocket(s, component, NULL);
    assert_int_equal(bell_io_server_create(s->http, &options, &s->io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s->io, "127.0.0.1:0"), BELL_OK);
    s->port = bell_io_server_port(s->io, 0);
}

static const struct bell_component NOTHING = {0};

static void one_thread_may_stop_what_others_run_and_wait_for(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct service s;
        pthread_t runner;
        pthread_t stopper;
        struct peer p;
        void *result;
        make(&s, &NOTHING);
        assert_int_equal(pthread_create(&runner, NULL, run, s.io), 0);
        peer_connect(&p, s.port);
        assert_int_equal(peer_upgrade(&p, "/ws", ""), 101); /* now it runs */
        assert_int_equal(pthread_create(&stopper, NULL, stop, s.io), 0);
        bell_io_server_stop(s.io);
        assert_int_equal(pthread_join(stopper, NULL), 0);
        assert_int_equal(pthread_join(runner, &result), 0);
        assert_int_equal(*(bell_status *)result, BELL_OK);
        peer_close(&p);
        service_finish(&s);
    }
}

static void a_stop_or_drain_before_the_start_counts(void **state)
{
    (void)state;
    struct service s;
    make(&s, &NOTHING);
    bell_io_server_stop(s.io);
    assert_int_equal(bell_io_server_run(s.io), BELL_OK);
    assert_int_equal(bell_io_server_start(s.io), BELL_ESTATE);
    service_finish(&s);
    make(&s, &NOTHING);
    bell_io_server_drain(s.io, 10000);
    assert_int_equal(bell_io_server_run(s.io), BELL_OK);
    service_finish(&s);
}

static void parts_belong_to_one_io_server(void **state)
{
    (void)state;
    struct service s;
    struct bell_http_server *other;
    struct bell_io_server *second;
    make(&s, &NOTHING);
    assert_int_equal(bell_io_server_create(s.http, NULL, &second), BELL_ESTATE);
    assert_int_equal(bell_http_server_create(NULL, &other), BELL_OK);
    assert_int_equal(bell_http_server_websocket(other, "/ws", s.ws), BELL_OK);
    assert_int_equal(bell_io_server_create(other, NULL, &second), BELL_ESTATE);
    bell_http_server_destroy(other);
    assert_int_equal(bell_http_server_create(NULL, &other), BELL_OK);
    assert_int_equal(bell_io_server_create(other, NULL, &second), BELL_OK);
    assert_int_equal(bell_http_server_websocket(other, "/ws", s.ws), BELL_ESTATE);
    bell_io_server_destroy(second);
    bell_http_server_destroy(other);
    /* The first one has not noticed. */
    struct peer p;
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    peer_connect(&p, s.port);
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    peer_close(&p);
    service_finish(&s);
}

/* One more request on a connection: is it answered? Else it was closed. */
static bool is_served(struct peer *p)
{
    char body[64];
    peer_send(p, BELL_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    return read_answer(p, body, sizeof body) != 0;
}

static void nobody_is_taken_in_above_max_connections(void **state)
{
    enum { MOST = 5, FLOOD = 300 };
    static struct peer peers[MOST];
    static struct peer p;
    struct service s;
    bell_io_options options;
    (void)state;
    bell_io_options_init(&options);
    options.threads = 2;
    options.max_connections = MOST;
    service_init(&s, NULL);
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    s.port = bell_io_server_port(s.io, 0);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    for (size_t i = 0; i < MOST; i++) {
        peer_connect(&peers[i], s.port);
        assert_true(is_served(&peers[i]));
    }
    for (int i = 0; i < FLOOD; i++) {
        peer_connect(&p, s.port);
        assert_false(is_served(&p));
        peer_close(&p);
    }
    for (size_t i = 0; i < MOST; i++) {
        assert_true(is_served(&peers[i]));
    }
    /* As one leaves there is room for one. */
    peer_close(&peers[0]);
    do {
        peer_connect(&peers[0], s.port);
        if (is_served(&peers[0])) {
            break;
        }
        peer_close(&peers[0]);
    } while (true);
    peer_connect(&p, s.port);
    assert_false(is_served(&p));
    peer_close(&p);
    for (size_t i = 0; i < MOST; i++) {
        assert_true(is_served(&peers[i]));
        peer_close(&peers[i]);
    }
    service_finish(&s);
}

static void answer(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)user;
    assert_int_equal(bell_ws_send(ws, conn, m->type, m->data), BELL_OK);
}

/* Messages quickly one after the other, then silence in which a timer must still fire, and a word
 * from another thread. */
static void a_loop_that_spins_misses_nothing(void **state)
{
    (void)state;
    const struct bell_component component = {.on_message = answer};
    struct service s;
    struct peer p;
    peer_frame f;
    bell_io_options options;
    bell_ws_options ws;
    bell_io_options_init(&options);
    bell_ws_options_init(&ws);
    options.threads = 1;
    options.spin_us = 1001;
    ws.heartbeat_ms = 100;
    service_init(&s, NULL);
    service_add_websocket(&s, &component, &ws);
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_EINVAL);
    options.spin_us = 1000;
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    peer_connect(&p, bell_io_server_port(s.io, 0));
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 500;) {
            peer_send_frame(&p, 1, BELL_LIT("hello"));
            do { /* a Ping may come in between */
                assert_true(peer_read_frame(&p, &f));
            } while (f.first == 0x89);
            assert_int_equal(f.first, 0x81);
            i++;
        }
        assert_true(peer_read_frame(&p, &f)); /* its timer */
        assert_int_equal(f.first, 0x89);
        assert_int_equal(bell_ws_broadcast(s.ws, BELL_TEXT, BELL_LIT("all"), 0), BELL_OK);
        do {
            assert_true(peer_read_frame(&p, &f));
        } while (f.first == 0x89);
        assert_int_equal(f.first, 0x81);
    }
    peer_close(&p);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_may_stop_what_others_run_and_wait_for),
        cmocka_unit_test(a_stop_or_drain_before_the_start_counts),
        cmocka_unit_test(nobody_is_taken_in_above_max_connections),
        cmocka_unit_test(parts_belong_to_one_io_server),
        cmocka_unit_test(a_loop_that_spins_misses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
