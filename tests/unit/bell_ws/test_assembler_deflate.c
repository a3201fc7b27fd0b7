/*
 * Compressed messages through the assembler: where RSV1 may stand, what comes out, and its limits.
 * Sections are those of RFC 7692. Every script is run for both roles and however its bytes are cut.
 */
#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "bell/ws/assembler.h"
#include "bell/ws/deflate.h"
#include "bell/ws/encoder.h"
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_MAX_BYTES = 1 << 24, CUT_EVERYWHERE_MAX_BYTES = 300 };

static const struct script_limits WIDE = {{1 << 24, 1 << 24}, true};
static const struct script_limits NOT_AGREED = {{1 << 24, 1 << 24}, false};

struct script_case {
    const char *script;
    const char *expected;
};

static void check_case(const struct script_limits *limits, const struct script_case *c)
{
    for (int r = BELL_WS_SERVER; r <= BELL_WS_CLIENT; r++) {
        enum bell_ws_role role = (enum bell_ws_role)r;
        struct bell_buf stream;
        bell_buf_init(&stream, BUF_MAX_BYTES);
        script_write(&stream, role, c->script);
        size_t step = stream.n <= CUT_EVERYWHERE_MAX_BYTES ? 1 : stream.n / 23;
        for (size_t cut = 0; cut < stream.n; cut += step) {
            for (size_t then = 0; then <= 3; then += step > 1 ? 4 : 1) {
                struct bell_buf result;
                bell_buf_init(&result, BUF_MAX_BYTES);
                script_run(&result, role, limits, bell_buf_slice(&stream), cut, then);
                if (!bell_slice_equal(bell_buf_slice(&result), bell_slice_from(c->expected))) {
                    fail_msg("%s, cut at %zu, then every %zu: expected %s, got %.*s", c->script,
                             cut, then, c->expected, BELL_FMT(bell_buf_slice(&result)));
                }
                bell_buf_finish(&result);
            }
        }
        bell_buf_finish(&stream);
    }
}

static void check_cases(const struct script_limits *limits, const struct script_case *cases,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_case(limits, &cases[i]);
    }
}

/* Section 6: RSV1 on the first frame makes the whole message compressed; others may be plain. */
static void delivers_compressed_messages_as_they_came(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"Z:abc", "ztext:abc|"},
        {"Y:abc", "zbinary:abc|"},
        {"Z:", "ztext:|"},
        {"z:a|C:b", "ztext:ab|"},
        {"y:|c:a|c:|c:b|C:", "zbinary:ab|"},
        {"z:a|P:p|C:b|T:plain|Z:c|B:d", "ping:p|ztext:ab|text:plain|ztext:c|binary:d|"},
        {"t:a|C:b|z:c|C:d|t:e|C:f", "text:ab|ztext:cd|text:ef|"},
        {"Y*70000|y*300|C*400", "zbinary:x*70000|zbinary:x*700|"},
        /* What is compressed is no text yet. */
        {"Z:\xff\xfe|z:\xce|C:\xce", "ztext:\xff\xfe|ztext:\xce\xce|"},
        /* And the next plain one is checked from its beginning. */
        {"Z:\xce|T:\xba", "ztext:\xce|fail:1007"},
        {"z:a|X:1000,", "close:1000,|"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

/* Section 6: not on control frames, not on continuations. RSV2 and RSV3 still mean nothing. */
static void closes_with_1002_where_rsv1_must_not_stand(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"#c980", "fail:1002"},     {"#ca80", "fail:1002"},     {"#c880", "fail:1002"},
        {"#4080", "fail:1002"},     {"#c080", "fail:1002"},     {"z:a|#c080", "fail:1002"},
        {"t:a|#c080", "fail:1002"}, {"z:a|#4080", "fail:1002"}, {"#e180", "fail:1002"},
        {"#d180", "fail:1002"},     {"#f280", "fail:1002"},     {"#a180", "fail:1002"},
        {"#9180", "fail:1002"},     {"#c380", "fail:1002"},     {"#cb80", "fail:1002"},
        {"z:a|Z:b", "fail:1002"},   {"t:a|Z:b", "fail:1002"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

static void closes_with_1002_when_it_was_not_agreed_on(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"Z:a", "fail:1002"},
        {"T:a|z:b", "text:a|fail:1002"},
        {"Y:", "fail:1002"},
    };
    check_cases(&NOT_AGREED, CASES, BELL_ARRAY_LEN(CASES));
}

