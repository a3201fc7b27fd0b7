/*
 * Clients of ours when memory ends or the kernel says no: each allocation of making one, and then
 * each allocation and system call of connecting, talking and closing, at either end, fails once.
 * Whoever was given a connection is told of its end exactly once; afterwards the next one works,
 * and no block of memory is left.
 */
#include "base/mem.h"
#include "client_app.h"
#include "faulty_calls.h"
#include "faulty_place.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_ALLOCATIONS = 2000, PATIENCE_MS = 20000 };

static struct told there;
static struct told here;

struct both {
    struct service s;
    struct bell_ws_server *client;
};

static bell_ws_options packing(void)
{
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.deflate.is_enabled = true;
    o.deflate.has_server_takeover = true;
    o.deflate.has_client_takeover = true;
    return o;
}

static void both_init(struct both *b)
{
    told_reset(&there, true);
    const struct bell_component component = told_component(&there);
    const bell_ws_options options = packing();
    service_init(&b->s, NULL);
    service_add_websocket(&b->s, &component, &options);
    service_start(&b->s, 1);
    b->client = NULL;
}

static bell_status client_make(struct both *b)
{
    static const char *const OFFERED[] = {"one", "two"};
    bell_ws_options options = packing();
    told_reset(&here, false);
    const struct bell_component component = told_component(&here);
    options.subprotocols = OFFERED;
    options.subprotocol_count = 2;
    return bell_ws_client_create(b->s.io, &component, &options, NULL, &b->client);
}

static void both_finish(struct both *b)
{
    bell_io_server_stop(b->s.io);
    bell_ws_server_destroy(b->client);
    service_finish(&b->s);
}

/* Until the count is there, or the connection has ended. Returns whether it is there. */
static bool reaches(atomic_int *count, int wanted, int closes)
{
    for (int i = 0; atomic_load(count) < wanted && atomic_load(&here.closes) < closes; i++) {
        assert_true(i < PATIENCE_MS);
        (void)usleep(1000);
    }
    return atomic_load(count) >= wanted;
}

static bool may_fail(bell_status st)
{
    assert_true(st == BELL_OK || st == BELL_ENOMEM || st == BELL_ECLOSED);
    return st == BELL_OK;
}

/* A connection's life. Returns whether nothing went wrong in it. */
static bool talk_to(struct both *b, const char *url)
{
    static const bell_http_field FIELD = {{"Cookie", 6}, {"a=b", 3}};
    static char large[20000];
    const bell_ws_connect_options options = {.fields = &FIELD, .field_count = 1, .user = b};
    int opens = atomic_load(&here.opens);
    int messages = atomic_load(&here.messages);
    int closes = atomic_load(&here.closes) + 1;
    bell_conn conn;
    bell_status st = bell_ws_client_connect(b->client, url, &options, &conn);
    if (!may_fail(st)) {
        assert_int_equal(st, BELL_ENOMEM);
        return false; /* and nothing more is told */
    }
    bool all = reaches(&here.opens, opens + 1, closes);
    if (all) {
        all = may_fail(bell_ws_send(b->client, conn, BELL_TEXT, BELL_LIT("small"))) &&
              may_fail(bell_ws_send(b->client, conn, BELL_BINARY,
                                    bell_slice_make(large, sizeof large))) &&
              may_fail(bell_ws_broadcast(b->client, BELL_TEXT, BELL_LIT("to all"), 0)) &&
              reaches(&here.messages, messages + 3, closes);
        if (!may_fail(bell_ws_close(b->client, conn, 1000, BELL_LIT("bye")))) {
            all = false;
            while (bell_ws_abort(b->client, conn) == BELL_ENOMEM) {
            }
        }
    }
    wait_for(&here.closes, closes);
    assert_int_equal(atomic_load(&here.closes), closes);
    return all;
}

static bool talk(struct both *b)
{
    char url[64];
    (void)snprintf(url, sizeof url, "ws://localhost:%u/ws", b->s.port);
    return talk_to(b, url);
}

