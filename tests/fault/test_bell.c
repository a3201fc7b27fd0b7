/*
 * libbell when memory ends: each allocation of composing a server, and then of sessions with all
 * that it does, fails once. What cannot be done is refused or costs its connection; afterwards the
 * server serves, every callback has come as promised, and no block of memory is left.
 */
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ALLOCATIONS = 2000, FILE_BYTES = 300 * 1024 };

static char folder[] = "/tmp/bell_fault_XXXXXX";

/* ---- the application ---- */

static atomic_int opens;
static atomic_int closes;
static atomic_int tasks_run;

/* Decided by a mail to its own loop. */
static void on_upgrade(struct bell_ws_server *ws, struct bell_http_request *r, void *user)
{
    const bell_http_field field = {BELL_LIT("X-Decided"), BELL_LIT("later")};
    const bell_ws_acceptance terms = {
        .user = user, .subprotocol = BELL_LIT("two"), .fields = &field, .field_count = 1};
    bell_http_exchange exchange = bell_http_request_defer(r);
    while (bell_ws_accept_later(ws, exchange, &terms) == BELL_ENOMEM) {
    }
}

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    (void)request;
    atomic_fetch_add(&opens, 1);
    atomic_store((atomic_uint_fast64_t *)user, conn);
    assert_ptr_equal(bell_ws_get_user(ws, conn), user);
    const bell_ws_queue_options queue = {
        .max_bytes = 1000000, .max_messages = 1000, .close_code = 1013};
    if (bell_ws_set_queue(ws, conn, &queue) != BELL_OK ||
        bell_ws_subscribe(ws, conn, BELL_LIT("news")) != BELL_OK) {
        (void)bell_ws_abort(ws, conn);
    }
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    const bell_ws_publish_options stands_alone = {.overflow = BELL_OVERFLOW_DROP_OLDEST};
    assert_ptr_equal(bell_ws_get_user(ws, conn), user);
    if (bell_ws_send(ws, conn, m->type, m->data) != BELL_OK ||
        bell_ws_publish_with(ws, BELL_LIT("news"), m->type, m->data, &stands_alone) != BELL_OK) {
        (void)bell_ws_abort(ws, conn);
    }
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    (void)e;
    assert_ptr_equal(bell_ws_get_user(ws, conn), user);
    atomic_fetch_add(&closes, 1);
    assert_true(atomic_load(&closes) <= atomic_load(&opens));
}

static void handle_echo(struct bell_http_request *r, void *user)
{
    const bell_http_response response = {.status = 200, .body = bell_http_request_body(r)};
    (void)user;
    if (bell_http_respond(r, &response) != BELL_OK) {
        return; /* 500 */
    }
}

static void handle_later(struct bell_http_request *r, void *user)
{
    const struct service *s = user;
    const bell_http_field field = {BELL_LIT("X-Late"), BELL_LIT("yes")};
    const bell_http_response response = {
        .status = 200, .body = BELL_LIT("late"), .fields = &field, .field_count = 1};
    bell_http_exchange exchange = bell_http_request_defer(r);
    while (bell_http_respond_later(s->http, exchange, &response) == BELL_ENOMEM) {
    }
}

static const bell_http_file FILES[] = {{.path = {"a.txt", 5},
                                        .content_type = {"text/plain", 10},
                                        .plain = {"in memory", 9},
                                        .etag = {"a", 1}}};

/* The connection that was opened last; also the component's user pointer. */
static atomic_uint_fast64_t last_opened;

static bell_status guards_add(struct service *s)
{
    static const char *const ORIGINS[] = {"https://shop.example", "same"};
    struct bell_guard *guard;
    bell_status st = bell_guard_origin_create(ORIGINS, 2, &guard);
    if (st == BELL_OK) {
        st = bell_ws_server_add_guard(s->ws, guard);
    }
    if (st == BELL_OK && (st = bell_guard_address_create(&guard)) == BELL_OK) {
        st = bell_guard_address_block(guard, BELL_LIT("192.0.2.0/24"));
        bell_status added = bell_ws_server_add_guard(s->ws, guard);
        st = st == BELL_OK ? added : st;
    }
    if (st == BELL_OK && (st = bell_guard_connections_create(100, 1, &guard)) == BELL_OK) {
        st = bell_ws_server_add_guard(s->ws, guard);
    }
    if (st == BELL_OK && (st = bell_guard_rate_create(1000, 1000, &guard)) == BELL_OK) {
        st = bell_ws_server_add_guard(s->ws, guard);
    }
    return st;
}

