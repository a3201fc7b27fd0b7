#include "base/buf.h"
#include "base/compiler.h"
#include "base/hex.h"
#include "bell/ws/decoder.h"
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { NO_LIMIT = 1 << 30, RESULT_MAX_BYTES = 1 << 22 };

/* Parts put together again: "81:payload|" for each frame that was complete. */
struct collector {
    struct bell_buf *result;
    struct bell_buf frame;
    uint64_t left_bytes; /* as the last part said */
    bool has_begun;
};

static bell_status collect(const bell_ws_part *part, void *user)
{
    struct collector *c = user;
    assert_int_equal(part->is_first, !c->has_begun);
    if (!part->is_first) {
        assert_true(part->payload.n > 0);
        assert_int_equal(part->left_bytes + part->payload.n, c->left_bytes);
    }
    if (part->is_ascii) {
        for (size_t i = 0; i < part->payload.n; i++) {
            assert_true((unsigned char)part->payload.p[i] < 0x80);
        }
    }
    c->left_bytes = part->left_bytes;
    c->has_begun = part->left_bytes > 0;
    assert_int_equal(bell_buf_append(&c->frame, part->payload), BELL_OK);
    if (part->left_bytes == 0) {
        uint8_t first = (uint8_t)(part->opcode | (part->fin ? 0x80 : 0));
        char name[3];
        bell_hex_encode(&first, 1, name);
        result_append(c->result, name, bell_buf_slice(&c->frame));
        bell_buf_clear(&c->frame);
    }
    return BELL_OK;
}

/* Feeds the stream in pieces of so many bytes (0 = whole); how many were fed up to the failure. */
static size_t decode(struct bell_buf *result, enum bell_ws_role role, uint64_t max_frame_bytes,
                     bell_slice stream, size_t first_bytes, size_t then_bytes)
{
    struct bell_ws_decoder d;
    struct collector c = {.result = result};
    bell_buf_init(&c.frame, RESULT_MAX_BYTES);
    bell_ws_decoder_init(&d, role);
    assert_true(bell_ws_decoder_is_between_frames(&d));
    bell_status st = BELL_OK;
    size_t at = 0;
    while (at < stream.n && st == BELL_OK) {
        size_t piece = at == 0 && first_bytes > 0 ? first_bytes : then_bytes;
        piece = piece == 0 || piece > stream.n - at ? stream.n - at : piece;
        char *copy = malloc(piece); /* exactly so long: sanitizers see any step beyond */
        assert_non_null(copy);
        memcpy(copy, stream.p + at, piece);
        bell_ws_input in = {copy, piece};
        st = bell_ws_decoder_feed(&d, &in, max_frame_bytes, collect, &c);
        at += piece;
        assert_true(st != BELL_OK || in.n == 0);
        free(copy);
    }
    uint16_t code = bell_ws_decoder_close_code(&d);
    assert_int_equal(code, st == BELL_OK ? 0 : st == BELL_EPROTO ? 1002 : 1009);
    if (st != BELL_OK) {
        assert_int_equal(bell_buf_printf(result, "fail:%d", (int)code), BELL_OK);
    }
    bell_buf_finish(&c.frame);
    return at;
}

static void check_result(const struct bell_buf *result, const char *expected, const char *what)
{
    if (!bell_slice_equal(bell_buf_slice(result), bell_slice_from(expected))) {
        fail_msg("%s: expected %s, got %.*s", what, expected, BELL_FMT(bell_buf_slice(result)));
    }
}

/* Whole, cut at each byte, and byte by byte: one result. */
static void check_all_cuts(enum bell_ws_role role, bell_slice stream, const char *expected,
                           const char *what)
{
    struct bell_buf result;
    bell_buf_init(&result, RESULT_MAX_BYTES);
    for (size_t cut = 0; cut <= stream.n; cut++) {
        bell_buf_clear(&result);
        (void)decode(&result, role, NO_LIMIT, stream, cut, 0);
        check_result(&result, expected, what);
    }
    for (size_t piece = 1; piece <= 17; piece++) {
        bell_buf_clear(&result);
        (void)decode(&result, role, NO_LIMIT, stream, piece, piece);
        check_result(&result, expected, what);
    }
    bell_buf_finish(&result);
}