static void settle(const struct both *b)
{
    for (int i = 0; bell_ws_connection_count(b->client) + bell_ws_connection_count(b->s.ws) > 0;
         i++) {
        assert_true(i < PATIENCE_MS);
        (void)usleep(1000);
    }
}

static void making_a_client_fails_cleanly_at_each_allocation(void **state)
{
    struct both b;
    int64_t nth = 0;
    bool failed;
    (void)state;
    both_init(&b);
    do {
        bell_mem_fail_at(++nth);
        bell_status st = client_make(&b);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_int_equal(st, failed ? BELL_ENOMEM : BELL_OK);
        if (st == BELL_OK) {
            assert_true(talk(&b));
            settle(&b);
        }
        assert_true(nth < MOST_ALLOCATIONS);
    } while (failed);
    assert_true(nth > 5);
    both_finish(&b);
}

static void a_connection_fails_cleanly_at_each_allocation_and_the_next_one_works(void **state)
{
    struct both b;
    int64_t nth = 0;
    bool failed;
    (void)state;
    both_init(&b);
    assert_int_equal(client_make(&b), BELL_OK);
    do {
        bell_mem_fail_at(++nth);
        bool all = talk(&b);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_true(all || failed);
        assert_true(talk(&b));
        settle(&b);
        assert_true(nth < MOST_ALLOCATIONS);
    } while (failed);
    assert_true(nth > 30);
    both_finish(&b);
}

/* ---- system calls ---- */

static char folder[] = "/tmp/bell_client_XXXXXX";
static char unix_url[sizeof folder + 20];

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a file was left */
}

