#include "desk/proto/decode.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define ID  "0123456789abcdef0123456789abcdef"
#define ID2 ID ID

/* A decoding with everything it needs; finish frees it. */
struct trial {
    struct bell_arena arena;
    struct visitor_command command;
    struct decode_failure why;
    bell_status st;
};

static struct trial decode(bell_slice json)
{
    struct trial t = {.st = BELL_OK};
    bell_arena_init(&t.arena, 256 * 1024);
    t.st = visitor_command_decode(json, &t.arena, &t.command, &t.why);
    return t;
}

static void finish(struct trial *t)
{
    bell_arena_finish(&t->arena);
}

static void assert_refused(const char *json, enum desk_error error, const char *field)
{
    struct trial t = decode(bell_slice_from(json));
    if (t.st != BELL_EPROTO || t.why.error != error || strcmp(t.why.field, field) != 0) {
        fail_msg("%s: status %d, error %.*s, field '%s'", json, (int)t.st,
                 BELL_FMT(desk_error_name(t.why.error)), t.why.field);
    }
    finish(&t);
}

static void assert_taken(const char *json)
{
    struct trial t = decode(bell_slice_from(json));
    if (t.st != BELL_OK) {
        fail_msg("%s: %.*s in '%s'", json, BELL_FMT(desk_error_name(t.why.error)), t.why.field);
    }
    finish(&t);
}

static void reads_every_field(void **state)
{
    (void)state;
    struct trial t = decode(BELL_LIT(
        "{\"type\":\"hello\",\"ref\":3,\"site\":\"demo\",\"visitor\":\"" ID "\",\"token\":\"" ID2
        "\",\"after\":12,\"page\":\"https://shop.example/\",\"title\":\"\",\"language\":\"ko\"}"));
    assert_int_equal(t.st, BELL_OK);
    assert_int_equal(t.command.type, VISITOR_COMMAND_HELLO);
    assert_true(t.command.has_ref);
    assert_int_equal(t.command.ref, 3);
    const struct visitor_command_hello *h = &t.command.u.hello;
    assert_true(bell_slice_equal(h->site, BELL_LIT("demo")));
    assert_true(h->has_visitor && h->has_token);
    assert_int_equal(h->visitor.b[0], 0x01);
    assert_int_equal(h->visitor.b[15], 0xef);
    assert_int_equal(h->token.b[31], 0xef);
    assert_int_equal(h->after, 12);
    assert_true(bell_slice_equal(h->page, BELL_LIT("https://shop.example/")));
    assert_true(h->title.p != NULL && h->title.n == 0);
    assert_null(h->referrer.p);
    assert_true(bell_slice_equal(h->language, BELL_LIT("ko")));
    finish(&t);
}

static void what_it_returns_outlives_the_input(void **state)
{
    (void)state;
    char json[] = "{\"type\":\"post\",\"id\":\"" ID "\",\"text\":\"hello\"}";
    struct trial t = decode(bell_slice_from(json));
    memset(json, '#', sizeof json);
    assert_int_equal(t.st, BELL_OK);
    assert_true(bell_slice_equal(t.command.u.post.text, BELL_LIT("hello")));
    finish(&t);
    assert_int_equal(bell_mem_live(), 0);
}

static void refuses_what_is_not_one_json_object(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        " ",
        "{",
        "}",
        "nul",
        "null",
        "1",
        "\"ping\"",
        "[]",
        "[{\"type\":\"ping\"}]",
        "{\"type\":\"ping\"}{}",
        "{\"type\":\"ping\"} x",
        "{\"type\":\"ping\",}",
        "{'type':'ping'}",
        "{type:\"ping\"}",
        "{\"type\":\"ping\" \"ref\":1}",
        "{\"type\":\"ping\",\"ref\":01}",
        "{\"type\":\"ping\",\"ref\":+1}",
        "{\"type\":\"ping\",\"ref\":NaN}",
        "/**/{\"type\":\"ping\"}",
        "\xef\xbb\xbf{\"type\":\"ping\"}",
        "{\"type\":\"ping\",\"type\":\"ping\"}",
        "{\"type\":\"typing\",\"on\":true,\"on\":true}",
        "{\"type\":\"typing\",\"on\":True}",
        "{\"type\":\"pi\nng\"}",
        "{\"type\":\"\\ud800\"}",
        "{\"type\":\"\\q\"}",
        "{\"type\":\"\xff\"}",
        "{\"type\":\"\xc0\xaf\"}",
        "{\"type\":\"\xed\xa0\x80\"}",
        "{\"\\u0000\":1}",
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_refused(BAD[i], ERROR_BAD_JSON, "");
    }
    struct trial t = decode((bell_slice){NULL, 0});
    assert_int_equal(t.why.error, ERROR_BAD_JSON);
    finish(&t);
}

