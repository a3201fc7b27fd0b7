/*
 * Message assembly, rule by rule. The tables name the sections of RFC 6455. Every script is run for
 * both roles and however its bytes are cut.
 */
#include "base/buf.h"
#include "base/compiler.h"
#include "bell/ws/assembler.h"
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BUF_MAX_BYTES = 1 << 24, CUT_EVERYWHERE_MAX_BYTES = 600 };

static const struct script_limits WIDE = {{1 << 24, 1 << 24}, false};

struct script_case {
    const char *script;
    const char *expected;
};

static void check_run(enum bell_ws_role role, const struct script_limits *limits, bell_slice stream,
                      const struct script_case *c, size_t cut_at, size_t then_bytes)
{
    struct bell_buf result;
    bell_buf_init(&result, BUF_MAX_BYTES);
    script_run(&result, role, limits, stream, cut_at, then_bytes);
    if (!bell_slice_equal(bell_buf_slice(&result), bell_slice_from(c->expected))) {
        fail_msg("%s, cut at %zu, then every %zu: expected %s, got %.*s", c->script, cut_at,
                 then_bytes, c->expected, BELL_FMT(bell_buf_slice(&result)));
    }
    bell_buf_finish(&result);
}

/* Whole, cut at each byte (long ones at some), byte by byte, and in steps: one result. */
static void check_case(const struct script_limits *limits, const struct script_case *c)
{
    for (int r = BELL_WS_SERVER; r <= BELL_WS_CLIENT; r++) {
        enum bell_ws_role role = (enum bell_ws_role)r;
        struct bell_buf stream;
        bell_buf_init(&stream, BUF_MAX_BYTES);
        script_write(&stream, role, c->script);
        bell_slice bytes = bell_buf_slice(&stream);
        size_t step = bytes.n <= CUT_EVERYWHERE_MAX_BYTES ? 1 : bytes.n / 97;
        for (size_t cut = 0; cut < bytes.n; cut += step) {
            check_run(role, limits, bytes, c, cut, 0);
        }
        static const size_t PIECES[] = {1, 2, 3, 7, 64, 1000, 65536};
        for (size_t i = 0; i < BELL_ARRAY_LEN(PIECES); i++) {
            check_run(role, limits, bytes, c, PIECES[i], PIECES[i]);
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

/* Section 5.6, and lengths around the three forms of section 5.2. */
static void delivers_whole_messages(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"T:", "text:|"},
        {"B:", "binary:|"},
        {"T:Hello", "text:Hello|"},
        {"B:\xff\xfe\x80", "binary:\xff\xfe\x80|"},
        {"T:one|B:two|T:three", "text:one|binary:two|text:three|"},
        {"T*125|B*126|T*127|B*128", "text:x*125|binary:x*126|text:x*127|binary:x*128|"},
        {"T*65535", "text:x*65535|"},
        {"B*65536", "binary:x*65536|"},
        {"B*300000|T:after", "binary:x*300000|text:after|"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

/* Section 5.4: fragments, with control frames between them. */
static void puts_fragments_together(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"t:Hel|C:lo", "text:Hello|"},
        {"b:a|c:b|c:c|C:d", "binary:abcd|"},
        {"t:|C:", "text:|"},
        {"t:|c:|C:x", "text:x|"},
        {"t:x|c:|C:", "text:x|"},
        {"t:one|C:|B:two|t:th|C:ree", "text:one|binary:two|text:three|"},
        {"t:a|P:p|C:b", "ping:p|text:ab|"},
        {"P:|t:a|O:o|c:b|P:q|P:r|C:c|O:", "ping:|pong:o|ping:q|ping:r|text:abc|pong:|"},
        {"b*70000|P*125|c*70000|O*125|C*1", "ping:x*125|pong:x*125|binary:x*140001|"},
        {"t:a|X:1000,|C:b", "close:1000,|"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

/* Section 5.4: which frames may follow each other. */
static void closes_with_1002_on_wrong_order(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"C:x", "fail:1002"},
        {"c:x", "fail:1002"},
        {"C:", "fail:1002"},
        {"T:a|C:b", "text:a|fail:1002"},
        {"B:a|c:b", "binary:a|fail:1002"},
        {"t:a|T:b", "fail:1002"},
        {"t:a|t:b", "fail:1002"},
        {"b:a|B:b", "fail:1002"},
        {"t:a|P:p|B:b", "ping:p|fail:1002"},
        {"t:|T:", "fail:1002"},
        {"t:a|C:b|C:c", "text:ab|fail:1002"},
        {"t:a|c:b|t:c", "fail:1002"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

/* Sections 5.5.2 and 5.5.3. */
static void delivers_pings_and_pongs(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"P:", "ping:|"},
        {"P:data", "ping:data|"},
        {"P*125", "ping:x*125|"},
        {"P:\x01\xff\xfe", "ping:\x01\xff\xfe|"},
        {"O:", "pong:|"},
        {"O:unsolicited|P:a|P:b|P:c", "pong:unsolicited|ping:a|ping:b|ping:c|"},
        {"P*126", "fail:1002"},
        {"O*126", "fail:1002"},
        {"P:a|P*70000", "ping:a|fail:1002"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

/* What the decoder refuses comes out here too, after the events before it. */
static void closes_with_1002_on_wrong_frames(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"T:a|#c180", "text:a|fail:1002"},
        {"P:a|#a080|T:b", "ping:a|fail:1002"},
        {"t:a|#b180", "fail:1002"},
        {"#8380", "fail:1002"},
        {"T:a|#8b80", "text:a|fail:1002"},
        {"t:a|P:b|#8f80", "ping:b|fail:1002"},
        {"#0980", "fail:1002"},
        {"#0880", "fail:1002"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

/* Section 5.5.1, and 7.1.7: nothing is looked at afterwards. */
static void delivers_the_close_and_ignores_what_follows(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"X:", "close:1005,|"},
        {"X:1000,", "close:1000,|"},
        {"X:1000,bye", "close:1000,bye|"},
        {"X:4999,\xe5\x86\x8d\xe8\xa7\x81", "close:4999,\xe5\x86\x8d\xe8\xa7\x81|"},
        {"T:a|X:1001,|T:b|P:p|X:1000,", "text:a|close:1001,|"},
        {"t:a|X:1000,|C:b", "close:1000,|"},
        {"X:1000,|#ffffffffffff", "close:1000,|"},
        {"X:|C:x", "close:1005,|"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

/* Section 7.4, section 5.5.1 (a reason is UTF-8, a payload of one byte is no code). */
static void closes_on_a_wrong_close(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"X:0,", "fail:1002"},
        {"X:999,", "fail:1002"},
        {"X:1004,", "fail:1002"},
        {"X:1005,", "fail:1002"},
        {"X:1006,abnormal", "fail:1002"},
        {"X:1015,", "fail:1002"},
        {"X:1016,", "fail:1002"},
        {"X:2999,", "fail:1002"},
        {"X:5000,", "fail:1002"},
        {"X:65535,", "fail:1002"},
        {"T:a|X:1100,", "text:a|fail:1002"},
        {"X:1000,\xff", "fail:1007"},
        {"X:1000,\xc0\x80", "fail:1007"},
        {"X:1000,cut \xe2\x82", "fail:1007"},
        {"X:1005,\xff", "fail:1002"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

static void closes_with_1002_on_a_close_of_one_byte(void **state)
{
    (void)state;
    char masked[] = "\x88\x81kkkk\x00";
    char plain[] = "\x88\x01\x03";
    for (int r = BELL_WS_SERVER; r <= BELL_WS_CLIENT; r++) {
        struct script_case c = {"one byte", "fail:1002"};
        enum bell_ws_role role = (enum bell_ws_role)r;
        bell_slice bytes =
            role == BELL_WS_SERVER ? bell_slice_make(masked, 7) : bell_slice_make(plain, 3);
        for (size_t cut = 0; cut < bytes.n; cut++) {
            check_run(role, &WIDE, bytes, &c, cut, 0);
        }
    }
}

/* Section 5.5: at most 125 bytes, so a reason of 123. */
static void takes_a_close_reason_of_123_bytes_and_not_of_124(void **state)
{
    (void)state;
    for (size_t n = 122; n <= 124; n++) {
        char script[160] = "X:1000,";
        char expected[160] = "close:1000,";
        memset(script + strlen(script), 'r', n);
        memset(expected + strlen(expected), 'r', n);
        expected[strlen(expected)] = '|';
        struct script_case c = {script, n > 123 ? "fail:1002" : expected};
        check_case(&WIDE, &c);
    }
}

/* Section 8.1, also over fragments, with cuts within characters. */
static void checks_text(void **state)
{
    (void)state;
    static const struct script_case CASES[] = {
        {"T:\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4", "text:\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4|"},
        {"t:\xed\x95|c:\x9c\xea|c:|C:\xb5\xad", "text:\xed\x95\x9c\xea\xb5\xad|"},
        {"t:\xf0|P:\xff|c:\x9f|c:\x98|C:\x80", "ping:\xff|text:\xf0\x9f\x98\x80|"},
        {"T:\xff", "fail:1007"},
        {"T:abc\x80", "fail:1007"},
        {"T:abc\xe2\x82", "fail:1007"},
        {"t:\xe2\x82|C:", "fail:1007"},
        {"t:\xe2\x82|C:x", "fail:1007"},
        {"t:\xe2\x82|c:x|C:\xac", "fail:1007"},
        {"t:\xe2|c:\x82|C:\xac|T:\xac", "text:\xe2\x82\xac|fail:1007"},
        {"t:ok|C:\xc0\xaf", "fail:1007"},
        {"T:\xed\xa0\x80", "fail:1007"},
        {"T:\xf4\x90\x80\x80", "fail:1007"},
        {"T:\xf4\x8f\xbf\xbf", "text:\xf4\x8f\xbf\xbf|"},
        {"t:\xce\xba|P:p|C:\xe1\xbd", "ping:p|fail:1007"},
        /* Binary is not looked at, nor is the next text spoilt by it. */
        {"B:\xe2\x82|T:x", "binary:\xe2\x82|text:x|"},
        {"b:\xff|C:\xc0|T:x", "binary:\xff\xc0|text:x|"},
        /* A long text in which only one byte is wrong. */
        {"t*1000|c*999|C:\xa0", "fail:1007"},
    };
    check_cases(&WIDE, CASES, BELL_ARRAY_LEN(CASES));
}

/* How many bytes of the stream, fed one by one, until it failed (0 = never). */
static size_t fails_after(const char *script, const struct script_limits *limits)
{
    struct bell_buf stream;
    struct bell_buf result;
    struct bell_ws_assembler a;
    bell_buf_init(&stream, BUF_MAX_BYTES);
    bell_buf_init(&result, BUF_MAX_BYTES);
    script_write(&stream, BELL_WS_SERVER, script);
    bell_ws_assembler_init(&a, BELL_WS_SERVER);
    size_t fed = 0;
    bell_status st = BELL_OK;
    while (st == BELL_OK && fed < stream.n) {
        bell_ws_input in = {stream.p + fed, 1};
        st = bell_ws_assembler_feed(&a, &in, &limits->bytes, &script_events, &result);
        fed++;
    }
    bell_ws_assembler_finish(&a);
    bell_buf_finish(&result);
    bell_buf_finish(&stream);
    return st == BELL_OK ? 0 : fed;
}

/* A peer is told at once, not when the message is complete; a header takes 6 bytes here. */
static void fails_with_the_first_byte_that_is_wrong(void **state)
{
    (void)state;
    static const struct script_limits SMALL = {{1000, 10}, false};
    static const struct {
        const char *script;
        size_t after;
    } CASES[] = {
        {"T:\xce\xba\xf4\x90\x80\x80xxx", 6 + 4},
        {"T:ab\xf5xxxxxxxxxxxxxxxxxxx", 6 + 3},
        {"t:a\xed|C:\xa0xxx", 6 + 2 + 6 + 1},
        {"t:a\xf0|P:p|C:\x80xxx", 6 + 2 + 7 + 6 + 1},
        {"t:\xe2\x82|C:", 6 + 2 + 6},
        {"C:xxx", 6},
        {"t:a|T:xxx", 7 + 6},
        {"B:xxxxxxxxxxx", 6}, /* 11 of 10 bytes announced */
        {"b:xxxxxxxx|C:xxx", 8 + 6 + 6},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        const struct script_limits *limits = i < 7 ? &WIDE : &SMALL;
        assert_int_equal(fails_after(CASES[i].script, limits), CASES[i].after);
    }
}

static void closes_with_1009_above_the_message_limit(void **state)
{
    (void)state;
    static const struct script_limits TEN = {{1 << 20, 10}, false};
    static const struct script_case CASES[] = {
        {"B*9", "binary:xxxxxxxxx|"},
        {"B*10", "binary:xxxxxxxxxx|"},
        {"B*11", "fail:1009"},
        {"b*9|C*1", "binary:xxxxxxxxxx|"},
        {"b*9|C*2", "fail:1009"},
        {"b*10|c:|C:", "binary:xxxxxxxxxx|"},
        {"b*10|c:|C:x", "fail:1009"},
        {"b*5|P*100|C*5|T*10", "ping:x*100|binary:xxxxxxxxxx|text:xxxxxxxxxx|"},
        {"T*10|T*11", "text:xxxxxxxxxx|fail:1009"},
        /* A wrong order stays 1002. */
        {"b*10|B*11", "fail:1002"},
    };
    check_cases(&TEN, CASES, BELL_ARRAY_LEN(CASES));
}

static void closes_with_1009_above_the_frame_limit(void **state)
{
    (void)state;
    static const struct script_limits FIVE = {{5, 100}, false};
    static const struct script_case CASES[] = {
        {"B*4|B*5", "binary:xxxx|binary:xxxxx|"},
        {"B*5|B*6", "binary:xxxxx|fail:1009"},
        {"b*5|c*5|C*5", "binary:xxxxxxxxxxxxxxx|"},
        {"b*5|C*6", "fail:1009"},
        {"P*125|X:1000,longer than five", "ping:x*125|close:1000,longer than five|"},
    };
    check_cases(&FIVE, CASES, BELL_ARRAY_LEN(CASES));
}

static void takes_messages_of_no_limit_but_memory(void **state)
{
    (void)state;
    static const struct script_limits NONE = {{SIZE_MAX, SIZE_MAX}, false};
    static const struct script_case CASES[] = {
        {"b*10|C*10", "binary:xxxxxxxxxxxxxxxxxxxx|"},
        {"T*70000|t:a|C:b", "text:x*70000|text:ab|"},
    };
    check_cases(&NONE, CASES, BELL_ARRAY_LEN(CASES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_whole_messages),
        cmocka_unit_test(puts_fragments_together),
        cmocka_unit_test(closes_with_1002_on_wrong_order),
        cmocka_unit_test(delivers_pings_and_pongs),
        cmocka_unit_test(closes_with_1002_on_wrong_frames),
        cmocka_unit_test(delivers_the_close_and_ignores_what_follows),
        cmocka_unit_test(closes_on_a_wrong_close),
        cmocka_unit_test(closes_with_1002_on_a_close_of_one_byte),
        cmocka_unit_test(takes_a_close_reason_of_123_bytes_and_not_of_124),
        cmocka_unit_test(checks_text),
        cmocka_unit_test(fails_with_the_first_byte_that_is_wrong),
        cmocka_unit_test(closes_with_1009_above_the_message_limit),
        cmocka_unit_test(closes_with_1009_above_the_frame_limit),
        cmocka_unit_test(takes_messages_of_no_limit_but_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
