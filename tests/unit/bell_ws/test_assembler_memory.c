/*
 * What an assembler holds, copies and gives back; what its callbacks may do; failing allocations.
 */
#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "bell/ws/assembler.h"
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BUF_MAX_BYTES = 1 << 24, MESSAGE_MAX_BYTES = 1 << 20 };

/* One connection with what it has been sent. */
struct peer {
    struct bell_ws_assembler assembler;
    struct bell_buf stream;
    bell_ws_input in;
    int64_t live_before;
};

static const bell_ws_limits LIMITS = {MESSAGE_MAX_BYTES, MESSAGE_MAX_BYTES};

static void peer_open(struct peer *p, const char *script)
{
    bell_buf_init(&p->stream, BUF_MAX_BYTES);
    script_write(&p->stream, BELL_WS_SERVER, script);
    p->in = (bell_ws_input){p->stream.p, p->stream.n};
    p->live_before = bell_mem_live();
    bell_ws_assembler_init(&p->assembler, BELL_WS_SERVER);
}

static void peer_close(struct peer *p)
{
    bell_ws_assembler_finish(&p->assembler);
    assert_int_equal(bell_mem_live(), p->live_before);
    bell_buf_finish(&p->stream);
}

/* Feeds the next n bytes. */
static bell_status feed(struct peer *p, size_t n, const bell_ws_events *events, void *user)
{
    bell_ws_input piece = {p->in.p, n};
    bell_status st = bell_ws_assembler_feed(&p->assembler, &piece, &LIMITS, events, user);
    p->in.n -= (size_t)(piece.p - p->in.p);
    p->in.p = piece.p;
    return st;
}

/* What a callback does when it is called the n-th time; it looks at what it got before. */
struct actor {
    struct peer *peer;
    int calls;
    int stop_at;   /* this call says stop */
    bool finishes; /* and finishes the assembler before */
    const char *last_payload;
    size_t held_bytes; /* during the last call */
};

static bool act(struct actor *actor, bell_slice payload)
{
    actor->calls++;
    actor->last_payload = payload.p;
    actor->held_bytes = bell_ws_assembler_held_bytes(&actor->peer->assembler);
    if (actor->calls != actor->stop_at) {
        return true;
    }
    if (actor->finishes) {
        bell_ws_assembler_finish(&actor->peer->assembler);
        memset(&actor->peer->assembler, 0xa5, sizeof actor->peer->assembler);
    }
    /* The payload outlives it. */
    volatile char sink = 0;
    for (size_t i = 0; i < payload.n; i++) {
        sink = (char)(sink ^ payload.p[i]);
    }
    return false;
}

static bool act_on_message(bell_message_type type, bell_slice data, void *user)
{
    (void)type;
    return act(user, data);
}

static bool act_on_control(bell_slice payload, void *user)
{
    return act(user, payload);
}

static bool act_on_close(uint16_t code, bell_slice reason, void *user)
{
    (void)code;
    return act(user, reason);
}

static const bell_ws_events ACTING = {act_on_message, act_on_control, act_on_control, act_on_close,
                                      act_on_message};

static void delivers_in_place_what_lies_in_one_piece(void **state)
{
    (void)state;
    static const char *const SCRIPTS[] = {"T*5000", "B*70000", "P*125", "O:x", "X:1000,bye", "T:"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(SCRIPTS); i++) {
        struct peer p;
        struct actor actor = {.peer = &p};
        peer_open(&p, SCRIPTS[i]);
        bell_mem_fail_at(1); /* nothing must be allocated */
        assert_int_equal(feed(&p, p.stream.n, &ACTING, &actor), BELL_OK);
        assert_false(bell_mem_failed());
        bell_mem_fail_at(0);
        assert_int_equal(actor.calls, 1);
        assert_true(actor.last_payload >= p.stream.p &&
                    actor.last_payload <= p.stream.p + p.stream.n);
        assert_int_equal(bell_ws_assembler_held_bytes(&p.assembler), 0);
        peer_close(&p);
    }
}

static void delivers_in_place_after_empty_fragments(void **state)
{
    (void)state;
    struct peer p;
    struct actor actor = {.peer = &p};
    peer_open(&p, "t:|c:|C:whole");
    bell_mem_fail_at(1);
    assert_int_equal(feed(&p, p.stream.n, &ACTING, &actor), BELL_OK);
    bell_mem_fail_at(0);
    assert_ptr_equal(actor.last_payload, p.stream.p + p.stream.n - 5);
    peer_close(&p);
}

