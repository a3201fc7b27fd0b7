/*
 * Peers that end their half of the connection (a FIN, RFC 9293 section 3.6) wherever they happen to
 * be: within the handshake, a frame, a message, or after a Close frame. Nobody wants half a
 * WebSocket: what came whole is answered, then the server ends its half too, though the peer keeps
 * its socket; and the application hears of it exactly once.
 */
#include "client_app.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { PATIENCE_MS = 20000, IDLE_MS = 1500 };

static struct told app;
static struct service s;
static struct peer p;

static void begin_with(uint32_t idle_timeout_ms)
{
    bell_ws_options ws;
    told_reset(&app, true);
    const struct bell_component component = told_component(&app);
    bell_ws_options_init(&ws);
    ws.heartbeat_ms = idle_timeout_ms / 3;
    ws.idle_timeout_ms = idle_timeout_ms;
    service_init(&s, NULL);
    service_add_websocket(&s, &component, &ws);
    service_start(&s, 1);
}

/* Nothing ends by time. */
static void begin(void)
{
    begin_with(2 * PATIENCE_MS);
}

static void open_websocket(void)
{
    peer_connect(&p, s.port);
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    wait_for(&app.opens, 1);
}

static void end_half(void)
{
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
}

/* The server has let go, though the peer has not. */
static void wait_gone(void)
{
    bell_loop_metrics m;
    for (int i = 0; bell_metrics_loop(s.io, 0, &m) == BELL_OK && m.connections > 0; i++) {
        assert_true(i < PATIENCE_MS);
        (void)usleep(1000);
    }
}

static void finish(void)
{
    peer_close(&p);
    service_finish(&s);
}

/* ---- the handshake ---- */

#define HEAD                                                                                       \
    "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                 \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void within_the_handshake_there_is_no_connection(void **state)
{
    static const char *const BEGUN[] = {"", "G", "GET /ws HTTP/1.1\r\nHost: a\r\nUpgr", HEAD,
                                        HEAD "\r"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(BEGUN); i++) {
        begin();
        peer_connect(&p, s.port);
        peer_send(&p, bell_slice_from(BEGUN[i]));
        end_half();
        (void)peer_read_to_end(&p);
        wait_gone();
        assert_int_equal(atomic_load(&app.opens), 0);
        assert_int_equal(atomic_load(&app.closes), 0);
        finish();
    }
}

static void after_the_handshake_it_is_answered_and_then_over(void **state)
{
    char head[1024];
    (void)state;
    begin();
    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT(HEAD "\r\n"));
    end_half();
    assert_int_equal(peer_read_head(&p, head, sizeof head), 101);
    assert_int_equal(peer_read_to_end(&p), 0);
    wait_gone();
    assert_int_equal(atomic_load(&app.opens), 1);
    assert_int_equal(atomic_load(&app.closes), 1);
    assert_int_equal(atomic_load(&app.origin), BELL_CLOSED_BY_PEER);
    assert_int_equal(atomic_load(&app.code), 1006);
    assert_int_equal(atomic_load(&app.why), BELL_OK);
    finish();
}

/* ---- frames and messages ---- */

#define FRAME(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

typedef struct {
    bell_slice sent;   /* then the end; masked with zeros */
    bell_slice answer; /* before the server's end */
    uint16_t code;
    int messages;
} row;

static const row ROWS[] = {
    {FRAME(""), FRAME(""), 1006, 0},
    /* Within a frame: its head, its length, its mask, its payload. */
    {FRAME("\x81"), FRAME(""), 1006, 0},
    {FRAME("\x82\xfe\x01"), FRAME(""), 1006, 0},
    {FRAME("\x81\x82\0\0"), FRAME(""), 1006, 0},
    {FRAME("\x81\x82\0\0\0\0h"), FRAME(""), 1006, 0},
    {FRAME("\x89\x82\0\0\0\0h"), FRAME(""), 1006, 0},
    /* Within a message: between its frames, with and without a Ping there. */
    {FRAME("\x01\x82\0\0\0\0hi"), FRAME(""), 1006, 0},
    {FRAME("\x01\x82\0\0\0\0hi\x89\x81\0\0\0\0p"), FRAME("\x8a\x01p"), 1006, 0},
    /* After a message: it is answered. */
    {FRAME("\x81\x82\0\0\0\0hi"), FRAME("\x81\x02hi"), 1006, 1},
    {FRAME("\x81\x82\0\0\0\0hi\x81\x82\0\0\0\0h"), FRAME("\x81\x02hi"), 1006, 1},
    /* Within and after a Close frame (RFC 6455 sections 5.5.1 and 7.1.5). */
    {FRAME("\x88\x82\0\0\0\0\x03"), FRAME(""), 1006, 0},
    {FRAME("\x88\x82\0\0\0\0\x03\xe8"), FRAME("\x88\x02\x03\xe8"), 1000, 0},
    {FRAME("\x88\x80\0\0\0\0"), FRAME("\x88\0"), 1005, 0},
    {FRAME("\x01\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xe9"), FRAME("\x88\x02\x03\xe9"), 1001, 0},
};

