/*
 * Response heads: RFC 9112 sections 4 and 6.3, RFC 9110 section 15.
 */
#include "bell/http/response.h"

#include "base/compiler.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static const bell_slice DATE = {"Sun, 06 Nov 1994 08:49:37 GMT", 29};

static void assert_written(const bell_http_response_head *head, const char *expected)
{
    struct bell_buf out;
    bell_buf_init(&out, 1 << 16);
    assert_int_equal(bell_http_response_write_head(&out, head), BELL_OK);
    assert_int_equal(out.n, strlen(expected));
    assert_memory_equal(out.p, expected, out.n);
    bell_buf_finish(&out);
}

static void writes_a_head(void **state)
{
    (void)state;
    const bell_http_field fields[] = {
        {BELL_LIT("X-A"), BELL_LIT("b")},
        {BELL_LIT("X-Empty"), {NULL, 0}},
    };
    assert_written(&(bell_http_response_head){.status = 200,
                                              .date = DATE,
                                              .content_type = BELL_LIT("text/plain"),
                                              .content_length = 12345,
                                              .fields = fields,
                                              .field_count = 2},
                   "HTTP/1.1 200 OK\r\n"
                   "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                   "Content-Type: text/plain\r\n"
                   "Content-Length: 12345\r\n"
                   "X-A: b\r\n"
                   "X-Empty: \r\n\r\n");
    assert_written(&(bell_http_response_head){.status = 200, .content_length = UINT64_MAX},
                   "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n");
    assert_written(&(bell_http_response_head){.status = 299},
                   "HTTP/1.1 299 Unknown\r\nContent-Length: 0\r\n\r\n");
}

