/*
 * Head parser (RFC 9112 sections 2 to 5).
 *
 * One pass: each state has a function that eats what belongs to it and stops at the first byte that
 * does not, or at the end of what is there. A state that stops at the end is entered again with
 * more bytes, and `mark` remembers where its word began; so no byte is read twice, however the
 * input is cut.
 *
 * Allowed steps:
 *
 *   START -> [START_LF ->] METHOD -> TARGET -> VERSION -> FIELD
 *   STATUS -> REASON -> REASON_LF -> FIELD
 *   FIELD -> NAME -> VALUE_START -> VALUE -> VALUE_LF -> FIELD
 *   FIELD -> END_LF -> COMPLETE
 *
 * and from each of them to REFUSED.
 */
#include "bell/http/parser.h"

#include "base/compiler.h"
#include "bell/http/text.h"

#include <assert.h>

enum parser_state {
    PARSER_START,
    PARSER_START_LF,
    PARSER_METHOD,
    PARSER_TARGET,
    PARSER_VERSION,
    PARSER_STATUS,
    PARSER_REASON,
    PARSER_REASON_LF,
    PARSER_FIELD,
    PARSER_NAME,
    PARSER_VALUE_START,
    PARSER_VALUE,
    PARSER_VALUE_LF,
    PARSER_END_LF,
    PARSER_COMPLETE,
    PARSER_REFUSED,
};

static const uint16_t BAD_REQUEST = 400;
static const uint16_t URI_TOO_LONG = 414;
static const uint16_t HEAD_TOO_LARGE = 431;
static const uint16_t NOT_IMPLEMENTED = 501;
static const uint16_t VERSION_NOT_SUPPORTED = 505;

/* Of responses: what other numbers mean nobody knows (RFC 9110 section 15). */
static const uint16_t LEAST_STATUS = 100;
static const uint16_t MOST_STATUS = 599;

/* What a step works on: the buffer as far as it may be read. */
struct parser_input {
    const char *p;
    uint32_t end;
};

void bell_http_parser_init(struct bell_http_parser *p, const bell_http_parser_limits *limits,
                           bell_http_head_field *fields)
{
    *p = (struct bell_http_parser){.limits = limits, .fields = fields};
}

void bell_http_parser_init_response(struct bell_http_parser *p,
                                    const bell_http_parser_limits *limits,
                                    bell_http_head_field *fields)
{
    *p = (struct bell_http_parser){.limits = limits, .fields = fields, .state = PARSER_STATUS};
}

static void parser_enter(struct bell_http_parser *p, enum parser_state next)
{
    assert(next > p->state || (next == PARSER_FIELD && p->state == PARSER_VALUE_LF));
    p->state = (uint8_t)next;
    p->mark = p->at;
}

static bell_http_span parser_word(const struct bell_http_parser *p)
{
    return (bell_http_span){p->mark, p->at - p->mark};
}

/* The steps: each is called with at < end and returns 0 or a refusal. */

/* RFC 9112 section 2.2: one empty line before the request line is passed over, not more. */
static uint16_t parser_start(struct bell_http_parser *p, struct parser_input in)
{
    if (in.p[p->at] == '\r') {
        p->at++;
        parser_enter(p, PARSER_START_LF);
    } else {
        parser_enter(p, PARSER_METHOD);
    }
    return 0;
}

static uint16_t parser_line_feed(struct bell_http_parser *p, struct parser_input in,
                                 enum parser_state next)
{
    if (in.p[p->at] != '\n') {
        return BAD_REQUEST;
    }
    p->at++;
    parser_enter(p, next);
    return 0;
}

/*
 * A word of the request line: bytes of a class up to one space. One byte over max_bytes is enough
 * to refuse it, whatever follows.
 */
static uint16_t parser_request_word(struct bell_http_parser *p, struct parser_input in,
                                    bell_http_char_class class_bit, uint32_t max_bytes,
                                    uint16_t too_long, bell_http_span *word, enum parser_state next)
{
    uint32_t room = max_bytes - (p->at - p->mark);
    uint32_t there = in.end - p->at;
    uint32_t look = there > room ? room + 1 : there;
    uint32_t taken = (uint32_t)bell_http_span_of(in.p + p->at, look, class_bit);
    p->at += taken;
    if (taken > room) {
        return too_long;
    }
    if (taken == look) {
        return 0;
    }
    if (in.p[p->at] != ' ' || p->at == p->mark) {
        return BAD_REQUEST;
    }
    *word = parser_word(p);
    p->at++;
    parser_enter(p, next);
    return 0;
}

