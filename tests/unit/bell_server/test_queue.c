/*
 * Queues of receivers: what becomes of messages at the limit, replaced ones, marks, counters. What
 * is sent within one callback waits until it returns, so that limits are met exactly.
 */
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*act_fn)(struct bell_ws_server *ws, bell_conn conn);

static _Atomic(act_fn) act; /* on a message */
static atomic_int wrongs;
static atomic_int drains;
static atomic_size_t drained_at_bytes;
static atomic_int closes;
static atomic_int close_code;
static atomic_int close_why;

static void check(bool is_right)
{
    atomic_fetch_add(&wrongs, is_right ? 0 : 1);
}

static void on_open(struct bell_ws_server *ws, bell_conn conn, const struct bell_http_request *r,
                    void *user)
{
    (void)r;
    (void)user;
    check(bell_ws_subscribe(ws, conn, BELL_LIT("news")) == BELL_OK);
    check(bell_ws_subscribe(ws, conn, BELL_LIT("more")) == BELL_OK);
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)m;
    (void)user;
    atomic_load (&act)(ws, conn);
}

static void on_drain(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    atomic_store(&drained_at_bytes, bell_ws_queued_bytes(ws, conn));
    atomic_fetch_add(&drains, 1);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    atomic_store(&close_code, e->code);
    atomic_store(&close_why, (int)e->why);
    atomic_fetch_add(&closes, 1);
}

static const struct bell_component COMPONENT = {
    .on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_close = on_close};

static void begin(struct service *s, const bell_ws_options *options)
{
    atomic_store(&wrongs, 0);
    atomic_store(&drains, 0);
    atomic_store(&closes, 0);
    service_init(s, NULL);
    service_add_websocket(s, &COMPONENT, options);
    service_start(s, 1);
}

static void open_ws(struct peer *p, const struct service *s)
{
    peer_connect(p, s->port);
    assert_int_equal(peer_upgrade(p, "/ws", ""), 101);
}

static void do_it(struct peer *p, act_fn what)
{
    atomic_store(&act, what);
    peer_send_frame(p, 2, BELL_LIT(""));
}

static void expect(struct peer *p, const char *text)
{
    static peer_frame f;
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, 0x81);
    f.payload[f.n] = '\0';
    assert_string_equal(f.payload, text);
}

static void expect_all(struct peer *p, const char *const *texts)
{
    for (; *texts != NULL; texts++) {
        expect(p, *texts);
    }
}

#define EXPECT(p, ...) expect_all(p, (const char *const[]){__VA_ARGS__, NULL})

static bell_ws_stats stats_of(const struct service *s)
{
    bell_ws_stats stats;
    bell_ws_server_stats(s->ws, &stats);
    return stats;
}

static void end(struct peer *p, struct service *s)
{
    peer_close(p);
    service_finish(s);
    assert_int_equal(atomic_load(&wrongs), 0);
}

static bell_status send_text(struct bell_ws_server *ws, bell_conn conn, const char *text)
{
    return bell_ws_send(ws, conn, BELL_TEXT, bell_slice_from(text));
}

/* A queue of so many messages. */
static bell_ws_options options_with(bell_ws_overflow overflow, uint32_t max_messages)
{
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.overflow = overflow;
    o.queue.max_messages = max_messages;
    return o;
}

/* ---- drop newest ---- */

static void send_five(struct bell_ws_server *ws, bell_conn conn)
{
    check(send_text(ws, conn, "1") == BELL_OK);
    check(send_text(ws, conn, "2") == BELL_OK);
    check(send_text(ws, conn, "3") == BELL_OK);
    check(send_text(ws, conn, "4") == BELL_EAGAIN);
    check(send_text(ws, conn, "5") == BELL_EAGAIN);
}

static void drops_the_newest_at_the_limit_of_messages(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_ws_options o = options_with(BELL_OVERFLOW_DROP_NEWEST, 3);
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_five);
    EXPECT(&p, "1", "2", "3");
    do_it(&p, send_five); /* and goes on */
    EXPECT(&p, "1", "2", "3");
    assert_int_equal(stats_of(&s).dropped, 4);
    assert_int_equal(stats_of(&s).slow_receivers, 0);
    end(&p, &s);
}

static const char fifty[] = "A23456789012345678901234567890123456789012345678";

/* A frame of 50 bytes each. */
static void send_two_of_fifty(struct bell_ws_server *ws, bell_conn conn)
{
    check(send_text(ws, conn, fifty) == BELL_OK);
    check(bell_ws_publish(ws, BELL_LIT("news"), BELL_TEXT, bell_slice_from(fifty), 0) == BELL_OK);
    check(send_text(ws, conn, "end") == BELL_OK);
}

