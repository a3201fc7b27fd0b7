/*
 * Guards, seen from a real socket.
 */
#include "base/mem.h"
#include "bell/bell.h"
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

struct world {
    struct bell_ws_server *ws;
    struct bell_http_server *http;
    struct bell_io_server *io;
    uint16_t port;
};

static void world_make(struct world *w)
{
    static const struct bell_component NOTHING = {0};
    assert_int_equal(bell_ws_server_create(&NOTHING, NULL, &w->ws), BELL_OK);
}

static void world_start(struct world *w)
{
    assert_int_equal(bell_http_server_create(NULL, &w->http), BELL_OK);
    assert_int_equal(bell_http_server_websocket(w->http, "/*", w->ws), BELL_OK);
    assert_int_equal(bell_io_server_create(w->http, NULL, &w->io), BELL_OK);
    assert_int_equal(bell_io_server_listen(w->io, "127.0.0.1:0"), BELL_OK);
    w->port = bell_io_server_port(w->io, 0);
    assert_int_equal(bell_io_server_start(w->io), BELL_OK);
}

static void world_stop(struct world *w)
{
    bell_io_server_destroy(w->io);
    bell_http_server_destroy(w->http);
    bell_ws_server_destroy(w->ws);
    assert_int_equal(bell_mem_live(), 0);
}

static int try_upgrade(const struct world *w, const char *fields)
{
    struct peer p;
    peer_connect(&p, w->port);
    int status = peer_upgrade(&p, "/", fields);
    peer_close(&p);
    return status;
}

static void only_listed_origins_pass(void **state)
{
    (void)state;
    static const char *const ORIGINS[] = {"https://shop.example", "same"};
    static const struct {
        const char *fields;
        int status;
    } CASES[] = {
        {"Origin: https://shop.example\r\n", 101},
        {"Origin: https://SHOP.example:443\r\n", 101},
        {"Origin: http://test\r\n", 101}, /* the host of the request */
        {"Origin: http://shop.example\r\n", 403},
        {"Origin: https://shop.example:444\r\n", 403},
        {"Origin: https://shop.example.evil\r\n", 403},
        {"Origin: https://evil/https://shop.example\r\n", 403},
        {"Origin: null\r\n", 403},
        {"Origin: http://test:81\r\n", 403},
        {"", 403},
    };
    struct world w;
    struct bell_guard *g;
    world_make(&w);
    assert_int_equal(bell_guard_origin_create(ORIGINS, 2, &g), BELL_OK);
    assert_int_equal(bell_ws_server_add_guard(w.ws, g), BELL_OK);
    world_start(&w);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(try_upgrade(&w, CASES[i].fields), CASES[i].status);
    }
    world_stop(&w);
}

static void refuses_lists_that_hold_no_origins(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "shop.example", "https://shop.example/", "null",
                                      "https://"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct bell_guard *g;
        assert_int_equal(bell_guard_origin_create(&BAD[i], 1, &g), BELL_EINVAL);
    }
    assert_int_equal(bell_mem_live(), 0);
}

static void a_blocked_network_is_refused_until_it_is_unblocked(void **state)
{
    (void)state;
    struct world w;
    struct bell_guard *g;
    world_make(&w);
    assert_int_equal(bell_guard_address_create(&g), BELL_OK);
    assert_int_equal(bell_ws_server_add_guard(w.ws, g), BELL_OK);
    world_start(&w);
    assert_int_equal(try_upgrade(&w, ""), 101);
    assert_int_equal(bell_guard_address_block(g, BELL_LIT("127.0.0.0/8")), BELL_OK);
    assert_int_equal(bell_guard_address_block(g, BELL_LIT("127.0.0.0/8")), BELL_OK);
    assert_int_equal(try_upgrade(&w, ""), 403);
    assert_int_equal(bell_guard_address_block(g, BELL_LIT("nonsense")), BELL_EINVAL);
    assert_int_equal(bell_guard_address_unblock(g, BELL_LIT("127.0.0.1")), BELL_ENOTFOUND);
    assert_int_equal(bell_guard_address_unblock(g, BELL_LIT("127.0.0.0/8")), BELL_OK);
    assert_int_equal(try_upgrade(&w, ""), 101);
    world_stop(&w);
}

