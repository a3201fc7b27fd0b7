/*
 * X-Forwarded-For and X-Forwarded-Proto: what is believed, and from whom.
 */
#include "base/compiler.h"
#include "bell/http/parser.h"
#include "bell/server/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static bell_address address(const char *text)
{
    bell_address a = {{0}};
    if (text[0] != '\0') {
        assert_int_equal(bell_address_parse(bell_slice_from(text), &a), BELL_OK);
    }
    return a;
}

/* What fields make of a connection from peer; proxies are separated by spaces. */
static bell_client client_of(const char *peer, const char *proxies, const char *fields)
{
    static const bell_http_parser_limits LIMITS = {.max_head_bytes = 4096, .max_field_count = 16};
    bell_network networks[8];
    size_t count = 0;
    char list[256];
    char *rest = list;
    (void)snprintf(list, sizeof list, "%s", proxies);
    for (char *word = strtok_r(list, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_int_equal(bell_network_parse(bell_slice_from(word), &networks[count++]), BELL_OK);
    }
    char text[4096];
    bell_http_head_field places[16];
    struct bell_http_parser parser;
    (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    bell_http_parser_init(&parser, &LIMITS, places);
    assert_int_equal(bell_http_parser_feed(&parser, bell_slice_from(text)), BELL_OK);
    bell_http_head head = bell_http_parser_head(&parser, text);
    bell_client client = {.address = address(peer)};
    bell_forwarded_read(&head, networks, count, &client);
    return client;
}

static void assert_client(const char *peer, const char *proxies, const char *fields,
                          const char *expected)
{
    char room[BELL_ADDRESS_TEXT_BYTES];
    bell_client client = client_of(peer, proxies, fields);
    (void)bell_address_format(&client.address, room);
    assert_string_equal(room, expected);
}

static void only_listed_proxies_are_believed(void **state)
{
    (void)state;
    static const char FIELDS[] = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n";
    assert_client("10.0.0.1", "10.0.0.1", FIELDS, "192.0.2.1");
    assert_client("10.0.0.1", "10.0.0.0/8", FIELDS, "192.0.2.1");
    assert_client("10.0.0.1", "", FIELDS, "10.0.0.1");
    assert_client("10.0.0.1", "10.0.0.2", FIELDS, "10.0.0.1");
    assert_client("2001:db8::9", "2001:db8::/32", FIELDS, "192.0.2.1");
    assert_client("", "unix", FIELDS, "192.0.2.1");
    assert_client("", "10.0.0.0/8", FIELDS, "");
    assert_client("10.0.0.1", "unix", FIELDS, "10.0.0.1");
    assert_client("10.0.0.1", "10.0.0.1", "", "10.0.0.1");
    assert_true(client_of("10.0.0.1", "10.0.0.1", FIELDS).is_secure);
    assert_false(client_of("10.0.0.1", "10.0.0.2", FIELDS).is_secure);
}

static void the_walk_ends_at_the_first_that_is_not_listed(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        const char *expected;
    } CASES[] = {
        /* What a client invents stands before what proxies add. */
        {"X-Forwarded-For: 127.0.0.1, 192.0.2.1\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 127.0.0.1, 192.0.2.1, 10.0.0.7\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 192.0.2.1, 198.51.100.1, 10.0.0.7, 10.0.0.8\r\n", "198.51.100.1"},
        /* All listed: the client is one of ours too, the first. */
        {"X-Forwarded-For: 10.0.0.6, 10.0.0.7\r\n", "10.0.0.6"},
        /* Several lines are one list. */
        {"X-Forwarded-For: 192.0.2.1\r\nx-forwarded-for: 10.0.0.7\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 10.0.0.7\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
        /* Empty elements do not count. */
        {"X-Forwarded-For: ,192.0.2.1 ,, \t,10.0.0.7,\r\n", "192.0.2.1"},
        {"X-Forwarded-For: ,\r\n", "10.0.0.1"},
        {"X-Forwarded-For:\r\n", "10.0.0.1"},
        /* What is no address ends it: who wrote that stands for its client. */
        {"X-Forwarded-For: 192.0.2.1, unknown\r\n", "10.0.0.1"},
        {"X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.7\r\n", "10.0.0.7"},
        {"X-Forwarded-For: unknown, 192.0.2.1\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 192.0.2.1 10.0.0.7\r\n", "10.0.0.1"},
        {"X-Forwarded-For: \"192.0.2.1\"\r\n", "10.0.0.1"},
        {"X-Forwarded-For: 192.0.2.256\r\n", "10.0.0.1"},
        /* A quote of the client's own does not swallow what the proxy has written behind it. */
        {"X-Forwarded-For: \", 192.0.2.1\r\n", "192.0.2.1"},
        {"X-Forwarded-For: \"10.0.0.7, 192.0.2.1\r\n", "192.0.2.1"},
        /* Some add a port. */
        {"X-Forwarded-For: 192.0.2.1:4711\r\n", "192.0.2.1"},
        {"X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1"},
        {"X-Forwarded-For: [2001:db8::1]\r\n", "2001:db8::1"},
        {"X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
        {"X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 192.0.2.1:\r\n", "10.0.0.1"},
        {"X-Forwarded-For: 192.0.2.1:x\r\n", "10.0.0.1"},
        {"X-Forwarded-For: 192.0.2.1:123456\r\n", "10.0.0.1"},
        {"X-Forwarded-For: [2001:db8::1\r\n", "10.0.0.1"},
        {"X-Forwarded-For: [2001:db8::1]4711\r\n", "10.0.0.1"},
        {"X-Forwarded-For: [192.0.2.1]\r\n", "10.0.0.1"},
        {"X-Forwarded-For: []\r\n", "10.0.0.1"},
        {"X-Forwarded-For: [\r\n", "10.0.0.1"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_client("10.0.0.1", "10.0.0.0/8", CASES[i].fields, CASES[i].expected);
    }
}

static void the_nearest_proxy_tells_the_scheme(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        bool is_secure;
    } CASES[] = {
        {"", false},
        {"X-Forwarded-Proto: https\r\n", true},
        {"x-forwarded-proto: HTTPS\r\n", true},
        {"X-Forwarded-Proto: http\r\n", false},
        {"X-Forwarded-Proto: https, http\r\n", false},
        {"X-Forwarded-Proto: http, https\r\n", true},
        {"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", false},
        {"X-Forwarded-Proto: https;\r\n", false},
        {"X-Forwarded-Proto: httpss\r\n", false},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_int_equal(client_of("10.0.0.1", "10.0.0.1", CASES[i].fields).is_secure,
                         CASES[i].is_secure);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_listed_proxies_are_believed),
        cmocka_unit_test(the_walk_ends_at_the_first_that_is_not_listed),
        cmocka_unit_test(the_nearest_proxy_tells_the_scheme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
