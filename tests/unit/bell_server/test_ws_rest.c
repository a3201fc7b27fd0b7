/*
 * Messages that inflate to a thousand times what was sent have a budget per turn: whoever sends
 * them waits for himself, and nobody else does; and nothing is lost by waiting.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "bell/server/connection.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_rest.h"
#include "bell/ws/deflate.h"
#include "bell/ws/encoder.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BOMBS = 64,
    RSV1 = 0x40,
    TEXT = 1,
    BINARY = 2,
    SOON = BOMBS / 2,         /* so many bombs may go first: the kernel too takes its time */
    REPLY_BYTES = 256 * 1024, /* to a bomb, when there is one: more than sockets hold together */
    PIECE_BYTES = 16 * 1024,  /* of one, as peers read */
    HIGH_BYTES = REPLY_BYTES,
    TEXT_BYTES = BELL_WS_FEW_BYTES + 1, /* what is longer stands in line */
    CLOSE_MS = 5000,                    /* for the answer to a Close frame */
    SHORT_CLOSE_MS = 200,
};

#define OFFER "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

/* ---- the application ---- */

static struct service service;

static struct {
    atomic_int bombs;      /* that have come, in their order */
    atomic_int texts;      /* that have come */
    atomic_int text_place; /* how many bombs came before the last one */
    atomic_int closes;
    atomic_int code;
    atomic_int why;
    atomic_int errors;
    struct peer *_Atomic urged; /* the first bomb makes this one speak; NULL = nobody */
    atomic_bool tells_more;     /* the first bomb is not all of what its receive tells */
    atomic_bool replies;
    atomic_bool aborts;
    atomic_bool lacks_memory;
    /* Of what one says that stands in line (late_on_bomb). */
    bell_conn speaker;              /* of texts: the last one */
    bell_slice late;                /* what he says */
    bool is_closing;                /* he was sent a Close frame before */
    useconds_t slow_us;             /* how long the third bomb takes */
    struct peer *_Atomic late_peer; /* set after the others; NULL = there is none */
    atomic_int left_ms;             /* for his answer, when the fifth bomb comes */
    atomic_int is_over;             /* that has come */
} app;

/* A masked frame by hand: peers wait when the socket is full, and this is the loop's thread. */
static void urge(const struct peer *p)
{
    static const char HELLO[] = {(char)0x81, (char)0x82, 0, 0, 0, 0, 'h', 'i'};
    assert_int_equal(send(p->fd, HELLO, sizeof HELLO, MSG_NOSIGNAL), sizeof HELLO);
}

/* What cannot be compressed, and tells its number. */
static void reply_fill(char reply[REPLY_BYTES], int number)
{
    uint32_t seed = (uint32_t)number;
    for (size_t i = 0; i < REPLY_BYTES; i++) {
        seed = seed * 1664525U + 1013904223U;
        reply[i] = (char)(seed >> 24);
    }
    reply[0] = (char)number;
}

/* What TLS does with a receive that is too long to be told at once: it goes on, though the session
 * wants no more. */
static void tell_more(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    static char hello[] = {(char)0x81, (char)0x82, 0, 0, 0, 0, 'h', 'i'};
    struct bell_connection *c = bell_connection_find(&service.io->loops[0], conn);
    (void)ws;
    (void)user;
    assert_non_null(bell_ws_rest_of(c));
    c->stream.handler->on_receive(&c->stream, hello, sizeof hello);
}

static void late_on_bomb(struct bell_ws_server *ws, int number);

