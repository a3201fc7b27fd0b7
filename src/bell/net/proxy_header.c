#include "bell/net/proxy_header.h"

#include <string.h>

static const char V1_BEGIN[] = "PROXY ";
static const char V2_SIGNATURE[] = "\r\n\r\n\0\r\nQUIT\n";

enum {
    V1_BEGIN_BYTES = sizeof V1_BEGIN - 1,
    V2_SIGNATURE_BYTES = sizeof V2_SIGNATURE - 1,
    MAX_PORT_DIGITS = 5,
    MAX_PORT = 65535,
};

/* Section 2.2: the 13th and the 14th byte. */
enum { VERSION_2 = 2, COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_UNSPECIFIED = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21, FAMILY_UNIX = 0x31 };
enum { TCP4_BYTES = 12, TCP6_BYTES = 36, UNIX_BYTES = 216 };

/* Section 2.2.1 and following: a type, a length of two bytes, a value. */
enum { FIELD_HEAD_BYTES = 3, FIELD_SSL = 0x20, SSL_HEAD_BYTES = 5, SSL_CLIENT = 0x01 };

/* Do the bytes, as far as they go, begin with what is wanted? */
static bool begins(bell_slice bytes, const char *wanted, size_t n)
{
    size_t least = bytes.n < n ? bytes.n : n;
    return least == 0 || memcmp(bytes.p, wanted, least) == 0;
}

/* ---- version 1 ---- */

/* The next word of a line whose words are parted by one space each; empty when there is none. */
static bell_slice next_word(bell_slice *line)
{
    const char *space = line->n == 0 ? NULL : memchr(line->p, ' ', line->n);
    size_t n = space == NULL ? line->n : (size_t)(space - line->p);
    bell_slice word = {line->p, n};
    size_t used = space == NULL ? n : n + 1;
    /* "a b " has an empty last word, which must not be overlooked. */
    *line = (bell_slice){line->p + used, line->n - used};
    return word;
}

