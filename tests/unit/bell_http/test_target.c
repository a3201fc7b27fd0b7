/*
 * Request targets: RFC 9112 section 3.2, RFC 3986 section 5.2.4; queries and cookies.
 */
#include "bell/http/target.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

/* Reads with room of exactly the size that is promised to be enough. */
static uint16_t read_target(const char *method, const char *target, bell_http_target *out,
                            char **room)
{
    bell_slice text = bell_slice_from(target);
    *room = malloc(text.n);
    assert_non_null(*room);
    return bell_http_target_read(bell_slice_from(method), text, *room, text.n, out);
}

static void assert_path(const char *target, const char *path)
{
    bell_http_target t;
    char *room;
    uint16_t refusal = read_target("GET", target, &t, &room);
    if (path == NULL ? refusal != 400
                     : refusal != 0 || !bell_slice_equal(t.path, bell_slice_from(path))) {
        bell_slice found = refusal == 0 ? t.path : BELL_LIT("refused");
        fail_msg("%s gave %u, %.*s", target, (unsigned)refusal, BELL_FMT(found));
    }
    free(room);
}

static void decodes_paths(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a//b/", "/a//b/"},
        {"//a", "//a"},
        {"/%41%7e", "/A~"},
        {"/%20%25", "/ %"},
        {"/%C3%A4", "/\xc3\xa4"},
        {"/a+b", "/a+b"},
        {"/%3f%23", "/?#"},
        {"/a;b=c,d:e@f!$&'()*", "/a;b=c,d:e@f!$&'()*"},
        {"/[^|]", "/[^|]"}, /* browsers send them as they are */
        {"/%60%7b%7D%5E%22%3c%3E", "/`{}^\"<>"},
        {"/%2541", "/%41"}, /* decoded once, not twice */
        {"/?a/../b", "/"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_path(CASES[i][0], CASES[i][1]);
    }
}

static void refuses_what_no_path_may_hold(void **state)
{
    (void)state;
    static const char *const CASES[] = {
        "/%",     "/%4",     "/%4g",  "/%zz",   "/a%",    "/%00",    "/a%00.html",
        "/%0a",   "/%0d%0a", "/%1f",  "/%09",   "/%7f",   "/a%2fb",  "/a%2Fb",
        "/a%5cb", "/a%5Cb",  "/a\\b", "/..%2f", "/..%5c", "/..\\a",  "/a#b",
        "/a\"b",  "/<a>",    "/?a#b", "/?<a>",  "/? b",   "/%u0041", "/%-1",
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_path(CASES[i], NULL);
    }
}

/*
 * RFC 9112 section 3.2: what is no URI gets 400, but for what browsers send as it is (WHATWG URL,
 * the percent-encode sets of path and query). Backslash, "/", "?" and "%" have a meaning.
 */
static void takes_only_bytes_that_user_agents_leave_unescaped(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char path[] = {'/', 'a', (char)c, 'b', '\0'};
        char query[] = {'/', '?', (char)c, '\0'};
        bool is_visible = c > 0x20 && c < 0x7f;
        bool in_path = is_visible && strchr("\"#<>`{}\\%", c) == NULL;
        bool in_query = is_visible && strchr("\"#<>", c) == NULL;
        bell_http_target t;
        char *room;
        assert_int_equal(read_target("GET", path, &t, &room), in_path ? 0 : 400);
        free(room);
        assert_int_equal(read_target("GET", query, &t, &room), in_query ? 0 : 400);
        free(room);
    }
}

/* RFC 3986 section 5.2.4, with its examples. */
static void removes_dot_segments_and_never_escapes(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"/a/b/c/./../../g", "/a/g"},
        {"/.", "/"},
        {"/..", "/"},
        {"/./", "/"},
        {"/../", "/"},
        {"/../../../etc/passwd", "/etc/passwd"},
        {"/a/..", "/"},
        {"/a/../..", "/"},
        {"/a/b/..", "/a/"},
        {"/a/b/.", "/a/b/"},
        {"/a/./b", "/a/b"},
        {"/a/.../b", "/a/.../b"},
        {"/a/..b/.c/d.", "/a/..b/.c/d."},
        {"/%2e", "/"},
        {"/%2e%2e/a", "/a"},
        {"/a/%2E./b", "/b"},
        {"/a/.%2e/%2e%2e/b", "/b"},
        {"/a//../b", "/a/b"},
        {"//..//..//a", "//a"},
        {"/%252e%252e/a", "/%2e%2e/a"},
        {"/..;/a", "/..;/a"},
        {"/.. ", NULL},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_path(CASES[i][0], CASES[i][1]);
    }
}

