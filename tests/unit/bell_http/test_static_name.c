/*
 * Which file in which encoding: RFC 9110 sections 8.3 and 12.5.3.
 */
#include "bell/http/static_file.h"

#include "base/compiler.h"
#include "request.h"

#include <stdio.h>

static void assert_name(bell_slice below, const char *index, const char *expected)
{
    char room[BELL_HTTP_MAX_FILE_NAME_BYTES];
    bell_slice name;
    bell_status st = bell_http_static_name(below, index, room, &name);
    if (expected == NULL) {
        if (st != BELL_ENOTFOUND) {
            fail_msg("served: %.*s", BELL_FMT(below));
        }
        return;
    }
    assert_int_equal(st, BELL_OK);
    assert_string_equal(name.p, expected);
    assert_int_equal(name.n, strlen(expected));
}

static void names_the_file_below_a_prefix(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"a.html", "a.html"},
        {"css/a.css", "css/a.css"},
        {"", "index.html"},
        {"css/", "css/index.html"},
        {"a b/\xc3\xa4.txt", "a b/\xc3\xa4.txt"},
        {"a..b", "a..b"},
        {"a.", "a."},
        {"%2e%2e", "%2e%2e"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_name(bell_slice_from(CASES[i][0]), NULL, CASES[i][1]);
    }
    assert_name(BELL_LIT("a/"), "start.htm", "a/start.htm");
}

static void refuses_names_that_no_file_may_have(void **state)
{
    (void)state;
    static const bell_slice BAD[] = {
        {"..", 2},    {".", 1},      {"../a", 4},         {"a/../b", 6}, {"a/..", 4},
        {".git", 4},  {".git/a", 6}, {"a/.htaccess", 11}, {"a/.b/c", 6}, {"/a", 2},
        {"/", 1},     {"//", 2},     {"a//b", 4},         {"a//", 3},    {"/etc/passwd", 11},
        {"a\0b", 3},  {"a\\b", 3},   {"..\\a", 4},        {"a\nb", 3},   {"a\tb", 3},
        {"a\x7f", 2},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_name(BAD[i], NULL, NULL);
    }
    assert_name(BELL_LIT(""), ".index", NULL);
}

static void holds_the_limits_of_names(void **state)
{
    (void)state;
    static char text[BELL_HTTP_MAX_FILE_NAME_BYTES + 1];
    memset(text, 'a', sizeof text);
    for (size_t n = BELL_HTTP_MAX_FILE_SEGMENT_BYTES - 1; n <= BELL_HTTP_MAX_FILE_SEGMENT_BYTES + 1;
         n++) {
        char room[BELL_HTTP_MAX_FILE_NAME_BYTES];
        bell_slice name;
        assert_int_equal(bell_http_static_name(bell_slice_make(text, n), NULL, room, &name),
                         n <= BELL_HTTP_MAX_FILE_SEGMENT_BYTES ? BELL_OK : BELL_ENOTFOUND);
    }
    for (size_t i = 99; i < sizeof text; i += 100) {
        text[i] = '/';
    }
    /* The zero byte has to fit, too. */
    for (size_t n = BELL_HTTP_MAX_FILE_NAME_BYTES - 2; n <= BELL_HTTP_MAX_FILE_NAME_BYTES + 1;
         n++) {
        char room[BELL_HTTP_MAX_FILE_NAME_BYTES];
        bell_slice name;
        assert_int_equal(bell_http_static_name(bell_slice_make(text, n), NULL, room, &name),
                         n < BELL_HTTP_MAX_FILE_NAME_BYTES ? BELL_OK : BELL_ENOTFOUND);
    }
    /* 1,000 bytes end in "/": the index comes on top. */
    char index[32];
    memset(index, 'i', sizeof index);
    index[24] = '\0';
    assert_name(bell_slice_make(text, 1000), index, NULL);
    index[23] = '\0';
    char room[BELL_HTTP_MAX_FILE_NAME_BYTES];
    bell_slice name;
    assert_int_equal(bell_http_static_name(bell_slice_make(text, 1000), index, room, &name),
                     BELL_OK);
    assert_int_equal(name.n, 1023);
}

