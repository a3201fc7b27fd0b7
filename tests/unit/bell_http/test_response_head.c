/*
 * Response heads: RFC 9112 section 4; fields are those of requests (test_parser.c). Every case is
 * fed whole, cut at each byte, and byte by byte, each time from memory of exactly the size that has
 * arrived, at a new address.
 */
#include "base/compiler.h"
#include "bell/http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MAX_FIELDS = 3 };
enum { COMPLETE = 0, UNFINISHED = 1 }; /* in place of a refusal */

struct outcome {
    int verdict;
    struct bell_http_parser parser;
    bell_http_head_field fields[MAX_FIELDS];
};

static void parse_in_steps(const bell_http_parser_limits *limits, bell_slice input, size_t first,
                           size_t step, struct outcome *o)
{
    bell_http_parser_init_response(&o->parser, limits, o->fields);
    bell_status st = BELL_EAGAIN;
    size_t n = first;
    for (;;) {
        n = n < input.n ? n : input.n;
        char *copy = malloc(n + (n == 0));
        assert_non_null(copy);
        memcpy(copy, input.p, n);
        st = bell_http_parser_feed(&o->parser, bell_slice_make(copy, n));
        free(copy);
        if (st != BELL_EAGAIN || n == input.n) {
            break;
        }
        n += step;
    }
    o->verdict = st == BELL_OK ? COMPLETE : st == BELL_EAGAIN ? UNFINISHED : o->parser.refusal;
}

/* Ends the test unless every way to cut it gives the same. */
static int verdict_of(const bell_http_parser_limits *limits, bell_slice input, uint16_t *status)
{
    struct outcome whole;
    parse_in_steps(limits, input, input.n, 1, &whole);
    for (size_t cut = 0; cut <= input.n; cut++) {
        struct outcome o;
        parse_in_steps(limits, input, cut, cut == 0 ? 1 : input.n, &o);
        if (o.verdict != whole.verdict) {
            fail_msg("%d and, cut, %d: %.*s", whole.verdict, o.verdict, BELL_FMT(input));
        }
        if (o.verdict == COMPLETE) {
            bell_http_head a = bell_http_parser_head(&whole.parser, input.p);
            bell_http_head b = bell_http_parser_head(&o.parser, input.p);
            assert_int_equal(a.status, b.status);
            assert_int_equal(a.size_bytes, b.size_bytes);
            assert_int_equal(a.field_count, b.field_count);
            *status = a.status;
        }
    }
    return whole.verdict;
}

struct verdict_case {
    bell_slice input;
    int verdict;
    uint16_t status;
};

#define CASE(text, verdict, status)                                                                \
    {                                                                                              \
        {(text), sizeof(text) - 1}, (verdict), (status)                                            \
    }

static void reads_the_status_line_strictly(void **state)
{
    static const bell_http_parser_limits WIDE = {.max_head_bytes = 4096,
                                                 .max_field_count = MAX_FIELDS};
    static const struct verdict_case CASES[] = {
        CASE("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n\x81", COMPLETE, 101),
        CASE("HTTP/1.1 200 \r\n\r\n", COMPLETE, 200),
        CASE("HTTP/1.0 404 Not  Found\t!\r\n\r\n", COMPLETE, 404),
        CASE("HTTP/1.7 599 \xc3\xa4\xff\r\n\r\n", COMPLETE, 599),
        CASE("HTTP/1.1 100 x\r\n\r\n", COMPLETE, 100),
        CASE("HTTP/1.1 099 x\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 600 x\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 999 x\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 200\r\n\r\n", 400, 0), /* the space is not optional */
        CASE("HTTP/1.1 20 x\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 2000 x\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 2x0 x\r\n\r\n", 400, 0),
        CASE("HTTP/1.1  200 x\r\n\r\n", 400, 0),
        CASE("HTTP/1.1\t200 x\r\n\r\n", 400, 0),
        CASE("HTTP/2.0 200 x\r\n\r\n", 400, 0),
        CASE("HTTP/1 200 x\r\n\r\n", 400, 0),
        CASE("http/1.1 200 x\r\n\r\n", 400, 0),
        CASE("\r\nHTTP/1.1 200 x\r\n\r\n", 400, 0), /* no empty line in front */
        CASE("ICY 200 OK\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 200 x\n\n", 400, 0),
        CASE("HTTP/1.1 200 x\r\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 200 \0\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 200 \x1b[0m\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 200 x\r\nA : b\r\n\r\n", 400, 0),
        CASE("HTTP/1.1 200 x\r\nA: b\r\n c\r\n\r\n", 400, 0),
        CASE("", UNFINISHED, 0),
        CASE("HTTP/1.1 2", UNFINISHED, 0),
        CASE("HTTP/1.1 200 ", UNFINISHED, 0),
        CASE("HTTP/1.1 200 x\r\nA: b\r\n", UNFINISHED, 0),
    };
    (void)state;
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        uint16_t status = 0;
        int verdict = verdict_of(&WIDE, CASES[i].input, &status);
        if (verdict != CASES[i].verdict || status != CASES[i].status) {
            fail_msg("%d and %d instead of %d: %.*s", verdict, status, CASES[i].verdict,
                     BELL_FMT(CASES[i].input));
        }
    }
}

static void holds_its_limits(void **state)
{
    static const char HEAD[] = "HTTP/1.1 200 x\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    bell_http_parser_limits limits = {.max_field_count = MAX_FIELDS};
    uint16_t status;
    (void)state;
    for (uint32_t more = 0; more < 3; more++) {
        limits.max_head_bytes = (uint32_t)sizeof HEAD - 2 + more; /* one below, at, one above */
        assert_int_equal(verdict_of(&limits, BELL_LIT(HEAD), &status), more == 0 ? 431 : COMPLETE);
    }
    limits.max_field_count = 2;
    assert_int_equal(verdict_of(&limits, BELL_LIT(HEAD), &status), 431);
}

static void finds_its_fields(void **state)
{
    static const bell_http_parser_limits WIDE = {.max_head_bytes = 4096,
                                                 .max_field_count = MAX_FIELDS};
    static const char HEAD[] = "HTTP/1.0 302 x\r\nLocation:  /a \r\nB:\r\n\r\nbody";
    struct outcome o;
    (void)state;
    parse_in_steps(&WIDE, BELL_LIT(HEAD), 0, 1, &o);
    assert_int_equal(o.verdict, COMPLETE);
    bell_http_head head = bell_http_parser_head(&o.parser, HEAD);
    assert_int_equal(head.minor_version, 0);
    assert_int_equal(head.field_count, 2);
    assert_true(bell_slice_equal(bell_http_head_find(&head, BELL_LIT("location")), BELL_LIT("/a")));
    assert_memory_equal(HEAD + head.size_bytes, "body", 4);
    assert_int_equal(bell_http_head_method(&head).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_status_line_strictly),
        cmocka_unit_test(holds_its_limits),
        cmocka_unit_test(finds_its_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
