/*
 * Request target (RFC 9112 section 3.2), queries and cookies.
 *
 * A path is decoded and cleaned in one pass: bytes are written behind the segment that is open, and
 * when a separator or the end closes a segment that is "." or "..", the write position falls back
 * to where it or its parent began. It never falls below the first "/", so nothing can climb out.
 */
#include "bell/http/target.h"

#include "bell/http/authority.h"
#include "bell/http/text.h"

#include <assert.h>
#include <stdbool.h>

static const uint16_t BAD_REQUEST = 400;
static const uint16_t NOT_IMPLEMENTED = 501;

/* "%" and two digits */
enum { ESCAPE_BYTES = 3 };

/* A path that is being written. */
struct target_path {
    char *p;
    size_t n;       /* written */
    size_t segment; /* where the open segment begins: always behind a "/" */
};

/* Closes the open segment. true when it stays, false when it was a dot segment and is gone. */
static bool path_close_segment(struct target_path *path)
{
    bell_slice segment = {path->p + path->segment, path->n - path->segment};
    bool is_up = bell_slice_equal(segment, BELL_LIT(".."));
    if (!is_up && !bell_slice_equal(segment, BELL_LIT("."))) {
        return true;
    }
    if (is_up && path->segment > 1) {
        path->segment--;
        while (path->p[path->segment - 1] != '/') {
            path->segment--;
        }
    }
    path->n = path->segment;
    return false;
}

/* The byte that the escape at the front of rest stands for; -1 when a path may not hold it. */
static int path_unescape(bell_slice rest)
{
    int value = bell_http_percent_value(rest);
    bool is_fine = value >= 0 && value != '/' && value != '\\' && value != '\t' &&
                   bell_http_char_is((char)value, BELL_HTTP_FIELD);
    return is_fine ? value : -1;
}

/* Takes plain bytes, or one escape, from source at *at. false when neither stands there. */
static bool path_take(struct target_path *path, bell_slice source, size_t *at)
{
    bell_slice rest = {source.p + *at, source.n - *at};
    size_t plain = bell_http_span_of(rest.p, rest.n, BELL_HTTP_PATH);
    if (plain > 0) {
        memcpy(path->p + path->n, rest.p, plain);
        path->n += plain;
        *at += plain;
        return true;
    }
    int byte = path_unescape(rest);
    if (byte < 0) {
        return false;
    }
    path->p[path->n] = (char)byte;
    path->n++;
    *at += ESCAPE_BYTES;
    return true;
}

/*
 * source begins with "/". false when it holds what no path may hold. RFC 9112 section 3.2 asks for
 * 400 where the request line is no valid one; "[", "]", "^" and "|" are let through all the same,
 * since browsers send them as they are (WHATWG URL, path percent-encode set; "^" until 2023).
 */
static bool path_read(bell_slice source, char *room, bell_slice *out)
{
    struct target_path path = {.p = room, .n = 1, .segment = 1};
    room[0] = '/';
    size_t at = 1;
    while (at < source.n) {
        if (source.p[at] == '/') {
            if (path_close_segment(&path)) {
                path.p[path.n++] = '/';
                path.segment = path.n;
            }
            at++;
            continue;
        }
        if (!path_take(&path, source, &at)) {
            return false;
        }
    }
    (void)path_close_segment(&path);
    *out = (bell_slice){room, path.n};
    return true;
}

/* Splits "path?query"; the query keeps its escapes but must be made of URI characters, and of what
 * browsers leave as it is there (WHATWG URL, query percent-encode set): [ \ ] ^ ` { | } */
static bool target_split_query(bell_slice text, bell_slice *path, bell_slice *query)
{
    const char *mark = text.n > 0 ? memchr(text.p, '?', text.n) : NULL;
    *path = text;
    *query = (bell_slice){NULL, 0};
    if (mark == NULL) {
        return true;
    }
    path->n = (size_t)(mark - text.p);
    *query = (bell_slice){mark + 1, text.n - path->n - 1};
    return bell_http_span_of(query->p, query->n, BELL_HTTP_URI) == query->n;
}

/* Takes "http://" or "https://" off the front; false when neither stands there. */
static bool target_skip_scheme(bell_slice *text)
{
    static const bell_slice SCHEMES[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < sizeof SCHEMES / sizeof SCHEMES[0]; i++) {
        size_t n = SCHEMES[i].n;
        if (text->n > n && bell_http_equal_nocase((bell_slice){text->p, n}, SCHEMES[i])) {
            text->p += n;
            text->n -= n;
            return true;
        }
    }
    return false;
}