static void on_bomb(struct bell_ws_server *ws, bell_conn conn, const bell_message *m)
{
    static char reply[REPLY_BYTES];
    int number = atomic_fetch_add(&app.bombs, 1);
    assert_int_equal(m->data.n, BELL_WS_INFLATED_PER_TURN);
    assert_int_equal(m->data.p[0], number);
    if (number == 0 && app.urged != NULL) {
        urge(app.urged);
    }
    if (number == 0 && app.tells_more) { /* in this turn, when the others wait */
        assert_int_equal(bell_ws_run(ws, conn, tell_more, NULL), BELL_OK);
    }
    if (app.replies) {
        reply_fill(reply, number);
        assert_int_equal(bell_ws_send(ws, conn, BELL_BINARY, bell_slice_make(reply, sizeof reply)),
                         BELL_OK);
    }
    if (app.aborts) {
        (void)bell_ws_abort(ws, conn);
    }
    if (app.lacks_memory) {
        bell_mem_fail_at(1);
    }
    if (app.late_peer != NULL) {
        late_on_bomb(ws, number);
    }
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)user;
    if (m->type == BELL_BINARY) {
        on_bomb(ws, conn, m);
    } else {
        app.speaker = conn;
        atomic_store(&app.text_place, atomic_load(&app.bombs));
        atomic_fetch_add(&app.texts, 1);
    }
}

static void on_error(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    bell_mem_fail_at(0);
    atomic_store(&app.errors, (int)error);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    atomic_store(&app.code, e->code);
    atomic_store(&app.why, (int)e->why);
    atomic_fetch_add(&app.closes, 1);
}

static const struct bell_component COMPONENT = {
    .on_message = on_message, .on_error = on_error, .on_close = on_close};

static void wait_for(atomic_int *count, int least)
{
    for (int i = 0; atomic_load(count) < least; i++) {
        assert_true(i < 60000);
        (void)usleep(1000);
    }
}

/* ---- the other end ---- */

static struct peer bomber;
static struct peer other;
static struct peer third;     /* of say_late; open to the end: its close would be counted too */
static struct bell_buf bombs; /* BOMBS frames */
static size_t bomb_ends[BOMBS];

static void bombs_make(void)
{
    static const bell_ws_deflater_options OPTIONS = {15, 6, 8};
    static char zeros[BELL_WS_INFLATED_PER_TURN];
    struct bell_ws_deflater *d;
    struct bell_buf packed;
    bell_buf_init(&bombs, 1 << 20);
    bell_buf_init(&packed, 1 << 20);
    assert_int_equal(bell_ws_deflater_create(OPTIONS, &d), BELL_OK);
    for (int i = 0; i < BOMBS; i++) {
        zeros[0] = (char)i;
        bell_buf_clear(&packed);
        assert_int_equal(
            bell_ws_deflater_run(d, bell_slice_make(zeros, sizeof zeros), false, &packed), BELL_OK);
        const char head[] = {(char)(0x80 | RSV1 | BINARY),
                             (char)(0x80 | 126),
                             (char)(packed.n >> 8),
                             (char)(packed.n & 0xff),
                             0,
                             0,
                             0,
                             0};
        assert_in_range(packed.n, 126, UINT16_MAX);
        assert_int_equal(bell_buf_append(&bombs, bell_slice_make(head, sizeof head)), BELL_OK);
        assert_int_equal(bell_buf_append(&bombs, bell_buf_slice(&packed)), BELL_OK);
        bomb_ends[i] = bombs.n;
    }
    bell_ws_deflater_destroy(d);
    bell_buf_finish(&packed);
}

static int set_up_with(uint32_t close_timeout_ms)
{
    bell_ws_options o;
    memset(&app, 0, sizeof app);
    third.fd = -1;
    bombs_make();
    bell_ws_options_init(&o);
    o.deflate.is_enabled = true;
    o.close_timeout_ms = close_timeout_ms;
    o.queue.high_bytes = HIGH_BYTES;
    o.queue.max_bytes = (size_t)2 * BOMBS * REPLY_BYTES;
    service_init(&service, NULL);
    service_add_websocket(&service, &COMPONENT, &o);
    service_start(&service, 1);
    peer_connect(&bomber, service.port);
    assert_int_equal(peer_upgrade(&bomber, "/ws", OFFER), 101);
    peer_connect(&other, service.port);
    assert_int_equal(peer_upgrade(&other, "/ws", OFFER), 101);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(CLOSE_MS);
}

