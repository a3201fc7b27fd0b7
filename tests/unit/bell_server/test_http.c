/*
 * The HTTP server, seen from a real socket: handlers, deferred answers, pipelining, bodies, files,
 * time.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "bell/bell.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct bell_http_server *http;
static struct bell_io_server *io;
static uint16_t port;
static atomic_uint_fast64_t deferred;

static void respond(struct bell_http_request *r, uint16_t status, bell_slice body)
{
    const bell_http_response response = {
        .status = status, .content_type = BELL_LIT("text/plain"), .body = body};
    assert_int_equal(bell_http_respond(r, &response), BELL_OK);
    assert_int_equal(bell_http_respond(r, &response), BELL_ESTATE);
    assert_int_equal(bell_http_request_defer(r), 0);
}

static void handle_echo(struct bell_http_request *r, void *user)
{
    (void)user;
    respond(r, 200, bell_http_request_body(r));
}

static void handle_facts(struct bell_http_request *r, void *user)
{
    const bell_slice facts[] = {
        bell_http_request_method(r),
        bell_http_request_path(r),
        bell_http_request_query(r),
        bell_http_request_param(r, "id"),
        bell_http_request_cookie(r, "session"),
        bell_http_request_peer(r),
    };
    struct bell_buf text;
    (void)user;
    bell_buf_init(&text, 1024);
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        assert_int_equal(bell_buf_append(&text, i == 0 ? BELL_LIT("") : BELL_LIT("|")), BELL_OK);
        assert_int_equal(bell_buf_append(&text, facts[i]), BELL_OK);
    }
    respond(r, 200, bell_buf_slice(&text));
    bell_buf_finish(&text);
}

static void handle_later(struct bell_http_request *r, void *user)
{
    (void)user;
    atomic_store(&deferred, bell_http_request_defer(r));
}

static void handle_nothing(struct bell_http_request *r, void *user)
{
    (void)r;
    (void)user;
}

static void handle_bad(struct bell_http_request *r, void *user)
{
    static const bell_http_field SPLIT = {{"X-A", 3}, {"a\r\nSet-Cookie: b", 16}};
    const bell_http_response split = {.status = 200, .fields = &SPLIT, .field_count = 1};
    const bell_http_response interim = {.status = 100};
    (void)user;
    assert_int_equal(bell_http_respond(r, &split), BELL_EINVAL);
    assert_int_equal(bell_http_respond(r, &interim), BELL_EINVAL);
}

static const bell_http_file FILES[] = {
    {.path = {"index.html", 10},
     .content_type = {"text/html; charset=utf-8", 24},
     .plain = {"<p>plain</p>", 12},
     .brotli = {"BR", 2},
     .etag = {"abc", 3}},
    {.path = {"assets/a.js", 11},
     .content_type = {"text/javascript", 15},
     .plain = {"1", 1},
     .etag = {"d", 1}},
};

static void start(const bell_http_options *options)
{
    const bell_http_static_options files = {.immutable_prefix = "assets/"};
    bell_io_options io_options;
    bell_io_options_init(&io_options);
    io_options.threads = 1;
    assert_int_equal(bell_http_server_create(options, &http), BELL_OK);
    assert_int_equal(bell_http_server_route(http, "POST", "/echo", handle_echo, NULL), BELL_OK);
    assert_int_equal(bell_http_server_route(http, "GET", "/facts/:id", handle_facts, NULL),
                     BELL_OK);
    assert_int_equal(bell_http_server_route(http, "GET", "/later", handle_later, NULL), BELL_OK);
    assert_int_equal(bell_http_server_route(http, "GET", "/nothing", handle_nothing, NULL),
                     BELL_OK);
    assert_int_equal(bell_http_server_route(http, "GET", "/bad", handle_bad, NULL), BELL_OK);
    assert_int_equal(bell_http_server_route(http, "GET", "/bad", handle_bad, NULL), BELL_EEXISTS);
    assert_int_equal(bell_http_server_files(http, "/files/", FILES, 2, &files), BELL_OK);
    assert_int_equal(bell_io_server_create(http, &io_options, &io), BELL_OK);
    assert_int_equal(bell_io_server_listen(io, "127.0.0.1:0"), BELL_OK);
    port = bell_io_server_port(io, 0);
    assert_int_equal(bell_io_server_start(io), BELL_OK);
    assert_int_equal(bell_http_server_route(http, "GET", "/late", handle_bad, NULL), BELL_ESTATE);
}

static void stop(void)
{
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    assert_int_equal(bell_mem_live(), 0);
}

/* Reads one answer; the body as text. */
static int read_answer(struct peer *p, char *body, size_t size)
{
    char head[4096];
    int status = peer_read_head(p, head, sizeof head);
    const char *length = strstr(head, "Content-Length: ");
    size_t n = status == 0 || length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    assert_true(n < size);
    assert_true(peer_read(p, body, n));
    body[n] = '\0';
    return status;
}

