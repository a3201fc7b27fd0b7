/*
 * Web origins (RFC 6454 sections 4, 5 and 6.2).
 */
#include "bell/http/origin.h"

#include "bell/http/authority.h"
#include "bell/http/text.h"

#include <stddef.h>

static uint16_t origin_default_port(bell_slice scheme)
{
    static const struct {
        bell_slice scheme;
        uint16_t port;
    } DEFAULTS[] = {
        {{"http", 4}, 80},
        {{"https", 5}, 443},
        {{"ws", 2}, 80},
        {{"wss", 3}, 443},
    };
    for (size_t i = 0; i < sizeof DEFAULTS / sizeof DEFAULTS[0]; i++) {
        if (bell_http_equal_nocase(scheme, DEFAULTS[i].scheme)) {
            return DEFAULTS[i].port;
        }
    }
    return 0;
}

static bool origin_is_letter(char c)
{
    char lower = bell_http_lower(c);
    return lower >= 'a' && lower <= 'z';
}

static bool origin_is_scheme_char(char c)
{
    return origin_is_letter(c) || bell_http_is_digit(c) || c == '+' || c == '-' || c == '.';
}

/* RFC 3986 section 3.1; 0 when none stands at the front. */
static size_t origin_scheme_length(bell_slice text)
{
    size_t n = 0;
    while (n < text.n && origin_is_scheme_char(text.p[n])) {
        n++;
    }
    return n > 0 && origin_is_letter(text.p[0]) ? n : 0;
}

bell_status bell_http_origin_parse(bell_slice text, bell_http_origin *out)
{
    if (bell_slice_equal(text, BELL_LIT("null"))) {
        *out = (bell_http_origin){.is_null = true};
        return BELL_OK;
    }
    static const bell_slice SEPARATOR = {"://", 3};
    size_t scheme_length = origin_scheme_length(text);
    bell_slice rest = {text.p + scheme_length, text.n - scheme_length};
    if (scheme_length == 0 || rest.n < SEPARATOR.n ||
        !bell_slice_equal((bell_slice){rest.p, SEPARATOR.n}, SEPARATOR)) {
        return BELL_EINVAL;
    }
    rest.p += SEPARATOR.n;
    rest.n -= SEPARATOR.n;
    bell_http_authority authority;
    if (bell_http_authority_parse(rest, &authority) != BELL_OK) {
        return BELL_EINVAL;
    }
    /* "host:" is fine in a URI, but no serialized origin (section 6.2) ends so. */
    if (!authority.has_port && authority.host.n != rest.n) {
        return BELL_EINVAL;
    }
    bell_slice scheme = {text.p, scheme_length};
    *out = (bell_http_origin){
        .scheme = scheme,
        .host = authority.host,
        .port = authority.has_port ? authority.port : origin_default_port(scheme),
    };
    return BELL_OK;
}

bool bell_http_origin_equal(const bell_http_origin *a, const bell_http_origin *b)
{
    return !a->is_null && !b->is_null && a->port == b->port &&
           bell_http_equal_nocase(a->scheme, b->scheme) && bell_http_equal_nocase(a->host, b->host);
}

bool bell_http_origin_is_host(const bell_http_origin *origin, bell_slice host_field)
{
    bool is_web = bell_http_equal_nocase(origin->scheme, BELL_LIT("http")) ||
                  bell_http_equal_nocase(origin->scheme, BELL_LIT("https"));
    bell_http_authority host;
    if (origin->is_null || !is_web || bell_http_authority_parse(host_field, &host) != BELL_OK) {
        return false;
    }
    uint16_t port = host.has_port ? host.port : origin_default_port(origin->scheme);
    return port == origin->port && bell_http_equal_nocase(origin->host, host.host);
}