static void white_space_and_order_do_not_matter(void **state)
{
    (void)state;
    assert_taken(" \t\r\n{ \"on\" : true , \"ref\" : 0 , \"type\" : \"typing\" } ");
    assert_taken("{\"t\\u0079pe\":\"ping\"}");
}

static void refuses_unknown_commands(void **state)
{
    (void)state;
    assert_refused("{\"type\":\"take\",\"conversation\":1}", ERROR_UNKNOWN_COMMAND, "type");
    assert_refused("{\"type\":\"\"}", ERROR_UNKNOWN_COMMAND, "type");
    assert_refused("{\"type\":\"Ping\"}", ERROR_UNKNOWN_COMMAND, "type");
    assert_refused("{\"type\":\"welcome\"}", ERROR_UNKNOWN_COMMAND, "type");
    assert_refused("{}", ERROR_BAD_FIELD, "type");
    assert_refused("{\"type\":1}", ERROR_BAD_FIELD, "type");
    assert_refused("{\"type\":null}", ERROR_BAD_FIELD, "type");
}

static void refuses_missing_and_unknown_fields(void **state)
{
    (void)state;
    assert_refused("{\"type\":\"hello\",\"after\":0}", ERROR_BAD_FIELD, "site");
    assert_refused("{\"type\":\"hello\",\"site\":\"demo\"}", ERROR_BAD_FIELD, "after");
    assert_refused("{\"type\":\"ping\",\"extra\":1}", ERROR_BAD_FIELD, "extra");
    assert_refused("{\"type\":\"ping\",\"ev il\":1}", ERROR_BAD_FIELD, "");
    assert_refused("{\"type\":\"ping\",\"\":1}", ERROR_BAD_FIELD, "");
    assert_refused("{\"type\":\"history\",\"after\":0,\"limit\":null}", ERROR_BAD_FIELD, "limit");
    assert_taken("{\"type\":\"history\",\"after\":0}");
}

static void refuses_wrong_types(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *field;
    } CASES[] = {
        {"{\"type\":\"typing\",\"on\":1}", "on"},
        {"{\"type\":\"typing\",\"on\":\"true\"}", "on"},
        {"{\"type\":\"read\",\"number\":\"1\"}", "number"},
        {"{\"type\":\"read\",\"number\":1.0}", "number"},
        {"{\"type\":\"read\",\"number\":1e0}", "number"},
        {"{\"type\":\"read\",\"number\":true}", "number"},
        {"{\"type\":\"read\",\"number\":[1]}", "number"},
        {"{\"type\":\"hello\",\"after\":0,\"site\":7}", "site"},
        {"{\"type\":\"hello\",\"after\":0,\"site\":{}}", "site"},
        {"{\"type\":\"post\",\"id\":7,\"text\":\"x\"}", "id"},
        {"{\"type\":\"ping\",\"ref\":\"1\"}", "ref"},
        {"{\"type\":\"ping\",\"ref\":1.5}", "ref"},
        {"{\"type\":\"ping\",\"ref\":-1}", "ref"},
        {"{\"type\":\"ping\",\"ref\":9007199254740992}", "ref"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_refused(CASES[i].json, ERROR_BAD_FIELD, CASES[i].field);
    }
    assert_taken("{\"type\":\"ping\",\"ref\":9007199254740991}");
}