static void ask_within(uint32_t within_ms, const char *request, int status, const char *expected)
{
    static struct peer p;
    char body[2048];
    peer_connect_saying(&p, port, bell_slice_from(request), within_ms);
    assert_int_equal(read_answer(&p, body, sizeof body), status);
    assert_string_equal(body, expected);
    peer_close(&p);
}

static void ask(const char *request, int status, const char *expected)
{
    ask_within(UINT32_MAX, request, status, expected);
}

static void a_handler_sees_the_request(void **state)
{
    (void)state;
    start(NULL);
    ask("GET /facts/a%20b?x=%31 HTTP/1.1\r\nHost: a\r\nCookie: a=1; session=s3\r\n\r\n", 200,
        "GET|/facts/a b|x=%31|a b|s3|127.0.0.1");
    ask("GET http://other/facts/7 HTTP/1.1\r\nHost: a\r\n\r\n", 200, "GET|/facts/7||7||127.0.0.1");
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0"
        "\r\n\r\n",
        200, "hello");
    ask("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 500, "500 Internal Server Error\n");
    ask("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n", 500, "500 Internal Server Error\n");
    ask("GET /unknown HTTP/1.1\r\nHost: a\r\n\r\n", 404, "404 Not Found\n");
    ask("DELETE /echo HTTP/1.1\r\nHost: a\r\n\r\n", 405, "405 Method Not Allowed\n");
    stop();
}

