/*
 * Request body reader (RFC 9112 sections 6 and 7.1).
 *
 *   LENGTH -> COMPLETE
 *   SIZE -> [SIZE_BLANK ->] [EXTENSION ->] SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *   EXTENSION -> EXTENSION_QUOTED -> EXTENSION
 *   EXTENSION_QUOTED -> EXTENSION_ESCAPED -> EXTENSION_QUOTED
 *   SIZE_LF (size 0) -> TRAILER
 *   TRAILER -> TRAILER_NAME -> TRAILER_VALUE -> TRAILER_LF -> TRAILER
 *   TRAILER -> END_LF -> COMPLETE
 *
 * and from each of them to REFUSED. All but LENGTH and DATA move byte by byte: a chunk line is
 * short and what it may hold in excess is bounded.
 */
#include "bell/http/body.h"

#include "base/compiler.h"
#include "bell/http/text.h"

#include <assert.h>

enum body_state {
    BODY_LENGTH,
    BODY_SIZE,
    BODY_SIZE_BLANK,
    BODY_EXTENSION,
    BODY_EXTENSION_QUOTED,
    BODY_EXTENSION_ESCAPED,
    BODY_SIZE_LF,
    BODY_DATA,
    BODY_DATA_CR,
    BODY_DATA_LF,
    BODY_TRAILER,
    BODY_TRAILER_NAME,
    BODY_TRAILER_VALUE,
    BODY_TRAILER_LF,
    BODY_END_LF,
    BODY_COMPLETE,
    BODY_REFUSED,
};

/* Hexadecimal digits of a chunk size, leading zeros included: what a uint64_t takes. */
static const uint8_t MAX_SIZE_DIGITS = 16;

static const uint16_t BAD_REQUEST = 400;
static const uint16_t CONTENT_TOO_LARGE = 413;
static const uint16_t FIELDS_TOO_LARGE = 431;

static void body_enter(struct bell_http_body *b, enum body_state next)
{
    assert(next > b->state || (next == BODY_SIZE && b->state == BODY_DATA_LF) ||
           (next == BODY_TRAILER && b->state == BODY_TRAILER_LF) ||
           (next == BODY_EXTENSION && b->state == BODY_EXTENSION_QUOTED) ||
           (next == BODY_EXTENSION_QUOTED && b->state == BODY_EXTENSION_ESCAPED));
    b->state = (uint8_t)next;
}

void bell_http_body_init(struct bell_http_body *b, const bell_http_framing *framing,
                         uint64_t max_body_bytes)
{
    *b = (struct bell_http_body){.state = BODY_COMPLETE};
    switch (framing->body) {
    case BELL_HTTP_BODY_NONE:
        break;
    case BELL_HTTP_BODY_LENGTH:
        b->left_bytes = framing->content_length;
        b->state = b->left_bytes > 0 ? BODY_LENGTH : BODY_COMPLETE;
        break;
    case BELL_HTTP_BODY_CHUNKED:
        b->room_bytes = max_body_bytes;
        b->state = BODY_SIZE;
        break;
    }
}

/* The steps: one byte each; they return 0 or a refusal. */

static uint16_t body_expect(struct bell_http_body *b, char c, char expected, enum body_state next)
{
    if (c != expected) {
        return BAD_REQUEST;
    }
    body_enter(b, next);
    return 0;
}

static uint16_t body_extension_begin(struct bell_http_body *b, char c)
{
    switch (c) {
    case '\r':
        body_enter(b, BODY_SIZE_LF);
        return 0;
    case ';':
        body_enter(b, BODY_EXTENSION);
        return 0;
    case ' ':
    case '\t':
        body_enter(b, BODY_SIZE_BLANK);
        return 0;
    default:
        return BAD_REQUEST;
    }
}

static uint16_t body_size(struct bell_http_body *b, char c)
{
    int digit = bell_http_hex_value(c);
    if (digit < 0) {
        return b->digits > 0 ? body_extension_begin(b, c) : BAD_REQUEST;
    }
    if (b->digits == MAX_SIZE_DIGITS) {
        return BAD_REQUEST;
    }
    b->digits++;
    b->left_bytes = b->left_bytes << 4 | (unsigned)digit;
    return 0;
}

static uint16_t body_count_extension(struct bell_http_body *b)
{
    b->extension_bytes++;
    b->all_extension_bytes++;
    return b->extension_bytes > BELL_HTTP_MAX_CHUNK_EXTENSION_BYTES ||
                   b->all_extension_bytes > BELL_HTTP_MAX_EXTENSION_BYTES
               ? BAD_REQUEST
               : 0;
}

/* RFC 9112 section 7.1.1: white space may stand before ";", and only there. */
static uint16_t body_size_blank(struct bell_http_body *b, char c)
{
    if (c == ';') {
        body_enter(b, BODY_EXTENSION);
        return 0;
    }
    return c == ' ' || c == '\t' ? body_count_extension(b) : BAD_REQUEST;
}

static uint16_t body_extension(struct bell_http_body *b, char c)
{
    if (c == '\r') {
        body_enter(b, BODY_SIZE_LF);
        return 0;
    }
    if (c == '"') {
        body_enter(b, BODY_EXTENSION_QUOTED);
    }
    return bell_http_char_is(c, BELL_HTTP_FIELD) ? body_count_extension(b) : BAD_REQUEST;
}

/*
 * RFC 9110 section 5.6.4. A line that ends within a quoted string is refused: whoever passes the
 * request on may read on to the closing quote, and so see other chunks than we do.
 */
