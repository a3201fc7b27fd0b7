/*
 * Head parser: request line, or status line, and header fields (RFC 9112 sections 2 to 5).
 *
 * Strict where leniency has been used to smuggle: lines end in CRLF and nothing else, single spaces
 * in the first line, no folded lines, no space around names, no control characters.
 * Reads the buffer in which a connection collects a head; it remembers how far it has come, so that
 * feeding a growing buffer is linear, and a broken head is refused at its first broken byte.
 * No I/O, no allocation. The result does not depend on how the input is cut into pieces.
 * A parser belongs to one connection, and so to one loop thread.
 */
#ifndef BELL_HTTP_PARSER_H
#define BELL_HTTP_PARSER_H

#include "bell/http/head.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Longer methods are refused with 501. */
#define BELL_HTTP_MAX_METHOD_BYTES 32

typedef struct {
    uint32_t max_head_bytes;  /* with the empty line; above: 431, in the target 414 */
    uint32_t max_field_count; /* above: 431 */
} bell_http_parser_limits;

struct bell_http_parser {
    const bell_http_parser_limits *limits; /* (borrowed for the parser's life) */
    bell_http_head_field *fields; /* (borrowed) room for max_field_count. Between calls it may be
                                     exchanged for a copy of the first field_count elements. */
    uint32_t field_count;
    uint16_t refusal; /* HTTP status of the refusal after BELL_EPROTO, else 0 */
    uint16_t status;  /* private, as what follows: of a response */
    uint8_t state;
    uint8_t minor_version;
    uint32_t at;   /* next byte to read */
    uint32_t mark; /* where the current word began */
    bell_http_span method;
    bell_http_span target;
    bell_http_span name;
};

/* Ready for the next request. Cheap: touches no field. */
void bell_http_parser_init(struct bell_http_parser *p, const bell_http_parser_limits *limits,
                           bell_http_head_field *fields);

/*
 * The same for a response: a status line of three digits from 100 to 599, of HTTP/1 (RFC 9112
 * section 4). Then refusal only tells a head that is too large (431) from a broken one (any other).
 */
void bell_http_parser_init_response(struct bell_http_parser *p,
                                    const bell_http_parser_limits *limits,
                                    bell_http_head_field *fields);

/*
 * Reads on. buffer is everything received since the request's first byte (also what was fed
 * before, perhaps at another address); bytes behind the head, a body or the next request, are not
 * looked at.
 *
 * BELL_OK      the head is complete: bell_http_parser_head
 * BELL_EAGAIN  more bytes are needed
 * BELL_EPROTO  p->refusal is to be answered (400, 414, 431, 501, 505) and the connection closed
 *
 * After BELL_OK or BELL_EPROTO only head and init may be called.
 */
BELL_NODISCARD bell_status bell_http_parser_feed(struct bell_http_parser *p, bell_slice buffer);

/* The view of a complete head over the buffer, whose first byte base is. */
bell_http_head bell_http_parser_head(const struct bell_http_parser *p, const char *base);

/*
 * Has anything of a request arrived (more than the one empty line that may precede it)? Tells an
 * idle keep-alive connection from one that owes the rest of a head.
 */
bool bell_http_parser_has_begun(const struct bell_http_parser *p);

#endif
