/*
 * The beginning and the end of a server's loops when the kernel does not play along: what run and
 * wait say of loops that could not go on.
 */
#include "bell/net/io.h"
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
        cmocka_unit_test(run_and_wait_say_why_all_loops_have_ended),
        cmocka_unit_test(serve_says_why_all_loops_have_ended),
        cmocka_unit_test(one_loop_that_is_stopped_is_an_end_in_order),
    };
    faults_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