/* 800 bytes, an eighth and 1,024 bytes: 1,924. Plain messages keep their limit. */
static void closes_with_1009_when_more_is_compressed_than_a_message_can_need(void **state)
{
    (void)state;
    static const struct script_limits LIMITS = {{1 << 20, 800}, true};
    static const struct script_case CASES[] = {
        {"Y*1923|Y*1924", "zbinary:x*1923|zbinary:x*1924|"},
        {"Y*1924|Y*1925", "zbinary:x*1924|fail:1009"},
        {"y*1924|c:|C:", "zbinary:x*1924|"},
        {"y*1000|c*924|C:x", "fail:1009"},
        {"y*1000|C*924|B*800", "zbinary:x*1924|binary:x*800|"},
        {"Y*1924|B*801", "zbinary:x*1924|fail:1009"},
        {"Y*1924|b*800|C:x", "zbinary:x*1924|fail:1009"},
    };
    check_cases(&LIMITS, CASES, BELL_ARRAY_LEN(CASES));
}

static void closes_with_1009_above_the_frame_limit_compressed_or_not(void **state)
{
    (void)state;
    static const struct script_limits LIMITS = {{100, 1000}, true};
    static const struct script_case CASES[] = {
        {"Y*99|Y*100", "zbinary:x*99|zbinary:x*100|"},
        {"Y*101", "fail:1009"},
        {"y*100|C*101", "fail:1009"},
    };
    check_cases(&LIMITS, CASES, BELL_ARRAY_LEN(CASES));
}

static void an_endless_limit_has_room_for_an_eighth_more(void **state)
{
    (void)state;
    static const struct script_limits NONE = {{SIZE_MAX, SIZE_MAX}, true};
    static const struct script_case CASES[] = {
        {"y*10|C*10|Y:a", "zbinary:xxxxxxxxxxxxxxxxxxxx|zbinary:a|"}};
    check_cases(&NONE, CASES, BELL_ARRAY_LEN(CASES));
}

/* ---- with the codec behind it ---- */

struct receiver {
    struct bell_ws_inflater *inflater;
    struct bell_buf out;
    int messages;
};

static bool inflate_message(bell_message_type type, bell_slice payload, void *user)
{
    struct receiver *r = user;
    bell_buf_clear(&r->out);
    assert_int_equal(bell_ws_inflater_run(r->inflater, payload, type == BELL_TEXT, true, &r->out),
                     BELL_OK);
    r->messages++;
    return true;
}

/* Frames of so many bytes. */
static void write_fragments(struct bell_buf *stream, bell_slice payload, size_t size)
{
    size_t at = 0;
    do {
        size_t n = payload.n - at < size ? payload.n - at : size;
        struct raw_frame frame = {.first = at == 0 ? 0x41 : 0x00,
                                  .is_masked = true,
                                  .payload = {payload.p + at, n},
                                  .key = {1, 2, 3, (uint8_t)at}};
        at += n;
        frame.first |= at == payload.n ? 0x80 : 0;
        raw_frame_write(stream, &frame);
    } while (at < payload.n);
}

