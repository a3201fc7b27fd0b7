/*
 * libbell when the kernel says no: each system call of composing a server, and then of sessions
 * with all that it does, fails with each error that it may fail with; or moves fewer bytes than it
 * was asked to; or fails again and again. What cannot be done is refused or costs its connection.
 * Afterwards the server serves, who was there before is served on, every callback has come as
 * promised, and neither a block of memory nor a descriptor is left.
 */
#include "bell/net/io.h"
#include "bell_app.h"
#include "faulty_calls.h"
#include "faulty_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

enum { MOST_CALLS = 1000 }; /* of one kind in one session */

/* ---- composing ---- */

static void composing_fails_cleanly_at_each_call(void **state)
{
    static const struct {
        fault_call call;
        int error;
        bell_status status; /* of composing; BELL_OK: it can do without */
        where on;
    } ROWS[] = {
        {CALL_SOCKET, EMFILE, BELL_ELIMIT, ON_BOTH},
        {CALL_SOCKET, ENFILE, BELL_ELIMIT, ON_BOTH},
        {CALL_SOCKET, ENOBUFS, BELL_ENOMEM, ON_BOTH},
        {CALL_SOCKET, ENOMEM, BELL_ENOMEM, ON_BOTH},
        {CALL_SOCKET, EACCES, BELL_EACCES, ON_BOTH},
        {CALL_SOCKET, EAFNOSUPPORT, BELL_EINVAL, ON_BOTH},
        {CALL_SETSOCKOPT, ENOMEM, BELL_ENOMEM, ON_BOTH},
        {CALL_SETSOCKOPT, ENOPROTOOPT, BELL_EIO, ON_BOTH},
        {CALL_BIND, EADDRINUSE, BELL_OK, ON_BOTH},
        {CALL_BIND, EADDRNOTAVAIL, BELL_EINVAL, ON_BOTH},
        {CALL_BIND, EACCES, BELL_EACCES, ON_BOTH},
        {CALL_BIND, EPERM, BELL_EACCES, ON_BOTH},
        {CALL_BIND, ENOMEM, BELL_ENOMEM, ON_BOTH},
        {CALL_LISTEN, EADDRINUSE, BELL_OK, ON_BOTH},
        {CALL_LISTEN, EOPNOTSUPP, BELL_EIO, ON_BOTH},
        {CALL_GETSOCKNAME, ENOBUFS, BELL_EIO, ON_BOTH},
        {CALL_EVENTFD, EMFILE, BELL_ELIMIT, ON_EPOLL},
        {CALL_EVENTFD, ENOMEM, BELL_ENOMEM, ON_EPOLL},
        {CALL_EPOLL_CREATE, EMFILE, BELL_ELIMIT, ON_EPOLL},
        {CALL_EPOLL_CREATE, ENOMEM, BELL_ENOMEM, ON_EPOLL},
        {CALL_EPOLL_ADD, ENOSPC, BELL_ENOMEM, ON_EPOLL},
        {CALL_EPOLL_ADD, ENOMEM, BELL_ENOMEM, ON_EPOLL},
        {CALL_THREAD, EAGAIN, BELL_ENOMEM, ON_BOTH},
        {CALL_OPEN, ENOENT, BELL_ENOTFOUND, ON_BOTH},
        {CALL_OPEN, ENOTDIR, BELL_ENOTFOUND, ON_BOTH},
        {CALL_OPEN, EACCES, BELL_EACCES, ON_BOTH},
        {CALL_OPEN, EMFILE, BELL_ELIMIT, ON_BOTH},
        {CALL_OPEN, ENOMEM, BELL_ENOMEM, ON_BOTH},
        {CALL_OPEN, EINTR, BELL_OK, ON_BOTH},
        {CALL_RANDOM, EINTR, BELL_OK, ON_BOTH},
        {CALL_RANDOM, 0, BELL_OK, ON_BOTH},
        {CALL_GETRLIMIT, EINVAL, BELL_OK, ON_BOTH},
        {CALL_SETRLIMIT, EPERM, BELL_OK, ON_BOTH},
        {CALL_GETAFFINITY, EINVAL, BELL_OK, ON_BOTH},
        {CALL_FCNTL, EMFILE, BELL_OK, ON_BOTH},
    };
    (void)state;
    int before = descriptors();
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        uint32_t nth = 0;
        bool failed;
        while (is_here(ROWS[i].on)) {
            struct service s;
            const fault f = {ROWS[i].call, ROWS[i].error, ++nth, 1, 1, true};
            faults_begin(&f);
            bell_status st = app_compose(&s);
            failed = faults_end() > 0;
            if (st != (failed ? ROWS[i].status : BELL_OK)) {
                fail_msg("row %zu, call %u: %s", i, nth, bell_status_name(st));
            }
            if (st == BELL_OK && nth == 1) {
                assert_true(app_talk(&s));
            }
            service_finish(&s);
            assert_int_equal(descriptors(), before);
            assert_true(nth < MOST_CALLS);
            if (!failed) {
                break;
            }
        }
        if (nth == 1 && ROWS[i].call != CALL_SETRLIMIT) { /* as high as may be already? */
            fail_msg("row %zu: no such call", i);
        }
    }
}

