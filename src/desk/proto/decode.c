/*
 * Decoder: jansson reads the text, then the table decides what may be there.
 *
 * jansson checks the grammar of RFC 8259, UTF-8, and repeated names. Before it runs, one pass over
 * the text bounds depth and number of values, so that neither its recursion nor its memory depends
 * on what a peer likes to send.
 */
#include "desk/proto/decode.h"

#include "base/hex.h"
#include "base/num.h"
#include "desk/proto/scratch.h"
#include "desk/proto/walk.h"

#include <jansson.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const int64_t US_PER_MS = 1000;

struct decoding {
    struct bell_arena *arena;
    struct decode_failure *why;
};

/* Failures. Each names the field as seen from its own object; the way up completes the path. */

static bell_status fail(struct decoding *d, enum desk_error error, bell_slice field)
{
    d->why->error = error;
    size_t n = field.n < DECODE_FIELD_MAX ? field.n : DECODE_FIELD_MAX;
    if (n > 0) {
        memcpy(d->why->field, field.p, n);
    }
    d->why->field[n] = '\0';
    return error == ERROR_BUSY ? BELL_ENOMEM : BELL_EPROTO;
}

static bell_status fail_memory(struct decoding *d)
{
    return fail(d, ERROR_BUSY, BELL_LIT(""));
}

static bell_status fail_field(struct decoding *d, const struct proto_field *f)
{
    return fail(d, ERROR_BAD_FIELD, proto_field_name(f));
}

/* A name the sender chose: only a harmless one is repeated, to logs and to other people. */
static bell_status fail_unknown(struct decoding *d, const char *name, size_t n)
{
    bell_slice shown = {name, n};
    for (size_t i = 0; i < n; i++) {
        bool is_word = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
                       (name[i] >= '0' && name[i] <= '9') || name[i] == '_';
        if (!is_word) {
            shown.n = 0;
        }
    }
    return fail(d, ERROR_BAD_FIELD, shown);
}

/* Appends what fits and keeps room for the final zero byte. */
static void path_append(struct decode_failure *why, size_t *n, bell_slice part)
{
    size_t room = DECODE_FIELD_MAX - *n;
    size_t take = part.n < room ? part.n : room;
    if (take > 0) {
        memcpy(why->field + *n, part.p, take);
    }
    *n += take;
    why->field[*n] = '\0';
}

/* Puts the name of the outer field, and the index of a list's element, before the path. */
static void extend_path(struct decoding *d, const struct proto_field *f, size_t index)
{
    if (d->why->error == ERROR_BUSY) {
        return;
    }
    char inner[DECODE_FIELD_MAX + 1];
    memcpy(inner, d->why->field, sizeof inner);
    size_t n = 0;
    path_append(d->why, &n, proto_field_name(f));
    if (f->kind == PROTO_LIST) {
        char number[24]; /* "[18446744073709551615]" */
        int length = snprintf(number, sizeof number, "[%zu]", index);
        path_append(d->why, &n, (bell_slice){number, (size_t)length});
    }
    if (inner[0] != '\0') {
        path_append(d->why, &n, BELL_LIT("."));
        path_append(d->why, &n, bell_slice_from(inner));
    }
}

/* Members are written with memcpy: the tables know where they lie, the compiler does not. */

static void write_bool(char *at, bool value)
{
    memcpy(at, &value, sizeof value);
}

static void write_int(char *at, int64_t value)
{
    memcpy(at, &value, sizeof value);
}

static bell_slice string_slice(const json_t *value)
{
    return (bell_slice){json_string_value(value), json_string_length(value)};
}

static bell_status decode_int(struct decoding *d, const struct proto_field *f, const json_t *value,
                              char *at)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < f->min || number > f->max) {
        return fail_field(d, f);
    }
    /* Cannot overflow: f->max is at most PROTO_MAX_INT, a thousand times less than INT64_MAX. */
    write_int(at, f->kind == PROTO_TIME ? number * US_PER_MS : number);
    return BELL_OK;
}

static bell_status decode_hex(struct decoding *d, const struct proto_field *f, const json_t *value,
                              char *at)
{
    size_t size = f->kind == PROTO_ID ? sizeof(desk_id) : sizeof(desk_secret);
    if (!json_is_string(value) || bell_hex_decode(string_slice(value), at, size) != BELL_OK) {
        return fail_field(d, f);
    }
    return BELL_OK;
}

static bell_status decode_text(struct decoding *d, const struct proto_field *f, const json_t *value,
                               char *at)
{
    if (!json_is_string(value)) {
        return fail_field(d, f);
    }
    bell_slice text = string_slice(value);
    if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL) {
        return fail_field(d, f);
    }
    size_t count = proto_text_count(text);
    if (count > (size_t)f->max) {
        return fail(d, ERROR_TOO_LONG, proto_field_name(f));
    }
    if (count < (size_t)f->min || (f->is_not_blank && proto_text_is_blank(text))) {
        return fail_field(d, f);
    }
    bell_slice copy = bell_arena_copy(d->arena, text);
    if (copy.p == NULL) {
        return fail_memory(d);
    }
    memcpy(at, &copy, sizeof copy);
    return BELL_OK;
}

