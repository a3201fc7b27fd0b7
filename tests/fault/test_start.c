/*
 * The beginning and the end of a server's loops when the kernel does not play along: rings that can
 * be had for some loops and not for all, and what run and wait say of loops that could not go on.
 */
#include "bell/net/io.h"
#include "bell/server/io_server_internal.h"
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
#include <stdlib.h>

enum { LOOPS = 3 };

static const struct bell_component NOTHING = {0};

static bell_status make(struct service *s, bell_io_back_end back_end)
{
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = LOOPS;
    options.back_end = back_end;
    service_init(s, NULL);
    service_add_websocket(s, &NOTHING, NULL);
    bell_status st = bell_io_server_create(s->http, &options, &s->io);
    if (st == BELL_OK) {
        assert_int_equal(bell_io_server_listen(s->io, "127.0.0.1:0"), BELL_OK);
        s->port = bell_io_server_port(s->io, 0);
    }
    return st;
}

/* ---- the beginning ---- */

/* Which back end all loops have; they must have the same. */
static bell_io_back_end back_end_of(const struct bell_io_server *io)
{
    const struct bell_io_base *first = (const void *)io->loops[0].loop.io;
    assert_int_equal(io->loop_count, LOOPS);
    for (uint32_t i = 1; i < LOOPS; i++) {
        const struct bell_io_base *other = (const void *)io->loops[i].loop.io;
        assert_ptr_equal(other->ops, first->ops);
    }
    return io->options.back_end;
}

static void serves(struct service *s)
{
    assert_int_equal(bell_io_server_start(s->io), BELL_OK);
    for (int i = 0; i < 4 * LOOPS; i++) {
        struct peer p;
        peer_connect(&p, s->port);
        assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
        peer_close(&p);
    }
}

/* What a ring needs. */
static const struct {
    fault_call call;
    int error;
    uint32_t count;     /* that must fail for one ring to fail */
    bell_status status; /* of who insists on a ring */
} NEEDS[] = {
    {CALL_RING_CREATE, ENOSYS, 1, BELL_ENOTSUP}, {CALL_RING_CREATE, EPERM, 1, BELL_ENOTSUP},
    {CALL_RING_CREATE, ENOMEM, 1, BELL_ENOMEM},  {CALL_RING_CREATE, EMFILE, 1, BELL_ELIMIT},
    {CALL_RING_CREATE, ENFILE, 1, BELL_ELIMIT},  {CALL_EVENTFD, EMFILE, 1, BELL_ELIMIT},
    {CALL_EVENTFD, ENOMEM, 1, BELL_ENOMEM},      {CALL_RING_BUFFERS, ENOMEM, 2, BELL_ENOTSUP},
};

/* The first ring is the one by which the back end is chosen; then comes one per loop. */
static void without_a_ring_for_each_loop_all_have_epoll(void **state)
{
    (void)state;
    if (place_back_end() != BELL_IO_URING) {
        skip();
    }
    int before = descriptors();
    for (size_t i = 0; i < COUNT_OF(NEEDS); i++) {
        for (uint32_t ring = 0; ring <= LOOPS + 1; ring++) {
            struct service s;
            /* Buffers are asked for once per ring while nothing fails. */
            const fault f = {NEEDS[i].call, NEEDS[i].error, ring + 1, NEEDS[i].count, 1, true};
            faults_begin(&f);
            assert_int_equal(make(&s, BELL_IO_AUTO), BELL_OK);
            uint32_t failed = faults_end();
            assert_int_equal(failed, ring <= LOOPS ? NEEDS[i].count : 0);
            assert_int_equal(back_end_of(s.io), failed > 0 ? BELL_IO_EPOLL : BELL_IO_URING);
            serves(&s);
            service_finish(&s);
            assert_int_equal(descriptors(), before);
        }
    }
}