static int set_up_hurried(void **state)
{
    (void)state;
    return set_up_with(SHORT_CLOSE_MS);
}

static int tear_down(void **state)
{
    (void)state;
    peer_close(&bomber);
    peer_close(&other);
    if (third.fd >= 0) {
        peer_close(&third);
    }
    bell_buf_finish(&bombs);
    service_finish(&service);
    return 0;
}

static void drop_bombs(void)
{
    peer_send(&bomber, bell_buf_slice(&bombs));
}

static void who_sends_bombs_does_not_hold_up_others(void **state)
{
    (void)state;
    app.urged = &other;
    drop_bombs();
    wait_for(&app.texts, 1);
    assert_in_range(atomic_load(&app.text_place), 1, SOON);
    wait_for(&app.bombs, BOMBS);
}

static void all_of_it_comes_in_order_and_then_the_close(void **state)
{
    static peer_frame f;
    (void)state;
    drop_bombs();
    peer_send_frame(&bomber, 1, BELL_LIT("last"));
    peer_send_frame(&bomber, 8, bell_slice_make("\x03\xe8", 2));
    assert_true(peer_read_frame(&bomber, &f));
    assert_int_equal(f.first, 0x88);
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.bombs), BOMBS);
    assert_int_equal(atomic_load(&app.text_place), BOMBS);
    assert_int_equal(atomic_load(&app.code), 1000);
}

static void what_is_told_later_stands_behind_it(void **state)
{
    enum { FEW = 3 };
    (void)state;
    app.tells_more = true;
    peer_send(&bomber, bell_slice_make(bombs.p, bomb_ends[FEW - 1])); /* come in one receive */
    wait_for(&app.texts, 1);
    assert_int_equal(atomic_load(&app.text_place), FEW);
}

static void the_end_of_the_stream_comes_last(void **state)
{
    (void)state;
    drop_bombs();
    assert_int_equal(shutdown(bomber.fd, SHUT_WR), 0);
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.bombs), BOMBS);
    assert_int_equal(atomic_load(&app.code), 1006);
}

static uint64_t high_marks(void)
{
    bell_ws_stats stats;
    bell_ws_server_stats(service.ws, &stats);
    return stats.high_marks;
}

static void who_does_not_read_is_not_looked_at(void **state)
{
    static char piece[PIECE_BYTES];
    (void)state;
    app.replies = true;
    drop_bombs();
    for (int i = 0; high_marks() == 0; i++) {
        assert_true(i < 60000);
        (void)usleep(1000);
    }
    assert_true(atomic_load(&app.bombs) < BOMBS);
    for (int i = 0; i < BOMBS; i++) {
        char head[10];
        assert_true(peer_read(&bomber, head, sizeof head));
        assert_int_equal((unsigned char)head[0], 0x82);
        for (size_t at = 0; at < REPLY_BYTES; at += PIECE_BYTES) {
            assert_true(peer_read(&bomber, piece, sizeof piece));
            assert_true(at > 0 || piece[0] == i);
        }
    }
    assert_int_equal(atomic_load(&app.bombs), BOMBS);
    peer_send_frame(&bomber, 1, BELL_LIT("it is read again"));
    wait_for(&app.texts, 1);
}

static void an_abort_leaves_nothing(void **state)
{
    (void)state;
    app.aborts = true;
    drop_bombs();
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.bombs), 1);
}

static void a_stop_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    drop_bombs();
    wait_for(&app.bombs, 1);
    bell_io_server_stop(service.io);
    assert_int_equal(atomic_load(&app.closes), 2);
}

