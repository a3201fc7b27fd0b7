/*
 * Clients of ours when memory ends: each allocation of making one, and then of connecting, talking
 * and closing, at either end, fails once. Whoever was given a connection is told of its end exactly
 * once; afterwards the next one works, and no block of memory is left.
 */
#include "base/mem.h"
#include "client_app.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
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
static bool talk(struct both *b)
{
    static const bell_http_field FIELD = {{"Cookie", 6}, {"a=b", 3}};
    static char large[20000];
    const bell_ws_connect_options options = {.fields = &FIELD, .field_count = 1, .user = b};
    int opens = atomic_load(&here.opens);
    int messages = atomic_load(&here.messages);
    int closes = atomic_load(&here.closes) + 1;
    char url[64];
    bell_conn conn;
    (void)snprintf(url, sizeof url, "ws://localhost:%u/ws", b->s.port);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_a_client_fails_cleanly_at_each_allocation),
        cmocka_unit_test(a_connection_fails_cleanly_at_each_allocation_and_the_next_one_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
