/*
 * Route table: the promises of bell/http_server.h; RFC 9110 sections 9.1 and 15.5.6.
 */
#include "bell/http/route.h"

#include "base/compiler.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct bell_http_router *create(void)
{
    struct bell_http_router *r = NULL;
    assert_int_equal(bell_http_router_create(&r), BELL_OK);
    return r;
}

/* The kind tells the routes apart. */
static bell_status add(struct bell_http_router *r, const char *method, const char *pattern,
                       int kind)
{
    return bell_http_router_add(r, bell_slice_from(method), bell_slice_from(pattern), kind, r);
}

static bell_http_match match(const struct bell_http_router *r, const char *method, const char *path)
{
    bell_http_match m;
    bell_http_router_match(r, bell_slice_from(method), bell_slice_from(path), &m);
    return m;
}

/* The kind of the route, or minus the outcome. */
static int found(const struct bell_http_router *r, const char *method, const char *path)
{
    bell_http_match m = match(r, method, path);
    if (m.outcome == BELL_HTTP_ROUTE_FOUND) {
        assert_ptr_equal(m.value, r);
        return m.kind;
    }
    return -(int)m.outcome;
}

static void assert_param(const bell_http_match *m, const char *name, const char *value)
{
    bell_slice v = bell_http_match_param(m, bell_slice_from(name));
    assert_true(bell_slice_equal(v, bell_slice_from(value)));
}

static void matches_literal_paths_exactly(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    assert_int_equal(add(r, "GET", "/", 1), BELL_OK);
    assert_int_equal(add(r, "GET", "/a", 2), BELL_OK);
    assert_int_equal(add(r, "GET", "/a/", 3), BELL_OK);
    assert_int_equal(add(r, "GET", "/a/b", 4), BELL_OK);
    assert_int_equal(found(r, "GET", "/"), 1);
    assert_int_equal(found(r, "GET", "/a"), 2);
    assert_int_equal(found(r, "GET", "/a/"), 3);
    assert_int_equal(found(r, "GET", "/a/b"), 4);
    static const char *const ABSENT[] = {"/b",     "/A", "/a/b/", "/a/c",
                                         "/a/b/c", "//", "/a//b", "/ab"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(ABSENT); i++) {
        assert_int_equal(found(r, "GET", ABSENT[i]), -BELL_HTTP_ROUTE_NOT_FOUND);
    }
    bell_http_router_destroy(r);
}

static void fills_parameters(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    assert_int_equal(add(r, "GET", "/u/:id/m/:message-id", 1), BELL_OK);
    assert_int_equal(add(r, "GET", "/f/:name/*", 2), BELL_OK);
    bell_http_match m = match(r, "GET", "/u/7/m/x y");
    assert_int_equal(m.kind, 1);
    assert_int_equal(m.param_count, 2);
    assert_param(&m, "id", "7");
    assert_param(&m, "message-id", "x y");
    assert_param(&m, "other", "");
    m = match(r, "GET", "/f/a/b/c");
    assert_int_equal(m.kind, 2);
    assert_param(&m, "name", "a");
    assert_param(&m, "*", "b/c");
    m = match(r, "GET", "/f/a/");
    assert_int_equal(m.kind, 2);
    assert_param(&m, "*", "");
    static const char *const ABSENT[] = {"/u//m/1",   "/u/7/m/", "/u/7/m",
                                         "/u/7/m/1/", "/f/a",    "/f//"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(ABSENT); i++) {
        assert_int_equal(found(r, "GET", ABSENT[i]), -BELL_HTTP_ROUTE_NOT_FOUND);
    }
    bell_http_router_destroy(r);
}

