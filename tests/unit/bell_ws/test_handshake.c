#include "base/compiler.h"
#include "bell/ws/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { MAX_LINES = 4 };

/* Lines of one field, ended by a NULL; none = those of a right request; ABSENT = no such field. */
struct lines {
    const char *text[MAX_LINES];
};

struct handshake_case {
    const char *what;
    const char *method;        /* NULL = GET */
    uint8_t http_minor_plus_1; /* 0 = HTTP/1.1 */
    struct lines upgrade;
    struct lines connection;
    struct lines key;
    struct lines version;
    struct lines protocol;
    uint16_t status;
    const char *chosen; /* NULL = none */
};

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ABSENT "(absent)"

static const bell_slice SUPPORTED[] = {{"chat.v2", 7}, {"chat.v1", 7}, {"echo", 4}};

static bell_ws_field field(const struct lines *lines, const char *right,
                           bell_slice storage[MAX_LINES])
{
    size_t n = 0;
    const char *first = lines->text[0] == NULL ? right : lines->text[0];
    if (strcmp(first, ABSENT) == 0) {
        return (bell_ws_field){NULL, 0};
    }
    if (lines->text[0] == NULL) {
        storage[0] = bell_slice_from(right);
        return (bell_ws_field){storage, 1};
    }
    while (n < MAX_LINES && lines->text[n] != NULL) {
        storage[n] = bell_slice_from(lines->text[n]);
        n++;
    }
    return (bell_ws_field){storage, n};
}

static bell_ws_handshake_result check(const struct handshake_case *c)
{
    bell_slice storage[5][MAX_LINES];
    bell_ws_handshake_request request = {
        .method = c->method == NULL ? BELL_LIT("GET") : bell_slice_from(c->method),
        .http_major = 1,
        .http_minor = c->http_minor_plus_1 == 0 ? 1 : (uint8_t)(c->http_minor_plus_1 - 1),
        .upgrade = field(&c->upgrade, "websocket", storage[0]),
        .connection = field(&c->connection, "Upgrade", storage[1]),
        .key = field(&c->key, KEY, storage[2]),
        .version = field(&c->version, "13", storage[3]),
        .protocol = field(&c->protocol, ABSENT, storage[4]),
    };
    return bell_ws_handshake_check(&request, SUPPORTED, BELL_ARRAY_LEN(SUPPORTED));
}

static void check_all(const struct handshake_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct handshake_case *c = &cases[i];
        bell_ws_handshake_result r = check(c);
        bool is_chosen = bell_slice_equal(r.protocol, bell_slice_from(c->chosen));
        if (r.status != c->status || !is_chosen) {
            fail_msg("%s: %d %.*s", c->what, (int)r.status, BELL_FMT(r.protocol));
        }
        assert_string_equal(r.accept, c->status == 101 ? "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" : "");
    }
}

