/*
 * Retained values: who subscribes later gets the last message of a topic at once. And how many are
 * in a topic.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOPS = 3, PEERS = 12 };

static atomic_int wrongs;
static atomic_int last_status; /* of a subscription */
static atomic_int allocations_failed;

static void check(bool is_right)
{
    atomic_fetch_add(&wrongs, is_right ? 0 : 1);
}

static const bell_ws_publish_options RETAINED = {.is_retained = true};

static bell_status retain(struct bell_ws_server *ws, const char *topic, const char *text)
{
    return bell_ws_publish_with(ws, bell_slice_from(topic), BELL_TEXT, bell_slice_from(text),
                                &RETAINED);
}

static bell_status retain_keyed(struct bell_ws_server *ws, const char *topic, const char *text)
{
    const bell_ws_publish_options options = {.is_retained = true, .key = BELL_LIT("key")};
    return bell_ws_publish_with(ws, bell_slice_from(topic), BELL_TEXT, bell_slice_from(text),
                                &options);
}

/* "s TOPIC" subscribes, "u TOPIC" leaves, "f N" subscribes to t while the Nth allocation fails, "m"
 * does many things at once, "k" subscribes to a value with a key that is out of date at once, "w"
 * leaves and rejoins while a later message of the value's key waits, anything else comes back. */
static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    bell_slice rest = {m->data.p + 2, m->data.n < 2 ? 0 : m->data.n - 2};
    (void)user;
    if (m->data.p[0] == 's') {
        atomic_store(&last_status, (int)bell_ws_subscribe(ws, conn, rest));
    } else if (m->data.p[0] == 'u') {
        check(bell_ws_unsubscribe(ws, conn, rest) == BELL_OK);
    } else if (m->data.p[0] == 'f') {
        char text[8] = "";
        memcpy(text, rest.p, rest.n);
        bell_mem_fail_at(strtol(text, NULL, 10));
        atomic_store(&last_status, (int)bell_ws_subscribe(ws, conn, BELL_LIT("t")));
        atomic_store(&allocations_failed, bell_mem_failed());
        bell_mem_fail_at(0);
    } else if (m->data.p[0] == 'm') {
        check(retain(ws, "t", "first") == BELL_OK);
        check(retain(ws, "t", "second") == BELL_OK);
        check(bell_ws_subscribe(ws, conn, BELL_LIT("t")) == BELL_OK);
        check(bell_ws_subscribe(ws, conn, BELL_LIT("t")) == BELL_OK);
        check(bell_ws_send(ws, conn, BELL_TEXT, BELL_LIT("between")) == BELL_OK);
        check(retain(ws, "t", "third") == BELL_OK);
        const bell_ws_publish_options not_me = {.is_retained = true, .except = conn};
        check(bell_ws_publish_with(ws, BELL_LIT("t"), BELL_TEXT, BELL_LIT("fourth"), &not_me) ==
              BELL_OK);
        check(bell_ws_unsubscribe(ws, conn, BELL_LIT("t")) == BELL_OK);
        check(bell_ws_subscribe(ws, conn, BELL_LIT("t")) == BELL_OK);
    }
    if (m->data.p[0] == 'k') {
        check(bell_ws_subscribe(ws, conn, BELL_LIT("keyed")) == BELL_OK);
        check(bell_ws_subscribe(ws, conn, BELL_LIT("plain")) == BELL_OK);
        check(retain_keyed(ws, "keyed", "new") == BELL_OK);
        check(retain(ws, "plain", "plain new") == BELL_OK);
    }
    if (m->data.p[0] == 'w') {
        const bell_ws_publish_options passing = {.key = BELL_LIT("key")};
        check(bell_ws_subscribe(ws, conn, BELL_LIT("keyed")) == BELL_OK);
        check(bell_ws_publish_with(ws, BELL_LIT("keyed"), BELL_TEXT, BELL_LIT("passing"),
                                   &passing) == BELL_OK);
        check(bell_ws_unsubscribe(ws, conn, BELL_LIT("keyed")) == BELL_OK);
        check(bell_ws_subscribe(ws, conn, BELL_LIT("keyed")) == BELL_OK);
        if (m->data.n > 1) {
            check(retain_keyed(ws, "keyed", "new") == BELL_OK);
        }
    }
    check(bell_ws_send(ws, conn, m->type, m->data) == BELL_OK);
}