static void writes_the_connection_field(void **state)
{
    (void)state;
    assert_written(
        &(bell_http_response_head){.status = 200, .connection = BELL_HTTP_CONNECTION_CLOSE},
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_written(
        &(bell_http_response_head){.status = 200, .connection = BELL_HTTP_CONNECTION_KEEP_ALIVE},
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    const bell_http_field upgrade = {BELL_LIT("Upgrade"), BELL_LIT("websocket")};
    assert_written(&(bell_http_response_head){.status = 101,
                                              .connection = BELL_HTTP_CONNECTION_UPGRADE,
                                              .fields = &upgrade,
                                              .field_count = 1},
                   "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                   "Upgrade: websocket\r\n\r\n");
    assert_written(
        &(bell_http_response_head){.status = 426, .connection = BELL_HTTP_CONNECTION_CLOSE_UPGRADE},
        "HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n"
        "Content-Length: 0\r\n\r\n");
}

/* RFC 9110 section 8.6: no Content-Length in 1xx and 204. */
static void leaves_the_length_out_where_there_is_no_body(void **state)
{
    (void)state;
    assert_written(&(bell_http_response_head){.status = 204, .content_length = 5},
                   "HTTP/1.1 204 No Content\r\n\r\n");
    assert_written(&(bell_http_response_head){.status = 304, .content_length = 5},
                   "HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_true(bell_http_status_has_body(200));
    assert_true(bell_http_status_has_body(404));
    assert_false(bell_http_status_has_body(101));
    bell_slice go_on = bell_http_response_continue();
    assert_true(bell_slice_equal(go_on, BELL_LIT("HTTP/1.1 100 Continue\r\n\r\n")));
}

static void assert_refused(const bell_http_response_head *head)
{
    struct bell_buf out;
    bell_buf_init(&out, 1 << 16);
    assert_int_equal(bell_buf_append(&out, BELL_LIT("kept")), BELL_OK);
    assert_int_equal(bell_http_response_write_head(&out, head), BELL_EINVAL);
    assert_int_equal(bell_http_response_write_plain(&out, head, false), BELL_EINVAL);
    assert_true(bell_slice_equal(bell_buf_slice(&out), BELL_LIT("kept")));
    bell_buf_finish(&out);
}

static void refuses_fields_that_would_break_out(void **state)
{
    (void)state;
    static const struct {
        bell_slice name;
        bell_slice value;
    } CASES[] = {
        {{"A", 1}, {"b\r\nC: d", 7}},
        {{"A", 1}, {"b\r", 2}},
        {{"A", 1}, {"b\n", 2}},
        {{"A", 1}, {"b\0c", 3}},
        {{"A", 1}, {"\x7f", 1}},
        {{"A", 1}, {"\x1b[", 2}},
        {{"", 0}, {"b", 1}},
        {{"A:", 2}, {"b", 1}},
        {{"A ", 2}, {"b", 1}},
        {{"A\r\n", 3}, {"b", 1}},
        {{"A\0", 2}, {"b", 1}},
        {{"\xc3\xa4", 2}, {"b", 1}},
        {{"Content-Length", 14}, {"5", 1}},
        {{"content-length", 14}, {"5", 1}},
        {{"Transfer-Encoding", 17}, {"chunked", 7}},
        {{"Connection", 10}, {"close", 5}},
        {{"Keep-Alive", 10}, {"timeout=5", 9}},
        {{"Date", 4}, {"x", 1}},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        const bell_http_field fields[] = {
            {BELL_LIT("Fine"), BELL_LIT("\ttext \xc3\xa4")},
            {CASES[i].name, CASES[i].value},
        };
        assert_refused(
            &(bell_http_response_head){.status = 200, .fields = fields, .field_count = 2});
    }
}

static void refuses_bad_status_and_content_type(void **state)
{
    (void)state;
    static const uint16_t BAD[] = {0, 99, 600, 999, UINT16_MAX};
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        struct bell_buf out;
        bell_buf_init(&out, 1 << 16);
        const bell_http_response_head head = {.status = BAD[i]};
        assert_int_equal(bell_http_response_write_head(&out, &head), BELL_EINVAL);
        assert_int_equal(out.n, 0);
        bell_buf_finish(&out);
    }
    struct bell_buf out;
    bell_buf_init(&out, 1 << 16);
    const bell_http_response_head broken = {.status = 200, .content_type = BELL_LIT("a\r\nb")};
    assert_int_equal(bell_http_response_write_head(&out, &broken), BELL_EINVAL);
    const bell_http_field type = {BELL_LIT("Content-Type"), BELL_LIT("text/html")};
    bell_http_response_head twice = {
        .status = 200, .content_type = BELL_LIT("a"), .fields = &type, .field_count = 1};
    assert_int_equal(bell_http_response_write_head(&out, &twice), BELL_EINVAL);
    twice.content_type = (bell_slice){NULL, 0};
    assert_int_equal(bell_http_response_write_head(&out, &twice), BELL_OK);
    bell_buf_finish(&out);
}

static void assert_plain(const bell_http_response_head *head, bool is_head, const char *expected)
{
    struct bell_buf out;
    bell_buf_init(&out, 1 << 16);
    assert_int_equal(bell_http_response_write_plain(&out, head, is_head), BELL_OK);
    assert_int_equal(out.n, strlen(expected));
    assert_memory_equal(out.p, expected, out.n);
    bell_buf_finish(&out);
}

static void writes_short_error_bodies(void **state)
{
    (void)state;
    const bell_http_field allow = {BELL_LIT("Allow"), BELL_LIT("GET")};
    const bell_http_response_head head = {.status = 405,
                                          .connection = BELL_HTTP_CONNECTION_CLOSE,
                                          .fields = &allow,
                                          .field_count = 1};
    assert_plain(&head, false,
                 "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\n"
                 "X-Content-Type-Options: nosniff\r\nContent-Length: 23\r\n"
                 "Allow: GET\r\n\r\n405 Method Not Allowed\n");
    assert_plain(&head, true,
                 "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\n"
                 "X-Content-Type-Options: nosniff\r\nContent-Length: 23\r\n"
                 "Allow: GET\r\n\r\n");
    assert_plain(&(bell_http_response_head){.status = 204}, false,
                 "HTTP/1.1 204 No Content\r\n\r\n");
}

static void adds_nothing_when_the_buf_is_full_or_memory_ends(void **state)
{
    (void)state;
    const bell_http_response_head head = {.status = 404};
    struct bell_buf out;
    bell_buf_init(&out, 40);
    assert_int_equal(bell_http_response_write_head(&out, &head), BELL_ELIMIT);
    assert_int_equal(out.n, 0);
    bell_buf_finish(&out);

    bell_buf_init(&out, 1 << 16);
    bell_mem_fail_at(1);
    assert_int_equal(bell_http_response_write_plain(&out, &head, false), BELL_ENOMEM);
    assert_true(bell_mem_failed());
    assert_int_equal(out.n, 0);
    assert_int_equal(bell_http_response_write_plain(&out, &head, false), BELL_OK);
    assert_true(out.n > 0);
    bell_buf_finish(&out);
    assert_int_equal(bell_mem_live(), 0);
}

static void every_standard_status_has_a_reason(void **state)
{
    (void)state;
    static const uint16_t ANSWERED[] = {100, 101, 200, 204, 206, 304, 400, 401, 403,
                                        404, 405, 406, 408, 409, 412, 413, 414, 416,
                                        417, 426, 429, 431, 500, 501, 503, 505};
    for (size_t i = 0; i < BELL_ARRAY_LEN(ANSWERED); i++) {
        assert_false(bell_slice_equal(bell_http_reason(ANSWERED[i]), BELL_LIT("Unknown")));
    }
    assert_true(bell_slice_equal(bell_http_reason(599), BELL_LIT("Unknown")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_head),
        cmocka_unit_test(writes_the_connection_field),
        cmocka_unit_test(leaves_the_length_out_where_there_is_no_body),
        cmocka_unit_test(refuses_fields_that_would_break_out),
        cmocka_unit_test(refuses_bad_status_and_content_type),
        cmocka_unit_test(writes_short_error_bodies),
        cmocka_unit_test(adds_nothing_when_the_buf_is_full_or_memory_ends),
        cmocka_unit_test(every_standard_status_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
