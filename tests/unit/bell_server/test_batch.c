/*
 * Messages for many that are published in one turn: they may go into queues together, and nobody
 * can tell. What is published within one callback waits until something else comes or it returns.
 */
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PEERS = 3,
    TOPICS = 2,
    STEPS = 300, /* of one callback: more than one batch can hold */
    LARGEST = 9000,
    ROUNDS = 40,
    NUMBER_BYTES = 4,
};

static const char *const NAMES[TOPICS] = {"news", "weather"};

struct expected {
    uint32_t number;
    uint32_t size;
};

/* What each peer must get, in order; written by the callback, read when the last has come. */
static struct expected expected[PEERS][STEPS + 1];
static size_t expected_count[PEERS];
static bool is_member[PEERS][TOPICS];
static bell_conn conns[PEERS];
static atomic_int opens;
static atomic_bool is_done;
static atomic_int wrongs;
static atomic_int closes;

static void check(bool is_right)
{
    atomic_fetch_add(&wrongs, is_right ? 0 : 1);
}

static uint32_t random_below(uint32_t limit)
{
    static uint32_t seed = 12345;
    seed = seed * 1664525U + 1013904223U;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

static bell_slice message_of(uint32_t number, uint32_t size)
{
    static char bytes[LARGEST];
    memset(bytes, (int)number, size);
    memcpy(bytes, &number, NUMBER_BYTES);
    return bell_slice_make(bytes, size);
}

static void expect(size_t peer, uint32_t number, uint32_t size)
{
    expected[peer][expected_count[peer]++] = (struct expected){number, size};
}

static void publish(struct bell_ws_server *ws, size_t topic, bell_conn except, uint32_t number,
                    uint32_t size)
{
    check(bell_ws_publish(ws, bell_slice_from(NAMES[topic]), BELL_BINARY, message_of(number, size),
                          except) == BELL_OK);
    for (size_t i = 0; i < PEERS; i++) {
        if (is_member[i][topic] && conns[i] != except) {
            expect(i, number, size);
        }
    }
}

static void broadcast(struct bell_ws_server *ws, bell_conn except, uint32_t number, uint32_t size)
{
    check(bell_ws_broadcast(ws, BELL_BINARY, message_of(number, size), except) == BELL_OK);
    for (size_t i = 0; i < PEERS; i++) {
        if (conns[i] != except) {
            expect(i, number, size);
        }
    }
}

static void change_membership(struct bell_ws_server *ws, size_t peer, size_t topic)
{
    bell_slice name = bell_slice_from(NAMES[topic]);
    check((is_member[peer][topic] ? bell_ws_unsubscribe(ws, conns[peer], name)
                                  : bell_ws_subscribe(ws, conns[peer], name)) == BELL_OK);
    is_member[peer][topic] = !is_member[peer][topic];
}

static uint32_t some_size(void)
{
    uint32_t dice = random_below(20);
    uint32_t most = dice == 0 ? LARGEST : dice < 4 ? 2000 : 60;
    return NUMBER_BYTES + random_below(most - NUMBER_BYTES);
}

/* Many of the same kind in a row, which is what batches are for, and then something else. */
static void do_anything(struct bell_ws_server *ws)
{
    uint32_t number = 0;
    while (number < STEPS) {
        uint32_t what = random_below(10);
        size_t peer = random_below(PEERS);
        size_t topic = random_below(TOPICS);
        bell_conn except = random_below(2) == 0 ? 0 : conns[peer];
        uint32_t run = 1 + random_below(random_below(4) == 0 ? 150 : 10);
        for (; run > 0 && number < STEPS; run--, number++) {
            if (what < 6) {
                publish(ws, topic, except, number, some_size());
            } else if (what < 8) {
                broadcast(ws, except, number, some_size());
            } else if (what < 9) {
                uint32_t size = some_size();
                check(bell_ws_send(ws, conns[peer], BELL_BINARY, message_of(number, size)) ==
                      BELL_OK);
                expect(peer, number, size);
            } else {
                change_membership(ws, peer, topic);
            }
        }
    }
}

static void on_open(struct bell_ws_server *ws, bell_conn conn, const struct bell_http_request *r,
                    void *user)
{
    (void)r;
    (void)user;
    int i = atomic_load(&opens);
    conns[i] = conn;
    for (size_t topic = 0; topic < TOPICS; topic++) {
        check(bell_ws_subscribe(ws, conn, bell_slice_from(NAMES[topic])) == BELL_OK);
        is_member[i][topic] = true;
    }
    atomic_store(&opens, i + 1);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    (void)ws;
    (void)conn;
    (void)e;
    (void)user;
    atomic_fetch_add(&closes, 1);
}

static void begin(struct service *s, struct peer *peers, const struct bell_component *component,
                  const bell_ws_options *options)
{
    atomic_store(&opens, 0);
    atomic_store(&wrongs, 0);
    atomic_store(&closes, 0);
    service_init(s, NULL);
    service_add_websocket(s, component, options);
    service_start(s, 1);
    for (size_t i = 0; i < PEERS; i++) {
        expected_count[i] = 0;
        peer_connect(&peers[i], s->port);
        assert_int_equal(peer_upgrade(&peers[i], "/ws", ""), 101);
        /* on_open has run once its answer to a Ping is there. */
        static peer_frame f;
        peer_send_frame(&peers[i], 9, BELL_LIT(""));
        assert_true(peer_read_frame(&peers[i], &f));
        assert_int_equal(f.first, 0x8a);
    }
}

static void end(struct service *s, struct peer *peers)
{
    assert_int_equal(atomic_load(&wrongs), 0);
    bell_io_server_stop(s->io);
    for (size_t i = 0; i < PEERS; i++) {
        peer_close(&peers[i]);
    }
    service_finish(s);
}

/* Lets the first peer set the callback off, and waits until it has returned. */
static void set_off(struct peer *peers)
{
    atomic_store(&is_done, false);
    peer_send_frame(&peers[0], 2, BELL_LIT("go"));
    for (int i = 0; !atomic_load(&is_done); i++) {
        assert_true(i < 100000);
        (void)usleep(100);
    }
}

static void expect_at(struct peer *p, const struct expected *e)
{
    static peer_frame f;
    uint32_t number;
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, 0x82);
    assert_in_range(f.n, NUMBER_BYTES, LARGEST);
    memcpy(&number, f.payload, sizeof number);
    assert_int_equal(number, e->number);
    assert_int_equal(f.n, e->size);
    for (size_t at = NUMBER_BYTES; at < f.n; at++) {
        assert_int_equal((uint8_t)f.payload[at], (uint8_t)number);
    }
}

