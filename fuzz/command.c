/*
 * Commands, events and HTTP bodies: JSON from outside. Every decoder gets the same input, and
 *
 *  - it never lacks memory: what is taken before jansson runs is enough for any text;
 *  - a refusal has one of the decoder's four errors and a field that ends;
 *  - what is taken can be encoded, that text is taken again, and encoding it again changes nothing;
 *  - limits hold: the text of a post is not blank and not too long;
 *  - nothing is kept.
 */
#include "base/mem.h"
#include "desk/proto/decode.h"
#include "desk/proto/encode.h"
#include "desk/proto/walk.h"
#include "fuzz.h"

#include <string.h>

enum { ARENA_BYTES = 64 * 1024 * 1024 };

union any {
    struct visitor_command visitor_command;
    struct visitor_event visitor_event;
    struct agent_command agent_command;
    struct agent_event agent_event;
};

static void check_refusal(bell_status st, const struct decode_failure *why)
{
    FUZZ_CHECK(st == BELL_EPROTO);
    FUZZ_CHECK(why->error == ERROR_BAD_JSON || why->error == ERROR_BAD_FIELD ||
               why->error == ERROR_TOO_LONG || why->error == ERROR_UNKNOWN_COMMAND);
    FUZZ_CHECK(memchr(why->field, '\0', sizeof why->field) != NULL);
}

/* False when it is refused. */
static bool take(const struct proto_tagged *table, bell_slice json, struct bell_arena *arena,
                 union any *out)
{
    struct decode_failure why;
    bell_status st = proto_tagged_decode(table, json, arena, out, &why);
    if (st != BELL_OK) {
        check_refusal(st, &why);
        return false;
    }
    FUZZ_CHECK(json.n <= table->max_bytes);
    return true;
}

static void check_tagged(const struct proto_tagged *table, bell_slice json)
{
    struct bell_arena arena;
    union any value;
    bell_arena_init(&arena, ARENA_BYTES);
    if (take(table, json, &arena, &value)) {
        struct bell_buf once;
        struct bell_buf twice;
        union any again;
        bell_buf_init(&once, EVENT_MAX_BYTES);
        bell_buf_init(&twice, EVENT_MAX_BYTES);
        FUZZ_CHECK(proto_tagged_encode(table, &value, &once) == BELL_OK);
        FUZZ_CHECK(take(table, bell_buf_slice(&once), &arena, &again));
        FUZZ_CHECK(proto_tagged_encode(table, &again, &twice) == BELL_OK);
        FUZZ_CHECK(bell_slice_equal(bell_buf_slice(&once), bell_buf_slice(&twice)));
        bell_buf_finish(&once);
        bell_buf_finish(&twice);
    }
    bell_arena_finish(&arena);
}

static void check_body(const struct proto_body *table, bell_slice json, void *value)
{
    struct bell_arena arena;
    struct decode_failure why;
    bell_arena_init(&arena, ARENA_BYTES);
    bell_status st = proto_body_decode(table, json, &arena, value, &why);
    if (st != BELL_OK) {
        check_refusal(st, &why);
    }
    bell_arena_finish(&arena);
}

static void check_post(bell_slice json)
{
    struct bell_arena arena;
    union any value;
    bell_arena_init(&arena, ARENA_BYTES);
    if (take(&PROTO_VISITOR_COMMAND, json, &arena, &value) &&
        value.visitor_command.type == VISITOR_COMMAND_POST) {
        bell_slice text = value.visitor_command.u.post.text;
        FUZZ_CHECK(text.n > 0 && memchr(text.p, '\0', text.n) == NULL);
        FUZZ_CHECK(proto_text_count(text) <= VISITOR_COMMAND_POST_TEXT_MAX_CHARS);
        FUZZ_CHECK(!proto_text_is_blank(text));
    }
    bell_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bell_slice json = bell_slice_make(data, size);
    struct setup_request setup;
    struct agent_password_request password;
    struct sessions_response sessions;
    check_tagged(&PROTO_VISITOR_COMMAND, json);
    check_tagged(&PROTO_AGENT_COMMAND, json);
    check_tagged(&PROTO_VISITOR_EVENT, json);
    check_tagged(&PROTO_AGENT_EVENT, json);
    check_body(&PROTO_SETUP_REQUEST, json, &setup);
    check_body(&PROTO_AGENT_PASSWORD_REQUEST, json, &password);
    check_body(&PROTO_SESSIONS_RESPONSE, json, &sessions);
    check_post(json);
    FUZZ_CHECK(bell_mem_live() == 0);
    return 0;
}
