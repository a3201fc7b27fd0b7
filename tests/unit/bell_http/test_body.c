/*
 * Request bodies: RFC 9112 sections 6 and 7.1. Every case is fed whole, cut at each byte, and byte
 * by byte, each time from memory of exactly the size that is fed.
 */
#include "bell/http/body.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { COMPLETE = 0, UNFINISHED = 1, MAX_BODY_BYTES = 100, ROOM = 65536 };

struct outcome {
    int verdict; /* COMPLETE, UNFINISHED or the refusal */
    size_t used; /* of the input, when complete */
    size_t n;
    char body[MAX_BODY_BYTES];
};

/* Feeds one piece of input; false when there is nothing more to be done. */
static bool feed(struct bell_http_body *b, bell_slice input, struct outcome *o)
{
    char *copy = malloc(input.n + (input.n == 0));
    assert_non_null(copy);
    if (input.n > 0) {
        memcpy(copy, input.p, input.n);
    }
    bell_slice in = {copy, input.n};
    bell_slice piece;
    bell_status st;
    while ((st = bell_http_body_next(b, &in, &piece)) == BELL_OK) {
        assert_true(piece.n > 0 && piece.n <= sizeof o->body - o->n);
        memcpy(o->body + o->n, piece.p, piece.n);
        o->n += piece.n;
    }
    o->used += input.n - in.n;
    assert_true(st != BELL_EAGAIN || in.n == 0);
    assert_int_equal(st == BELL_ENOTFOUND, bell_http_body_is_complete(b));
    free(copy);
    o->verdict = st == BELL_ENOTFOUND ? COMPLETE : st == BELL_EAGAIN ? UNFINISHED : b->refusal;
    return st == BELL_EAGAIN;
}

static struct outcome read_in_steps(const bell_http_framing *framing, bell_slice input,
                                    size_t first, size_t step)
{
    struct outcome o = {.verdict = UNFINISHED};
    struct bell_http_body b;
    bell_http_body_init(&b, framing, MAX_BODY_BYTES);
    size_t at = 0;
    size_t take = first;
    for (;;) {
        take = take < input.n - at ? take : input.n - at;
        if (!feed(&b, bell_slice_make(input.p + at, take), &o)) {
            break;
        }
        at += take;
        take = step;
        if (at == input.n) {
            break;
        }
    }
    return o;
}

static void assert_same(const struct outcome *a, const struct outcome *b, bell_slice input)
{
    if (a->verdict != b->verdict) {
        fail_msg("%d and, cut, %d: %.*s", a->verdict, b->verdict, BELL_FMT(input));
    }
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->body, b->body, a->n);
    if (a->verdict == COMPLETE) {
        assert_int_equal(a->used, b->used);
    }
}

static struct outcome read_every_way(const bell_http_framing *framing, bell_slice input)
{
    struct outcome whole = read_in_steps(framing, input, input.n, 1);
    for (size_t cut = 0; cut < input.n; cut++) {
        struct outcome o = read_in_steps(framing, input, cut, input.n);
        assert_same(&whole, &o, input);
    }
    struct outcome o = read_in_steps(framing, input, 1, 1);
    assert_same(&whole, &o, input);
    return whole;
}

static const bell_http_framing CHUNKED = {.body = BELL_HTTP_BODY_CHUNKED};

struct chunked_case {
    bell_slice input;
    int verdict;
    const char *body; /* when complete */
};

#define CASE(text, ...)                                                                            \
    {                                                                                              \
        {(text), sizeof(text) - 1}, __VA_ARGS__                                                    \
    }

static void assert_chunked(const struct chunked_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct outcome o = read_every_way(&CHUNKED, cases[i].input);
        if (o.verdict != cases[i].verdict) {
            fail_msg("%d instead of %d: %.*s", o.verdict, cases[i].verdict,
                     BELL_FMT(cases[i].input));
        }
        if (o.verdict == COMPLETE) {
            assert_int_equal(o.n, strlen(cases[i].body));
            assert_memory_equal(o.body, cases[i].body, o.n);
        }
    }
}