/* Everything that is expected comes, in order, and nothing else. */
static void expect_all(struct peer *peers)
{
    for (size_t i = 0; i < PEERS; i++) {
        static peer_frame f;
        for (size_t n = 0; n < expected_count[i]; n++) {
            expect_at(&peers[i], &expected[i][n]);
        }
        peer_send_frame(&peers[i], 9, BELL_LIT("more?"));
        assert_true(peer_read_frame(&peers[i], &f));
        assert_int_equal(f.first, 0x8a);
    }
}

/* In a callback: what the main thread did before set_off is over. */
static void expect_nothing_yet(void)
{
    check(!atomic_load(&is_done));
    memset(expected_count, 0, sizeof expected_count);
}

/* ---- order and membership ---- */

static void anything(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)conn;
    (void)m;
    (void)user;
    expect_nothing_yet();
    do_anything(ws);
    atomic_store(&is_done, true);
}

static void everybody_gets_what_is_theirs_in_order(void **state)
{
    (void)state;
    static const struct bell_component component = {.on_open = on_open, .on_message = anything};
    static struct peer peers[PEERS];
    struct service s;
    begin(&s, peers, &component, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        set_off(peers);
        expect_all(peers);
    }
    end(&s, peers);
}

/* ---- limits ---- */

enum { MOST = 5 };

