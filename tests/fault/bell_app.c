#include "bell_app.h"

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

static char folder[] = "/tmp/bell_fault_XXXXXX";

static char file_bytes[APP_FILE_BYTES];

/* ---- the application ---- */

static atomic_int opens;
static atomic_int closes;
static atomic_int tasks_run;
static atomic_int last_error;
static atomic_uint last_close_code;
static atomic_int last_close_origin;
static atomic_int last_close_why;

/* The connection that was opened last; also the component's user pointer. */
static atomic_uint_fast64_t last_opened;

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
    atomic_fetch_add(&opens, 1);
    atomic_store((atomic_uint_fast64_t *)user, conn);
    assert_ptr_equal(bell_ws_get_user(ws, conn), user);
    const bell_ws_queue_options queue = {
        .max_bytes = 1000000, .max_messages = 1000, .close_code = 1013};
    bool is_for_news = bell_slice_equal(bell_http_request_path(request), BELL_LIT("/ws"));
    if (bell_ws_set_queue(ws, conn, &queue) != BELL_OK ||
        (is_for_news && bell_ws_subscribe(ws, conn, BELL_LIT("news")) != BELL_OK)) {
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

static void on_error(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user)
{
    assert_ptr_equal(bell_ws_get_user(ws, conn), user);
    atomic_store(&last_error, (int)error);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    assert_ptr_equal(bell_ws_get_user(ws, conn), user);
    atomic_store(&last_close_code, e->code);
    atomic_store(&last_close_origin, (int)e->origin);
    atomic_store(&last_close_why, (int)e->why);
    atomic_fetch_add(&closes, 1);
    assert_true(atomic_load(&closes) <= atomic_load(&opens));
}

bell_status app_last_error(void)
{
    return (bell_status)atomic_load(&last_error);
}

void app_forget_error(void)
{
    atomic_store(&last_error, BELL_OK);
}

bell_close_event app_last_close(void)
{
    return (bell_close_event){.code = (uint16_t)atomic_load(&last_close_code),
                              .origin = (bell_close_origin)atomic_load(&last_close_origin),
                              .why = (bell_status)atomic_load(&last_close_why)};
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

bell_status app_compose(struct service *s)
{
    static const char *const SUBPROTOCOLS[] = {"one", "two"};
    static const bell_http_field FIELD = {{"X-Field", 7}, {"value", 5}};
    const struct bell_component component = {.on_upgrade = on_upgrade,
                                             .on_open = on_open,
                                             .on_message = on_message,
                                             .on_error = on_error,
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

/* Asks on a connection of its own; with rest, in two pieces. Is the answer this one? */
static bool ask(const struct service *s, const char *head, const char *rest, int status,
                bell_slice body)
{
    static struct peer p;
    char text[4096];
    peer_connect(&p, s->port);
    peer_send(&p, bell_slice_from(head));
    if (rest[0] != '\0') {
        (void)usleep(1000); /* so that the server reads it in two pieces */
        peer_send(&p, bell_slice_from(rest));
    }
    bool is_right = peer_read_head(&p, text, sizeof text) == status;
    const char *length = is_right ? strstr(text, "Content-Length: ") : NULL;
    if (body.p != NULL) {
        is_right = length != NULL && strtoul(length + 16, NULL, 10) == body.n;
    }
    while (is_right && body.n > 0) {
        char part[4096];
        size_t n = body.n < sizeof part ? body.n : sizeof part;
        is_right = peer_read(&p, part, n); /* it may be cut off */
        if (is_right) {
            assert_memory_equal(part, body.p, n);
        }
        body.p += n;
        body.n -= n;
    }
    peer_close(&p);
    return is_right;
}

#define HOST " HTTP/1.1\r\nHost: a\r\n"

bool app_ask_all(const struct service *s)
{
    const bell_slice any = {NULL, 0};
    const bell_slice file = {file_bytes, sizeof file_bytes};
    bool all = ask(s, "GET /later" HOST "\r\n", "", 200, BELL_LIT("late"));
    all &= ask(s, "POST /echo/1" HOST "Content-Length: 10\r\n\r\nhello", "world", 200,
               BELL_LIT("helloworld"));
    all &= ask(s, "POST /echo/1" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0", "\r\n\r\n",
               200, BELL_LIT("abc"));
    all &= ask(s, "GET /disk/file.bin" HOST "\r\n", "", 200, file);
    all &= ask(s, "GET /memory/a.txt" HOST "\r\n", "", 200, BELL_LIT("in memory"));
    all &= ask(s, "GET /nothing" HOST "\r\n", "", 404, any);
    all &= ask(s, "GET /ws" HOST "\r\n", "", 426, any);
    all &= ask(s, "GET /later" HOST "\r\nGET /memory/a.txt" HOST "\r\n", "", 200, BELL_LIT("late"));
    all &= ask(s, "GET /broken" HOST " folded: x\r\n\r\n", "", 400, any);
    return all;
}

static void count_task(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    atomic_fetch_add(&tasks_run, 1);
}

static bool go_on(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    return true;
}

static void ring(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    (void)ws;
    (void)timer;
    (void)user;
}

static void visit_task(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    atomic_bool *is_whole = user;
    (void)conn;
    bell_status st = bell_ws_visit_topic(ws, BELL_LIT("news"), go_on, NULL);
    assert_true(st == BELL_OK || st == BELL_ENOMEM);
    bell_status timed = bell_ws_start_timer(ws, 1, 0, ring, NULL, NULL);
    assert_true(timed == BELL_OK || timed == BELL_ENOMEM);
    if (st != BELL_OK || timed != BELL_OK) {
        atomic_store(is_whole, false);
    }
}

static bool may_fail(bell_status st)
{
    assert_true(st == BELL_OK || st == BELL_ENOMEM || st == BELL_ECLOSED);
    return st == BELL_OK;
}

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
    atomic_bool is_whole = true;
    tasks = atomic_load(&tasks_run);
    if (may_fail(bell_ws_run_all(s->ws, visit_task, count_task, &is_whole))) {
        while (atomic_load(&tasks_run) == tasks) {
            (void)usleep(100);
        }
        all &= atomic_load(&is_whole);
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

static bool is_frame(const peer_frame *f, uint8_t first, bell_slice payload)
{
    return f->first == first && bell_slice_equal(bell_slice_make(f->payload, f->n), payload);
}

/* What comes of one who talks: each message twice, by echo and by topic, and the Pong. */
static bool hear_echoes(struct peer *p, bell_slice large)
{
    static peer_frame f;
    enum { ONE, TWO, LARGE, PONG, KINDS };
    static const int EXPECTED[KINDS] = {2, 2, 2, 1};
    int heard[KINDS] = {0};
    for (int i = 0; i < 7; i++) {
        if (!peer_read_frame(p, &f) || f.first == 0x88) {
            return false;
        }
        heard[ONE] += is_frame(&f, 0x81, BELL_LIT("one"));
        heard[TWO] += is_frame(&f, 0x81, BELL_LIT("two"));
        heard[LARGE] += is_frame(&f, 0x82, large);
        heard[PONG] += is_frame(&f, 0x8a, BELL_LIT("ping"));
    }
    assert_memory_equal(heard, EXPECTED, sizeof heard);
    return true;
}

/* Until the end; the Close frame is answered. Did all that call_all says come, and in order? */
static bool hear_rest(struct peer *p)
{
    static peer_frame f;
    size_t heard = 0;
    static const struct {
        uint8_t first;
        bell_slice payload;
    } EXPECTED[] = {{0x81, {"sent", 4}},
                    {0x81, {"said", 4}},
                    {0x82, {"told", 4}},
                    {0x88,
                     {"\x03\xe8"
                      "bye",
                      5}}};
    while (peer_read_frame(p, &f)) {
        if (heard < 4 && is_frame(&f, EXPECTED[heard].first, EXPECTED[heard].payload)) {
            heard++;
        }
        if (f.first == 0x88) {
            peer_send_frame(p, 8, bell_slice_make(f.payload, f.n < 2 ? 0 : 2));
        }
    }
    return heard == 4;
}

static const char FIELDS[] = "Origin: https://shop.example\r\nSec-WebSocket-Protocol: two\r\n";

bool app_talk(const struct service *s)
{
    static struct peer p;
    static char large[20000];
    if (!peer_connect_try(&p, s->port)) {
        return false;
    }
    if (peer_upgrade(&p, "/ws", FIELDS) != 101) {
        peer_close(&p);
        return false;
    }
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (char)(i * i >> 3);
    }
    /* One that is whole, one in two frames with a Ping between, one too large for a small block. */
    peer_send_frame(&p, 1, BELL_LIT("one"));
    peer_send(&p, BELL_LIT("\x01\x82\0\0\0\0tw"));
    (void)usleep(1000);
    peer_send_frame(&p, 9, BELL_LIT("ping"));
    peer_send(&p, BELL_LIT("\x80\x81\0\0\0\0o"));
    peer_send_frame(&p, 2, bell_slice_make(large, sizeof large));
    bool all = hear_echoes(&p, bell_slice_make(large, sizeof large)) &&
               call_all(s, atomic_load(&last_opened));
    all &= hear_rest(&p);
    peer_close(&p);
    return all;
}

void app_expect_all_closed(void)
{
    assert_int_equal(atomic_load(&opens), atomic_load(&closes));
}

void app_wait_closed(const struct service *s)
{
    for (int i = 0; bell_ws_connection_count(s->ws) > 0; i++) {
        assert_true(i < 20000);
        (void)usleep(1000);
    }
    app_expect_all_closed();
}

void app_websocket_open(const struct service *s, struct peer *p)
{
    peer_connect(p, s->port);
    assert_int_equal(peer_upgrade(p, "/other", FIELDS), 101);
}

void app_is_served(struct peer *p)
{
    char body[16];
    peer_send(p, BELL_LIT("GET /memory/a.txt" HOST "\r\n"));
    assert_int_equal(read_answer(p, body, sizeof body), 200);
    assert_string_equal(body, "in memory");
}

/* ---- the folder ---- */

int app_folder_make(void **state)
{
    char path[64];
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    for (size_t i = 0; i < sizeof file_bytes; i++) {
        file_bytes[i] = (char)(i * i >> 5);
    }
    (void)snprintf(path, sizeof path, "%s/file.bin", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool is_written =
        fd >= 0 && write(fd, file_bytes, sizeof file_bytes) == (ssize_t)sizeof file_bytes;
    return is_written && close(fd) == 0 ? 0 : -1;
}

int app_folder_remove(void **state)
{
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/file.bin", folder);
    return unlink(path) == 0 && rmdir(folder) == 0 ? 0 : -1;
}