static void drops_the_oldest_at_the_limit_of_bytes(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_ws_options o = options_with(BELL_OVERFLOW_DROP_OLDEST, 100);
    o.queue.max_bytes = 106; /* "end" has five bytes more than two of fifty */
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_two_of_fifty);
    EXPECT(&p, fifty, fifty, "end");
    assert_int_equal(stats_of(&s).dropped, 0);
    end(&p, &s);
    o.queue.max_bytes = 105;
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_two_of_fifty);
    EXPECT(&p, fifty, fifty, "end");
    assert_int_equal(stats_of(&s).dropped, 0);
    end(&p, &s);
    o.queue.max_bytes = 104;
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_two_of_fifty);
    EXPECT(&p, fifty, "end");
    assert_int_equal(stats_of(&s).dropped, 1);
    end(&p, &s);
}

static void send_many_and_one_too_large(struct bell_ws_server *ws, bell_conn conn)
{
    static char large[200];
    memset(large, 'x', sizeof large - 1);
    for (int i = 0; i < 10; i++) {
        char text[4];
        (void)snprintf(text, sizeof text, "%d", i);
        check(send_text(ws, conn, text) == BELL_OK);
    }
    /* It would not fit in any case: nothing is given up for it. */
    check(send_text(ws, conn, large) == BELL_EAGAIN);
}

static void drops_the_oldest_at_the_limit_of_messages(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_ws_options o = options_with(BELL_OVERFLOW_DROP_OLDEST, 4);
    o.queue.max_bytes = 100;
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_many_and_one_too_large);
    EXPECT(&p, "6", "7", "8", "9");
    assert_int_equal(stats_of(&s).dropped, 7);
    end(&p, &s);
}

/* ---- close ---- */

static void send_too_many(struct bell_ws_server *ws, bell_conn conn)
{
    check(send_text(ws, conn, "1") == BELL_OK);
    check(send_text(ws, conn, "2") == BELL_OK);
    check(send_text(ws, conn, "3") == BELL_ELIMIT);
    check(send_text(ws, conn, "4") == BELL_ECLOSED);
}

static void closes_with_the_code_of_the_queue(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    static peer_frame f;
    bell_ws_options o = options_with(BELL_OVERFLOW_DEFAULT, 2);
    o.queue.close_code = 4000;
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_too_many);
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x0f\xa0", 2);
    assert_int_equal(peer_read_to_end(&p), 0);
    end(&p, &s);
    assert_int_equal(atomic_load(&close_code), 4000);
    assert_int_equal(atomic_load(&close_why), BELL_ELIMIT);
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_too_many);
    (void)peer_read_to_end(&p);
    assert_int_equal(stats_of(&s).slow_receivers, 1);
    assert_int_equal(stats_of(&s).dropped, 0);
    end(&p, &s);
}

static bell_status publish(struct bell_ws_server *ws, const char *topic, const char *key,
                           bell_ws_overflow overflow, const char *text)
{
    const bell_ws_publish_options options = {.key = bell_slice_from(key), .overflow = overflow};
    return bell_ws_publish_with(ws, bell_slice_from(topic), BELL_TEXT, bell_slice_from(text),
                                &options);
}

static void send_with_what_may_be_given_up(struct bell_ws_server *ws, bell_conn conn)
{
    check(send_text(ws, conn, "1") == BELL_OK);
    check(publish(ws, "news", "", BELL_OVERFLOW_DROP_OLDEST, "a") == BELL_OK);
    check(publish(ws, "news", "", BELL_OVERFLOW_DROP_OLDEST, "b") == BELL_OK);
    check(send_text(ws, conn, "2") == BELL_OK); /* full */
    check(publish(ws, "news", "", BELL_OVERFLOW_DROP_NEWEST, "c") == BELL_OK);
    check(publish(ws, "news", "", BELL_OVERFLOW_DROP_OLDEST, "d") == BELL_OK); /* a goes */
    check(send_text(ws, conn, "3") == BELL_OK);                                /* b goes */
    check(send_text(ws, conn, "4") == BELL_OK);                                /* d goes */
    check(publish(ws, "news", "", BELL_OVERFLOW_DROP_OLDEST, "e") == BELL_OK); /* itself */
}

static void what_may_be_given_up_goes_before_the_receiver_does(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_ws_options o = options_with(BELL_OVERFLOW_CLOSE, 4);
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_with_what_may_be_given_up);
    EXPECT(&p, "1", "2", "3", "4");
    assert_int_equal(stats_of(&s).dropped, 5);
    assert_int_equal(stats_of(&s).slow_receivers, 0);
    do_it(&p, send_with_what_may_be_given_up);
    EXPECT(&p, "1", "2", "3", "4");
    end(&p, &s);
}

/* ---- keys ---- */

