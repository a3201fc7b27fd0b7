/*
 * Hosts with ports, origins and URLs of WebSockets. For any text:
 *
 *  - what is taken for one points into the text, and no port is 0 but where there is none;
 *  - an authority written from its parts gives the same parts;
 *  - an origin equals itself unless it is opaque, and a host that it is the origin of.
 */
#include "bell/http/authority.h"
#include "bell/http/origin.h"
#include "bell/http/text.h"
#include "bell/http/url.h"
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 4096 };

static bool is_inside(bell_slice part, bell_slice text)
{
    return part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n);
}

/* "host:port" or "host", in memory that the next call uses again. */
static bell_slice written(bell_slice host, bool has_port, unsigned port)
{
    enum { PORT_BYTES = 16 };
    static char room[MOST_BYTES + PORT_BYTES];
    FUZZ_CHECK(host.n <= MOST_BYTES);
    memcpy(room, host.p, host.n);
    int n = has_port ? snprintf(room + host.n, PORT_BYTES, ":%u", port) : 0;
    FUZZ_CHECK(n >= 0);
    return bell_slice_make(room, host.n + (size_t)n);
}

static void check_authority(bell_slice text)
{
    bell_http_authority a;
    bell_http_authority again;
    if (bell_http_authority_parse(text, &a) != BELL_OK) {
        return;
    }
    FUZZ_CHECK(a.host.n > 0 && is_inside(a.host, text) && (!a.has_port || a.port > 0));
    FUZZ_CHECK(bell_http_authority_parse(written(a.host, a.has_port, a.port), &again) == BELL_OK);
    FUZZ_CHECK(bell_slice_equal(a.host, again.host) && a.has_port == again.has_port);
    FUZZ_CHECK(!a.has_port || a.port == again.port);
}

static void check_origin(bell_slice text)
{
    bell_http_origin o;
    if (bell_http_origin_parse(text, &o) != BELL_OK) {
        return;
    }
    FUZZ_CHECK(bell_http_origin_equal(&o, &o) == !o.is_null);
    if (o.is_null) {
        return;
    }
    FUZZ_CHECK(is_inside(o.scheme, text) && is_inside(o.host, text));
    FUZZ_CHECK(o.scheme.n > 0 && o.host.n > 0);
    bool is_web = bell_http_equal_nocase(o.scheme, BELL_LIT("http")) ||
                  bell_http_equal_nocase(o.scheme, BELL_LIT("https"));
    FUZZ_CHECK(bell_http_origin_is_host(&o, written(o.host, true, o.port)) == is_web);
}

static void check_url(bell_slice text)
{
    bell_http_url u;
    if (bell_http_url_parse(text, &u) != BELL_OK) {
        return;
    }
    bool is_socket = u.socket_path.n > 0;
    FUZZ_CHECK(is_inside(u.host, text));
    FUZZ_CHECK(is_socket ? bell_slice_equal(u.authority, BELL_LIT("localhost"))
                         : u.authority.n > 0 && is_inside(u.authority, text));
    FUZZ_CHECK(is_inside(u.query, text) && is_inside(u.socket_path, text));
    FUZZ_CHECK(u.path.n > 0 && u.path.p[0] == '/');
    FUZZ_CHECK(u.query.n == 0 || u.query.p[0] == '?');
    FUZZ_CHECK(is_socket == (u.host.n == 0) && is_socket == (u.port == 0));
    for (size_t i = 0; i < u.path.n; i++) {
        FUZZ_CHECK(bell_http_char_is(u.path.p[i], BELL_HTTP_VCHAR) && u.path.p[i] != '#');
    }
    for (size_t i = 0; i < u.query.n; i++) {
        FUZZ_CHECK(bell_http_char_is(u.query.p[i], BELL_HTTP_VCHAR) && u.query.p[i] != '#');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MOST_BYTES) {
        return 0;
    }
    bell_slice text = bell_slice_make(data, size);
    check_authority(text);
    check_origin(text);
    check_url(text);
    return 0;
}
