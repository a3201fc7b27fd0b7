/*
 * Route table.
 *
 * Routes with the same pattern (names of parameters aside) form a group. Groups are kept sorted by
 * how specific their patterns are: segment by segment literal, ":name", "*". Of two patterns that
 * fit one path, the first segment in which they differ differs in kind, so that the first group
 * that fits is the most specific one. A table has tens of groups; most of them are told from the
 * path by the literal text they begin with.
 */
#include "bell/http/route.h"

#include "base/buf.h"
#include "base/mem.h"
#include "bell/http/pattern.h"
#include "bell/http/text.h"

#include <assert.h>
#include <stdbool.h>

/* All methods of a table, "GET, HEAD, …". */
static const size_t MAX_ALLOW_BYTES = 64 * 1024;
static const size_t FIRST_CAPACITY = 8;

struct route {
    char *text;         /* (owned) method, then pattern */
    bell_slice method;  /* in text */
    bell_slice pattern; /* in text */
    void *value;
    int kind;
};

struct route_group {
    struct route *routes; /* (owned) never empty */
    size_t count;
    size_t literal_bytes; /* of the pattern before its first ":" or "*" segment */
    bell_slice allow;     /* (owned .p) */
};

struct bell_http_router {
    struct route_group *groups; /* (owned) most specific first */
    size_t count;
    size_t capacity;
    size_t route_count;
    bell_slice allow; /* (owned .p) of all groups; .p NULL while there is none */
};

/* RFC 9110 section 9.3 and RFC 5789; a route makes others known, too. */
static const bell_slice KNOWN_METHODS[] = {
    {"GET", 3},     {"HEAD", 4},    {"POST", 4},  {"PUT", 3},   {"DELETE", 6},
    {"CONNECT", 7}, {"OPTIONS", 7}, {"TRACE", 5}, {"PATCH", 5},
};

bell_status bell_http_router_create(struct bell_http_router **out)
{
    struct bell_http_router *r = bell_mem_zalloc(sizeof *r);
    if (r == NULL) {
        return BELL_ENOMEM;
    }
    *out = r;
    return BELL_OK;
}

static void route_group_finish(struct route_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        bell_mem_free(group->routes[i].text);
    }
    bell_mem_free(group->routes);
    bell_mem_free_text(group->allow);
}

void bell_http_router_destroy(struct bell_http_router *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        route_group_finish(&r->groups[i]);
    }
    bell_mem_free(r->groups);
    bell_mem_free_text(r->allow);
    bell_mem_free(r);
}

/* Filling the table. */

static const struct route *group_find(const struct route_group *group, bell_slice method)
{
    for (size_t i = 0; i < group->count; i++) {
        if (bell_slice_equal(group->routes[i].method, method)) {
            return &group->routes[i];
        }
    }
    return NULL;
}

/* "A, B" and method, each once. */
static bell_status allow_append(struct bell_buf *b, bell_slice method)
{
    if (bell_http_list_has(bell_buf_slice(b), method)) {
        return BELL_OK;
    }
    bell_status st = b->n > 0 ? bell_buf_append(b, BELL_LIT(", ")) : BELL_OK;
    return st == BELL_OK ? bell_buf_append(b, method) : st;
}

/*
 * An owned list: what was allowed before, the new method, and what comes with it. OPTIONS is
 * answered everywhere.
 */
static bell_status allow_extend(bell_slice before, bell_slice method, bell_slice *out)
{
    struct bell_buf b;
    bell_buf_init(&b, MAX_ALLOW_BYTES);
    bell_status st = bell_buf_append(&b, before);
    if (st == BELL_OK) {
        st = allow_append(&b, method);
    }
    if (st == BELL_OK && bell_slice_equal(method, BELL_LIT("GET"))) {
        st = allow_append(&b, BELL_LIT("HEAD"));
    }
    if (st == BELL_OK) {
        st = allow_append(&b, BELL_LIT("OPTIONS"));
    }
    if (st != BELL_OK) {
        bell_buf_finish(&b);
        return st;
    }
    *out = bell_buf_slice(&b);
    return BELL_OK;
}

