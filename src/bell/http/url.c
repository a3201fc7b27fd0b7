#include "bell/http/url.h"

#include "bell/http/authority.h"
#include "bell/http/text.h"

#include <string.h>

static const uint16_t PLAIN_PORT = 80;
static const uint16_t SECURE_PORT = 443;

/* Steps over the scheme, in any case, when the text begins with it. */
static bool take_scheme(bell_slice *text, bell_slice scheme)
{
    if (text->n < scheme.n || !bell_http_equal_nocase(bell_slice_make(text->p, scheme.n), scheme)) {
        return false;
    }
    text->p += scheme.n;
    text->n -= scheme.n;
    return true;
}

/* The bytes in front of the first of two characters, or all; *text is what follows them. */
static bell_slice take_until(bell_slice *text, char a, char b)
{
    size_t n = 0;
    while (n < text->n && text->p[n] != a && text->p[n] != b) {
        n++;
    }
    bell_slice taken = bell_slice_make(text->p, n);
    *text = bell_slice_make(text->p + n, text->n - n);
    return taken;
}

/* RFC 6455 section 3: what a request target may be; "#" would begin a fragment. */
static bell_status take_target(bell_slice text, bell_http_url *out)
{
    if (bell_http_span_of(text.p, text.n, BELL_HTTP_URI) != text.n) {
        return BELL_EINVAL;
    }
    out->path = take_until(&text, '?', '?');
    out->query = text;
    if (out->path.n == 0) {
        out->path = BELL_LIT("/");
    }
    return out->path.p[0] == '/' ? BELL_OK : BELL_EINVAL;
}

static bell_status read_unix(bell_slice text, bell_http_url *out)
{
    (void)take_scheme(&text, BELL_LIT("//"));
    out->socket_path = take_until(&text, ':', '?');
    if (text.n > 0 && text.p[0] == ':') {
        text = bell_slice_make(text.p + 1, text.n - 1);
    }
    /* It becomes text with a zero byte at its end. */
    if (out->socket_path.n == 0 || out->socket_path.p[0] != '/' ||
        memchr(out->socket_path.p, '\0', out->socket_path.n) != NULL) {
        return BELL_EINVAL;
    }
    out->authority = BELL_LIT("localhost");
    return take_target(text, out);
}

static bell_status read_host(bell_slice text, bell_http_url *out)
{
    bell_http_authority authority;
    bell_slice both = take_until(&text, '/', '?');
    bell_status st = bell_http_authority_parse(both, &authority);
    if (st != BELL_OK) {
        return st;
    }
    uint16_t usual = out->is_secure ? SECURE_PORT : PLAIN_PORT;
    out->port = authority.has_port ? authority.port : usual;
    out->host = authority.host;
    out->authority = out->port == usual ? authority.host : both;
    if (out->host.p[0] == '[') {
        out->host = bell_slice_make(out->host.p + 1, out->host.n - 2);
    }
    return take_target(text, out);
}

bell_status bell_http_url_parse(bell_slice text, bell_http_url *out)
{
    bell_http_url url = {.is_secure = false};
    bell_status st = BELL_EINVAL;
    if (take_scheme(&text, BELL_LIT("ws://"))) {
        st = read_host(text, &url);
    } else if (take_scheme(&text, BELL_LIT("wss://"))) {
        url.is_secure = true;
        st = read_host(text, &url);
    } else if (take_scheme(&text, BELL_LIT("ws+unix:"))) {
        st = read_unix(text, &url);
    }
    if (st == BELL_OK) {
        *out = url;
    }
    return st;
}