static void publish_with_keys(struct bell_ws_server *ws, bell_conn conn)
{
    check(publish(ws, "news", "k1", BELL_OVERFLOW_DEFAULT, "k1 old") == BELL_OK);
    check(publish(ws, "news", "k2", BELL_OVERFLOW_DEFAULT, "k2") == BELL_OK);
    check(publish(ws, "more", "k1", BELL_OVERFLOW_DEFAULT, "other k1") == BELL_OK);
    check(send_text(ws, conn, "plain") == BELL_OK);
    check(publish(ws, "news", "k1", BELL_OVERFLOW_DEFAULT, "k1 new and longer") == BELL_OK);
    check(publish(ws, "news", "k3", BELL_OVERFLOW_DEFAULT, "k3") == BELL_OK);
    check(publish(ws, "news", "", BELL_OVERFLOW_DEFAULT, "none") == BELL_OK);
    check(publish(ws, "news", "", BELL_OVERFLOW_DEFAULT, "none") == BELL_OK);
}

static void the_latest_of_a_key_takes_the_place_of_the_one_that_waits(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, NULL);
    open_ws(&p, &s);
    for (int i = 0; i < 3; i++) { /* what was sent is not replaced */
        do_it(&p, publish_with_keys);
        EXPECT(&p, "k1 new and longer", "k2", "other k1", "plain", "k3", "none", "none");
    }
    assert_int_equal(stats_of(&s).replaced, 3);
    const bell_ws_publish_options bad = {.overflow = (bell_ws_overflow)4};
    assert_int_equal(bell_ws_publish_with(s.ws, BELL_LIT("news"), BELL_TEXT, BELL_LIT("x"), &bad),
                     BELL_EINVAL);
    assert_int_equal(bell_ws_publish_with(s.ws, BELL_LIT("news"), BELL_TEXT, BELL_LIT("all"), NULL),
                     BELL_OK);
    EXPECT(&p, "all");
    end(&p, &s);
}

static bell_status send_with(struct bell_ws_server *ws, bell_conn conn, const char *key,
                             bell_ws_overflow overflow, const char *text)
{
    const bell_ws_send_options options = {.key = bell_slice_from(key), .overflow = overflow};
    return bell_ws_send_with(ws, conn, BELL_TEXT, bell_slice_from(text), &options);
}

static void send_with_keys(struct bell_ws_server *ws, bell_conn conn)
{
    check(send_with(ws, conn, "k1", BELL_OVERFLOW_DEFAULT, "k1 old") == BELL_OK);
    check(publish(ws, "news", "k1", BELL_OVERFLOW_DEFAULT, "news k1") == BELL_OK);
    check(send_text(ws, conn, "plain") == BELL_OK);
    check(send_with(ws, conn, "k2", BELL_OVERFLOW_DEFAULT, "k2") == BELL_OK);
    check(send_with(ws, conn, "k1", BELL_OVERFLOW_DEFAULT, "k1 new and longer") == BELL_OK);
    check(send_with(ws, conn, "", BELL_OVERFLOW_DEFAULT, "none") == BELL_OK);
    check(bell_ws_send_with(ws, conn, BELL_TEXT, BELL_LIT("none"), NULL) == BELL_OK);
    check(send_with(ws, conn, "", (bell_ws_overflow)4, "x") == BELL_EINVAL);
    check(send_with(ws, conn, "", BELL_OVERFLOW_DROP_NEWEST, "\xff") == BELL_EINVAL);
    check(send_with(ws, 0, "", BELL_OVERFLOW_DROP_NEWEST, "x") == BELL_ECLOSED);
}

static void what_is_sent_to_one_may_have_keys_too(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, NULL);
    open_ws(&p, &s);
    for (int i = 0; i < 3; i++) {
        do_it(&p, send_with_keys);
        EXPECT(&p, "k1 new and longer", "news k1", "plain", "k2", "none", "none");
    }
    assert_int_equal(stats_of(&s).replaced, 3);
    end(&p, &s);
}

static void send_with_overflows(struct bell_ws_server *ws, bell_conn conn)
{
    check(send_text(ws, conn, "1") == BELL_OK);
    check(send_with(ws, conn, "", BELL_OVERFLOW_DROP_OLDEST, "a") == BELL_OK); /* full */
    check(send_with(ws, conn, "", BELL_OVERFLOW_DROP_NEWEST, "b") == BELL_EAGAIN);
    check(send_with(ws, conn, "", BELL_OVERFLOW_DROP_OLDEST, "c") == BELL_OK); /* a goes */
    check(send_text(ws, conn, "2") == BELL_OK);                                /* c goes */
    check(send_with(ws, conn, "", BELL_OVERFLOW_DROP_OLDEST, "d") == BELL_EAGAIN);
}

static void what_is_sent_to_one_may_be_given_up(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_ws_options o = options_with(BELL_OVERFLOW_CLOSE, 2);
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_with_overflows);
    EXPECT(&p, "1", "2");
    assert_int_equal(stats_of(&s).dropped, 4);
    assert_int_equal(stats_of(&s).slow_receivers, 0);
    end(&p, &s);
}

static atomic_uint_fast64_t known;
static atomic_bool has_sent;

static void wait_for_sender(struct bell_ws_server *ws, bell_conn conn)
{
    (void)ws;
    atomic_store(&known, conn);
    while (!atomic_load(&has_sent)) {
        (void)usleep(100);
    }
}

