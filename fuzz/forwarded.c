/*
 * X-Forwarded-For and X-Forwarded-Proto. For any values of two lines of each:
 *
 *  - from a peer that is not listed they change nothing;
 *  - whatever a client writes in front of the list changes nothing once an address behind it is not
 *    listed.
 *
 * Two lines: what stands before and behind the first byte 0.
 */
#include "bell/http/parser.h"
#include "bell/server/forwarded.h"
#include "fuzz.h"

#include <string.h>

enum { MAX_BYTES = 4096, MAX_FIELDS = 8 };

static bell_network network(bell_slice text)
{
    bell_network n;
    FUZZ_CHECK(bell_network_parse(text, &n) == BELL_OK);
    return n;
}

static bell_address address(bell_slice text)
{
    bell_address a;
    FUZZ_CHECK(bell_address_parse(text, &a) == BELL_OK);
    return a;
}

/* The head with these lines; false when the parser refuses them. */
static bool head_read(char *text, size_t *n, bell_slice front, bell_slice a, bell_slice b,
                      struct bell_http_parser *parser, bell_http_head_field *fields)
{
    static const bell_http_parser_limits LIMITS = {.max_head_bytes = 4 * MAX_BYTES,
                                                   .max_field_count = MAX_FIELDS};
    const bell_slice parts[] = {
        BELL_LIT("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: "),
        front,
        a,
        BELL_LIT("\r\nX-Forwarded-For: "),
        b,
        BELL_LIT("\r\nX-Forwarded-Proto: "),
        b,
        BELL_LIT("\r\n\r\n"),
    };
    *n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].n > 0) {
            memcpy(text + *n, parts[i].p, parts[i].n);
        }
        *n += parts[i].n;
    }
    bell_http_parser_init(parser, &LIMITS, fields);
    return bell_http_parser_feed(parser, bell_slice_make(text, *n)) == BELL_OK;
}

static bool is_same(const bell_client *a, const bell_client *b)
{
    return a->is_secure == b->is_secure &&
           memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[4 * MAX_BYTES];
    if (size == 0 || size > MAX_BYTES / 2) {
        return 0;
    }
    const uint8_t *zero = memchr(data, 0, size);
    size_t first = zero == NULL ? size : (size_t)(zero - data);
    bell_slice a = bell_slice_make(data, first);
    bell_slice b = bell_slice_make(data + first + (zero != NULL), size - first - (zero != NULL));
    struct bell_http_parser parser;
    bell_http_head_field fields[MAX_FIELDS];
    size_t n;
    const bell_network proxies[] = {network(BELL_LIT("10.0.0.0/8")), network(BELL_LIT("fd00::/8"))};
    const bell_client proxy = {.address = address(BELL_LIT("10.0.0.1"))};
    const bell_client stranger = {.address = address(BELL_LIT("192.0.2.1"))};
    if (!head_read(text, &n, BELL_LIT(""), a, b, &parser, fields)) {
        return 0;
    }
    bell_http_head head = bell_http_parser_head(&parser, text);
    bell_client seen = stranger;
    bell_forwarded_read(&head, proxies, 2, &seen);
    FUZZ_CHECK(is_same(&seen, &stranger));
    seen = proxy;
    bell_forwarded_read(&head, proxies, 0, &seen);
    FUZZ_CHECK(is_same(&seen, &proxy));
    bell_forwarded_read(&head, proxies, 2, &seen);
    if (bell_networks_have(proxies, 2, &seen.address)) {
        return 0;
    }
    /* A stranger was found: what it wrote in front of its address is its own claim. */
    if (head_read(text, &n, BELL_LIT("198.51.100.1, 10.0.0.9, "), a, b, &parser, fields)) {
        bell_client again = proxy;
        head = bell_http_parser_head(&parser, text);
        bell_forwarded_read(&head, proxies, 2, &again);
        FUZZ_CHECK(is_same(&again, &seen));
    }
    return 0;
}