static void keeps_the_query_as_it_came(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"/", ""},
        {"/?", ""},
        {"/?a=%41&b=%zz", "a=%41&b=%zz"},
        {"/?a?b/../c\\", "a?b/../c\\"},
        {"http://h?a=b", "a=b"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_http_target t;
        char *room;
        assert_int_equal(read_target("GET", CASES[i][0], &t, &room), 0);
        assert_true(bell_slice_equal(t.query, bell_slice_from(CASES[i][1])));
        assert_true(bell_slice_equal(t.path, BELL_LIT("/")));
        free(room);
    }
}

struct form_case {
    const char *method;
    const char *target;
    uint16_t refusal;
    bell_http_target_form form;
    const char *path;
    const char *authority;
};

static void assert_forms(const struct form_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct form_case *c = &cases[i];
        bell_http_target t;
        char *room;
        uint16_t refusal = read_target(c->method, c->target, &t, &room);
        if (refusal != c->refusal) {
            fail_msg("%u instead of %u: %s %s", (unsigned)refusal, (unsigned)c->refusal, c->method,
                     c->target);
        }
        if (refusal == 0) {
            assert_int_equal(t.form, c->form);
            assert_true(bell_slice_equal(t.path, bell_slice_from(c->path)));
            assert_true(bell_slice_equal(t.authority, bell_slice_from(c->authority)));
        }
        free(room);
    }
}