/* RFC 9112 section 3.2.2. On success *text is what follows the authority. */
static bool target_take_authority(bell_slice *text, bell_slice *authority)
{
    if (!target_skip_scheme(text)) {
        return false;
    }
    size_t n = 0;
    while (n < text->n && text->p[n] != '/' && text->p[n] != '?') {
        n++;
    }
    *authority = (bell_slice){text->p, n};
    text->p += n;
    text->n -= n;
    bell_http_authority parsed;
    return bell_http_authority_parse(*authority, &parsed) == BELL_OK;
}

uint16_t bell_http_target_read(bell_slice method, bell_slice target, char *path_room,
                               size_t room_bytes, bell_http_target *out)
{
    assert(target.n > 0 && room_bytes >= target.n);
    (void)room_bytes;
    *out = (bell_http_target){.form = BELL_HTTP_TARGET_ORIGIN};
    if (bell_slice_equal(method, BELL_LIT("CONNECT"))) {
        return NOT_IMPLEMENTED; /* this is no proxy */
    }
    if (bell_slice_equal(target, BELL_LIT("*"))) {
        path_room[0] = '*';
        out->path = (bell_slice){path_room, 1};
        out->form = BELL_HTTP_TARGET_ASTERISK;
        return bell_slice_equal(method, BELL_LIT("OPTIONS")) ? 0 : BAD_REQUEST;
    }
    bell_slice rest = target;
    if (target.p[0] != '/') {
        out->form = BELL_HTTP_TARGET_ABSOLUTE;
        if (!target_take_authority(&rest, &out->authority)) {
            return BAD_REQUEST;
        }
    }
    bell_slice path;
    if (!target_split_query(rest, &path, &out->query)) {
        return BAD_REQUEST;
    }
    if (path.n == 0) {
        path = BELL_LIT("/"); /* RFC 9110 section 4.2.3: an empty path is "/" */
    }
    return path_read(path, path_room, &out->path) ? 0 : BAD_REQUEST;
}

/* One byte of a query: "+" and escapes decoded. -1 when it is broken or stands for zero. */
static int query_next_byte(bell_slice *rest)
{
    int byte = rest->p[0] == '+' ? ' ' : (uint8_t)rest->p[0];
    size_t used = 1;
    if (byte == '%') {
        byte = bell_http_percent_value(*rest);
        used = ESCAPE_BYTES;
    }
    if (byte <= 0) {
        return -1;
    }
    rest->p += used;
    rest->n -= used;
    return byte;
}

static bool query_name_is(bell_slice escaped, bell_slice name)
{
    size_t i = 0;
    while (escaped.n > 0) {
        int byte = query_next_byte(&escaped);
        if (byte < 0 || i == name.n || (uint8_t)name.p[i] != byte) {
            return false;
        }
        i++;
    }
    return i == name.n;
}

static bell_status query_decode(bell_slice escaped, char *room, size_t room_bytes, bell_slice *out)
{
    size_t n = 0;
    while (escaped.n > 0) {
        int byte = query_next_byte(&escaped);
        if (byte < 0) {
            return BELL_EINVAL;
        }
        if (n == room_bytes) {
            return BELL_ELIMIT;
        }
        room[n++] = (char)byte;
    }
    *out = (bell_slice){room, n};
    return BELL_OK;
}

/* Splits text at the first separator; without one, head is all of it and tail is empty. */
static bell_slice text_cut(bell_slice text, char separator, bell_slice *tail)
{
    const char *at = text.n > 0 ? memchr(text.p, separator, text.n) : NULL;
    if (at == NULL) {
        *tail = (bell_slice){NULL, 0};
        return text;
    }
    bell_slice head = {text.p, (size_t)(at - text.p)};
    *tail = (bell_slice){at + 1, text.n - head.n - 1};
    return head;
}

bell_status bell_http_query_value(bell_slice query, bell_slice name, char *room, size_t room_bytes,
                                  bell_slice *out)
{
    while (query.n > 0) {
        bell_slice pair = text_cut(query, '&', &query);
        bell_slice value;
        bell_slice escaped_name = text_cut(pair, '=', &value);
        if (pair.n > 0 && query_name_is(escaped_name, name)) {
            return query_decode(value, room, room_bytes, out);
        }
    }
    return BELL_ENOTFOUND;
}

bell_status bell_http_cookie_value(bell_slice field, bell_slice name, bell_slice *out)
{
    while (field.n > 0) {
        bell_slice pair = bell_http_trim(text_cut(field, ';', &field));
        bell_slice value;
        bell_slice found = text_cut(pair, '=', &value);
        /* A pair without "=" is no cookie, and is not one with an empty value either. */
        if (found.n < pair.n && bell_slice_equal(bell_http_trim(found), name)) {
            *out = bell_http_trim(value);
            return BELL_OK;
        }
    }
    return BELL_ENOTFOUND;
}
