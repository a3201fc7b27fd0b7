/*
 * Answers for files: RFC 9110 sections 8.8, 13 and 14.
 */
#include "bell/http/static_file.h"

#include "base/compiler.h"
#include "request.h"

#include <stdio.h>

static const int64_t MTIME = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
static const int64_t NOW = 1750000000;

#define ETAG  "\"3e8-2ebc98a1.3e8\""
#define OTHER "\"3e8-2ebc98a1.3e9\""

static bell_http_static_file file_of(uint64_t size_bytes)
{
    return (bell_http_static_file){
        .size_bytes = size_bytes,
        .mtime_s = MTIME,
        .mtime_ns = 1000,
        .type = bell_http_content_type_of(BELL_LIT("a.css")),
        .cache_control = BELL_LIT("no-cache"),
    };
}

static void decide(const char *method, const char *fields, const bell_http_static_file *file,
                   struct bell_http_static_answer *out)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "%s / HTTP/1.1\r\n%s\r\n", method, fields);
    assert_true(n > 0 && (size_t)n < sizeof text);
    struct request r;
    request_parse(&r, text);
    bell_http_static_decide(&r.head, file, NOW, out);
}

static bell_slice field(const struct bell_http_static_answer *a, const char *name)
{
    for (size_t i = 0; i < a->field_count; i++) {
        if (bell_slice_equal(a->fields[i].name, bell_slice_from(name))) {
            return a->fields[i].value;
        }
    }
    return BELL_LIT("");
}

static void assert_field(const struct bell_http_static_answer *a, const char *name,
                         const char *value)
{
    bell_slice found = field(a, name);
    if (!bell_slice_equal(found, bell_slice_from(value))) {
        fail_msg("%s: %.*s instead of %s", name, BELL_FMT(found), value);
    }
}