static void without_memory_for_the_rest_it_is_closed(void **state)
{
    static peer_frame f;
    (void)state;
    app.lacks_memory = true;
    drop_bombs();
    assert_true(peer_read_frame(&bomber, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xf3", 2); /* 1011 */
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.errors), BELL_ENOMEM);
    assert_int_equal(atomic_load(&app.bombs), 1);
}

/* ---- what stands in line although its peer sends no bombs ---- */

/* From one bomb to another one, without its end. */
static bell_slice bombs_from(int first, int end)
{
    size_t begin = first == 0 ? 0 : bomb_ends[first - 1];
    return bell_slice_make(bombs.p + begin, bomb_ends[end - 1] - begin);
}

static void send_now(const struct peer *p, bell_slice bytes)
{
    assert_int_equal(send(p->fd, bytes.p, bytes.n, MSG_NOSIGNAL), bytes.n);
}

/*
 * The bomber's first: a third one's bomb and the late one's bytes arrive, in the next turn. That
 * bomb, number 2, leaves nothing of the turn's budget to the bytes, which stand in line behind the
 * bomber, and may take its time.
 */
static void late_on_bomb(struct bell_ws_server *ws, int number)
{
    struct bell_server_loop *home = &service.io->loops[0];
    if (number == 0) {
        if (app.is_closing) {
            assert_int_equal(bell_ws_close(ws, app.speaker, 1000, BELL_LIT("")), BELL_OK);
        }
        send_now(&third, bombs_from(2, 3));
        send_now(app.late_peer, app.late);
    } else if (number == 2) {
        (void)usleep(app.slow_us);
    } else if (number == 4) {
        /* The bomber's last: who stood before it has been looked at, in this turn. */
        const struct bell_connection *c = bell_connection_find(home, app.speaker);
        if (c != NULL && c->phase == BELL_CONNECTION_WEBSOCKET) {
            atomic_store(&app.left_ms, (int)(c->timer.deadline_ms - home->loop.now_ms));
        }
        atomic_store(&app.is_over, 1);
    }
}

/* Whoever says it has said a text before. */
static void say_late(struct peer *p, bell_slice bytes)
{
    struct bell_buf own;
    peer_connect(&third, service.port);
    assert_int_equal(peer_upgrade(&third, "/ws", OFFER), 101);
    app.late = bytes;
    app.late_peer = p;
    bell_buf_init(&own, 1 << 20);
    assert_int_equal(bell_buf_append(&own, bombs_from(0, 2)), BELL_OK);
    assert_int_equal(bell_buf_append(&own, bombs_from(3, 5)), BELL_OK);
    peer_send(&bomber, bell_buf_slice(&own));
    bell_buf_finish(&own);
    wait_for(&app.is_over, 1);
}

/* Appends a frame whose mask changes nothing. */
static void frame_append(struct bell_buf *to, uint8_t first, bell_slice payload)
{
    static const uint8_t KEY[BELL_WS_KEY_BYTES];
    assert_int_equal(bell_buf_reserve(to, BELL_WS_HEADER_MAX_BYTES + payload.n), BELL_OK);
    char *at = to->p + to->n;
    to->n += bell_ws_encoder_write_frame(at, BELL_WS_TEXT, payload, KEY);
    *at = (char)first;
}

static bell_slice text_of(size_t n)
{
    static char text[BELL_WS_INFLATED_PER_TURN];
    memset(text, 'a', sizeof text);
    return bell_slice_make(text, n);
}

static void who_stands_in_line_while_closing(bool answers, useconds_t slow_us)
{
    struct bell_buf b;
    bell_buf_init(&b, 1 << 20);
    frame_append(&b, 0x81, text_of(TEXT_BYTES));
    if (answers) {
        frame_append(&b, 0x88, bell_slice_make("\x03\xe8", 2));
    }
    urge(&other);
    wait_for(&app.texts, 1);
    app.is_closing = true;
    app.slow_us = slow_us;
    say_late(&other, bell_buf_slice(&b));
    bell_buf_finish(&b);
}