static bell_status route_init(struct route *route, bell_slice method, bell_slice pattern, int kind,
                              void *value)
{
    char *text = bell_mem_alloc(method.n + pattern.n);
    if (text == NULL) {
        return BELL_ENOMEM;
    }
    memcpy(text, method.p, method.n);
    memcpy(text + method.n, pattern.p, pattern.n);
    *route = (struct route){
        .text = text,
        .method = {text, method.n},
        .pattern = {text + method.n, pattern.n},
        .value = value,
        .kind = kind,
    };
    return BELL_OK;
}

/* Where a pattern belongs; *exists tells whether its group stands there already. */
static size_t router_place(const struct bell_http_router *r, bell_slice pattern, bool *exists)
{
    size_t i = 0;
    int order = -1;
    while (i < r->count) {
        order = bell_http_pattern_compare(pattern, r->groups[i].routes[0].pattern);
        if (order <= 0) {
            break;
        }
        i++;
    }
    *exists = i < r->count && order == 0;
    return i;
}

static bell_status router_reserve(struct bell_http_router *r)
{
    if (r->count < r->capacity) {
        return BELL_OK;
    }
    size_t capacity = r->capacity == 0 ? FIRST_CAPACITY : r->capacity * 2;
    struct route_group *groups = bell_mem_resize(r->groups, capacity * sizeof *groups);
    if (groups == NULL) {
        return BELL_ENOMEM;
    }
    r->groups = groups;
    r->capacity = capacity;
    return BELL_OK;
}

/* Makes room for one more route in the group at place, or for a new group. */
static bell_status router_make_room(struct bell_http_router *r, size_t place, bool exists,
                                    struct route **routes)
{
    bell_status st = exists ? BELL_OK : router_reserve(r);
    if (st != BELL_OK) {
        return st;
    }
    size_t count = exists ? r->groups[place].count : 0;
    struct route *grown =
        bell_mem_resize(exists ? r->groups[place].routes : NULL, (count + 1) * sizeof *grown);
    if (grown == NULL) {
        return BELL_ENOMEM;
    }
    if (exists) {
        r->groups[place].routes = grown;
    }
    *routes = grown;
    return BELL_OK;
}

static void router_open_group(struct bell_http_router *r, size_t place, struct route *routes,
                              bell_slice pattern)
{
    memmove(&r->groups[place + 1], &r->groups[place], (r->count - place) * sizeof r->groups[0]);
    r->groups[place] = (struct route_group){
        .routes = routes, .literal_bytes = bell_http_pattern_literal_bytes(pattern)};
    r->count++;
}

/* Takes over the route and the list; there is room. */
static void group_take(struct route_group *group, const struct route *route, bell_slice allow)
{
    group->routes[group->count] = *route;
    group->count++;
    bell_mem_free_text(group->allow);
    group->allow = allow;
}

static bell_status router_add_route(struct bell_http_router *r, const struct route *route)
{
    bool exists;
    size_t place = router_place(r, route->pattern, &exists);
    if (exists && group_find(&r->groups[place], route->method) != NULL) {
        return BELL_EEXISTS;
    }
    bell_slice all_allow;
    bell_status st = allow_extend(r->allow, route->method, &all_allow);
    if (st != BELL_OK) {
        return st;
    }
    bell_slice group_before = exists ? r->groups[place].allow : (bell_slice){NULL, 0};
    bell_slice group_allow;
    st = allow_extend(group_before, route->method, &group_allow);
    if (st != BELL_OK) {
        goto free_all_allow;
    }
    struct route *routes;
    st = router_make_room(r, place, exists, &routes);
    if (st != BELL_OK) {
        goto free_group_allow;
    }
    if (!exists) {
        router_open_group(r, place, routes, route->pattern);
    }
    group_take(&r->groups[place], route, group_allow);
    bell_mem_free_text(r->allow);
    r->allow = all_allow;
    r->route_count++;
    return BELL_OK;

free_group_allow:
    bell_mem_free_text(group_allow);
free_all_allow:
    bell_mem_free_text(all_allow);
    return st;
}