static bell_status compose(struct service *s)
{
    static const char *const SUBPROTOCOLS[] = {"one", "two"};
    static const bell_http_field FIELD = {{"X-Field", 7}, {"value", 5}};
    const struct bell_component component = {.on_upgrade = on_upgrade,
                                             .on_open = on_open,
                                             .on_message = on_message,
                                             .on_close = on_close,
                                             .user = &last_opened};
    const bell_http_static_options files = {.fields = &FIELD, .field_count = 1};
    bell_ws_options ws_options;
    bell_io_options io_options;
    bell_ws_options_init(&ws_options);
    bell_io_options_init(&io_options);
    ws_options.subprotocols = SUBPROTOCOLS;
    ws_options.subprotocol_count = 2;
    io_options.threads = 2;
    *s = (struct service){0};
    bell_status st;
    if ((st = bell_ws_server_create(&component, &ws_options, &s->ws)) != BELL_OK ||
        (st = guards_add(s)) != BELL_OK ||
        (st = bell_http_server_create(NULL, &s->http)) != BELL_OK ||
        (st = bell_http_server_route(s->http, "POST", "/echo/:id", handle_echo, NULL)) != BELL_OK ||
        (st = bell_http_server_route(s->http, "GET", "/later", handle_later, s)) != BELL_OK ||
        (st = bell_http_server_websocket(s->http, "/ws", s->ws)) != BELL_OK ||
        (st = bell_http_server_static(s->http, "/disk/", folder, &files)) != BELL_OK ||
        (st = bell_http_server_files(s->http, "/memory/", FILES, 1, &files)) != BELL_OK ||
        (st = bell_io_server_create(s->http, &io_options, &s->io)) != BELL_OK ||
        (st = bell_http_server_websocket(s->http, "/other", s->ws)) != BELL_OK ||
        (st = bell_io_server_listen(s->io, "127.0.0.1:0")) != BELL_OK) {
        return st;
    }
    s->port = bell_io_server_port(s->io, 0);
    return bell_io_server_start(s->io);
}

/* ---- the peers: they take what comes ---- */

/* Asks on a connection of its own; returns the status, 0 when the server closed it. */
static int ask(const struct service *s, const char *head, const char *rest)
{
    static struct peer p;
    static char body[FILE_BYTES + 1];
    char text[4096];
    peer_connect(&p, s->port);
    peer_send(&p, bell_slice_from(head));
    if (rest[0] != '\0') {
        (void)usleep(1000); /* so that the server reads it in two pieces */
        peer_send(&p, bell_slice_from(rest));
    }
    int status = peer_read_head(&p, text, sizeof text);
    const char *length = status == 0 ? NULL : strstr(text, "Content-Length: ");
    size_t n = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    assert_true(n < sizeof body);
    while (n > 0 && status > 0) {
        size_t part = n < 4096 ? n : 4096;
        if (!peer_read(&p, body, part)) {
            status = 0; /* cut off */
        }
        n -= part;
    }
    peer_close(&p);
    return status;
}

#define HOST " HTTP/1.1\r\nHost: a\r\n"

/* One request of each kind. Returns whether all were answered with 200. */
static bool ask_all(const struct service *s)
{
    bool all = ask(s, "GET /later" HOST "\r\n", "") == 200;
    all &= ask(s, "POST /echo/1" HOST "Content-Length: 10\r\n\r\nhello", "world") == 200;
    all &= ask(s, "POST /echo/1" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0",
               "\r\n\r\n") == 200;
    all &= ask(s, "GET /disk/file.bin" HOST "\r\n", "") == 200;
    all &= ask(s, "GET /memory/a.txt" HOST "\r\n", "") == 200;
    all &= ask(s, "GET /nothing" HOST "\r\n", "") == 404;
    all &= ask(s, "GET /ws" HOST "\r\n", "") == 426;
    all &= ask(s, "GET /later" HOST "\r\nGET /memory/a.txt" HOST "\r\n", "") == 200;
    all &= ask(s, "GET /broken" HOST " folded: x\r\n\r\n", "") == 400;
    return all;
}

static void count_task(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    atomic_fetch_add(&tasks_run, 1);
}

static bool may_fail(bell_status st)
{
    assert_true(st == BELL_OK || st == BELL_ENOMEM || st == BELL_ECLOSED);
    return st == BELL_OK;
}

