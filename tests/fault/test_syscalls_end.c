/*
 * The end of a server when the kernel says no: each call that ends connections, listeners and loops
 * fails once, and then all of them. The end comes all the same; every connection has been told of
 * it once, and neither a block of memory nor a descriptor is left. The next server works.
 */
#include "bell_app.h"
#include "faulty_calls.h"
#include "faulty_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

enum { MOST_CALLS = 200, DRAIN_MS = 300 };

/* How the end is asked for. */
typedef enum { BY_STOP, BY_DRAIN, BY_DESTROY, WAYS } way;

static const struct {
    fault_call call;
    int error;
    where on;
    bool is_drain_only;
} ROWS[] = {
    {CALL_CLOSE, EINTR, ON_BOTH, false},
    {CALL_CLOSE, EIO, ON_BOTH, false},
    {CALL_CLOSE, EDQUOT, ON_BOTH, false},
    {CALL_EPOLL_REMOVE, ENOENT, ON_EPOLL, false},
    {CALL_EPOLL_REMOVE, ENOMEM, ON_EPOLL, false},
    {CALL_WAKE_WRITE, EAGAIN, ON_BOTH, false},
    {CALL_READ, EAGAIN, ON_BOTH, false},
    {CALL_READ, EINTR, ON_BOTH, false},
    {CALL_WAIT, EINTR, ON_BOTH, false},
    {CALL_WAIT, EBUSY, ON_RING, false},
    {CALL_WAIT, EAGAIN, ON_RING, false},
    {CALL_SHUTDOWN, ENOTCONN, ON_BOTH, true},
    {CALL_SHUTDOWN, ENOBUFS, ON_BOTH, true},
    {CALL_SEND, EPIPE, ON_BOTH, true},
    {CALL_SEND, ECONNRESET, ON_BOTH, true},
    {CALL_SEND, EHOSTUNREACH, ON_BOTH, true},
    {CALL_SEND, ENOMEM, ON_BOTH, true},
    {CALL_SEND, EAGAIN, ON_BOTH, true},
    {CALL_SEND, EINTR, ON_BOTH, true},
    {CALL_SEND, 0, ON_BOTH, true},
    {CALL_ACCEPT, EMFILE, ON_BOTH, true},
    {CALL_ACCEPT, ECONNABORTED, ON_BOTH, true},
};

static void end(struct service *s, way how)
{
    switch (how) {
    case BY_STOP:
        bell_io_server_stop(s->io);
        break;
    case BY_DRAIN:
        bell_io_server_drain(s->io, DRAIN_MS);
        bell_io_server_wait(s->io);
        break;
    case BY_DESTROY:
    case WAYS:
        break;
    }
    bell_io_server_destroy(s->io);
    s->io = NULL;
}

/*
 * Calls that only peers bring about: what they did before may be over by now, or not. So they do it
 * again, and the first of the failing calls is waited for.
 */
static void provoke(const fault *f, const struct service *s, struct peer *begun, struct peer *late)
{
    if (f->call == CALL_ACCEPT) {
        peer_connect(late, s->port);
    } else if (f->call == CALL_RECEIVE) {
        peer_send(begun, BELL_LIT("d"));
    } else {
        return;
    }
    if (f->first == 1) {
        failures_wait(1);
    }
}

/* A server with connections in several states ends while calls fail; returns how many have. */
static uint32_t end_while(const fault *f, way how)
{
    static struct peer late;
    static struct peer websocket;
    static struct peer idle;
    static struct peer begun;
    struct service s;
    int before = descriptors();
    assert_int_equal(app_compose(&s), BELL_OK);
    app_websocket_open(&s, &websocket);
    peer_connect(&idle, s.port);
    app_is_served(&idle);
    peer_connect(&begun, s.port);
    peer_send(&begun, BELL_LIT("POST /echo/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
    faults_begin(f);
    provoke(f, &s, &begun, &late);
    end(&s, how);
    uint32_t failed = faults_end();
    app_expect_all_closed();
    (void)peer_read_to_end(&websocket);
    assert_int_equal(peer_read_to_end(&idle), 0);
    peer_close(&websocket);
    peer_close(&idle);
    peer_close(&begun);
    if (f->call == CALL_ACCEPT) {
        peer_close(&late);
    }
    service_finish(&s);
    descriptors_wait(before);
    return failed;
}

static void expect_works(void)
{
    struct service s;
    assert_int_equal(app_compose(&s), BELL_OK);
    assert_true(app_talk(&s));
    service_finish(&s);
}

static void the_end_comes_whichever_call_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        uint32_t all_failed = 0;
        for (way how = BY_STOP; is_here(ROWS[i].on) && how < WAYS; how++) {
            uint32_t nth = 1;
            fault f = {ROWS[i].call, ROWS[i].error, 1, 1, 1, false};
            if (ROWS[i].is_drain_only && how != BY_DRAIN) {
                continue;
            }
            while (end_while(&f, how) > 0) {
                f.first = ++nth;
                assert_true(nth < MOST_CALLS);
            }
            all_failed += nth - 1;
        }
        if (is_here(ROWS[i].on) && all_failed == 0) {
            fail_msg("row %zu: no such call", i);
        }
        expect_works();
    }
}

static void the_end_comes_whichever_calls_fail_for_ever(void **state)
{
    static const struct {
        fault_call call;
        int error;
        bool here;
        where on;
    } STORMS[] = {
        {CALL_CLOSE, EINTR, false, ON_BOTH},          {CALL_CLOSE, EIO, true, ON_BOTH},
        {CALL_EPOLL_REMOVE, ENOENT, false, ON_EPOLL}, {CALL_SEND, EPIPE, false, ON_BOTH},
        {CALL_SEND, EAGAIN, false, ON_BOTH},          {CALL_SHUTDOWN, ENOTCONN, false, ON_BOTH},
        {CALL_WAKE_WRITE, EAGAIN, true, ON_BOTH},     {CALL_ACCEPT, EMFILE, false, ON_BOTH},
        {CALL_RECEIVE, ECONNRESET, false, ON_BOTH},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(STORMS); i++) {
        uint32_t failed = 0;
        for (way how = BY_STOP; is_here(STORMS[i].on) && how < WAYS; how++) {
            const fault f = {STORMS[i].call, STORMS[i].error, 1, FOR_EVER, 1, STORMS[i].here};
            failed += end_while(&f, how);
        }
        if (is_here(STORMS[i].on) && failed == 0) {
            fail_msg("row %zu: no such call", i);
        }
        expect_works();
    }
}

/* Loops that end by themselves in the middle of a drain leave nobody waiting. */
static void a_drain_ends_though_its_loops_cannot_wait(void **state)
{
    const fault f = {CALL_WAIT, EBADF, 1, FOR_EVER, 1, false};
    (void)state;
    assert_true(end_while(&f, BY_DRAIN) > 0);
    expect_works();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_comes_whichever_call_fails),
        cmocka_unit_test(the_end_comes_whichever_calls_fail_for_ever),
        cmocka_unit_test(a_drain_ends_though_its_loops_cannot_wait),
    };
    return place_init() ? cmocka_run_group_tests(tests, app_folder_make, app_folder_remove) : 1;
}
