/*
 * Words of HTTP: tokens, field values, case-blind comparison, comma lists, numbers (RFC 9110
 * section 5.6).
 *
 * No allocation, no state, any thread. Slices handed out point into the input.
 */
#ifndef BELL_HTTP_TEXT_H
#define BELL_HTTP_TEXT_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

/* What a byte may be part of: bits of bell_http_char_classes. */
typedef enum {
    BELL_HTTP_TCHAR = 1, /* token (RFC 9110 section 5.6.2) */
    BELL_HTTP_FIELD = 2, /* field value: VCHAR, SP, HTAB, obs-text (RFC 9110 section 5.5) */
    BELL_HTTP_VCHAR = 4, /* visible ASCII */
    BELL_HTTP_URI = 8,   /* VCHAR but for those no user agent leaves unescaped: " # < > */
    BELL_HTTP_HOST = 16, /* unreserved (RFC 3986 section 2.3) */
    BELL_HTTP_PATH = 32, /* URI but for percent, "/", the backslash, and what no user agent leaves
                            unescaped in a path, though some do in a query: ` { } */
} bell_http_char_class;

extern const uint8_t bell_http_char_classes[256];

static inline bool bell_http_char_is(char c, bell_http_char_class class_bit)
{
    return (bell_http_char_classes[(uint8_t)c] & (unsigned)class_bit) != 0;
}

static inline bool bell_http_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ASCII letters only; other bytes are themselves. */
static inline char bell_http_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* How many bytes at the front of [p, p + n) belong to a class. */
size_t bell_http_span_of(const char *p, size_t n, bell_http_char_class class_bit);
/* The same for BELL_HTTP_FIELD, eight bytes at a time. */
size_t bell_http_span_of_field(const char *p, size_t n);

/* One or more tchar. */
bool bell_http_is_token(bell_slice s);
/* No control character but HTAB; may be empty. */
bool bell_http_is_field_value(bell_slice s);
/* The value of a hexadecimal digit of either case, -1 for anything else. */
int bell_http_hex_value(char c);
/*
 * The byte that "%" and two digits stand for, -1 when s does not begin with an escape.
 */
int bell_http_percent_value(bell_slice s);
/* Equal but for the case of ASCII letters. */
bool bell_http_same_nocase(const char *a, const char *b, size_t n);
static inline bool bell_http_equal_nocase(bell_slice a, bell_slice b)
{
    return a.n == b.n && bell_http_same_nocase(a.p, b.p, a.n);
}
/* Without SP and HTAB at both ends. */
bell_slice bell_http_trim(bell_slice s);

/*
 * The next element of a comma list (RFC 9110 section 5.6.1), trimmed; commas in quoted strings do
 * not count and empty elements are skipped. *rest moves behind it. false when there is none left.
 */
bool bell_http_list_next(bell_slice *rest, bell_slice *element);

/* Is word one of the elements, in any case? */
bool bell_http_list_has(bell_slice list, bell_slice word);

/*
 * One or more decimal digits and nothing else.
 * BELL_EINVAL anything else, BELL_ELIMIT digits that do not fit.
 */
BELL_NODISCARD bell_status bell_http_parse_decimal(bell_slice s, uint64_t *out);

#endif