/* In whatever order the routes were added. */
static void literal_wins_over_parameter_over_rest(void **state)
{
    (void)state;
    static const char *const PATTERNS[] = {"/a/b/c",   "/a/b/:x", "/a/b/*",  "/a/:x/c",
                                           "/a/:x/:y", "/a/*",    "/:x/b/c", "/*"};
    static const struct {
        const char *path;
        int index;
    } CASES[] = {
        {"/a/b/c", 0}, {"/a/b/d", 1}, {"/a/b/c/d", 2}, {"/a/b/", 2},  {"/a/x/c", 3}, {"/a/x/d", 4},
        {"/a/x", 5},   {"/a/", 5},    {"/x/b/c", 6},   {"/x/b/d", 7}, {"/a", 7},     {"/", 7},
    };
    enum { COUNT = BELL_ARRAY_LEN(PATTERNS) };
    for (size_t turn = 0; turn < COUNT; turn++) {
        struct bell_http_router *r = create();
        for (size_t i = 0; i < COUNT; i++) {
            /* 3 and 8 have no common divisor: each turn adds all of them in another order. */
            size_t k = (i * 3 + turn) % COUNT;
            assert_int_equal(add(r, "GET", PATTERNS[k], (int)k), BELL_OK);
        }
        for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
            assert_int_equal(found(r, "GET", CASES[i].path), CASES[i].index);
        }
        bell_http_router_destroy(r);
    }
}

static void the_most_specific_pattern_decides_before_the_method(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    assert_int_equal(add(r, "POST", "/api/login", 1), BELL_OK);
    assert_int_equal(add(r, "GET", "/*", 2), BELL_OK);
    assert_int_equal(found(r, "GET", "/api/login"), -BELL_HTTP_ROUTE_NOT_ALLOWED);
    assert_int_equal(found(r, "GET", "/api/other"), 2);
    bell_http_router_destroy(r);
}

static void each_route_names_its_own_parameters(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    assert_int_equal(add(r, "GET", "/u/:id", 1), BELL_OK);
    assert_int_equal(add(r, "DELETE", "/u/:name", 2), BELL_OK);
    bell_http_match m = match(r, "GET", "/u/7");
    assert_param(&m, "id", "7");
    assert_param(&m, "name", "");
    m = match(r, "DELETE", "/u/7");
    assert_int_equal(m.kind, 2);
    assert_param(&m, "name", "7");
    assert_param(&m, "id", "");
    bell_http_router_destroy(r);
}

/* RFC 9110 sections 9.3.2 (HEAD), 9.3.7 (OPTIONS), 15.5.6 (405 with Allow), 15.6.2 (501). */
static void answers_for_methods_without_a_route(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    assert_int_equal(add(r, "GET", "/a", 1), BELL_OK);
    assert_int_equal(add(r, "POST", "/a", 2), BELL_OK);
    assert_int_equal(add(r, "PURGE", "/b", 3), BELL_OK);
    assert_int_equal(found(r, "HEAD", "/a"), 1);
    bell_http_match m = match(r, "DELETE", "/a");
    assert_int_equal(m.outcome, BELL_HTTP_ROUTE_NOT_ALLOWED);
    assert_true(bell_slice_equal(m.allow, BELL_LIT("GET, HEAD, OPTIONS, POST")));
    m = match(r, "OPTIONS", "/a");
    assert_int_equal(m.outcome, BELL_HTTP_ROUTE_OPTIONS);
    assert_true(bell_slice_equal(m.allow, BELL_LIT("GET, HEAD, OPTIONS, POST")));
    m = match(r, "HEAD", "/b");
    assert_int_equal(m.outcome, BELL_HTTP_ROUTE_NOT_ALLOWED);
    assert_true(bell_slice_equal(m.allow, BELL_LIT("PURGE, OPTIONS")));
    assert_int_equal(found(r, "PURGE", "/a"), -BELL_HTTP_ROUTE_NOT_ALLOWED);
    assert_int_equal(found(r, "BREW", "/a"), -BELL_HTTP_ROUTE_NOT_IMPLEMENTED);
    assert_int_equal(found(r, "get", "/a"), -BELL_HTTP_ROUTE_NOT_IMPLEMENTED);
    assert_int_equal(found(r, "BREW", "/c"), -BELL_HTTP_ROUTE_NOT_IMPLEMENTED);
    assert_int_equal(found(r, "OPTIONS", "/c"), -BELL_HTTP_ROUTE_NOT_FOUND);
    m = match(r, "OPTIONS", "*");
    assert_int_equal(m.outcome, BELL_HTTP_ROUTE_OPTIONS);
    assert_true(bell_slice_equal(m.allow, BELL_LIT("GET, HEAD, OPTIONS, POST, PURGE")));
    bell_http_router_destroy(r);
}