static void begin(struct service *s, const bell_ws_options *options, uint32_t loops)
{
    static const struct bell_component component = {.on_message = on_message};
    atomic_store(&wrongs, 0);
    service_init(s, NULL);
    service_add_websocket(s, &component, options);
    service_start(s, loops);
}

static void end(struct service *s)
{
    service_finish(s);
    assert_int_equal(atomic_load(&wrongs), 0);
}

static void open_ws(struct peer *p, const struct service *s)
{
    peer_connect(p, s->port);
    assert_int_equal(peer_upgrade(p, "/ws", ""), 101);
}

static void expect(struct peer *p, const char *text)
{
    static peer_frame f;
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, 0x81);
    f.payload[f.n] = '\0';
    assert_string_equal(f.payload, text);
}

/* Sends a command; what comes before its echo, in order: value, or nothing when that is NULL. */
static void command(struct peer *p, const char *text, const char *value)
{
    peer_send_frame(p, 1, bell_slice_from(text));
    if (value != NULL) {
        expect(p, value);
    }
    expect(p, text);
}

static bell_ws_stats stats_of(const struct service *s)
{
    bell_ws_stats stats;
    bell_ws_server_stats(s->ws, &stats);
    return stats;
}

static void a_retained_value_keeps_its_key(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, NULL, LOOPS);
    assert_int_equal(retain_keyed(s.ws, "keyed", "old"), BELL_OK);
    assert_int_equal(retain(s.ws, "plain", "plain old"), BELL_OK);
    open_ws(&p, &s);
    peer_send_frame(&p, 1, BELL_LIT("k"));
    expect(&p, "new");
    expect(&p, "plain old");
    expect(&p, "plain new");
    expect(&p, "k");
    assert_int_equal(stats_of(&s).replaced, 1);
    peer_close(&p);
    end(&s);
}

/* Runs when its loop has ended. */
static void retain_late(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    check(conn == 0);
    check(retain(ws, "late", "too late") == BELL_OK);
}

static void run_late(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    (void)conn;
    (void)e;
    (void)user;
    check(bell_ws_run(ws, 0, retain_late, NULL) == BELL_OK);
}

static void what_is_retained_when_loops_have_ended_is_freed(void **state)
{
    static const struct bell_component component = {.on_close = run_late};
    struct service s;
    static struct peer p;
    (void)state;
    for (uint32_t loops = 1; loops <= LOOPS; loops++) {
        atomic_store(&wrongs, 0);
        service_init(&s, NULL);
        service_add_websocket(&s, &component, NULL);
        service_start(&s, loops);
        open_ws(&p, &s);
        bell_io_server_stop(s.io);
        assert_int_equal(stats_of(&s).retained, 1);
        peer_close(&p);
        end(&s);
    }
}

static void a_value_takes_the_place_of_nothing_later(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, NULL, LOOPS);
    assert_int_equal(retain_keyed(s.ws, "keyed", "old"), BELL_OK);
    open_ws(&p, &s);
    peer_send_frame(&p, 1, BELL_LIT("w"));
    expect(&p, "passing"); /* in the place of the value that came with the first subscription */
    expect(&p, "old");
    expect(&p, "w");
    command(&p, "u keyed", NULL);
    peer_send_frame(&p, 1, BELL_LIT("w+"));
    expect(&p, "passing");
    expect(&p, "new"); /* in the place of the old one */
    expect(&p, "w+");
    peer_close(&p);
    end(&s);
}

