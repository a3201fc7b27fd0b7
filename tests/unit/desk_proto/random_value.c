#include "random_value.h"

#include "base/compiler.h"

#include <assert.h>
#include <string.h>

const struct named_tagged ALL_TAGGED[] = {
    {"visitor_command", &PROTO_VISITOR_COMMAND},
    {"visitor_event", &PROTO_VISITOR_EVENT},
    {"agent_command", &PROTO_AGENT_COMMAND},
    {"agent_event", &PROTO_AGENT_EVENT},
};
const size_t ALL_TAGGED_COUNT = BELL_ARRAY_LEN(ALL_TAGGED);

const struct named_body ALL_BODIES[] = {
    {"setup_request", &PROTO_SETUP_REQUEST},
    {"login_request", &PROTO_LOGIN_REQUEST},
    {"agent_add_request", &PROTO_AGENT_ADD_REQUEST},
    {"agent_password_request", &PROTO_AGENT_PASSWORD_REQUEST},
    {"setup_state_response", &PROTO_SETUP_STATE_RESPONSE},
    {"me_response", &PROTO_ME_RESPONSE},
    {"agents_response", &PROTO_AGENTS_RESPONSE},
    {"agent_response", &PROTO_AGENT_RESPONSE},
    {"sessions_response", &PROTO_SESSIONS_RESPONSE},
    {"ok_response", &PROTO_OK_RESPONSE},
    {"error_response", &PROTO_ERROR_RESPONSE},
};
const size_t ALL_BODIES_COUNT = BELL_ARRAY_LEN(ALL_BODIES);

uint64_t dice_below(struct dice *d, uint64_t end)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return d->state % end;
}

/* Characters of 1 to 4 bytes and all that JSON escapes; each shows something or is beside "x". */
static const char *const CHARACTERS[] = {
    "x",  "\"",   "\\",           "/",    "\n",
    "\t", "\x01", "\x1f",         "\x7f", "é",
    "中", "한",   "\xe2\x80\xa8", "😀",    "\xf4\x8f\xbf\xbf",
};

static bell_slice random_text(struct dice *d, const struct proto_field *f, struct bell_arena *arena)
{
    uint64_t span = (uint64_t)(f->max - f->min) + 1;
    uint64_t count = (uint64_t)f->min + dice_below(d, dice_below(d, 8) == 0 ? span
                                                      : span < 40           ? span
                                                                            : 40);
    char *text = bell_arena_alloc(arena, (size_t)count * 4 + 1);
    assert(text != NULL);
    size_t n = 0;
    for (uint64_t i = 0; i < count; i++) {
        const char *c = i == 0 ? "x" : CHARACTERS[dice_below(d, BELL_ARRAY_LEN(CHARACTERS))];
        memcpy(text + n, c, strlen(c));
        n += strlen(c);
    }
    return (bell_slice){text, n};
}

static void random_bytes(struct dice *d, char *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        at[i] = (char)dice_below(d, 256);
    }
}

static int64_t random_int(struct dice *d, const struct proto_field *f)
{
    switch (dice_below(d, 4)) {
    case 0:
        return f->min;
    case 1:
        return f->max;
    default:
        return f->min + (int64_t)dice_below(d, (uint64_t)(f->max - f->min) + 1);
    }
}

static void random_list(struct dice *d, const struct proto_field *f, struct bell_arena *arena,
                        char *value)
{
    size_t count = (size_t)dice_below(d, 4);
    char *items = bell_arena_zalloc(arena, count * f->record->size_bytes);
    assert(items != NULL);
    for (size_t i = 0; i < count; i++) {
        random_record(d, f->record, arena, items + i * f->record->size_bytes);
    }
    memcpy(value + f->at, &items, sizeof items);
    memcpy(value + f->beside_at, &count, sizeof count);
}

static void random_field(struct dice *d, const struct proto_field *f, struct bell_arena *arena,
                         char *value)
{
    char *at = value + f->at;
    switch (f->kind) {
    case PROTO_BOOL: {
        bool on = dice_below(d, 2) == 1;
        memcpy(at, &on, sizeof on);
        return;
    }
    case PROTO_INT:
    case PROTO_TIME: {
        int64_t number = random_int(d, f) * (f->kind == PROTO_TIME ? 1000 : 1);
        memcpy(at, &number, sizeof number);
        return;
    }
    case PROTO_ID:
        random_bytes(d, at, sizeof(desk_id));
        return;
    case PROTO_SECRET:
        random_bytes(d, at, sizeof(desk_secret));
        return;
    case PROTO_TEXT: {
        bell_slice text = random_text(d, f, arena);
        memcpy(at, &text, sizeof text);
        return;
    }
    case PROTO_ENUM: {
        unsigned number =
            f->names->first + (unsigned)dice_below(d, f->names->end - f->names->first);
        memcpy(at, &number, sizeof number);
        return;
    }
    case PROTO_RECORD:
        random_record(d, f->record, arena, at);
        return;
    case PROTO_LIST:
        random_list(d, f, arena, value);
        return;
    }
}