/* There is no way back, and none round: what epoll cannot have either is a failure. */
static void without_descriptors_for_epoll_either_there_is_no_server(void **state)
{
    (void)state;
    if (place_back_end() != BELL_IO_URING) {
        skip();
    }
    int before = descriptors();
    for (uint32_t first = 1; first <= LOOPS + 1; first++) {
        struct service s;
        const fault f = {CALL_EVENTFD, EMFILE, first, FOR_EVER, 1, true};
        faults_begin(&f);
        assert_int_equal(make(&s, BELL_IO_AUTO), BELL_ELIMIT);
        (void)faults_end();
        service_finish(&s);
        assert_int_equal(descriptors(), before);
    }
}

static void insists(bell_io_back_end asked)
{
    int before = descriptors();
    for (size_t i = 0; i < COUNT_OF(NEEDS); i++) {
        for (uint32_t ring = 0; ring <= LOOPS; ring++) {
            struct service s;
            const fault f = {NEEDS[i].call, NEEDS[i].error, ring + 1, NEEDS[i].count, 1, true};
            faults_begin(&f);
            assert_int_equal(make(&s, asked), NEEDS[i].status);
            assert_int_equal(faults_end(), NEEDS[i].count);
            service_finish(&s);
            assert_int_equal(descriptors(), before);
        }
    }
}

static void who_asked_for_rings_gets_no_epoll(void **state)
{
    (void)state;
    if (place_back_end() != BELL_IO_URING) {
        skip();
    }
    insists(BELL_IO_URING);
    assert_int_equal(setenv("BELL_IO", "uring", 1), 0);
    insists(BELL_IO_AUTO);
    assert_int_equal(unsetenv("BELL_IO"), 0);
}

/* ---- the end ---- */

/* So many waits of loops fail for good. */
static void loops_fail(uint32_t count)
{
    const fault f = {CALL_WAIT, EBADF, 1, count, 1, false};
    faults_begin(&f);
}

static void run_and_wait_say_why_all_loops_have_ended(void **state)
{
    struct service s;
    (void)state;
    assert_int_equal(make(&s, BELL_IO_AUTO), BELL_OK);
    loops_fail(FOR_EVER);
    assert_int_equal(bell_io_server_run(s.io), BELL_EIO);
    assert_true(faults_end() >= LOOPS);
    assert_int_equal(bell_io_server_wait(s.io), BELL_EIO); /* again */
    bell_io_server_stop(s.io);                             /* too late to count */
    assert_int_equal(bell_io_server_wait(s.io), BELL_EIO);
    service_finish(&s);
}

static void serve_says_why_all_loops_have_ended(void **state)
{
    (void)state;
    loops_fail(FOR_EVER);
    assert_int_equal(bell_serve("127.0.0.1:0", &NOTHING), BELL_EIO);
    assert_true(faults_end() >= 1);
}

static void one_loop_that_is_stopped_is_an_end_in_order(void **state)
{
    (void)state;
    for (uint32_t failed = 0; failed < LOOPS; failed++) {
        struct service s;
        assert_int_equal(make(&s, BELL_IO_AUTO), BELL_OK);
        loops_fail(failed);
        assert_int_equal(bell_io_server_start(s.io), BELL_OK);
        failures_wait(failed);
        assert_int_equal(faults_end(), failed);
        bell_io_server_drain(s.io, 0);
        assert_int_equal(bell_io_server_wait(s.io), BELL_OK);
        service_finish(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_ring_for_each_loop_all_have_epoll),
        cmocka_unit_test(without_descriptors_for_epoll_either_there_is_no_server),
        cmocka_unit_test(who_asked_for_rings_gets_no_epoll),
        cmocka_unit_test(run_and_wait_say_why_all_loops_have_ended),
        cmocka_unit_test(serve_says_why_all_loops_have_ended),
        cmocka_unit_test(one_loop_that_is_stopped_is_an_end_in_order),
    };
    (void)unsetenv("BELL_URING_WITHOUT"); /* calls are counted: of all kernels the same ones */
    if (!place_init()) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