static void later_subscribers_get_the_last_value_on_every_loop(void **state)
{
    (void)state;
    struct service s;
    static struct peer peers[PEERS];
    begin(&s, NULL, LOOPS);
    assert_int_equal(retain(s.ws, "t", "one"), BELL_OK);
    assert_int_equal(retain(s.ws, "t", "two"), BELL_OK);
    assert_int_equal(bell_ws_publish(s.ws, BELL_LIT("t"), BELL_TEXT, BELL_LIT("plain"), 0),
                     BELL_OK);
    for (int i = 0; i < PEERS; i++) {
        open_ws(&peers[i], &s);
        command(&peers[i], "s t", "two");
        command(&peers[i], "s t", NULL); /* it is in there */
        command(&peers[i], "s other", NULL);
        assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("t")), i + 1);
    }
    assert_int_equal(retain(s.ws, "t", "three"), BELL_OK);
    for (int i = 0; i < PEERS; i++) {
        expect(&peers[i], "three");
    }
    command(&peers[0], "u t", NULL);
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("t")), PEERS - 1);
    command(&peers[0], "s t", "three");
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("other")), PEERS);
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("none")), 0);
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("")), 0);
    for (int i = 0; i < PEERS; i++) {
        peer_close(&peers[i]);
    }
    while (bell_ws_topic_count(s.ws, BELL_LIT("t")) > 0) {
        (void)usleep(1000);
    }
    end(&s);
}

static void order_holds_within_one_callback(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, NULL, LOOPS);
    open_ws(&p, &s);
    peer_send_frame(&p, 1, BELL_LIT("m"));
    expect(&p, "second");
    expect(&p, "between");
    expect(&p, "third");
    expect(&p, "fourth"); /* by the second subscription only */
    expect(&p, "m");
    peer_close(&p);
    end(&s);
}

static void what_is_cleared_is_not_told(void **state)
{
    (void)state;
    struct service s;
    static struct peer peers[PEERS];
    begin(&s, NULL, LOOPS);
    assert_int_equal(bell_ws_clear_retained(s.ws, BELL_LIT("t")), BELL_ENOTFOUND);
    assert_int_equal(bell_ws_clear_retained(s.ws, BELL_LIT("")), BELL_EINVAL);
    assert_int_equal(retain(s.ws, "t", "one"), BELL_OK);
    assert_int_equal(retain(s.ws, "u", "stays"), BELL_OK);
    assert_int_equal(stats_of(&s).retained, 2);
    assert_int_equal(bell_ws_clear_retained(s.ws, BELL_LIT("t")), BELL_OK);
    assert_int_equal(bell_ws_clear_retained(s.ws, BELL_LIT("t")), BELL_ENOTFOUND);
    assert_int_equal(stats_of(&s).retained, 1);
    for (int i = 0; i < PEERS; i++) {
        open_ws(&peers[i], &s);
        command(&peers[i], "s t", NULL);
        command(&peers[i], "s u", "stays");
        peer_close(&peers[i]);
    }
    end(&s);
}

static void values_are_bounded_by_number(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.max_retained = 2;
    begin(&s, &o, 1);
    assert_int_equal(retain(s.ws, "a", "1"), BELL_OK);
    assert_int_equal(retain(s.ws, "b", "1"), BELL_OK);
    assert_int_equal(retain(s.ws, "c", "1"), BELL_ELIMIT);
    assert_int_equal(retain(s.ws, "b", "2"), BELL_OK);
    assert_int_equal(bell_ws_clear_retained(s.ws, BELL_LIT("a")), BELL_OK);
    assert_int_equal(retain(s.ws, "c", "2"), BELL_OK);
    assert_int_equal(retain(s.ws, "a", "2"), BELL_ELIMIT);
    open_ws(&p, &s);
    command(&p, "s a", NULL);
    command(&p, "s b", "2");
    command(&p, "s c", "2");
    assert_int_equal(retain(s.ws, "a", "3"), BELL_ELIMIT);
    command(&p, "x", NULL); /* nobody got it */
    peer_close(&p);
    end(&s);
}