static void without_any_ring_it_says_so_only_to_who_asked(void **state)
{
    const fault f = {CALL_RING_CREATE, EPERM, 1, FOR_EVER, 1, true};
    bell_io_back_end chosen = BELL_IO_AUTO;
    (void)state;
    faults_begin(&f);
    bell_status asked = bell_io_choose(BELL_IO_URING, &chosen);
    bell_status automatic = bell_io_choose(BELL_IO_AUTO, &chosen);
    (void)faults_end();
    assert_int_equal(asked, BELL_ENOTSUP);
    assert_int_equal(automatic, BELL_OK);
    assert_int_equal(chosen, BELL_IO_EPOLL);
}

/* Buffers that are used up piece by piece are not had before Linux 6.12: then there are others. */
static void composing_without_buffers_of_one_kind(void **state)
{
    (void)state;
    if (place_back_end() != BELL_IO_URING) {
        skip();
    }
    for (uint32_t nth = 1;; nth++) {
        struct service s;
        const fault f = {CALL_RING_BUFFERS, EINVAL, nth, 1, 1, true};
        faults_begin(&f);
        assert_int_equal(app_compose(&s), BELL_OK);
        bool failed = faults_end() > 0;
        assert_true(app_talk(&s));
        assert_true(app_ask_all(&s));
        service_finish(&s);
        if (!failed) {
            assert_true(nth > 3);
            break;
        }
    }
}

/* ---- sessions ---- */

static struct peer bystander;

static bool session(const struct service *s)
{
    bool all = app_talk(s);
    all &= app_ask_all(s);
    return all;
}

/* As before: the others are there, nothing of the last session is. */
/* Served once, so its loop has it: what fails from now on is not its first receive. */
static void bystander_connect(const struct service *s)
{
    peer_connect(&bystander, s->port);
    app_is_served(&bystander);
}

static void all_is_well(const struct service *s)
{
    assert_true(app_talk(s));
    app_is_served(&bystander);
    app_wait_closed(s);
}

typedef struct {
    fault_call call;
    int error;
    bool is_harmless; /* the session must not notice */
    where on;
    uint32_t most; /* sessions; 0 = until all calls have failed */
} session_row;

