/*
 * Patterns of routes. A segment begins behind a "/"; its first byte tells its kind.
 */
#include "bell/http/pattern.h"

#include "bell/http/text.h"

#include <assert.h>

static bell_slice pattern_segment(bell_slice pattern, size_t at)
{
    const char *end = at < pattern.n ? memchr(pattern.p + at, '/', pattern.n - at) : NULL;
    size_t n = end == NULL ? pattern.n - at : (size_t)(end - (pattern.p + at));
    return (bell_slice){pattern.p + at, n};
}

static bool pattern_is_param(bell_slice segment)
{
    return segment.n > 0 && segment.p[0] == ':';
}

static bool pattern_is_rest(bell_slice segment)
{
    return segment.n == 1 && segment.p[0] == '*';
}

static bool pattern_is_literal_segment(bell_slice s)
{
    if (bell_slice_equal(s, BELL_LIT(".")) || bell_slice_equal(s, BELL_LIT(".."))) {
        return false; /* no path has such a segment */
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!bell_http_char_is(s.p[i], BELL_HTTP_FIELD) || strchr("\t*?#\\", s.p[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* Is a name used before the segment at `before`? */
static bool pattern_has_name(bell_slice pattern, size_t before, bell_slice segment)
{
    for (size_t at = 1; at < before;) {
        bell_slice other = pattern_segment(pattern, at);
        if (bell_slice_equal(other, segment)) {
            return true;
        }
        at += other.n + 1;
    }
    return false;
}

bool bell_http_pattern_is_valid(bell_slice pattern)
{
    if (pattern.n == 0 || pattern.p[0] != '/' || pattern.n > BELL_HTTP_MAX_PATTERN_BYTES) {
        return false;
    }
    size_t param_count = 0;
    for (size_t at = 1; at <= pattern.n;) {
        bell_slice segment = pattern_segment(pattern, at);
        bool is_last = at + segment.n == pattern.n;
        if (pattern_is_param(segment)) {
            bell_slice name = {segment.p + 1, segment.n - 1};
            if (!bell_http_is_token(name) || pattern_has_name(pattern, at, segment)) {
                return false;
            }
            param_count++;
        } else if (pattern_is_rest(segment)) {
            if (!is_last) {
                return false;
            }
            param_count++;
        } else if (!pattern_is_literal_segment(segment)) {
            return false;
        }
        at += segment.n + 1;
    }
    return param_count <= BELL_HTTP_MAX_PARAMS;
}

static int pattern_rank(bell_slice segment)
{
    return pattern_is_rest(segment) ? 2 : pattern_is_param(segment) ? 1 : 0;
}

static int pattern_compare_text(bell_slice a, bell_slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

int bell_http_pattern_compare(bell_slice a, bell_slice b)
{
    size_t at_a = 1;
    size_t at_b = 1;
    while (at_a <= a.n && at_b <= b.n) {
        bell_slice segment_a = pattern_segment(a, at_a);
        bell_slice segment_b = pattern_segment(b, at_b);
        int rank = pattern_rank(segment_a);
        int order = rank - pattern_rank(segment_b);
        if (order == 0 && rank == 0) {
            order = pattern_compare_text(segment_a, segment_b);
        }
        if (order != 0) {
            return order;
        }
        at_a += segment_a.n + 1;
        at_b += segment_b.n + 1;
    }
    return (at_a <= a.n) - (at_b <= b.n);
}

size_t bell_http_pattern_literal_bytes(bell_slice pattern)
{
    size_t at = 1;
    while (at <= pattern.n) {
        bell_slice segment = pattern_segment(pattern, at);
        if (pattern_rank(segment) != 0) {
            return at;
        }
        at += segment.n + 1;
    }
    return pattern.n;
}

static void match_push(bell_http_match *m, bell_slice name, bell_slice value)
{
    assert(m->param_count < BELL_HTTP_MAX_PARAMS);
    m->params[m->param_count] = (bell_http_param){.name = name, .value = value};
    m->param_count++;
}

bool bell_http_pattern_fits(bell_slice pattern, bell_slice path, bell_http_match *m)
{
    m->param_count = 0;
    size_t at = 1;
    size_t path_at = 1;
    while (at <= pattern.n && path_at <= path.n) {
        bell_slice segment = pattern_segment(pattern, at);
        if (pattern_is_rest(segment)) {
            match_push(m, segment, (bell_slice){path.p + path_at, path.n - path_at});
            return true;
        }
        bell_slice value = pattern_segment(path, path_at);
        if (pattern_is_param(segment)) {
            if (value.n == 0) {
                return false;
            }
            match_push(m, (bell_slice){segment.p + 1, segment.n - 1}, value);
        } else if (!bell_slice_equal(segment, value)) {
            return false;
        }
        at += segment.n + 1;
        path_at += value.n + 1;
    }
    return at > pattern.n && path_at > path.n;
}
