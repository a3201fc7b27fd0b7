/*
 * Behind proxies: whom guards, handlers and components see, whom they do not believe, and that a
 * PROXY header is asked of listed proxies and of nobody else.
 */
#include "base/buf.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

enum { BODY_BYTES = 512, PATIENT_MS = 20000, HURRIED_MS = 300 };

static void who(struct bell_http_request *request, void *user)
{
    struct bell_buf body;
    bell_buf_init(&body, BODY_BYTES);
    (void)user;
    assert_int_equal(bell_buf_printf(&body, "%.*s%s", BELL_FMT(bell_http_request_peer(request)),
                                     bell_http_request_is_secure(request) ? " secure" : ""),
                     BELL_OK);
    const bell_http_response response = {.status = 200, .body = bell_buf_slice(&body)};
    assert_int_equal(bell_http_respond(request, &response), BELL_OK);
    bell_buf_finish(&body);
}

/* Tells the client what the component sees. */
static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    struct bell_buf text;
    bell_buf_init(&text, BODY_BYTES);
    (void)user;
    assert_int_equal(bell_buf_printf(&text, "%.*s %.*s", BELL_FMT(bell_http_request_peer(request)),
                                     BELL_FMT(bell_ws_peer_address(ws, conn))),
                     BELL_OK);
    assert_int_equal(bell_ws_send(ws, conn, BELL_TEXT, bell_buf_slice(&text)), BELL_OK);
    bell_buf_finish(&text);
}

static void start_with(struct service *s, const char *proxy, bool proxy_protocol,
                       uint32_t head_timeout_ms)
{
    static const struct bell_component component = {.on_open = on_open};
    bell_http_options http;
    bell_io_options options;
    struct bell_guard *guard;
    bell_http_options_init(&http);
    http.head_timeout_ms = head_timeout_ms;
    service_init(s, &http);
    service_add_websocket(s, &component, NULL);
    assert_int_equal(bell_guard_connections_create(1, 0, &guard), BELL_OK);
    assert_int_equal(bell_ws_server_add_guard(s->ws, guard), BELL_OK);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/who", who, NULL), BELL_OK);
    bell_io_options_init(&options);
    options.threads = 1;
    options.trusted_proxies = &proxy;
    options.trusted_proxy_count = proxy == NULL ? 0 : 1;
    options.proxy_protocol = proxy_protocol;
    assert_int_equal(bell_io_server_create(s->http, &options, &s->io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s->io, "127.0.0.1:0"), BELL_OK);
    s->port = bell_io_server_port(s->io, 0);
    assert_int_equal(bell_io_server_start(s->io), BELL_OK);
}

static void start(struct service *s, const char *proxy, bool proxy_protocol)
{
    start_with(s, proxy, proxy_protocol, PATIENT_MS);
}