static void an_answer_that_stands_in_line_is_not_late(void **state)
{
    (void)state;
    who_stands_in_line_while_closing(true, (SHORT_CLOSE_MS + 2 * BELL_TIMER_TICK_MS) * 1000);
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.why), BELL_OK);
    assert_int_equal(atomic_load(&app.code), 1000);
}

static void who_has_stood_in_line_has_the_whole_time_to_answer(void **state)
{
    (void)state;
    who_stands_in_line_while_closing(false, 5000);
    assert_int_equal(atomic_load(&app.left_ms), CLOSE_MS);
    peer_send_frame(&other, 8, bell_slice_make("\x03\xe8", 2));
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.why), BELL_OK);
}

static void who_stands_in_line_too_long_does_not_put_off_the_close(void **state)
{
    (void)state;
    who_stands_in_line_while_closing(
        true, (BELL_WS_CLOSE_PATIENCE * SHORT_CLOSE_MS + 2 * BELL_TIMER_TICK_MS) * 1000);
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.why), BELL_ETIMEOUT);
    assert_int_equal(atomic_load(&app.code), 1006);
}

static void who_has_stood_in_line_long_has_only_what_is_left_to_answer(void **state)
{
    enum { LEFT_MS = SHORT_CLOSE_MS / 2 };
    (void)state;
    who_stands_in_line_while_closing(false,
                                     (BELL_WS_CLOSE_PATIENCE * SHORT_CLOSE_MS - LEFT_MS) * 1000);
    assert_true(atomic_load(&app.left_ms) <= LEFT_MS); /* or it is gone */
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.why), BELL_ETIMEOUT);
}

/* Closed once, and with the right code. */
static void expect_too_big(struct peer *p)
{
    static peer_frame f;
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xf1", 2); /* 1009 */
    assert_false(peer_read_frame(p, &f));
    wait_for(&app.closes, 1);
    assert_int_equal(atomic_load(&app.closes), 1);
    assert_int_equal(atomic_load(&app.errors), BELL_ELIMIT);
    assert_int_equal(atomic_load(&app.why), BELL_ELIMIT);
    assert_int_equal(atomic_load(&app.code), 1009);
}

/* Its first fragment has come before, and the rest of it, with something behind, comes late. */
static void say_message_of_two(uint8_t first, bell_slice begin, bell_slice end)
{
    static peer_frame f;
    struct bell_buf b;
    bell_buf_init(&b, 1 << 21);
    frame_append(&b, first, begin);
    frame_append(&b, 0x89, BELL_LIT("")); /* whose Pong says that it has come */
    peer_send(&other, bell_buf_slice(&b));
    assert_true(peer_read_frame(&other, &f));
    assert_int_equal(f.first, 0x8a);
    bell_buf_clear(&b);
    frame_append(&b, 0x80, end);
    frame_append(&b, 0x81, BELL_LIT("too late"));
    say_late(&other, bell_buf_slice(&b));
    bell_buf_finish(&b);
}

static void a_message_whose_end_stands_in_line_may_have_the_limit(void **state)
{
    (void)state;
    say_message_of_two(TEXT, text_of(BELL_WS_INFLATED_PER_TURN - TEXT_BYTES), text_of(TEXT_BYTES));
    wait_for(&app.texts, 2);
    assert_int_equal(atomic_load(&app.closes), 0);
}

static void a_message_that_becomes_too_long_in_line_is_closed_with_1009(void **state)
{
    (void)state;
    say_message_of_two(TEXT, text_of(BELL_WS_INFLATED_PER_TURN - TEXT_BYTES + 1),
                       text_of(TEXT_BYTES));
    expect_too_big(&other);
    assert_int_equal(atomic_load(&app.texts), 0);
}