static bell_status decode_enum(struct decoding *d, const struct proto_field *f, const json_t *value,
                               char *at)
{
    unsigned number;
    if (!json_is_string(value) || !proto_from_name(f->names, string_slice(value), &number)) {
        return fail_field(d, f);
    }
    memcpy(at, &number, sizeof number);
    return BELL_OK;
}

static bell_status decode_object(struct decoding *d, const struct proto_record *record,
                                 json_t *object, bool is_tagged, char *out);

static bell_status decode_record(struct decoding *d, const struct proto_field *f, json_t *value,
                                 char *at)
{
    if (!json_is_object(value)) {
        return fail_field(d, f);
    }
    bell_status st = decode_object(d, f->record, value, false, at);
    if (st != BELL_OK) {
        extend_path(d, f, 0);
    }
    return st;
}

static bell_status decode_list(struct decoding *d, const struct proto_field *f, const json_t *value,
                               char *at, char *count_at)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count > (size_t)f->max) {
        return fail_field(d, f);
    }
    size_t size;
    char *items = bell_size_mul(count, f->record->size_bytes, &size)
                      ? bell_arena_zalloc(d->arena, size)
                      : NULL;
    if (items == NULL) {
        return fail_memory(d);
    }
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array_get(value, i);
        bell_status st = json_is_object(item) ? decode_object(d, f->record, item, false,
                                                              items + i * f->record->size_bytes)
                                              : fail(d, ERROR_BAD_FIELD, BELL_LIT(""));
        if (st != BELL_OK) {
            extend_path(d, f, i);
            return st;
        }
    }
    memcpy(at, &items, sizeof items);
    memcpy(count_at, &count, sizeof count);
    return BELL_OK;
}

static bell_status decode_value(struct decoding *d, const struct proto_field *f, json_t *value,
                                char *out)
{
    char *at = out + f->at;
    switch (f->kind) {
    case PROTO_BOOL:
        if (!json_is_boolean(value)) {
            return fail_field(d, f);
        }
        write_bool(at, json_is_true(value));
        return BELL_OK;
    case PROTO_INT:
    case PROTO_TIME:
        return decode_int(d, f, value, at);
    case PROTO_ID:
    case PROTO_SECRET:
        return decode_hex(d, f, value, at);
    case PROTO_TEXT:
        return decode_text(d, f, value, at);
    case PROTO_ENUM:
        return decode_enum(d, f, value, at);
    case PROTO_RECORD:
        return decode_record(d, f, value, at);
    case PROTO_LIST:
        return decode_list(d, f, value, at, out + f->beside_at);
    }
    assert(false); /* a table with a kind that is none */
    return BELL_EPROTO;
}

static size_t find_field(const struct proto_record *record, bell_slice name)
{
    size_t i = 0;
    while (i < record->field_count &&
           !bell_slice_equal(proto_field_name(&record->fields[i]), name)) {
        i++;
    }
    return i;
}

static bool is_head(bell_slice name)
{
    return bell_slice_equal(name, BELL_LIT("type")) || bell_slice_equal(name, BELL_LIT("ref"));
}

/* out is zeroed. The depth of the recursion is that of the schema, never of the input. */
static bell_status decode_object(struct decoding *d, const struct proto_record *record,
                                 json_t *object, bool is_tagged, char *out)
{
    uint64_t seen = 0;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        bell_slice name = {json_object_iter_key(i), json_object_iter_key_len(i)};
        if (is_tagged && is_head(name)) {
            continue;
        }
        size_t index = find_field(record, name);
        if (index == record->field_count) {
            return fail_unknown(d, name.p, name.n);
        }
        const struct proto_field *f = &record->fields[index];
        bell_status st = decode_value(d, f, json_object_iter_value(i), out);
        if (st != BELL_OK) {
            return st;
        }
        if (f->is_optional && f->kind != PROTO_TEXT) {
            write_bool(out + f->beside_at, true);
        }
        seen |= UINT64_C(1) << index;
    }
    for (size_t i = 0; i < record->field_count; i++) {
        if (!record->fields[i].is_optional && (seen >> i & 1) == 0) {
            return fail_field(d, &record->fields[i]);
        }
    }
    return BELL_OK;
}

/* Bounds depth and values (an object or array, and each comma, begins one) before the parser runs.
 */