static void memory_follows_the_bytes_that_arrived(void **state)
{
    (void)state;
    struct peer p;
    struct actor actor = {.peer = &p};
    peer_open(&p, "B*1000000");
    size_t header = p.stream.n - 1000000;
    assert_int_equal(feed(&p, header, &ACTING, &actor), BELL_OK);
    assert_int_equal(bell_ws_assembler_held_bytes(&p.assembler), 0);
    for (size_t arrived = 0; arrived + 1000 < 1000000;) {
        assert_int_equal(feed(&p, 1000, &ACTING, &actor), BELL_OK);
        arrived += 1000;
        size_t held = bell_ws_assembler_held_bytes(&p.assembler);
        assert_true(held >= arrived && held <= 2 * arrived + 512);
    }
    assert_int_equal(actor.calls, 0);
    assert_int_equal(feed(&p, p.in.n, &ACTING, &actor), BELL_OK);
    assert_int_equal(actor.calls, 1);
    assert_int_equal(bell_ws_assembler_held_bytes(&p.assembler), 0);
    peer_close(&p);
}

static void small_message_in_pieces_takes_a_small_block(void **state)
{
    (void)state;
    struct peer p;
    struct actor actor = {.peer = &p};
    peer_open(&p, "T*20");
    assert_int_equal(feed(&p, p.stream.n - 5, &ACTING, &actor), BELL_OK);
    assert_true(bell_ws_assembler_held_bytes(&p.assembler) <= 20 + 32);
    peer_close(&p);
}

static void holds_nothing_between_messages(void **state)
{
    (void)state;
    struct peer p;
    struct actor actor = {.peer = &p};
    peer_open(&p, "t:a|P:ping|c:b|C:c|B:xyz|O:pong");
    for (size_t i = 0; i < p.stream.n; i++) {
        assert_int_equal(feed(&p, 1, &ACTING, &actor), BELL_OK);
    }
    assert_int_equal(actor.calls, 4);
    assert_int_equal(bell_ws_assembler_held_bytes(&p.assembler), 0);
    assert_int_equal(bell_mem_live(), p.live_before);
    peer_close(&p);
}

static void finish_frees_what_never_came_to_its_end(void **state)
{
    (void)state;
    struct peer p;
    struct actor actor = {.peer = &p};
    peer_open(&p, "t:beginning of a message|P:ping in pieces");
    assert_int_equal(feed(&p, p.stream.n - 3, &ACTING, &actor), BELL_OK);
    assert_true(bell_mem_live() >= p.live_before + 2);
    peer_close(&p);
}

/* Section 7.1.7: after failing the connection nothing is processed, and nothing is kept for it. */
static void gives_memory_back_on_failure_and_ignores_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        bell_status st;
        uint16_t code;
    } CASES[] = {
        {"b:half|P:half|C:x|C:x", BELL_EPROTO, 1002},
        {"t:half|C:\xff", BELL_EPROTO, 1007},
        {"b*600000|C*600000", BELL_ELIMIT, 1009},
        {"b:half|B*2000000", BELL_ELIMIT, 1009},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct peer p;
        struct bell_buf result;
        peer_open(&p, CASES[i].script);
        bell_buf_init(&result, BUF_MAX_BYTES);
        assert_int_equal(feed(&p, 9, &script_events, &result), BELL_OK);
        assert_int_equal(bell_ws_assembler_close_code(&p.assembler), 0);
        assert_int_equal(feed(&p, p.in.n, &script_events, &result), CASES[i].st);
        assert_int_equal(p.in.n, 0);
        assert_int_equal(bell_ws_assembler_held_bytes(&p.assembler), 0);
        size_t result_bytes = result.n;
        char more[] = "\x81\x80kkkk";
        bell_ws_input in = {more, 6};
        assert_int_equal(
            bell_ws_assembler_feed(&p.assembler, &in, &LIMITS, &script_events, &result), BELL_OK);
        assert_int_equal(in.n, 0);
        assert_int_equal(result.n, result_bytes);
        assert_int_equal(bell_ws_assembler_close_code(&p.assembler), CASES[i].code);
        bell_buf_finish(&result);
        peer_close(&p);
    }
}

static void gives_memory_back_when_the_peer_closes(void **state)
{
    (void)state;
    struct peer p;
    struct actor actor = {.peer = &p};
    peer_open(&p, "b:half of a message|X:1000,|C:rest");
    assert_int_equal(feed(&p, p.stream.n, &ACTING, &actor), BELL_OK);
    assert_int_equal(actor.calls, 1);
    assert_int_equal(actor.held_bytes, 0);
    assert_int_equal(bell_mem_live(), p.live_before);
    assert_int_equal(bell_ws_assembler_close_code(&p.assembler), 0);
    peer_close(&p);
}

