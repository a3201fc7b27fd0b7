/*
 * Host and port: the Host field, the authority of an absolute target, an origin's tail (RFC 9110
 * section 7.2, RFC 3986 section 3.2).
 *
 * Host names are letters, digits, "-", ".", "_" and "~"; the percent-encoded and sub-delim
 * characters that RFC 3986 would allow in a name are no part of any host and are refused. IP
 * literals are "[" IPv6 "]". No user info. No allocation, any thread.
 */
#ifndef BELL_HTTP_AUTHORITY_H
#define BELL_HTTP_AUTHORITY_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bell_slice host; /* never empty; an IPv6 literal keeps its brackets; points into the input */
    uint16_t port;   /* when has_port */
    bool has_port;   /* false also for "host:" (RFC 3986 section 3.2.3) */
} bell_http_authority;

/* BELL_EINVAL: not "host", "host:" or "host:port"; a port of 0 or over 65,535. */
BELL_NODISCARD bell_status bell_http_authority_parse(bell_slice text, bell_http_authority *out);

#endif