static const session_row ROWS[] = {
    {CALL_ACCEPT, EMFILE, true, ON_BOTH, 2},
    {CALL_ACCEPT, ENFILE, true, ON_BOTH, 2},
    {CALL_ACCEPT, ENOBUFS, true, ON_BOTH, 2},
    {CALL_ACCEPT, ENOMEM, true, ON_BOTH, 2},
    {CALL_ACCEPT, EINTR, true, ON_BOTH, 0},
    {CALL_ACCEPT, EAGAIN, true, ON_BOTH, 0},
    {CALL_ACCEPT, ECONNABORTED, true, ON_BOTH, 0},
    {CALL_ACCEPT, EPROTO, true, ON_BOTH, 0},
    {CALL_ACCEPT, EPERM, true, ON_BOTH, 0},
    {CALL_ACCEPT, ENETDOWN, true, ON_BOTH, 0},
    {CALL_GETPEERNAME, ENOTCONN, false, ON_RING, 0},
    {CALL_EPOLL_ADD, ENOMEM, false, ON_EPOLL, 0},
    {CALL_EPOLL_ADD, ENOSPC, false, ON_EPOLL, 0},
    {CALL_RECEIVE, EINTR, true, ON_BOTH, 0},
    {CALL_RECEIVE, EAGAIN, true, ON_BOTH, 0},
    {CALL_RECEIVE, ENOBUFS, true, ON_RING, 0},
    {CALL_RECEIVE, ECANCELED, true, ON_RING, 0},
    {CALL_RECEIVE, ECONNRESET, false, ON_BOTH, 0},
    {CALL_RECEIVE, ETIMEDOUT, false, ON_BOTH, 0},
    {CALL_RECEIVE, EHOSTUNREACH, false, ON_BOTH, 0},
    {CALL_RECEIVE, ENOMEM, false, ON_BOTH, 0},
    {CALL_SEND, EINTR, true, ON_BOTH, 0},
    {CALL_SEND, EAGAIN, true, ON_BOTH, 0},
    {CALL_SEND, ENOBUFS, true, ON_BOTH, 0},
    {CALL_SEND, EPIPE, false, ON_BOTH, 0},
    {CALL_SEND, ECONNRESET, false, ON_BOTH, 0},
    {CALL_SEND, EHOSTUNREACH, false, ON_BOTH, 0},
    {CALL_SEND, ENOMEM, false, ON_BOTH, 0},
    {CALL_WAKE_WRITE, EAGAIN, true, ON_BOTH, 0},
    {CALL_READ, EAGAIN, true, ON_BOTH, 0},
    {CALL_READ, EINTR, true, ON_BOTH, 0},
    {CALL_WAIT, EINTR, true, ON_BOTH, 0},
    {CALL_WAIT, EAGAIN, true, ON_RING, 0},
    {CALL_WAIT, EBUSY, true, ON_RING, 0},
    {CALL_WAIT, ETIME, true, ON_RING, 0},
    {CALL_OPEN, EINTR, true, ON_BOTH, 0},
    {CALL_OPEN, EMFILE, false, ON_BOTH, 0},
    {CALL_OPEN, EACCES, false, ON_BOTH, 0},
    {CALL_FSTAT, ENOMEM, false, ON_BOTH, 0},
    {CALL_PREAD, EINTR, true, ON_BOTH, 0},
    {CALL_PREAD, EIO, false, ON_BOTH, 0},
    {CALL_PREAD, 0, true, ON_BOTH, 0},
};

static void a_session_fails_cleanly_at_each_call_and_the_next_one_works(void **state)
{
    struct service s;
    (void)state;
    int before = descriptors();
    assert_int_equal(app_compose(&s), BELL_OK);
    bystander_connect(&s);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const session_row *row = &ROWS[i];
        for (uint32_t nth = 1; is_here(row->on) && (row->most == 0 || nth <= row->most); nth++) {
            const fault f = {row->call, row->error, nth, 1, 1, false};
            faults_begin(&f);
            bool all = session(&s);
            app_wait_closed(&s);
            bool failed = faults_end() > 0;
            if (!all && (row->is_harmless || !failed)) {
                fail_msg("row %zu, call %u: the session was disturbed", i, nth);
            }
            all_is_well(&s);
            assert_true(nth < MOST_CALLS);
            if (!failed) {
                if (nth == 1) {
                    fail_msg("row %zu: no such call", i);
                }
                break;
            }
        }
    }
    assert_true(session(&s));
    peer_close(&bystander);
    service_finish(&s);
    assert_int_equal(descriptors(), before);
}

static void tell_peer(struct bell_http_request *request, void *user)
{
    (void)user;
    const bell_http_response response = {.status = 200, .body = bell_http_request_peer(request)};
    assert_int_equal(bell_http_respond(request, &response), BELL_OK);
}

