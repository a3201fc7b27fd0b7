/*
 * Property: for random sequences of right and wrong frames, cut at random, the assembler says what
 * a small model says. The model sees frames, never bytes; it keeps whole messages and goes through
 * the rules in the order in which their bytes arrive.
 */
#include "base/buf.h"
#include "base/compiler.h"
#include "base/utf8.h"
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
    ROUNDS = 30000,
    FRAMES_MAX = 12,
    PAYLOAD_MAX_BYTES = 400,
    BUF_MAX_BYTES = 1 << 20,
    MAX_FRAME_BYTES = 300,
    MAX_MESSAGE_BYTES = 500,
};

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % bound;
}

static bool one_in(uint32_t n)
{
    return random_below(n) == 0;
}

/* ---- the model ---- */

struct model {
    struct bell_buf message;
    struct bell_buf *result;
    uint8_t type; /* of the message under way; 0 = none */
    bool has_ended;
};

static void model_fail(struct model *m, int code)
{
    assert_int_equal(bell_buf_printf(m->result, "fail:%d", code), BELL_OK);
    m->has_ended = true;
}

/* 0 when the header breaks no rule, else the code. */
static int model_check_header(const struct raw_frame *f, enum bell_ws_role role)
{
    uint8_t opcode = f->first & 0x0f;
    bool is_control = opcode >= 8;
    bool is_known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    size_t n = f->payload.n;
    uint8_t shortest = n < 126 ? 1 : n < 65536 ? 2 : 8;
    if ((f->first & 0x70) != 0 || !is_known || (is_control && (f->first & 0x80) == 0)) {
        return 1002;
    }
    if (f->is_masked != (role == BELL_WS_SERVER)) {
        return 1002;
    }
    if (f->length_bytes != 0 && f->length_bytes != shortest) {
        return 1002;
    }
    if (is_control) {
        return n > 125 ? 1002 : 0;
    }
    return n > MAX_FRAME_BYTES ? 1009 : 0;
}

static bool model_is_prefix_of_text(bell_slice s)
{
    struct bell_utf8 u;
    bell_utf8_init(&u);
    for (size_t i = 0; i < s.n; i++) { /* test_utf8 holds this equal to the definition */
        if (!bell_utf8_feed(&u, (bell_slice){s.p + i, 1})) {
            return false;
        }
    }
    return true;
}

static void model_data(struct model *m, uint8_t opcode, bool fin, bell_slice payload)
{
    if ((opcode == 0) != (m->type != 0)) {
        model_fail(m, 1002);
        return;
    }
    m->type = opcode == 0 ? m->type : opcode;
    if (m->message.n + payload.n > MAX_MESSAGE_BYTES) {
        model_fail(m, 1009);
        return;
    }
    assert_int_equal(bell_buf_append(&m->message, payload), BELL_OK);
    bell_slice whole = bell_buf_slice(&m->message);
    if (m->type == 1 && (!model_is_prefix_of_text(whole) || (fin && !bell_utf8_is_valid(whole)))) {
        model_fail(m, 1007);
        return;
    }
    if (fin) {
        result_append(m->result, m->type == 1 ? "text" : "binary", whole);
        bell_buf_clear(&m->message);
        m->type = 0;
    }
}

static void model_close(struct model *m, bell_slice payload)
{
    unsigned code = 1005;
    bell_slice reason = {payload.p, 0};
    if (payload.n >= 2) {
        code = (unsigned)(uint8_t)payload.p[0] * 256 + (uint8_t)payload.p[1];
        reason = (bell_slice){payload.p + 2, payload.n - 2};
    }
    bool is_code = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                   (code >= 3000 && code <= 4999);
    if (payload.n == 1 || (payload.n >= 2 && !is_code)) {
        model_fail(m, 1002);
    } else if (!bell_utf8_is_valid(reason)) {
        model_fail(m, 1007);
    } else {
        assert_int_equal(bell_buf_printf(m->result, "close:%u,", code), BELL_OK);
        assert_int_equal(bell_buf_append(m->result, reason), BELL_OK);
        assert_int_equal(bell_buf_append(m->result, BELL_LIT("|")), BELL_OK);
        m->has_ended = true;
    }
}

static void model_frame(struct model *m, const struct raw_frame *f, enum bell_ws_role role)
{
    int wrong = model_check_header(f, role);
    uint8_t opcode = f->first & 0x0f;
    if (wrong != 0) {
        model_fail(m, wrong);
    } else if (opcode < 8) {
        model_data(m, opcode, (f->first & 0x80) != 0, f->payload);
    } else if (opcode == 8) {
        model_close(m, f->payload);
    } else {
        result_append(m->result, opcode == 9 ? "ping" : "pong", f->payload);
    }
}

/* ---- random frames ---- */