static void knows_content_types(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *type;
        bool is_compressible;
    } CASES[] = {
        {"index.html", "text/html; charset=utf-8", true},
        {"a/b/W.JS", "text/javascript; charset=utf-8", true},
        {"a.mjs", "text/javascript; charset=utf-8", true},
        {"a.css", "text/css; charset=utf-8", true},
        {"a.json", "application/json", true},
        {"a.js.map", "application/json", true},
        {"a.svg", "image/svg+xml", true},
        {"a.png", "image/png", false},
        {"a.jpg", "image/jpeg", false},
        {"a.webp", "image/webp", false},
        {"a.avif", "image/avif", false},
        {"favicon.ico", "image/vnd.microsoft.icon", true},
        {"a.woff2", "font/woff2", false},
        {"a.txt", "text/plain; charset=utf-8", true},
        {"a.wasm", "application/wasm", true},
        {"a.webmanifest", "application/manifest+json", true},
        {"a.mp3", "audio/mpeg", false},
        {"a.ogg", "audio/ogg", false},
        {"a", "application/octet-stream", false},
        {"a.", "application/octet-stream", false},
        {"html", "application/octet-stream", false},
        {"a.html/b", "application/octet-stream", false},
        {"a.exe", "application/octet-stream", false},
        {"", "application/octet-stream", false},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_http_content_type t = bell_http_content_type_of(bell_slice_from(CASES[i].name));
        assert_true(bell_slice_equal(t.type, bell_slice_from(CASES[i].type)));
        assert_int_equal(t.is_compressible, CASES[i].is_compressible);
    }
}

/* Letters in the order of preference: b, g, i. */
static void negotiates_encodings_by_weight(void **state)
{
    (void)state;
    static const struct {
        const char *field; /* NULL: absent */
        const char *order;
    } CASES[] = {
        {NULL, "i"},
        {"", "i"},
        {"gzip, deflate, br, zstd", "bgi"},
        {"br", "bi"},
        {"GZIP", "gi"},
        {"x-gzip", "gi"},
        {"deflate", "i"},
        {"gzip;q=1.0, br;q=0.5", "gbi"},
        {"br;q=0.9,gzip;q=0.9", "bgi"},
        {"gzip;q=0.5, identity", "ig"},
        {"br;q=0, gzip", "gi"},
        {"br;q=0.000", "i"},
        {"gzip;q=0.001, br;q=0.002", "bgi"},
        {"*", "bgi"},
        {"*;q=0.5, br;q=0.1", "gib"},
        {"identity;q=0, gzip", "g"},
        {"identity;q=0", ""},
        {"*;q=0", ""},
        {"*;q=0, gzip", "g"},
        {"identity, *;q=0", "i"},
        {"br ; Q=0.5 , gzip", "gbi"},
        {"br;q=2, gzip;q=1.001, identity;q=0.5", "i"}, /* no weights: as good as refused */
        {"br;q=, gzip;q=0.1234", "i"},
        {"br;q=-1, gzip;q=.5", "i"},
        {"br;level=5", "i"},
        {"brotli, gzipped", "i"},
        {"br\", gzip", "i"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n%s%s%s\r\n",
                       CASES[i].field == NULL ? "" : "Accept-Encoding: ",
                       CASES[i].field == NULL ? "" : CASES[i].field,
                       CASES[i].field == NULL ? "" : "\r\n");
        struct request r;
        request_parse(&r, text);
        bell_http_encoding out[BELL_HTTP_ENCODING_COUNT];
        size_t count = bell_http_accept_encodings(&r.head, out);
        char order[BELL_HTTP_ENCODING_COUNT + 1] = "";
        for (size_t k = 0; k < count; k++) {
            order[k] = "igb"[out[k]];
        }
        if (strcmp(order, CASES[i].order) != 0) {
            fail_msg("%s instead of %s: %s", order, CASES[i].order, CASES[i].field);
        }
    }
}

static void joins_several_accept_encoding_fields(void **state)
{
    (void)state;
    struct request r;
    request_parse(&r, "GET / HTTP/1.1\r\nAccept-Encoding: br;q=0\r\nAccept-Encoding: gzip\r\n\r\n");
    bell_http_encoding out[BELL_HTTP_ENCODING_COUNT];
    assert_int_equal(bell_http_accept_encodings(&r.head, out), 2);
    assert_int_equal(out[0], BELL_HTTP_GZIP);
    assert_int_equal(out[1], BELL_HTTP_IDENTITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_file_below_a_prefix),
        cmocka_unit_test(refuses_names_that_no_file_may_have),
        cmocka_unit_test(holds_the_limits_of_names),
        cmocka_unit_test(knows_content_types),
        cmocka_unit_test(negotiates_encodings_by_weight),
        cmocka_unit_test(joins_several_accept_encoding_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