static void reads_a_body_of_known_length(void **state)
{
    (void)state;
    const bell_http_framing framing = {.body = BELL_HTTP_BODY_LENGTH, .content_length = 5};
    struct outcome o = read_every_way(&framing, BELL_LIT("helloGET /"));
    assert_int_equal(o.verdict, COMPLETE);
    assert_int_equal(o.used, 5);
    assert_memory_equal(o.body, "hello", 5);
    o = read_every_way(&framing, BELL_LIT("hell"));
    assert_int_equal(o.verdict, UNFINISHED);
    assert_int_equal(o.n, 4);
}

static void is_complete_at_once_without_a_body(void **state)
{
    (void)state;
    const bell_http_framing framing = {.body = BELL_HTTP_BODY_NONE};
    struct outcome o = read_every_way(&framing, BELL_LIT("GET /"));
    assert_int_equal(o.verdict, COMPLETE);
    assert_int_equal(o.used, 0);
    struct bell_http_body b;
    bell_http_body_init(&b, &framing, 0);
    assert_true(bell_http_body_is_complete(&b));
}

/* RFC 9112 section 7.1 */
static void reads_chunks(void **state)
{
    (void)state;
    static const struct chunked_case CASES[] = {
        CASE("0\r\n\r\n", COMPLETE, ""),
        CASE("5\r\nhello\r\n0\r\n\r\n", COMPLETE, "hello"),
        CASE("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", COMPLETE, "hello world"),
        CASE("A\r\n0123456789\r\n0\r\n\r\n", COMPLETE, "0123456789"),
        CASE("a\r\n0123456789\r\n0\r\n\r\n", COMPLETE, "0123456789"),
        CASE("00000000000005\r\nhello\r\n000\r\n\r\n", COMPLETE, "hello"),
        CASE("2\r\n\r\n\r\n0\r\n\r\n", COMPLETE, "\r\n"),
        CASE("5\r\nhello\r\n0\r\n", UNFINISHED, NULL),
        CASE("5\r\nhello\r\n", UNFINISHED, NULL),
        CASE("5\r\nhel", UNFINISHED, NULL),
        CASE("", UNFINISHED, NULL),
    };
    assert_chunked(CASES, BELL_ARRAY_LEN(CASES));
}