static void keys_travel_from_other_threads(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, NULL);
    open_ws(&p, &s);
    atomic_store(&known, 0);
    atomic_store(&has_sent, false);
    do_it(&p, wait_for_sender);
    while (atomic_load(&known) == 0) {
        (void)usleep(100);
    }
    bell_conn conn = atomic_load(&known);
    /* All wait in the mailbox, and are taken from it in one turn. */
    assert_int_equal(send_with(s.ws, conn, "k", BELL_OVERFLOW_DEFAULT, "old"), BELL_OK);
    assert_int_equal(send_text(s.ws, conn, "plain"), BELL_OK);
    assert_int_equal(send_with(s.ws, conn, "k", BELL_OVERFLOW_DEFAULT, "new"), BELL_OK);
    atomic_store(&has_sent, true);
    EXPECT(&p, "new", "plain");
    assert_int_equal(stats_of(&s).replaced, 1);
    end(&p, &s);
}

/* ---- topics ---- */

static void publish_to_topics_of_kinds(struct bell_ws_server *ws, bell_conn conn)
{
    check(publish(ws, "more", "", BELL_OVERFLOW_DEFAULT, "older") == BELL_OK);
    check(publish(ws, "more", "", BELL_OVERFLOW_DEFAULT, "latest") == BELL_OK);
    check(publish(ws, "more", "k", BELL_OVERFLOW_DEFAULT, "of a key") == BELL_OK);
    check(publish(ws, "news", "", BELL_OVERFLOW_DEFAULT, "a") == BELL_OK); /* full */
    check(publish(ws, "news", "", BELL_OVERFLOW_DROP_NEWEST, "dropped") == BELL_OK);
    check(bell_ws_publish(ws, BELL_LIT("news"), BELL_TEXT, BELL_LIT("b"), 0) == BELL_OK);
    check(send_text(ws, conn, "plain") == BELL_OK); /* b goes, as a did for b */
}

static void a_topic_says_what_becomes_of_its_messages(void **state)
{
    (void)state;
    static const bell_ws_topic_options given_up = {.overflow = BELL_OVERFLOW_DROP_OLDEST};
    static const bell_ws_topic_options latest = {.keeps_latest = true};
    struct service s;
    static struct peer p;
    bell_ws_options o = options_with(BELL_OVERFLOW_CLOSE, 3);
    service_init(&s, NULL);
    service_add_websocket(&s, &COMPONENT, &o);
    atomic_store(&wrongs, 0);
    assert_int_equal(bell_ws_server_set_topic(s.ws, BELL_LIT("news"), &latest), BELL_OK);
    assert_int_equal(bell_ws_server_set_topic(s.ws, BELL_LIT("news"), &given_up), BELL_OK);
    assert_int_equal(bell_ws_server_set_topic(s.ws, BELL_LIT("more"), &latest), BELL_OK);
    service_start(&s, 1);
    assert_int_equal(bell_ws_server_set_topic(s.ws, BELL_LIT("late"), &latest), BELL_ESTATE);
    open_ws(&p, &s);
    do_it(&p, publish_to_topics_of_kinds);
    EXPECT(&p, "latest", "of a key", "plain");
    assert_int_equal(stats_of(&s).replaced, 1);
    assert_int_equal(stats_of(&s).dropped, 3);
    assert_int_equal(stats_of(&s).slow_receivers, 0);
    end(&p, &s);
}

static void topics_of_their_own_kind_have_limits(void **state)
{
    (void)state;
    enum { MAX = 32, LONGEST = 255 };
    static char name[LONGEST + 1];
    static const bell_ws_topic_options bad = {.overflow = (bell_ws_overflow)4};
    struct bell_ws_server *ws;
    memset(name, 'n', sizeof name);
    assert_int_equal(bell_ws_server_create(&COMPONENT, NULL, &ws), BELL_OK);
    assert_int_equal(bell_ws_server_set_topic(ws, BELL_LIT(""), NULL), BELL_EINVAL);
    assert_int_equal(bell_ws_server_set_topic(ws, bell_slice_make(name, LONGEST + 1), NULL),
                     BELL_EINVAL);
    assert_int_equal(bell_ws_server_set_topic(ws, BELL_LIT("a"), &bad), BELL_EINVAL);
    for (size_t i = 0; i < MAX; i++) { /* the longest name first */
        assert_int_equal(bell_ws_server_set_topic(ws, bell_slice_make(name, LONGEST - i), NULL),
                         BELL_OK);
    }
    assert_int_equal(bell_ws_server_set_topic(ws, BELL_LIT("one more"), NULL), BELL_ELIMIT);
    assert_int_equal(bell_ws_server_set_topic(ws, bell_slice_make(name, LONGEST), NULL), BELL_OK);
    bell_ws_server_destroy(ws);
}

