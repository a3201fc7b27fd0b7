/*
 * Request target. For any bytes that a head may carry as its target:
 *
 *  - a path that comes out is absolute, no longer than the target, and holds no dot segment,
 * backslash or control character: it never escapes the root;
 *  - escaped again as a whole, it gives the same path;
 *  - what it names below a prefix is a relative file name without hidden parts;
 *  - the route table finds the rest of the path as its parameter;
 *  - values from the query and from cookies stay in their room.
 *
 * The first byte chooses the method, the second a name of a query value; the rest is the target.
 */
#include "bell/http/origin.h"
#include "bell/http/route.h"
#include "bell/http/static_file.h"
#include "bell/http/target.h"
#include "bell/http/text.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

enum { CONTROL_BYTES = 2 };

static const bell_slice METHODS[] = {{"GET", 3}, {"OPTIONS", 7}, {"CONNECT", 7}, {"x", 1}};

static bool is_dots(bell_slice segment)
{
    return bell_slice_equal(segment, BELL_LIT(".")) || bell_slice_equal(segment, BELL_LIT(".."));
}

static void check_segments(bell_slice path, bool may_be_hidden)
{
    size_t begin = 0;
    for (size_t i = 0; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/') {
            FUZZ_CHECK(path.p[i] != '\\' && bell_http_is_field_value((bell_slice){path.p + i, 1}));
            continue;
        }
        bell_slice segment = {path.p + begin, i - begin};
        FUZZ_CHECK(!is_dots(segment));
        FUZZ_CHECK(may_be_hidden || (segment.n > 0 && segment.p[0] != '.'));
        begin = i + 1;
    }
}

static void check_escaped_again(bell_slice path)
{
    size_t room_bytes = path.n * 3;
    char *escaped = malloc(room_bytes);
    char *room = malloc(room_bytes);
    FUZZ_CHECK(escaped != NULL && room != NULL);
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '/') {
            escaped[n++] = '/';
            continue;
        }
        static const char DIGITS[] = "0123456789aBCdef";
        escaped[n++] = '%';
        escaped[n++] = DIGITS[(uint8_t)path.p[i] >> 4];
        escaped[n++] = DIGITS[(uint8_t)path.p[i] & 0xf];
    }
    bell_http_target again;
    FUZZ_CHECK(bell_http_target_read(BELL_LIT("GET"), bell_slice_make(escaped, n), room, room_bytes,
                                     &again) == 0);
    FUZZ_CHECK(bell_slice_equal(again.path, path));
    free(escaped);
    free(room);
}

static void check_file_name(bell_slice below)
{
    char room[BELL_HTTP_MAX_FILE_NAME_BYTES];
    bell_slice name;
    if (bell_http_static_name(below, NULL, room, &name) == BELL_OK) {
        FUZZ_CHECK(name.n < sizeof room && strlen(room) == name.n);
        check_segments(name, false);
    }
}

static void check_routes(bell_slice path)
{
    static struct bell_http_router *router;
    if (router == NULL) {
        FUZZ_CHECK(bell_http_router_create(&router) == BELL_OK);
        FUZZ_CHECK(bell_http_router_add(router, BELL_LIT("GET"), BELL_LIT("/a/:x/b"), 1, NULL) ==
                   BELL_OK);
        FUZZ_CHECK(bell_http_router_add(router, BELL_LIT("GET"), BELL_LIT("/*"), 2, NULL) ==
                   BELL_OK);
    }
    bell_http_match m;
    bell_http_router_match(router, BELL_LIT("GET"), path, &m);
    FUZZ_CHECK(m.outcome == BELL_HTTP_ROUTE_FOUND);
    if (m.kind == 1) {
        bell_slice x = bell_http_match_param(&m, BELL_LIT("x"));
        FUZZ_CHECK(x.n > 0 && memchr(x.p, '/', x.n) == NULL && x.n + 5 == path.n);
    } else {
        bell_slice rest = bell_http_match_param(&m, BELL_LIT("*"));
        FUZZ_CHECK(rest.n + 1 == path.n);
    }
}

static void check_values(bell_slice text, char name)
{
    char *room = malloc(text.n + 1);
    FUZZ_CHECK(room != NULL);
    bell_slice value;
    bell_slice wanted = {&name, 1};
    bell_status st = bell_http_query_value(text, wanted, room, text.n, &value);
    FUZZ_CHECK(st != BELL_ELIMIT);
    if (st == BELL_OK) {
        FUZZ_CHECK(value.p == room && value.n <= text.n);
        FUZZ_CHECK(value.n == 0 || memchr(value.p, 0, value.n) == NULL);
    }
    if (bell_http_cookie_value(text, wanted, &value) == BELL_OK && value.n > 0) {
        FUZZ_CHECK(value.p >= text.p && value.p + value.n <= text.p + text.n);
    }
    free(room);
    bell_http_origin origin;
    if (bell_http_origin_parse(text, &origin) == BELL_OK) {
        FUZZ_CHECK(origin.is_null || bell_http_origin_equal(&origin, &origin));
        FUZZ_CHECK(origin.is_null || origin.host.n > 0);
    }
}

static void check_target(bell_slice method, bell_slice text)
{
    char *room = malloc(text.n);
    FUZZ_CHECK(room != NULL);
    bell_http_target t;
    uint16_t refusal = bell_http_target_read(method, text, room, text.n, &t);
    FUZZ_CHECK(refusal == 0 || refusal == 400 || refusal == 501);
    if (refusal == 0) {
        FUZZ_CHECK(t.path.n > 0 && t.path.n <= text.n);
        FUZZ_CHECK((t.form == BELL_HTTP_TARGET_ABSOLUTE) == (t.authority.n > 0));
        if (t.form == BELL_HTTP_TARGET_ASTERISK) {
            FUZZ_CHECK(bell_slice_equal(t.path, BELL_LIT("*")));
        } else {
            FUZZ_CHECK(t.path.p[0] == '/');
            check_segments((bell_slice){t.path.p + 1, t.path.n - 1}, true);
            check_escaped_again(t.path);
            check_file_name((bell_slice){t.path.p + 1, t.path.n - 1});
            check_routes(t.path);
        }
    }
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= CONTROL_BYTES) {
        return 0;
    }
    bell_slice text = bell_slice_make(data + CONTROL_BYTES, size - CONTROL_BYTES);
    check_values(text, (char)data[1]);
    /* The head parser lets nothing else through. */
    if (bell_http_span_of(text.p, text.n, BELL_HTTP_VCHAR) == text.n) {
        check_target(METHODS[data[0] % (sizeof METHODS / sizeof METHODS[0])], text);
    }
    return 0;
}