static size_t random_text(char *out, size_t room)
{
    static const char *const PIECES[] = {
        "hello, desk ",     "\xc3\xa9", "\xed\x95\x9c\xea\xb5\xad", "\xe4\xbd\xa0\xe5\xa5\xbd",
        "\xf0\x9f\x98\x80", "x"};
    size_t n = 0;
    size_t wanted = one_in(8) ? random_below((uint32_t)room) : random_below(60);
    while (n < wanted) {
        bell_slice piece = bell_slice_from(PIECES[random_below(BELL_ARRAY_LEN(PIECES))]);
        if (piece.n > room - n) {
            break;
        }
        memcpy(out + n, piece.p, piece.n);
        n += piece.n;
    }
    if (n > 0 && one_in(12)) {
        out[random_below((uint32_t)n)] = (char)random_below(256);
    }
    if (n > 0 && one_in(6)) {
        n -= random_below(3) % n; /* cut within a character */
    }
    return n;
}

static size_t random_close(char *out)
{
    static const uint16_t CODES[] = {1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008,
                                     1011, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 999};
    uint16_t code = CODES[random_below(BELL_ARRAY_LEN(CODES))];
    out[0] = (char)(code >> 8);
    out[1] = (char)(code & 0xff);
    return one_in(4) ? random_below(3) : 2 + random_text(out + 2, 123);
}

/* Mostly what may follow, so that sequences get long; wrong in one of a few ways else. */
static void random_frame(struct raw_frame *f, char *payload, enum bell_ws_role role,
                         bool *is_in_message)
{
    bool fin = !one_in(3);
    uint8_t opcode = *is_in_message ? 0 : (uint8_t)(1 + random_below(2));
    size_t n;
    if (one_in(4)) {
        opcode = (uint8_t)(one_in(10) ? 8 : 9 + random_below(2));
        fin = true;
        n = opcode == 8 ? random_close(payload) : random_text(payload, 125);
    } else {
        n = random_text(payload, PAYLOAD_MAX_BYTES);
        *is_in_message = !fin;
    }
    *f = (struct raw_frame){
        .first = (uint8_t)(opcode | (fin ? 0x80 : 0)),
        .is_masked = role == BELL_WS_SERVER,
        .payload = {payload, n},
    };
    for (size_t i = 0; i < BELL_WS_KEY_BYTES; i++) {
        f->key[i] = (uint8_t)random_below(256);
    }
    switch (random_below(60)) {
    case 0:
        f->first = (uint8_t)random_below(256);
        break;
    case 1:
        f->is_masked = !f->is_masked;
        break;
    case 2:
        f->length_bytes = n < 126 ? 2 : 8;
        break;
    case 3:
        f->length_bytes = 8;
        break;
    default:
        break;
    }
}

static void round_of(enum bell_ws_role role, struct bell_buf *stream, struct bell_buf *expected)
{
    struct model m = {.result = expected};
    bool is_in_message = false;
    bell_buf_init(&m.message, BUF_MAX_BYTES);
    uint32_t count = 1 + random_below(FRAMES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char payload[PAYLOAD_MAX_BYTES];
        struct raw_frame f;
        random_frame(&f, payload, role, &is_in_message);
        raw_frame_write(stream, &f);
        if (!m.has_ended) {
            model_frame(&m, &f, role);
        }
    }
    bell_buf_finish(&m.message);
}

static void check_cut(enum bell_ws_role role, bell_slice stream, bell_slice expected, size_t first,
                      size_t then)
{
    static const struct script_limits LIMITS = {{MAX_FRAME_BYTES, MAX_MESSAGE_BYTES}, false};
    struct bell_buf result;
    bell_buf_init(&result, BUF_MAX_BYTES);
    script_run(&result, role, &LIMITS, stream, first, then);
    if (!bell_slice_equal(bell_buf_slice(&result), expected)) {
        fail_msg("cut at %zu, then every %zu: expected %.*s, got %.*s", first, then,
                 BELL_FMT(expected), BELL_FMT(bell_buf_slice(&result)));
    }
    bell_buf_finish(&result);
}

static void says_what_the_model_says(void **state)
{
    (void)state;
    random_state = 0x9e3779b97f4a7c15u;
    size_t failures = 0;
    for (int round = 0; round < ROUNDS; round++) {
        enum bell_ws_role role = round % 4 == 0 ? BELL_WS_CLIENT : BELL_WS_SERVER;
        struct bell_buf stream;
        struct bell_buf expected;
        bell_buf_init(&stream, BUF_MAX_BYTES);
        bell_buf_init(&expected, BUF_MAX_BYTES);
        round_of(role, &stream, &expected);
        bell_slice bytes = bell_buf_slice(&stream);
        bell_slice events = bell_buf_slice(&expected);
        check_cut(role, bytes, events, 0, 0);
        check_cut(role, bytes, events, 1, 1);
        check_cut(role, bytes, events, 1 + random_below((uint32_t)bytes.n), 0);
        check_cut(role, bytes, events, 1 + random_below(40), 1 + random_below(40));
        failures += events.n > 0 && memmem(events.p, events.n, "fail:", 5) != NULL;
        bell_buf_finish(&expected);
        bell_buf_finish(&stream);
    }
    /* The mix is worth something only if both kinds occur often. */
    assert_in_range(failures, ROUNDS / 5, ROUNDS - ROUNDS / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
