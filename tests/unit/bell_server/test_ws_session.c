/*
 * WebSocket sessions at their limits: queues that are full or cannot grow, peers that take their
 * time.
 */
#include "base/mem.h"
#include "bell/server/connection.h"
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

static atomic_int opens;
static atomic_int errors;
static atomic_int last_error;
static atomic_int closes;
static atomic_int close_code;
static atomic_int close_why;

static void note_error(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    atomic_store(&last_error, (int)error);
    atomic_fetch_add(&errors, 1);
}

static void note_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                       void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    assert_int_equal(e->origin, BELL_CLOSED_BY_ENGINE);
    atomic_store(&close_why, (int)e->why);
    atomic_store(&close_code, e->code);
    atomic_fetch_add(&closes, 1);
}

static void begin(struct service *s, const struct bell_component *component,
                  const bell_ws_options *options)
{
    atomic_store(&opens, 0);
    atomic_store(&errors, 0);
    atomic_store(&closes, 0);
    service_init(s, NULL);
    service_add_websocket(s, component, options);
    service_start(s, 1);
}

static void wait_for(atomic_int *count, int least)
{
    for (int i = 0; atomic_load(count) < least; i++) {
        assert_true(i < 20000);
        (void)usleep(1000);
    }
}

static void open_ws(struct peer *p, const struct service *s)
{
    peer_connect(p, s->port);
    assert_int_equal(peer_upgrade(p, "/ws", ""), 101);
}

static void expect_close(struct peer *p, const char code[2])
{
    static peer_frame f;
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, 0x88);
    assert_true(f.n >= 2);
    assert_memory_equal(f.payload, code, 2);
}

/* ---- limits ---- */

static const size_t SMALL_QUEUE_BYTES = 10000;

static void send_too_much_at_once(struct bell_ws_server *ws, bell_conn conn,
                                  const struct bell_http_request *request, void *user)
{
    static char message[6000];
    (void)request;
    (void)user;
    const bell_slice data = bell_slice_make(message, sizeof message);
    assert_int_equal(bell_ws_send(ws, conn, BELL_BINARY, data), BELL_OK);
    assert_int_equal(bell_ws_send(ws, conn, BELL_BINARY, data), BELL_ELIMIT);
    assert_int_equal(bell_ws_send(ws, conn, BELL_BINARY, BELL_LIT("x")), BELL_ECLOSED);
}

static void the_handshake_is_answered_though_the_queue_overflows_in_on_open(void **state)
{
    (void)state;
    static const struct bell_component component = {
        .on_open = send_too_much_at_once, .on_error = note_error, .on_close = note_close};
    struct service s;
    struct peer p;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = SMALL_QUEUE_BYTES;
    begin(&s, &component, &o);
    open_ws(&p, &s);
    expect_close(&p, "\x03\xf5");
    assert_int_equal(peer_read_to_end(&p), 0);
    wait_for(&closes, 1);
    assert_int_equal(atomic_load(&errors), 1);
    assert_int_equal(atomic_load(&last_error), BELL_ELIMIT);
    assert_int_equal(atomic_load(&close_code), 1013);
    peer_close(&p);
    service_finish(&s);
}

static void send_one_that_is_larger_than_the_queue(struct bell_ws_server *ws, bell_conn conn,
                                                   const struct bell_http_request *request,
                                                   void *user)
{
    static char message[20000];
    (void)request;
    (void)user;
    assert_int_equal(bell_ws_send(ws, conn, BELL_BINARY, bell_slice_make(message, sizeof message)),
                     BELL_OK);
}

static void the_first_message_may_be_larger_than_the_queue(void **state)
{
    (void)state;
    static const struct bell_component component = {.on_open =
                                                        send_one_that_is_larger_than_the_queue};
    static peer_frame f;
    struct service s;
    struct peer p;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = SMALL_QUEUE_BYTES;
    begin(&s, &component, &o);
    open_ws(&p, &s);
    assert_true(peer_read_frame(&p, &f) && f.n == 20000);
    peer_close(&p);
    service_finish(&s);
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_reached;
    bool is_open;
};