/* RFC 9112 section 3.2.2: servers MUST accept the absolute form. */
static void accepts_the_absolute_form(void **state)
{
    (void)state;
    static const struct form_case CASES[] = {
        {"GET", "http://a/b", 0, BELL_HTTP_TARGET_ABSOLUTE, "/b", "a"},
        {"GET", "HTTPS://a:8443/b/../c?d", 0, BELL_HTTP_TARGET_ABSOLUTE, "/c", "a:8443"},
        {"GET", "http://a", 0, BELL_HTTP_TARGET_ABSOLUTE, "/", "a"},
        {"GET", "http://[::1]:80", 0, BELL_HTTP_TARGET_ABSOLUTE, "/", "[::1]:80"},
        {"OPTIONS", "http://a?b", 0, BELL_HTTP_TARGET_ABSOLUTE, "/", "a"},
        {"GET", "http://", 400, 0, NULL, NULL},
        {"GET", "http:///a", 400, 0, NULL, NULL},
        {"GET", "http://?a", 400, 0, NULL, NULL},
        {"GET", "http:/a", 400, 0, NULL, NULL},
        {"GET", "http:a", 400, 0, NULL, NULL},
        {"GET", "http://user@a/", 400, 0, NULL, NULL},
        {"GET", "http://user:pass@a/", 400, 0, NULL, NULL},
        {"GET", "http://a:x/", 400, 0, NULL, NULL},
        {"GET", "http://a\\b/", 400, 0, NULL, NULL},
        {"GET", "http://a#b", 400, 0, NULL, NULL},
        {"GET", "ftp://a/b", 400, 0, NULL, NULL},
        {"GET", "file:///etc/passwd", 400, 0, NULL, NULL},
        {"GET", "ws://a/b", 400, 0, NULL, NULL},
    };
    assert_forms(CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 9112 sections 3.2.3 and 3.2.4 */
static void knows_asterisk_and_refuses_authority_form(void **state)
{
    (void)state;
    static const struct form_case CASES[] = {
        {"OPTIONS", "*", 0, BELL_HTTP_TARGET_ASTERISK, "*", ""},
        {"GET", "*", 400, 0, NULL, NULL},
        {"options", "*", 400, 0, NULL, NULL},
        {"OPTIONS", "**", 400, 0, NULL, NULL},
        {"CONNECT", "a:443", 501, 0, NULL, NULL},
        {"CONNECT", "/", 501, 0, NULL, NULL},
        {"GET", "a:443", 400, 0, NULL, NULL},
        {"GET", "a", 400, 0, NULL, NULL},
        {"GET", "?a", 400, 0, NULL, NULL},
        {"GET", "..", 400, 0, NULL, NULL},
        {"GET", "%2f", 400, 0, NULL, NULL},
    };
    assert_forms(CASES, BELL_ARRAY_LEN(CASES));
}

static void finds_query_values(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *name;
        bell_status st;
        const char *value;
    } CASES[] = {
        {"a=1&b=2", "a", BELL_OK, "1"},
        {"a=1&b=2", "b", BELL_OK, "2"},
        {"a=1&a=2", "a", BELL_OK, "1"},
        {"a", "a", BELL_OK, ""},
        {"a=", "a", BELL_OK, ""},
        {"a=b=c", "a", BELL_OK, "b=c"},
        {"a=x+y%2Bz%26", "a", BELL_OK, "x y+z&"},
        {"%61%20b=1", "a b", BELL_OK, "1"},
        {"a+b=1", "a b", BELL_OK, "1"},
        {"&&a=1", "a", BELL_OK, "1"},
        {"=1&a=2", "", BELL_OK, "1"},
        {"a=%C3%A4", "a", BELL_OK, "\xc3\xa4"},
        {"%zz=1&a=2", "a", BELL_OK, "2"},
        {"a=%zz", "a", BELL_EINVAL, NULL},
        {"a=%0", "a", BELL_EINVAL, NULL},
        {"a=x%00", "a", BELL_EINVAL, NULL},
        {"ab=1&A=2", "a", BELL_ENOTFOUND, NULL},
        {"a=1", "ab", BELL_ENOTFOUND, NULL},
        {"&", "", BELL_ENOTFOUND, NULL},
        {"", "a", BELL_ENOTFOUND, NULL},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_slice query = bell_slice_from(CASES[i].query);
        char room[64];
        bell_slice value;
        bell_status st =
            bell_http_query_value(query, bell_slice_from(CASES[i].name), room, query.n, &value);
        assert_int_equal(st, CASES[i].st);
        if (st == BELL_OK) {
            assert_true(bell_slice_equal(value, bell_slice_from(CASES[i].value)));
        }
    }
}

static void holds_the_room_for_query_values(void **state)
{
    (void)state;
    char room[4];
    bell_slice value;
    assert_int_equal(bell_http_query_value(BELL_LIT("a=%41BC"), BELL_LIT("a"), room, 4, &value),
                     BELL_OK);
    assert_int_equal(bell_http_query_value(BELL_LIT("a=%41BC"), BELL_LIT("a"), room, 3, &value),
                     BELL_OK);
    assert_true(bell_slice_equal(value, BELL_LIT("ABC")));
    assert_int_equal(bell_http_query_value(BELL_LIT("a=%41BC"), BELL_LIT("a"), room, 2, &value),
                     BELL_ELIMIT);
}

/* RFC 6265 section 4.2.1 */
static void finds_cookies(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        const char *name;
        const char *value; /* NULL: not found */
    } CASES[] = {
        {"a=1", "a", "1"},          {"a=1; b=2", "b", "2"},
        {"a=1;b=2", "b", "2"},      {"a=1; a=2", "a", "1"},
        {"a=b=c; d=e", "a", "b=c"}, {"a=; b=2", "a", ""},
        {" a = 1 ", "a", "1"},      {"a=\"1\"", "a", "\"1\""},
        {"; ;a=1;", "a", "1"},      {"ab=1; A=2", "a", NULL},
        {"a", "a", NULL},           {"a; b=1", "a", NULL},
        {"x=a=1", "a", NULL},       {"", "a", NULL},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_slice value;
        bell_status st = bell_http_cookie_value(bell_slice_from(CASES[i].field),
                                                bell_slice_from(CASES[i].name), &value);
        assert_int_equal(st, CASES[i].value == NULL ? BELL_ENOTFOUND : BELL_OK);
        if (st == BELL_OK) {
            assert_true(bell_slice_equal(value, bell_slice_from(CASES[i].value)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_paths),
        cmocka_unit_test(refuses_what_no_path_may_hold),
        cmocka_unit_test(takes_only_bytes_that_user_agents_leave_unescaped),
        cmocka_unit_test(removes_dot_segments_and_never_escapes),
        cmocka_unit_test(keeps_the_query_as_it_came),
        cmocka_unit_test(accepts_the_absolute_form),
        cmocka_unit_test(knows_asterisk_and_refuses_authority_form),
        cmocka_unit_test(finds_query_values),
        cmocka_unit_test(holds_the_room_for_query_values),
        cmocka_unit_test(finds_cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