static void own_head_and_options_routes_come_first(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    assert_int_equal(add(r, "GET", "/a", 1), BELL_OK);
    assert_int_equal(add(r, "HEAD", "/a", 2), BELL_OK);
    assert_int_equal(add(r, "OPTIONS", "/a", 3), BELL_OK);
    assert_int_equal(found(r, "HEAD", "/a"), 2);
    assert_int_equal(found(r, "OPTIONS", "/a"), 3);
    bell_http_match m = match(r, "PUT", "/a");
    assert_true(bell_slice_equal(m.allow, BELL_LIT("GET, HEAD, OPTIONS")));
    bell_http_router_destroy(r);
}

static void an_empty_table_knows_nothing(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    assert_int_equal(found(r, "GET", "/"), -BELL_HTTP_ROUTE_NOT_FOUND);
    bell_http_match m = match(r, "OPTIONS", "*");
    assert_true(bell_slice_equal(m.allow, BELL_LIT("OPTIONS")));
    bell_http_router_destroy(r);
    bell_http_router_destroy(NULL);
}

static void refuses_bad_patterns(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",      "a",    "*",    "/a*",   "/*a",   "/*/a",    "/*/",   "/:",   "/:/a",  "/:a/:a",
        "/:a b", "/a?b", "/a#b", "/a\\b", "/a\tb", "/a\r\nb", "/../a", "/a/.", "/a/..", "/**",
    };
    struct bell_http_router *r = create();
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        if (add(r, "GET", BAD[i], 1) != BELL_EINVAL) {
            fail_msg("accepted: %s", BAD[i]);
        }
    }
    assert_int_equal(add(r, "", "/", 1), BELL_EINVAL);
    assert_int_equal(add(r, "GE T", "/", 1), BELL_EINVAL);
    assert_int_equal(add(r, "GET", "/a:b/c", 1), BELL_OK);
    assert_int_equal(found(r, "GET", "/a:b/c"), 1);
    bell_http_router_destroy(r);
}

static void refuses_the_same_route_twice(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    assert_int_equal(add(r, "GET", "/a/:id", 1), BELL_OK);
    assert_int_equal(add(r, "GET", "/a/:id", 2), BELL_EEXISTS);
    assert_int_equal(add(r, "GET", "/a/:name", 2), BELL_EEXISTS);
    assert_int_equal(add(r, "PUT", "/a/:name", 3), BELL_OK);
    assert_int_equal(add(r, "GET", "/a/id", 4), BELL_OK);
    assert_int_equal(found(r, "GET", "/a/x"), 1);
    bell_http_router_destroy(r);
}

static void holds_the_limits_of_a_pattern(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    char text[BELL_HTTP_MAX_PATTERN_BYTES + 1];
    memset(text, 'a', sizeof text);
    text[0] = '/';
    for (size_t n = BELL_HTTP_MAX_PATTERN_BYTES - 1; n <= BELL_HTTP_MAX_PATTERN_BYTES + 1; n++) {
        bell_status st = bell_http_router_add(r, BELL_LIT("GET"), bell_slice_make(text, n), 1, r);
        assert_int_equal(st, n <= BELL_HTTP_MAX_PATTERN_BYTES ? BELL_OK : BELL_EINVAL);
    }
    for (size_t count = BELL_HTTP_MAX_PARAMS - 1; count <= BELL_HTTP_MAX_PARAMS + 1; count++) {
        size_t n = 0;
        char path[256];
        size_t path_n = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            n += (size_t)snprintf(text + n, sizeof text - n, "/:p%zu", i);
            path_n += (size_t)snprintf(path + path_n, sizeof path - path_n, "/%zu", i);
        }
        (void)snprintf(text + n, sizeof text - n, "/*");
        (void)snprintf(path + path_n, sizeof path - path_n, "/rest");
        bool fits = count <= BELL_HTTP_MAX_PARAMS;
        assert_int_equal(add(r, "GET", text, (int)count), fits ? BELL_OK : BELL_EINVAL);
        if (fits) {
            bell_http_match m = match(r, "GET", path);
            assert_int_equal(m.param_count, count);
            assert_param(&m, "*", "rest");
        }
    }
    bell_http_router_destroy(r);
}

static void holds_the_limit_of_routes(void **state)
{
    (void)state;
    struct bell_http_router *r = create();
    for (int i = 0; i < BELL_HTTP_MAX_ROUTES; i++) {
        char pattern[32];
        (void)snprintf(pattern, sizeof pattern, "/r/%d", i * 7919 % BELL_HTTP_MAX_ROUTES);
        assert_int_equal(add(r, "GET", pattern, i), BELL_OK);
    }
    assert_int_equal(add(r, "GET", "/one-more", 1), BELL_ELIMIT);
    assert_int_equal(found(r, "GET", "/r/0"), 0);
    assert_int_equal(found(r, "GET", "/r/7919"), -BELL_HTTP_ROUTE_NOT_FOUND);
    assert_int_equal(found(r, "GET", "/r/3823"), 1);
    bell_http_router_destroy(r);
}

/* Each allocation of an add fails once; the table is as before, and the next add works. */
static void survives_every_failed_allocation(void **state)
{
    (void)state;
    int64_t live_before = bell_mem_live();
    bell_mem_fail_at(1);
    struct bell_http_router *none = NULL;
    assert_int_equal(bell_http_router_create(&none), BELL_ENOMEM);
    static const char *const ROUTES[][2] = {
        {"GET", "/a"}, {"POST", "/a"}, {"GET", "/b"}, {"LONGMETHODNAME", "/b"}};
    struct bell_http_router *r = create();
    for (size_t i = 0; i < BELL_ARRAY_LEN(ROUTES); i++) {
        int failures = 0;
        for (bell_status st = BELL_ENOMEM; st != BELL_OK; failures++) {
            int64_t live = bell_mem_live();
            bell_mem_fail_at(failures + 1);
            st = add(r, ROUTES[i][0], ROUTES[i][1], (int)i);
            assert_true(st == BELL_OK || (st == BELL_ENOMEM && bell_mem_failed()));
            if (st != BELL_OK) {
                /* Room that was made for a group may stay. */
                assert_true(bell_mem_live() <= live + 1);
                assert_true(found(r, ROUTES[i][0], ROUTES[i][1]) < 0);
            }
        }
        bell_mem_fail_at(0);
        assert_true(failures > 3);
        for (size_t k = 0; k <= i; k++) {
            assert_int_equal(found(r, ROUTES[k][0], ROUTES[k][1]), k);
        }
    }
    bell_http_router_destroy(r);
    assert_int_equal(bell_mem_live(), live_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_literal_paths_exactly),
        cmocka_unit_test(fills_parameters),
        cmocka_unit_test(literal_wins_over_parameter_over_rest),
        cmocka_unit_test(the_most_specific_pattern_decides_before_the_method),
        cmocka_unit_test(each_route_names_its_own_parameters),
        cmocka_unit_test(answers_for_methods_without_a_route),
        cmocka_unit_test(own_head_and_options_routes_come_first),
        cmocka_unit_test(an_empty_table_knows_nothing),
        cmocka_unit_test(refuses_bad_patterns),
        cmocka_unit_test(refuses_the_same_route_twice),
        cmocka_unit_test(holds_the_limits_of_a_pattern),
        cmocka_unit_test(holds_the_limit_of_routes),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
