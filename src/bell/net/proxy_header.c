#include "bell/net/proxy_header.h"

#include "base/num.h"

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
enum { FIELD_HEAD_BYTES = 3, FIELD_CHECKSUM = 0x03, FIELD_SSL = 0x20 };
enum { CHECKSUM_BYTES = 4, SSL_HEAD_BYTES = 5, SSL_CLIENT = 0x01 };

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

/* CRC32c (RFC 9260 appendix A), four bits at a time: a header is short, and has one at most. */
static uint32_t crc32c_add(uint32_t crc, const char *p, size_t n)
{
    static const uint32_t STEPS[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (size_t i = 0; i < n; i++) {
        crc ^= (uint8_t)p[i];
        crc = crc >> 4 ^ STEPS[crc & 0x0f];
        crc = crc >> 4 ^ STEPS[crc & 0x0f];
    }
    return crc;
}

/* Is the sum, which stands within the header, that of all of it, with zeros in its own place? */
static bool is_checksum(bell_slice header, const char *sum)
{
    static const char ZEROS[CHECKSUM_BYTES];
    const char *behind = sum + CHECKSUM_BYTES;
    uint32_t crc = crc32c_add(UINT32_MAX, header.p, (size_t)(sum - header.p));
    crc = crc32c_add(crc, ZEROS, sizeof ZEROS);
    crc = crc32c_add(crc, behind, (size_t)(header.p + header.n - behind));
    return ~crc == bell_read_be32(sum);
}

/* The whole first field of what is left of a header, empty when there is none. */
static bell_slice first_field(bell_slice fields)
{
    size_t n = fields.n < FIELD_HEAD_BYTES
                   ? SIZE_MAX
                   : (size_t)FIELD_HEAD_BYTES + bell_read_be16(fields.p + 1);
    return (bell_slice){fields.p, n > fields.n ? 0 : n};
}

/* Do fields fill the rest of the header to the byte? */
static bool are_fields(bell_slice rest)
{
    size_t n;
    while ((n = first_field(rest).n) > 0) {
        rest = (bell_slice){rest.p + n, rest.n - n};
    }
    return rest.n == 0;
}

static bell_status v2_fields_read(bell_slice header, bell_slice fields, bool *is_secure)
{
    bool has_checksum = false;
    bell_slice field;
    while ((field = first_field(fields)).n > 0) {
        const char *value = field.p + FIELD_HEAD_BYTES;
        size_t n = field.n - FIELD_HEAD_BYTES;
        if (field.p[0] == FIELD_SSL) {
            if (n < SSL_HEAD_BYTES) {
                return BELL_EPROTO;
            }
            *is_secure = ((unsigned char)value[0] & SSL_CLIENT) != 0;
        } else if (field.p[0] == FIELD_CHECKSUM) {
            /* One, over all of it. */
            if (has_checksum || n != CHECKSUM_BYTES || !is_checksum(header, value)) {
                return BELL_EPROTO;
            }
            has_checksum = true;
        }
        fields = (bell_slice){fields.p + field.n, fields.n - field.n};
    }
    return BELL_OK;
}

/* SIZE_MAX: datagrams, which cannot have come by a stream, or not assigned. */
static size_t v2_addresses_size(unsigned family)
{
    switch (family) {
    case FAMILY_UNSPECIFIED:
        return 0;
    case FAMILY_TCP4:
        return TCP4_BYTES;
    case FAMILY_TCP6:
        return TCP6_BYTES;
    case FAMILY_UNIX:
        return UNIX_BYTES;
    default:
        return SIZE_MAX;
    }
}

static void v2_source_read(unsigned family, const char *addresses, bell_proxy_header *out)
{
    out->has_source = true;
    if (family == FAMILY_TCP4) {
        out->source = bell_address_from_ipv4(addresses);
    } else if (family == FAMILY_TCP6) {
        memcpy(out->source.bytes, addresses, sizeof out->source.bytes);
    } else {
        out->has_source = false;
    }
}

/*
 * What follows the fixed part. Of LOCAL all is to be skipped, and addresses of a family that is not
 * specified may look like anything, so such a tail need not hold fields; but if it does, a checksum
 * among them holds for all that was said (section 2.2.3).
 */
static bell_status v2_tail_read(bell_slice header, bool is_local, bell_proxy_header *out)
{
    unsigned family = (unsigned char)header.p[V2_SIGNATURE_BYTES + 1];
    bell_slice tail = {header.p + BELL_PROXY_V2_HEAD_BYTES, header.n - BELL_PROXY_V2_HEAD_BYTES};
    size_t n = v2_addresses_size(family);
    bell_slice fields = n > tail.n ? tail : (bell_slice){tail.p + n, tail.n - n};
    if (n > tail.n || !are_fields(fields)) {
        return is_local || family == FAMILY_UNSPECIFIED ? BELL_OK : BELL_EPROTO;
    }
    bool is_secure = false;
    bell_status st = v2_fields_read(header, fields, &is_secure);
    if (st == BELL_OK && !is_local) {
        v2_source_read(family, tail.p, out);
        out->is_secure = is_secure;
    }
    return st;
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
    size_t n = bell_read_be16(bytes.p + V2_SIGNATURE_BYTES + 2);
    if (n > BELL_PROXY_V2_MAX_TAIL_BYTES) {
        return BELL_EPROTO;
    }
    if (bytes.n < BELL_PROXY_V2_HEAD_BYTES + n) {
        return BELL_EAGAIN;
    }
    bell_proxy_header header = {.size_bytes = BELL_PROXY_V2_HEAD_BYTES + n};
    bell_status st =
        v2_tail_read((bell_slice){bytes.p, header.size_bytes}, command == COMMAND_LOCAL, &header);
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
