/*
 * Publishing over HTTP: who may, what, where to, and what is answered.
 */
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char TOKEN[] = "0123456789abcdef0123456789ABCDEF";
#define BEARER "Authorization: Bearer 0123456789abcdef0123456789ABCDEF\r\n"

static void on_open(struct bell_ws_server *ws, bell_conn conn, const struct bell_http_request *r,
                    void *user)
{
    (void)r;
    (void)user;
    if (bell_ws_subscribe(ws, conn, BELL_LIT("news")) != BELL_OK ||
        bell_ws_subscribe(ws, conn, BELL_LIT("a b/\xc3\xa4")) != BELL_OK) {
        (void)bell_ws_abort(ws, conn);
    }
}

static const struct bell_component COMPONENT = {.on_open = on_open};

static void begin(struct service *s, const bell_http_publish_options *options)
{
    bell_http_options http;
    bell_http_options_init(&http);
    http.max_body_bytes = 100000;
    service_init(s, &http);
    service_add_websocket(s, &COMPONENT, NULL);
    assert_int_equal(bell_http_server_publish(s->http, "/publish", s->ws, TOKEN, options), BELL_OK);
    assert_int_equal(bell_http_server_publish(s->http, "/to/:topic", s->ws, TOKEN, options),
                     BELL_OK);
    service_start(s, 1);
}

static void open_ws(struct peer *p, const struct service *s)
{
    peer_connect(p, s->port);
    assert_int_equal(peer_upgrade(p, "/ws", ""), 101);
}

static char answer[512];

static int post(const struct service *s, const char *target, const char *fields, bell_slice body)
{
    static struct peer p;
    char head[1024];
    int n =
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n%s\r\n",
                 target, body.n, fields);
    peer_connect(&p, s->port);
    peer_send(&p, bell_slice_make(head, (size_t)n));
    peer_send(&p, body);
    int status = read_answer(&p, answer, sizeof answer);
    peer_close(&p);
    return status;
}

static void expect(struct peer *p, uint8_t first, const char *text)
{
    static peer_frame f;
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.first, first);
    f.payload[f.n] = '\0';
    assert_string_equal(f.payload, text);
}

static void posts_reach_the_subscribers(void **state)
{
    (void)state;
    struct service s;
    static struct peer a;
    static struct peer b;
    begin(&s, NULL);
    open_ws(&a, &s);
    assert_int_equal(post(&s, "/publish?topic=news", BEARER, BELL_LIT("one")), 200);
    assert_string_equal(answer, "{\"receivers\":1}\n");
    open_ws(&b, &s);
    assert_int_equal(post(&s, "/publish?x=1&topic=a+b%2F%c3%a4",
                          "authorization:  bEARER   0123456789abcdef0123456789ABCDEF \r\n",
                          BELL_LIT("two \xe2\x82\xac")),
                     200);
    assert_string_equal(answer, "{\"receivers\":2}\n");
    assert_int_equal(post(&s, "/to/news?topic=other",
                          BEARER "Content-Type: application/octet-stream; x=y\r\n",
                          BELL_LIT("\xff")),
                     200);
    assert_int_equal(post(&s, "/to/news", BEARER "Content-Type: text/plain\r\n", BELL_LIT("")),
                     200);
    assert_int_equal(post(&s, "/to/nobody", BEARER, BELL_LIT("x")), 200);
    assert_string_equal(answer, "{\"receivers\":0}\n");
    expect(&a, 0x81, "one");
    for (int i = 0; i < 2; i++) {
        struct peer *p = i == 0 ? &a : &b;
        expect(p, 0x81, "two \xe2\x82\xac");
        expect(p, 0x82, "\xff");
        expect(p, 0x81, "");
        peer_close(p);
    }
    service_finish(&s);
}

static void only_who_has_the_token_may(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "",
        "Authorization: \r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Basic 0123456789abcdef0123456789ABCDEF\r\n",
        "Authorization: 0123456789abcdef0123456789ABCDEF\r\n",
        "Authorization: Bearer 0123456789abcdef0123456789ABCDE\r\n",
        "Authorization: Bearer 0123456789abcdef0123456789ABCDEF0\r\n",
        "Authorization: Bearer 0123456789abcdef0123456789ABCDEf\r\n",
        "Authorization: Bearer 1123456789abcdef0123456789ABCDEF\r\n",
        ("Authorization: Bearer "
         "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF\r\n"),
    };
    struct service s;
    static struct peer p;
    begin(&s, NULL);
    open_ws(&p, &s);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        /* Whatever else is wrong is not told to strangers. */
        assert_int_equal(
            post(&s, i % 2 == 0 ? "/publish?topic=news" : "/publish", WRONG[i], BELL_LIT("no")),
            401);
        assert_string_equal(answer, "{\"error\":\"token\"}\n");
    }
    assert_int_equal(post(&s, "/publish?topic=news", BEARER, BELL_LIT("yes")), 200);
    expect(&p, 0x81, "yes");
    peer_close(&p);
    service_finish(&s);
}

