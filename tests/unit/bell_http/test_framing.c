/*
 * Framing: RFC 9112 sections 3.2, 6 and 9; RFC 9110 sections 7.6, 7.8, 8.6 and 10.1.1.
 */
#include "bell/http/framing.h"

#include "base/compiler.h"
#include "bell/http/authority.h"
#include "request.h"

#include <stdio.h>

enum { MAX_BODY_BYTES = 1000 };

/* "POST / HTTP/1.x", the fields given, an empty line. */
static uint16_t read_fields(const char *version, const char *fields, bell_http_framing *out)
{
    static char text[2048];
    int n = snprintf(text, sizeof text, "POST / HTTP/%s\r\n%s\r\n", version, fields);
    assert_true(n > 0 && (size_t)n < sizeof text);
    static struct request r;
    request_parse(&r, text);
    return bell_http_framing_read(&r.head, MAX_BODY_BYTES, out);
}

struct refusal_case {
    const char *fields; /* besides a good Host */
    uint16_t refusal;
};

static void assert_refusals(const char *version, const char *before,
                            const struct refusal_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char fields[1024];
        int n = snprintf(fields, sizeof fields, "%s%s", before, cases[i].fields);
        assert_true(n >= 0 && (size_t)n < sizeof fields);
        bell_http_framing framing;
        uint16_t refusal = read_fields(version, fields, &framing);
        if (refusal != cases[i].refusal) {
            fail_msg("%u instead of %u: %s", (unsigned)refusal, (unsigned)cases[i].refusal, fields);
        }
    }
}

/* RFC 9112 section 3.2: 400 without Host, with several, with an invalid one. */
static void wants_exactly_one_valid_host(void **state)
{
    (void)state;
    static const struct refusal_case CASES[] = {
        {"Host: example.com\r\n", 0},
        {"host:example.com:8080\r\n", 0},
        {"Host: localhost:\r\n", 0}, /* RFC 3986 section 3.2.3: the port may be empty */
        {"Host: 127.0.0.1:1\r\n", 0},
        {"Host: [::1]:8080\r\n", 0},
        {"Host: [2001:db8::1]\r\n", 0},
        {"Host: a_b-c.~d.\r\n", 0},
        {"", 400},
        {"Host:\r\n", 400},
        {"Host: a\r\nHost: a\r\n", 400},
        {"Host: a\r\nhOST: b\r\n", 400},
        {"Host: a, b\r\n", 400},
        {"Host: a,b\r\n", 400},
        {"Host: a b\r\n", 400},
        {"Host: a/b\r\n", 400},
        {"Host: user@a\r\n", 400},
        {"Host: http://a\r\n", 400},
        {"Host: a:b\r\n", 400},
        {"Host: a:80:80\r\n", 400},
        {"Host: a:+80\r\n", 400},
        {"Host: a:0\r\n", 400},
        {"Host: a:65535\r\n", 0},
        {"Host: a:65536\r\n", 400},
        {"Host: a:99999999999999999999999\r\n", 400},
        {"Host: :80\r\n", 400},
        {"Host: [::1\r\n", 400},
        {"Host: ::1\r\n", 400},
        {"Host: []\r\n", 400},
        {"Host: [::1]x\r\n", 400},
        {"Host: [::g]\r\n", 400},
        {"Host: [1.2.3.4]\r\n", 400},
        {"Host: [fe80::1%25eth0]\r\n", 400},
        {"Host: a?b\r\n", 400},
        {"Host: a#b\r\n", 400},
        {"Host: a\\b\r\n", 400},
        {"Host: a%41\r\n", 400},
        {"Host: \xc3\xa4.example\r\n", 400},
    };
    assert_refusals("1.1", "", CASES, BELL_ARRAY_LEN(CASES));
}

static void lets_version_1_0_leave_host_out(void **state)
{
    (void)state;
    static const struct refusal_case CASES[] = {
        {"", 0},
        {"Host: a\r\n", 0},
        {"Host: a\r\nHost: a\r\n", 400},
        {"Host: a b\r\n", 400},
    };
    assert_refusals("1.0", "", CASES, BELL_ARRAY_LEN(CASES));
}

static void holds_the_limit_of_host_names(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'a', sizeof name);
    bell_http_authority a;
    assert_int_equal(bell_http_authority_parse(bell_slice_make(name, 253), &a), BELL_OK);
    assert_int_equal(bell_http_authority_parse(bell_slice_make(name, 254), &a), BELL_OK);
    assert_int_equal(bell_http_authority_parse(bell_slice_make(name, 255), &a), BELL_EINVAL);
    assert_int_equal(bell_http_authority_parse(BELL_LIT("[::1\0]"), &a), BELL_EINVAL);
    assert_int_equal(bell_http_authority_parse((bell_slice){NULL, 0}, &a), BELL_EINVAL);
}