static void publish_until_full(struct bell_ws_server *ws, bell_conn conn)
{
    (void)conn;
    check(publish(ws, "news", "k1", BELL_OVERFLOW_DEFAULT, "1234567890") == BELL_OK); /* 12 bytes */
    check(publish(ws, "news", "k2", BELL_OVERFLOW_DEFAULT, "1234567890") == BELL_OK);
    check(publish(ws, "news", "k1", BELL_OVERFLOW_DEFAULT, "12345678901234") == BELL_OK); /* 28 */
    check(publish(ws, "news", "k3", BELL_OVERFLOW_DROP_NEWEST, "") == BELL_OK); /* no 30 */
    check(publish(ws, "news", "k1", BELL_OVERFLOW_DROP_NEWEST, "123456789012345") == BELL_OK);
}

static void a_key_is_replaced_within_the_limit(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_ws_options o = options_with(BELL_OVERFLOW_DEFAULT, 100);
    o.queue.max_bytes = 28;
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, publish_until_full);
    EXPECT(&p, "12345678901234", "1234567890");
    assert_int_equal(stats_of(&s).replaced, 1);
    assert_int_equal(stats_of(&s).dropped, 2);
    end(&p, &s);
}

/* ---- a queue of its own ---- */

static void set_queues(struct bell_ws_server *ws, bell_conn conn)
{
    bell_ws_queue_options q = {
        .max_bytes = 1000, .max_messages = 1, .close_code = 1013, .overflow = BELL_OVERFLOW_CLOSE};
    const bell_ws_queue_options fine = q;
    q.overflow = BELL_OVERFLOW_DROP_NEWEST;
    check(bell_ws_set_queue(ws, conn, &q) == BELL_OK);
    check(send_text(ws, conn, "1") == BELL_OK);
    check(send_text(ws, conn, "2") == BELL_EAGAIN);
    check(bell_ws_set_queue(ws, conn, NULL) == BELL_OK);
    check(send_text(ws, conn, "3") == BELL_OK);
    q.overflow = BELL_OVERFLOW_DROP_OLDEST;
    check(bell_ws_set_queue(ws, conn, &q) == BELL_OK);
    check(send_text(ws, conn, "4") == BELL_EAGAIN); /* those before it were not sent so */
    q.max_messages = 3;
    check(bell_ws_set_queue(ws, conn, &q) == BELL_OK);
    check(send_text(ws, conn, "5") == BELL_OK);
    check(send_text(ws, conn, "6") == BELL_OK);
    const bell_ws_queue_options bad[] = {
        {.max_bytes = 0, .max_messages = 1, .close_code = 1013},
        {.max_bytes = 1, .max_messages = 0, .close_code = 1013},
        {.max_bytes = 1, .max_messages = 1, .close_code = 1005},
        {.max_bytes = 1, .max_messages = 1, .close_code = 1013, .high_bytes = 2},
        {.max_bytes = 1, .max_messages = 1, .close_code = 1013, .high_messages = 2},
        {.max_bytes = 9, .max_messages = 9, .close_code = 1013, .high_bytes = 4, .low_bytes = 5},
        {.max_bytes = 9,
         .max_messages = 9,
         .close_code = 1013,
         .high_messages = 4,
         .low_messages = 5},
        {.max_bytes = 9, .max_messages = 9, .close_code = 1013, .overflow = (bell_ws_overflow)4},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bell_ws_options o;
        struct bell_ws_server *other;
        bell_ws_options_init(&o);
        o.queue = bad[i];
        check(bell_ws_set_queue(ws, conn, &bad[i]) == BELL_EINVAL);
        check(bell_ws_server_create(&COMPONENT, &o, &other) == BELL_EINVAL);
    }
    check(bell_ws_set_queue(ws, conn ^ (UINT64_C(1) << 40), &fine) == BELL_ECLOSED);
}

static void a_connection_may_have_a_queue_of_its_own(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, NULL);
    open_ws(&p, &s);
    do_it(&p, set_queues);
    EXPECT(&p, "1", "3", "6");
    const bell_ws_queue_options q = {.max_bytes = 1, .max_messages = 1, .close_code = 1013};
    assert_int_equal(bell_ws_set_queue(s.ws, 1, &q), BELL_ESTATE); /* not its thread */
    assert_int_equal(bell_ws_set_queue(s.ws, 0, &q), BELL_ECLOSED);
    end(&p, &s);
}

/* ---- marks ---- */

enum { MUCH = 40, PART_BYTES = 5000 };

static void send_much(struct bell_ws_server *ws, bell_conn conn)
{
    static char part[PART_BYTES];
    for (int i = 0; i < MUCH; i++) {
        check(bell_ws_send(ws, conn, BELL_BINARY, bell_slice_make(part, sizeof part)) == BELL_OK);
    }
}

