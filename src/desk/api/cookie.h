/*
 * The session cookie: how it is set and taken back (RFC 6265).
 */
#ifndef DESK_API_COOKIE_H
#define DESK_API_COOKIE_H

#include "bell/slice.h"
#include "desk/proto/value.h"

#include <stdbool.h>
#include <stdint.h>

#define SESSION_COOKIE "deskbell_session"
enum { COOKIE_TEXT_BYTES = 192 };

/*
 * The value of Set-Cookie; the text lies in out, which holds a secret afterwards. Not readable by
 * scripts, never sent along from other sites' pages, with is_secure only over TLS.
 */
bell_slice cookie_set(const desk_secret *secret, int64_t lifetime_us, bool is_secure,
                      char out[COOKIE_TEXT_BYTES]);
/* The one that makes the browser forget it. */
bell_slice cookie_clear(bool is_secure, char out[COOKIE_TEXT_BYTES]);

#endif
