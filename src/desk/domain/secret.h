/*
 * Secrets: made from kernel randomness, kept only as SHA-256, compared in constant time.
 *
 * 256 random bits cannot be guessed, so a plain hash is enough to keep them safe in a stolen
 * database (unlike passwords, see account.h).
 */
#ifndef DESK_DOMAIN_SECRET_H
#define DESK_DOMAIN_SECRET_H

#include "desk/proto/types.h"

#include <stdbool.h>
#include <stdint.h>

enum { SECRET_HASH_BYTES = 32 };

void secret_make(desk_secret *out);
void secret_hash(const desk_secret *secret, uint8_t out[SECRET_HASH_BYTES]);
bool secret_matches(const desk_secret *secret, const uint8_t hash[SECRET_HASH_BYTES]);

#endif
