/*
 * From HTTP to WebSocket when other things are still under way: requests that wait, ends that came
 * early, more to say than the queue holds.
 */
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
#include <sys/socket.h>
#include <unistd.h>

static atomic_uint_fast64_t deferred;
static atomic_int closes;
static atomic_int close_code;
static atomic_int close_origin;

static void handle_later(struct bell_http_request *r, void *user)
{
    (void)user;
    atomic_store(&deferred, bell_http_request_defer(r));
}

static void echo(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)user;
    assert_int_equal(bell_ws_send(ws, conn, m->type, m->data), BELL_OK);
}

static void count_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                        void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    atomic_store(&close_code, e->code);
    atomic_store(&close_origin, (int)e->origin);
    atomic_fetch_add(&closes, 1);
}

static const struct bell_component ECHO = {.on_message = echo, .on_close = count_close};

static void begin(struct service *s, const struct bell_component *component,
                  const bell_ws_options *options)
{
    atomic_store(&deferred, 0);
    atomic_store(&closes, 0);
    service_init(s, NULL);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/later", handle_later, NULL), BELL_OK);
    service_add_websocket(s, component, options);
    service_start(s, 1);
}

static const char LATER[] = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
static const char UPGRADE[] = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static uint64_t wait_deferred(void)
{
    while (atomic_load(&deferred) == 0) {
        (void)usleep(1000);
    }
    return atomic_load(&deferred);
}

static void answer_later(const struct service *s)
{
    const bell_http_response response = {.status = 200};
    assert_int_equal(bell_http_respond_later(s->http, wait_deferred(), &response), BELL_OK);
}

static void expect_both_answers(struct peer *p)
{
    char head[1024];
    assert_int_equal(peer_read_head(p, head, sizeof head), 200);
    assert_int_equal(peer_read_head(p, head, sizeof head), 101);
}

static void frames_that_waited_behind_a_request_are_read_and_so_are_later_ones(void **state)
{
    (void)state;
    enum { FRAMES = 12, FRAME_BYTES = 16000 }; /* more than may wait behind a request */
    static char payload[FRAME_BYTES];
    struct service s;
    static struct peer p;
    static peer_frame f;
    begin(&s, &ECHO, NULL);
    peer_connect(&p, s.port);
    peer_send(&p, bell_slice_from(LATER));
    peer_send(&p, bell_slice_from(UPGRADE));
    memset(payload, 'w', sizeof payload);
    for (int i = 0; i < FRAMES; i++) {
        peer_send_frame(&p, 2, bell_slice_make(payload, sizeof payload));
    }
    (void)wait_deferred();
    (void)usleep(100000); /* now the server has stopped reading */
    answer_later(&s);
    expect_both_answers(&p);
    for (int i = 0; i < FRAMES; i++) {
        assert_true(peer_read_frame(&p, &f) && f.n == FRAME_BYTES);
    }
    peer_send_frame(&p, 1, BELL_LIT("later"));
    assert_true(peer_read_frame(&p, &f) && f.n == 5);
    peer_close(&p);
    service_finish(&s);
}

static void an_end_that_came_before_the_upgrade_ends_the_session(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, &ECHO, NULL);
    peer_connect(&p, s.port);
    peer_send(&p, bell_slice_from(LATER));
    peer_send(&p, bell_slice_from(UPGRADE));
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    (void)wait_deferred();
    (void)usleep(100000); /* now the server has seen the end */
    answer_later(&s);
    expect_both_answers(&p);
    assert_int_equal(peer_read_to_end(&p), 0);
    assert_int_equal(atomic_load(&closes), 1);
    assert_int_equal(atomic_load(&close_code), 1006);
    assert_int_equal(atomic_load(&close_origin), BELL_CLOSED_BY_PEER);
    peer_close(&p);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_that_waited_behind_a_request_are_read_and_so_are_later_ones),
        cmocka_unit_test(an_end_that_came_before_the_upgrade_ends_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
