/*
 * Encoder: walks a table and writes compact JSON (RFC 8259).
 *
 * Written by hand rather than through jansson's values: an event is encoded once for all its
 * receivers, but up to tens of thousands of times a second, and here nothing is allocated but the
 * buf. The tests compare every text it writes with jansson's reading of it.
 */
#include "desk/proto/encode.h"

#include "base/hex.h"
#include "desk/proto/walk.h"

#include <assert.h>
#include <string.h>

static const int64_t US_PER_MS = 1000;

static bell_status write_number(struct bell_buf *out, int64_t value)
{
    char text[20]; /* "-9223372036854775808" */
    size_t at = sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        text[--at] = '-';
    }
    return bell_buf_append(out, (bell_slice){text + at, sizeof text - at});
}

/* Bytes that need an escape in a string: the quotation mark, the reverse solidus, U+0000 to U+001F.
 */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static bell_status write_escape(struct bell_buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        return bell_buf_append(out, BELL_LIT("\\\""));
    case '\\':
        return bell_buf_append(out, BELL_LIT("\\\\"));
    case '\b':
        return bell_buf_append(out, BELL_LIT("\\b"));
    case '\f':
        return bell_buf_append(out, BELL_LIT("\\f"));
    case '\n':
        return bell_buf_append(out, BELL_LIT("\\n"));
    case '\r':
        return bell_buf_append(out, BELL_LIT("\\r"));
    case '\t':
        return bell_buf_append(out, BELL_LIT("\\t"));
    default: {
        static const char DIGITS[] = "0123456789ABCDEF";
        const char escape[] = {'\\', 'u', '0', '0', DIGITS[c >> 4], DIGITS[c & 0x0f]};
        return bell_buf_append(out, (bell_slice){escape, sizeof escape});
    }
    }
}

static bell_status write_text(struct bell_buf *out, bell_slice text)
{
    bell_status st = bell_buf_append(out, BELL_LIT("\""));
    size_t from = 0;
    while (st == BELL_OK && from < text.n) {
        size_t to = from;
        while (to < text.n && is_plain((unsigned char)text.p[to])) {
            to++;
        }
        st = bell_buf_append(out, (bell_slice){text.p + from, to - from});
        if (st == BELL_OK && to < text.n) {
            st = write_escape(out, (unsigned char)text.p[to]);
            to++;
        }
        from = to;
    }
    return st != BELL_OK ? st : bell_buf_append(out, BELL_LIT("\""));
}

static bell_status write_hex(struct bell_buf *out, const void *bytes, size_t n)
{
    char text[2 + 2 * sizeof(desk_secret)];
    assert(n <= sizeof(desk_secret));
    text[0] = '"';
    bell_hex_encode(bytes, n, text + 1);
    text[1 + 2 * n] = '"'; /* in place of the final zero byte */
    return bell_buf_append(out, (bell_slice){text, 2 + 2 * n});
}

static bell_status write_name(struct bell_buf *out, const struct proto_names *names, unsigned value)
{
    if (value < names->first || value >= names->end) {
        return BELL_EINVAL;
    }
    bell_status st = bell_buf_append(out, BELL_LIT("\""));
    if (st == BELL_OK) {
        st = bell_buf_append(out, names->names[value]);
    }
    return st != BELL_OK ? st : bell_buf_append(out, BELL_LIT("\""));
}

static bell_status write_object(struct bell_buf *out, const struct proto_record *record,
                                const void *value);

static bell_status write_list(struct bell_buf *out, const struct proto_field *f, const char *items,
                              size_t count)
{
    bell_status st = bell_buf_append(out, BELL_LIT("["));
    for (size_t i = 0; st == BELL_OK && i < count; i++) {
        if (i > 0) {
            st = bell_buf_append(out, BELL_LIT(","));
        }
        if (st == BELL_OK) {
            st = write_object(out, f->record, items + i * f->record->size_bytes);
        }
    }
    return st != BELL_OK ? st : bell_buf_append(out, BELL_LIT("]"));
}