/* "HTTP/" DIGIT "." DIGIT CRLF (RFC 9112 section 2.3), byte by byte. */
static uint16_t parser_version(struct bell_http_parser *p, struct parser_input in)
{
    static const char SHAPE[] = "HTTP/0.0\r\n";
    enum { MAJOR_AT = 5, MINOR_AT = 7, CR_AT = 8, LENGTH = sizeof SHAPE - 1 };

    while (p->at < in.end) {
        uint32_t i = p->at - p->mark;
        char c = in.p[p->at];
        if (i == MAJOR_AT || i == MINOR_AT ? !bell_http_is_digit(c) : c != SHAPE[i]) {
            return BAD_REQUEST;
        }
        /* A later minor version is read as the highest that we know (RFC 9110 section 2.5). */
        if (i == MINOR_AT) {
            p->minor_version = c != '0';
        }
        if (i == CR_AT && in.p[p->mark + MAJOR_AT] != '1') {
            return VERSION_NOT_SUPPORTED;
        }
        p->at++;
        if (i + 1 == LENGTH) {
            parser_enter(p, PARSER_FIELD);
            break;
        }
    }
    return 0;
}

/* "HTTP/1." DIGIT SP 3DIGIT SP (RFC 9112 section 4), byte by byte. */
static uint16_t parser_status(struct bell_http_parser *p, struct parser_input in)
{
    static const char SHAPE[] = "HTTP/1.0 000 ";
    enum { MINOR_AT = 7, STATUS_AT = 9, LENGTH = sizeof SHAPE - 1 };

    while (p->at < in.end) {
        uint32_t i = p->at - p->mark;
        char c = in.p[p->at];
        if (SHAPE[i] == '0' ? !bell_http_is_digit(c) : c != SHAPE[i]) {
            return BAD_REQUEST;
        }
        if (i == MINOR_AT) {
            p->minor_version = c != '0';
        }
        if (i >= STATUS_AT && c != ' ') {
            p->status = (uint16_t)(p->status * 10 + (c - '0'));
        }
        p->at++;
        if (i + 1 == LENGTH) {
            if (p->status < LEAST_STATUS || p->status > MOST_STATUS) {
                return BAD_REQUEST;
            }
            parser_enter(p, PARSER_REASON);
            break;
        }
    }
    return 0;
}

/* Whatever it says: for people, and not even for those (RFC 9110 section 15.1). */
static uint16_t parser_reason(struct bell_http_parser *p, struct parser_input in)
{
    p->at += (uint32_t)bell_http_span_of_field(in.p + p->at, in.end - p->at);
    if (p->at == in.end) {
        return 0;
    }
    if (in.p[p->at] != '\r') {
        return BAD_REQUEST;
    }
    p->at++;
    parser_enter(p, PARSER_REASON_LF);
    return 0;
}

/* The first byte of a line: a field or the end. White space here would be a folded line (5.2). */
static uint16_t parser_field(struct bell_http_parser *p, struct parser_input in)
{
    if (in.p[p->at] == '\r') {
        p->at++;
        parser_enter(p, PARSER_END_LF);
        return 0;
    }
    if (p->field_count == p->limits->max_field_count) {
        return HEAD_TOO_LARGE;
    }
    parser_enter(p, PARSER_NAME);
    return 0;
}

/* RFC 9112 section 5.1: no white space between name and colon. */
static uint16_t parser_name(struct bell_http_parser *p, struct parser_input in)
{
    p->at += (uint32_t)bell_http_span_of(in.p + p->at, in.end - p->at, BELL_HTTP_TCHAR);
    if (p->at == in.end) {
        return 0;
    }
    if (in.p[p->at] != ':' || p->at == p->mark) {
        return BAD_REQUEST;
    }
    p->name = parser_word(p);
    p->at++;
    parser_enter(p, PARSER_VALUE_START);
    return 0;
}