/* Peers at Unix sockets have no address, and may be believed what they say of others. */
static void who_has_gone_before_he_was_named_is_no_peer_at_a_unix_socket(void **state)
{
    static const char *const PROXIES[] = {"unix"};
    const bell_slice request =
        BELL_LIT("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    const fault f = {CALL_GETPEERNAME, ENOTCONN, 1, 1, 1, false};
    struct service s;
    struct peer *p = &bystander;
    char body[64];
    bell_io_options options;
    (void)state;
    if (place_back_end() != BELL_IO_URING) {
        skip(); /* there accept(2) tells */
    }
    bell_io_options_init(&options);
    options.threads = 1;
    options.trusted_proxies = PROXIES;
    options.trusted_proxy_count = 1;
    service_init(&s, NULL);
    assert_int_equal(bell_http_server_route(s.http, "GET", "/", tell_peer, NULL), BELL_OK);
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    faults_begin(&f);
    peer_connect(p, bell_io_server_port(s.io, 0));
    peer_send(p, request);
    assert_int_equal(peer_read_to_end(p), 0);
    peer_close(p);
    assert_int_equal(faults_end(), 1);
    peer_connect(p, bell_io_server_port(s.io, 0));
    peer_send(p, request);
    assert_int_equal(read_answer(p, body, sizeof body), 200);
    assert_string_equal(body, "127.0.0.1");
    peer_close(p);
    service_finish(&s);
}

static void a_session_does_not_notice_short_counts_and_storms_of_errors(void **state)
{
    static const struct {
        fault_call call;
        int error;
        uint32_t distance;
        uint32_t count;
        where on;
    } STORMS[] = {
        {CALL_RECEIVE, 0, 1, FOR_EVER, ON_BOTH},
        {CALL_RECEIVE, EAGAIN, 2, FOR_EVER, ON_BOTH},
        {CALL_RECEIVE, EINTR, 2, FOR_EVER, ON_BOTH},
        {CALL_RECEIVE, EINTR, 1, 500, ON_BOTH},
        {CALL_RECEIVE, EAGAIN, 1, 500, ON_BOTH},
        {CALL_RECEIVE, ENOBUFS, 1, 500, ON_RING},
        {CALL_SEND, 0, 1, FOR_EVER, ON_BOTH},
        {CALL_SEND, EAGAIN, 2, FOR_EVER, ON_BOTH},
        {CALL_SEND, ENOBUFS, 2, FOR_EVER, ON_BOTH},
        {CALL_SEND, EINTR, 2, FOR_EVER, ON_BOTH},
        {CALL_SEND, EAGAIN, 1, 500, ON_BOTH},
        {CALL_SEND, EINTR, 1, 500, ON_BOTH},
        {CALL_ACCEPT, EAGAIN, 2, FOR_EVER, ON_BOTH},
        {CALL_ACCEPT, ECONNABORTED, 1, 500, ON_BOTH},
        {CALL_WAIT, EINTR, 2, FOR_EVER, ON_BOTH},
        {CALL_WAIT, EINTR, 1, 500, ON_BOTH},
        {CALL_WAIT, EAGAIN, 1, 500, ON_RING},
        {CALL_WAIT, EBUSY, 2, FOR_EVER, ON_RING},
        {CALL_READ, EAGAIN, 2, FOR_EVER, ON_BOTH},
        {CALL_WAKE_WRITE, EAGAIN, 1, FOR_EVER, ON_BOTH},
        {CALL_PREAD, 0, 2, FOR_EVER, ON_BOTH},
        {CALL_PREAD, EINTR, 2, FOR_EVER, ON_BOTH},
    };
    struct service s;
    (void)state;
    assert_int_equal(app_compose(&s), BELL_OK);
    bystander_connect(&s);
    for (size_t i = 0; i < COUNT_OF(STORMS); i++) {
        if (is_here(STORMS[i].on)) {
            const fault f = {STORMS[i].call,  STORMS[i].error,    1,
                             STORMS[i].count, STORMS[i].distance, false};
            faults_begin(&f);
            bool all = session(&s);
            app_is_served(&bystander);
            bool failed = faults_end() > 0;
            if (!all || !failed) {
                fail_msg("row %zu: %s", i, failed ? "the session was disturbed" : "no such call");
            }
            all_is_well(&s);
        }
    }
    peer_close(&bystander);
    service_finish(&s);
}

/* The whole system's table is full for a while: who is there is served, who comes waits. */
static void accepting_goes_on_when_the_system_has_descriptors_again(void **state)
{
    enum { CONNECTIONS = 8, TRIES = 5 };
    static struct peer peers[CONNECTIONS];
    struct service s;
    const fault f = {CALL_ACCEPT, ENFILE, 1, FOR_EVER, 1, false};
    (void)state;
    int before = descriptors();
    assert_int_equal(app_compose(&s), BELL_OK);
    bystander_connect(&s);
    faults_begin(&f);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        peer_connect(&peers[i], s.port);
    }
    failures_wait(TRIES);
    app_is_served(&bystander);
    assert_true(faults_end() >= TRIES);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        app_is_served(&peers[i]);
        peer_close(&peers[i]);
    }
    all_is_well(&s);
    peer_close(&bystander);
    service_finish(&s);
    assert_int_equal(descriptors(), before);
}

