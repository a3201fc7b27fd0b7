/*
 * Web origins: "https://shop.example:8443" (RFC 6454).
 *
 * No allocation, any thread.
 */
#ifndef BELL_HTTP_ORIGIN_H
#define BELL_HTTP_ORIGIN_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bell_slice scheme; /* (borrowed from the text) empty for "null" */
    bell_slice host;   /* (borrowed) with the brackets of an IPv6 literal */
    uint16_t port;     /* the scheme's default when the text names none; 0 = no default known */
    bool is_null;      /* "null": an opaque origin, equal to nothing */
} bell_http_origin;

/*
 * Exactly "null" or scheme "://" host [":" port], no path, no user info, no white space.
 * BELL_EINVAL.
 */
BELL_NODISCARD bell_status bell_http_origin_parse(bell_slice text, bell_http_origin *out);

/* Same scheme, host (in any case) and port; an opaque origin equals none, itself included. */
bool bell_http_origin_equal(const bell_http_origin *a, const bell_http_origin *b);

/*
 * Is this the host the request was sent to? A Host field without port means the default port of the
 * origin's scheme, since TLS may end before us. Only http and https.
 */
bool bell_http_origin_is_host(const bell_http_origin *origin, bell_slice host_field);

#endif