/* RFC 9110 section 8.6: 1*DIGIT; RFC 9112 section 6.3: anything else is 400. */
static void reads_content_length_strictly(void **state)
{
    (void)state;
    static const struct refusal_case CASES[] = {
        {"Content-Length: 0\r\n", 0},
        {"Content-Length: 5\r\n", 0},
        {"Content-Length: \t5 \r\n", 0},
        {"Content-Length: 005\r\n", 0},
        {"Content-Length: 999\r\n", 0},
        {"Content-Length: 1000\r\n", 0},
        {"Content-Length: 1001\r\n", 413},
        {"Content-Length: 18446744073709551615\r\n", 413},
        {"Content-Length: 18446744073709551616\r\n", 400},
        {"Content-Length: 18446744073709551621\r\n", 400},
        {"Content-Length:\r\n", 400},
        {"Content-Length: +5\r\n", 400},
        {"Content-Length: -5\r\n", 400},
        {"Content-Length: -0\r\n", 400},
        {"Content-Length: 5.0\r\n", 400},
        {"Content-Length: 0x5\r\n", 400},
        {"Content-Length: 5 5\r\n", 400},
        {"Content-Length: 5,\r\n", 400},
        {"Content-Length: 5, 5\r\n", 400},
        {"Content-Length: 5, 6\r\n", 400},
        {"Content-Length: \"5\"\r\n", 400},
        {"Content-Length: 5a\r\n", 400},
        {"Content-Length: 5\r\nContent-Length: 5\r\n", 400},
        {"Content-Length: 5\r\nContent-Length: 6\r\n", 400},
        {"Content-Length: 0\r\nContent-Length: 0\r\n", 400},
        {"Content-Length: 5\r\nContent-Length:\r\n", 400},
        {"Content_Length: 5\r\nContent-Lengt: 6\r\n", 0}, /* other fields */
    };
    assert_refusals("1.1", "Host: a\r\n", CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9112 section 6.1: one coding known; 6.3: chunked must be last; both kinds of length are 400.
 */
static void accepts_chunked_and_nothing_else(void **state)
{
    (void)state;
    static const struct refusal_case CASES[] = {
        {"Transfer-Encoding: chunked\r\n", 0},
        {"Transfer-Encoding: CHUNKED\r\n", 0},
        {"transfer-encoding:\t chunked \t\r\n", 0},
        {"Transfer-Encoding: gzip, chunked\r\n", 501},
        {"Transfer-Encoding: \"gzip\", chunked\r\n", 501},
        {"Transfer-Encoding: identity, chunked\r\n", 501},
        {"Transfer-Encoding: gzip\r\n", 400},
        {"Transfer-Encoding: identity\r\n", 400},
        {"Transfer-Encoding: chunked, gzip\r\n", 400},
        {"Transfer-Encoding: chunked, identity\r\n", 400},
        {"Transfer-Encoding: chunked, chunked\r\n", 400},
        {"Transfer-Encoding: chunked,\r\n", 400},
        {"Transfer-Encoding: ,chunked\r\n", 400},
        {"Transfer-Encoding:\r\n", 400},
        {"Transfer-Encoding: xchunked\r\n", 400},
        {"Transfer-Encoding: chunkedx\r\n", 400},
        {"Transfer-Encoding: chunked;q=1\r\n", 400},
        {"Transfer-Encoding: \"chunked\"\r\n", 400},
        {"Transfer-Encoding: chun ked\r\n", 400},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
        {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 400},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400},
        {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
        {"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400},
        {"Content-Length: x\r\nTransfer-Encoding: gzip\r\n", 400},
    };
    assert_refusals("1.1", "Host: a\r\n", CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9112 section 6.1: Transfer-Encoding in HTTP/1.0 is a faulty framing. */
static void refuses_transfer_encoding_in_version_1_0(void **state)
{
    (void)state;
    static const struct refusal_case CASES[] = {
        {"Transfer-Encoding: chunked\r\n", 400},
        {"Transfer-Encoding: gzip, chunked\r\n", 400},
        {"Content-Length: 5\r\n", 0},
    };
    assert_refusals("1.0", "", CASES, BELL_ARRAY_LEN(CASES));
}

static void tells_what_body_follows(void **state)
{
    (void)state;
    bell_http_framing f;
    assert_int_equal(read_fields("1.1", "Host: a\r\n", &f), 0);
    assert_int_equal(f.body, BELL_HTTP_BODY_NONE);
    assert_true(bell_slice_equal(f.host, BELL_LIT("a")));
    assert_int_equal(read_fields("1.1", "Host: a\r\nContent-Length: 0\r\n", &f), 0);
    assert_int_equal(f.body, BELL_HTTP_BODY_NONE);
    assert_int_equal(read_fields("1.1", "Host: a\r\nContent-Length: 42\r\n", &f), 0);
    assert_int_equal(f.body, BELL_HTTP_BODY_LENGTH);
    assert_int_equal(f.content_length, 42);
    assert_int_equal(read_fields("1.1", "Host: a\r\nTransfer-Encoding: chunked\r\n", &f), 0);
    assert_int_equal(f.body, BELL_HTTP_BODY_CHUNKED);
    assert_int_equal(f.content_length, 0);
}

/* RFC 9112 section 9.3 */
static void decides_whether_the_connection_stays(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        const char *fields;
        bool should_close;
    } CASES[] = {
        {"1.1", "", false},
        {"1.1", "Connection: keep-alive\r\n", false},
        {"1.1", "Connection: close\r\n", true},
        {"1.1", "Connection: x, CLOSE\r\n", true},
        {"1.1", "Connection: x\r\nConnection: close\r\n", true},
        {"1.1", "Connection: close, keep-alive\r\n", true},
        {"1.1", "Connection: closed\r\n", false},
        {"1.0", "", true},
        {"1.0", "Connection: Keep-Alive\r\n", false},
        {"1.0", "Connection: keep-alive, close\r\n", true},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, "Host: a\r\n%s", CASES[i].fields);
        bell_http_framing f;
        assert_int_equal(read_fields(CASES[i].version, fields, &f), 0);
        assert_int_equal(f.should_close, CASES[i].should_close);
        assert_int_equal(f.is_1_0, CASES[i].version[2] == '0');
    }
}

/* RFC 9110 section 10.1.1 */
static void understands_100_continue_only(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        const char *fields;
        uint16_t refusal;
        bool expect_continue;
    } CASES[] = {
        {"1.1", "Content-Length: 5\r\nExpect: 100-continue\r\n", 0, true},
        {"1.1", "Transfer-Encoding: chunked\r\nExpect: 100-Continue\r\n", 0, true},
        {"1.1", "Content-Length: 5\r\n", 0, false},
        {"1.1", "Expect: 100-continue\r\n", 0, false}, /* no body to wait for */
        {"1.1", "Content-Length: 0\r\nExpect: 100-continue\r\n", 0, false},
        {"1.0", "Content-Length: 5\r\nExpect: 100-continue\r\n", 0, false}, /* MUST ignore */
        {"1.1", "Content-Length: 5\r\nExpect: 101-continue\r\n", 417, false},
        {"1.1", "Content-Length: 5\r\nExpect: 100-continue, x\r\n", 417, false},
        {"1.1", "Expect: 200-ok\r\n", 417, false},
        {"1.1", "Content-Length: 1001\r\nExpect: 100-continue\r\n", 413, false},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, "Host: a\r\n%s", CASES[i].fields);
        bell_http_framing f;
        assert_int_equal(read_fields(CASES[i].version, fields, &f), CASES[i].refusal);
        if (CASES[i].refusal == 0) {
            assert_int_equal(f.expect_continue, CASES[i].expect_continue);
        }
    }
}

/* RFC 9110 section 7.8 */
static void tells_an_upgrade(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        const char *fields;
        bool wants_upgrade;
    } CASES[] = {
        {"1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true},
        {"1.1", "Connection: keep-alive, UPGRADE\r\nUpgrade: websocket\r\n", true},
        {"1.1", "Connection: a\r\nConnection: upgrade\r\nUpgrade: h2c, WebSocket\r\n", true},
        {"1.1", "Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n", true},
        /* What many clients send with every request: not ours to answer. */
        {"1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", false},
        {"1.1", "Upgrade: websocket\r\n", false},
        {"1.1", "Connection: Upgrade\r\n", false},
        {"1.1", "Connection: Upgrade\r\nUpgrade:\r\n", false},
        {"1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", false},
        {"1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n", false},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, "Host: a\r\n%s", CASES[i].fields);
        bell_http_framing f;
        assert_int_equal(read_fields(CASES[i].version, fields, &f), 0);
        assert_int_equal(f.wants_upgrade, CASES[i].wants_upgrade);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wants_exactly_one_valid_host),
        cmocka_unit_test(lets_version_1_0_leave_host_out),
        cmocka_unit_test(holds_the_limit_of_host_names),
        cmocka_unit_test(reads_content_length_strictly),
        cmocka_unit_test(accepts_chunked_and_nothing_else),
        cmocka_unit_test(refuses_transfer_encoding_in_version_1_0),
        cmocka_unit_test(tells_what_body_follows),
        cmocka_unit_test(decides_whether_the_connection_stays),
        cmocka_unit_test(understands_100_continue_only),
        cmocka_unit_test(tells_an_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