static uint16_t body_extension_quoted(struct bell_http_body *b, char c)
{
    if (c == '"') {
        body_enter(b, BODY_EXTENSION);
    } else if (c == '\\') {
        body_enter(b, BODY_EXTENSION_ESCAPED);
    }
    return bell_http_char_is(c, BELL_HTTP_FIELD) ? body_count_extension(b) : BAD_REQUEST;
}

static uint16_t body_extension_escaped(struct bell_http_body *b, char c)
{
    body_enter(b, BODY_EXTENSION_QUOTED);
    return bell_http_char_is(c, BELL_HTTP_FIELD) ? body_count_extension(b) : BAD_REQUEST;
}

static uint16_t body_size_lf(struct bell_http_body *b, char c)
{
    if (c != '\n') {
        return BAD_REQUEST;
    }
    if (b->left_bytes > b->room_bytes) {
        return CONTENT_TOO_LARGE;
    }
    b->room_bytes -= b->left_bytes;
    b->digits = 0;
    b->extension_bytes = 0;
    body_enter(b, b->left_bytes > 0 ? BODY_DATA : BODY_TRAILER);
    return 0;
}

/* Trailers are checked as fields are (RFC 9112 section 5) and dropped (RFC 9110 section 6.5.1). */
static uint16_t body_trailer(struct bell_http_body *b, char c)
{
    if (c == '\r') {
        body_enter(b, BODY_END_LF);
        return 0;
    }
    if (!bell_http_char_is(c, BELL_HTTP_TCHAR)) {
        return BAD_REQUEST;
    }
    body_enter(b, BODY_TRAILER_NAME);
    return 0;
}

static uint16_t body_trailer_name(struct bell_http_body *b, char c)
{
    if (c == ':') {
        body_enter(b, BODY_TRAILER_VALUE);
        return 0;
    }
    return bell_http_char_is(c, BELL_HTTP_TCHAR) ? 0 : BAD_REQUEST;
}

static uint16_t body_trailer_value(struct bell_http_body *b, char c)
{
    if (c == '\r') {
        body_enter(b, BODY_TRAILER_LF);
        return 0;
    }
    return bell_http_char_is(c, BELL_HTTP_FIELD) ? 0 : BAD_REQUEST;
}

static bool body_is_in_trailer(const struct bell_http_body *b)
{
    return b->state >= BODY_TRAILER && b->state <= BODY_TRAILER_LF;
}

static uint16_t body_step(struct bell_http_body *b, char c)
{
    switch ((enum body_state)b->state) {
    case BODY_SIZE:
        return body_size(b, c);
    case BODY_SIZE_BLANK:
        return body_size_blank(b, c);
    case BODY_EXTENSION:
        return body_extension(b, c);
    case BODY_EXTENSION_QUOTED:
        return body_extension_quoted(b, c);
    case BODY_EXTENSION_ESCAPED:
        return body_extension_escaped(b, c);
    case BODY_SIZE_LF:
        return body_size_lf(b, c);
    case BODY_DATA_CR:
        return body_expect(b, c, '\r', BODY_DATA_LF);
    case BODY_DATA_LF:
        return body_expect(b, c, '\n', BODY_SIZE);
    case BODY_TRAILER:
        return body_trailer(b, c);
    case BODY_TRAILER_NAME:
        return body_trailer_name(b, c);
    case BODY_TRAILER_VALUE:
        return body_trailer_value(b, c);
    case BODY_TRAILER_LF:
        return body_expect(b, c, '\n', BODY_TRAILER);
    case BODY_END_LF:
        return body_expect(b, c, '\n', BODY_COMPLETE);
    case BODY_LENGTH:
    case BODY_DATA:
    case BODY_COMPLETE:
    case BODY_REFUSED:
        break;
    }
    assert(false && "no state that moves byte by byte");
    return BAD_REQUEST;
}

static uint16_t body_take_byte(struct bell_http_body *b, char c)
{
    bool was_in_trailer = body_is_in_trailer(b);
    uint16_t refusal = body_step(b, c);
    /* The CR that ends the section is not counted: with it the section is over. */
    if (refusal == 0 && was_in_trailer && body_is_in_trailer(b)) {
        b->trailer_bytes++;
        refusal = b->trailer_bytes > BELL_HTTP_MAX_TRAILER_BYTES ? FIELDS_TOO_LARGE : 0;
    }
    return refusal;
}

static bell_slice body_take_piece(struct bell_http_body *b, bell_slice *in)
{
    size_t n = in->n < b->left_bytes ? in->n : (size_t)b->left_bytes;
    bell_slice piece = {in->p, n};
    in->p += n;
    in->n -= n;
    b->left_bytes -= n;
    if (b->left_bytes == 0) {
        body_enter(b, b->state == BODY_LENGTH ? BODY_COMPLETE : BODY_DATA_CR);
    }
    return piece;
}

bell_status bell_http_body_next(struct bell_http_body *b, bell_slice *in, bell_slice *piece)
{
    assert(b->state != BODY_REFUSED);
    *piece = (bell_slice){NULL, 0};
    while (b->state != BODY_COMPLETE) {
        if (in->n == 0) {
            return BELL_EAGAIN;
        }
        if (b->state == BODY_LENGTH || b->state == BODY_DATA) {
            *piece = body_take_piece(b, in);
            return BELL_OK;
        }
        b->refusal = body_take_byte(b, in->p[0]);
        if (BELL_UNLIKELY(b->refusal != 0)) {
            body_enter(b, BODY_REFUSED);
            return BELL_EPROTO;
        }
        in->p++;
        in->n--;
    }
    return BELL_ENOTFOUND;
}

bool bell_http_body_is_complete(const struct bell_http_body *b)
{
    return b->state == BODY_COMPLETE;
}