static void one_address_has_so_many_connections_and_not_one_more(void **state)
{
    (void)state;
    struct world w;
    struct bell_guard *g;
    static struct peer p[4];
    char head[1024];
    world_make(&w);
    assert_int_equal(bell_guard_connections_create(0, 1, &g), BELL_EINVAL);
    assert_int_equal(bell_guard_connections_create(3, 7, &g), BELL_OK);
    assert_int_equal(bell_ws_server_add_guard(w.ws, g), BELL_OK);
    world_start(&w);
    for (int i = 0; i < 3; i++) {
        peer_open(&p[i], w.port);
    }
    peer_connect(&p[3], w.port);
    peer_send(&p[3],
              BELL_LIT("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
                       "\r\n\r\n"));
    assert_int_equal(peer_read_head(&p[3], head, sizeof head), 429);
    assert_non_null(strstr(head, "Retry-After: 7\r\n"));
    peer_close(&p[3]);
    peer_send_frame(&p[0], 8, BELL_LIT(""));
    (void)peer_read_to_end(&p[0]); /* gone for good, and counted */
    assert_int_equal(try_upgrade(&w, ""), 101);
    for (int i = 0; i < 3; i++) {
        peer_close(&p[i]);
    }
    world_stop(&w);
}

static void a_burst_passes_and_the_next_message_closes_with_1008(void **state)
{
    (void)state;
    enum { BURST = 5 };
    struct world w;
    struct bell_guard *g;
    static struct peer p;
    static peer_frame f;
    world_make(&w);
    assert_int_equal(bell_guard_rate_create(0, 1, &g), BELL_EINVAL);
    assert_int_equal(bell_guard_rate_create(1, 0, &g), BELL_EINVAL);
    assert_int_equal(bell_guard_rate_create(1, BURST, &g), BELL_OK);
    assert_int_equal(bell_ws_server_add_guard(w.ws, g), BELL_OK);
    world_start(&w);
    peer_open(&p, w.port);
    for (int i = 0; i < BURST; i++) {
        peer_send_frame(&p, 1, BELL_LIT("x"));
    }
    peer_send_frame(&p, 9, BELL_LIT("still here"));
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x8a);
    /* One token may have come back meanwhile, two have not. */
    peer_send_frame(&p, 1, BELL_LIT("x"));
    peer_send_frame(&p, 1, BELL_LIT("x"));
    peer_send_frame(&p, 1, BELL_LIT("x"));
    assert_true(peer_read_frame(&p, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xf0", 2);
    peer_close(&p);
    world_stop(&w);
}

static atomic_int opened;
static atomic_int closed;
static atomic_int destroyed;

static bell_guard_verdict say_no(const struct bell_http_request *request, void *user)
{
    const bell_guard_verdict no = {.status = 451};
    const bell_guard_verdict yes = {0};
    (void)user;
    return bell_slice_equal(bell_http_request_query(request), BELL_LIT("no")) ? no : yes;
}

static void count_open(bell_conn conn, bell_slice peer, void *user)
{
    (void)conn;
    (void)peer;
    (void)user;
    atomic_fetch_add(&opened, 1);
}

static void count_close(bell_conn conn, bell_slice peer, void *user)
{
    (void)conn;
    (void)peer;
    (void)user;
    atomic_fetch_add(&closed, 1);
}

static void count_destroy(void *user)
{
    (void)user;
    atomic_fetch_add(&destroyed, 1);
}

static void an_own_guard_is_told_of_every_open_and_its_close(void **state)
{
    (void)state;
    static const bell_guard_callbacks CALLBACKS = {.on_upgrade = say_no,
                                                   .on_open = count_open,
                                                   .on_close = count_close,
                                                   .destroy = count_destroy};
    struct world w;
    struct bell_guard *g;
    static struct peer p;
    world_make(&w);
    assert_int_equal(bell_guard_create(&CALLBACKS, NULL, &g), BELL_OK);
    assert_int_equal(bell_ws_server_add_guard(w.ws, g), BELL_OK);
    world_start(&w);
    peer_connect(&p, w.port);
    assert_int_equal(peer_upgrade(&p, "/?no", ""), 451);
    peer_close(&p);
    assert_int_equal(atomic_load(&opened), 0);
    for (int i = 0; i < 3; i++) {
        peer_open(&p, w.port);
        peer_send_frame(&p, 8, BELL_LIT(""));
        (void)peer_read_to_end(&p);
        peer_close(&p);
    }
    assert_int_equal(atomic_load(&opened), 3);
    while (atomic_load(&closed) < 3) {
        (void)sched_yield();
    }
    world_stop(&w);
    assert_int_equal(atomic_load(&closed), 3);
    assert_int_equal(atomic_load(&destroyed), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_listed_origins_pass),
        cmocka_unit_test(refuses_lists_that_hold_no_origins),
        cmocka_unit_test(a_blocked_network_is_refused_until_it_is_unblocked),
        cmocka_unit_test(one_address_has_so_many_connections_and_not_one_more),
        cmocka_unit_test(a_burst_passes_and_the_next_message_closes_with_1008),
        cmocka_unit_test(an_own_guard_is_told_of_every_open_and_its_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