static void wait_at_gate(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct gate *g = user;
    (void)ws;
    (void)conn;
    (void)pthread_mutex_lock(&g->lock);
    g->is_reached = true;
    (void)pthread_cond_broadcast(&g->changed);
    while (!g->is_open) {
        (void)pthread_cond_wait(&g->changed, &g->lock);
    }
    (void)pthread_mutex_unlock(&g->lock);
}

static void gate_wait(struct gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    while (!g->is_reached) {
        (void)pthread_cond_wait(&g->changed, &g->lock);
    }
    (void)pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->is_open = true;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
}

static void a_loop_that_does_not_come_round_is_not_buried_in_messages(void **state)
{
    (void)state;
    enum { MESSAGE_BYTES = 1024 * 1024, MOST = 64 };
    static const struct bell_component component = {.on_open = NULL};
    static char message[MESSAGE_BYTES];
    struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct service s;
    struct peer p;
    int count = 0;
    bell_status st;
    begin(&s, &component, NULL);
    open_ws(&p, &s);
    assert_int_equal(bell_ws_run(s.ws, 0, wait_at_gate, &g), BELL_OK);
    gate_wait(&g);
    const bell_slice data = bell_slice_make(message, sizeof message);
    while ((st = bell_ws_broadcast(s.ws, BELL_BINARY, data, 0)) == BELL_OK) {
        count++;
        assert_true(count <= MOST);
    }
    assert_int_equal(st, BELL_EAGAIN);
    assert_int_equal(count, MOST - 1); /* each has a little around it */
    assert_int_equal(bell_ws_send(s.ws, 1, BELL_BINARY, data), BELL_EAGAIN);
    gate_open(&g);
    while ((st = bell_ws_broadcast(s.ws, BELL_BINARY, data, 0)) == BELL_EAGAIN) {
        (void)usleep(1000);
    }
    assert_int_equal(st, BELL_OK);
    peer_close(&p);
    service_finish(&s);
}

static _Atomic bell_conn opened;

static void join_and_note(struct bell_ws_server *ws, bell_conn conn,
                          const struct bell_http_request *request, void *user)
{
    (void)request;
    (void)user;
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("news")), BELL_OK);
    atomic_store(&opened, conn);
    atomic_fetch_add(&opens, 1);
}

/* One peer on each of two loops; the kernel chooses the loop, so it takes some tries. */
static void open_on_both_loops(struct peer peers[2], bell_conn conns[2], const struct service *s)
{
    enum { MOST_TRIES = 200 };
    conns[0] = 0;
    conns[1] = 0;
    for (int i = 0; conns[0] == 0 || conns[1] == 0; i++) {
        struct peer p;
        assert_true(i < MOST_TRIES);
        open_ws(&p, s);
        wait_for(&opens, i + 1);
        bell_conn conn = atomic_load(&opened);
        uint32_t loop = bell_connection_handle_loop(conn);
        assert_in_range(loop, 0, 1);
        if (conns[loop] == 0) {
            conns[loop] = conn;
            peers[loop] = p;
        } else {
            peer_close(&p);
        }
    }
}