static void on_drain_comes_at_the_low_mark(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    static peer_frame f;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.high_bytes = 100000;
    o.queue.low_bytes = 12000;
    begin(&s, &o);
    peer_connect_small(&p, s.port);
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    for (int round = 1; round <= 3; round++) {
        do_it(&p, send_much);
        for (int i = 0; i < MUCH; i++) {
            assert_true(peer_read_frame(&p, &f) && f.n == PART_BYTES);
        }
        while (atomic_load(&drains) < round) {
            (void)usleep(1000);
        }
        assert_true(atomic_load(&drained_at_bytes) <= 12000);
        assert_int_equal(stats_of(&s).high_marks, round);
    }
    end(&p, &s);
    assert_int_equal(atomic_load(&drains), 3);
}

static void send_three(struct bell_ws_server *ws, bell_conn conn)
{
    check(send_text(ws, conn, "1") == BELL_OK);
    check(send_text(ws, conn, "2") == BELL_OK);
    check(send_text(ws, conn, "3") == BELL_OK);
}

static void send_four(struct bell_ws_server *ws, bell_conn conn)
{
    send_three(ws, conn);
    check(send_text(ws, conn, "4") == BELL_OK);
}

static void a_queue_at_its_mark_is_not_above_it(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_ws_options o = options_with(BELL_OVERFLOW_CLOSE, 6);
    o.queue.high_messages = 3;
    o.queue.low_messages = 1;
    begin(&s, &o);
    open_ws(&p, &s);
    do_it(&p, send_three);
    EXPECT(&p, "1", "2", "3");
    assert_int_equal(stats_of(&s).high_marks, 0);
    do_it(&p, send_four);
    EXPECT(&p, "1", "2", "3", "4");
    assert_int_equal(stats_of(&s).high_marks, 1);
    while (atomic_load(&drains) == 0) {
        (void)usleep(1000);
    }
    do_it(&p, send_three); /* the peer is read again */
    EXPECT(&p, "1", "2", "3");
    end(&p, &s);
    assert_int_equal(atomic_load(&drains), 1);
}

/* ---- a receiver that does not read ---- */

enum { KEYS = 10, ROUNDS = 400, VALUE_BYTES = 10000 };

static void the_latest_of_every_key_arrives_though_one_did_not_read(void **state)
{
    (void)state;
    struct service s;
    static struct peer slow;
    static struct peer quick;
    static peer_frame f;
    static char value[VALUE_BYTES];
    int last[KEYS];
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = 1024 * 1024;
    begin(&s, &o);
    peer_connect_small(&slow, s.port);
    assert_int_equal(peer_upgrade(&slow, "/ws", ""), 101);
    open_ws(&quick, &s);
    memset(value, ' ', sizeof value);
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < KEYS; k++) {
            char key[4];
            (void)snprintf(key, sizeof key, "%d", k);
            (void)snprintf(value, sizeof value, "%d %d ", k, i);
            value[strlen(value)] = ' ';
            const bell_ws_publish_options options = {.key = bell_slice_from(key)};
            assert_int_equal(bell_ws_publish_with(s.ws, BELL_LIT("news"), BELL_TEXT,
                                                  bell_slice_make(value, sizeof value), &options),
                             BELL_OK);
        }
        /* The quick one reads on, and is there with each round. */
        do {
            assert_true(peer_read_frame(&quick, &f) && f.first == 0x81);
        } while (strtol(f.payload + 2, NULL, 10) < i || f.payload[0] != '0' + KEYS - 1);
    }
    for (int k = 0; k < KEYS; k++) {
        last[k] = -1;
    }
    for (int at_end = 0; at_end < KEYS;) {
        assert_true(peer_read_frame(&slow, &f) && f.first == 0x81);
        int k = f.payload[0] - '0';
        int i = (int)strtol(f.payload + 2, NULL, 10);
        assert_true(i > last[k]);
        last[k] = i;
        at_end += i == ROUNDS - 1;
    }
    assert_true(stats_of(&s).replaced > 0);
    assert_int_equal(stats_of(&s).slow_receivers, 0);
    assert_int_equal(atomic_load(&closes), 0);
    peer_close(&quick);
    end(&slow, &s);
}

/* ---- storms ---- */

enum { STORMS = 60, STORM_MESSAGES = 20, STORM_BYTES = 30000, STORM_KINDS = 4 };

static uint32_t storm_seed;
static int storm_next; /* number of the next message */

static uint32_t storm_random(void)
{
    storm_seed = storm_seed * 1664525 + 1013904223;
    return storm_seed >> 16;
}

/* Kind 0 may be given up for others, 1 is dropped when there is no room, 2 and 3 are keys. Closes
 * after STORMS. */
static void storm(struct bell_ws_server *ws, bell_conn conn)
{
    static char text[STORM_BYTES];
    if (storm_next == STORMS * STORM_MESSAGES) {
        check(bell_ws_close(ws, conn, 4001, BELL_LIT("enough")) == BELL_OK);
        return;
    }
    memset(text, ' ', sizeof text);
    for (int i = 0; i < STORM_MESSAGES; i++) {
        int kind = (int)(storm_random() % STORM_KINDS);
        char head[32];
        int n = snprintf(head, sizeof head, "%d %d ", kind, storm_next++);
        memcpy(text, head, (size_t)n);
        const bell_ws_send_options options = {.key = kind == 2   ? BELL_LIT("two")
                                                     : kind == 3 ? BELL_LIT("three")
                                                                 : BELL_LIT(""),
                                              .overflow = kind == 0 ? BELL_OVERFLOW_DROP_OLDEST
                                                                    : BELL_OVERFLOW_DROP_NEWEST};
        bell_status st =
            bell_ws_send_with(ws, conn, BELL_TEXT, bell_slice_make(text, sizeof text), &options);
        check(st == BELL_OK || st == BELL_EAGAIN);
    }
}