static atomic_uint published;

/* With MOST in the queue the next is dropped: as if each had been published alone. */
static void publish_some(struct bell_ws_server *ws, bell_conn conn, const bell_message *m,
                         void *user)
{
    (void)conn;
    (void)m;
    (void)user;
    uint32_t count = atomic_load(&published);
    expect_nothing_yet();
    for (uint32_t number = 0; number < count; number++) {
        check(bell_ws_publish(ws, bell_slice_from(NAMES[0]), BELL_BINARY, message_of(number, 50),
                              0) == BELL_OK);
        for (size_t i = 0; i < PEERS && number < MOST; i++) {
            expect(i, number, 50);
        }
    }
    atomic_store(&is_done, true);
}

static void a_queue_takes_as_many_as_it_may(bell_ws_options o)
{
    static const struct bell_component component = {.on_open = on_open, .on_message = publish_some};
    static struct peer peers[PEERS];
    struct service s;
    o.queue.overflow = BELL_OVERFLOW_DROP_NEWEST;
    begin(&s, peers, &component, &o);
    uint64_t dropped = 0;
    for (uint32_t count = MOST - 1; count <= MOST + 2; count++) {
        atomic_store(&published, count);
        set_off(peers);
        expect_all(peers);
        bell_ws_stats stats;
        bell_ws_server_stats(s.ws, &stats);
        dropped += count > MOST ? (count - MOST) * PEERS : 0;
        assert_int_equal(stats.dropped, dropped);
    }
    end(&s, peers);
}

static void a_queue_takes_as_many_messages_as_it_may(void **state)
{
    (void)state;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_messages = MOST;
    a_queue_takes_as_many_as_it_may(o);
}

static void a_queue_takes_as_many_bytes_as_it_may(void **state)
{
    (void)state;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = (size_t)MOST * (50 + 2); /* a head of 2 bytes */
    a_queue_takes_as_many_as_it_may(o);
}

/* ---- memory ---- */

static atomic_int nth;

static void publish_with_little_memory(struct bell_ws_server *ws, bell_conn conn,
                                       const bell_message *m, void *user)
{
    enum { MESSAGES = 4 };
    (void)m;
    (void)user;
    expect_nothing_yet();
    bell_mem_fail_at(atomic_load(&nth));
    for (uint32_t number = 0; number < MESSAGES; number++) {
        if (bell_ws_publish(ws, bell_slice_from(NAMES[0]), BELL_BINARY, message_of(number, 600),
                            0) == BELL_OK) {
            for (size_t i = 0; i < PEERS; i++) {
                expect(i, number, 600);
            }
        }
    }
    check(bell_ws_queued_bytes(ws, conn) == expected_count[0] * (600 + 4)); /* they are queued */
    bell_mem_fail_at(0);
    atomic_store(&is_done, true);
}

static void one_failed_allocation_costs_one_message_at_most(void **state)
{
    (void)state;
    static const struct bell_component component = {
        .on_open = on_open, .on_message = publish_with_little_memory, .on_close = on_close};
    static struct peer peers[PEERS];
    struct service s;
    begin(&s, peers, &component, NULL);
    for (int i = 1; i < 16; i++) {
        atomic_store(&nth, i);
        set_off(peers);
        expect_all(peers);
        assert_true(expected_count[0] >= 3);
    }
    assert_int_equal(atomic_load(&closes), 0);
    end(&s, peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_gets_what_is_theirs_in_order),
        cmocka_unit_test(a_queue_takes_as_many_messages_as_it_may),
        cmocka_unit_test(a_queue_takes_as_many_bytes_as_it_may),
        cmocka_unit_test(one_failed_allocation_costs_one_message_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