static void a_message_for_many_reaches_all_loops_or_none(void **state)
{
    (void)state;
    enum { MESSAGE_BYTES = 1024 * 1024, MOST = 64 };
    static const struct bell_component component = {.on_open = join_and_note};
    static char message[MESSAGE_BYTES];
    static peer_frame f;
    for (int full = 0; full < 2; full++) {
        struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
        struct service s;
        struct peer peers[2];
        bell_conn conns[2];
        atomic_store(&opens, 0);
        service_init(&s, NULL);
        service_add_websocket(&s, &component, NULL);
        service_start(&s, 2);
        open_on_both_loops(peers, conns, &s);
        assert_int_equal(bell_ws_run(s.ws, conns[full], wait_at_gate, &g), BELL_OK);
        gate_wait(&g);
        const bell_slice data = bell_slice_make(message, sizeof message);
        bell_status st = BELL_OK;
        for (int i = 0; i < MOST && st == BELL_OK; i++) {
            st = bell_ws_send(s.ws, conns[full], BELL_BINARY, data);
        }
        assert_int_equal(st, BELL_EAGAIN);
        assert_int_equal(bell_ws_publish(s.ws, BELL_LIT("news"), BELL_BINARY, data, 0),
                         BELL_EAGAIN);
        assert_int_equal(bell_ws_broadcast(s.ws, BELL_BINARY, data, 0), BELL_EAGAIN);
        assert_int_equal(bell_ws_send(s.ws, conns[!full], BELL_TEXT, BELL_LIT("after")), BELL_OK);
        assert_true(peer_read_frame(&peers[!full], &f));
        assert_int_equal(f.n, 5);
        assert_memory_equal(f.payload, "after", 5);
        gate_open(&g);
        peer_close(&peers[0]);
        peer_close(&peers[1]);
        service_finish(&s);
    }
}

/* ---- memory ---- */

static void join(struct bell_ws_server *ws, bell_conn conn, const struct bell_http_request *request,
                 void *user)
{
    (void)request;
    (void)user;
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("news")), BELL_OK);
    atomic_fetch_add(&opens, 1);
}

/* Too large to wait for the end of the turn: it is queued for each at once. */
enum { NEWS_BYTES = 5000 };

/* "publish" or "broadcast": so that there is no memory to queue it for the first subscriber. */
static void tell_with_little_memory(struct bell_ws_server *ws, bell_conn conn,
                                    const bell_message *m, void *user)
{
    static char bytes[NEWS_BYTES];
    const bell_slice news = bell_slice_make(bytes, sizeof bytes);
    (void)user;
    memset(bytes, m->data.p[0], sizeof bytes);
    if (bell_slice_equal(m->data, BELL_LIT("publish"))) {
        bell_mem_fail_at(3); /* frame, name, place in the queue */
        assert_int_equal(bell_ws_publish(ws, BELL_LIT("news"), BELL_TEXT, news, conn), BELL_OK);
    } else {
        bell_mem_fail_at(2); /* frame, place in the queue */
        assert_int_equal(bell_ws_broadcast(ws, BELL_TEXT, news, conn), BELL_OK);
    }
    assert_true(bell_mem_failed());
}

static void who_misses_a_message_for_want_of_memory_is_closed(void **state)
{
    (void)state;
    static const struct bell_component component = {.on_open = join,
                                                    .on_message = tell_with_little_memory,
                                                    .on_error = note_error,
                                                    .on_close = note_close};
    static const char *const WAYS[] = {"publish", "broadcast"};
    for (size_t i = 0; i < sizeof WAYS / sizeof WAYS[0]; i++) {
        static struct peer peers[3];
        static peer_frame f;
        struct service s;
        begin(&s, &component, NULL);
        for (int j = 0; j < 3; j++) {
            open_ws(&peers[j], &s);
            wait_for(&opens, j + 1);
        }
        peer_send_frame(&peers[2], 1, bell_slice_from(WAYS[i]));
        expect_close(&peers[0], "\x03\xf3");
        peer_send_frame(&peers[0], 8, BELL_LIT("\x03\xf3"));
        assert_true(peer_read_frame(&peers[1], &f));
        assert_int_equal(f.n, NEWS_BYTES);
        assert_int_equal(f.payload[0], WAYS[i][0]);
        wait_for(&closes, 1);
        assert_int_equal(atomic_load(&errors), 1);
        assert_int_equal(atomic_load(&last_error), BELL_ENOMEM);
        assert_int_equal(atomic_load(&close_code), 1011);
        assert_int_equal(atomic_load(&close_why), BELL_ENOMEM);
        bell_io_server_stop(s.io);
        for (int j = 0; j < 3; j++) {
            peer_close(&peers[j]);
        }
        service_finish(&s);
    }
}

/* ---- large messages, which go to the socket from where they lie ---- */