static void assert_who(struct peer *p, const char *fields, const char *expected)
{
    char text[512];
    char body[BODY_BYTES];
    (void)snprintf(text, sizeof text, "GET /who HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    peer_send(p, bell_slice_from(text));
    assert_int_equal(read_answer(p, body, sizeof body), 200);
    assert_string_equal(body, expected);
}

static void assert_greeting(struct peer *p, const char *expected)
{
    peer_frame frame;
    assert_true(peer_read_frame(p, &frame));
    assert_int_equal(frame.n, strlen(expected));
    assert_memory_equal(frame.payload, expected, frame.n);
}

/* A refusal with 400, and the end. */
static void assert_refused(struct peer *p)
{
    char head[4096];
    assert_int_equal(peer_read_head(p, head, sizeof head), 400);
    assert_non_null(strstr(head, "Connection: close"));
    (void)peer_read_to_end(p);
}

static void a_trusted_proxy_speaks_for_a_client_per_request(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    start(&s, "127.0.0.0/8", false);
    peer_connect(&p, s.port);
    assert_who(&p, "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
    assert_who(&p, "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https\r\n",
               "192.0.2.2 secure");
    assert_who(&p, "", "127.0.0.1");
    peer_close(&p);
    service_finish(&s);
}

static void others_speak_for_themselves(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    start(&s, "192.0.2.0/24", true);
    peer_connect(&p, s.port);
    assert_who(&p, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", "127.0.0.1");
    peer_send(&p, BELL_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"));
    assert_refused(&p);
    peer_close(&p);
    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT(V2_SIGNATURE "\x20\x00\x00\x00"));
    assert_refused(&p);
    peer_close(&p);
    service_finish(&s);
}

static void a_session_belongs_to_the_client(void **state)
{
    (void)state;
    struct service s;
    struct peer a;
    struct peer b;
    struct peer c;
    start(&s, "127.0.0.1", false);
    peer_connect(&a, s.port);
    peer_connect(&b, s.port);
    peer_connect(&c, s.port);
    assert_int_equal(peer_upgrade(&a, "/ws", "X-Forwarded-For: 192.0.2.1\r\n"), 101);
    assert_greeting(&a, "192.0.2.1 192.0.2.1");
    /* One per address: the guard counts clients, not the proxy. */
    assert_int_equal(peer_upgrade(&b, "/ws", "X-Forwarded-For: 192.0.2.1\r\n"), 429);
    assert_int_equal(peer_upgrade(&c, "/ws", "X-Forwarded-For: 192.0.2.2\r\n"), 101);
    assert_greeting(&c, "192.0.2.2 192.0.2.2");
    /* And forgets the right one. */
    peer_frame frame;
    peer_send_frame(&a, 8, BELL_LIT("\x03\xe8"));
    assert_true(peer_read_frame(&a, &frame));
    peer_close(&b);
    peer_connect(&b, s.port);
    assert_int_equal(peer_upgrade(&b, "/ws", "X-Forwarded-For: 192.0.2.1\r\n"), 101);
    peer_close(&a);
    peer_close(&b);
    peer_close(&c);
    service_finish(&s);
}

static void a_proxy_header_names_the_client_of_the_connection(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    start(&s, "127.0.0.1", true);
    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"));
    assert_who(&p, "", "192.0.2.1");
    /* That client is no listed proxy: its own claims count for nothing. */
    assert_who(&p, "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n", "192.0.2.1");
    peer_close(&p);

    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT(V2_SIGNATURE "\x21\x11\x00\x14\xc0\x00\x02\x05\xc6\x33\x64\x07\xdc\x04"
                                        "\x01\xbb\x20\x00\x05\x01\0\0\0\0"));
    assert_who(&p, "", "192.0.2.5 secure");
    peer_close(&p);

    /* In one piece with the request, and in many. */
    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\nGET /who HTTP/1.1\r\n"
                           "Host: a\r\n\r\n"));
    char body[BODY_BYTES];
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    assert_string_equal(body, "2001:db8::1");
    peer_close(&p);
    peer_connect(&p, s.port);
    static const char PIECES[] = "PROXY TCP4 192.0.2.3 198.51.100.7 1 2\r\nGET /who HTTP/1.1\r\n";
    for (size_t i = 0; i < sizeof PIECES - 1; i++) {
        peer_send(&p, bell_slice_make(PIECES + i, 1));
    }
    peer_send(&p, BELL_LIT("Host: a\r\n\r\n"));
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    assert_string_equal(body, "192.0.2.3");
    peer_close(&p);

    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT("PROXY TCP4 192.0.2.4 198.51.100.7 1 2\r\n"));
    assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
    assert_greeting(&p, "192.0.2.4 192.0.2.4");
    peer_close(&p);
    service_finish(&s);
}

static void a_proxy_that_speaks_for_itself_is_believed_per_request(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    start(&s, "127.0.0.1", true);
    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT(V2_SIGNATURE "\x20\x00\x00\x00"));
    assert_who(&p, "", "127.0.0.1");
    assert_who(&p, "X-Forwarded-For: 192.0.2.9\r\n", "192.0.2.9");
    peer_close(&p);
    service_finish(&s);
}

static void a_listed_proxy_must_begin_with_a_header(void **state)
{
    (void)state;
    static const bell_slice BAD[] = {
        {"GET /who HTTP/1.1\r\nHost: a\r\n\r\n", 30},
        {"PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n", 41},
        {V2_SIGNATURE "\x31\x00\x00\x00", 16},
        {"PROXY T", 7}, /* and more that never comes: its time ends */
    };
    struct service s;
    struct peer p;
    start_with(&s, "127.0.0.1", true, HURRIED_MS);
    for (size_t i = 0; i < 3; i++) {
        peer_connect_saying(&p, s.port, BAD[i], HURRIED_MS);
        assert_refused(&p);
        peer_close(&p);
    }
    uint64_t before_ms = now_ms();
    peer_connect(&p, s.port);
    peer_send(&p, BAD[3]);
    assert_int_equal(peer_read_to_end(&p), 0);
    assert_in_range(now_ms() - before_ms, 250, 3000);
    peer_close(&p);
    /* A half header, then the end. */
    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT("PROXY TCP4 192."));
    peer_close(&p);
    service_finish(&s);
}

static void what_is_no_network_is_refused(void **state)
{
    (void)state;
    struct service s;
    bell_io_options options;
    static const char *names[257];
    service_init(&s, NULL);
    bell_io_options_init(&options);
    options.threads = 1;
    for (size_t i = 0; i < 257; i++) {
        names[i] = "10.0.0.0/8";
    }
    options.trusted_proxies = names;
    options.trusted_proxy_count = 257;
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_EINVAL);
    options.trusted_proxy_count = 256;
    names[255] = "10.0.0.0/33";
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_EINVAL);
    names[255] = "unix";
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_proxy_speaks_for_a_client_per_request),
        cmocka_unit_test(others_speak_for_themselves),
        cmocka_unit_test(a_session_belongs_to_the_client),
        cmocka_unit_test(a_proxy_header_names_the_client_of_the_connection),
        cmocka_unit_test(a_proxy_that_speaks_for_itself_is_believed_per_request),
        cmocka_unit_test(a_listed_proxy_must_begin_with_a_header),
        cmocka_unit_test(what_is_no_network_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