static void describes_the_whole_file(void **state)
{
    (void)state;
    bell_http_static_file file = file_of(1000);
    struct bell_http_static_answer a;
    decide("GET", "", &file, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.first_byte, 0);
    assert_int_equal(a.length, 1000);
    assert_true(bell_slice_equal(a.content_type, BELL_LIT("text/css; charset=utf-8")));
    assert_field(&a, "ETag", ETAG);
    assert_field(&a, "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_field(&a, "Cache-Control", "no-cache");
    assert_field(&a, "Vary", "Accept-Encoding");
    assert_field(&a, "Accept-Ranges", "bytes");
    assert_field(&a, "Content-Encoding", "");
    assert_field(&a, "Content-Range", "");
    assert_int_equal(a.field_count, 5);
}

static void says_how_the_file_is_encoded(void **state)
{
    (void)state;
    bell_http_static_file file = file_of(1000);
    struct bell_http_static_answer a;
    file.encoding = BELL_HTTP_BROTLI;
    decide("GET", "Range: bytes=0-0\r\n", &file, &a);
    assert_field(&a, "Content-Encoding", "br");
    assert_field(&a, "ETag", "\"3e8-2ebc98a1.3e8-br\"");
    assert_field(&a, "Content-Range", "bytes 0-0/1000");
    assert_int_equal(a.field_count, 7);
    file.encoding = BELL_HTTP_GZIP;
    decide("GET", "", &file, &a);
    assert_field(&a, "Content-Encoding", "gzip");
    assert_field(&a, "ETag", "\"3e8-2ebc98a1.3e8-gz\"");
}

static void varies_only_where_encodings_may_differ(void **state)
{
    (void)state;
    bell_http_static_file file = file_of(1000);
    file.type = bell_http_content_type_of(BELL_LIT("a.png"));
    file.cache_control = (bell_slice){NULL, 0};
    struct bell_http_static_answer a;
    decide("GET", "", &file, &a);
    assert_field(&a, "Vary", "");
    assert_field(&a, "Cache-Control", "");
    file.encoding = BELL_HTTP_GZIP;
    decide("GET", "", &file, &a);
    assert_field(&a, "Vary", "Accept-Encoding");
}

static void makes_another_etag_for_another_file(void **state)
{
    (void)state;
    bell_http_static_file file = file_of(UINT64_MAX);
    file.mtime_s = INT64_MAX;
    file.mtime_ns = 999999999;
    file.encoding = BELL_HTTP_BROTLI;
    struct bell_http_static_answer a;
    decide("GET", "", &file, &a);
    assert_field(&a, "ETag", "\"ffffffffffffffff-7fffffffffffffff.3b9ac9ff-br\"");
    assert_field(&a, "Last-Modified", "Fri, 31 Dec 9999 23:59:59 GMT");
    file = file_of(1000);
    file.mtime_ns = 1001;
    decide("GET", "", &file, &a);
    assert_field(&a, "ETag", OTHER);
}

/* For files that come with the program: no time, but a tag of their content. */
static void takes_a_tag_in_place_of_the_time(void **state)
{
    (void)state;
    static const char TAG[BELL_HTTP_MAX_TAG_BYTES + 1] = "0123456789012345678901234567890123456789";
    bell_http_static_file file = file_of(1000);
    file.mtime_s = -1;
    file.tag = bell_slice_from(TAG);
    file.encoding = BELL_HTTP_BROTLI;
    struct bell_http_static_answer a;
    decide("GET",
           "If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT\r\n"
           "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
           &file, &a);
    assert_int_equal(a.status, 200);
    assert_field(&a, "ETag", "\"0123456789012345678901234567890123456789-br\"");
    assert_field(&a, "Last-Modified", "");
    decide("GET", "If-None-Match: \"0123456789012345678901234567890123456789-br\"\r\n", &file, &a);
    assert_int_equal(a.status, 304);
    decide("GET", "Range: bytes=0-1\r\nIf-Range: Thu, 01 Jan 1970 00:00:00 GMT\r\n", &file, &a);
    assert_int_equal(a.status, 200);
}

struct status_case {
    const char *fields;
    uint16_t status;
};

static void assert_statuses(const char *method, const struct status_case *cases, size_t count)
{
    bell_http_static_file file = file_of(1000);
    for (size_t i = 0; i < count; i++) {
        struct bell_http_static_answer a;
        decide(method, cases[i].fields, &file, &a);
        if (a.status != cases[i].status) {
            fail_msg("%u instead of %u: %s", (unsigned)a.status, (unsigned)cases[i].status,
                     cases[i].fields);
        }
    }
}

/* RFC 9110 section 13.1.2: weak comparison. */
static void answers_304_when_the_etag_is_known(void **state)
{
    (void)state;
    static const struct status_case CASES[] = {
        {"If-None-Match: " ETAG "\r\n", 304},
        {"If-None-Match: W/" ETAG "\r\n", 304},
        {"If-None-Match: " OTHER ", " ETAG "\r\n", 304},
        {"If-None-Match: " OTHER "," ETAG "\r\n", 304},
        {"If-None-Match: " OTHER "\r\nIf-None-Match: " ETAG "\r\n", 304},
        {"If-None-Match: \"a,b\" , ,W/" ETAG "\r\n", 304},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: " OTHER "\r\n", 200},
        {"If-None-Match: w/" ETAG "\r\n", 200},
        {"If-None-Match: 3e8-2ebc98a1.3e8\r\n", 200},
        {"If-None-Match: \"3e8-2ebc98a1.3e8\r\n", 200},
        {"If-None-Match: x, " ETAG "\r\n", 200},
        {"If-None-Match:\r\n", 200},
        {"If-None-Match: \"\"\r\n", 200},
    };
    assert_statuses("GET", CASES, BELL_ARRAY_LEN(CASES));
    assert_statuses("HEAD", CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9110 section 13.1.3 */
static void answers_304_when_not_modified_since(void **state)
{
    (void)state;
    static const struct status_case CASES[] = {
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200},
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304},
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT\r\n", 304},
        {"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304},
        {"If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304},
        {"If-Modified-Since: yesterday\r\n", 200},
        {"If-Modified-Since:\r\n", 200},
        /* Ignored beside If-None-Match. */
        {"If-None-Match: " OTHER "\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200},
        {"If-None-Match: " ETAG "\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 304},
    };
    assert_statuses("GET", CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9110 sections 13.1.1 (strong comparison) and 13.1.4 */
static void answers_412_when_a_precondition_fails(void **state)
{
    (void)state;
    static const struct status_case CASES[] = {
        {"If-Match: " ETAG "\r\n", 200},
        {"If-Match: *\r\n", 200},
        {"If-Match: " OTHER ", " ETAG "\r\n", 200},
        {"If-Match: " OTHER "\r\n", 412},
        {"If-Match: W/" ETAG "\r\n", 412},
        {"If-Match:\r\n", 412},
        {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 412},
        {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200},
        {"If-Unmodified-Since: x\r\n", 200},
        /* Ignored beside If-Match. */
        {"If-Match: *\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200},
        /* Section 13.2.2: 412 comes before 304. */
        {"If-Match: " OTHER "\r\nIf-None-Match: " ETAG "\r\n", 412},
        {"If-Match: " ETAG "\r\nIf-None-Match: " ETAG "\r\n", 304},
        {"If-None-Match: " ETAG "\r\nRange: bytes=0-1\r\n", 304},
        {"If-Match: " OTHER "\r\nRange: bytes=0-1\r\n", 412},
    };
    assert_statuses("GET", CASES, BELL_ARRAY_LEN(CASES));
}

static void keeps_the_validators_in_304(void **state)
{
    (void)state;
    bell_http_static_file file = file_of(1000);
    struct bell_http_static_answer a;
    decide("GET", "If-None-Match: *\r\n", &file, &a);
    assert_int_equal(a.status, 304);
    assert_int_equal(a.length, 0);
    assert_int_equal(a.content_type.n, 0);
    assert_field(&a, "ETag", ETAG);
    assert_field(&a, "Cache-Control", "no-cache");
    assert_field(&a, "Vary", "Accept-Encoding");
    assert_field(&a, "Accept-Ranges", "");
}

/* RFC 9110 sections 14.1.2, 14.2, 14.4 and 15.5.17 */
static void cuts_single_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        uint64_t size;
        uint16_t status;
        const char *content_range;
        uint64_t first;
        uint64_t length;
    } CASES[] = {
        {"bytes=0-499", 1000, 206, "bytes 0-499/1000", 0, 500},
        {"bytes=500-999", 1000, 206, "bytes 500-999/1000", 500, 500},
        {"bytes=500-1000", 1000, 206, "bytes 500-999/1000", 500, 500},
        {"bytes=500-", 1000, 206, "bytes 500-999/1000", 500, 500},
        {"bytes=-500", 1000, 206, "bytes 500-999/1000", 500, 500},
        {"bytes=-1", 1000, 206, "bytes 999-999/1000", 999, 1},
        {"bytes=-1000", 1000, 206, "bytes 0-999/1000", 0, 1000},
        {"bytes=-1001", 1000, 206, "bytes 0-999/1000", 0, 1000},
        {"bytes=0-", 1000, 206, "bytes 0-999/1000", 0, 1000},
        {"bytes=0-0", 1, 206, "bytes 0-0/1", 0, 1},
        {"Bytes= 0-0 ", 1, 206, "bytes 0-0/1", 0, 1},
        {"bytes=999-", 1000, 206, "bytes 999-999/1000", 999, 1},
        {"bytes=1000-", 1000, 416, "bytes */1000", 0, 0},
        {"bytes=1000-2000", 1000, 416, "bytes */1000", 0, 0},
        {"bytes=-0", 1000, 416, "bytes */1000", 0, 0},
        {"bytes=0-", 0, 416, "bytes */0", 0, 0},
        {"bytes=-5", 0, 416, "bytes */0", 0, 0},
        {"bytes=0-99999999999999999999999", 1000, 206, "bytes 0-999/1000", 0, 1000},
        {"bytes=-99999999999999999999999", 1000, 206, "bytes 0-999/1000", 0, 1000},
        {"bytes=99999999999999999999999-", 1000, 416, "bytes */1000", 0, 0},
        {"bytes=18446744073709551615-", UINT64_MAX, 416, "bytes */18446744073709551615", 0, 0},
        {"bytes=18446744073709551614-", UINT64_MAX, 206,
         "bytes 18446744073709551614-18446744073709551614/18446744073709551615", UINT64_MAX - 1, 1},
        /* Broken, foreign or several: the whole (section 14.2). */
        {"bytes=0-1,5-6", 1000, 200, "", 0, 1000},
        {"bytes=0-1,", 1000, 200, "", 0, 1000},
        {"bytes=5-4", 1000, 200, "", 0, 1000},
        {"bytes=", 1000, 200, "", 0, 1000},
        {"bytes=-", 1000, 200, "", 0, 1000},
        {"bytes=--5", 1000, 200, "", 0, 1000},
        {"bytes=a-b", 1000, 200, "", 0, 1000},
        {"bytes=0-1-2", 1000, 200, "", 0, 1000},
        {"bytes=0 - 1", 1000, 200, "", 0, 1000},
        {"bytes=5", 1000, 200, "", 0, 1000},
        {"bytes 0-1", 1000, 200, "", 0, 1000},
        {"lines=0-1", 1000, 200, "", 0, 1000},
        {"0-1", 1000, 200, "", 0, 1000},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char fields[128];
        (void)snprintf(fields, sizeof fields, "Range: %s\r\n", CASES[i].range);
        bell_http_static_file file = file_of(CASES[i].size);
        struct bell_http_static_answer a;
        decide("GET", fields, &file, &a);
        if (a.status != CASES[i].status) {
            fail_msg("%u: %s", (unsigned)a.status, CASES[i].range);
        }
        assert_field(&a, "Content-Range", CASES[i].content_range);
        assert_true(a.first_byte == CASES[i].first && a.length == CASES[i].length);
    }
}

/* RFC 9110 section 14.2: only GET has ranges; two Range fields are no range. */
static void ignores_ranges_where_they_mean_nothing(void **state)
{
    (void)state;
    static const struct status_case RANGE[] = {{"Range: bytes=0-1\r\n", 200},
                                               {"Range: bytes=1000-\r\n", 200}};
    assert_statuses("HEAD", RANGE, BELL_ARRAY_LEN(RANGE));
    static const struct status_case TWICE[] = {{"Range: bytes=0-1\r\nRange: bytes=0-1\r\n", 200}};
    assert_statuses("GET", TWICE, BELL_ARRAY_LEN(TWICE));
}

/* RFC 9110 section 13.1.5: strong comparison; otherwise the whole, never 412. */
static void honours_if_range(void **state)
{
    (void)state;
    static const struct status_case CASES[] = {
        {"Range: bytes=0-1\r\nIf-Range: " ETAG "\r\n", 206},
        {"Range: bytes=0-1\r\nIf-Range: " OTHER "\r\n", 200},
        {"Range: bytes=0-1\r\nIf-Range: W/" ETAG "\r\n", 200},
        {"Range: bytes=0-1\r\nIf-Range: " ETAG ", " OTHER "\r\n", 200},
        {"Range: bytes=0-1\r\nIf-Range: *\r\n", 200},
        {"Range: bytes=0-1\r\nIf-Range:\r\n", 200},
        {"Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 206},
        {"Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", 200},
        {"Range: bytes=1000-\r\nIf-Range: " OTHER "\r\n", 200},
        {"Range: bytes=1000-\r\nIf-Range: " ETAG "\r\n", 416},
        {"If-Range: " OTHER "\r\n", 200},
    };
    assert_statuses("GET", CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9110 section 8.8.2.2: a date is weak while the file may still change within its second. */
static void trusts_no_date_of_the_current_second(void **state)
{
    (void)state;
    bell_http_static_file file = file_of(1000);
    struct request r;
    request_parse(&r, "GET / HTTP/1.1\r\nRange: bytes=0-1\r\n"
                      "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    struct bell_http_static_answer a;
    bell_http_static_decide(&r.head, &file, MTIME, &a);
    assert_int_equal(a.status, 200);
    bell_http_static_decide(&r.head, &file, MTIME + 1, &a);
    assert_int_equal(a.status, 206);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_the_whole_file),
        cmocka_unit_test(says_how_the_file_is_encoded),
        cmocka_unit_test(varies_only_where_encodings_may_differ),
        cmocka_unit_test(makes_another_etag_for_another_file),
        cmocka_unit_test(takes_a_tag_in_place_of_the_time),
        cmocka_unit_test(answers_304_when_the_etag_is_known),
        cmocka_unit_test(answers_304_when_not_modified_since),
        cmocka_unit_test(answers_412_when_a_precondition_fails),
        cmocka_unit_test(keeps_the_validators_in_304),
        cmocka_unit_test(cuts_single_ranges),
        cmocka_unit_test(ignores_ranges_where_they_mean_nothing),
        cmocka_unit_test(honours_if_range),
        cmocka_unit_test(trusts_no_date_of_the_current_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