static void numbers_have_ends(void **state)
{
    (void)state;
    assert_refused("{\"type\":\"history\",\"after\":-1}", ERROR_BAD_FIELD, "after");
    assert_taken("{\"type\":\"history\",\"after\":0}");
    assert_taken("{\"type\":\"history\",\"after\":-0}");
    assert_taken("{\"type\":\"history\",\"after\":9007199254740991}");
    assert_refused("{\"type\":\"history\",\"after\":9007199254740992}", ERROR_BAD_FIELD, "after");
    assert_refused("{\"type\":\"history\",\"after\":9223372036854775808}", ERROR_BAD_FIELD, "");
    assert_refused("{\"type\":\"history\",\"after\":0,\"limit\":0}", ERROR_BAD_FIELD, "limit");
    assert_taken("{\"type\":\"history\",\"after\":0,\"limit\":1}");
    assert_taken("{\"type\":\"history\",\"after\":0,\"limit\":200}");
    assert_refused("{\"type\":\"history\",\"after\":0,\"limit\":201}", ERROR_BAD_FIELD, "limit");
}

static void ids_and_secrets_are_lower_case_hex_of_their_length(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "0123456789abcdef0123456789abcde",
        ID "0",
        "0123456789ABCDEF0123456789abcdef",
        "0123456789abcdef0123456789abcdeg",
        " 123456789abcdef0123456789abcdef",
        "０123456789abcdef0123456789abc",
        "0123456789abcdef\\u0000123456789abcdef",
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        struct bell_buf json;
        bell_buf_init(&json, 1024);
        assert_int_equal(
            bell_buf_printf(&json, "{\"type\":\"post\",\"id\":\"%s\",\"text\":\"x\"}", BAD[i]),
            BELL_OK);
        struct trial t = decode(bell_buf_slice(&json));
        assert_int_equal(t.why.error, ERROR_BAD_FIELD);
        assert_string_equal(t.why.field, "id");
        assert_false(t.why.has_id);
        finish(&t);
        bell_buf_finish(&json);
    }
    assert_refused("{\"type\":\"hello\",\"site\":\"x\",\"after\":0,\"token\":\"" ID "\"}",
                   ERROR_BAD_FIELD, "token");
}

/* A post whose text is this unit, count times. */
static struct trial decode_post(const char *unit, size_t count)
{
    struct bell_buf json;
    bell_buf_init(&json, 2 * COMMAND_MAX_BYTES);
    assert_int_equal(
        bell_buf_append(&json, BELL_LIT("{\"type\":\"post\",\"id\":\"" ID "\",\"text\":\"")),
        BELL_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(bell_buf_append(&json, bell_slice_from(unit)), BELL_OK);
    }
    assert_int_equal(bell_buf_append(&json, BELL_LIT("\"}")), BELL_OK);
    struct trial t = decode(bell_buf_slice(&json));
    bell_buf_finish(&json);
    return t;
}

static void text_is_counted_in_characters_however_it_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        size_t bytes;
    } UNITS[] = {
        {"a", 1},   {"é", 2}, {"中", 3}, {"한", 3}, {"😀", 4}, {"\\u4e2d", 3}, {"\\ud83d\\ude00", 4},
        {"\\\"", 1}};
    const size_t max = VISITOR_COMMAND_POST_TEXT_MAX_CHARS;
    for (size_t i = 0; i < BELL_ARRAY_LEN(UNITS); i++) {
        for (size_t count = max - 1; count <= max; count++) {
            struct trial t = decode_post(UNITS[i].unit, count);
            assert_int_equal(t.st, BELL_OK);
            assert_int_equal(t.command.u.post.text.n, count * UNITS[i].bytes);
            finish(&t);
        }
        struct trial t = decode_post(UNITS[i].unit, max + 1);
        assert_int_equal(t.st, BELL_EPROTO);
        assert_int_equal(t.why.error, ERROR_TOO_LONG);
        assert_string_equal(t.why.field, "text");
        finish(&t);
    }
}

static void text_has_a_least_length_and_shows_something(void **state)
{
    (void)state;
    static const char *const BLANK[] = {"", " ", "\\n\\t ", "\xe3\x80\x80", "\\u200b", "\\u3164"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(BLANK); i++) {
        struct trial t = decode_post(BLANK[i], 1);
        assert_int_equal(t.st, BELL_EPROTO);
        assert_int_equal(t.why.error, ERROR_BAD_FIELD);
        assert_string_equal(t.why.field, "text");
        finish(&t);
    }
    assert_refused("{\"type\":\"identify\",\"email\":\"ab\"}", ERROR_BAD_FIELD, "email");
    assert_taken("{\"type\":\"identify\",\"email\":\"a@b\"}");
    assert_taken("{\"type\":\"identify\",\"name\":\" \"}");
    assert_taken("{\"type\":\"identify\"}");
}