static bell_status check_shape(struct decoding *d, bell_slice json, size_t max_values,
                               size_t *out_values)
{
    size_t depth = 0;
    size_t values = 0;
    bool is_in_text = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        if (is_in_text) {
            i += c == '\\';
            is_in_text = c != '"';
        } else if (c == '"') {
            is_in_text = true;
        } else if (c == '{' || c == '[') {
            values++;
            depth++;
        } else if (c == ',') {
            values++;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
        if (depth > DECODE_MAX_DEPTH || values > max_values) {
            return fail(d, ERROR_BAD_FIELD, BELL_LIT(""));
        }
    }
    *out_values = values;
    return BELL_OK;
}

/* Inside a scratch, which frees the result. */
static bell_status parse_object(struct decoding *d, bell_slice json, json_t **out)
{
    json_error_t error;
    json_t *root = json_loadb(json.n == 0 ? "" : json.p, json.n,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json_is_object(root)) {
        *out = root;
        return BELL_OK;
    }
    if (proto_scratch_has_run_out()) {
        return fail_memory(d);
    }
    bool is_too_big = root == NULL && json_error_code(&error) == json_error_numeric_overflow;
    return fail(d, is_too_big ? ERROR_BAD_FIELD : ERROR_BAD_JSON, BELL_LIT(""));
}

/* Opens a scratch and parses into it; on failure it is closed again. */
static bell_status begin(struct decoding *d, bell_slice json, size_t max_bytes, size_t max_values,
                         json_t **out)
{
    if (json.n > max_bytes) {
        return fail(d, ERROR_TOO_LONG, BELL_LIT(""));
    }
    size_t values;
    bell_status st = check_shape(d, json, max_values, &values);
    if (st != BELL_OK) {
        return st;
    }
    if (proto_scratch_begin(json.n, values) != BELL_OK) {
        return fail_memory(d);
    }
    st = parse_object(d, json, out);
    if (st != BELL_OK) {
        proto_scratch_end();
    }
    return st;
}

static bool is_ref(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= PROTO_MAX_INT;
}

/* What a refusal repeats, whatever else is wrong with the text. */
static void note_sender_marks(struct decode_failure *why, const json_t *root)
{
    const json_t *ref = json_object_get(root, "ref");
    if (is_ref(ref)) {
        why->has_ref = true;
        why->ref = json_integer_value(ref);
    }
    const json_t *id = json_object_get(root, "id");
    if (json_is_string(id) &&
        bell_hex_decode(string_slice(id), why->id.b, sizeof why->id.b) == BELL_OK) {
        why->has_id = true;
    }
}

static bell_status decode_tagged(struct decoding *d, const struct proto_tagged *table, json_t *root,
                                 char *out)
{
    const json_t *type = json_object_get(root, "type");
    if (!json_is_string(type)) {
        return fail(d, ERROR_BAD_FIELD, BELL_LIT("type"));
    }
    unsigned number = 0;
    while (number < table->member_count &&
           !bell_slice_equal(table->members[number].name, string_slice(type))) {
        number++;
    }
    if (number == table->member_count) {
        return fail(d, ERROR_UNKNOWN_COMMAND, BELL_LIT("type"));
    }
    const json_t *ref = json_object_get(root, "ref");
    if (ref != NULL && !is_ref(ref)) {
        return fail(d, ERROR_BAD_FIELD, BELL_LIT("ref"));
    }
    memset(out, 0, table->size_bytes);
    memcpy(out + table->type_at, &number, sizeof number);
    if (ref != NULL) {
        write_bool(out + table->has_ref_at, true);
        write_int(out + table->ref_at, json_integer_value(ref));
    }
    return decode_object(d, &table->members[number].record, root, true, out + table->u_at);
}

bell_status proto_tagged_decode(const struct proto_tagged *table, bell_slice json,
                                struct bell_arena *arena, void *out, struct decode_failure *why)
{
    *why = (struct decode_failure){.error = ERROR_NONE};
    struct decoding d = {arena, why};
    json_t *root;
    bell_status st = begin(&d, json, table->max_bytes, table->max_values, &root);
    if (st != BELL_OK) {
        return st;
    }
    st = decode_tagged(&d, table, root, out);
    if (st != BELL_OK) {
        note_sender_marks(why, root);
    }
    proto_scratch_end();
    return st;
}

bell_status proto_body_decode(const struct proto_body *table, bell_slice json,
                              struct bell_arena *arena, void *out, struct decode_failure *why)
{
    *why = (struct decode_failure){.error = ERROR_NONE};
    struct decoding d = {arena, why};
    json_t *root;
    bell_status st = begin(&d, json, table->max_bytes, table->max_values, &root);
    if (st != BELL_OK) {
        return st;
    }
    memset(out, 0, table->record.size_bytes);
    st = decode_object(&d, &table->record, root, false, out);
    proto_scratch_end();
    return st;
}