static void parser_value_start(struct bell_http_parser *p, struct parser_input in)
{
    while (p->at < in.end && (in.p[p->at] == ' ' || in.p[p->at] == '\t')) {
        p->at++;
    }
    if (p->at < in.end) {
        parser_enter(p, PARSER_VALUE);
    }
}

static uint16_t parser_value(struct bell_http_parser *p, struct parser_input in)
{
    p->at += (uint32_t)bell_http_span_of_field(in.p + p->at, in.end - p->at);
    if (p->at == in.end) {
        return 0;
    }
    if (in.p[p->at] != '\r') {
        return BAD_REQUEST;
    }
    bell_http_span value = parser_word(p);
    value.n = (uint32_t)bell_http_trim(bell_slice_make(in.p + value.at, value.n)).n;
    p->fields[p->field_count] = (bell_http_head_field){.name = p->name, .value = value};
    p->field_count++;
    p->at++;
    parser_enter(p, PARSER_VALUE_LF);
    return 0;
}

static uint16_t parser_step(struct bell_http_parser *p, struct parser_input in)
{
    switch ((enum parser_state)p->state) {
    case PARSER_START:
        return parser_start(p, in);
    case PARSER_START_LF:
        return parser_line_feed(p, in, PARSER_METHOD);
    case PARSER_METHOD:
        return parser_request_word(p, in, BELL_HTTP_TCHAR, BELL_HTTP_MAX_METHOD_BYTES,
                                   NOT_IMPLEMENTED, &p->method, PARSER_TARGET);
    case PARSER_TARGET:
        return parser_request_word(p, in, BELL_HTTP_VCHAR, p->limits->max_head_bytes, URI_TOO_LONG,
                                   &p->target, PARSER_VERSION);
    case PARSER_VERSION:
        return parser_version(p, in);
    case PARSER_STATUS:
        return parser_status(p, in);
    case PARSER_REASON:
        return parser_reason(p, in);
    case PARSER_REASON_LF:
        return parser_line_feed(p, in, PARSER_FIELD);
    case PARSER_FIELD:
        return parser_field(p, in);
    case PARSER_NAME:
        return parser_name(p, in);
    case PARSER_VALUE_START:
        parser_value_start(p, in);
        return 0;
    case PARSER_VALUE:
        return parser_value(p, in);
    case PARSER_VALUE_LF:
        return parser_line_feed(p, in, PARSER_FIELD);
    case PARSER_END_LF:
        return parser_line_feed(p, in, PARSER_COMPLETE);
    case PARSER_COMPLETE:
    case PARSER_REFUSED:
        break;
    }
    assert(false && "a finished parser is not fed");
    return BAD_REQUEST;
}

static bell_status parser_refuse(struct bell_http_parser *p, uint16_t status)
{
    p->refusal = status;
    parser_enter(p, PARSER_REFUSED);
    return BELL_EPROTO;
}

bell_status bell_http_parser_feed(struct bell_http_parser *p, bell_slice buffer)
{
    assert(p->state < PARSER_COMPLETE && buffer.n >= p->at);
    uint32_t max_bytes = p->limits->max_head_bytes;
    struct parser_input in = {
        .p = buffer.p,
        .end = buffer.n < max_bytes ? (uint32_t)buffer.n : max_bytes,
    };
    while (p->at < in.end) {
        uint16_t refusal = parser_step(p, in);
        if (BELL_UNLIKELY(refusal != 0)) {
            return parser_refuse(p, refusal);
        }
        if (p->state == PARSER_COMPLETE) {
            return BELL_OK;
        }
    }
    if (p->at >= max_bytes) {
        return parser_refuse(p, p->state == PARSER_TARGET ? URI_TOO_LONG : HEAD_TOO_LARGE);
    }
    return BELL_EAGAIN;
}

bell_http_head bell_http_parser_head(const struct bell_http_parser *p, const char *base)
{
    assert(p->state == PARSER_COMPLETE);
    return (bell_http_head){
        .base = base,
        .fields = p->fields,
        .field_count = p->field_count,
        .size_bytes = p->at,
        .method = p->method,
        .target = p->target,
        .status = p->status,
        .minor_version = p->minor_version,
    };
}

bool bell_http_parser_has_begun(const struct bell_http_parser *p)
{
    return p->state > PARSER_METHOD || (p->state == PARSER_METHOD && p->at > p->mark);
}