static void text_holds_no_zero_character(void **state)
{
    (void)state;
    assert_refused("{\"type\":\"post\",\"id\":\"" ID "\",\"text\":\"a\\u0000b\"}", ERROR_BAD_FIELD,
                   "text");
    assert_refused("{\"type\":\"hello\",\"after\":0,\"site\":\"\\u0000\"}", ERROR_BAD_FIELD,
                   "site");
    struct trial t = decode(bell_slice_make("{\"type\":\"ping\"\0}", 16));
    assert_int_equal(t.why.error, ERROR_BAD_JSON);
    finish(&t);
}

static void the_whole_text_has_a_limit(void **state)
{
    (void)state;
    char *json = bell_mem_alloc(COMMAND_MAX_BYTES + 1);
    assert_non_null(json);
    memset(json, ' ', COMMAND_MAX_BYTES + 1);
    memcpy(json, "{\"type\":\"ping\"}", 15);
    for (size_t n = COMMAND_MAX_BYTES - 1; n <= COMMAND_MAX_BYTES + 1; n++) {
        struct trial t = decode((bell_slice){json, n});
        assert_int_equal(t.st, n <= COMMAND_MAX_BYTES ? BELL_OK : BELL_EPROTO);
        assert_int_equal(t.why.error, n <= COMMAND_MAX_BYTES ? ERROR_NONE : ERROR_TOO_LONG);
        finish(&t);
    }
    bell_mem_free(json);
}

/* {"type":"ping","x":[[[…]]]} of this depth. */
static enum desk_error nested(size_t depth, const char **field)
{
    static struct trial t;
    struct bell_buf json;
    bell_buf_init(&json, 2 * COMMAND_MAX_BYTES);
    assert_int_equal(bell_buf_append(&json, BELL_LIT("{\"type\":\"ping\",\"x\":")), BELL_OK);
    for (size_t i = 1; i < depth; i++) {
        assert_int_equal(bell_buf_append(&json, BELL_LIT("[")), BELL_OK);
    }
    for (size_t i = 1; i < depth; i++) {
        assert_int_equal(bell_buf_append(&json, BELL_LIT("]")), BELL_OK);
    }
    assert_int_equal(bell_buf_append(&json, BELL_LIT("}")), BELL_OK);
    t = decode(bell_buf_slice(&json));
    finish(&t);
    bell_buf_finish(&json);
    *field = t.why.field;
    return t.why.error;
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    const char *field;
    assert_int_equal(nested(DECODE_MAX_DEPTH - 1, &field), ERROR_BAD_FIELD);
    assert_string_equal(field, "x"); /* it was parsed */
    assert_int_equal(nested(DECODE_MAX_DEPTH, &field), ERROR_BAD_FIELD);
    assert_string_equal(field, "x");
    assert_int_equal(nested(DECODE_MAX_DEPTH + 1, &field), ERROR_BAD_FIELD);
    assert_string_equal(field, ""); /* it was not */
    assert_int_equal(nested(60000, &field), ERROR_BAD_FIELD);
    assert_string_equal(field, "");
}

static void the_number_of_values_has_a_limit(void **state)
{
    (void)state;
    for (size_t values = COMMAND_MAX_VALUES - 1; values <= COMMAND_MAX_VALUES + 1; values++) {
        struct bell_buf json;
        bell_buf_init(&json, 65536);
        assert_int_equal(bell_buf_append(&json, BELL_LIT("{\"type\":\"ping\",\"x\":[0")), BELL_OK);
        for (size_t i = 3; i < values; i++) {
            assert_int_equal(bell_buf_append(&json, BELL_LIT(",0")), BELL_OK);
        }
        assert_int_equal(bell_buf_append(&json, BELL_LIT("]}")), BELL_OK);
        struct trial t = decode(bell_buf_slice(&json));
        assert_int_equal(t.why.error, ERROR_BAD_FIELD);
        assert_string_equal(t.why.field, values <= COMMAND_MAX_VALUES ? "x" : "");
        finish(&t);
        bell_buf_finish(&json);
    }
    /* What looks like structure inside a text is none. */
    struct trial t = decode_post("[{,\\\"\\\\", 500);
    assert_int_equal(t.st, BELL_OK);
    finish(&t);
}

