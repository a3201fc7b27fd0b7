/*
 * Request head: parser and framing, and what reads fields for a static file. For any bytes:
 *
 *  - cut anywhere, they give the head or the refusal that the whole gives;
 *  - an accepted head keeps the strictness that the parser promises: CRLF line ends only, tokens,
 *    trimmed values without control characters, limits;
 *  - written again from its parts, it gives the same parts;
 *  - what the framing accepts has one reading: not two lengths, one Host in HTTP/1.1;
 *  - a static answer lies within the file.
 *
 * The first byte chooses the limits, the second where to cut; the rest is the stream.
 */
#include "base/buf.h"
#include "bell/http/framing.h"
#include "bell/http/parser.h"
#include "bell/http/static_file.h"
#include "bell/http/text.h"
#include "fuzz.h"

#include <string.h>

enum { CONTROL_BYTES = 2, MAX_FIELDS = 12, MAX_BODY_BYTES = 1000, FILE_BYTES = 1000 };

static const bell_http_parser_limits LIMITS[] = {
    {.max_head_bytes = 16384, .max_field_count = MAX_FIELDS},
    {.max_head_bytes = 128, .max_field_count = MAX_FIELDS},
    {.max_head_bytes = 256, .max_field_count = 3},
};

struct run {
    bell_status st;
    uint16_t refusal;
    struct bell_http_parser parser;
    bell_http_head_field fields[MAX_FIELDS];
};

static bell_status run_feed(struct run *run, bell_slice stream, size_t n)
{
    /* A block of exactly this size, at another address each time. */
    char *copy = malloc(n + (n == 0));
    FUZZ_CHECK(copy != NULL);
    if (n > 0) {
        memcpy(copy, stream.p, n);
    }
    bell_status st = bell_http_parser_feed(&run->parser, bell_slice_make(copy, n));
    free(copy);
    return st;
}

static void run_parse(struct run *run, const bell_http_parser_limits *limits, bell_slice stream,
                      size_t step)
{
    bell_http_parser_init(&run->parser, limits, run->fields);
    run->st = BELL_EAGAIN;
    size_t n = 0;
    while (run->st == BELL_EAGAIN && n < stream.n) {
        n = stream.n - n < step ? stream.n : n + step;
        run->st = run_feed(run, stream, n);
    }
    run->refusal = run->st == BELL_EPROTO ? run->parser.refusal : 0;
}

static void check_same(const struct run *a, const struct run *b, const bell_http_head *x,
                       const bell_http_head *y)
{
    FUZZ_CHECK(a->st == b->st && a->refusal == b->refusal);
    if (a->st != BELL_OK) {
        return;
    }
    FUZZ_CHECK(x->size_bytes == y->size_bytes && x->minor_version == y->minor_version);
    FUZZ_CHECK(memcmp(&x->method, &y->method, sizeof x->method) == 0);
    FUZZ_CHECK(memcmp(&x->target, &y->target, sizeof x->target) == 0);
    FUZZ_CHECK(x->field_count == y->field_count);
    FUZZ_CHECK(memcmp(x->fields, y->fields, x->field_count * sizeof x->fields[0]) == 0);
}

static void check_line_ends(bell_slice head)
{
    for (size_t i = 0; i < head.n; i++) {
        if (head.p[i] == '\r') {
            FUZZ_CHECK(i + 1 < head.n && head.p[i + 1] == '\n');
        } else if (head.p[i] == '\n') {
            FUZZ_CHECK(i > 0 && head.p[i - 1] == '\r');
        } else {
            FUZZ_CHECK(bell_http_is_field_value((bell_slice){head.p + i, 1}));
        }
    }
    FUZZ_CHECK(head.n >= 4 && memcmp(head.p + head.n - 4, "\r\n\r\n", 4) == 0);
}

static void check_head(const bell_http_head *head, const bell_http_parser_limits *limits)
{
    check_line_ends((bell_slice){head->base, head->size_bytes});
    FUZZ_CHECK(head->size_bytes <= limits->max_head_bytes);
    FUZZ_CHECK(head->field_count <= limits->max_field_count);
    FUZZ_CHECK(head->minor_version <= 1);
    FUZZ_CHECK(bell_http_is_token(bell_http_head_method(head)));
    FUZZ_CHECK(head->method.n <= BELL_HTTP_MAX_METHOD_BYTES);
    FUZZ_CHECK(head->target.n > 0);
    for (uint32_t i = 0; i < head->field_count; i++) {
        bell_slice value = bell_http_head_value(head, i);
        FUZZ_CHECK(bell_http_is_token(bell_http_head_name(head, i)));
        FUZZ_CHECK(bell_http_is_field_value(value));
        FUZZ_CHECK(bell_http_trim(value).n == value.n);
    }
}