static const char EVENTS[] = "T:one|t:t|P:ping|C:wo|O:pong|B:three|X:1000,bye|T:ignored";
enum { EVENT_COUNT = 6 };

static void stop_returns_at_once_and_feeding_goes_on_with_the_next_event(void **state)
{
    (void)state;
    for (int stop_at = 1; stop_at <= EVENT_COUNT; stop_at++) {
        struct peer p;
        struct actor actor = {.peer = &p, .stop_at = stop_at};
        peer_open(&p, EVENTS);
        assert_int_equal(feed(&p, p.stream.n, &ACTING, &actor), BELL_ECLOSED);
        assert_int_equal(actor.calls, stop_at);
        assert_true(p.in.n > 0);
        assert_int_equal(feed(&p, p.in.n, &ACTING, &actor), BELL_OK);
        assert_int_equal(actor.calls, EVENT_COUNT);
        assert_int_equal(p.in.n, 0);
        peer_close(&p);
    }
}

/* In every event, delivered in place or from memory of its own. */
static void callback_that_stops_may_finish_the_assembler(void **state)
{
    (void)state;
    for (int stop_at = 1; stop_at <= EVENT_COUNT; stop_at++) {
        for (size_t piece = 1; piece <= 100; piece += 33) {
            struct peer p;
            struct actor actor = {.peer = &p, .stop_at = stop_at, .finishes = true};
            peer_open(&p, EVENTS);
            bell_status st = BELL_OK;
            while (st == BELL_OK) {
                st = feed(&p, piece < p.in.n ? piece : p.in.n, &ACTING, &actor);
            }
            assert_int_equal(st, BELL_ECLOSED);
            assert_int_equal(actor.calls, stop_at);
            assert_int_equal(bell_mem_live(), p.live_before);
            bell_buf_finish(&p.stream);
        }
    }
}

/* Each allocation fails once: 1011, nothing leaks, and a new connection works. */
static void closes_with_1011_when_memory_is_out(void **state)
{
    (void)state;
    static const char SCRIPT[] = "b*3000|P*100|c*3000|C*3000|t:ab|C:cd|P:x";
    int64_t failures = 0;
    for (int64_t nth = 1;; nth++) {
        struct peer p;
        struct actor actor = {.peer = &p};
        peer_open(&p, SCRIPT);
        bell_status st = BELL_OK;
        bell_mem_fail_at(nth);
        while (st == BELL_OK && p.in.n > 0) {
            st = feed(&p, p.in.n < 50 ? p.in.n : 50, &ACTING, &actor);
        }
        bool has_failed = bell_mem_failed();
        bell_mem_fail_at(0);
        if (has_failed) {
            assert_int_equal(st, BELL_ENOMEM);
            assert_int_equal(bell_ws_assembler_close_code(&p.assembler), 1011);
            assert_int_equal(bell_mem_live(), p.live_before);
            failures++;
        } else {
            assert_int_equal(st, BELL_OK);
            assert_int_equal(actor.calls, 4);
        }
        peer_close(&p);
        if (!has_failed) {
            break;
        }
    }
    assert_true(failures >= 5); /* the message grows, and control frames have memory of their own */
}

static void is_small_enough_for_idle_connections(void **state)
{
    (void)state;
    assert_true(sizeof(struct bell_ws_assembler) <= 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_in_place_what_lies_in_one_piece),
        cmocka_unit_test(delivers_in_place_after_empty_fragments),
        cmocka_unit_test(memory_follows_the_bytes_that_arrived),
        cmocka_unit_test(small_message_in_pieces_takes_a_small_block),
        cmocka_unit_test(holds_nothing_between_messages),
        cmocka_unit_test(finish_frees_what_never_came_to_its_end),
        cmocka_unit_test(gives_memory_back_on_failure_and_ignores_the_rest),
        cmocka_unit_test(gives_memory_back_when_the_peer_closes),
        cmocka_unit_test(stop_returns_at_once_and_feeding_goes_on_with_the_next_event),
        cmocka_unit_test(callback_that_stops_may_finish_the_assembler),
        cmocka_unit_test(closes_with_1011_when_memory_is_out),
        cmocka_unit_test(is_small_enough_for_idle_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
