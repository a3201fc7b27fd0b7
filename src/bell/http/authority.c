/*
 * Host and port (RFC 3986 section 3.2.2 and 3.2.3, with narrower names; see the header).
 */
#include "bell/http/authority.h"

#include "bell/http/text.h"

#include <arpa/inet.h>
#include <stddef.h>

/* RFC 1035 section 2.3.4 allows 253 characters of a name; a final dot comes on top. */
enum { MAX_NAME_BYTES = 254 };

/* The length of "[" IPv6 "]" at the front, 0 when there is none. */
static size_t authority_literal_length(bell_slice text)
{
    char address[INET6_ADDRSTRLEN];
    for (size_t i = 1; i < text.n && i <= sizeof address; i++) {
        if (text.p[i] == ']') {
            size_t length = i - 1;
            memcpy(address, text.p + 1, length);
            address[length] = '\0';
            struct in6_addr parsed;
            /* A zero byte in the text would end the address early. */
            bool is_whole = strlen(address) == length;
            return is_whole && inet_pton(AF_INET6, address, &parsed) == 1 ? i + 1 : 0;
        }
    }
    return 0;
}

static size_t authority_host_length(bell_slice text)
{
    if (text.n > 0 && text.p[0] == '[') {
        return authority_literal_length(text);
    }
    size_t length = bell_http_span_of(text.p, text.n, BELL_HTTP_HOST);
    return length <= MAX_NAME_BYTES ? length : 0;
}

bell_status bell_http_authority_parse(bell_slice text, bell_http_authority *out)
{
    size_t host_length = authority_host_length(text);
    if (host_length == 0) {
        return BELL_EINVAL;
    }
    bell_http_authority found = {.host = {text.p, host_length}};
    bell_slice tail = {text.p + host_length, text.n - host_length};
    if (tail.n > 0 && tail.p[0] != ':') {
        return BELL_EINVAL;
    }
    if (tail.n > 1) {
        uint64_t port;
        bell_slice digits = {tail.p + 1, tail.n - 1};
        if (bell_http_parse_decimal(digits, &port) != BELL_OK || port == 0 || port > UINT16_MAX) {
            return BELL_EINVAL;
        }
        found.port = (uint16_t)port;
        found.has_port = true;
    }
    *out = found;
    return BELL_OK;
}