/* What comes to a peer that did not read meanwhile, up to the Close frame. Returns the messages. */
static uint64_t read_what_is_left(struct peer *p)
{
    static peer_frame f;
    int last[STORM_KINDS] = {-1, -1, -1, -1};
    int last_pong = -1;
    uint64_t count = 0;
    assert_true(peer_read_frame(p, &f));
    for (; f.first != 0x88; assert_true(peer_read_frame(p, &f))) {
        f.payload[f.n] = '\0';
        if (f.first == 0x8a) { /* not each Ping is answered, but the latest is */
            int pong = (int)strtol(f.payload, NULL, 10);
            assert_true(pong > last_pong);
            last_pong = pong;
            continue;
        }
        assert_int_equal(f.first, 0x81);
        assert_int_equal(f.n, STORM_BYTES);
        char *rest;
        int kind = (int)strtol(f.payload, &rest, 10);
        int number = (int)strtol(rest, NULL, 10);
        assert_in_range(kind, 0, STORM_KINDS - 1);
        assert_true(number > last[kind] && number < STORMS * STORM_MESSAGES);
        if (kind < 2) { /* without a key nothing overtakes */
            assert_true(number > last[1 - kind]);
        }
        last[kind] = number;
        count++;
    }
    assert_int_equal(f.n, 2 + strlen("enough"));
    assert_memory_equal(f.payload, "\x0f\xa1", 2);
    assert_int_equal(last_pong, STORMS - 1);
    return count;
}

static void a_storm_drops_no_control_frame_and_no_rest(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    for (uint32_t seed = 1; seed <= 3; seed++) {
        bell_ws_options o = options_with(BELL_OVERFLOW_DROP_NEWEST, 9);
        o.queue.max_bytes = 300000;
        /* It is read until a control frame waits beyond the limit. */
        o.queue.high_bytes = o.queue.max_bytes;
        o.queue.high_messages = o.queue.max_messages;
        storm_seed = seed;
        storm_next = 0;
        begin(&s, &o);
        open_ws(&p, &s);
        for (int i = 0; i < STORMS; i++) {
            char number[16];
            do_it(&p, storm);
            (void)snprintf(number, sizeof number, "%d", i);
            peer_send_frame(&p, 9, bell_slice_from(number));
        }
        do_it(&p, storm);
        uint64_t count = read_what_is_left(&p);
        bell_ws_stats stats = stats_of(&s);
        assert_true(stats.dropped > 0 && stats.replaced > 0);
        assert_int_equal(count + stats.dropped + stats.replaced, STORMS * STORM_MESSAGES);
        assert_int_equal(stats.slow_receivers, 0);
        end(&p, &s);
    }
}

static void send_two(struct bell_ws_server *ws, bell_conn conn)
{
    check(send_text(ws, conn, "1") == BELL_OK);
    check(send_text(ws, conn, "2") == BELL_OK);
}

/* The queue is full when they come, with the message in front of them; the first waits beyond its
 * limit, the second takes its place. */
static void a_full_queue_answers_the_latest_ping(void **state)
{
    (void)state;
    for (bell_ws_overflow o = BELL_OVERFLOW_DEFAULT; o <= BELL_OVERFLOW_DROP_NEWEST; o++) {
        struct service s;
        static struct peer p;
        static peer_frame f;
        bell_ws_options options = options_with(o, 2);
        begin(&s, &options);
        open_ws(&p, &s);
        atomic_store(&act, send_two);
        peer_send(&p, BELL_LIT("\x82\x80zero"
                               "\x89\x81\0\0\0\0a"
                               "\x89\x81\0\0\0\0b"));
        EXPECT(&p, "1", "2");
        assert_true(peer_read_frame(&p, &f));
        assert_int_equal(f.first, 0x8a);
        assert_int_equal(f.n, 1);
        assert_int_equal(f.payload[0], 'b');
        assert_int_equal(stats_of(&s).slow_receivers, 0);
        assert_int_equal(stats_of(&s).dropped, 0);
        do_it(&p, send_two);
        EXPECT(&p, "1", "2");
        end(&p, &s);
    }
}

static int step;

/* Fills the queue; makes it larger; makes it as small as before. */
static void fill_grow_shrink(struct bell_ws_server *ws, bell_conn conn)
{
    bell_ws_options larger = options_with(BELL_OVERFLOW_CLOSE, 10);
    if (step == 0) {
        send_two(ws, conn);
    } else {
        check(bell_ws_set_queue(ws, conn, step == 1 ? &larger.queue : NULL) == BELL_OK);
    }
    step++;
}

