/*
 * Words of HTTP. The table of byte classes is the only place that knows which byte is what.
 */
#include "bell/http/text.h"

#include <endian.h>

/* Sums of bell_http_char_class; the comment tells the first byte of a row. */
/* clang-format off */
const uint8_t bell_http_char_classes[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0, /* 00 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 10 */
     2, 47,  6,  7, 47, 15, 47, 47, 46, 46, 47, 47, 46, 63, 63, 14, /* 20 */
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 46, 46,  6, 46,  6, 46, /* 30 */
    46, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, /* 40 */
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 46, 14, 46, 47, 63, /* 50 */
    15, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, /* 60 */
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 14, 47, 14, 63,  0, /* 70 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* 80 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* 90 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* a0 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* b0 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* c0 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* d0 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* e0 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* f0 */
};
/* clang-format on */

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

size_t bell_http_span_of(const char *p, size_t n, bell_http_char_class class_bit)
{
    size_t i = 0;
    while (i < n && bell_http_char_is(p[i], class_bit)) {
        i++;
    }
    return i;
}

size_t bell_http_span_of_field(const char *p, size_t n)
{
    size_t i = 0;
    while (n - i >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
        word = le64toh(word);
        /* The high bit of a byte is set where it is below 0x20, and where it is 0x7f; a borrow may
         * also set bytes behind such a one, never before it. */
        uint64_t below_space = (word - EACH_BYTE(0x20)) & ~word;
        uint64_t delete = word ^ EACH_BYTE(0x7f);
        delete = (delete - EACH_BYTE(0x01)) & ~delete;
        uint64_t controls = (below_space | delete) & EACH_BYTE(0x80);
        if (controls == 0) {
            i += sizeof word;
            continue;
        }
        i += (size_t)__builtin_ctzll(controls) / 8;
        if (p[i] != '\t') {
            return i;
        }
        i++;
    }
    return i + bell_http_span_of(p + i, n - i, BELL_HTTP_FIELD);
}

#undef EACH_BYTE

bool bell_http_is_token(bell_slice s)
{
    return s.n > 0 && bell_http_span_of(s.p, s.n, BELL_HTTP_TCHAR) == s.n;
}

bool bell_http_is_field_value(bell_slice s)
{
    return s.n == 0 || bell_http_span_of_field(s.p, s.n) == s.n;
}

int bell_http_hex_value(char c)
{
    if (bell_http_is_digit(c)) {
        return c - '0';
    }
    char lower = bell_http_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int bell_http_percent_value(bell_slice s)
{
    if (s.n < 3 || s.p[0] != '%') {
        return -1;
    }
    int high = bell_http_hex_value(s.p[1]);
    int low = bell_http_hex_value(s.p[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool bell_http_same_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* Most bytes are the same, and need no second look. */
        if (a[i] != b[i] && bell_http_lower(a[i]) != bell_http_lower(b[i])) {
            return false;
        }
    }
    return true;
}

static bool text_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bell_slice bell_http_trim(bell_slice s)
{
    while (s.n > 0 && text_is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && text_is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

/* Where the element that begins at the front ends: at a comma outside quotes, or at the end. */
static size_t text_element_end(bell_slice s)
{
    bool is_quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (is_quoted && c == '\\') {
            i++; /* quoted-pair: the next byte means itself */
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == ',' && !is_quoted) {
            return i;
        }
    }
    return s.n;
}

bool bell_http_list_next(bell_slice *rest, bell_slice *element)
{
    while (rest->n > 0) {
        size_t end = text_element_end(*rest);
        bell_slice found = bell_http_trim((bell_slice){rest->p, end});
        size_t used = end < rest->n ? end + 1 : end;
        rest->p += used;
        rest->n -= used;
        if (found.n > 0) {
            *element = found;
            return true;
        }
    }
    return false;
}

bool bell_http_list_has(bell_slice list, bell_slice word)
{
    bell_slice element;
    while (bell_http_list_next(&list, &element)) {
        if (bell_http_equal_nocase(element, word)) {
            return true;
        }
    }
    return false;
}

bell_status bell_http_parse_decimal(bell_slice s, uint64_t *out)
{
    if (s.n == 0) {
        return BELL_EINVAL;
    }
    uint64_t value = 0;
    bool fits = true;
    for (size_t i = 0; i < s.n; i++) {
        if (!bell_http_is_digit(s.p[i])) {
            return BELL_EINVAL;
        }
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        fits = fits && value <= (UINT64_MAX - digit) / 10;
        value = fits ? value * 10 + digit : value;
    }
    if (!fits) {
        return BELL_ELIMIT;
    }
    *out = value;
    return BELL_OK;
}