static void a_refusal_repeats_ref_and_id_when_they_can_be_read(void **state)
{
    (void)state;
    struct trial t =
        decode(BELL_LIT("{\"type\":\"post\",\"ref\":5,\"id\":\"" ID "\",\"text\":\"\"}"));
    assert_int_equal(t.why.error, ERROR_BAD_FIELD);
    assert_true(t.why.has_ref && t.why.has_id);
    assert_int_equal(t.why.ref, 5);
    assert_int_equal(t.why.id.b[1], 0x23);
    finish(&t);
    t = decode(BELL_LIT("{\"type\":\"nonsense\",\"ref\":6}"));
    assert_int_equal(t.why.error, ERROR_UNKNOWN_COMMAND);
    assert_true(t.why.has_ref && !t.why.has_id);
    assert_int_equal(t.why.ref, 6);
    finish(&t);
    t = decode(BELL_LIT("{\"type\":\"post\",\"ref\":-5,\"id\":\"x\",\"text\":\"\"}"));
    assert_false(t.why.has_ref || t.why.has_id);
    finish(&t);
}

static void the_arena_limit_is_a_lack_of_memory(void **state)
{
    (void)state;
    struct bell_arena arena;
    struct visitor_command command;
    struct decode_failure why;
    bell_slice json =
        BELL_LIT("{\"type\":\"post\",\"id\":\"" ID "\",\"text\":\"0123456789abcde\"}");
    bell_arena_init(&arena, 16);
    assert_int_equal(visitor_command_decode(json, &arena, &command, &why), BELL_OK);
    bell_arena_finish(&arena);
    bell_arena_init(&arena, 15);
    assert_int_equal(visitor_command_decode(json, &arena, &command, &why), BELL_ENOMEM);
    assert_int_equal(why.error, ERROR_BUSY);
    bell_arena_finish(&arena);
}

static void tells_the_way_to_a_field_inside_records_and_lists(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum desk_error error;
        const char *field;
    } CASES[] = {
        {"{\"type\":\"message\",\"message\":{\"number\":0,\"author\":\"site\",\"text\":\"\",\"at\":"
         "0}}",
         ERROR_BAD_FIELD, "message.number"},
        {"{\"type\":\"message\",\"message\":{\"number\":1,\"author\":\"boss\",\"text\":\"\",\"at\":"
         "0}}",
         ERROR_BAD_FIELD, "message.author"},
        {"{\"type\":\"message\",\"message\":{\"author\":\"site\",\"text\":\"\",\"at\":0}}",
         ERROR_BAD_FIELD, "message.number"},
        {"{\"type\":\"message\",\"message\":{\"type\":\"x\"}}", ERROR_BAD_FIELD, "message.type"},
        {"{\"type\":\"message\",\"message\":[]}", ERROR_BAD_FIELD, "message"},
        {"{\"type\":\"messages\",\"more\":false,\"items\":{}}", ERROR_BAD_FIELD, "items"},
        {"{\"type\":\"messages\",\"more\":false,\"items\":[7]}", ERROR_BAD_FIELD, "items[0]"},
        {"{\"type\":\"messages\",\"more\":false,\"items\":[{\"number\":1,\"author\":\"site\","
         "\"text\":\"\",\"at\":0},"
         "{\"number\":2,\"author\":\"site\",\"text\":7,\"at\":0}]}",
         ERROR_BAD_FIELD, "items[1].text"},
        {"{\"type\":\"nothing\"}", ERROR_UNKNOWN_COMMAND, "type"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct bell_arena arena;
        struct visitor_event event;
        struct decode_failure why;
        bell_arena_init(&arena, 65536);
        assert_int_equal(visitor_event_decode(bell_slice_from(CASES[i].json), &arena, &event, &why),
                         BELL_EPROTO);
        assert_int_equal(why.error, CASES[i].error);
        assert_string_equal(why.field, CASES[i].field);
        bell_arena_finish(&arena);
    }
}

