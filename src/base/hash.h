/*
 * Keyed hash for tables whose keys strangers choose: SipHash-1-3 (Aumasson and Bernstein, 2012).
 * Any thread. Not for signatures.
 */
#ifndef BELL_BASE_HASH_H
#define BELL_BASE_HASH_H

#include "bell/slice.h"

#include <stdint.h>

enum { BELL_HASH_KEY_BYTES = 16 };

uint64_t bell_hash(bell_slice s, const uint8_t key[BELL_HASH_KEY_BYTES]);

#endif
