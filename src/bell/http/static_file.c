/*
 * What to answer for a file: preconditions (RFC 9110 section 13), then ranges (section 14).
 */
#include "bell/http/static_file.h"

#include "bell/http/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static const uint16_t OK = 200;
static const uint16_t PARTIAL_CONTENT = 206;
static const uint16_t NOT_MODIFIED = 304;
static const uint16_t PRECONDITION_FAILED = 412;
static const uint16_t RANGE_NOT_SATISFIABLE = 416;

static const bell_slice IF_MATCH = {"If-Match", 8};
static const bell_slice IF_NONE_MATCH = {"If-None-Match", 13};

struct entity_tag {
    bell_slice opaque; /* with its quotes */
    bool is_weak;
};

/*
 * Takes the next entity-tag (RFC 9110 section 8.8.3) from a list. They may hold commas, so this is
 * no ordinary list. false at the end and at anything else.
 */
static bool etag_next(bell_slice *list, struct entity_tag *out)
{
    while (list->n > 0 && (list->p[0] == ' ' || list->p[0] == '\t' || list->p[0] == ',')) {
        list->p++;
        list->n--;
    }
    struct entity_tag tag = {.is_weak = false};
    bell_slice rest = *list;
    if (rest.n >= 2 && rest.p[0] == 'W' && rest.p[1] == '/') {
        tag.is_weak = true;
        rest.p += 2;
        rest.n -= 2;
    }
    if (rest.n < 2 || rest.p[0] != '"') {
        return false;
    }
    const char *end = memchr(rest.p + 1, '"', rest.n - 1);
    if (end == NULL) {
        return false;
    }
    tag.opaque = (bell_slice){rest.p, (size_t)(end - rest.p) + 1};
    list->p = rest.p + tag.opaque.n;
    list->n = rest.n - tag.opaque.n;
    *out = tag;
    return true;
}

/* RFC 9110 section 8.8.3.2. Ours is strong. */
static bool etag_matches(const struct entity_tag *theirs, bell_slice ours, bool is_strong)
{
    return !(is_strong && theirs->is_weak) && bell_slice_equal(theirs->opaque, ours);
}

/* Does any field of this name hold our tag, or "*"? */
static bool etag_is_listed(const bell_http_head *head, bell_slice field, bell_slice ours,
                           bool is_strong)
{
    uint32_t index = 0;
    bell_slice list;
    while (bell_http_head_next(head, field, &index, &list)) {
        if (bell_slice_equal(list, BELL_LIT("*"))) {
            return true;
        }
        struct entity_tag tag;
        while (etag_next(&list, &tag)) {
            if (etag_matches(&tag, ours, is_strong)) {
                return true;
            }
        }
    }
    return false;
}

/* A date field; false when it is absent or no date, and so to be ignored (RFC 9110 section 13.1.3).
 */
static bool condition_date(const bell_http_head *head, bell_slice field, int64_t now_s,
                           int64_t *out)
{
    bell_slice text = bell_http_head_find(head, field);
    return text.n > 0 && bell_http_date_parse(text, now_s, out) == BELL_OK;
}

/* RFC 9110 section 13.2.2, steps 1 to 4: the status that ends the matter, or 200. */
static uint16_t condition_status(const bell_http_head *head, const bell_http_static_file *file,
                                 bell_slice etag, int64_t now_s)
{
    int64_t date;
    if (bell_http_head_has(head, IF_MATCH)) {
        if (!etag_is_listed(head, IF_MATCH, etag, true)) {
            return PRECONDITION_FAILED;
        }
    } else if (file->mtime_s >= 0 &&
               condition_date(head, BELL_LIT("If-Unmodified-Since"), now_s, &date) &&
               file->mtime_s > date) {
        return PRECONDITION_FAILED;
    }
    if (bell_http_head_has(head, IF_NONE_MATCH)) {
        return etag_is_listed(head, IF_NONE_MATCH, etag, false) ? NOT_MODIFIED : OK;
    }
    if (file->mtime_s >= 0 && condition_date(head, BELL_LIT("If-Modified-Since"), now_s, &date) &&
        file->mtime_s <= date) {
        return NOT_MODIFIED;
    }
    return OK;
}

/*
 * RFC 9110 section 13.1.5: a range is only good for the very same bytes. A date counts only when it
 * is exactly ours, and the file was not touched within the second it names (section 8.8.2.2).
 */
