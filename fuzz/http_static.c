/*
 * What is answered for a file: preconditions and ranges. For any values of those fields:
 *
 *  - the status is one of five, and what is to be sent lies within the file;
 *  - 206 comes with a Content-Range that says exactly what is sent, 416 with one that says the
 * size, others with none;
 *  - what the answer says of itself is a legal field value.
 *
 * The first byte chooses the field, the next eight the size of the file; the rest is the value.
 */
#include "bell/http/parser.h"
#include "bell/http/static_file.h"
#include "bell/http/text.h"
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_VALUE_BYTES = 1000, CONTROL_BYTES = 9, FIELDS = 8 };
static const int64_t MODIFIED_S = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
static const int64_t NOW_S = 1700000000;

static const char *const NAMES[] = {"Range",         "If-Range",          "If-Match",
                                    "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"};

static bell_slice field_of(const struct bell_http_static_answer *a, bell_slice name)
{
    for (size_t i = 0; i < a->field_count; i++) {
        FUZZ_CHECK(bell_http_is_token(a->fields[i].name));
        FUZZ_CHECK(bell_http_is_field_value(a->fields[i].value));
        if (bell_slice_equal(a->fields[i].name, name)) {
            return a->fields[i].value;
        }
    }
    return bell_slice_make("", 0);
}

static void check_answer(const struct bell_http_static_answer *a, uint64_t size_bytes)
{
    char expected[BELL_HTTP_CONTENT_RANGE_BYTES] = "";
    switch (a->status) {
    case 200:
        FUZZ_CHECK(a->first_byte == 0 && a->length == size_bytes);
        break;
    case 206:
        FUZZ_CHECK(a->length > 0 && a->first_byte < size_bytes);
        FUZZ_CHECK(a->length <= size_bytes - a->first_byte);
        (void)snprintf(expected, sizeof expected, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                       a->first_byte, a->first_byte + a->length - 1, size_bytes);
        break;
    case 416:
        (void)snprintf(expected, sizeof expected, "bytes */%" PRIu64, size_bytes);
        break;
    default:
        FUZZ_CHECK(a->status == 304 || a->status == 412);
        FUZZ_CHECK(a->length == 0);
        break;
    }
    FUZZ_CHECK(bell_slice_equal(field_of(a, BELL_LIT("Content-Range")), bell_slice_from(expected)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bell_http_parser_limits LIMITS = {.max_head_bytes = 4096,
                                                   .max_field_count = FIELDS};
    bell_http_head_field fields[FIELDS];
    struct bell_http_parser parser;
    struct bell_http_static_answer answer;
    uint64_t size_bytes;
    char text[MOST_VALUE_BYTES + 200];
    if (size < CONTROL_BYTES || size > MOST_VALUE_BYTES + CONTROL_BYTES) {
        return 0;
    }
    memcpy(&size_bytes, data + 1, sizeof size_bytes);
    size_bytes &= INT64_MAX; /* as off_t */
    /* What is not a range itself is asked together with one. */
    size_t chosen = data[0] % (sizeof NAMES / sizeof *NAMES);
    int n = snprintf(text, sizeof text,
                     "GET / HTTP/1.1\r\n%s%s: ", chosen == 0 ? "" : "Range: bytes=1-2\r\n",
                     NAMES[chosen]);
    FUZZ_CHECK(n > 0);
    size_t at = (size_t)n;
    memcpy(text + at, data + CONTROL_BYTES, size - CONTROL_BYTES);
    at += size - CONTROL_BYTES;
    memcpy(text + at, "\r\n\r\n", 4);
    bell_http_parser_init(&parser, &LIMITS, fields);
    if (bell_http_parser_feed(&parser, bell_slice_make(text, at + 4)) != BELL_OK) {
        return 0;
    }
    bell_http_head head = bell_http_parser_head(&parser, text);
    const bell_http_static_file file = {
        .size_bytes = size_bytes,
        .mtime_s = MODIFIED_S,
        .encoding = (bell_http_encoding)(data[0] / 64 % 3),
        .type = {.type = BELL_LIT("text/html"), .is_compressible = true}};
    bell_http_static_decide(&head, &file, NOW_S, &answer);
    check_answer(&answer, size_bytes);
    return 0;
}