/* The head in its one plain form: parts that are equal make texts that are equal. */
static void write_plain(const bell_http_head *head, struct bell_buf *out)
{
    bell_slice method = bell_http_head_method(head);
    bell_slice target = bell_http_head_target(head);
    FUZZ_CHECK(bell_buf_printf(out, "%.*s %.*s HTTP/1.%u\r\n", BELL_FMT(method), BELL_FMT(target),
                               (unsigned)head->minor_version) == BELL_OK);
    for (uint32_t i = 0; i < head->field_count; i++) {
        bell_slice name = bell_http_head_name(head, i);
        bell_slice value = bell_http_head_value(head, i);
        FUZZ_CHECK(bell_buf_printf(out, "%.*s: %.*s\r\n", BELL_FMT(name), BELL_FMT(value)) ==
                   BELL_OK);
    }
    FUZZ_CHECK(bell_buf_append(out, BELL_LIT("\r\n")) == BELL_OK);
}

static void check_written_again(const bell_http_head *head)
{
    /* Spaces behind the colons may make the plain form longer than what came. */
    static const bell_http_parser_limits WIDE = {.max_head_bytes = 1 << 20,
                                                 .max_field_count = MAX_FIELDS};
    struct bell_buf first;
    struct bell_buf second;
    bell_buf_init(&first, 1 << 20);
    bell_buf_init(&second, 1 << 20);
    write_plain(head, &first);
    struct run run;
    run_parse(&run, &WIDE, bell_buf_slice(&first), first.n);
    FUZZ_CHECK(run.st == BELL_OK);
    bell_http_head again = bell_http_parser_head(&run.parser, first.p);
    write_plain(&again, &second);
    FUZZ_CHECK(bell_slice_equal(bell_buf_slice(&first), bell_buf_slice(&second)));
    bell_buf_finish(&first);
    bell_buf_finish(&second);
}

static unsigned count_fields(const bell_http_head *head, bell_slice name)
{
    uint32_t index = 0;
    unsigned count = 0;
    bell_slice value;
    while (bell_http_head_next(head, name, &index, &value)) {
        count++;
    }
    return count;
}

static void check_framing(const bell_http_head *head)
{
    bell_http_framing f;
    uint16_t refusal = bell_http_framing_read(head, MAX_BODY_BYTES, &f);
    if (refusal != 0) {
        FUZZ_CHECK(refusal == 400 || refusal == 413 || refusal == 417 || refusal == 501);
        return;
    }
    unsigned lengths = count_fields(head, BELL_LIT("content-length"));
    unsigned codings = count_fields(head, BELL_LIT("transfer-encoding"));
    FUZZ_CHECK(lengths + codings <= 1);
    FUZZ_CHECK((f.body == BELL_HTTP_BODY_CHUNKED) == (codings == 1));
    FUZZ_CHECK(f.content_length <= MAX_BODY_BYTES);
    FUZZ_CHECK((f.body == BELL_HTTP_BODY_LENGTH) == (f.content_length > 0));
    FUZZ_CHECK(f.is_1_0 || count_fields(head, BELL_LIT("host")) == 1);
    FUZZ_CHECK(!f.expect_continue || f.body != BELL_HTTP_BODY_NONE);
    FUZZ_CHECK(!f.wants_upgrade || f.body == BELL_HTTP_BODY_NONE);
}

static void check_static(const bell_http_head *head)
{
    bell_http_encoding encodings[BELL_HTTP_ENCODING_COUNT];
    FUZZ_CHECK(bell_http_accept_encodings(head, encodings) <= BELL_HTTP_ENCODING_COUNT);
    const bell_http_static_file file = {
        .size_bytes = FILE_BYTES,
        .mtime_s = 784111777,
        .encoding = BELL_HTTP_GZIP,
        .type = bell_http_content_type_of(bell_http_head_target(head)),
        .cache_control = BELL_LIT("no-cache"),
    };
    struct bell_http_static_answer a;
    bell_http_static_decide(head, &file, 1750000000, &a);
    FUZZ_CHECK(a.first_byte <= FILE_BYTES && a.length <= FILE_BYTES - a.first_byte);
    FUZZ_CHECK(a.status != 200 || a.length == FILE_BYTES);
    FUZZ_CHECK(a.status != 206 || a.length > 0);
    for (size_t i = 0; i < a.field_count; i++) {
        FUZZ_CHECK(bell_http_is_token(a.fields[i].name));
        FUZZ_CHECK(bell_http_is_field_value(a.fields[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= CONTROL_BYTES) {
        return 0;
    }
    const bell_http_parser_limits *limits = &LIMITS[data[0] % (sizeof LIMITS / sizeof LIMITS[0])];
    bell_slice stream = bell_slice_make(data + CONTROL_BYTES, size - CONTROL_BYTES);
    struct run whole;
    struct run cut;
    run_parse(&whole, limits, stream, stream.n);
    run_parse(&cut, limits, stream, (size_t)data[1] + 1);
    if (whole.st != BELL_OK || cut.st != BELL_OK) {
        check_same(&whole, &cut, NULL, NULL);
        return 0;
    }
    bell_http_head head = bell_http_parser_head(&whole.parser, stream.p);
    bell_http_head other = bell_http_parser_head(&cut.parser, stream.p);
    check_same(&whole, &cut, &head, &other);
    check_head(&head, limits);
    check_written_again(&head);
    check_framing(&head);
    check_static(&head);
    return 0;
}