/* As both_init, with a Unix socket too. */
static void both_init_unix(struct both *b)
{
    char address[sizeof folder + 10];
    bell_io_options io;
    const bell_ws_options options = packing();
    told_reset(&there, true);
    const struct bell_component component = told_component(&there);
    (void)snprintf(address, sizeof address, "unix:%s/s", folder);
    (void)snprintf(unix_url, sizeof unix_url, "ws+unix:%s/s:/ws", folder);
    bell_io_options_init(&io);
    io.threads = 1;
    service_init(&b->s, NULL);
    service_add_websocket(&b->s, &component, &options);
    assert_int_equal(bell_io_server_create(b->s.http, &io, &b->s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen(b->s.io, "127.0.0.1:0"), BELL_OK);
    assert_int_equal(bell_io_server_listen(b->s.io, address), BELL_OK);
    b->s.port = bell_io_server_port(b->s.io, 0);
    assert_int_equal(bell_io_server_start(b->s.io), BELL_OK);
    assert_int_equal(client_make(b), BELL_OK);
}

typedef enum { TO_ADDRESS, TO_NAME, TO_UNIX } goal;

static const char *url_of(const struct both *b, goal to)
{
    static char url[64];
    (void)snprintf(url, sizeof url, "ws://%s:%u/ws", to == TO_NAME ? "localhost" : "127.0.0.1",
                   b->s.port);
    return to == TO_UNIX ? unix_url : url;
}

/* What the application hears of a connect that failed. */
static void a_connect_that_fails_says_why(void **state)
{
    static const struct {
        fault_call call;
        int error;
        goal to;
        bell_status why; /* BELL_OK: it goes on */
        where on;
    } ROWS[] = {
        {CALL_THREAD, EAGAIN, TO_NAME, BELL_ENOMEM, ON_BOTH}, /* the first that looks names up */
        {CALL_RESOLVE, EAI_NONAME, TO_NAME, BELL_ENOTFOUND, ON_BOTH},
        {CALL_RESOLVE, EAI_AGAIN, TO_NAME, BELL_EAGAIN, ON_BOTH},
        {CALL_RESOLVE, EAI_MEMORY, TO_NAME, BELL_ENOMEM, ON_BOTH},
        {CALL_RESOLVE, EAI_FAIL, TO_NAME, BELL_EIO, ON_BOTH},
        {CALL_RESOLVE, EAI_SYSTEM, TO_NAME, BELL_EIO, ON_BOTH},
        {CALL_SOCKET, EMFILE, TO_ADDRESS, BELL_ELIMIT, ON_BOTH},
        {CALL_SOCKET, ENFILE, TO_ADDRESS, BELL_ELIMIT, ON_BOTH},
        {CALL_SOCKET, ENOBUFS, TO_ADDRESS, BELL_ENOMEM, ON_BOTH},
        {CALL_SOCKET, ENOMEM, TO_ADDRESS, BELL_ENOMEM, ON_BOTH},
        {CALL_SOCKET, EACCES, TO_ADDRESS, BELL_EACCES, ON_BOTH},
        {CALL_SOCKET, EAFNOSUPPORT, TO_ADDRESS, BELL_EIO, ON_BOTH},
        {CALL_SETSOCKOPT, ENOMEM, TO_ADDRESS, BELL_ENOMEM, ON_BOTH},
        {CALL_FCNTL, EACCES, TO_ADDRESS, BELL_EIO, ON_RING},
        {CALL_CONNECT, ECONNREFUSED, TO_ADDRESS, BELL_EREFUSED, ON_BOTH},
        {CALL_CONNECT, ETIMEDOUT, TO_ADDRESS, BELL_ETIMEOUT, ON_BOTH},
        {CALL_CONNECT, ENETUNREACH, TO_ADDRESS, BELL_EIO, ON_BOTH},
        {CALL_CONNECT, EHOSTUNREACH, TO_ADDRESS, BELL_EIO, ON_BOTH},
        {CALL_CONNECT, EADDRNOTAVAIL, TO_ADDRESS, BELL_EADDRINUSE, ON_BOTH},
        {CALL_CONNECT, EADDRINUSE, TO_ADDRESS, BELL_EADDRINUSE, ON_BOTH},
        {CALL_CONNECT, EACCES, TO_ADDRESS, BELL_EACCES, ON_BOTH},
        {CALL_CONNECT, EPERM, TO_ADDRESS, BELL_EACCES, ON_BOTH},
        {CALL_CONNECT, ENOBUFS, TO_ADDRESS, BELL_ENOMEM, ON_BOTH},
        {CALL_CONNECT, ENOMEM, TO_ADDRESS, BELL_ENOMEM, ON_BOTH},
        {CALL_CONNECT, EINTR, TO_ADDRESS, BELL_OK, ON_EPOLL},
        {CALL_GETSOCKOPT, ENOBUFS, TO_ADDRESS, BELL_ENOMEM, ON_EPOLL},
        {CALL_SOCKET, EMFILE, TO_UNIX, BELL_ELIMIT, ON_BOTH},
        {CALL_CONNECT, ENOENT, TO_UNIX, BELL_ENOTFOUND, ON_BOTH},
        {CALL_CONNECT, ECONNREFUSED, TO_UNIX, BELL_EREFUSED, ON_BOTH},
        {CALL_CONNECT, EAGAIN, TO_UNIX, BELL_EREFUSED, ON_BOTH},
        {CALL_CONNECT, EACCES, TO_UNIX, BELL_EACCES, ON_BOTH},
    };
    struct both b;
    (void)state;
    int before = descriptors();
    both_init_unix(&b);
    int started = descriptors();
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        if (!is_here(ROWS[i].on)) {
            continue;
        }
        const fault f = {ROWS[i].call, ROWS[i].error, 1, 1, 1, false};
        int opens = atomic_load(&here.opens);
        int errors = atomic_load(&here.errors);
        faults_begin(&f);
        bool all = talk_to(&b, url_of(&b, ROWS[i].to));
        uint32_t failed = faults_end();
        if (failed != 1 || all != (ROWS[i].why == BELL_OK) ||
            (!all && atomic_load(&here.error) != (int)ROWS[i].why)) {
            fail_msg("row %zu: failed %u, %s", i, failed,
                     all ? "well" : bell_status_name((bell_status)atomic_load(&here.error)));
        }
        if (!all) {
            assert_int_equal(atomic_load(&here.opens), opens);
            assert_int_equal(atomic_load(&here.errors), errors + 1);
            assert_int_equal(atomic_load(&here.why), ROWS[i].why);
            assert_int_equal(atomic_load(&here.origin), BELL_CLOSED_BY_ENGINE);
            assert_int_equal(atomic_load(&here.code), 1006);
        }
        settle(&b);
        descriptors_wait(started);
        assert_true(talk_to(&b, url_of(&b, ROWS[i].to)));
        settle(&b);
    }
    both_finish(&b);
    descriptors_wait(before);
}