static bool is_port(bell_slice text)
{
    unsigned port = 0;
    if (text.n == 0 || text.n > MAX_PORT_DIGITS || (text.n > 1 && text.p[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
        port = port * 10 + (unsigned)(text.p[i] - '0');
    }
    return port <= MAX_PORT;
}

static bool is_of_family(bell_slice text, bool v6, bell_address *out)
{
    bool has_colon = text.n > 0 && memchr(text.p, ':', text.n) != NULL;
    return has_colon == v6 && bell_address_parse(text, out) == BELL_OK;
}

/* What stands between "PROXY " and the end of the line. */
static bell_status v1_line_read(bell_slice line, bell_proxy_header *out)
{
    bool ends_with_space = line.n > 0 && line.p[line.n - 1] == ' ';
    bell_slice family = next_word(&line);
    if (bell_slice_equal(family, BELL_LIT("UNKNOWN"))) {
        return BELL_OK; /* "the receiver must ignore anything presented before the CRLF" */
    }
    bool v6 = bell_slice_equal(family, BELL_LIT("TCP6"));
    if (!v6 && !bell_slice_equal(family, BELL_LIT("TCP4"))) {
        return BELL_EPROTO;
    }
    bell_address source;
    bell_address destination;
    bell_slice from = next_word(&line);
    bell_slice to = next_word(&line);
    bell_slice from_port = next_word(&line);
    bell_slice to_port = next_word(&line);
    if (line.n > 0 || ends_with_space || !is_of_family(from, v6, &source) ||
        !is_of_family(to, v6, &destination) || !is_port(from_port) || !is_port(to_port)) {
        return BELL_EPROTO;
    }
    out->source = source;
    out->has_source = true;
    return BELL_OK;
}

static bell_status v1_read(bell_slice bytes, bell_proxy_header *out)
{
    size_t n = bytes.n < BELL_PROXY_V1_MAX_BYTES ? bytes.n : BELL_PROXY_V1_MAX_BYTES;
    for (size_t i = V1_BEGIN_BYTES; i < n; i++) {
        if (bytes.p[i] == '\r') {
            if (i + 1 == n) {
                return n == BELL_PROXY_V1_MAX_BYTES ? BELL_EPROTO : BELL_EAGAIN;
            }
            bell_proxy_header header = {.size_bytes = i + 2};
            bell_slice line = {bytes.p + V1_BEGIN_BYTES, i - V1_BEGIN_BYTES};
            if (bytes.p[i + 1] != '\n' || v1_line_read(line, &header) != BELL_OK) {
                return BELL_EPROTO;
            }
            *out = header;
            return BELL_OK;
        }
        if (bytes.p[i] < ' ' || bytes.p[i] > '~') {
            return BELL_EPROTO;
        }
    }
    return n == BELL_PROXY_V1_MAX_BYTES ? BELL_EPROTO : BELL_EAGAIN;
}

/* ---- version 2 ---- */

static size_t number_at(bell_slice bytes, size_t at)
{
    return (size_t)(unsigned char)bytes.p[at] << 8 | (unsigned char)bytes.p[at + 1];
}

/* The fields behind the addresses must fill what is left to the byte. */
static bell_status v2_fields_read(bell_slice fields, bell_proxy_header *out)
{
    while (fields.n > 0) {
        if (fields.n < FIELD_HEAD_BYTES) {
            return BELL_EPROTO;
        }
        size_t n = number_at(fields, 1);
        if (n > fields.n - FIELD_HEAD_BYTES) {
            return BELL_EPROTO;
        }
        if (fields.p[0] == FIELD_SSL) {
            if (n < SSL_HEAD_BYTES) {
                return BELL_EPROTO;
            }
            out->is_secure = ((unsigned char)fields.p[FIELD_HEAD_BYTES] & SSL_CLIENT) != 0;
        }
        size_t used = FIELD_HEAD_BYTES + n;
        fields = (bell_slice){fields.p + used, fields.n - used};
    }
    return BELL_OK;
}

static bell_status v2_proxied_read(unsigned family, bell_slice tail, bell_proxy_header *out)
{
    static const char MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\xff', '\xff'};
    size_t addresses = 0;
    switch (family) {
    case FAMILY_UNSPECIFIED:
        return BELL_OK;
    case FAMILY_TCP4:
        addresses = TCP4_BYTES;
        break;
    case FAMILY_TCP6:
        addresses = TCP6_BYTES;
        break;
    case FAMILY_UNIX:
        addresses = UNIX_BYTES;
        break;
    default: /* datagrams cannot have come by a stream; others are not assigned */
        return BELL_EPROTO;
    }
    if (tail.n < addresses) {
        return BELL_EPROTO;
    }
    if (family == FAMILY_TCP4) {
        memcpy(out->source.bytes, MAPPED, sizeof MAPPED);
        memcpy(out->source.bytes + sizeof MAPPED, tail.p, sizeof out->source.bytes - sizeof MAPPED);
    } else if (family == FAMILY_TCP6) {
        memcpy(out->source.bytes, tail.p, sizeof out->source.bytes);
    }
    out->has_source = family != FAMILY_UNIX;
    return v2_fields_read((bell_slice){tail.p + addresses, tail.n - addresses}, out);
}

static bell_status v2_read(bell_slice bytes, bell_proxy_header *out)
{
    if (bytes.n <= V2_SIGNATURE_BYTES) {
        return BELL_EAGAIN;
    }
    unsigned version_command = (unsigned char)bytes.p[V2_SIGNATURE_BYTES];
    unsigned command = version_command & 0x0f;
    if (version_command >> 4 != VERSION_2 ||
        (command != COMMAND_LOCAL && command != COMMAND_PROXY)) {
        return BELL_EPROTO;
    }
    if (bytes.n < BELL_PROXY_V2_HEAD_BYTES) {
        return BELL_EAGAIN;
    }
    size_t n = number_at(bytes, V2_SIGNATURE_BYTES + 2);
    if (n > BELL_PROXY_V2_MAX_TAIL_BYTES) {
        return BELL_EPROTO;
    }
    if (bytes.n < BELL_PROXY_V2_HEAD_BYTES + n) {
        return BELL_EAGAIN;
    }
    bell_proxy_header header = {.size_bytes = BELL_PROXY_V2_HEAD_BYTES + n};
    bell_status st = BELL_OK;
    if (command == COMMAND_PROXY) { /* of LOCAL all that follows is to be skipped */
        st = v2_proxied_read((unsigned char)bytes.p[V2_SIGNATURE_BYTES + 1],
                             (bell_slice){bytes.p + BELL_PROXY_V2_HEAD_BYTES, n}, &header);
    }
    if (st == BELL_OK) {
        *out = header;
    }
    return st;
}

bell_status bell_proxy_header_read(bell_slice bytes, bell_proxy_header *out)
{
    if (begins(bytes, V1_BEGIN, V1_BEGIN_BYTES)) {
        return bytes.n < V1_BEGIN_BYTES ? BELL_EAGAIN : v1_read(bytes, out);
    }
    if (begins(bytes, V2_SIGNATURE, V2_SIGNATURE_BYTES)) {
        return v2_read(bytes, out);
    }
    return BELL_EPROTO;
}