static void what_cannot_be_published_is_refused(void **state)
{
    (void)state;
    static char large[100001];
    char target[400];
    struct service s;
    const bell_http_publish_options options = {.max_message_bytes = 1000};
    memset(large, 'x', sizeof large);
    begin(&s, &options);
    assert_int_equal(post(&s, "/publish", BEARER, BELL_LIT("x")), 400);
    assert_int_equal(post(&s, "/publish?topic=", BEARER, BELL_LIT("x")), 400);
    assert_int_equal(post(&s, "/publish?topic=%zz", BEARER, BELL_LIT("x")), 400);
    for (int n = 255; n <= 256; n++) {
        (void)snprintf(target, sizeof target, "/publish?topic=%.*s", n, large);
        assert_int_equal(post(&s, target, BEARER, BELL_LIT("x")), n == 255 ? 200 : 400);
        (void)snprintf(target, sizeof target, "/to/%.*s", n, large);
        assert_int_equal(post(&s, target, BEARER, BELL_LIT("x")), n == 255 ? 200 : 400);
        (void)snprintf(target, sizeof target, "/to/news?key=%.*s", n, large);
        assert_int_equal(post(&s, target, BEARER, BELL_LIT("x")), n == 255 ? 200 : 400);
    }
    assert_int_equal(post(&s, "/to/news?retain=1", BEARER, BELL_LIT("x")), 400);
    assert_int_equal(post(&s, "/to/news?retain=2", BEARER, BELL_LIT("x")), 400);
    assert_int_equal(post(&s, "/to/news?retain=11", BEARER, BELL_LIT("x")), 400);
    assert_int_equal(post(&s, "/to/news?retain=0", BEARER, BELL_LIT("x")), 200);
    assert_int_equal(post(&s, "/to/news", BEARER, BELL_LIT("\xff")), 400);
    assert_int_equal(post(&s, "/to/news", BEARER, bell_slice_make(large, 1000)), 200);
    assert_int_equal(post(&s, "/to/news", BEARER, bell_slice_make(large, 1001)), 413);
    assert_string_equal(answer, "{\"error\":\"size\"}\n");
    assert_int_equal(post(&s, "/to/news", BEARER, bell_slice_make(large, 100001)), 413);
    service_finish(&s);
}

static void values_are_retained_where_that_is_allowed(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    const bell_http_publish_options options = {.allows_retained = true};
    bell_ws_stats stats;
    begin(&s, &options);
    assert_int_equal(post(&s, "/to/news?retain=1", BEARER, BELL_LIT("last")), 200);
    open_ws(&p, &s);
    expect(&p, 0x81, "last");
    bell_ws_server_stats(s.ws, &stats);
    assert_int_equal(stats.retained, 1);
    peer_close(&p);
    service_finish(&s);
}

static void what_is_no_token_is_refused_at_once(void **state)
{
    (void)state;
    static char token[4098];
    struct bell_ws_server *ws;
    struct bell_http_server *http;
    assert_int_equal(bell_ws_server_create(&COMPONENT, NULL, &ws), BELL_OK);
    assert_int_equal(bell_http_server_create(NULL, &http), BELL_OK);
    memset(token, 'x', sizeof token - 1);
    assert_int_equal(bell_http_server_publish(http, "/a", ws, "", NULL), BELL_EINVAL);
    assert_int_equal(bell_http_server_publish(http, "/a", ws, "a b", NULL), BELL_EINVAL);
    assert_int_equal(bell_http_server_publish(http, "/a", ws, "a\xc3\xa4", NULL), BELL_EINVAL);
    assert_int_equal(bell_http_server_publish(http, "/a", ws, token, NULL), BELL_EINVAL);
    assert_int_equal(bell_http_server_publish(http, "/a", ws, token + 1, NULL), BELL_OK);
    assert_int_equal(bell_http_server_publish(http, "/a", ws, "t", NULL), BELL_EEXISTS);
    assert_int_equal(bell_http_server_publish(http, "a", ws, "t", NULL), BELL_EINVAL);
    int64_t nth = 0;
    bool failed;
    do {
        bell_mem_fail_at(++nth);
        bell_status st = bell_http_server_publish(http, "/b", ws, "t", NULL);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_int_equal(st, failed ? BELL_ENOMEM : BELL_OK);
    } while (failed);
    assert_true(nth > 2);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_reach_the_subscribers),
        cmocka_unit_test(only_who_has_the_token_may),
        cmocka_unit_test(what_cannot_be_published_is_refused),
        cmocka_unit_test(values_are_retained_where_that_is_allowed),
        cmocka_unit_test(what_is_no_token_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
