/*
 * Base64 (RFC 4648 section 4), as far as the handshake needs it. Pure, any thread.
 */
#ifndef BELL_WS_BASE64_H
#define BELL_WS_BASE64_H

#include "bell/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* Writes the text of n bytes to out, (n + 2) / 3 * 4 characters; no zero byte. */
void bell_ws_base64_encode(const void *bytes, size_t n, char *out);

/* Is this the text of exactly n bytes, padded, and with the unused bits 0 (section 3.5)? */
bool bell_ws_base64_is_of(bell_slice text, size_t n);

#endif
