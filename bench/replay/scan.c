#include "scan.h"

enum { HEX_DIGITS = 4, HIGH_FIRST = 0xd800, LOW_FIRST = 0xdc00, LOW_LAST = 0xdfff };

void scan_init(struct scan *s, bell_slice json)
{
    *s = (struct scan){.p = json.p, .end = json.p + json.n};
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t')) {
        s->p++;
    }
}

/* The next byte that counts, 0 at the end. */
static char peek(struct scan *s)
{
    skip_space(s);
    return s->failed || s->p >= s->end ? '\0' : *s->p;
}

static bool take(struct scan *s, char c)
{
    if (peek(s) != c) {
        s->failed = true;
        return false;
    }
    s->p++;
    return true;
}

void scan_begin_object(struct scan *s)
{
    take(s, '{');
}

void scan_begin_array(struct scan *s)
{
    take(s, '[');
}

/* Steps over a comma before a further entry, or over the closing byte. */
static bool has_entry(struct scan *s, char closing)
{
    char c = peek(s);
    if (c == closing) {
        s->p++;
        return false;
    }
    if (c == ',') {
        s->p++;
    }
    return peek(s) != '\0';
}

bool scan_key(struct scan *s, bell_slice *key)
{
    if (!has_entry(s, '}')) {
        return false;
    }
    *key = scan_text(s);
    return take(s, ':');
}

bool scan_item(struct scan *s)
{
    return has_entry(s, ']');
}

bell_slice scan_text(struct scan *s)
{
    if (!take(s, '"')) {
        return bell_slice_make(NULL, 0);
    }
    const char *begin = s->p;
    while (s->p < s->end && *s->p != '"') {
        s->p += *s->p == '\\' ? 2 : 1;
    }
    if (s->p >= s->end) {
        s->p = s->end;
        s->failed = true;
        return bell_slice_make(NULL, 0);
    }
    return bell_slice_make(begin, (size_t)(s->p++ - begin));
}

int64_t scan_int(struct scan *s)
{
    bool negative = peek(s) == '-';
    s->p += negative;
    const char *begin = s->p;
    int64_t value = 0;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9' && value < INT64_MAX / 16) {
        value = value * 10 + (*s->p++ - '0');
    }
    if (s->p == begin) {
        s->failed = true;
    }
    return negative ? -value : value;
}

bool scan_bool(struct scan *s)
{
    bool value = peek(s) == 't';
    scan_skip(s);
    return value;
}

bell_slice scan_skip(struct scan *s)
{
    unsigned depth = 0;
    skip_space(s);
    const char *begin = s->p;
    do {
        char c = peek(s);
        if (c == '"') {
            scan_text(s);
        } else if (c == '{' || c == '[') {
            depth++;
            s->p++;
        } else if (c == '}' || c == ']') {
            s->failed = depth == 0;
            depth -= depth > 0;
            s->p++;
        } else if (c == '\0') {
            s->failed = true;
        } else if (c == ',' || c == ':') {
            s->p++;
        } else {
            while (s->p < s->end && strchr(",:]} \n\r\t", *s->p) == NULL) {
                s->p++;
            }
        }
    } while (depth > 0 && !s->failed);
    return s->failed ? bell_slice_make(NULL, 0) : bell_slice_make(begin, (size_t)(s->p - begin));
}

bool scan_is(bell_slice key, const char *name)
{
    return bell_slice_equal(key, bell_slice_from(name));
}

/* Four hex digits, or -1. */
static int32_t read_hex(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < HEX_DIGITS) {
        return -1;
    }
    for (int i = 0; i < HEX_DIGITS; i++) {
        char c = p[i];
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static size_t write_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* What the escape at *p (behind the backslash) stands for; 0 bytes when it is broken. */
static size_t read_escape(const char **p, const char *end, char out[4])
{
    static const char LETTERS[] = "\"\\/bfnrt";
    static const char MEANT[] = "\"\\/\b\f\n\r\t";
    char c = *(*p)++;
    if (c != 'u') {
        const char *found = c == '\0' ? NULL : strchr(LETTERS, c);
        if (found == NULL) {
            return 0;
        }
        out[0] = MEANT[found - LETTERS];
        return 1;
    }
    int32_t high = read_hex(*p, end);
    if (high < 0) {
        return 0;
    }
    *p += HEX_DIGITS;
    if (high < HIGH_FIRST || high > LOW_LAST) {
        return write_utf8((uint32_t)high, out);
    }
    if (end - *p < 2 + HEX_DIGITS || (*p)[0] != '\\' || (*p)[1] != 'u') {
        return 0;
    }
    int32_t low = read_hex(*p + 2, end);
    if (high >= LOW_FIRST || low < LOW_FIRST || low > LOW_LAST) {
        return 0;
    }
    *p += 2 + HEX_DIGITS;
    return write_utf8(
        0x10000U + ((uint32_t)(high - HIGH_FIRST) << 10) + (uint32_t)(low - LOW_FIRST), out);
}

bool scan_text_equal(bell_slice escaped, bell_slice plain)
{
    const char *p = escaped.p;
    const char *end = p + escaped.n;
    const char *q = plain.p;
    const char *plain_end = q + plain.n;
    while (p < end) {
        const char *backslash = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((backslash == NULL ? end : backslash) - p);
        if ((size_t)(plain_end - q) < run || memcmp(p, q, run) != 0) {
            return false;
        }
        p += run;
        q += run;
        if (backslash == NULL) {
            break;
        }
        p++;
        char bytes[4];
        size_t n = p < end ? read_escape(&p, end, bytes) : 0;
        if (n == 0 || (size_t)(plain_end - q) < n || memcmp(bytes, q, n) != 0) {
            return false;
        }
        q += n;
    }
    return q == plain_end;
}