/* Calls from this thread, which is none of the loops. */
static bool call_all(const struct service *s, bell_conn conn)
{
    int tasks = atomic_load(&tasks_run);
    bool all = may_fail(bell_ws_send(s->ws, conn, BELL_TEXT, BELL_LIT("sent")));
    all &= may_fail(bell_ws_publish(s->ws, BELL_LIT("news"), BELL_TEXT, BELL_LIT("said"), 0));
    all &= may_fail(bell_ws_broadcast(s->ws, BELL_BINARY, BELL_LIT("told"), 0));
    if (may_fail(bell_ws_run(s->ws, conn, count_task, NULL))) {
        while (atomic_load(&tasks_run) == tasks) {
            (void)usleep(100);
        }
    } else {
        all = false;
    }
    if (!may_fail(bell_ws_close(s->ws, conn, 1000, BELL_LIT("bye")))) {
        all = false;
        while (bell_ws_abort(s->ws, conn) == BELL_ENOMEM) {
        }
    }
    return all;
}

/* A WebSocket's life. Returns whether nothing went wrong in it. */
static bool talk(const struct service *s)
{
    static struct peer p;
    static peer_frame f;
    static char large[20000];
    int frames = 0;
    bool was_closed = false;
    peer_connect(&p, s->port);
    if (peer_upgrade(&p, "/ws",
                     "Origin: https://shop.example\r\nSec-WebSocket-Protocol: two\r\n") != 101) {
        peer_close(&p);
        return false;
    }
    /* One that is whole, one in two frames with a Ping between, one too large for a small block. */
    peer_send_frame(&p, 1, BELL_LIT("one"));
    peer_send(&p, BELL_LIT("\x01\x82\0\0\0\0tw"));
    (void)usleep(1000);
    peer_send_frame(&p, 9, BELL_LIT("ping"));
    peer_send(&p, BELL_LIT("\x80\x81\0\0\0\0o"));
    peer_send_frame(&p, 2, bell_slice_make(large, sizeof large));
    for (; frames < 7 && !was_closed; frames++) { /* each message twice, and the Pong */
        was_closed = !peer_read_frame(&p, &f) || f.first == 0x88;
    }
    bool all = !was_closed;
    if (!was_closed) {
        all = call_all(s, atomic_load(&last_opened));
    }
    while (peer_read_frame(&p, &f)) {
        if (f.first == 0x88 && !was_closed) {
            was_closed = true;
            peer_send_frame(&p, 8, bell_slice_make(f.payload, f.n < 2 ? 0 : 2));
        }
    }
    peer_close(&p);
    return all;
}

static void wait_closed(const struct service *s)
{
    for (int i = 0; bell_ws_connection_count(s->ws) > 0; i++) {
        assert_true(i < 20000);
        (void)usleep(1000);
    }
    assert_int_equal(atomic_load(&opens), atomic_load(&closes));
}

/* ---- tests ---- */

static void composing_fails_cleanly_at_each_allocation(void **state)
{
    (void)state;
    int64_t nth = 0;
    bool failed;
    do {
        struct service s;
        bell_mem_fail_at(++nth);
        bell_status st = compose(&s);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        /* What is only a matter of speed may go on without. */
        assert_true(st == BELL_OK || (failed && st == BELL_ENOMEM));
        if (st == BELL_OK) {
            assert_true(talk(&s));
        }
        service_finish(&s);
        assert_true(nth < MOST_ALLOCATIONS);
    } while (failed);
    assert_true(nth > 30);
}

static void a_session_fails_cleanly_at_each_allocation_and_the_next_one_works(void **state)
{
    (void)state;
    struct service s;
    int64_t nth = 0;
    bool failed;
    assert_int_equal(compose(&s), BELL_OK);
    do {
        bell_mem_fail_at(++nth);
        bool all = talk(&s);
        all &= ask_all(&s);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_true(all || failed);
        assert_true(talk(&s));
        wait_closed(&s);
        assert_true(nth < MOST_ALLOCATIONS);
    } while (failed);
    assert_true(ask_all(&s));
    assert_true(nth > 60);
    service_finish(&s);
}

static int make_folder(void **state)
{
    char path[64];
    static char bytes[FILE_BYTES];
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/file.bin", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes;
    return is_written && close(fd) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/file.bin", folder);
    return unlink(path) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composing_fails_cleanly_at_each_allocation),
        cmocka_unit_test(a_session_fails_cleanly_at_each_allocation_and_the_next_one_works),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