/* Members are read with memcpy: the tables know where they lie, the compiler does not. */
static int64_t read_int(const char *at)
{
    int64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static bool read_bool(const char *at)
{
    bool value;
    memcpy(&value, at, sizeof value);
    return value;
}

static unsigned read_enum(const char *at)
{
    unsigned value;
    memcpy(&value, at, sizeof value);
    return value;
}

static bell_slice read_text(const char *at)
{
    bell_slice value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Rounds toward the past: a time is never shown later than it was. */
static int64_t to_ms(int64_t us)
{
    return us / US_PER_MS - (us % US_PER_MS < 0 ? 1 : 0);
}

static bell_status write_value(struct bell_buf *out, const struct proto_field *f, const char *value)
{
    const char *at = value + f->at;
    switch (f->kind) {
    case PROTO_BOOL:
        return bell_buf_append(out, read_bool(at) ? BELL_LIT("true") : BELL_LIT("false"));
    case PROTO_INT:
        return write_number(out, read_int(at));
    case PROTO_TIME:
        return write_number(out, to_ms(read_int(at)));
    case PROTO_ID:
        return write_hex(out, at, sizeof(desk_id));
    case PROTO_SECRET:
        return write_hex(out, at, sizeof(desk_secret));
    case PROTO_TEXT:
        return write_text(out, read_text(at));
    case PROTO_ENUM:
        return write_name(out, f->names, read_enum(at));
    case PROTO_RECORD:
        return write_object(out, f->record, at);
    case PROTO_LIST: {
        const char *items;
        size_t count;
        memcpy(&items, at, sizeof items);
        memcpy(&count, value + f->beside_at, sizeof count);
        return write_list(out, f, items, count);
    }
    }
    assert(false); /* a table with a kind that is none */
    return BELL_EINVAL;
}

static bool is_absent(const struct proto_field *f, const char *value)
{
    if (!f->is_optional) {
        return false;
    }
    return f->kind == PROTO_TEXT ? read_text(value + f->at).p == NULL
                                 : !read_bool(value + f->beside_at);
}

/* The fields, each with a comma before it. */
static bell_status write_fields(struct bell_buf *out, const struct proto_record *record,
                                const void *value)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct proto_field *f = &record->fields[i];
        if (is_absent(f, value)) {
            continue;
        }
        bell_status st = bell_buf_append(out, f->key);
        if (st == BELL_OK) {
            st = write_value(out, f, value);
        }
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}

/*
 * Writes the fields and then puts the brace over the comma of the first one. The depth of the
 * recursion is that of the schema, never of the input.
 */
static bell_status write_object(struct bell_buf *out, const struct proto_record *record,
                                const void *value)
{
    size_t start = out->n;
    bell_status st = write_fields(out, record, value);
    if (st != BELL_OK) {
        return st;
    }
    if (out->n == start) {
        return bell_buf_append(out, BELL_LIT("{}"));
    }
    out->p[start] = '{';
    return bell_buf_append(out, BELL_LIT("}"));
}

static bell_status write_tagged(struct bell_buf *out, const struct proto_tagged *table,
                                const char *value)
{
    unsigned type = read_enum(value + table->type_at);
    if (type >= table->member_count) {
        return BELL_EINVAL;
    }
    const struct proto_member *member = &table->members[type];
    bell_status st = bell_buf_append(out, BELL_LIT("{\"type\":\""));
    if (st == BELL_OK) {
        st = bell_buf_append(out, member->name);
    }
    if (st == BELL_OK) {
        st = bell_buf_append(out, BELL_LIT("\""));
    }
    if (st == BELL_OK && read_bool(value + table->has_ref_at)) {
        st = bell_buf_append(out, BELL_LIT(",\"ref\":"));
        if (st == BELL_OK) {
            st = write_number(out, read_int(value + table->ref_at));
        }
    }
    if (st == BELL_OK) {
        st = write_fields(out, &member->record, value + table->u_at);
    }
    return st != BELL_OK ? st : bell_buf_append(out, BELL_LIT("}"));
}

bell_status proto_tagged_encode(const struct proto_tagged *table, const void *value,
                                struct bell_buf *out)
{
    size_t start = out->n;
    bell_status st = write_tagged(out, table, value);
    if (st != BELL_OK) {
        out->n = start;
    }
    return st;
}

bell_status proto_body_encode(const struct proto_body *table, const void *value,
                              struct bell_buf *out)
{
    size_t start = out->n;
    bell_status st = write_object(out, &table->record, value);
    if (st != BELL_OK) {
        out->n = start;
    }
    return st;
}