void random_record(struct dice *d, const struct proto_record *record, struct bell_arena *arena,
                   void *value)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct proto_field *f = &record->fields[i];
        if (f->is_optional && dice_below(d, 2) == 0) {
            continue;
        }
        if (f->is_optional && f->kind != PROTO_TEXT) {
            bool has = true;
            memcpy((char *)value + f->beside_at, &has, sizeof has);
        }
        random_field(d, f, arena, value);
    }
}

void random_tagged(struct dice *d, const struct proto_tagged *table, unsigned type,
                   struct bell_arena *arena, void *value)
{
    char *at = value;
    memcpy(at + table->type_at, &type, sizeof type);
    if (dice_below(d, 2) == 0) {
        bool has = true;
        int64_t ref = (int64_t)dice_below(d, (uint64_t)PROTO_MAX_INT + 1);
        memcpy(at + table->has_ref_at, &has, sizeof has);
        memcpy(at + table->ref_at, &ref, sizeof ref);
    }
    random_record(d, &table->members[type].record, arena, at + table->u_at);
}

static size_t plain_size(enum proto_kind kind)
{
    switch (kind) {
    case PROTO_BOOL:
        return sizeof(bool);
    case PROTO_INT:
    case PROTO_TIME:
        return sizeof(int64_t);
    case PROTO_ID:
        return sizeof(desk_id);
    case PROTO_SECRET:
        return sizeof(desk_secret);
    case PROTO_ENUM:
        return sizeof(unsigned);
    case PROTO_TEXT:
    case PROTO_RECORD:
    case PROTO_LIST:
        break;
    }
    return 0;
}

static bool equal_lists(const struct proto_field *f, const char *a, const char *b)
{
    const char *items_a;
    const char *items_b;
    size_t count_a;
    size_t count_b;
    memcpy(&items_a, a + f->at, sizeof items_a);
    memcpy(&items_b, b + f->at, sizeof items_b);
    memcpy(&count_a, a + f->beside_at, sizeof count_a);
    memcpy(&count_b, b + f->beside_at, sizeof count_b);
    bool equal = count_a == count_b;
    for (size_t i = 0; equal && i < count_a; i++) {
        size_t at = i * f->record->size_bytes;
        equal = equal_records(f->record, items_a + at, items_b + at);
    }
    return equal;
}

static bool equal_fields(const struct proto_field *f, const char *a, const char *b)
{
    if (f->kind == PROTO_TEXT) {
        bell_slice text_a;
        bell_slice text_b;
        memcpy(&text_a, a + f->at, sizeof text_a);
        memcpy(&text_b, b + f->at, sizeof text_b);
        return (text_a.p == NULL) == (text_b.p == NULL) && bell_slice_equal(text_a, text_b);
    }
    if (f->is_optional && memcmp(a + f->beside_at, b + f->beside_at, sizeof(bool)) != 0) {
        return false;
    }
    if (f->kind == PROTO_LIST) {
        return equal_lists(f, a, b);
    }
    if (f->kind == PROTO_RECORD) {
        return equal_records(f->record, a + f->at, b + f->at);
    }
    return memcmp(a + f->at, b + f->at, plain_size(f->kind)) == 0;
}

bool equal_records(const struct proto_record *record, const void *a, const void *b)
{
    for (size_t i = 0; i < record->field_count; i++) {
        if (!equal_fields(&record->fields[i], a, b)) {
            return false;
        }
    }
    return true;
}

bool equal_tagged(const struct proto_tagged *table, const void *a, const void *b)
{
    const char *at_a = a;
    const char *at_b = b;
    unsigned type;
    memcpy(&type, at_a + table->type_at, sizeof type);
    return memcmp(at_a + table->type_at, at_b + table->type_at, sizeof type) == 0 &&
           memcmp(at_a + table->has_ref_at, at_b + table->has_ref_at, sizeof(bool)) == 0 &&
           memcmp(at_a + table->ref_at, at_b + table->ref_at, sizeof(int64_t)) == 0 &&
           equal_records(&table->members[type].record, at_a + table->u_at, at_b + table->u_at);
}
