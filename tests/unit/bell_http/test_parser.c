/*
 * Request heads: RFC 9112 sections 2 to 5. Every case is fed whole, cut at each byte, and byte by
 * byte, each time from memory of exactly the size that has arrived, at a new address.
 */
#include "bell/http/parser.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MAX_FIELDS = 4 };

/* In place of a refusal. */
enum { COMPLETE = 0, UNFINISHED = 1 };

static const bell_http_parser_limits WIDE = {.max_head_bytes = 4096, .max_field_count = MAX_FIELDS};

struct outcome {
    int verdict; /* COMPLETE, UNFINISHED or the refusal */
    bell_http_head head;
    bell_http_head_field fields[MAX_FIELDS];
};

static bell_status feed_copy(struct bell_http_parser *parser, bell_slice input, size_t n)
{
    char *copy = malloc(n + (n == 0));
    assert_non_null(copy);
    memcpy(copy, input.p, n);
    bell_status st = bell_http_parser_feed(parser, bell_slice_make(copy, n));
    free(copy);
    return st;
}

/* Feeds first, first + step, ... bytes, at last all. */
static struct outcome parse_in_steps(const bell_http_parser_limits *limits, bell_slice input,
                                     size_t first, size_t step)
{
    struct outcome o = {.verdict = UNFINISHED};
    struct bell_http_parser parser;
    bell_http_parser_init(&parser, limits, o.fields);
    bell_status st = BELL_EAGAIN;
    for (size_t n = first; st == BELL_EAGAIN; n += step) {
        n = n < input.n ? n : input.n;
        st = feed_copy(&parser, input, n);
        if (n == input.n) {
            break;
        }
    }
    if (st == BELL_OK) {
        o.verdict = COMPLETE;
        o.head = bell_http_parser_head(&parser, input.p);
    } else if (st == BELL_EPROTO) {
        o.verdict = parser.refusal;
    }
    return o;
}

static void assert_same_span(bell_http_span a, bell_http_span b)
{
    assert_int_equal(a.at, b.at);
    assert_int_equal(a.n, b.n);
}

static void assert_same(const struct outcome *a, const struct outcome *b, bell_slice input)
{
    if (a->verdict != b->verdict) {
        fail_msg("%d and, cut, %d: %.*s", a->verdict, b->verdict, BELL_FMT(input));
    }
    if (a->verdict != COMPLETE) {
        return;
    }
    assert_int_equal(a->head.size_bytes, b->head.size_bytes);
    assert_int_equal(a->head.minor_version, b->head.minor_version);
    assert_same_span(a->head.method, b->head.method);
    assert_same_span(a->head.target, b->head.target);
    assert_int_equal(a->head.field_count, b->head.field_count);
    for (uint32_t i = 0; i < a->head.field_count; i++) {
        assert_same_span(a->fields[i].name, b->fields[i].name);
        assert_same_span(a->fields[i].value, b->fields[i].value);
    }
}

/* The fields of the result are in the result: give it a home first. */
static void parse_every_way(const bell_http_parser_limits *limits, bell_slice input,
                            struct outcome *out)
{
    *out = parse_in_steps(limits, input, input.n, 1);
    out->head.fields = out->fields;
    for (size_t cut = 0; cut < input.n; cut++) {
        struct outcome o = parse_in_steps(limits, input, cut, input.n);
        assert_same(out, &o, input);
    }
    struct outcome o = parse_in_steps(limits, input, 0, 1);
    assert_same(out, &o, input);
}

static void assert_verdict(const bell_http_parser_limits *limits, bell_slice input, int expected)
{
    struct outcome o;
    parse_every_way(limits, input, &o);
    if (o.verdict != expected) {
        fail_msg("%d instead of %d: %.*s", o.verdict, expected, BELL_FMT(input));
    }
}

struct verdict_case {
    bell_slice input;
    int verdict;
};

#define CASE(text, verdict)                                                                        \
    {                                                                                              \
        {(text), sizeof(text) - 1}, (verdict)                                                      \
    }

static void assert_verdicts(const struct verdict_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_verdict(&WIDE, cases[i].input, cases[i].verdict);
    }
}

static void finds_the_parts_of_a_head(void **state)
{
    (void)state;
    struct outcome o;
    parse_every_way(&WIDE,
                    BELL_LIT("POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Empty:\r\n"
                             "x-Odd:\t a\tb \xc3\xa4 \t\r\n\r\nBODY"),
                    &o);
    assert_int_equal(o.verdict, COMPLETE);
    const bell_http_head *h = &o.head;
    assert_true(bell_slice_equal(bell_http_head_method(h), BELL_LIT("POST")));
    assert_true(bell_slice_equal(bell_http_head_target(h), BELL_LIT("/a?b=c")));
    assert_int_equal(h->minor_version, 1);
    assert_int_equal(h->field_count, 3);
    assert_true(bell_slice_equal(bell_http_head_name(h, 0), BELL_LIT("Host")));
    assert_true(bell_slice_equal(bell_http_head_value(h, 0), BELL_LIT("x")));
    assert_true(bell_slice_equal(bell_http_head_value(h, 1), BELL_LIT("")));
    assert_true(bell_slice_equal(bell_http_head_name(h, 2), BELL_LIT("x-Odd")));
    assert_true(bell_slice_equal(bell_http_head_value(h, 2), BELL_LIT("a\tb \xc3\xa4")));
    assert_memory_equal(h->base + h->size_bytes, "BODY", 4);
}