static void values_are_bounded_by_bytes(void **state)
{
    (void)state;
    struct service s;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.max_retained_bytes = 20;
    begin(&s, &o, 2);
    assert_int_equal(retain(s.ws, "a", "123456789012345678"), BELL_ELIMIT); /* 1 + 2 + 18 */
    assert_int_equal(retain(s.ws, "a", "12345678901234567"), BELL_OK);
    assert_int_equal(stats_of(&s).retained_bytes, 20);
    assert_int_equal(retain(s.ws, "b", ""), BELL_ELIMIT);
    assert_int_equal(retain(s.ws, "a", "1234567"), BELL_OK);
    assert_int_equal(stats_of(&s).retained_bytes, 10);
    assert_int_equal(retain(s.ws, "b", "12345678"), BELL_ELIMIT);
    assert_int_equal(retain(s.ws, "b", "1234567"), BELL_OK);
    assert_int_equal(bell_ws_clear_retained(s.ws, BELL_LIT("a")), BELL_OK);
    assert_int_equal(stats_of(&s).retained_bytes, 10);
    end(&s);
}

static void without_an_io_server_nothing_is_retained(void **state)
{
    (void)state;
    static const struct bell_component component = {.on_message = on_message};
    struct bell_ws_server *ws;
    assert_int_equal(bell_ws_server_create(&component, NULL, &ws), BELL_OK);
    assert_int_equal(retain(ws, "t", "one"), BELL_ESTATE);
    assert_int_equal(bell_ws_clear_retained(ws, BELL_LIT("t")), BELL_ENOTFOUND);
    assert_int_equal(bell_ws_topic_count(ws, BELL_LIT("t")), 0);
    bell_ws_server_destroy(ws);
}

static void publishing_is_all_or_nothing_when_memory_ends(void **state)
{
    (void)state;
    struct service s;
    static struct peer peers[PEERS];
    int64_t nth = 0;
    bool failed;
    begin(&s, NULL, LOOPS);
    assert_int_equal(retain(s.ws, "t", "old"), BELL_OK);
    do {
        bell_mem_fail_at(++nth);
        bell_status st = retain(s.ws, "t", "new");
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_int_equal(st, failed ? BELL_ENOMEM : BELL_OK);
        for (int i = 0; i < PEERS; i++) {
            open_ws(&peers[i], &s);
            command(&peers[i], "s t", failed ? "old" : "new");
            peer_close(&peers[i]);
        }
        while (bell_ws_connection_count(s.ws) > 0) {
            (void)usleep(1000);
        }
    } while (failed);
    assert_true(nth > 3 + 2 * LOOPS);
    nth = 0;
    do {
        bell_mem_fail_at(++nth);
        bell_status st = bell_ws_clear_retained(s.ws, BELL_LIT("t"));
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_int_equal(st, failed ? BELL_ENOMEM : BELL_OK);
        assert_int_equal(stats_of(&s).retained, failed);
    } while (failed);
    assert_true(nth > 2 * LOOPS);
    end(&s);
}

static void subscribing_is_all_or_nothing_when_memory_ends(void **state)
{
    (void)state;
    static char large[3000];
    struct service s;
    static struct peer p;
    int nth = 0;
    memset(large, 'v', sizeof large - 1);
    begin(&s, NULL, 1);
    assert_int_equal(retain(s.ws, "t", large), BELL_OK);
    open_ws(&p, &s);
    do {
        char text[16];
        (void)snprintf(text, sizeof text, "f %d", ++nth);
        peer_send_frame(&p, 1, bell_slice_from(text));
        static peer_frame f;
        assert_true(peer_read_frame(&p, &f));
        if (atomic_load(&last_status) == BELL_OK) {
            assert_int_equal(f.n, sizeof large - 1);
            expect(&p, text);
        } else { /* not in it, and nothing was sent */
            assert_int_equal(atomic_load(&last_status), BELL_ENOMEM);
            assert_int_equal(f.n, strlen(text));
            assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("t")), 0);
        }
    } while (atomic_load(&allocations_failed));
    assert_true(nth > 2);
    peer_close(&p);
    end(&s);
}

