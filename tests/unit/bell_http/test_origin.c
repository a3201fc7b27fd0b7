/*
 * Web origins: RFC 6454 sections 4 to 6.
 */
#include "bell/http/origin.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static bell_http_origin parse(const char *text)
{
    bell_http_origin o;
    if (bell_http_origin_parse(bell_slice_from(text), &o) != BELL_OK) {
        fail_msg("refused: %s", text);
    }
    return o;
}

static void reads_scheme_host_and_port(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *scheme;
        const char *host;
        uint16_t port;
    } CASES[] = {
        {"http://a", "http", "a", 80},
        {"https://shop.example", "https", "shop.example", 443},
        {"HTTPS://Shop.Example:8443", "HTTPS", "Shop.Example", 8443},
        {"http://127.0.0.1:8080", "http", "127.0.0.1", 8080},
        {"http://[::1]:8080", "http", "[::1]", 8080},
        {"ws://a", "ws", "a", 80},
        {"wss://a", "wss", "a", 443},
        {"chrome-extension://abcdef", "chrome-extension", "abcdef", 0},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_http_origin o = parse(CASES[i].text);
        assert_true(bell_slice_equal(o.scheme, bell_slice_from(CASES[i].scheme)));
        assert_true(bell_slice_equal(o.host, bell_slice_from(CASES[i].host)));
        assert_int_equal(o.port, CASES[i].port);
        assert_false(o.is_null);
    }
    assert_true(parse("null").is_null);
}

static void refuses_what_is_no_serialized_origin(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "a",
        "http",
        "http:",
        "http:/",
        "http://",
        "http://a/",
        "http://a/b",
        "http://a?b",
        "http://a#b",
        "http://u@a",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:x",
        "http://a b",
        " http://a",
        "http://a ",
        "://a",
        "1http://a",
        "ht tp://a",
        "//a",
        "NULL",
        "null ",
        "http://a, http://b",
        "http://a http://b",
        "http://*",
        "*",
        "http://[::1",
        "http:///a",
        "http://a\\b",
        "file://",
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        bell_http_origin o;
        if (bell_http_origin_parse(bell_slice_from(BAD[i]), &o) != BELL_EINVAL) {
            fail_msg("accepted: %s", BAD[i]);
        }
    }
    bell_http_origin o;
    assert_int_equal(bell_http_origin_parse(BELL_LIT("http://a\0.b"), &o), BELL_EINVAL);
    assert_int_equal(bell_http_origin_parse((bell_slice){NULL, 0}, &o), BELL_EINVAL);
}

/* RFC 6454 section 5 */
static void compares_scheme_host_and_port(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool is_equal;
    } CASES[] = {
        {"http://a", "http://a", true},
        {"http://a", "HTTP://A:80", true},
        {"https://a:443", "https://a", true},
        {"http://a", "https://a", false},
        {"http://a:443", "https://a:443", false},
        {"http://a", "http://a:8080", false},
        {"http://a", "http://b", false},
        {"http://a", "http://a.b", false},
        {"http://a", "http://a.", false},
        {"http://a", "null", false},
        {"null", "null", false},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_http_origin a = parse(CASES[i].a);
        bell_http_origin b = parse(CASES[i].b);
        assert_int_equal(bell_http_origin_equal(&a, &b), CASES[i].is_equal);
        assert_int_equal(bell_http_origin_equal(&b, &a), CASES[i].is_equal);
    }
}

static void compares_with_the_host_field(void **state)
{
    (void)state;
    static const struct {
        const char *origin;
        const char *host;
        bool is_equal;
    } CASES[] = {
        {"http://a:8080", "a:8080", true},
        {"http://a", "a", true},
        {"http://a", "a:80", true},
        {"http://A", "a", true},
        {"https://a", "a", true}, /* TLS may end before us */
        {"https://a", "a:443", true},
        {"https://a", "a:", true},
        {"http://[::1]:80", "[::1]", true},
        {"https://a", "a:80", false},
        {"http://a:8080", "a", false},
        {"http://a", "a:8080", false},
        {"http://a", "b", false},
        {"http://a", "", false},
        {"http://a", "a, b", false},
        {"http://a.evil", "a", false},
        {"null", "a", false},
        {"ftp://a:80", "a:80", false},
        {"chrome-extension://a", "a", false},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_http_origin o = parse(CASES[i].origin);
        assert_int_equal(bell_http_origin_is_host(&o, bell_slice_from(CASES[i].host)),
                         CASES[i].is_equal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_scheme_host_and_port),
        cmocka_unit_test(refuses_what_is_no_serialized_origin),
        cmocka_unit_test(compares_scheme_host_and_port),
        cmocka_unit_test(compares_with_the_host_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