static void looks_fields_up_in_any_case(void **state)
{
    (void)state;
    struct outcome o;
    parse_every_way(&WIDE, BELL_LIT("GET / HTTP/1.1\r\nCookie: a\r\nHost: x\r\ncOOKIE: b\r\n\r\n"),
                    &o);
    const bell_http_head *h = &o.head;
    assert_true(bell_slice_equal(bell_http_head_find(h, BELL_LIT("cookie")), BELL_LIT("a")));
    assert_int_equal(bell_http_head_find(h, BELL_LIT("cooki")).n, 0);
    assert_true(bell_http_head_has(h, BELL_LIT("HOST")));
    assert_false(bell_http_head_has(h, BELL_LIT("hos")));
    uint32_t index = 0;
    bell_slice value;
    assert_true(bell_http_head_next(h, BELL_LIT("Cookie"), &index, &value));
    assert_true(bell_slice_equal(value, BELL_LIT("a")));
    assert_true(bell_http_head_next(h, BELL_LIT("Cookie"), &index, &value));
    assert_true(bell_slice_equal(value, BELL_LIT("b")));
    assert_false(bell_http_head_next(h, BELL_LIT("Cookie"), &index, &value));
}

/* RFC 9112 section 2.2: lines end in CRLF; a bare LF or CR is refused, at its very place. */
static void refuses_every_line_end_but_crlf(void **state)
{
    (void)state;
    static const struct verdict_case CASES[] = {
        CASE("GET / HTTP/1.1\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/1.1\n", 400),
        CASE("GET / HTTP/1.1\n\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\r\n\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\r\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\rA", 400),
        CASE("GET / HTTP/1.1\r\n\rX", 400),
        CASE("GET / HTTP/1.1\r\nA\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\r\n\r", UNFINISHED),
        CASE("GET / HTTP/1.1\r\nA: b\r\n", UNFINISHED),
    };
    assert_verdicts(CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9112 section 2.2: a server should ignore at least one empty line before the request line. */
static void passes_over_one_empty_line_in_front(void **state)
{
    (void)state;
    static const struct verdict_case CASES[] = {
        CASE("\r\nGET / HTTP/1.1\r\n\r\n", COMPLETE),
        CASE("\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400),
        CASE("\nGET / HTTP/1.1\r\n\r\n", 400),
        CASE("\rGET / HTTP/1.1\r\n\r\n", 400),
        CASE(" GET / HTTP/1.1\r\n\r\n", 400),
        CASE("\r\n GET / HTTP/1.1\r\n\r\n", 400),
        CASE("", UNFINISHED),
        CASE("\r\n", UNFINISHED),
    };
    assert_verdicts(CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9112 section 3: method SP request-target SP HTTP-version, single spaces only. */
static void reads_the_request_line_strictly(void **state)
{
    (void)state;
    static const struct verdict_case CASES[] = {
        CASE("get / HTTP/1.1\r\n\r\n", COMPLETE), /* a method of its own; routing decides */
        CASE("X!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n\r\n", COMPLETE),
        CASE("OPTIONS * HTTP/1.1\r\n\r\n", COMPLETE),
        CASE("GET  / HTTP/1.1\r\n\r\n", 400),
        CASE("GET /  HTTP/1.1\r\n\r\n", 400),
        CASE("GET / HTTP/1.1 \r\n\r\n", 400),
        CASE("GET\t/ HTTP/1.1\r\n\r\n", 400),
        CASE("GET /\tHTTP/1.1\r\n\r\n", 400),
        CASE("GET /a b HTTP/1.1\r\n\r\n", 400),
        CASE("GET / \r\n\r\n", 400),
        CASE("GET /\r\n\r\n", 400), /* HTTP/0.9 */
        CASE("GET\r\n\r\n", 400),
        CASE("G\x01T / HTTP/1.1\r\n\r\n", 400),
        CASE("G(T / HTTP/1.1\r\n\r\n", 400),
        CASE("GET: / HTTP/1.1\r\n\r\n", 400),
        CASE("GET /\0 HTTP/1.1\r\n\r\n", 400),
        CASE("GET /\x7f HTTP/1.1\r\n\r\n", 400),
        CASE("GET /\xc3\xa4 HTTP/1.1\r\n\r\n", 400),
        CASE("\x16\x03\x01", 400), /* a TLS ClientHello on the wrong port is told at once */
    };
    assert_verdicts(CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9112 section 2.3, RFC 9110 section 2.5; RFC 9113 section 3.4 for the preface. */
static void accepts_version_1_only(void **state)
{
    (void)state;
    static const struct verdict_case CASES[] = {
        CASE("GET / HTTP/1.0\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/1.9\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/2.0\r\n\r\n", 505),
        CASE("GET / HTTP/0.9\r\n\r\n", 505),
        CASE("GET / HTTP/9.1\r\n\r\n", 505),
        CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        CASE("GET / http/1.1\r\n\r\n", 400),
        CASE("GET / HTTP/11\r\n\r\n", 400),
        CASE("GET / HTTP/1.10\r\n\r\n", 400),
        CASE("GET / HTTP/01.1\r\n\r\n", 400),
        CASE("GET / HTTP/1,1\r\n\r\n", 400),
        CASE("GET / HTTP/1.\r\n\r\n", 400),
        CASE("GET / HTTP/.1\r\n\r\n", 400),
        CASE("GET / HTTP/+1.1\r\n\r\n", 400),
        CASE("GET / HTTP/a.1\r\n\r\n", 400),
        CASE("GET / HTTPS/1.1\r\n\r\n", 400),
        CASE("GET / HTTP/2.0\n", 400),
    };
    assert_verdicts(CASES, BELL_ARRAY_LEN(CASES));
}

static void tells_the_minor_version(void **state)
{
    (void)state;
    struct outcome o;
    parse_every_way(&WIDE, BELL_LIT("GET / HTTP/1.0\r\n\r\n"), &o);
    assert_int_equal(o.head.minor_version, 0);
    parse_every_way(&WIDE, BELL_LIT("GET / HTTP/1.2\r\n\r\n"), &o);
    assert_int_equal(o.head.minor_version, 1);
}

/* RFC 9112 section 5.1 (names), 5.2 (folding), RFC 9110 section 5.5 (values). */
static void reads_fields_strictly(void **state)
{
    (void)state;
    static const struct verdict_case CASES[] = {
        CASE("GET / HTTP/1.1\r\nA:b\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/1.1\r\nA: b: c\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/1.1\r\nA: \xff\x80\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~0aZ: b\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA\t: b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\n: b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\n A: b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\r\n \r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA\0: b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA\xc3\xa4: b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA(: b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\0\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA: \x0b"
             "b\r\n\r\n",
             400),
        CASE("GET / HTTP/1.1\r\nA: b\x1b\r\n\r\n", 400),
        CASE("GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n", 400),
    };
    assert_verdicts(CASES, BELL_ARRAY_LEN(CASES));
}

/* A text of n bytes: prefix, fill bytes, suffix. Freed by the caller. */
static bell_slice stretch(const char *prefix, char fill, const char *suffix, size_t n)
{
    size_t prefix_n = strlen(prefix);
    size_t suffix_n = strlen(suffix);
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, fill, n);
    memcpy(text, prefix, prefix_n);
    memcpy(text + n - suffix_n, suffix, suffix_n);
    return bell_slice_make(text, n);
}

static void assert_stretched(const bell_http_parser_limits *limits, const char *prefix,
                             const char *suffix, size_t n, int expected)
{
    bell_slice text = stretch(prefix, 'a', suffix, n);
    assert_verdict(limits, text, expected);
    free((void *)(uintptr_t)text.p);
}

static void holds_the_head_limit(void **state)
{
    (void)state;
    static const bell_http_parser_limits LIMITS = {.max_head_bytes = 100, .max_field_count = 4};
    assert_stretched(&LIMITS, "GET / HTTP/1.1\r\nA:", "\r\n\r\n", 99, COMPLETE);
    assert_stretched(&LIMITS, "GET / HTTP/1.1\r\nA:", "\r\n\r\n", 100, COMPLETE);
    assert_stretched(&LIMITS, "GET / HTTP/1.1\r\nA:", "\r\n\r\n", 101, 431);
    /* Refused as soon as the last byte of room is used up, whatever would follow. */
    assert_stretched(&LIMITS, "GET / HTTP/1.1\r\nA:", "", 99, UNFINISHED);
    assert_stretched(&LIMITS, "GET / HTTP/1.1\r\nA:", "", 100, 431);
    assert_stretched(&LIMITS, "GET / HTTP/1.1\r\n", "", 100, 431);
}

static void answers_414_when_the_target_fills_the_head(void **state)
{
    (void)state;
    static const bell_http_parser_limits LIMITS = {.max_head_bytes = 100, .max_field_count = 4};
    assert_stretched(&LIMITS, "GET /", " HTTP/1.1\r\n\r\n", 100, COMPLETE);
    assert_stretched(&LIMITS, "GET /", " HTTP/1.1\r\n\r\n", 101, 431);
    assert_stretched(&LIMITS, "GET /", " HTTP/1.1\r\n\r\n", 113, 414);
    assert_stretched(&LIMITS, "GET /", "", 100, 414);
}

static void holds_the_field_limit(void **state)
{
    (void)state;
    static const struct verdict_case CASES[] = {
        CASE("GET / HTTP/1.1\r\na:1\r\nb:2\r\nc:3\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/1.1\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\n\r\n", COMPLETE),
        CASE("GET / HTTP/1.1\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\n\r\n", 431),
    };
    assert_verdicts(CASES, BELL_ARRAY_LEN(CASES));
}

static void holds_the_method_limit(void **state)
{
    (void)state;
    const size_t around = sizeof " / HTTP/1.1\r\n\r\n" - 1;
    assert_stretched(&WIDE, "A", " / HTTP/1.1\r\n\r\n", around + 31, COMPLETE);
    assert_stretched(&WIDE, "A", " / HTTP/1.1\r\n\r\n", around + 32, COMPLETE);
    assert_stretched(&WIDE, "A", " / HTTP/1.1\r\n\r\n", around + 33, 501);
    assert_stretched(&WIDE, "A", "", 33, 501);
}

static void stops_at_the_end_of_the_head(void **state)
{
    (void)state;
    bell_slice input = BELL_LIT("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n\0\0");
    struct outcome o;
    parse_every_way(&WIDE, input, &o);
    assert_int_equal(o.verdict, COMPLETE);
    assert_int_equal(o.head.size_bytes, 19);
    bell_slice next = bell_slice_make(input.p + 19, input.n - 19);
    parse_every_way(&WIDE, next, &o);
    assert_int_equal(o.verdict, COMPLETE);
    assert_true(bell_slice_equal(bell_http_head_target(&o.head), BELL_LIT("/2")));
}

static void knows_whether_a_request_has_begun(void **state)
{
    (void)state;
    bell_http_head_field fields[MAX_FIELDS];
    struct bell_http_parser parser;
    bell_http_parser_init(&parser, &WIDE, fields);
    static const char TEXT[] = "\r\nG";
    for (size_t n = 0; n <= 2; n++) {
        assert_int_equal(bell_http_parser_feed(&parser, bell_slice_make(TEXT, n)), BELL_EAGAIN);
        assert_false(bell_http_parser_has_begun(&parser));
    }
    assert_int_equal(bell_http_parser_feed(&parser, bell_slice_make(TEXT, 3)), BELL_EAGAIN);
    assert_true(bell_http_parser_has_begun(&parser));
}

static void goes_on_with_a_copy_of_the_fields(void **state)
{
    (void)state;
    bell_slice input = BELL_LIT("GET / HTTP/1.1\r\na:1\r\nb:2\r\n\r\n");
    bell_http_head_field scratch[MAX_FIELDS];
    bell_http_head_field kept[MAX_FIELDS];
    struct bell_http_parser parser;
    bell_http_parser_init(&parser, &WIDE, scratch);
    assert_int_equal(bell_http_parser_feed(&parser, bell_slice_make(input.p, 23)), BELL_EAGAIN);
    assert_int_equal(parser.field_count, 1);
    memcpy(kept, scratch, parser.field_count * sizeof kept[0]);
    memset(scratch, 0xff, sizeof scratch);
    parser.fields = kept;
    assert_int_equal(bell_http_parser_feed(&parser, input), BELL_OK);
    bell_http_head head = bell_http_parser_head(&parser, input.p);
    assert_true(bell_slice_equal(bell_http_head_find(&head, BELL_LIT("a")), BELL_LIT("1")));
    assert_true(bell_slice_equal(bell_http_head_find(&head, BELL_LIT("b")), BELL_LIT("2")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_parts_of_a_head),
        cmocka_unit_test(looks_fields_up_in_any_case),
        cmocka_unit_test(refuses_every_line_end_but_crlf),
        cmocka_unit_test(passes_over_one_empty_line_in_front),
        cmocka_unit_test(reads_the_request_line_strictly),
        cmocka_unit_test(accepts_version_1_only),
        cmocka_unit_test(tells_the_minor_version),
        cmocka_unit_test(reads_fields_strictly),
        cmocka_unit_test(holds_the_head_limit),
        cmocka_unit_test(answers_414_when_the_target_fills_the_head),
        cmocka_unit_test(holds_the_field_limit),
        cmocka_unit_test(holds_the_method_limit),
        cmocka_unit_test(stops_at_the_end_of_the_head),
        cmocka_unit_test(knows_whether_a_request_has_begun),
        cmocka_unit_test(goes_on_with_a_copy_of_the_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