static void answers_come_in_the_order_of_the_requests(void **state)
{
    (void)state;
    static struct peer p;
    char body[2048];
    start(NULL);
    peer_connect(&p, port);
    atomic_store(&deferred, 0);
    peer_send(&p, BELL_LIT("GET /facts/1 HTTP/1.1\r\nHost: a\r\n\r\n"
                           "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                           "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                           "GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    assert_string_equal(body, "GET|/facts/1||1||127.0.0.1");
    for (int i = 0; i < 2; i++) {
        uint64_t exchange;
        while ((exchange = atomic_exchange(&deferred, 0)) == 0) {
            (void)usleep(100);
        }
        const bell_http_response late = {.status = 202, .body = BELL_LIT("late")};
        const bell_http_response bad = {.status = 99};
        assert_int_equal(bell_http_respond_later(http, exchange, &bad), BELL_EINVAL);
        assert_int_equal(bell_http_respond_later(http, exchange, &late), BELL_OK);
        assert_int_equal(read_answer(&p, body, sizeof body), 202);
        assert_string_equal(body, "late");
        /* A second answer to the same request is dropped, not taken for the next one. */
        assert_int_equal(bell_http_respond_later(http, exchange, &late), BELL_OK);
        if (i == 0) {
            assert_int_equal(read_answer(&p, body, sizeof body), 200);
            assert_string_equal(body, "hi");
        }
    }
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    stop();
}

/* Bodies shorter and longer than what waits behind them, whole and in chunks. */
static void bodies_of_a_long_pipeline_stay_apart(void **state)
{
    (void)state;
    enum { REQUESTS = 300 };
    static struct peer p;
    static char said[64];
    struct bell_buf all;
    bell_buf_init(&all, 1 << 20);
    start(NULL);
    peer_connect(&p, port);
    for (int i = 0; i < REQUESTS; i++) {
        int n = i % 7 == 0 ? 40 : i % 7;
        assert_int_equal(i % 3 == 0 ? bell_buf_printf(&all,
                                                      "POST /echo HTTP/1.1\r\nHost: a\r\n"
                                                      "Transfer-Encoding: chunked\r\n\r\n"
                                                      "1\r\nc\r\n%x\r\n%0*d\r\n0\r\n\r\n",
                                                      (unsigned)(n + 3), n + 3, i)
                                    : bell_buf_printf(&all,
                                                      "POST /echo HTTP/1.1\r\nHost: a\r\n"
                                                      "Content-Length: %d\r\n\r\nl%0*d",
                                                      n + 4, n + 3, i),
                         BELL_OK);
    }
    peer_send(&p, bell_buf_slice(&all));
    for (int i = 0; i < REQUESTS; i++) {
        char body[64];
        int n = i % 7 == 0 ? 40 : i % 7;
        assert_int_equal(read_answer(&p, body, sizeof body), 200);
        (void)snprintf(said, sizeof said, "%c%0*d", i % 3 == 0 ? 'c' : 'l', n + 3, i);
        assert_string_equal(body, said);
    }
    bell_buf_finish(&all);
    peer_close(&p);
    stop();
}

static void a_late_answer_to_a_peer_that_left_is_no_error(void **state)
{
    (void)state;
    static struct peer p;
    uint64_t exchange;
    start(NULL);
    peer_connect(&p, port);
    atomic_store(&deferred, 0);
    peer_send(&p, BELL_LIT("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    while ((exchange = atomic_exchange(&deferred, 0)) == 0) {
        (void)usleep(100);
    }
    peer_reset(&p);
    const bell_http_response late = {.status = 200};
    assert_int_equal(bell_http_respond_later(http, exchange, &late), BELL_OK);
    ask("GET /facts/1 HTTP/1.1\r\nHost: a\r\n\r\n", 200, "GET|/facts/1||1||127.0.0.1");
    stop();
}

/* Defers a request of p; its exchange. */
static bell_http_exchange ask_later(struct peer *p)
{
    bell_http_exchange exchange;
    atomic_store(&deferred, 0);
    peer_send(p, BELL_LIT("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    while ((exchange = atomic_exchange(&deferred, 0)) == 0) {
        (void)usleep(100);
    }
    return exchange;
}

static void only_the_first_late_answer_counts(void **state)
{
    enum { LATER = 600 }; /* requests: more than a byte could tell apart */
    static const bell_http_response FIRST = {.status = 200};
    static const bell_http_response SECOND = {.status = 299};
    (void)state;
    static struct peer p;
    char body[64];
    start(NULL);
    peer_connect(&p, port);
    bell_http_exchange old = ask_later(&p);
    assert_int_equal(bell_http_respond_later(http, old, &FIRST), BELL_OK);
    for (int i = 0; i < LATER; i++) {
        assert_int_equal(read_answer(&p, body, sizeof body), 200);
        bell_http_exchange next = ask_later(&p);
        assert_int_not_equal(next, old);
        assert_int_equal(bell_http_respond_later(http, old, &SECOND), BELL_OK);
        assert_int_equal(bell_http_respond_later(http, next, &FIRST), BELL_OK);
        assert_int_equal(bell_http_respond_later(http, next, &SECOND), BELL_OK);
    }
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    peer_close(&p);
    stop();
}

static void come_round_soon(struct bell_io_server *server, void *user)
{
    atomic_bool *is_done = user;
    server->loops[0].deferrals = UINT32_MAX - 1;
    atomic_store(is_done, true);
}

/* Numbers of deferrals come round in time, and none of them is 0. */
static void an_exchange_is_never_0(void **state)
{
    (void)state;
    static struct peer p;
    static const bell_http_response ANSWER = {.status = 200};
    atomic_bool is_done = false;
    char body[64];
    start(NULL);
    assert_int_equal(bell_io_server_run_task(io, come_round_soon, &is_done), BELL_OK);
    while (!atomic_load(&is_done)) {
        (void)usleep(100);
    }
    peer_connect(&p, port);
    for (uint32_t i = 0; i < 3; i++) {
        bell_http_exchange exchange = ask_later(&p);
        assert_int_equal(exchange >> 32, i == 0 ? UINT32_MAX : i);
        assert_int_equal(bell_http_respond_later(http, exchange, &ANSWER), BELL_OK);
        assert_int_equal(read_answer(&p, body, sizeof body), 200);
    }
    peer_close(&p);
    stop();
}

/* Answers a request whose head has so many bytes; how many blocks there are then. */
static int64_t live_after(size_t head_bytes)
{
    static struct peer p;
    static const char BEGIN[] = "GET /facts/1 HTTP/1.1\r\nHost: a\r\nX-Long: ";
    static const char END[] = "\r\n\r\n";
    char head[8192];
    char body[64];
    size_t filled = head_bytes - (sizeof END - 1);
    assert_true(head_bytes <= sizeof head);
    memset(head, 'a', filled);
    memcpy(head, BEGIN, sizeof BEGIN - 1);
    memcpy(head + filled, END, sizeof END - 1);
    peer_connect(&p, port);
    peer_send(&p, bell_slice_make(head, head_bytes));
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    int64_t live = bell_mem_live();
    peer_close(&p);
    return live;
}

/* For the next request; what a large one has needed is given back. */
static void only_small_memory_is_kept(void **state)
{
    enum { MOST = 4096, BLOCKS = 3 /* the session, what has come in, the path */ };
    (void)state;
    start(NULL);
    (void)live_after(100); /* what else there is from the first request on */
    int64_t kept = live_after(100);
    assert_int_equal(live_after(MOST - 1), kept);
    assert_int_equal(live_after(MOST), kept);
    assert_int_equal(live_after(MOST + 1), kept - BLOCKS);
    assert_int_equal(live_after(MOST), kept);
    stop();
}

static void a_late_answer_may_have_as_many_fields_as_any(void **state)
{
    (void)state;
    enum { FIELDS = 100 };
    static struct peer p;
    bell_http_field fields[FIELDS];
    char head[8192];
    uint64_t exchange;
    start(NULL);
    peer_connect(&p, port);
    atomic_store(&deferred, 0);
    peer_send(&p, BELL_LIT("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    while ((exchange = atomic_exchange(&deferred, 0)) == 0) {
        (void)usleep(100);
    }
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = (bell_http_field){BELL_LIT("Set-Cookie"), BELL_LIT("a=b")};
    }
    const bell_http_response late = {.status = 200, .fields = fields, .field_count = FIELDS};
    assert_int_equal(bell_http_respond_later(http, exchange, &late), BELL_OK);
    assert_int_equal(peer_read_head(&p, head, sizeof head), 200);
    int count = 0;
    for (const char *at = head; (at = strstr(at, "Set-Cookie: a=b\r\n")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, FIELDS);
    peer_close(&p);
    stop();
}

/* Whoever answers too much is told so, and can still answer otherwise. */
static void a_late_answer_of_the_longest_head_is_sent_or_refused(void **state)
{
    enum { LIMIT_BYTES = 64 * 1024, AROUND_BYTES = 640 /* what a head has beside the fields */ };
    static const bell_http_response OTHER = {.status = 299};
    static char value[LIMIT_BYTES];
    static struct peer p;
    int refusals = 0;
    int answers = 0;
    (void)state;
    memset(value, 'v', sizeof value);
    start(NULL);
    for (size_t n = LIMIT_BYTES - AROUND_BYTES; n <= LIMIT_BYTES; n += 8) {
        const bell_http_field field = {BELL_LIT("X"), bell_slice_make(value, n)};
        const bell_http_response late = {.status = 200, .fields = &field, .field_count = 1};
        char line[sizeof "HTTP/1.1 200" - 1];
        peer_connect(&p, port);
        bell_http_exchange exchange = ask_later(&p);
        bell_status st = bell_http_respond_later(http, exchange, &late);
        if (st != BELL_OK) {
            assert_int_equal(st, BELL_EINVAL);
            assert_int_equal(bell_http_respond_later(http, exchange, &OTHER), BELL_OK);
        }
        assert_true(peer_read(&p, line, sizeof line));
        assert_memory_equal(line, st == BELL_OK ? "HTTP/1.1 200" : "HTTP/1.1 299", sizeof line);
        refusals += st != BELL_OK;
        answers += st == BELL_OK;
        peer_close(&p);
    }
    assert_true(refusals > 0 && answers > 0);
    stop();
}

static void a_client_that_has_ended_its_half_gets_all_its_answers(void **state)
{
    (void)state;
    static struct peer p;
    char body[2048];
    start(NULL);
    peer_connect(&p, port);
    peer_send(&p,
              BELL_LIT("GET /facts/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /facts/2 HTTP/1.1\r\nHost: a"
                       "\r\n\r\n"));
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    assert_string_equal(body, "GET|/facts/2||2||127.0.0.1");
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    stop();
}

static void a_body_may_have_its_limit_and_no_byte_more(void **state)
{
    (void)state;
    bell_http_options o;
    bell_http_options_init(&o);
    o.max_body_bytes = 5;
    start(&o);
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhello!", 413,
        "413 Content Too Large\n");
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200, "hello");
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0"
        "\r\n\r\n",
        413, "413 Content Too Large\n");
    stop();
}

static void expect_continue_is_answered_before_the_body(void **state)
{
    (void)state;
    static struct peer p;
    char text[1024];
    start(NULL);
    peer_connect(&p, port);
    peer_send(&p, BELL_LIT("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: "
                           "100-continue\r\n\r\n"));
    assert_int_equal(peer_read_head(&p, text, sizeof text), 100);
    peer_send(&p, BELL_LIT("ok"));
    assert_int_equal(read_answer(&p, text, sizeof text), 200);
    assert_string_equal(text, "ok");
    peer_close(&p);
    stop();
}

static void slow_clients_are_told_408_and_silent_ones_closed(void **state)
{
    enum { TIMEOUT_MS = 100 };
    (void)state;
    static struct peer p;
    char body[256];
    bell_http_options o;
    bell_http_options_init(&o);
    o.head_timeout_ms = TIMEOUT_MS;
    o.body_timeout_ms = TIMEOUT_MS;
    o.keep_alive_ms = TIMEOUT_MS;
    start(&o);
    peer_connect(&p, port); /* says nothing */
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    ask_within(TIMEOUT_MS, "GET / HTTP/1.1\r\nHost", 408, "408 Request Timeout\n");
    ask_within(TIMEOUT_MS, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", 408,
               "408 Request Timeout\n");
    peer_connect_saying(&p, port, BELL_LIT("GET /facts/1 HTTP/1.1\r\nHost: a\r\n\r\n"),
                        TIMEOUT_MS); /* and nothing any more */
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    assert_int_equal(peer_read_to_end(&p), 0);
    peer_close(&p);
    stop();
}

static void dribbling_does_not_buy_time(void **state)
{
    (void)state;
    static struct peer p;
    char body[256];
    bell_http_options o;
    bell_http_options_init(&o);
    o.head_timeout_ms = 200;
    start(&o);
    peer_connect_saying(&p, port, BELL_LIT("GET / HTTP/1.1\r\nX: "), o.head_timeout_ms);
    for (int i = 0; i < 40; i++) { /* a byte now and then, for four times as long */
        peer_send(&p, BELL_LIT("x"));
        (void)usleep(20000);
    }
    assert_int_equal(read_answer(&p, body, sizeof body), 408);
    peer_close(&p);
    stop();
}

static void files_in_memory_have_tags_encodings_and_ranges(void **state)
{
    (void)state;
    static struct peer p;
    char head[2048];
    char body[64];
    start(NULL);
    ask("GET /files/ HTTP/1.1\r\nHost: a\r\n\r\n", 200, "<p>plain</p>");
    ask("GET /files/index.html HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\n\r\n", 200,
        "BR");
    ask("GET /files/index.html HTTP/1.1\r\nHost: a\r\nAccept-Encoding: *;q=0\r\n\r\n", 406,
        "406 Not Acceptable\n");
    ask("GET /files/index.html HTTP/1.1\r\nHost: a\r\nRange: bytes=3-7\r\n\r\n", 206, "plain");
    ask("GET /files/nope HTTP/1.1\r\nHost: a\r\n\r\n", 404, "404 Not Found\n");
    ask("GET /files/../files/index.html HTTP/1.1\r\nHost: a\r\n\r\n", 200, "<p>plain</p>");
    peer_connect(&p, port);
    peer_send(&p, BELL_LIT("GET /files/assets/a.js HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(peer_read_head(&p, head, sizeof head), 200);
    assert_non_null(strstr(head, "Cache-Control: public, max-age=31536000, immutable\r\n"));
    assert_non_null(strstr(head, "ETag: \"d\"\r\n"));
    assert_null(strstr(head, "Last-Modified"));
    assert_true(peer_read(&p, body, 1));
    peer_send(
        &p, BELL_LIT("GET /files/assets/a.js HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"d\"\r\n\r\n"));
    assert_int_equal(peer_read_head(&p, head, sizeof head), 304);
    peer_send(&p, BELL_LIT("HEAD /files/index.html HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(peer_read_head(&p, head, sizeof head), 200);
    assert_non_null(strstr(head, "Content-Length: 12\r\n"));
    peer_send(&p,
              BELL_LIT("GET /facts/1 HTTP/1.1\r\nHost: a\r\n\r\n")); /* nothing stands between */
    assert_int_equal(peer_read_head(&p, head, sizeof head), 200);
    peer_close(&p);
    stop();
}

/* Who asks for an upgrade gets it, who asks for the page gets that; deeper the page has no say. */
static void a_page_and_its_websocket_share_a_path(void **state)
{
    static const struct bell_component component = {.user = NULL};
    static const char *const PATTERNS[] = {"/", "/files/", "/files/live", "/files/*"};
    static const struct {
        const char *path;
        int status;
        const char *body;
    } CASES[] = {
        {"/files/", 200, "<p>plain</p>"},
        {"/files/index.html", 200, "<p>plain</p>"},
        {"/files/live", 426, "426 Upgrade Required\n"},
        {"/files/other", 404, "404 Not Found\n"},
        {"/", 426, "426 Upgrade Required\n"},
    };
    static struct peer p;
    struct bell_ws_server *ws;
    (void)state;
    assert_int_equal(bell_ws_server_create(&component, NULL, &ws), BELL_OK);
    assert_int_equal(bell_http_server_create(NULL, &http), BELL_OK);
    for (size_t i = 0; i < sizeof PATTERNS / sizeof PATTERNS[0]; i++) {
        assert_int_equal(bell_http_server_websocket(http, PATTERNS[i], ws), BELL_OK);
    }
    assert_int_equal(bell_http_server_files(http, "/files/", FILES, 2, NULL), BELL_OK);
    assert_int_equal(bell_io_server_create(http, NULL, &io), BELL_OK);
    assert_int_equal(bell_io_server_listen(io, "127.0.0.1:0"), BELL_OK);
    port = bell_io_server_port(io, 0);
    assert_int_equal(bell_io_server_start(io), BELL_OK);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char request[128];
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
                       CASES[i].path);
        ask(request, CASES[i].status, CASES[i].body);
        peer_connect(&p, port);
        assert_int_equal(peer_upgrade(&p, CASES[i].path, ""), 101);
        peer_close(&p);
    }
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    assert_int_equal(bell_mem_live(), 0);
}

/* What no answer could have is refused before the first request comes. */
static void fields_of_files_are_checked_at_once(void **state)
{
    enum { LONGEST = 13 * 1024 };
    static char text[2 * LONGEST];
    struct bell_http_server *server;
    (void)state;
    memset(text, 'v', sizeof text);
    const struct {
        const char *cache_control;
        bell_http_field field;
        bell_status status;
    } ROWS[] = {
        {NULL, {BELL_LIT("X-A"), BELL_LIT("b")}, BELL_OK},
        {"no-store", {BELL_LIT("Content-Security-Policy"), BELL_LIT("")}, BELL_OK},
        {NULL, {BELL_LIT("X-Long"), bell_slice_make(text, LONGEST)}, BELL_OK},
        {NULL, {BELL_LIT("X-Long"), bell_slice_make(text, LONGEST + 1024)}, BELL_ELIMIT},
        {NULL, {BELL_LIT("X-Long"), bell_slice_make(text, sizeof text)}, BELL_ELIMIT},
        {NULL, {BELL_LIT(""), BELL_LIT("b")}, BELL_EINVAL},
        {NULL, {BELL_LIT("X A"), BELL_LIT("b")}, BELL_EINVAL},
        {NULL, {BELL_LIT("X-A"), BELL_LIT("b\r\nX-B: c")}, BELL_EINVAL},
        {NULL, {BELL_LIT("content-length"), BELL_LIT("1")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Content-Type"), BELL_LIT("text/html")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Connection"), BELL_LIT("close")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Date"), BELL_LIT("today")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Cache-Control"), BELL_LIT("no-store")}, BELL_EINVAL},
        {NULL, {BELL_LIT("etag"), BELL_LIT("\"1\"")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Last-Modified"), BELL_LIT("today")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Accept-Ranges"), BELL_LIT("none")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Content-Encoding"), BELL_LIT("gzip")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Content-Range"), BELL_LIT("bytes 0-0/1")}, BELL_EINVAL},
        {NULL, {BELL_LIT("Vary"), BELL_LIT("Origin")}, BELL_OK},
        {"no-cache\r\nX-B: c", {BELL_LIT("X-A"), BELL_LIT("b")}, BELL_EINVAL},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const bell_http_static_options options = {
            .cache_control = ROWS[i].cache_control, .fields = &ROWS[i].field, .field_count = 1};
        assert_int_equal(bell_http_server_create(NULL, &server), BELL_OK);
        assert_int_equal(bell_http_server_files(server, "/files/", FILES, 2, &options),
                         ROWS[i].status);
        assert_int_equal(bell_http_server_static(server, "/disk/", "/", &options), ROWS[i].status);
        bell_http_server_destroy(server);
    }
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_sees_the_request),
        cmocka_unit_test(answers_come_in_the_order_of_the_requests),
        cmocka_unit_test(bodies_of_a_long_pipeline_stay_apart),
        cmocka_unit_test(a_late_answer_to_a_peer_that_left_is_no_error),
        cmocka_unit_test(only_the_first_late_answer_counts),
        cmocka_unit_test(an_exchange_is_never_0),
        cmocka_unit_test(only_small_memory_is_kept),
        cmocka_unit_test(a_late_answer_may_have_as_many_fields_as_any),
        cmocka_unit_test(a_late_answer_of_the_longest_head_is_sent_or_refused),
        cmocka_unit_test(a_client_that_has_ended_its_half_gets_all_its_answers),
        cmocka_unit_test(a_body_may_have_its_limit_and_no_byte_more),
        cmocka_unit_test(expect_continue_is_answered_before_the_body),
        cmocka_unit_test(slow_clients_are_told_408_and_silent_ones_closed),
        cmocka_unit_test(dribbling_does_not_buy_time),
        cmocka_unit_test(files_in_memory_have_tags_encodings_and_ranges),
        cmocka_unit_test(a_page_and_its_websocket_share_a_path),
        cmocka_unit_test(fields_of_files_are_checked_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