/* However the payload is cut into frames and the frames into pieces, the same message comes out. */
static void inflates_the_same_however_it_is_cut(void **state)
{
    (void)state;
    static const char TEXT[] =
        "Guten Tag! K\xc3\xb6nnen Sie helfen? K\xc3\xb6nnen Sie? \xf0\x9f\x94\x94";
    const bell_ws_deflater_options options = {.window_bits = 9, .level = 9, .memory_level = 1};
    static const bell_ws_events EVENTS = {.on_deflated = inflate_message};
    struct bell_ws_deflater *d;
    struct receiver r = {.messages = 0};
    struct bell_buf payload;
    bell_buf_init(&r.out, BUF_MAX_BYTES);
    bell_buf_init(&payload, BUF_MAX_BYTES);
    assert_int_equal(bell_ws_deflater_create(options, &d), BELL_OK);
    assert_int_equal(bell_ws_inflater_create(9, &r.inflater), BELL_OK);
    int expected = 0;
    for (size_t size = 1; size <= sizeof TEXT; size++) {
        for (size_t piece = 1; piece <= 200; piece += piece < 20 ? 1 : 60) {
            struct bell_ws_assembler a;
            struct bell_buf stream;
            bell_buf_init(&stream, BUF_MAX_BYTES);
            bell_buf_clear(&payload);
            assert_int_equal(bell_ws_deflater_run(d, BELL_LIT(TEXT), true, &payload), BELL_OK);
            write_fragments(&stream, bell_buf_slice(&payload), size);
            const bell_ws_limits limits = {1000, sizeof TEXT};
            bell_ws_assembler_init(&a, BELL_WS_SERVER);
            bell_ws_assembler_allow_deflate(&a);
            for (size_t at = 0; at < stream.n; at += piece) {
                bell_ws_input in = {stream.p + at, piece < stream.n - at ? piece : stream.n - at};
                assert_int_equal(bell_ws_assembler_feed(&a, &in, &limits, &EVENTS, &r), BELL_OK);
            }
            assert_int_equal(r.messages, ++expected);
            assert_true(bell_slice_equal(bell_buf_slice(&r.out), BELL_LIT(TEXT)));
            assert_int_equal(bell_ws_assembler_held_bytes(&a), 0);
            bell_ws_assembler_finish(&a);
            bell_buf_finish(&stream);
        }
    }
    bell_ws_deflater_destroy(d);
    bell_ws_inflater_destroy(r.inflater);
    bell_buf_finish(&r.out);
    bell_buf_finish(&payload);
}

/* A small frame may grow a thousandfold: not while its end has not come. */
static void holds_no_more_than_has_arrived(void **state)
{
    (void)state;
    struct bell_ws_assembler a;
    struct bell_buf stream;
    struct bell_buf result;
    bell_buf_init(&stream, BUF_MAX_BYTES);
    bell_buf_init(&result, BUF_MAX_BYTES);
    script_write(&stream, BELL_WS_SERVER, "y*1000|c*1000");
    const bell_ws_limits limits = {1 << 20, 1 << 20};
    bell_ws_assembler_init(&a, BELL_WS_SERVER);
    bell_ws_assembler_allow_deflate(&a);
    bell_ws_input in = {stream.p, stream.n};
    assert_int_equal(bell_ws_assembler_feed(&a, &in, &limits, &script_events, &result), BELL_OK);
    assert_in_range(bell_ws_assembler_held_bytes(&a), 2000, 4100);
    bell_ws_assembler_finish(&a);
    bell_buf_finish(&stream);
    bell_buf_finish(&result);
}

static void encoder_marks_data_frames(void **state)
{
    (void)state;
    char header[BELL_WS_HEADER_MAX_BYTES];
    (void)bell_ws_encoder_write_header(header, BELL_WS_TEXT, true, 5, NULL);
    bell_ws_encoder_mark_deflated(header);
    assert_memory_equal(header, "\xc1\x05", 2);
    (void)bell_ws_encoder_write_header(header, BELL_WS_BINARY, false, 5, NULL);
    bell_ws_encoder_mark_deflated(header);
    assert_memory_equal(header, "\x42\x05", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_compressed_messages_as_they_came),
        cmocka_unit_test(closes_with_1002_where_rsv1_must_not_stand),
        cmocka_unit_test(closes_with_1002_when_it_was_not_agreed_on),
        cmocka_unit_test(closes_with_1009_when_more_is_compressed_than_a_message_can_need),
        cmocka_unit_test(closes_with_1009_above_the_frame_limit_compressed_or_not),
        cmocka_unit_test(an_endless_limit_has_room_for_an_eighth_more),
        cmocka_unit_test(inflates_the_same_however_it_is_cut),
        cmocka_unit_test(holds_no_more_than_has_arrived),
        cmocka_unit_test(encoder_marks_data_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
