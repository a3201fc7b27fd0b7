/*
 * For tests: a request head from its text. The text must be a complete, valid head.
 */
#ifndef TESTS_UNIT_BELL_HTTP_REQUEST_H
#define TESTS_UNIT_BELL_HTTP_REQUEST_H

#include "bell/http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

enum { REQUEST_FIELDS = 16 };

struct request {
    bell_http_head_field fields[REQUEST_FIELDS];
    bell_http_head head; /* borrows the text and the fields */
};

static inline void request_parse(struct request *r, const char *text)
{
    static const bell_http_parser_limits LIMITS = {
        .max_head_bytes = 65536,
        .max_field_count = REQUEST_FIELDS,
    };
    struct bell_http_parser parser;
    bell_http_parser_init(&parser, &LIMITS, r->fields);
    bell_slice input = bell_slice_from(text);
    bell_status st = bell_http_parser_feed(&parser, input);
    if (st != BELL_OK || parser.at != input.n) {
        fail_msg("no complete head: %s", text);
    }
    r->head = bell_http_parser_head(&parser, text);
}

#endif