static void no_pong_overtakes_another_when_there_is_room_again(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    static peer_frame f;
    bell_ws_options options = options_with(BELL_OVERFLOW_CLOSE, 2);
    begin(&s, &options);
    open_ws(&p, &s);
    step = 0;
    atomic_store(&act, fill_grow_shrink);
    peer_send(&p, BELL_LIT("\x82\x80zero"
                           "\x89\x81\0\0\0\0a"
                           "\x82\x80zero"
                           "\x89\x81\0\0\0\0b"
                           "\x82\x80zero"
                           "\x89\x81\0\0\0\0c"));
    EXPECT(&p, "1", "2");
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x8a);
    assert_int_equal(f.payload[0], 'c');
    peer_send(&p, BELL_LIT("\x89\x81\0\0\0\0d"));
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x8a);
    assert_int_equal(f.payload[0], 'd');
    end(&p, &s);
}

/* ---- with compression ---- */

static const char compressible[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void send_compressible(struct bell_ws_server *ws, bell_conn conn)
{
    const bell_ws_publish_options keyed = {.key = BELL_LIT("k")};
    const bell_slice data = bell_slice_from(compressible);
    check(bell_ws_send(ws, conn, BELL_TEXT, data) == BELL_OK);
    check(bell_ws_publish(ws, BELL_LIT("news"), BELL_TEXT, data, 0) == BELL_OK);
    check(bell_ws_publish_with(ws, BELL_LIT("news"), BELL_TEXT, data, &keyed) == BELL_OK);
}

static void expect_first_bytes(bool has_takeover, bell_ws_overflow overflow, const uint8_t first[3])
{
    struct service s;
    static struct peer p;
    static peer_frame f;
    bell_ws_options o = options_with(overflow, 10);
    o.deflate.is_enabled = true;
    o.deflate.has_server_takeover = has_takeover;
    o.deflate.threshold_bytes = 10;
    begin(&s, &o);
    peer_connect(&p, s.port);
    assert_int_equal(peer_upgrade(&p, "/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                     101);
    do_it(&p, send_compressible);
    for (int i = 0; i < 3; i++) {
        assert_true(peer_read_frame(&p, &f));
        assert_int_equal(f.first, first[i]);
        assert_true(f.first == 0x81 ? f.n == sizeof compressible - 1 : f.n < 30);
    }
    end(&p, &s);
}

static void what_may_be_given_up_is_in_no_context(void **state)
{
    (void)state;
    expect_first_bytes(false, BELL_OVERFLOW_CLOSE, (const uint8_t[]){0xc1, 0xc1, 0xc1});
    expect_first_bytes(true, BELL_OVERFLOW_CLOSE, (const uint8_t[]){0xc1, 0xc1, 0x81});
    expect_first_bytes(false, BELL_OVERFLOW_DROP_OLDEST, (const uint8_t[]){0xc1, 0xc1, 0xc1});
    expect_first_bytes(true, BELL_OVERFLOW_DROP_OLDEST, (const uint8_t[]){0x81, 0x81, 0x81});
    expect_first_bytes(true, BELL_OVERFLOW_DROP_NEWEST, (const uint8_t[]){0xc1, 0xc1, 0x81});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_the_newest_at_the_limit_of_messages),
        cmocka_unit_test(drops_the_oldest_at_the_limit_of_bytes),
        cmocka_unit_test(drops_the_oldest_at_the_limit_of_messages),
        cmocka_unit_test(closes_with_the_code_of_the_queue),
        cmocka_unit_test(what_may_be_given_up_goes_before_the_receiver_does),
        cmocka_unit_test(the_latest_of_a_key_takes_the_place_of_the_one_that_waits),
        cmocka_unit_test(what_is_sent_to_one_may_have_keys_too),
        cmocka_unit_test(what_is_sent_to_one_may_be_given_up),
        cmocka_unit_test(keys_travel_from_other_threads),
        cmocka_unit_test(a_topic_says_what_becomes_of_its_messages),
        cmocka_unit_test(topics_of_their_own_kind_have_limits),
        cmocka_unit_test(a_key_is_replaced_within_the_limit),
        cmocka_unit_test(a_connection_may_have_a_queue_of_its_own),
        cmocka_unit_test(on_drain_comes_at_the_low_mark),
        cmocka_unit_test(a_queue_at_its_mark_is_not_above_it),
        cmocka_unit_test(the_latest_of_every_key_arrives_though_one_did_not_read),
        cmocka_unit_test(a_storm_drops_no_control_frame_and_no_rest),
        cmocka_unit_test(a_full_queue_answers_the_latest_ping),
        cmocka_unit_test(no_pong_overtakes_another_when_there_is_room_again),
        cmocka_unit_test(what_may_be_given_up_is_in_no_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
