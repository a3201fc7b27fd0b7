#include "desk/proto/encode.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_text(const struct bell_buf *out, const char *text)
{
    assert_int_equal(out->n, strlen(text));
    assert_memory_equal(out->p, text, out->n);
}

static void writes_compact_json_in_the_order_of_the_schema(void **state)
{
    (void)state;
    struct bell_buf out;
    bell_buf_init(&out, 4096);
    struct visitor_event e = {
        .type = VISITOR_EVENT_STORED,
        .has_ref = true,
        .ref = 7,
        .u.stored = {.id = {{0xab, 0xcd}}, .number = 9, .at = 1700000000123456},
    };
    assert_int_equal(visitor_event_encode(&e, &out), BELL_OK);
    assert_text(&out, "{\"type\":\"stored\",\"ref\":7,\"id\":\"abcd0000000000000000000000000000\","
                      "\"number\":9,\"at\":1700000000123}");
    bell_buf_finish(&out);
}

static void leaves_out_what_is_absent_and_keeps_what_is_empty(void **state)
{
    (void)state;
    struct bell_buf out;
    bell_buf_init(&out, 4096);
    struct visitor_event e = {.type = VISITOR_EVENT_TYPING, .u.typing = {.on = true}};
    assert_int_equal(visitor_event_encode(&e, &out), BELL_OK);
    assert_text(&out, "{\"type\":\"typing\",\"on\":true}");
    bell_buf_clear(&out);
    e.u.typing.name = BELL_LIT("");
    assert_int_equal(visitor_event_encode(&e, &out), BELL_OK);
    assert_text(&out, "{\"type\":\"typing\",\"on\":true,\"name\":\"\"}");
    bell_buf_finish(&out);
}

static void a_record_without_any_field_is_an_empty_object(void **state)
{
    (void)state;
    struct bell_buf out;
    bell_buf_init(&out, 4096);
    struct agent_event e = {
        .type = AGENT_EVENT_CONVERSATION,
        .u.conversation = {.conversation = {.conversation = 1, .site = BELL_LIT("demo")}},
    };
    assert_int_equal(agent_event_encode(&e, &out), BELL_OK);
    assert_non_null(memmem(out.p, out.n, "\"facts\":{},\"event\":0}", 21));
    bell_buf_finish(&out);
}

static void escapes_what_json_wants_escaped_and_nothing_else(void **state)
{
    (void)state;
    struct bell_buf out;
    bell_buf_init(&out, 4096);
    struct visitor_command c = {
        .type = VISITOR_COMMAND_POST,
        .u.post = {.text = BELL_LIT("\"\\/\b\f\n\r\t\x01\x1f\x7f é中😀\xe2\x80\xa8")},
    };
    assert_int_equal(visitor_command_encode(&c, &out), BELL_OK);
    assert_text(&out, "{\"type\":\"post\",\"id\":\"00000000000000000000000000000000\",\"text\":"
                      "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F\x7f é中😀\xe2\x80\xa8\"}");
    bell_buf_finish(&out);
}

static void writes_every_number(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } CASES[] = {
        {0, "{\"type\":\"read\",\"number\":0}"},
        {10, "{\"type\":\"read\",\"number\":10}"},
        {PROTO_MAX_INT, "{\"type\":\"read\",\"number\":9007199254740991}"},
        {INT64_MAX, "{\"type\":\"read\",\"number\":9223372036854775807}"},
        {-1, "{\"type\":\"read\",\"number\":-1}"},
        {INT64_MIN, "{\"type\":\"read\",\"number\":-9223372036854775808}"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct bell_buf out;
        bell_buf_init(&out, 4096);
        struct visitor_command c = {.type = VISITOR_COMMAND_READ,
                                    .u.read = {.number = CASES[i].value}};
        assert_int_equal(visitor_command_encode(&c, &out), BELL_OK);
        assert_text(&out, CASES[i].text);
        bell_buf_finish(&out);
    }
}

static void times_lose_their_microseconds_toward_the_past(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        const char *end;
    } CASES[] = {{999, "\"at\":0}"},
                 {1000, "\"at\":1}"},
                 {1999, "\"at\":1}"},
                 {-1, "\"at\":-1}"},
                 {-1000, "\"at\":-1}"}};
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct bell_buf out;
        bell_buf_init(&out, 4096);
        struct visitor_event e = {.type = VISITOR_EVENT_STORED,
                                  .u.stored = {.number = 1, .at = CASES[i].at}};
        assert_int_equal(visitor_event_encode(&e, &out), BELL_OK);
        size_t n = strlen(CASES[i].end);
        assert_memory_equal(out.p + out.n - n, CASES[i].end, n);
        bell_buf_finish(&out);
    }
}

static void refuses_values_that_have_no_name(void **state)
{
    (void)state;
    struct bell_buf out;
    bell_buf_init(&out, 4096);
    assert_int_equal(bell_buf_append(&out, BELL_LIT("before")), BELL_OK);
    unsigned wrong = STATE_CLOSED + 1;
    struct visitor_event e = {.type = VISITOR_EVENT_STATE, .u.state = {.state = (enum state)wrong}};
    assert_int_equal(visitor_event_encode(&e, &out), BELL_EINVAL);
    assert_text(&out, "before");
    wrong = VISITOR_EVENT_PONG + 1;
    e.type = (enum visitor_event_type)wrong;
    assert_int_equal(visitor_event_encode(&e, &out), BELL_EINVAL);
    struct error_response r = {.error = ERROR_NONE, .text = BELL_LIT("x")};
    assert_int_equal(error_response_encode(&r, &out), BELL_EINVAL);
    assert_text(&out, "before");
    bell_buf_finish(&out);
}

static void a_buf_that_is_too_small_stays_as_it_was(void **state)
{
    (void)state;
    struct visitor_event e = {
        .type = VISITOR_EVENT_REFUSED,
        .u.refused = {.error = ERROR_RATE_LIMITED,
                      .text = BELL_LIT("Too \"many\"\n"),
                      .has_retry_after_ms = true,
                      .retry_after_ms = 1500},
    };
    struct bell_buf whole;
    bell_buf_init(&whole, 4096);
    assert_int_equal(visitor_event_encode(&e, &whole), BELL_OK);
    for (size_t limit = 1; limit <= whole.n + 1; limit++) {
        struct bell_buf out;
        bell_buf_init(&out, limit + 1);
        assert_int_equal(bell_buf_append(&out, BELL_LIT("#")), BELL_OK);
        bell_status st = visitor_event_encode(&e, &out);
        assert_int_equal(st, limit < whole.n ? BELL_ELIMIT : BELL_OK);
        assert_int_equal(out.n, st == BELL_OK ? whole.n + 1 : 1);
        bell_buf_finish(&out);
    }
    bell_buf_finish(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_compact_json_in_the_order_of_the_schema),
        cmocka_unit_test(leaves_out_what_is_absent_and_keeps_what_is_empty),
        cmocka_unit_test(a_record_without_any_field_is_an_empty_object),
        cmocka_unit_test(escapes_what_json_wants_escaped_and_nothing_else),
        cmocka_unit_test(writes_every_number),
        cmocka_unit_test(times_lose_their_microseconds_toward_the_past),
        cmocka_unit_test(refuses_values_that_have_no_name),
        cmocka_unit_test(a_buf_that_is_too_small_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