bell_status bell_http_router_add(struct bell_http_router *r, bell_slice method, bell_slice pattern,
                                 int kind, void *value)
{
    if (!bell_http_is_token(method) || !bell_http_pattern_is_valid(pattern)) {
        return BELL_EINVAL;
    }
    if (r->route_count == BELL_HTTP_MAX_ROUTES) {
        return BELL_ELIMIT;
    }
    struct route route;
    bell_status st = route_init(&route, method, pattern, kind, value);
    if (st != BELL_OK) {
        return st;
    }
    st = router_add_route(r, &route);
    if (st != BELL_OK) {
        bell_mem_free(route.text);
    }
    return st;
}

/* Matching. */

static bool router_knows_method(const struct bell_http_router *r, bell_slice method)
{
    for (size_t i = 0; i < sizeof KNOWN_METHODS / sizeof KNOWN_METHODS[0]; i++) {
        if (bell_slice_equal(method, KNOWN_METHODS[i])) {
            return true;
        }
    }
    /* Methods are case-sensitive (RFC 9110 section 9.1), so this is no bell_http_list_has. */
    bell_slice rest = r->allow;
    bell_slice known;
    while (bell_http_list_next(&rest, &known)) {
        if (bell_slice_equal(method, known)) {
            return true;
        }
    }
    return false;
}

static const struct route_group *router_find_group(const struct bell_http_router *r,
                                                   bell_slice path, bell_http_match *out)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct route_group *group = &r->groups[i];
        bell_slice pattern = group->routes[0].pattern;
        if (group->literal_bytes <= path.n &&
            memcmp(pattern.p, path.p, group->literal_bytes) == 0 &&
            bell_http_pattern_fits(pattern, path, out)) {
            return group;
        }
    }
    return NULL;
}

static void match_route(const struct route *route, bell_slice path, bell_http_match *out)
{
    out->outcome = BELL_HTTP_ROUTE_FOUND;
    out->kind = route->kind;
    out->value = route->value;
    /* Once more, since routes of one group may name their parameters differently. */
    bool fits = bell_http_pattern_fits(route->pattern, path, out);
    assert(fits);
    (void)fits;
}

static void match_other(bell_http_match *out, bell_http_route_outcome outcome, bell_slice allow)
{
    out->outcome = outcome;
    out->allow = allow;
    out->param_count = 0;
}

void bell_http_router_match(const struct bell_http_router *r, bell_slice method, bell_slice path,
                            bell_http_match *out)
{
    out->param_count = 0;
    bool is_options = bell_slice_equal(method, BELL_LIT("OPTIONS"));
    if (bell_slice_equal(path, BELL_LIT("*"))) {
        match_other(out, is_options ? BELL_HTTP_ROUTE_OPTIONS : BELL_HTTP_ROUTE_NOT_FOUND,
                    r->allow.n > 0 ? r->allow : BELL_LIT("OPTIONS"));
        return;
    }
    const struct route_group *group = router_find_group(r, path, out);
    const struct route *route = group == NULL ? NULL : group_find(group, method);
    if (route == NULL && group != NULL && bell_slice_equal(method, BELL_LIT("HEAD"))) {
        route = group_find(group, BELL_LIT("GET"));
    }
    if (route != NULL) {
        match_route(route, path, out);
    } else if (!router_knows_method(r, method)) {
        match_other(out, BELL_HTTP_ROUTE_NOT_IMPLEMENTED, (bell_slice){NULL, 0});
    } else if (group == NULL) {
        match_other(out, BELL_HTTP_ROUTE_NOT_FOUND, (bell_slice){NULL, 0});
    } else {
        match_other(out, is_options ? BELL_HTTP_ROUTE_OPTIONS : BELL_HTTP_ROUTE_NOT_ALLOWED,
                    group->allow);
    }
}

bell_slice bell_http_match_param(const bell_http_match *m, bell_slice name)
{
    for (size_t i = 0; i < m->param_count; i++) {
        if (bell_slice_equal(m->params[i].name, name)) {
            return m->params[i].value;
        }
    }
    return (bell_slice){NULL, 0};
}