static void check_row(size_t i)
{
    const row *r = &ROWS[i];
    char answer[64];
    begin();
    open_websocket();
    if (r->sent.n > 0) {
        peer_send(&p, r->sent);
    }
    end_half();
    if (!peer_read(&p, answer, r->answer.n) || peer_read_to_end(&p) != 0 ||
        !bell_slice_equal(bell_slice_make(answer, r->answer.n), r->answer)) {
        fail_msg("row %zu: another answer", i);
    }
    wait_gone();
    if (atomic_load(&app.closes) != 1 || atomic_load(&app.errors) != 0 ||
        atomic_load(&app.code) != r->code || atomic_load(&app.messages) != r->messages) {
        fail_msg("row %zu: closed %d times, code %d, %d errors, %d messages", i,
                 atomic_load(&app.closes), atomic_load(&app.code), atomic_load(&app.errors),
                 atomic_load(&app.messages));
    }
    assert_int_equal(atomic_load(&app.origin), BELL_CLOSED_BY_PEER);
    assert_int_equal(atomic_load(&app.why), BELL_OK);
    finish();
}

static void wherever_the_peer_ends_what_came_whole_is_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        check_row(i);
    }
}

/* Instead of an answer to our Close frame. */
static void after_our_close_frame_we_have_closed(void **state)
{
    (void)state;
    begin();
    open_websocket();
    assert_int_equal(bell_ws_close(s.ws, atomic_load(&app.conn), 4000, BELL_LIT("bye")), BELL_OK);
    peer_frame f;
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x88);
    end_half();
    assert_int_equal(peer_read_to_end(&p), 0);
    wait_gone();
    assert_int_equal(atomic_load(&app.closes), 1);
    assert_int_equal(atomic_load(&app.origin), BELL_CLOSED_BY_US);
    assert_int_equal(atomic_load(&app.code), 1006);
    assert_int_equal(atomic_load(&app.why), BELL_OK);
    finish();
}

static atomic_int queued;

static void note_queued(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    atomic_store(&queued, bell_ws_queued_bytes(ws, conn) > 0);
}

/* With so much queued that the peer is not read its end is not seen: it is dead when it has taken
 * nothing for as long as was set. */
static void a_peer_that_takes_nothing_either_is_let_go_in_time(void **state)
{
    static char large[3 << 20];
    (void)state;
    begin_with(IDLE_MS);
    peer_connect_small(&p, s.port);
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    wait_for(&app.opens, 1);
    bell_conn conn = atomic_load(&app.conn);
    assert_int_equal(bell_ws_send(s.ws, conn, BELL_BINARY, bell_slice_make(large, sizeof large)),
                     BELL_OK);
    atomic_store(&queued, 0);
    assert_int_equal(bell_ws_run(s.ws, conn, note_queued, NULL), BELL_OK);
    wait_for(&queued, 1);
    end_half();
    wait_gone();
    assert_int_equal(atomic_load(&app.closes), 1);
    assert_int_equal(atomic_load(&app.errors), 1);
    assert_int_equal(atomic_load(&app.origin), BELL_CLOSED_BY_ENGINE);
    assert_int_equal(atomic_load(&app.code), 1006);
    assert_int_equal(atomic_load(&app.why), BELL_ETIMEOUT);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_the_handshake_there_is_no_connection),
        cmocka_unit_test(after_the_handshake_it_is_answered_and_then_over),
        cmocka_unit_test(wherever_the_peer_ends_what_came_whole_is_answered),
        cmocka_unit_test(after_our_close_frame_we_have_closed),
        cmocka_unit_test(a_peer_that_takes_nothing_either_is_let_go_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
