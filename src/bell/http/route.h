/*
 * Route table: method and path to what serves them (see bell/http_server.h on patterns).
 *
 * The most specific pattern that fits the path decides, then its methods: literal segments win over
 * ":name", that over "*", from left to right. ":name" takes one segment that is not empty; "*"
 * takes any rest, also none (of "/a/", but not of "/a"). A table is filled on one thread and only
 * read afterwards, by any.
 *
 * WebSockets at the same paths as files go into a table of their own, which is asked first for
 * requests that want an upgrade.
 */
#ifndef BELL_HTTP_ROUTE_H
#define BELL_HTTP_ROUTE_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stddef.h>
#include <stdint.h>

/* Of one pattern. */
#define BELL_HTTP_MAX_PARAMS 16
/* Of one pattern, slashes included. */
#define BELL_HTTP_MAX_PATTERN_BYTES 1024
/* Of one table. They are looked through one by one. */
#define BELL_HTTP_MAX_ROUTES 4096

struct bell_http_router;

typedef enum {
    BELL_HTTP_ROUTE_FOUND,
    BELL_HTTP_ROUTE_OPTIONS,         /* answer 204 with Allow */
    BELL_HTTP_ROUTE_NOT_FOUND,       /* 404 */
    BELL_HTTP_ROUTE_NOT_ALLOWED,     /* 405 with Allow */
    BELL_HTTP_ROUTE_NOT_IMPLEMENTED, /* 501: a method that neither RFC 9110 nor any route knows */
} bell_http_route_outcome;

typedef struct {
    bell_slice name;  /* (borrowed from the table) without ":"; "*" for the rest */
    bell_slice value; /* (borrowed from the path) */
} bell_http_param;

typedef struct {
    void *value; /* as it was added (borrowed) */
    int kind;    /* as it was added */
    bell_http_route_outcome outcome;
    bell_slice
        allow; /* (borrowed from the table) for OPTIONS and NOT_ALLOWED: "GET, HEAD, OPTIONS" */
    size_t param_count;
    bell_http_param params[BELL_HTTP_MAX_PARAMS];
} bell_http_match;

/* BELL_ENOMEM */
BELL_NODISCARD bell_status bell_http_router_create(struct bell_http_router **out);
/* Takes NULL. The values are not the table's to free. */
void bell_http_router_destroy(struct bell_http_router *r);

/*
 * Adds a route; method and pattern are copied. kind and value come back from match as they are.
 * BELL_EINVAL a method that is no token, a bad pattern; BELL_EEXISTS the same method and pattern
 * (names of parameters aside); BELL_ELIMIT over BELL_HTTP_MAX_ROUTES; BELL_ENOMEM. After a failure
 * the table is as before.
 */
BELL_NODISCARD bell_status bell_http_router_add(struct bell_http_router *r, bell_slice method,
                                                bell_slice pattern, int kind, void *value);

/*
 * Finds who serves method at path (decoded, as bell_http_target_read gives it; "*" with OPTIONS
 * tells the methods of the whole table). HEAD is served by GET when it has no route of its own.
 * Only what belongs to the outcome is set in *out.
 */
void bell_http_router_match(const struct bell_http_router *r, bell_slice method, bell_slice path,
                            bell_http_match *out);

/* What matched ":name" ("*" for the rest); empty when there is none. */
bell_slice bell_http_match_param(const bell_http_match *m, bell_slice name);

#endif
