/*
 * Request target: path, query, authority (RFC 9112 section 3.2, RFC 3986 section 5.2.4); values of
 * queries and cookies.
 *
 * A path comes out percent-decoded and without dot segments. It always begins with "/" (or is "*"),
 * never holds "." or ".." as a segment, a backslash or a control character; an escaped "/" is
 * refused, since it would become a separator. Bytes from 0x80 on are kept as they are.
 * No allocation, any thread.
 */
#ifndef BELL_HTTP_TARGET_H
#define BELL_HTTP_TARGET_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    BELL_HTTP_TARGET_ORIGIN,   /* /path?query */
    BELL_HTTP_TARGET_ABSOLUTE, /* http://host/path?query */
    BELL_HTTP_TARGET_ASTERISK, /* *, for OPTIONS only */
} bell_http_target_form;

typedef struct {
    bell_slice path;      /* in the caller's buffer; "*" for the asterisk form */
    bell_slice query;     /* (borrowed from the target) behind "?", as it came */
    bell_slice authority; /* (borrowed from the target) of the absolute form, valid, in place of
                             Host; else empty */
    bell_http_target_form form;
} bell_http_target;

/*
 * Reads a target (not empty, VCHAR only, as the head parser delivers it). path_room holds the
 * path; target.n bytes are always enough, and room for fewer is a mistake of the caller.
 * Returns 0, or the status to refuse the request with: 400, or 501 for CONNECT.
 */
BELL_NODISCARD uint16_t bell_http_target_read(bell_slice method, bell_slice target, char *path_room,
                                              size_t room_bytes, bell_http_target *out);

/*
 * The value of a name in a query "a=1&b=2", "+" and percent escapes decoded; the first when
 * repeated, empty for a name without "=". *out lies in room.
 * BELL_ENOTFOUND; BELL_ELIMIT room is too small (query.n bytes are always enough); BELL_EINVAL the
 * value holds a broken escape or %00. Pairs whose name is broken are passed over.
 */
BELL_NODISCARD bell_status bell_http_query_value(bell_slice query, bell_slice name, char *room,
                                                 size_t room_bytes, bell_slice *out);

/*
 * The value of a cookie in one Cookie field, as it came, the first when repeated (RFC 6265 section
 * 4.2). BELL_ENOTFOUND.
 */
BELL_NODISCARD bell_status bell_http_cookie_value(bell_slice field, bell_slice name,
                                                  bell_slice *out);

#endif
