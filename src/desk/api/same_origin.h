/*
 * Same origin: does a request that a browser made come from a page of the desk itself? Together
 * with SameSite=Strict cookies and JSON bodies this keeps other sites' pages from acting for an
 * agent.
 */
#ifndef DESK_API_SAME_ORIGIN_H
#define DESK_API_SAME_ORIGIN_H

#include "bell/slice.h"

#include <stdbool.h>

/*
 * origin and host are the fields of the request; public_origin is the configured one, or empty. No
 * Origin field: no browser page, or a page of the same origin that only reads.
 * is_secure: the client is known to speak TLS, so a page of http is another origin; when it is not
 * known a proxy may have taken TLS away, and the scheme does not count. Names are the same in any
 * letter case (RFC 6454 section 4).
 */
bool is_same_origin(bell_slice origin, bell_slice host, bell_slice public_origin, bool is_secure);

#endif
