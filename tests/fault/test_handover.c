/*
 * Taking over when memory ends or the kernel says no: each allocation and each system call of it
 * fails once, on either side. The one that wants to take over is told or tries again, the other
 * goes on, and no block of memory or descriptor is left.
 */
#include "base/mem.h"
#include "faulty_calls.h"
#include "faulty_place.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ALLOCATIONS = 500, LISTENERS = 2, DEADLINE_MS = 10000 };

static char folder[] = "/tmp/bell_handover_XXXXXX";
static char path[sizeof folder + 2];
static char unix_address[sizeof folder + 8];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/h", folder);
    (void)snprintf(unix_address, sizeof unix_address, "unix:%s/s", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a file was left */
}

static bell_status make(struct service *s, uint32_t threads, size_t *taken)
{
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = threads;
    *s = (struct service){0};
    bell_status st = bell_http_server_create(NULL, &s->http);
    if (st == BELL_OK) {
        st = bell_io_server_create(s->http, &options, &s->io);
    }
    return st == BELL_OK ? bell_io_server_hand_over(s->io, path, DEADLINE_MS, 0, taken) : st;
}

static void destroy(struct service *s)
{
    bell_io_server_destroy(s->io);
    bell_http_server_destroy(s->http);
}

static void expect_served(uint16_t port)
{
    struct peer p;
    char body[64];
    peer_connect(&p, port);
    peer_send(&p, BELL_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(read_answer(&p, body, sizeof body), 404);
    peer_close(&p);
}

/* The one to be taken over, at TCP and, with LISTENERS listeners, at the Unix socket; its port. */
static uint16_t begin(struct service *first, uint32_t threads, size_t listeners)
{
    size_t taken = 7;
    assert_int_equal(make(first, threads, &taken), BELL_OK);
    assert_int_equal(taken, 0);
    assert_int_equal(bell_io_server_listen(first->io, "127.0.0.1:0"), BELL_OK);
    if (listeners == LISTENERS) {
        assert_int_equal(bell_io_server_listen(first->io, unix_address), BELL_OK);
    }
    assert_int_equal(bell_io_server_start(first->io), BELL_OK);
    return bell_io_server_port(first->io, 0);
}

/* The lowest descriptor that is free. */
static int free_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    return fd;
}

static void taking_over_fails_cleanly_at_each_allocation(void **state)
{
    (void)state;
    struct service first;
    size_t taken;
    uint16_t port = begin(&first, 2, LISTENERS);
    expect_served(port);
    int64_t nth = 0;
    bool failed;
    do {
        struct service next;
        bell_mem_fail_at(++nth);
        bell_status st = make(&next, 3, &taken);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_true(st == BELL_OK || (failed && st == BELL_ENOMEM));
        if (st == BELL_OK) {
            assert_int_equal(taken, LISTENERS);
            assert_int_equal(bell_io_server_port(next.io, 0), port);
        }
        destroy(&next); /* before it runs: nothing has happened */
        assert_true(nth < MOST_ALLOCATIONS);
    } while (failed);
    assert_true(nth > 10);
    expect_served(port);
    /* And one that runs. */
    struct service next;
    assert_int_equal(make(&next, 3, &taken), BELL_OK);
    assert_int_equal(bell_io_server_start(next.io), BELL_OK);
    bell_io_server_wait(first.io);
    destroy(&first);
    expect_served(port);
    destroy(&next);
    assert_int_equal(bell_mem_live(), 0);
}

static void a_failed_take_leaves_no_descriptor(void **state)
{
    (void)state;
    struct service first;
    size_t taken;
    (void)begin(&first, 1, 1);
    int rest = free_descriptor();
    for (int64_t nth = 1; nth < 12; nth++) {
        struct service next;
        bell_mem_fail_at(nth);
        bell_status st = make(&next, 1, &taken);
        bell_mem_fail_at(0);
        (void)st;
        destroy(&next);
        /* The first one lets go of its end a moment later. */
        while (free_descriptor() > rest) {
            (void)usleep(1000);
        }
    }
    destroy(&first);
    assert_int_equal(bell_mem_live(), 0);
}