/* What the application hears of a socket that fails. */
static void a_connection_that_fails_says_why(void **state)
{
    static const struct {
        fault_call call;
        int error;
        bell_status heard; /* by on_error; BELL_OK: nothing */
        bell_close_origin origin;
    } CASES[] = {
        {CALL_RECEIVE, ECONNRESET, BELL_OK, BELL_CLOSED_BY_PEER},
        {CALL_RECEIVE, ETIMEDOUT, BELL_OK, BELL_CLOSED_BY_PEER},
        {CALL_RECEIVE, EHOSTUNREACH, BELL_EIO, BELL_CLOSED_BY_ENGINE},
        {CALL_RECEIVE, ENOMEM, BELL_ENOMEM, BELL_CLOSED_BY_ENGINE},
        {CALL_SEND, EPIPE, BELL_OK, BELL_CLOSED_BY_PEER},
        {CALL_SEND, ECONNRESET, BELL_OK, BELL_CLOSED_BY_PEER},
        {CALL_SEND, EHOSTUNREACH, BELL_EIO, BELL_CLOSED_BY_ENGINE},
        {CALL_SEND, ENOMEM, BELL_ENOMEM, BELL_CLOSED_BY_ENGINE},
    };
    struct service s;
    (void)state;
    assert_int_equal(app_compose(&s), BELL_OK);
    bystander_connect(&s);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        static struct peer p;
        /* All of them: connections that have ended, and wait for their peers, may be first. */
        const fault f = {CASES[i].call, CASES[i].error, 1, FOR_EVER, 1, false};
        app_websocket_open(&s, &p);
        app_forget_error();
        faults_begin(&f);
        /* A receive of a ring is under way already, so the second one fails. */
        peer_send_frame(&p, 1, BELL_LIT("one"));
        (void)peer_read_to_end(&p);
        app_wait_closed(&s);
        assert_true(faults_end() > 0);
        assert_int_equal(app_last_error(), CASES[i].heard);
        assert_int_equal(app_last_close().origin, CASES[i].origin);
        assert_int_equal(app_last_close().why, CASES[i].heard);
        assert_int_equal(app_last_close().code, 1006);
        peer_close(&p);
        all_is_well(&s);
    }
    peer_close(&bystander);
    service_finish(&s);
}

/* ---- loops ---- */

/* A loop whose listener could not be watched at first takes connections later. */
static void a_loop_that_cannot_watch_its_listener_tries_again(void **state)
{
    enum { CONNECTIONS = 64 }; /* the kernel spreads them over both loops */
    static struct peer peers[CONNECTIONS];
    struct service s;
    const fault f = {
        place_back_end() == BELL_IO_URING ? CALL_ACCEPT : CALL_EPOLL_ADD, ENOMEM, 1, 2, 1, false};
    (void)state;
    faults_begin(&f);
    assert_int_equal(app_compose(&s), BELL_OK);
    failures_wait(2);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        peer_connect(&peers[i], s.port);
    }
    (void)faults_end();
    for (size_t i = 0; i < CONNECTIONS; i++) {
        app_is_served(&peers[i]);
        peer_close(&peers[i]);
    }
    service_finish(&s);
}

