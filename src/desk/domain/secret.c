/*
 * Secrets (see secret.h).
 */
#include "desk/domain/secret.h"

#include "base/random.h"

#include <assert.h>
#include <sodium.h>

static_assert(SECRET_HASH_BYTES == crypto_hash_sha256_BYTES, "the hash is SHA-256");

void secret_make(desk_secret *out)
{
    bell_random_fill(out->b, sizeof out->b);
}

void secret_hash(const desk_secret *secret, uint8_t out[SECRET_HASH_BYTES])
{
    (void)crypto_hash_sha256(out, secret->b, sizeof secret->b); /* cannot fail */
}

bool secret_matches(const desk_secret *secret, const uint8_t hash[SECRET_HASH_BYTES])
{
    uint8_t own[SECRET_HASH_BYTES];
    secret_hash(secret, own);
    return sodium_memcmp(own, hash, sizeof own) == 0;
}