static void a_message_that_inflates_to_too_much_in_line_is_closed_with_1009(void **state)
{
    static const bell_ws_deflater_options OPTIONS = {15, 1, 8};
    enum { BEGIN_BYTES = 100 };
    struct bell_ws_deflater *d;
    struct bell_buf packed;
    (void)state;
    bell_buf_init(&packed, 1 << 20);
    char *much = calloc(2, BELL_WS_INFLATED_PER_TURN);
    assert_non_null(much);
    assert_int_equal(bell_ws_deflater_create(OPTIONS, &d), BELL_OK);
    assert_int_equal(bell_ws_deflater_run(d, bell_slice_make(much, 2 * BELL_WS_INFLATED_PER_TURN),
                                          false, &packed),
                     BELL_OK);
    assert_true(packed.n >= BEGIN_BYTES + TEXT_BYTES);
    say_message_of_two(RSV1 | BINARY, bell_slice_make(packed.p, BEGIN_BYTES),
                       bell_slice_make(packed.p + BEGIN_BYTES, packed.n - BEGIN_BYTES));
    expect_too_big(&other);
    assert_int_equal(atomic_load(&app.bombs), 5);
    assert_int_equal(atomic_load(&app.texts), 0);
    bell_ws_deflater_destroy(d);
    bell_buf_finish(&packed);
    free(much);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void a_turn_has_a_budget_and_little_has_a_larger_one(void **state)
{
    static const struct {
        size_t inflated;
        size_t received;
        bool may;
    } ROWS[] = {
        {0, SIZE_MAX, true},
        {BELL_WS_INFLATED_PER_TURN - 1, SIZE_MAX, true},
        {BELL_WS_INFLATED_PER_TURN, SIZE_MAX, false},
        {BELL_WS_INFLATED_PER_TURN, BELL_WS_FEW_BYTES + 1, false},
        {BELL_WS_INFLATED_PER_TURN, BELL_WS_FEW_BYTES, true},
        {BELL_WS_INFLATED_OF_FEW - 1, BELL_WS_FEW_BYTES - 1, true},
        {BELL_WS_INFLATED_OF_FEW, 1, false},
        {BELL_WS_INFLATED_OF_FEW + 1, 1, false},
    };
    static struct bell_server_loop home;
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        home.loop.awake_ns++; /* another turn: what was inflated in the one before counts no more */
        bell_ws_rest_count(&home, ROWS[i].inflated / 2);
        bell_ws_rest_count(&home, ROWS[i].inflated - ROWS[i].inflated / 2);
        if (bell_ws_rest_may_feed(&home, ROWS[i].received) != ROWS[i].may) {
            fail_msg("row %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_has_a_budget_and_little_has_a_larger_one),
        TEST(who_sends_bombs_does_not_hold_up_others),
        TEST(all_of_it_comes_in_order_and_then_the_close),
        TEST(what_is_told_later_stands_behind_it),
        TEST(the_end_of_the_stream_comes_last),
        TEST(who_does_not_read_is_not_looked_at),
        TEST(an_abort_leaves_nothing),
        TEST(a_stop_in_the_middle_leaves_nothing),
        TEST(without_memory_for_the_rest_it_is_closed),
        cmocka_unit_test_setup_teardown(an_answer_that_stands_in_line_is_not_late, set_up_hurried,
                                        tear_down),
        TEST(who_has_stood_in_line_has_the_whole_time_to_answer),
        cmocka_unit_test_setup_teardown(who_stands_in_line_too_long_does_not_put_off_the_close,
                                        set_up_hurried, tear_down),
        cmocka_unit_test_setup_teardown(who_has_stood_in_line_long_has_only_what_is_left_to_answer,
                                        set_up_hurried, tear_down),
        TEST(a_message_whose_end_stands_in_line_may_have_the_limit),
        TEST(a_message_that_becomes_too_long_in_line_is_closed_with_1009),
        TEST(a_message_that_inflates_to_too_much_in_line_is_closed_with_1009),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
