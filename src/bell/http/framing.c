/*
 * Framing: one walk over the fields, then the rules in the order in which they can hurt.
 */
#include "bell/http/framing.h"

#include "bell/http/authority.h"
#include "bell/http/text.h"

static const uint16_t BAD_REQUEST = 400;
static const uint16_t CONTENT_TOO_LARGE = 413;
static const uint16_t EXPECTATION_FAILED = 417;
static const uint16_t NOT_IMPLEMENTED = 501;

/* What the fields say, before the rules. */
struct framing_fields {
    bell_slice host;
    bell_slice content_length;
    bell_slice transfer_encoding;
    unsigned host_count;
    unsigned content_length_count;
    unsigned transfer_encoding_count;
    bool has_close;
    bool has_keep_alive;
    bool has_upgrade_option;
    bool has_upgrade; /* to WebSocket, the only protocol there is to switch to */
    bool has_expect_continue;
    bool has_unknown_expect;
};

static void framing_take_connection(struct framing_fields *f, bell_slice list)
{
    bell_slice option;
    while (bell_http_list_next(&list, &option)) {
        f->has_close = f->has_close || bell_http_equal_nocase(option, BELL_LIT("close"));
        f->has_keep_alive =
            f->has_keep_alive || bell_http_equal_nocase(option, BELL_LIT("keep-alive"));
        f->has_upgrade_option =
            f->has_upgrade_option || bell_http_equal_nocase(option, BELL_LIT("upgrade"));
    }
}

static void framing_take_expect(struct framing_fields *f, bell_slice list)
{
    bell_slice expectation;
    while (bell_http_list_next(&list, &expectation)) {
        if (bell_http_equal_nocase(expectation, BELL_LIT("100-continue"))) {
            f->has_expect_continue = true;
        } else {
            f->has_unknown_expect = true;
        }
    }
}

static void framing_take(struct framing_fields *f, bell_slice name, bell_slice value)
{
    if (bell_http_equal_nocase(name, BELL_LIT("host"))) {
        f->host = value;
        f->host_count++;
    } else if (bell_http_equal_nocase(name, BELL_LIT("content-length"))) {
        f->content_length = value;
        f->content_length_count++;
    } else if (bell_http_equal_nocase(name, BELL_LIT("transfer-encoding"))) {
        f->transfer_encoding = value;
        f->transfer_encoding_count++;
    } else if (bell_http_equal_nocase(name, BELL_LIT("connection"))) {
        framing_take_connection(f, value);
    } else if (bell_http_equal_nocase(name, BELL_LIT("expect"))) {
        framing_take_expect(f, value);
    } else if (bell_http_equal_nocase(name, BELL_LIT("upgrade"))) {
        f->has_upgrade = f->has_upgrade || bell_http_list_has(value, BELL_LIT("websocket"));
    }
}

/* RFC 9112 section 3.2: exactly one valid Host in HTTP/1.1; HTTP/1.0 may leave it out. */
static uint16_t framing_check_host(const struct framing_fields *f, bool is_1_0)
{
    if (f->host_count == 0) {
        return is_1_0 ? 0 : BAD_REQUEST;
    }
    bell_http_authority authority;
    if (f->host_count > 1 || bell_http_authority_parse(f->host, &authority) != BELL_OK) {
        return BAD_REQUEST;
    }
    return 0;
}

/*
 * RFC 9112 section 6.1: chunked is the only coding known here. Without chunked as the last one the
 * end of a request cannot be known (6.3), so that is 400; another coding below it is 501.
 */
static uint16_t framing_check_transfer_encoding(const struct framing_fields *f, bool is_1_0)
{
    /* Together with Content-Length, or from HTTP/1.0, it is a sign of smuggling (6.1, 6.3). */
    if (f->content_length_count > 0 || is_1_0 || f->transfer_encoding_count > 1) {
        return BAD_REQUEST;
    }
    bell_slice rest = f->transfer_encoding;
    bell_slice coding;
    bool is_chunked = false;
    bool has_other = false;
    while (bell_http_list_next(&rest, &coding)) {
        /* Chunked must not be applied twice, nor before another coding. */
        if (is_chunked) {
            return BAD_REQUEST;
        }
        is_chunked = bell_http_equal_nocase(coding, BELL_LIT("chunked"));
        has_other = has_other || !is_chunked;
    }
    if (!is_chunked) {
        return BAD_REQUEST;
    }
    /* "chunked," and the like: a list only in the eyes of some. */
    if (!has_other && f->transfer_encoding.n != BELL_LIT("chunked").n) {
        return BAD_REQUEST;
    }
    return has_other ? NOT_IMPLEMENTED : 0;
}

static uint16_t framing_check_length(const struct framing_fields *f, bell_http_framing *out)
{
    /* RFC 9110 section 8.6 would let us fold equal values into one; nobody honest sends two. */
    if (f->content_length_count > 1 ||
        bell_http_parse_decimal(f->content_length, &out->content_length) != BELL_OK) {
        return BAD_REQUEST;
    }
    out->body = out->content_length > 0 ? BELL_HTTP_BODY_LENGTH : BELL_HTTP_BODY_NONE;
    return 0;
}

static uint16_t framing_check_body(const struct framing_fields *f, bell_http_framing *out)
{
    if (f->transfer_encoding_count > 0) {
        out->body = BELL_HTTP_BODY_CHUNKED;
        return framing_check_transfer_encoding(f, out->is_1_0);
    }
    return f->content_length_count > 0 ? framing_check_length(f, out) : 0;
}

uint16_t bell_http_framing_read(const bell_http_head *head, uint64_t max_body_bytes,
                                bell_http_framing *out)
{
    struct framing_fields f = {.host_count = 0};
    for (uint32_t i = 0; i < head->field_count; i++) {
        framing_take(&f, bell_http_head_name(head, i), bell_http_head_value(head, i));
    }
    *out = (bell_http_framing){.host = f.host, .is_1_0 = head->minor_version == 0};
    uint16_t refusal = framing_check_host(&f, out->is_1_0);
    if (refusal == 0) {
        refusal = framing_check_body(&f, out);
    }
    if (refusal != 0) {
        return refusal;
    }
    /* RFC 9110 section 10.1.1: expectations of HTTP/1.0 clients are ignored. */
    if (f.has_unknown_expect && !out->is_1_0) {
        return EXPECTATION_FAILED;
    }
    if (out->content_length > max_body_bytes) {
        return CONTENT_TOO_LARGE;
    }
    bool has_body = out->body != BELL_HTTP_BODY_NONE;
    out->expect_continue = f.has_expect_continue && has_body && !out->is_1_0;
    /* RFC 9112 section 9.3 */
    out->should_close = f.has_close || (out->is_1_0 && !f.has_keep_alive);
    /* RFC 9110 section 7.8. What would follow a body is a new protocol for one reader and a request
     * for another, so that an upgrade with a body is no upgrade. */
    out->wants_upgrade = f.has_upgrade && f.has_upgrade_option && !out->is_1_0 && !has_body;
    return 0;
}