enum { LARGE_BYTES = 16 * 1024, HUGE_BYTES = 8 * 1024 * 1024, HEAD_BYTES = 10 };

/* Below, at and above what is large, and more than any socket takes at once; small ones between. */
static const size_t MIXED[] = {LARGE_BYTES - 1, LARGE_BYTES, 5,
                               LARGE_BYTES + 1, HUGE_BYTES,  LARGE_BYTES,
                               LARGE_BYTES * 2, 20,          70000};

static char pattern(size_t message, size_t at)
{
    return (char)(at * 31 + at / 251 + message * 7);
}

static void send_pattern(struct bell_ws_server *ws, bell_conn conn, size_t message, size_t size,
                         bell_status expected)
{
    char *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t at = 0; at < size; at++) {
        bytes[at] = pattern(message, at);
    }
    assert_int_equal(bell_ws_send(ws, conn, BELL_BINARY, bell_slice_make(bytes, size)), expected);
    memset(bytes, '!', size); /* they are the caller's again */
    free(bytes);
}

static void expect_pattern(struct peer *p, size_t message, size_t size)
{
    uint8_t head[HEAD_BYTES] = {0x82, (uint8_t)size};
    size_t head_bytes = size < 126 ? 2 : size <= UINT16_MAX ? 4 : HEAD_BYTES;
    if (head_bytes > 2) {
        head[1] = head_bytes == 4 ? 126 : 127;
        for (size_t i = 2; i < head_bytes; i++) {
            head[i] = (uint8_t)(size >> 8 * (head_bytes - 1 - i));
        }
    }
    static char got[LARGE_BYTES];
    assert_true(peer_read(p, got, head_bytes));
    assert_memory_equal(got, head, head_bytes);
    for (size_t at = 0; at < size; at++) {
        if (at % LARGE_BYTES == 0) {
            assert_true(peer_read(p, got, size - at < LARGE_BYTES ? size - at : LARGE_BYTES));
        }
        if (got[at % LARGE_BYTES] != pattern(message, at)) {
            fail_msg("message %zu differs at byte %zu", message, at);
        }
    }
}

static void send_mixed(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                       void *user)
{
    (void)user;
    size_t first = (size_t)(message->data.p[0] - '0');
    for (size_t i = first; i < sizeof MIXED / sizeof *MIXED; i++) {
        send_pattern(ws, conn, i, MIXED[i], BELL_OK);
    }
}

static void large_messages_keep_their_place(void **state)
{
    (void)state;
    static const struct bell_component component = {.on_message = send_mixed};
    static struct peer p;
    struct service s;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = (size_t)3 * HUGE_BYTES;
    begin(&s, &component, &o);
    peer_connect_small(&p, s.port);
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    for (size_t first = 0; first < sizeof MIXED / sizeof *MIXED; first++) {
        char digit = (char)('0' + first);
        peer_send_frame(&p, 2, bell_slice_make(&digit, 1));
        for (size_t i = first; i < sizeof MIXED / sizeof *MIXED; i++) {
            expect_pattern(&p, i, MIXED[i]);
        }
    }
    peer_close(&p);
    service_finish(&s);
}

static void send_two_of_which_one_fits(struct bell_ws_server *ws, bell_conn conn,
                                       const bell_message *message, void *user)
{
    (void)message;
    (void)user;
    send_pattern(ws, conn, 1, HUGE_BYTES, BELL_OK);
    send_pattern(ws, conn, 2, HUGE_BYTES, BELL_ELIMIT);
}

static void what_a_socket_has_begun_to_take_comes_whole(void **state)
{
    (void)state;
    static const struct bell_component component = {
        .on_message = send_two_of_which_one_fits, .on_error = note_error, .on_close = note_close};
    static struct peer p;
    struct service s;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = HUGE_BYTES + LARGE_BYTES;
    begin(&s, &component, &o);
    peer_connect_small(&p, s.port);
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    peer_send_frame(&p, 2, BELL_LIT("go"));
    expect_pattern(&p, 1, HUGE_BYTES);
    expect_close(&p, "\x03\xf5"); /* 1013 */
    wait_for(&closes, 1);
    assert_int_equal(atomic_load(&last_error), BELL_ELIMIT);
    peer_close(&p);
    service_finish(&s);
}

