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
 * The scheme is not compared with a host, since a proxy may have taken TLS away; names are the same
 * in any letter case (RFC 6454 section 4).
 */
bool is_same_origin(bell_slice origin, bell_slice host, bell_slice public_origin);

#endif