/* RFC 6455 section 1.3. */
static void makes_the_accept_value_of_the_rfc(void **state)
{
    (void)state;
    char accept[BELL_WS_ACCEPT_BYTES + 1];
    bell_ws_handshake_accept(BELL_LIT(KEY), accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* RFC 6455 section 4.2.1, in the order of its list. */
static void answers_as_section_4_2_1_wants(void **state)
{
    (void)state;
    static const struct handshake_case CASES[] = {
        {"the plain one", .status = 101},
        /* 1. a GET of HTTP/1.1 or higher */
        {"POST", .method = "POST", .status = 405},
        {"HEAD", .method = "HEAD", .status = 405},
        {"methods are case-sensitive", .method = "get", .status = 405},
        {"HTTP/1.0", .http_minor_plus_1 = 1, .status = 400},
        /* 3. Upgrade: websocket in any case */
        {"upgrade in capitals", .upgrade = {{"WebSocket"}}, .status = 101},
        {"upgrade in a list", .upgrade = {{"h2c, websocket"}}, .status = 101},
        {"upgrade on a second line", .upgrade = {{"h2c", "WEBSOCKET"}}, .status = 101},
        {"no upgrade", .upgrade = {{ABSENT}}, .status = 426},
        {"upgrade empty", .upgrade = {{""}}, .status = 426},
        {"upgrade to something else", .upgrade = {{"h2c"}}, .status = 426},
        {"upgrade cut short", .upgrade = {{"websocke"}}, .status = 426},
        {"upgrade with more", .upgrade = {{"websockets"}}, .status = 426},
        {"upgrade as one word of two", .upgrade = {{"web socket"}}, .status = 426},
        /* 4. Connection has the token upgrade in any case */
        {"keep-alive, Upgrade", .connection = {{"keep-alive, Upgrade"}}, .status = 101},
        {"spaces and tabs", .connection = {{"\tfoo ,\tUPGRADE ,bar"}}, .status = 101},
        {"empty elements", .connection = {{",, ,upgrade,,"}}, .status = 101},
        {"on the second line", .connection = {{"keep-alive", "upgrade"}}, .status = 101},
        {"no connection", .connection = {{ABSENT}}, .status = 400},
        {"only keep-alive", .connection = {{"keep-alive"}}, .status = 400},
        {"upgrade in a longer word", .connection = {{"upgraded, xupgrade"}}, .status = 400},
        {"without a comma between", .connection = {{"keep-alive upgrade"}}, .status = 400},
        /* 5. Sec-WebSocket-Key: 16 bytes in base64, once */
        {"no key", .key = {{ABSENT}}, .status = 400},
        {"empty key", .key = {{""}}, .status = 400},
        {"two keys", .key = {{KEY, KEY}}, .status = 400},
        {"space around the key", .key = {{" " KEY "\t"}}, .status = 101},
        {"15 bytes", .key = {{"dGhlIHNhbXBsZSBub25j"}}, .status = 400},
        {"17 bytes", .key = {{"dGhlIHNhbXBsZSBub25jZWU="}}, .status = 400},
        {"no padding", .key = {{"dGhlIHNhbXBsZSBub25jZQ"}}, .status = 400},
        {"wrong letter", .key = {{"dGhlIHNhbXBsZSBub25*ZQ=="}}, .status = 400},
        {"unused bits set", .key = {{"dGhlIHNhbXBsZSBub25jZR=="}}, .status = 400},
        /* 6. Sec-WebSocket-Version: 13, once; section 4.4 */
        {"no version", .version = {{ABSENT}}, .status = 400},
        {"two versions", .version = {{"13", "13"}}, .status = 400},
        {"version 8", .version = {{"8"}}, .status = 426},
        {"version 12", .version = {{"12"}}, .status = 426},
        {"version 14", .version = {{"14"}}, .status = 426},
        {"version 013", .version = {{"013"}}, .status = 426},
        {"version 130", .version = {{"130"}}, .status = 426},
        {"version list", .version = {{"13, 8"}}, .status = 426},
        {"version empty", .version = {{""}}, .status = 426},
        {"version no number", .version = {{"abc"}}, .status = 426},
        {"space around the version", .version = {{" 13 "}}, .status = 101},
        {"the version counts before the key", .version = {{"8"}}, .key = {{ABSENT}}, .status = 426},
    };
    check_all(CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 6455 sections 4.2.2 (5.5) and 11.3.4. */
static void chooses_the_sub_protocol_the_server_likes_best(void **state)
{
    (void)state;
    static const struct handshake_case CASES[] = {
        {"one", .protocol = {{"echo"}}, .status = 101, .chosen = "echo"},
        {"the server's order", .protocol = {{"echo, chat.v1, chat.v2"}}, .status = 101,
         .chosen = "chat.v2"},
        {"not the last one", .protocol = {{"chat.v2, echo, chat.v1"}}, .status = 101,
         .chosen = "chat.v2"},
        {"over lines", .protocol = {{"echo", "x,chat.v1"}}, .status = 101, .chosen = "chat.v1"},
        {"offered twice", .protocol = {{"echo,echo"}}, .status = 101, .chosen = "echo"},
        {"none that fits is no error", .protocol = {{"other"}}, .status = 101},
        {"names are case-sensitive", .protocol = {{"Echo"}}, .status = 101},
        {"no beginning of a name", .protocol = {{"chat, chat.v22"}}, .status = 101},
        {"empty elements", .protocol = {{", echo ,"}}, .status = 101, .chosen = "echo"},
        {"nothing in the field", .protocol = {{""}}, .status = 400},
        {"only commas", .protocol = {{", ,"}}, .status = 400},
        {"no token", .protocol = {{"echo, a b"}}, .status = 400},
        {"quoted", .protocol = {{"\"echo\""}}, .status = 400},
        {"a separator", .protocol = {{"echo;v=1"}}, .status = 400},
        {"not ASCII", .protocol = {{"\xc3\xa9"}}, .status = 400},
        {"refused for another reason", .key = {{ABSENT}}, .protocol = {{"echo"}}, .status = 400},
    };
    check_all(CASES, BELL_ARRAY_LEN(CASES));
}

static void chosen_protocol_is_one_of_the_servers_own(void **state)
{
    (void)state;
    static const struct handshake_case CASE = {"", .protocol = {{"x, echo"}}, .status = 101};
    assert_ptr_equal(check(&CASE).protocol.p, SUPPORTED[2].p);
}

static void chooses_nothing_when_the_server_has_none(void **state)
{
    (void)state;
    bell_slice lines[] = {BELL_LIT("websocket"), BELL_LIT("upgrade"), BELL_LIT(KEY), BELL_LIT("13"),
                          BELL_LIT("echo")};
    bell_ws_handshake_request request = {
        .method = BELL_LIT("GET"),
        .http_major = 1,
        .http_minor = 1,
        .upgrade = {&lines[0], 1},
        .connection = {&lines[1], 1},
        .key = {&lines[2], 1},
        .version = {&lines[3], 1},
        .protocol = {&lines[4], 1},
    };
    bell_ws_handshake_result r = bell_ws_handshake_check(&request, NULL, 0);
    assert_int_equal(r.status, 101);
    assert_int_equal(r.protocol.n, 0);
    request.http_major = 2; /* "1.1 or higher" */
    request.http_minor = 0;
    assert_int_equal(bell_ws_handshake_check(&request, NULL, 0).status, 101);
    request.http_major = 0;
    request.http_minor = 9;
    assert_int_equal(bell_ws_handshake_check(&request, NULL, 0).status, 400);
}

/* RFC 9110 section 5.6.2. */
static void knows_tokens(void **state)
{
    (void)state;
    static const char ALLOWED[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int c = 0; c < 256; c++) {
        char text[2] = {(char)c, 'x'};
        bool expected = c != 0 && strchr(ALLOWED, c) != NULL;
        assert_int_equal(bell_ws_handshake_is_token(bell_slice_make(text, 1)), expected);
        assert_int_equal(bell_ws_handshake_is_token(bell_slice_make(text, 2)), expected);
    }
    assert_false(bell_ws_handshake_is_token(BELL_LIT("")));
}

/* ---- the client's side ---- */

/* Section 1.3: "the sample nonce". */
static void makes_the_key_of_a_nonce(void **state)
{
    (void)state;
    char key[BELL_WS_KEY_TEXT_BYTES + 1];
    bell_ws_handshake_key((const uint8_t *)"the sample nonce", key);
    assert_string_equal(key, KEY);
    assert_true(bell_ws_handshake_is_key(bell_slice_from(key)));
}

#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct answer_case {
    const char *what;
    struct lines upgrade;
    struct lines connection;
    struct lines accept;
    struct lines protocol;
    size_t chosen; /* 4 = refused */
};

/* Section 4.1, what a client makes of the answer. */
static void checks_an_answer_as_section_4_1_wants(void **state)
{
    (void)state;
    static const struct answer_case CASES[] = {
        {.what = "all as usual", .protocol = {{ABSENT}}, .chosen = 3},
        {.what = "cases", .upgrade = {{"WebSocket"}}, .connection = {{"uPGRADE"}}, .chosen = 1},
        {.what = "a list of options", .connection = {{"keep-alive, Upgrade"}}, .chosen = 1},
        {.what = "several lines of options", .connection = {{"close", "upgrade"}}, .chosen = 1},
        {.what = "white space", .accept = {{" " ACCEPT "\t"}}, .chosen = 1},
        {.what = "the last one", .protocol = {{"echo"}}, .chosen = 2},
        {.what = "no Upgrade", .upgrade = {{ABSENT}}, .chosen = 4},
        {.what = "another Upgrade", .upgrade = {{"h2c"}}, .chosen = 4},
        {.what = "a list in Upgrade", .upgrade = {{"websocket, h2c"}}, .chosen = 4},
        {.what = "two Upgrades", .upgrade = {{"websocket", "websocket"}}, .chosen = 4},
        {.what = "no Connection", .connection = {{ABSENT}}, .chosen = 4},
        {.what = "another Connection", .connection = {{"upgraded"}}, .chosen = 4},
        {.what = "no accept", .accept = {{ABSENT}}, .chosen = 4},
        {.what = "empty accept", .accept = {{""}}, .chosen = 4},
        {.what = "that of another key", .accept = {{"HSmrc0sMlYUkAGmm5OPpG2HaGWk="}}, .chosen = 4},
        {.what = "case of accept", .accept = {{"S3pPLMBiTxaQ9kYGzzhZRbK+xOo="}}, .chosen = 4},
        {.what = "cut accept", .accept = {{"s3pPLMBiTxaQ9kYGzzhZRbK+xOo"}}, .chosen = 4},
        {.what = "two accepts", .accept = {{ACCEPT, ACCEPT}}, .chosen = 4},
        {.what = "not offered", .protocol = {{"chat.v3"}}, .chosen = 4},
        {.what = "case of a protocol", .protocol = {{"Echo"}}, .chosen = 4},
        {.what = "two protocols", .protocol = {{"echo, chat.v1"}}, .chosen = 4},
        {.what = "two lines of protocols", .protocol = {{"echo", "echo"}}, .chosen = 4},
        {.what = "an empty protocol", .protocol = {{""}}, .chosen = 4},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        const struct answer_case *c = &CASES[i];
        bell_slice storage[4][MAX_LINES];
        const bell_ws_handshake_answer answer = {
            .upgrade = field(&c->upgrade, "websocket", storage[0]),
            .connection = field(&c->connection, "Upgrade", storage[1]),
            .accept = field(&c->accept, ACCEPT, storage[2]),
            .protocol = field(&c->protocol, "chat.v1", storage[3]),
        };
        size_t chosen = 0;
        bell_status st =
            bell_ws_handshake_check_answer(&answer, BELL_LIT(ACCEPT), SUPPORTED, 3, &chosen);
        if (c->chosen == 4 ? st != BELL_EPROTO : st != BELL_OK || chosen != c->chosen) {
            fail_msg("%s: %s, %zu", c->what, bell_status_name(st), chosen);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_accept_value_of_the_rfc),
        cmocka_unit_test(answers_as_section_4_2_1_wants),
        cmocka_unit_test(chooses_the_sub_protocol_the_server_likes_best),
        cmocka_unit_test(chosen_protocol_is_one_of_the_servers_own),
        cmocka_unit_test(chooses_nothing_when_the_server_has_none),
        cmocka_unit_test(knows_tokens),
        cmocka_unit_test(makes_the_key_of_a_nonce),
        cmocka_unit_test(checks_an_answer_as_section_4_1_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