static void decodes_frames_however_they_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        const char *expected;
    } CASES[] = {
        {"T:Hello", "81:Hello|"},
        {"T:", "81:|"},
        {"B:\xff\xfe", "82:\xff\xfe|"},
        {"t:a|C:b", "01:a|80:b|"},
        {"t:a|P:p|c:b|O:|C:", "01:a|89:p|00:b|8a:|80:|"},
        {"X:1000,bye", "88:\x03\xe8"
                       "bye|"},
        {"T:one|T:two|T:three|T:a longer one, of 47 bytes, for steps of words",
         "81:one|81:two|81:three|81:a longer one, of 47 bytes, for steps of words|"},
        {"B*200|T:x", "82:x*200|81:x|"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        for (int role = BELL_WS_SERVER; role <= BELL_WS_CLIENT; role++) {
            struct bell_buf stream;
            bell_buf_init(&stream, RESULT_MAX_BYTES);
            script_write(&stream, (enum bell_ws_role)role, CASES[i].script);
            check_all_cuts((enum bell_ws_role)role, bell_buf_slice(&stream), CASES[i].expected,
                           CASES[i].script);
            bell_buf_finish(&stream);
        }
    }
}

/* RFC 6455 section 5.7. */
static void decodes_the_examples_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        enum bell_ws_role role;
        const char *script;
        const char *expected;
    } CASES[] = {
        {BELL_WS_CLIENT, "#810548656c6c6f", "81:Hello|"},
        {BELL_WS_SERVER, "#818537fa213d7f9f4d5158", "81:Hello|"},
        {BELL_WS_CLIENT, "#010348656c|#80026c6f", "01:Hel|80:lo|"},
        {BELL_WS_CLIENT, "#890548656c6c6f", "89:Hello|"},
        {BELL_WS_SERVER, "#8a8537fa213d7f9f4d5158", "8a:Hello|"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct bell_buf stream;
        bell_buf_init(&stream, RESULT_MAX_BYTES);
        script_write(&stream, CASES[i].role, CASES[i].script);
        check_all_cuts(CASES[i].role, bell_buf_slice(&stream), CASES[i].expected, CASES[i].script);
        bell_buf_finish(&stream);
    }
}

/*
 * Each rule of section 5 that one frame can break, and after which of its bytes at the latest the
 * decoder must have said so. 0: the rule is kept.
 */
static const struct {
    enum bell_ws_role role;
    const char *script;
    size_t fails_after;
} RULES[] = {
    /* Section 5.2: RSV1 to RSV3 are 0 unless an extension was negotiated. */
    {BELL_WS_SERVER, "#c180", 1},
    {BELL_WS_SERVER, "#a180", 1},
    {BELL_WS_SERVER, "#9180", 1},
    {BELL_WS_SERVER, "#f180", 1},
    {BELL_WS_CLIENT, "#c100", 1},
    {BELL_WS_SERVER, "#9880", 1},
    {BELL_WS_SERVER, "#4180", 1},
    {BELL_WS_SERVER, "#4080", 1},
    /* Section 5.2: opcodes 3-7 and b-f are reserved. */
    {BELL_WS_SERVER, "#8380", 1},
    {BELL_WS_SERVER, "#8480", 1},
    {BELL_WS_SERVER, "#8580", 1},
    {BELL_WS_SERVER, "#8680", 1},
    {BELL_WS_SERVER, "#8780", 1},
    {BELL_WS_SERVER, "#8b80", 1},
    {BELL_WS_SERVER, "#8c80", 1},
    {BELL_WS_SERVER, "#8d80", 1},
    {BELL_WS_SERVER, "#8e80", 1},
    {BELL_WS_SERVER, "#8f80", 1},
    {BELL_WS_CLIENT, "#8300", 1},
    {BELL_WS_CLIENT, "#8b00", 1},
    {BELL_WS_SERVER, "#0380", 1},
    /* Section 5.5: control frames are not fragmented. */
    {BELL_WS_SERVER, "#0880", 1},
    {BELL_WS_SERVER, "#0980", 1},
    {BELL_WS_SERVER, "#0a80", 1},
    {BELL_WS_CLIENT, "#0900", 1},
    /* Section 5.1: a client masks, a server does not. */
    {BELL_WS_SERVER, "#8100", 2},
    {BELL_WS_SERVER, "#8105", 2},
    {BELL_WS_SERVER, "#8900", 2},
    {BELL_WS_SERVER, "#817e", 2},
    {BELL_WS_CLIENT, "#8180", 2},
    {BELL_WS_CLIENT, "#8980", 2},
    /* Section 5.5: control frames carry at most 125 bytes. */
    {BELL_WS_SERVER, "P*125", 0},
    {BELL_WS_SERVER, "#88fe", 2},
    {BELL_WS_SERVER, "#89fe007e", 2},
    {BELL_WS_SERVER, "#89ff", 2},
    {BELL_WS_SERVER, "#8afe", 2},
    {BELL_WS_CLIENT, "#897e", 2},
    /* Section 5.2: the shortest form of the length. */
    {BELL_WS_SERVER, "#82fd", 0},
    {BELL_WS_SERVER, "#82fe0000", 4},
    {BELL_WS_SERVER, "#82fe0005", 4},
    {BELL_WS_SERVER, "#82fe007d", 4},
    {BELL_WS_SERVER, "#82fe007e", 0},
    {BELL_WS_SERVER, "#82feffff", 0},
    {BELL_WS_SERVER, "#82ff0000000000000000", 10},
    {BELL_WS_SERVER, "#82ff000000000000007e", 10},
    {BELL_WS_SERVER, "#82ff000000000000ffff", 10},
    {BELL_WS_SERVER, "#82ff0000000000010000", 0},
    {BELL_WS_CLIENT, "#827e007d", 4},
    {BELL_WS_CLIENT, "#827f000000000000ffff", 10},
    /* Section 5.2: the highest bit of a 64-bit length is 0. */
    {BELL_WS_SERVER, "#82ff8000000000000000", 10},
    {BELL_WS_SERVER, "#82ffffffffffffffffff", 10},
    {BELL_WS_CLIENT, "#827f8000000000010000", 10},
};

