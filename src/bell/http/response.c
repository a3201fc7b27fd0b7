/*
 * Response heads (RFC 9112 section 4).
 *
 * The head is measured before it is written, so that the buf grows once and is never left with half
 * of one.
 */
#include "bell/http/response.h"

#include "base/num.h"
#include "bell/http/text.h"

#include <assert.h>

enum {
    LOWEST_STATUS = 100,
    HIGHEST_STATUS = 599,
    /* "HTTP/1.1 511 Network Authentication Required", the fields below but for what is the
     * caller's, line ends, 20 digits of a length. */
    FIXED_BYTES = 512,
    FIELD_EXTRA_BYTES = 4, /* ": " and CRLF */
    MAX_DIGITS = 20,
};

static const struct {
    uint16_t status;
    const char *text;
} REASONS[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

bell_slice bell_http_reason(uint16_t status)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof REASONS[0]; i++) {
        if (REASONS[i].status == status) {
            return bell_slice_from(REASONS[i].text);
        }
    }
    return BELL_LIT("Unknown");
}

bool bell_http_status_has_body(uint16_t status)
{
    return status >= 200 && status != 204 && status != 304;
}

bell_slice bell_http_response_continue(void)
{
    return BELL_LIT("HTTP/1.1 100 Continue\r\n\r\n");
}

/* Fields that frame the message: two of them would be two readings of it. */
static bool response_is_own_field(bell_slice name)
{
    static const bell_slice OWN[] = {
        {"content-length", 14},
        {"transfer-encoding", 17},
        {"connection", 10},
        {"keep-alive", 10},
        {"date", 4},
    };
    for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++) {
        if (bell_http_equal_nocase(name, OWN[i])) {
            return true;
        }
    }
    return false;
}

static bool response_field_is_valid(const bell_http_field *field, bool has_content_type)
{
    return bell_http_is_token(field->name) && bell_http_is_field_value(field->value) &&
           !response_is_own_field(field->name) &&
           !(has_content_type && bell_http_equal_nocase(field->name, BELL_LIT("content-type")));
}

static bool response_head_is_valid(const bell_http_response_head *head)
{
    if (head->status < LOWEST_STATUS || head->status > HIGHEST_STATUS ||
        !bell_http_is_field_value(head->content_type) || !bell_http_is_field_value(head->date)) {
        return false;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        if (!response_field_is_valid(&head->fields[i], head->content_type.n > 0)) {
            return false;
        }
    }
    return true;
}

/* Enough for the whole head; false when the sum does not fit. */
static bool response_measure(const bell_http_response_head *head, size_t *out)
{
    size_t total = FIXED_BYTES;
    bool fits = bell_size_add(total, head->content_type.n, &total) &&
                bell_size_add(total, head->date.n, &total);
    for (size_t i = 0; fits && i < head->field_count; i++) {
        fits = bell_size_add(total, head->fields[i].name.n, &total) &&
               bell_size_add(total, head->fields[i].value.n, &total) &&
               bell_size_add(total, FIELD_EXTRA_BYTES, &total);
    }
    *out = total;
    return fits;
}

/* The writers below go into room that response_measure has counted. */

static void response_put(struct bell_buf *out, bell_slice s)
{
    assert(s.n <= out->capacity - out->n);
    if (s.n > 0) {
        memcpy(out->p + out->n, s.p, s.n);
        out->n += s.n;
    }
}

static void response_put_number(struct bell_buf *out, uint64_t value)
{
    char digits[MAX_DIGITS];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    response_put(out, (bell_slice){digits + at, sizeof digits - at});
}

static void response_put_field(struct bell_buf *out, bell_slice name, bell_slice value)
{
    response_put(out, name);
    response_put(out, BELL_LIT(": "));
    response_put(out, value);
    response_put(out, BELL_LIT("\r\n"));
}

static void response_put_connection(struct bell_buf *out, bell_http_connection connection)
{
    switch (connection) {
    case BELL_HTTP_CONNECTION_IMPLICIT:
        break;
    case BELL_HTTP_CONNECTION_CLOSE:
        response_put(out, BELL_LIT("Connection: close\r\n"));
        break;
    case BELL_HTTP_CONNECTION_KEEP_ALIVE:
        response_put(out, BELL_LIT("Connection: keep-alive\r\n"));
        break;
    case BELL_HTTP_CONNECTION_UPGRADE:
        response_put(out, BELL_LIT("Connection: Upgrade\r\n"));
        break;
    case BELL_HTTP_CONNECTION_CLOSE_UPGRADE:
        response_put(out, BELL_LIT("Connection: close, Upgrade\r\n"));
        break;
    }
}

static void response_put_head(struct bell_buf *out, const bell_http_response_head *head)
{
    response_put(out, BELL_LIT("HTTP/1.1 "));
    response_put_number(out, head->status);
    response_put(out, BELL_LIT(" "));
    response_put(out, bell_http_reason(head->status));
    response_put(out, BELL_LIT("\r\n"));
    if (head->date.n > 0) {
        response_put_field(out, BELL_LIT("Date"), head->date);
    }
    response_put_connection(out, head->connection);
    if (head->content_type.n > 0) {
        response_put_field(out, BELL_LIT("Content-Type"), head->content_type);
    }
    if (head->is_nosniff) {
        response_put_field(out, BELL_LIT("X-Content-Type-Options"), BELL_LIT("nosniff"));
    }
    if (bell_http_status_has_body(head->status)) {
        response_put(out, BELL_LIT("Content-Length: "));
        response_put_number(out, head->content_length);
        response_put(out, BELL_LIT("\r\n"));
    }
    for (size_t i = 0; i < head->field_count; i++) {
        response_put_field(out, head->fields[i].name, head->fields[i].value);
    }
    response_put(out, BELL_LIT("\r\n"));
}

bell_status bell_http_response_write_head(struct bell_buf *out, const bell_http_response_head *head)
{
    if (!response_head_is_valid(head)) {
        return BELL_EINVAL;
    }
    size_t room;
    if (!response_measure(head, &room)) {
        return BELL_ELIMIT;
    }
    bell_status st = bell_buf_reserve(out, room);
    if (st == BELL_OK) {
        response_put_head(out, head);
    }
    return st;
}

bell_status bell_http_response_write_plain(struct bell_buf *out,
                                           const bell_http_response_head *head,
                                           bool is_head_request)
{
    bell_http_response_head plain = *head;
    bool has_body = bell_http_status_has_body(plain.status);
    bell_slice reason = bell_http_reason(plain.status);
    /* "404 ", the reason, a line end */
    size_t body_bytes = has_body ? 4 + reason.n + 1 : 0;
    plain.content_type = has_body ? BELL_LIT("text/plain; charset=utf-8") : (bell_slice){NULL, 0};
    plain.content_length = body_bytes;
    plain.is_nosniff = has_body;
    size_t before = out->n;
    bell_status st = bell_http_response_write_head(out, &plain);
    if (st != BELL_OK || is_head_request || !has_body) {
        return st;
    }
    st = bell_buf_reserve(out, body_bytes);
    if (st != BELL_OK) {
        out->n = before;
        return st;
    }
    response_put_number(out, plain.status);
    response_put(out, BELL_LIT(" "));
    response_put(out, reason);
    response_put(out, BELL_LIT("\n"));
    return BELL_OK;
}
