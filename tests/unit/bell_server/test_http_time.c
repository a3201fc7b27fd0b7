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

/* More than the kernel takes on both sides together. */
enum { BIG_BYTES = 16 * 1024 * 1024 };
static char big[BIG_BYTES];
static const bell_http_file BIG = {.path = {"big", 3},
                                   .content_type = {"application/octet-stream", 24},
                                   .plain = {big, sizeof big},
                                   .etag = {"b", 1}};

static void begin(struct service *s, const bell_http_options *options)
{
    service_init(s, options);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/hello", handle_hello, NULL), BELL_OK);
    assert_int_equal(bell_http_server_files(s->http, "/files/", &BIG, 1, NULL), BELL_OK);
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
    for (bool was_in_time = false; !was_in_time;) {
        sleep_ms(600); /* nothing happens: the loop sleeps for longer than the time-out */
        uint64_t begin_ms = now_ms();
        peer_connect(&p, s.port);
        sleep_ms(100);
        peer_send(&p, bell_slice_from(HELLO));
        was_in_time = now_ms() - begin_ms < o.head_timeout_ms;
        if (!was_in_time) { /* this program was held up: once more */
            peer_close(&p);
        }
    }
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    peer_close(&p);
    service_finish(&s);
}

/* Asks for the big file and reads its head. */
static void ask_big(struct peer *p, const struct service *s, const char *more_fields)
{
    char head[1024];
    peer_connect(p, s->port);
    peer_send(p, BELL_LIT("GET /files/big HTTP/1.1\r\nHost: a\r\n"));
    peer_send(p, bell_slice_from(more_fields));
    peer_send(p, BELL_LIT("\r\n"));
    assert_int_equal(peer_read_head(p, head, sizeof head), 200);
}

/* Reads a little now and then for so long, and returns how much. */
static size_t read_slowly(struct peer *p, uint64_t span_ms)
{
    enum { PIECE_BYTES = 16 * 1024, PAUSE_MS = 50 };
    static char piece[PIECE_BYTES];
    size_t n = 0;
    for (uint64_t end_ms = now_ms() + span_ms; now_ms() < end_ms; n += sizeof piece) {
        assert_true(peer_read(p, piece, sizeof piece));
        sleep_ms(PAUSE_MS);
    }
    return n;
}

static void read_all(struct peer *p, size_t n)
{
    static char piece[16 * 1024];
    while (n > 0) {
        size_t part = n < sizeof piece ? n : sizeof piece;
        assert_true(peer_read(p, piece, part));
        n -= part;
    }
}

static void silence_begins_when_the_answer_has_been_taken(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char body[64];
    bell_http_options o;
    bell_http_options_init(&o);
    o.keep_alive_ms = 1000;
    begin(&s, &o);
    service_start(&s, 1);
    for (bool was_in_time = false; !was_in_time;) {
        ask_big(&p, &s, "");
        size_t n = read_slowly(&p, 700);
        uint64_t begin_ms = now_ms();
        read_all(&p, BIG_BYTES - n);
        sleep_ms(600);
        peer_send(&p, bell_slice_from(HELLO));
        was_in_time = now_ms() - begin_ms < o.keep_alive_ms;
        if (!was_in_time) { /* this program was held up: once more */
            peer_close(&p);
        }
    }
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    assert_int_equal(peer_read_to_end(&p), 0); /* and now the server ends it */
    peer_close(&p);
    service_finish(&s);
}

static void who_takes_nothing_of_an_answer_is_dropped_in_time(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    bell_http_options o;
    bell_http_options_init(&o);
    o.send_timeout_ms = 300;
    o.keep_alive_ms = 20000;
    begin(&s, &o);
    service_start(&s, 1);
    ask_big(&p, &s, "");
    sleep_ms(800);
    assert_true(peer_read_to_end(&p) < BIG_BYTES);
    peer_close(&p);
    service_finish(&s);
}

/* Longer than a stream lingers once all is sent (BELL_CONNECTION_LINGER_MS). */
static void the_last_answer_may_take_its_time_too(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    begin(&s, NULL);
    service_start(&s, 1);
    ask_big(&p, &s, "Connection: close\r\n");
    size_t n = read_slowly(&p, 5500);
    assert_int_equal(n + peer_read_to_end(&p), BIG_BYTES);
    peer_close(&p);
    service_finish(&s);
}

static void a_time_out_after_a_head_request_is_told_with_its_text(void **state)
{
    (void)state;
    struct service s;
    static struct peer p;
    char head[1024];
    char body[64];
    bell_http_options o;
    bell_http_options_init(&o);
    o.head_timeout_ms = 100;
    begin(&s, &o);
    service_start(&s, 1);
    peer_connect_saying(&p, s.port, BELL_LIT("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hel"),
                        o.head_timeout_ms);
    assert_int_equal(peer_read_head(&p, head, sizeof head), 200);
    assert_int_equal(read_answer(&p, body, sizeof body), 408);
    assert_string_equal(body, "408 Request Timeout\n");
    peer_close(&p);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_has_its_whole_time_though_the_loop_has_slept),
        cmocka_unit_test(silence_begins_when_the_answer_has_been_taken),
        cmocka_unit_test(who_takes_nothing_of_an_answer_is_dropped_in_time),
        cmocka_unit_test(the_last_answer_may_take_its_time_too),
        cmocka_unit_test(a_time_out_after_a_head_request_is_told_with_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