/* ---- system calls ---- */

typedef struct {
    fault_call call;
    int error;
    uint32_t first; /* 0 = each in turn */
    bell_status status;
    bool here; /* of the one that takes over; else of the one that runs */
} row;

/* One call of a take-over fails; returns whether there was one. */
static bool take_over_once(const row *r, uint32_t nth, uint16_t port, size_t listeners)
{
    struct service next;
    size_t taken = 7;
    const fault f = {r->call, r->error, nth, 1, 1, r->here};
    next = (struct service){0};
    faults_begin(&f);
    bell_status st = make(&next, 2, &taken);
    bool failed = faults_end() > 0;
    if (st != (failed ? r->status : BELL_OK)) {
        fail_msg("call %d, error %d, %u: %s", (int)r->call, r->error, nth, bell_status_name(st));
    }
    if (st != BELL_OK) {
        /* The one that runs may need a moment to see that. */
        assert_int_equal(taken, 7);
        assert_int_equal(bell_io_server_hand_over(next.io, path, DEADLINE_MS, 0, &taken), BELL_OK);
    }
    assert_int_equal(taken, listeners);
    assert_int_equal(bell_io_server_port(next.io, 0), port);
    destroy(&next); /* before it runs: nothing has happened */
    expect_served(port);
    return failed;
}

static void taking_over_fails_cleanly_at_each_call(void **state)
{
    static const row ROWS[] = {
        {CALL_CONNECT, EINTR, 1, BELL_OK, true},
        {CALL_CONNECT, EAGAIN, 1, BELL_ETIMEOUT, true},
        {CALL_CONNECT, EACCES, 1, BELL_EACCES, true},
        {CALL_CONNECT, ENOMEM, 1, BELL_ENOMEM, true},
        /* As if nobody were there: then it would wait there itself, and finds that taken. */
        {CALL_CONNECT, ECONNREFUSED, 1, BELL_EADDRINUSE, true},
        {CALL_SETSOCKOPT, ENOMEM, 1, BELL_ENOMEM, true},
        {CALL_SETSOCKOPT, ENOMEM, 2, BELL_ENOMEM, true},
        {CALL_RECEIVE_DESCRIPTORS, EINTR, 0, BELL_OK, true},
        {CALL_RECEIVE_DESCRIPTORS, ECONNRESET, 0, BELL_OK, true},
        {CALL_RECEIVE_DESCRIPTORS, EAGAIN, 0, BELL_ETIMEOUT, true},
        {CALL_RECEIVE_DESCRIPTORS, ENOMEM, 0, BELL_EIO, true},
        {CALL_SEND_DESCRIPTORS, EAGAIN, 0, BELL_OK, false},
        {CALL_SEND_DESCRIPTORS, ENOBUFS, 0, BELL_OK, false},
        {CALL_SEND_DESCRIPTORS, ENOMEM, 0, BELL_OK, false},
        {CALL_SEND_DESCRIPTORS, ETOOMANYREFS, 0, BELL_OK, false},
        {CALL_SEND_DESCRIPTORS, EPIPE, 0, BELL_OK, false},
        {CALL_ACCEPT, EMFILE, 1, BELL_OK, false},
        {CALL_ACCEPT, ENFILE, 1, BELL_OK, false},
        {CALL_ACCEPT, ECONNABORTED, 1, BELL_OK, false},
    };
    struct service first;
    (void)state;
    uint16_t port = begin(&first, 2, LISTENERS);
    expect_served(port);
    int before = descriptors();
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        uint32_t nth = ROWS[i].first == 0 ? 1 : ROWS[i].first;
        while (take_over_once(&ROWS[i], nth, port, LISTENERS) && ROWS[i].first == 0) {
            nth++;
            assert_true(nth < MOST_ALLOCATIONS);
        }
        assert_true(ROWS[i].first > 0 || nth > 1); /* else there is no such call */
        descriptors_wait(before);
    }
    destroy(&first);
    assert_int_equal(bell_mem_live(), 0);
}