static void refuses_broken_chunks(void **state)
{
    (void)state;
    static const struct chunked_case CASES[] = {
        CASE("\r\n", 400, NULL),
        CASE("x\r\n", 400, NULL),
        CASE("0x5\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("+5\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("-5\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE(" 5\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5 \r\nhello\r\n0\r\n\r\n", 400, NULL), /* white space only before ";" */
        CASE("5\t\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5,5\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5\rhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5\r\nhello0\r\n\r\n", 400, NULL),
        CASE("5\r\nhello\n0\r\n\r\n", 400, NULL),
        CASE("5\r\nhello\r0\r\n\r\n", 400, NULL),
        CASE("5\r\nhello!\r\n0\r\n\r\n", 400, NULL),
        CASE("5\r\nhell\r\n0\r\n\r\n", 400, NULL),
        CASE("5\r\nhello\r\n\r\n", 400, NULL),
        CASE("0\r\n\n", 400, NULL),
        CASE("0\n\r\n", 400, NULL),
        CASE("0\r\n\rX", 400, NULL),
    };
    assert_chunked(CASES, BELL_ARRAY_LEN(CASES));
}

/* Sizes of 64 bits and over; two wrapped sizes have smuggled requests elsewhere. */
static void holds_the_limit_of_size_digits(void **state)
{
    (void)state;
    static const struct chunked_case CASES[] = {
        CASE("000000000000005\r\nhello\r\n0\r\n\r\n", COMPLETE, "hello"),
        CASE("0000000000000005\r\nhello\r\n0\r\n\r\n", COMPLETE, "hello"),
        CASE("00000000000000005\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("10000000000000005\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("ffffffffffffffff\r\n", 413, NULL),
        CASE("fffffffffffffffff\r\n", 400, NULL),
        CASE("5\r\nhello\r\nfffffffffffffffb\r\n", 413, NULL),
    };
    assert_chunked(CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9112 section 7.1.1: unknown extensions are ignored. */
static void ignores_extensions(void **state)
{
    (void)state;
    static const struct chunked_case CASES[] = {
        CASE("5;a\r\nhello\r\n0;b=c\r\n\r\n", COMPLETE, "hello"),
        CASE("5;a=b;c=\"d;e\"\r\nhello\r\n0\r\n\r\n", COMPLETE, "hello"),
        CASE("5 \t; a = b\r\nhello\r\n0\r\n\r\n", COMPLETE, "hello"),
        CASE("5;a=\"\";b=\"\\\"\"\r\nhello\r\n0\r\n\r\n", COMPLETE, "hello"),
        CASE("5;a=\"\\\\\"\r\nhello\r\n0\r\n\r\n", COMPLETE, "hello"),
        /* An open quote at the end of the line: others read on to the closing one. */
        CASE("5;a=\"\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5;a=\"b\\\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5;a=\"b\0\"\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5;a\nhello\r\n0\r\n\r\n", 400, NULL), /* a bare LF has hidden chunks elsewhere */
        CASE("5;a\rhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5;a\0\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5;a\x7f\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5 a\r\nhello\r\n0\r\n\r\n", 400, NULL),
        CASE("5 \n;a\r\nhello\r\n0\r\n\r\n", 400, NULL),
    };
    assert_chunked(CASES, BELL_ARRAY_LEN(CASES));
}

/* Trailers are fields (RFC 9112 section 7.1.2); they are checked and dropped. */
static void checks_and_drops_trailers(void **state)
{
    (void)state;
    static const struct chunked_case CASES[] = {
        CASE("0\r\nA: b\r\n\r\n", COMPLETE, ""),
        CASE("0\r\nA:\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\nhello", COMPLETE, ""),
        CASE("0\r\nA: b\r\n", UNFINISHED, NULL),
        CASE("0\r\nA: b\n\r\n", 400, NULL),
        CASE("0\r\nA: b\rC: d\r\n\r\n", 400, NULL),
        CASE("0\r\nA : b\r\n\r\n", 400, NULL),
        CASE("0\r\n: b\r\n\r\n", 400, NULL),
        CASE("0\r\nA\r\n\r\n", 400, NULL),
        CASE("0\r\nA: b\r\n c\r\n\r\n", 400, NULL),
        CASE("0\r\n A: b\r\n\r\n", 400, NULL),
        CASE("0\r\nA: \0\r\n\r\n", 400, NULL),
    };
    assert_chunked(CASES, BELL_ARRAY_LEN(CASES));
}

static void holds_the_body_limit(void **state)
{
    (void)state;
    static const char HUNDRED[] = "0123456789012345678901234567890123456789012345678901234567890123"
                                  "456789012345678901234567890123456789";
    static const struct {
        size_t sizes[3];
        int verdict;
    } CASES[] = {
        {{99}, COMPLETE},     {{100}, COMPLETE}, {{101}, 413},           {{50, 49}, COMPLETE},
        {{50, 50}, COMPLETE}, {{50, 51}, 413},   {{98, 1, 1}, COMPLETE}, {{99, 1, 1}, 413},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char text[512];
        size_t n = 0;
        for (size_t k = 0; k < 3 && CASES[i].sizes[k] > 0; k++) {
            size_t size = CASES[i].sizes[k];
            /* The chunk over the limit is refused at its size; its data need not be right. */
            n += (size_t)snprintf(text + n, sizeof text - n, "%zx\r\n%.*s\r\n", size,
                                  (int)(size < 100 ? size : 100), HUNDRED);
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "0\r\n\r\n");
        struct outcome o = read_every_way(&CHUNKED, bell_slice_make(text, n));
        assert_int_equal(o.verdict, CASES[i].verdict);
    }
}

/* Whole input only: cutting at each of thousands of bytes tells nothing new. */
static int verdict_of(bell_slice input)
{
    return read_in_steps(&CHUNKED, input, 700, 700).verdict;
}

static void holds_the_limit_of_one_extension(void **state)
{
    (void)state;
    static char text[ROOM];
    for (size_t extra = 0; extra < 3; extra++) {
        int length = BELL_HTTP_MAX_CHUNK_EXTENSION_BYTES - 1 + (int)extra;
        int n = snprintf(text, sizeof text, "0;%0*d\r\n\r\n", length, 0);
        int verdict = verdict_of(bell_slice_make(text, (size_t)n));
        assert_int_equal(verdict, extra < 2 ? COMPLETE : 400);
        n = snprintf(text, sizeof text, "0 %*s;\r\n\r\n", length, "");
        verdict = verdict_of(bell_slice_make(text, (size_t)n));
        assert_int_equal(verdict, extra < 2 ? COMPLETE : 400);
    }
}

static void holds_the_limit_of_all_extensions(void **state)
{
    (void)state;
    static char text[ROOM];
    enum { EACH = 64, FULL = BELL_HTTP_MAX_EXTENSION_BYTES / EACH };
    for (int extra = -1; extra < 2; extra++) {
        size_t n = 0;
        for (int i = 0; i < FULL - 1; i++) {
            n += (size_t)snprintf(text + n, sizeof text - n, "1;%0*d\r\nx\r\n", EACH, 0);
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "0;%0*d\r\n\r\n", EACH + extra, 0);
        assert_int_equal(verdict_of(bell_slice_make(text, n)), extra < 1 ? COMPLETE : 400);
    }
}

static void holds_the_trailer_limit(void **state)
{
    (void)state;
    static char text[ROOM];
    for (int extra = -1; extra < 2; extra++) {
        size_t value = (size_t)(BELL_HTTP_MAX_TRAILER_BYTES - (int)(sizeof "A:\r\n" - 1) + extra);
        memcpy(text, "0\r\nA:", 5);
        memset(text + 5, 'v', value);
        memcpy(text + 5 + value, "\r\n\r\n", 4);
        assert_int_equal(verdict_of(bell_slice_make(text, value + 9)), extra < 1 ? COMPLETE : 431);
    }
    size_t n = (size_t)snprintf(text, sizeof text, "0\r\n");
    for (int i = 0; i < BELL_HTTP_MAX_TRAILER_BYTES / 4; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "A:\r\n");
    }
    size_t at_limit = n + (size_t)snprintf(text + n, sizeof text - n, "\r\n");
    assert_int_equal(verdict_of(bell_slice_make(text, at_limit)), COMPLETE);
    size_t above = n + (size_t)snprintf(text + n, sizeof text - n, "A:\r\n\r\n");
    assert_int_equal(verdict_of(bell_slice_make(text, above)), 431);
}

static void gives_pieces_without_copying(void **state)
{
    (void)state;
    bell_slice input = BELL_LIT("5\r\nhello\r\n0\r\n\r\nrest");
    bell_slice in = input;
    struct bell_http_body b;
    bell_http_body_init(&b, &CHUNKED, MAX_BODY_BYTES);
    bell_slice piece;
    assert_int_equal(bell_http_body_next(&b, &in, &piece), BELL_OK);
    assert_ptr_equal(piece.p, input.p + 3);
    assert_int_equal(piece.n, 5);
    assert_int_equal(bell_http_body_next(&b, &in, &piece), BELL_ENOTFOUND);
    assert_int_equal(piece.n, 0);
    assert_true(bell_slice_equal(in, BELL_LIT("rest")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_body_of_known_length),
        cmocka_unit_test(is_complete_at_once_without_a_body),
        cmocka_unit_test(reads_chunks),
        cmocka_unit_test(refuses_broken_chunks),
        cmocka_unit_test(holds_the_limit_of_size_digits),
        cmocka_unit_test(ignores_extensions),
        cmocka_unit_test(checks_and_drops_trailers),
        cmocka_unit_test(holds_the_body_limit),
        cmocka_unit_test(holds_the_limit_of_one_extension),
        cmocka_unit_test(holds_the_limit_of_all_extensions),
        cmocka_unit_test(holds_the_trailer_limit),
        cmocka_unit_test(gives_pieces_without_copying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