static bool condition_allows_range(const bell_http_head *head, const bell_http_static_file *file,
                                   bell_slice etag, int64_t now_s)
{
    if (!bell_http_head_has(head, BELL_LIT("If-Range"))) {
        return true;
    }
    bell_slice text = bell_http_head_find(head, BELL_LIT("If-Range"));
    struct entity_tag tag;
    if (etag_next(&text, &tag)) {
        return text.n == 0 && etag_matches(&tag, etag, true);
    }
    int64_t date;
    return condition_date(head, BELL_LIT("If-Range"), now_s, &date) && date == file->mtime_s &&
           now_s > file->mtime_s;
}

typedef enum {
    RANGE_NONE, /* absent, several, another unit, or broken: send the whole */
    RANGE_PART,
    RANGE_OUTSIDE,
} range_kind;

struct range {
    uint64_t first;
    uint64_t length;
};

/* A number of a range; more than any file has when it does not fit. */
static bool range_number(bell_slice digits, uint64_t *out)
{
    bell_status st = bell_http_parse_decimal(digits, out);
    if (st == BELL_ELIMIT) {
        *out = UINT64_MAX;
    }
    return st != BELL_EINVAL;
}

/* "-500": the last bytes. */
static range_kind range_suffix(bell_slice digits, uint64_t size, struct range *out)
{
    uint64_t wanted;
    if (!range_number(digits, &wanted)) {
        return RANGE_NONE;
    }
    if (wanted == 0 || size == 0) {
        return RANGE_OUTSIDE;
    }
    out->length = wanted < size ? wanted : size;
    out->first = size - out->length;
    return RANGE_PART;
}

/* "500-999" or "500-" (RFC 9110 section 14.1.2). */
static range_kind range_from_to(bell_slice from, bell_slice to, uint64_t size, struct range *out)
{
    uint64_t first;
    uint64_t last = UINT64_MAX;
    if (!range_number(from, &first) || (to.n > 0 && !range_number(to, &last)) || last < first) {
        return RANGE_NONE;
    }
    if (first >= size) {
        return RANGE_OUTSIDE;
    }
    out->first = first;
    out->length = (last < size ? last + 1 : size) - first;
    return RANGE_PART;
}

static range_kind range_parse(bell_slice text, uint64_t size, struct range *out)
{
    static const bell_slice UNIT = {"bytes=", 6};
    if (text.n <= UNIT.n || !bell_http_equal_nocase((bell_slice){text.p, UNIT.n}, UNIT)) {
        return RANGE_NONE;
    }
    bell_slice spec = bell_http_trim((bell_slice){text.p + UNIT.n, text.n - UNIT.n});
    const char *dash = spec.n > 0 ? memchr(spec.p, '-', spec.n) : NULL;
    if (dash == NULL) {
        return RANGE_NONE;
    }
    /* A second range brings a comma, which is no digit: the whole is sent then. */
    bell_slice from = {spec.p, (size_t)(dash - spec.p)};
    bell_slice to = {dash + 1, spec.n - from.n - 1};
    return from.n == 0 ? range_suffix(to, size, out) : range_from_to(from, to, size, out);
}

static range_kind range_find(const bell_http_head *head, const bell_http_static_file *file,
                             bell_slice etag, int64_t now_s, struct range *out)
{
    uint32_t index = 0;
    bell_slice text;
    bell_slice second;
    /* Ranges are defined for GET only (RFC 9110 section 14.2). */
    if (!bell_slice_equal(bell_http_head_method(head), BELL_LIT("GET")) ||
        !bell_http_head_next(head, BELL_LIT("Range"), &index, &text) ||
        bell_http_head_next(head, BELL_LIT("Range"), &index, &second) ||
        !condition_allows_range(head, file, etag, now_s)) {
        return RANGE_NONE;
    }
    return range_parse(text, file->size_bytes, out);
}

/* The answer. */

static void answer_add(struct bell_http_static_answer *a, bell_slice name, bell_slice value)
{
    assert(a->field_count < BELL_HTTP_MAX_STATIC_FIELDS);
    a->fields[a->field_count] = (bell_http_field){.name = name, .value = value};
    a->field_count++;
}

static const char *answer_etag_suffix(bell_http_encoding encoding)
{
    switch (encoding) {
    case BELL_HTTP_IDENTITY:
        break;
    case BELL_HTTP_GZIP:
        return "-gz";
    case BELL_HTTP_BROTLI:
        return "-br";
    }
    return "";
}