static void closes_with_1002_on_a_broken_rule_at_its_first_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < BELL_ARRAY_LEN(RULES); i++) {
        struct bell_buf stream;
        struct bell_buf result;
        bell_buf_init(&stream, RESULT_MAX_BYTES);
        bell_buf_init(&result, RESULT_MAX_BYTES);
        script_write(&stream, RULES[i].role, "T:before");
        size_t before = stream.n;
        script_write(&stream, RULES[i].role, RULES[i].script);
        size_t fed = decode(&result, RULES[i].role, NO_LIMIT, bell_buf_slice(&stream), 1, 1);
        bool is_kept = RULES[i].fails_after == 0;
        bool has_failed = memmem(result.p, result.n, "fail:1002", 9) != NULL;
        if (has_failed == is_kept || (!is_kept && fed != before + RULES[i].fails_after)) {
            fail_msg("%s: fed %zu: %.*s", RULES[i].script, fed - before, BELL_FMT(result));
        }
        if (!is_kept) {
            bell_slice bytes = bell_buf_slice(&stream);
            check_all_cuts(RULES[i].role, bytes, "81:before|fail:1002", RULES[i].script);
        }
        bell_buf_finish(&result);
        bell_buf_finish(&stream);
    }
}

static void closes_with_1009_above_the_frame_limit(void **state)
{
    (void)state;
    static const struct {
        uint64_t limit;
        const char *script;
        const char *expected;
    } CASES[] = {
        {5, "T:1234", "81:1234|"},
        {5, "T:12345", "81:12345|"},
        {5, "T:123456", "fail:1009"},
        {5, "t:1234|C:123456", "01:1234|fail:1009"},
        {125, "#81fe007e", "fail:1009"},
        {126, "#81fe007f", "fail:1009"},
        {65535, "#81ff0000000000010000", "fail:1009"},
        {65536, "#81ff0000000000010001", "fail:1009"},
        {65536, "#81ff7fffffffffffffff", "fail:1009"},
        {0, "T:", "81:|"},
        {0, "T:1", "fail:1009"},
        /* A control frame is small and gets through. */
        {5, "P:123456|O:123456|X:1000,123456",
         "89:123456|8a:123456|88:\x03\xe8"
         "123456|"},
        /* What is wrong as well as too long is wrong. */
        {5, "#81fe0006", "fail:1002"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct bell_buf stream;
        struct bell_buf result;
        bell_buf_init(&stream, RESULT_MAX_BYTES);
        script_write(&stream, BELL_WS_SERVER, CASES[i].script);
        for (size_t cut = 0; cut <= stream.n; cut++) {
            bell_buf_init(&result, RESULT_MAX_BYTES);
            (void)decode(&result, BELL_WS_SERVER, CASES[i].limit, bell_buf_slice(&stream), cut, 1);
            check_result(&result, CASES[i].expected, CASES[i].script);
            bell_buf_finish(&result);
        }
        bell_buf_finish(&stream);
    }
}

struct seen {
    const char *payload;
    size_t count;
    bell_status answer;
};

static bell_status see(const bell_ws_part *part, void *user)
{
    struct seen *s = user;
    s->payload = part->payload.p;
    s->count++;
    return s->answer;
}

static void unmasks_in_place(void **state)
{
    (void)state;
    char bytes[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    struct bell_ws_decoder d;
    struct seen s = {0};
    bell_ws_input in = {bytes, 11};
    bell_ws_decoder_init(&d, BELL_WS_SERVER);
    assert_int_equal(bell_ws_decoder_feed(&d, &in, NO_LIMIT, see, &s), BELL_OK);
    assert_ptr_equal(s.payload, bytes + 6);
    assert_memory_equal(bytes + 6, "Hello", 5);
}

static void tells_a_frame_as_soon_as_its_header_is_there(void **state)
{
    (void)state;
    char bytes[] = "\x82\xfe\x01\x00kkkk";
    struct bell_ws_decoder d;
    struct seen s = {0};
    bell_ws_decoder_init(&d, BELL_WS_SERVER);
    bell_ws_input in = {bytes, 7};
    assert_int_equal(bell_ws_decoder_feed(&d, &in, NO_LIMIT, see, &s), BELL_OK);
    assert_int_equal(s.count, 0);
    assert_false(bell_ws_decoder_is_between_frames(&d));
    in.n = 1;
    assert_int_equal(bell_ws_decoder_feed(&d, &in, NO_LIMIT, see, &s), BELL_OK);
    assert_int_equal(s.count, 1);
    assert_false(bell_ws_decoder_is_between_frames(&d));
}

static void stops_when_the_callback_says_so_and_goes_on_later(void **state)
{
    (void)state;
    struct bell_buf stream;
    bell_buf_init(&stream, RESULT_MAX_BYTES);
    script_write(&stream, BELL_WS_SERVER, "T:one|T:two|T:three");
    struct bell_ws_decoder d;
    struct seen s = {.answer = BELL_ECLOSED};
    bell_ws_input in = {stream.p, stream.n};
    bell_ws_decoder_init(&d, BELL_WS_SERVER);
    assert_int_equal(bell_ws_decoder_feed(&d, &in, NO_LIMIT, see, &s), BELL_ECLOSED);
    assert_int_equal(s.count, 1);
    assert_memory_equal(s.payload, "one", 3);
    assert_ptr_equal(in.p, stream.p + 9);
    assert_int_equal(bell_ws_decoder_close_code(&d), 0);
    assert_true(bell_ws_decoder_is_between_frames(&d));
    s.answer = BELL_OK;
    assert_int_equal(bell_ws_decoder_feed(&d, &in, NO_LIMIT, see, &s), BELL_OK);
    assert_int_equal(s.count, 3);
    assert_memory_equal(s.payload, "three", 5);
    bell_buf_finish(&stream);
}

static bell_status free_all(const bell_ws_part *part, void *user)
{
    (void)part;
    void **blocks = user;
    free(blocks[0]);
    free(blocks[1]);
    return BELL_ECLOSED;
}

/* What the promise of bell_ws_part_fn means; AddressSanitizer and valgrind look on. */
static void callback_that_stops_may_free_decoder_and_input(void **state)
{
    (void)state;
    struct bell_ws_decoder *d = malloc(sizeof *d);
    char *bytes = malloc(16);
    assert_non_null(d);
    assert_non_null(bytes);
    memcpy(bytes, "\x81\x81kkkk\x00\x81\x81kkkk\x00", 14);
    bell_ws_input in = {bytes, 14};
    void *blocks[] = {d, bytes};
    bell_ws_decoder_init(d, BELL_WS_SERVER);
    assert_int_equal(bell_ws_decoder_feed(d, &in, NO_LIMIT, free_all, blocks), BELL_ECLOSED);
}

static void is_small_enough_for_idle_connections(void **state)
{
    (void)state;
    assert_true(sizeof(struct bell_ws_decoder) <= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_frames_however_they_are_cut),
        cmocka_unit_test(decodes_the_examples_of_the_rfc),
        cmocka_unit_test(closes_with_1002_on_a_broken_rule_at_its_first_byte),
        cmocka_unit_test(closes_with_1009_above_the_frame_limit),
        cmocka_unit_test(unmasks_in_place),
        cmocka_unit_test(tells_a_frame_as_soon_as_its_header_is_there),
        cmocka_unit_test(stops_when_the_callback_says_so_and_goes_on_later),
        cmocka_unit_test(callback_that_stops_may_free_decoder_and_input),
        cmocka_unit_test(is_small_enough_for_idle_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