static void lists_have_a_limit(void **state)
{
    (void)state;
    for (size_t count = 199; count <= 201; count++) {
        struct bell_buf json;
        struct bell_arena arena;
        struct visitor_event event;
        struct decode_failure why;
        bell_buf_init(&json, 65536);
        bell_arena_init(&arena, 1024 * 1024);
        assert_int_equal(
            bell_buf_append(&json, BELL_LIT("{\"type\":\"messages\",\"more\":false,\"items\":[")),
            BELL_OK);
        for (size_t i = 1; i <= count; i++) {
            assert_int_equal(
                bell_buf_printf(&json,
                                "%s{\"number\":%zu,\"author\":\"site\",\"text\":\"\",\"at\":0}",
                                i == 1 ? "" : ",", i),
                BELL_OK);
        }
        assert_int_equal(bell_buf_append(&json, BELL_LIT("]}")), BELL_OK);
        bell_status st = visitor_event_decode(bell_buf_slice(&json), &arena, &event, &why);
        assert_int_equal(st, count <= VISITOR_EVENT_MESSAGES_ITEMS_MAX ? BELL_OK : BELL_EPROTO);
        if (st == BELL_OK) {
            assert_int_equal(event.u.messages.items_count, count);
            assert_int_equal(event.u.messages.items[count - 1].number, count);
        } else {
            assert_string_equal(why.field, "items");
        }
        bell_arena_finish(&arena);
        bell_buf_finish(&json);
    }
}

static void times_are_microseconds_inside(void **state)
{
    (void)state;
    struct bell_arena arena;
    struct visitor_event event;
    struct decode_failure why;
    bell_arena_init(&arena, 65536);
    assert_int_equal(visitor_event_decode(BELL_LIT("{\"type\":\"stored\",\"id\":\"" ID
                                                   "\",\"number\":1,\"at\":1700000000123}"),
                                          &arena, &event, &why),
                     BELL_OK);
    assert_int_equal(event.u.stored.at, INT64_C(1700000000123000));
    assert_int_equal(visitor_event_decode(BELL_LIT("{\"type\":\"stored\",\"id\":\"" ID
                                                   "\",\"number\":1,\"at\":9007199254740991}"),
                                          &arena, &event, &why),
                     BELL_OK);
    assert_int_equal(event.u.stored.at, INT64_C(9007199254740991000));
    bell_arena_finish(&arena);
}

static void bodies_have_neither_type_nor_ref(void **state)
{
    (void)state;
    struct bell_arena arena;
    struct login_request login;
    struct decode_failure why;
    bell_arena_init(&arena, 65536);
    assert_int_equal(login_request_decode(BELL_LIT("{\"email\":\"a@b\",\"password\":\"secret\"}"),
                                          &arena, &login, &why),
                     BELL_OK);
    assert_true(bell_slice_equal(login.password, BELL_LIT("secret")));
    assert_int_equal(
        login_request_decode(BELL_LIT("{\"email\":\"a@b\",\"password\":\"x\",\"ref\":1}"), &arena,
                             &login, &why),
        BELL_EPROTO);
    assert_string_equal(why.field, "ref");
    assert_int_equal(login_request_decode(BELL_LIT("{\"type\":\"login\"}"), &arena, &login, &why),
                     BELL_EPROTO);
    assert_string_equal(why.field, "type");
    bell_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(what_it_returns_outlives_the_input),
        cmocka_unit_test(refuses_what_is_not_one_json_object),
        cmocka_unit_test(white_space_and_order_do_not_matter),
        cmocka_unit_test(refuses_unknown_commands),
        cmocka_unit_test(refuses_missing_and_unknown_fields),
        cmocka_unit_test(refuses_wrong_types),
        cmocka_unit_test(numbers_have_ends),
        cmocka_unit_test(ids_and_secrets_are_lower_case_hex_of_their_length),
        cmocka_unit_test(text_is_counted_in_characters_however_it_is_written),
        cmocka_unit_test(text_has_a_least_length_and_shows_something),
        cmocka_unit_test(text_holds_no_zero_character),
        cmocka_unit_test(the_whole_text_has_a_limit),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(the_number_of_values_has_a_limit),
        cmocka_unit_test(a_refusal_repeats_ref_and_id_when_they_can_be_read),
        cmocka_unit_test(the_arena_limit_is_a_lack_of_memory),
        cmocka_unit_test(tells_the_way_to_a_field_inside_records_and_lists),
        cmocka_unit_test(lists_have_a_limit),
        cmocka_unit_test(times_are_microseconds_inside),
        cmocka_unit_test(bodies_have_neither_type_nor_ref),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