static void a_value_is_compressed_once_for_all(void **state)
{
    (void)state;
    static char text[1000];
    struct service s;
    static struct peer p;
    static peer_frame f;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.deflate.is_enabled = true;
    memset(text, 'a', sizeof text - 1);
    begin(&s, &o, 1);
    assert_int_equal(retain(s.ws, "t", text), BELL_OK);
    for (int i = 0; i < 2; i++) {
        peer_connect(&p, s.port);
        assert_int_equal(
            peer_upgrade(&p, "/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n"), 101);
        peer_send_frame(&p, 1, BELL_LIT("s t"));
        assert_true(peer_read_frame(&p, &f));
        assert_int_equal(f.first, 0xc1);
        assert_true(f.n < 50);
        peer_close(&p);
    }
    end(&s);
}

/* ---- many threads ---- */

struct publisher {
    pthread_t thread;
    const struct service *service;
    int number;
};

enum { PUBLISHERS = 3, VALUES = 300 };

static void *publish_all(void *user)
{
    const struct publisher *p = user;
    for (int i = 0; i < VALUES; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d %d", p->number, i);
        check(retain(p->service->ws, "t", text) == BELL_OK);
        check(bell_ws_topic_count(p->service->ws, BELL_LIT("t")) <= PEERS);
        if (i % 50 == 0) {
            bell_status st = bell_ws_clear_retained(p->service->ws, BELL_LIT("t"));
            check(st == BELL_OK || st == BELL_ENOTFOUND);
        }
    }
    return NULL;
}

static void all_loops_end_with_the_same_value(void **state)
{
    (void)state;
    struct service s;
    static struct peer peers[PEERS];
    static peer_frame f;
    char last[32] = "";
    struct publisher publishers[PUBLISHERS];
    begin(&s, NULL, LOOPS);
    for (int i = 0; i < PUBLISHERS; i++) {
        publishers[i] = (struct publisher){.service = &s, .number = i};
        assert_int_equal(pthread_create(&publishers[i].thread, NULL, publish_all, &publishers[i]),
                         0);
    }
    for (int i = 0; i < PEERS; i++) {
        open_ws(&peers[i], &s);
        peer_send_frame(&peers[i], 1, BELL_LIT("s t"));
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        (void)pthread_join(publishers[i].thread, NULL);
    }
    while (bell_ws_topic_count(s.ws, BELL_LIT("t")) < PEERS) {
        (void)usleep(1000);
    }
    assert_int_equal(bell_ws_publish(s.ws, BELL_LIT("t"), BELL_TEXT, BELL_LIT("end"), 0), BELL_OK);
    /* The last that each has heard is what a new subscription is told. */
    for (int i = 0; i < PEERS; i++) {
        char heard[32] = "";
        do {
            assert_true(peer_read_frame(&peers[i], &f));
            f.payload[f.n] = '\0';
            if (f.payload[0] != 's' && f.payload[0] != 'e') {
                (void)snprintf(heard, sizeof heard, "%.20s", f.payload);
            }
        } while (strcmp(f.payload, "end") != 0);
        if (last[0] == '\0') {
            (void)snprintf(last, sizeof last, "%s", heard);
        }
        assert_string_equal(heard, last);
        command(&peers[i], "u t", NULL);
        command(&peers[i], "s t", last);
        peer_close(&peers[i]);
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_retained_value_keeps_its_key),
        cmocka_unit_test(a_value_takes_the_place_of_nothing_later),
        cmocka_unit_test(what_is_retained_when_loops_have_ended_is_freed),
        cmocka_unit_test(later_subscribers_get_the_last_value_on_every_loop),
        cmocka_unit_test(order_holds_within_one_callback),
        cmocka_unit_test(what_is_cleared_is_not_told),
        cmocka_unit_test(values_are_bounded_by_number),
        cmocka_unit_test(values_are_bounded_by_bytes),
        cmocka_unit_test(without_an_io_server_nothing_is_retained),
        cmocka_unit_test(publishing_is_all_or_nothing_when_memory_ends),
        cmocka_unit_test(subscribing_is_all_or_nothing_when_memory_ends),
        cmocka_unit_test(a_value_is_compressed_once_for_all),
        cmocka_unit_test(all_loops_end_with_the_same_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