static void send_one_without_memory(struct bell_ws_server *ws, bell_conn conn,
                                    const bell_message *message, void *user)
{
    static char bytes[LARGE_BYTES];
    (void)message;
    (void)user;
    bell_mem_fail_at(1);
    assert_int_equal(bell_ws_send(ws, conn, BELL_BINARY, bell_slice_make(bytes, sizeof bytes)),
                     BELL_ENOMEM);
    bell_mem_fail_at(0);
    send_pattern(ws, conn, 3, LARGE_BYTES, BELL_OK);
}

static void nothing_is_sent_of_a_large_message_that_could_not_be_kept(void **state)
{
    (void)state;
    static const struct bell_component component = {.on_message = send_one_without_memory};
    static struct peer p;
    struct service s;
    begin(&s, &component, NULL);
    open_ws(&p, &s);
    peer_send_frame(&p, 2, BELL_LIT("go"));
    expect_pattern(&p, 3, LARGE_BYTES);
    peer_close(&p);
    service_finish(&s);
}

/* ---- time ---- */

enum { MUCH_BYTES = 12 * 1024 * 1024 };

static void send_much(struct bell_ws_server *ws, bell_conn conn,
                      const struct bell_http_request *request, void *user)
{
    static char message[16 * 1024];
    (void)request;
    (void)user;
    for (int i = 0; i < MUCH_BYTES / (int)sizeof message; i++) {
        assert_int_equal(
            bell_ws_send(ws, conn, BELL_BINARY, bell_slice_make(message, sizeof message)), BELL_OK);
    }
}

static void a_slow_reader_is_alive_while_it_reads(void **state)
{
    (void)state;
    static const struct bell_component component = {
        .on_open = send_much, .on_error = note_error, .on_close = note_close};
    static struct peer p;
    static peer_frame f;
    struct service s;
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.queue.max_bytes = (size_t)4 * MUCH_BYTES; /* so that the peer goes on being read */
    o.heartbeat_ms = 0;
    o.idle_timeout_ms = 1500;
    begin(&s, &component, &o);
    peer_connect_small(&p, s.port); /* the kernel shall not hide that it reads */
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    int frames = 0;
    for (uint64_t end_ms = now_ms() + 2500; now_ms() < end_ms; frames++) {
        assert_true(peer_read_frame(&p, &f));
        (void)usleep(5000);
    }
    for (; frames < MUCH_BYTES / (16 * 1024); frames++) {
        assert_true(peer_read_frame(&p, &f));
    }
    assert_int_equal(peer_read_to_end(&p), 0); /* and now it is silent */
    wait_for(&closes, 1);
    assert_int_equal(atomic_load(&last_error), BELL_ETIMEOUT);
    peer_close(&p);
    service_finish(&s);
}

/* ---- calls of the loop ---- */

static void another_thread_is_told_that_it_is_the_wrong_one(void **state)
{
    static const struct bell_component component = {.on_open = join_and_note};
    struct service s;
    struct peer p;
    bell_tls_agreement tls;
    (void)state;
    begin(&s, &component, NULL);
    open_ws(&p, &s);
    wait_for(&opens, 1);
    bell_conn conn = atomic_load(&opened);
    assert_int_equal(bell_ws_subscribe(s.ws, conn, BELL_LIT("there")), BELL_ESTATE);
    assert_int_equal(bell_ws_unsubscribe(s.ws, conn, BELL_LIT("news")), BELL_ESTATE);
    assert_int_equal(bell_ws_set_queue(s.ws, conn, NULL), BELL_ESTATE);
    assert_int_equal(bell_ws_tls(s.ws, conn, &tls), BELL_ESTATE);
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("news")), 1);
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("there")), 0);
    assert_int_equal(bell_ws_subscribe(s.ws, 0, BELL_LIT("there")), BELL_ECLOSED);
    assert_int_equal(bell_ws_unsubscribe(s.ws, 0, BELL_LIT("news")), BELL_ECLOSED);
    peer_close(&p);
    service_finish(&s);
}