/* Whom the kernel gave to the loop that ends is reset; soon it gives it nobody any more. */
static void is_served_in_the_end(const struct service *s)
{
    enum { IN_A_ROW = 20, TRIES = 2000 };
    int in_a_row = 0;
    for (int i = 0; in_a_row < IN_A_ROW; i++) {
        assert_true(i < TRIES);
        in_a_row = app_talk(s) ? in_a_row + 1 : 0;
    }
}

static const fault *end_of_loops(uint32_t count)
{
    static fault f;
    f = (fault){CALL_WAIT, EBADF, 1, count, 1, false};
    return &f;
}

static void a_loop_that_cannot_wait_leaves_its_work_to_the_others(void **state)
{
    struct service s;
    (void)state;
    int before = descriptors();
    faults_begin(end_of_loops(1));
    assert_int_equal(app_compose(&s), BELL_OK);
    failures_wait(1);
    is_served_in_the_end(&s);
    (void)faults_end();
    app_wait_closed(&s);
    service_finish(&s);
    assert_int_equal(descriptors(), before);
}

static void a_server_whose_loops_cannot_wait_ends(void **state)
{
    struct service s;
    (void)state;
    int before = descriptors();
    faults_begin(end_of_loops(FOR_EVER));
    assert_int_equal(app_compose(&s), BELL_OK);
    bell_io_server_wait(s.io);
    assert_true(faults_end() >= 2);
    service_finish(&s);
    assert_int_equal(descriptors(), before);
}

static void do_nothing(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws, (void)conn, (void)user;
}

/* Nor do they wait for who destroys the server, who may take his time. */
static void a_loop_that_cannot_wait_lets_its_peers_go(void **state)
{
    enum { PEERS = 8 };
    static struct peer peers[PEERS];
    struct service s;
    (void)state;
    assert_int_equal(app_compose(&s), BELL_OK);
    for (size_t i = 0; i < PEERS; i++) {
        app_websocket_open(&s, &peers[i]);
    }
    faults_begin(end_of_loops(FOR_EVER));
    /* Ends the wait under way of each loop, of one that got no peer too. */
    assert_int_equal(bell_ws_run_all(s.ws, do_nothing, NULL, NULL), BELL_OK);
    assert_int_equal(bell_io_server_wait(s.io), BELL_EIO);
    for (size_t i = 0; i < PEERS; i++) {
        (void)peer_read_to_end(&peers[i]);
        peer_close(&peers[i]);
    }
    assert_true(faults_end() >= 2);
    service_finish(&s);
}

static void a_ring_that_cannot_be_enabled_leaves_its_work_to_the_others(void **state)
{
    struct service s;
    const fault f = {CALL_RING_ENABLE, EBADFD, 1, 1, 1, false};
    (void)state;
    if (place_back_end() != BELL_IO_URING) {
        skip();
    }
    faults_begin(&f);
    assert_int_equal(app_compose(&s), BELL_OK);
    failures_wait(1);
    is_served_in_the_end(&s);
    (void)faults_end();
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composing_fails_cleanly_at_each_call),
        cmocka_unit_test(composing_without_buffers_of_one_kind),
        cmocka_unit_test(without_any_ring_it_says_so_only_to_who_asked),
        cmocka_unit_test(a_session_fails_cleanly_at_each_call_and_the_next_one_works),
        cmocka_unit_test(who_has_gone_before_he_was_named_is_no_peer_at_a_unix_socket),
        cmocka_unit_test(a_session_does_not_notice_short_counts_and_storms_of_errors),
        cmocka_unit_test(accepting_goes_on_when_the_system_has_descriptors_again),
        cmocka_unit_test(a_connection_that_fails_says_why),
        cmocka_unit_test(a_loop_that_cannot_watch_its_listener_tries_again),
        cmocka_unit_test(a_loop_that_cannot_wait_leaves_its_work_to_the_others),
        cmocka_unit_test(a_server_whose_loops_cannot_wait_ends),
        cmocka_unit_test(a_loop_that_cannot_wait_lets_its_peers_go),
        cmocka_unit_test(a_ring_that_cannot_be_enabled_leaves_its_work_to_the_others),
    };
    return place_init() ? cmocka_run_group_tests(tests, app_folder_make, app_folder_remove) : 1;
}