/*
 * Size and time to the nanosecond, or what the caller gives, stand for the content, the suffix for
 * its encoding: a strong tag.
 */
static void answer_make_etag(struct bell_http_static_answer *a, const bell_http_static_file *file)
{
    if (file->tag.n > 0) {
        assert(file->tag.n <= BELL_HTTP_MAX_TAG_BYTES);
        int tag_bytes = (int)file->tag.n;
        (void)snprintf(a->etag, sizeof a->etag, "\"%.*s%s\"", tag_bytes, file->tag.p,
                       answer_etag_suffix(file->encoding));
        return;
    }
    (void)snprintf(a->etag, sizeof a->etag, "\"%" PRIx64 "-%" PRIx64 ".%" PRIx32 "%s\"",
                   file->size_bytes, (uint64_t)file->mtime_s, file->mtime_ns,
                   answer_etag_suffix(file->encoding));
}

static void answer_add_validators(struct bell_http_static_answer *a,
                                  const bell_http_static_file *file)
{
    answer_add(a, BELL_LIT("ETag"), bell_slice_from(a->etag));
    if (file->mtime_s >= 0) {
        bell_http_date_format(file->mtime_s, a->last_modified);
        answer_add(a, BELL_LIT("Last-Modified"), bell_slice_from(a->last_modified));
    }
    if (file->cache_control.n > 0) {
        answer_add(a, BELL_LIT("Cache-Control"), file->cache_control);
    }
    if (file->type.is_compressible || file->encoding != BELL_HTTP_IDENTITY) {
        answer_add(a, BELL_LIT("Vary"), BELL_LIT("Accept-Encoding"));
    }
}

static void answer_add_content(struct bell_http_static_answer *a, const bell_http_static_file *file)
{
    a->content_type = file->type.type;
    answer_add(a, BELL_LIT("Accept-Ranges"), BELL_LIT("bytes"));
    switch (file->encoding) {
    case BELL_HTTP_IDENTITY:
        break;
    case BELL_HTTP_GZIP:
        answer_add(a, BELL_LIT("Content-Encoding"), BELL_LIT("gzip"));
        break;
    case BELL_HTTP_BROTLI:
        answer_add(a, BELL_LIT("Content-Encoding"), BELL_LIT("br"));
        break;
    }
}

static void answer_add_range(struct bell_http_static_answer *a, range_kind kind, uint64_t size)
{
    if (kind == RANGE_PART) {
        (void)snprintf(a->content_range, sizeof a->content_range,
                       "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, a->first_byte,
                       a->first_byte + a->length - 1, size);
    } else {
        (void)snprintf(a->content_range, sizeof a->content_range, "bytes */%" PRIu64, size);
    }
    answer_add(a, BELL_LIT("Content-Range"), bell_slice_from(a->content_range));
}

void bell_http_static_decide(const bell_http_head *head, const bell_http_static_file *file,
                             int64_t now_s, struct bell_http_static_answer *out)
{
    out->first_byte = 0;
    out->length = 0;
    out->content_type = (bell_slice){NULL, 0};
    out->field_count = 0;
    answer_make_etag(out, file);
    answer_add_validators(out, file);
    bell_slice etag = bell_slice_from(out->etag);
    out->status = condition_status(head, file, etag, now_s);
    if (out->status != OK) {
        return;
    }
    struct range part = {.first = 0, .length = file->size_bytes};
    range_kind kind = range_find(head, file, etag, now_s, &part);
    if (kind == RANGE_OUTSIDE) {
        out->status = RANGE_NOT_SATISFIABLE;
        answer_add_range(out, kind, file->size_bytes);
        return;
    }
    out->first_byte = part.first;
    out->length = part.length;
    answer_add_content(out, file);
    if (kind == RANGE_PART) {
        out->status = PARTIAL_CONTENT;
        answer_add_range(out, kind, file->size_bytes);
    }
}

bool bell_http_static_is_own_field(bell_slice name)
{
    static const char *const OWN[] = {"ETag",          "Last-Modified",    "Cache-Control",
                                      "Accept-Ranges", "Content-Encoding", "Content-Range"};
    for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++) {
        if (bell_http_equal_nocase(name, bell_slice_from(OWN[i]))) {
            return true;
        }
    }
    return false;
}