/* ---- how large a message may be ---- */

static void answer_with_its_size(struct bell_ws_server *ws, bell_conn conn,
                                 const bell_message *message, void *user)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%zu", message->data.n);
    (void)user;
    assert_int_equal(bell_ws_send(ws, conn, BELL_TEXT, bell_slice_make(text, (size_t)n)), BELL_OK);
}

static void expect_size(struct peer *p, size_t size)
{
    static peer_frame f;
    char text[32];
    int n = snprintf(text, sizeof text, "%zu", size);
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, 0x81);
    assert_int_equal(f.n, n);
    assert_memory_equal(f.payload, text, (size_t)n);
}

/* Most clients send a message in one frame, whatever its size. */
static void a_frame_may_hold_what_a_message_may(void **state)
{
    enum { LIMIT = 3 * 512 * 1024 }; /* no other limit has this size */
    static const struct bell_component component = {.on_message = answer_with_its_size,
                                                    .on_close = note_close};
    static char bytes[LIMIT + 1];
    struct service s;
    struct peer p;
    bell_ws_options o;
    (void)state;
    bell_ws_options_init(&o);
    o.max_message_bytes = LIMIT;
    begin(&s, &component, &o);
    open_ws(&p, &s);
    for (size_t n = LIMIT - 1; n <= LIMIT; n++) {
        peer_send_frame(&p, 2, bell_slice_make(bytes, n));
        expect_size(&p, n);
    }
    peer_send_frame(&p, 2, bell_slice_make(bytes, LIMIT + 1));
    expect_close(&p, "\x03\xf1");
    wait_for(&closes, 1);
    assert_int_equal(atomic_load(&close_why), BELL_ELIMIT);
    peer_close(&p);
    service_finish(&s);
}

static void a_frame_may_have_a_limit_of_its_own(void **state)
{
    enum { FRAME_LIMIT = 200, MESSAGE_LIMIT = 3000 };
    static const struct bell_component component = {.on_message = answer_with_its_size,
                                                    .on_close = note_close};
    static char bytes[MESSAGE_LIMIT];
    struct service s;
    struct peer p;
    bell_ws_options o;
    (void)state;
    bell_ws_options_init(&o);
    o.max_message_bytes = MESSAGE_LIMIT;
    o.max_frame_bytes = FRAME_LIMIT;
    begin(&s, &component, &o);
    open_ws(&p, &s);
    for (size_t n = FRAME_LIMIT - 1; n <= FRAME_LIMIT; n++) {
        peer_send_frame(&p, 2, bell_slice_make(bytes, n));
        expect_size(&p, n);
    }
    peer_send_frame(&p, 2, bell_slice_make(bytes, FRAME_LIMIT + 1));
    expect_close(&p, "\x03\xf1");
    wait_for(&closes, 1);
    assert_int_equal(atomic_load(&close_why), BELL_ELIMIT);
    peer_close(&p);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_handshake_is_answered_though_the_queue_overflows_in_on_open),
        cmocka_unit_test(the_first_message_may_be_larger_than_the_queue),
        cmocka_unit_test(a_loop_that_does_not_come_round_is_not_buried_in_messages),
        cmocka_unit_test(a_message_for_many_reaches_all_loops_or_none),
        cmocka_unit_test(who_misses_a_message_for_want_of_memory_is_closed),
        cmocka_unit_test(large_messages_keep_their_place),
        cmocka_unit_test(what_a_socket_has_begun_to_take_comes_whole),
        cmocka_unit_test(nothing_is_sent_of_a_large_message_that_could_not_be_kept),
        cmocka_unit_test(a_slow_reader_is_alive_while_it_reads),
        cmocka_unit_test(another_thread_is_told_that_it_is_the_wrong_one),
        cmocka_unit_test(a_frame_may_hold_what_a_message_may),
        cmocka_unit_test(a_frame_may_have_a_limit_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