/* At either end: what is not harmless ends one connection, which is told once. */
static void a_connection_fails_cleanly_at_each_call_and_the_next_one_works(void **state)
{
    static const struct {
        fault_call call;
        int error;
        bool is_harmless;
        where on;
    } ROWS[] = {
        {CALL_EPOLL_ADD, ENOMEM, false, ON_EPOLL},
        {CALL_EPOLL_ADD, ENOSPC, false, ON_EPOLL},
        {CALL_EPOLL_REMOVE, ENOENT, true, ON_EPOLL},
        {CALL_RECEIVE, EINTR, true, ON_BOTH},
        {CALL_RECEIVE, EAGAIN, true, ON_BOTH},
        {CALL_RECEIVE, 0, true, ON_BOTH},
        {CALL_RECEIVE, ECONNRESET, false, ON_BOTH},
        {CALL_RECEIVE, ETIMEDOUT, false, ON_BOTH},
        {CALL_RECEIVE, EHOSTUNREACH, false, ON_BOTH},
        {CALL_SEND, EINTR, true, ON_BOTH},
        {CALL_SEND, EAGAIN, true, ON_BOTH},
        {CALL_SEND, 0, true, ON_BOTH},
        {CALL_SEND, EPIPE, false, ON_BOTH},
        {CALL_SEND, ECONNRESET, false, ON_BOTH},
        {CALL_SEND, EHOSTUNREACH, false, ON_BOTH},
        {CALL_CLOSE, EINTR, true, ON_BOTH},
        {CALL_CLOSE, EIO, true, ON_BOTH},
        {CALL_SHUTDOWN, ENOTCONN, true, ON_BOTH},
    };
    struct both b;
    (void)state;
    both_init_unix(&b);
    int started = descriptors();
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        bool failed = is_here(ROWS[i].on);
        for (uint32_t nth = 1; failed; nth++) {
            const fault f = {ROWS[i].call, ROWS[i].error, nth, 1, 1, false};
            faults_begin(&f);
            bool all = talk_to(&b, url_of(&b, TO_ADDRESS));
            settle(&b);
            descriptors_wait(started); /* sockets are closed a moment later */
            failed = faults_end() > 0;
            if (!all && (ROWS[i].is_harmless || !failed)) {
                fail_msg("row %zu, call %u: the connection was disturbed", i, nth);
            }
            assert_true(talk_to(&b, url_of(&b, TO_UNIX)));
            settle(&b);
            descriptors_wait(started);
            assert_true(failed || nth > 1); /* else there is no such call */
            assert_true(nth < MOST_ALLOCATIONS);
        }
    }
    both_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_a_client_fails_cleanly_at_each_allocation),
        cmocka_unit_test(a_connection_fails_cleanly_at_each_allocation_and_the_next_one_works),
        cmocka_unit_test(a_connect_that_fails_says_why),
        cmocka_unit_test(a_connection_fails_cleanly_at_each_call_and_the_next_one_works),
    };
    return place_init() ? cmocka_run_group_tests(tests, make_folder, remove_folder) : 1;
}
