/*
 * The memory of a crowd goes back to the system when half of it has left, and not for each who
 * leaves.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "bell/server/server_loop.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

static struct service service;
static struct peer crowd[BELL_CROWD_MIN];

static int set_up(void **state)
{
    (void)state;
    service_init(&service, NULL);
    service_start(&service, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    service_finish(&service);
    return 0;
}

static uint64_t open_now(void)
{
    bell_loop_metrics m;
    assert_int_equal(bell_metrics_loop(service.io, 0, &m), BELL_OK);
    return m.connections;
}

static void wait_for_open(uint64_t count)
{
    for (int i = 0; open_now() != count; i++) {
        assert_true(i < 60000);
        (void)usleep(1000);
    }
}

static void come(int from, int to)
{
    for (int i = from; i < to; i++) {
        peer_connect(&crowd[i], service.port);
    }
    wait_for_open((uint64_t)to);
}

static void leave(int from, int to)
{
    for (int i = from; i < to; i++) {
        peer_close(&crowd[i]);
    }
    wait_for_open((uint64_t)from);
}

static void wait_for_give_back(int64_t count)
{
    for (int i = 0; bell_mem_give_backs() < count; i++) {
        assert_true(i < 60000);
        (void)usleep(1000);
    }
    assert_int_equal(bell_mem_give_backs(), count);
}

/* What would be given back for them all the same would be so before the crowd's. */
static void is_given_back_once_for_half_of_a_crowd(void **state)
{
    enum { HALF = BELL_CROWD_MIN / 2 };
    int64_t before = bell_mem_give_backs();
    (void)state;
    come(0, BELL_CROWD_MIN - 1);
    leave(0, BELL_CROWD_MIN - 1); /* too few */
    come(0, BELL_CROWD_MIN);
    leave(HALF + 1, BELL_CROWD_MIN); /* not half of them */
    assert_int_equal(bell_mem_give_backs(), before);
    leave(HALF, HALF + 1);
    wait_for_give_back(before + 1);
    leave(0, HALF); /* who is left is too few */
    come(0, BELL_CROWD_MIN);
    leave(0, BELL_CROWD_MIN);
    wait_for_give_back(before + 2);
}

static void who_stops_meanwhile_gives_nothing_back(void **state)
{
    int64_t before = bell_mem_give_backs();
    (void)state;
    come(0, BELL_CROWD_MIN);
    uint64_t begin_ms = bell_clock_now_ms();
    leave(0, BELL_CROWD_MIN);
    bell_io_server_stop(service.io);
    int64_t after = bell_mem_give_backs();
    if (bell_clock_now_ms() - begin_ms < 1000) { /* else it may rightly have come first */
        assert_int_equal(after, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_given_back_once_for_half_of_a_crowd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_stops_meanwhile_gives_nothing_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
