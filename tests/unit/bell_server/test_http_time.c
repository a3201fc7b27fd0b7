/*
 * The deadlines of HTTP connections: each in its time, none too early. What is tested here is time,
 * so these tests let some pass; they are generous where a busy machine could make them fail.
 */
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void sleep_ms(unsigned ms)
{
    (void)usleep(ms * 1000);
}

static void handle_hello(struct bell_http_request *r, void *user)
{
    const bell_http_response response = {.status = 200, .body = BELL_LIT("hello")};
    (void)user;
    assert_int_equal(bell_http_respond(r, &response), BELL_OK);
}

static void begin(struct service *s, const bell_http_options *options)
{
    service_init(s, options);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/hello", handle_hello, NULL), BELL_OK);
}

static const char HELLO[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

static void a_connection_has_its_whole_time_though_the_loop_has_slept(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char body[64];
    bell_http_options o;
    bell_http_options_init(&o);
    o.head_timeout_ms = 300;
    begin(&s, &o);
    service_start(&s, 1);
    sleep_ms(600); /* nothing happens: the loop sleeps for longer than the time-out */
    peer_connect(&p, s.port);
    sleep_ms(100);
    peer_send(&p, bell_slice_from(HELLO));
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    peer_close(&p);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_has_its_whole_time_though_the_loop_has_slept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
