/*
 * SHA-1 (FIPS 180-4), for the handshake alone, which uses it as a checksum (RFC 6455 section 10.8).
 * It is broken as a cryptographic hash: nothing else may use it. Pure, any thread.
 */
#ifndef BELL_WS_SHA1_H
#define BELL_WS_SHA1_H

#include "bell/slice.h"

#include <stdint.h>

enum { BELL_WS_SHA1_BYTES = 20 };

/* The digest of the concatenation of both. */
void bell_ws_sha1(bell_slice head, bell_slice tail, uint8_t out[BELL_WS_SHA1_BYTES]);

#endif
