/*
 * URLs of WebSockets: ws, wss (RFC 6455 section 3), and ws+unix for Unix sockets. No allocation,
 * any thread.
 */
#ifndef BELL_HTTP_URL_H
#define BELL_HTTP_URL_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Everything but path, and the authority of a socket, points into the text. */
typedef struct {
    bell_slice host;        /* a name, or an address (IPv6 without brackets); empty with a socket */
    bell_slice authority;   /* for the Host field: without a port that goes without saying */
    bell_slice path;        /* begins with "/", as it stood, or is "/" when there was none */
    bell_slice query;       /* with its "?"; empty when there is none */
    bell_slice socket_path; /* of ws+unix; else empty */
    uint16_t port;          /* 80 or 443 when none is given; 0 with a socket */
    bool is_secure;
} bell_http_url;

/*
 * "ws://host:port/path?query", "wss://…", "ws+unix:/run/some.sock" or
 * "ws+unix:/run/some.sock:/path"; also "ws+unix://" in front of the "/". Schemes in any case.
 * BELL_EINVAL anything else: user info, a fragment, bytes that had to be escaped.
 */
BELL_NODISCARD bell_status bell_http_url_parse(bell_slice text, bell_http_url *out);

#endif