/* Who cannot make a descriptor ready that came leaves all of them to the one that runs. */
static void descriptors_that_cannot_be_made_ready_are_closed(void **state)
{
    static const row ROWS[] = {
        {CALL_GETSOCKOPT, ENOBUFS, 1, BELL_EPROTO, true},
        {CALL_GETSOCKOPT, ENOBUFS, 2, BELL_EPROTO, true},
        {CALL_FCNTL, EACCES, 1, BELL_EPROTO, true},
        {CALL_FCNTL, EACCES, 2, BELL_EPROTO, true},
        {CALL_FCNTL, EACCES, 3, BELL_EPROTO, true},
        {CALL_SETSOCKOPT, ENOMEM, 3, BELL_OK, true},
    };
    struct service first;
    (void)state;
    uint16_t port = begin(&first, 2, 1);
    int before = descriptors();
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        assert_true(take_over_once(&ROWS[i], ROWS[i].first, port, 1));
        descriptors_wait(before);
    }
    destroy(&first);
    assert_int_equal(bell_mem_live(), 0);
}

/* ---- saying that it runs ---- */

/* Else there would be two for ever, each with half of the connections. */
static void who_cannot_say_that_it_runs_does_not_run(void **state)
{
    static const struct {
        int error;
        bell_status status;
    } ROWS[] = {{ENOBUFS, BELL_ENOMEM}, {ENOMEM, BELL_ENOMEM}, {EAGAIN, BELL_EIO}};
    struct service first;
    struct service next;
    size_t taken;
    (void)state;
    uint16_t port = begin(&first, 2, LISTENERS);
    int before = descriptors();
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const fault f = {CALL_SEND, ROWS[i].error, 1, 1, 1, true};
        assert_int_equal(make(&next, 2, &taken), BELL_OK);
        assert_int_equal(taken, LISTENERS);
        faults_begin(&f);
        assert_int_equal(bell_io_server_start(next.io), ROWS[i].status);
        assert_int_equal(faults_end(), 1);
        destroy(&next);
        descriptors_wait(before);
        expect_served(port);
        assert_int_equal(access(unix_address + strlen("unix:"), F_OK), 0);
    }
    /* And one that can. */
    assert_int_equal(make(&next, 2, &taken), BELL_OK);
    assert_int_equal(bell_io_server_start(next.io), BELL_OK);
    assert_int_equal(bell_io_server_wait(first.io), BELL_OK);
    destroy(&first);
    expect_served(port);
    assert_int_equal(access(unix_address + strlen("unix:"), F_OK), 0);
    destroy(&next);
    assert_int_equal(bell_mem_live(), 0);
}

static void who_finds_nobody_to_say_it_to_runs(void **state)
{
    struct service first;
    struct service next;
    size_t taken;
    (void)state;
    uint16_t port = begin(&first, 1, 1);
    assert_int_equal(make(&next, 1, &taken), BELL_OK);
    destroy(&first);
    assert_int_equal(bell_io_server_start(next.io), BELL_OK);
    expect_served(port);
    destroy(&next);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taking_over_fails_cleanly_at_each_allocation),
        cmocka_unit_test(a_failed_take_leaves_no_descriptor),
        cmocka_unit_test(taking_over_fails_cleanly_at_each_call),
        cmocka_unit_test(descriptors_that_cannot_be_made_ready_are_closed),
        cmocka_unit_test(who_cannot_say_that_it_runs_does_not_run),
        cmocka_unit_test(who_finds_nobody_to_say_it_to_runs),
    };
    return place_init() ? cmocka_run_group_tests(tests, make_folder, remove_folder) : 1;
}
