/*
 * Passwords: argon2id by libsodium (see account.h for the parameters and where they come from).
 */
#include "desk/domain/password.h"

#include "desk/domain/account.h"
#include "desk/proto/text.h"

#include <assert.h>
#include <sodium.h>

static_assert(PASSWORD_HASH_BYTES == crypto_pwhash_argon2id_STRBYTES,
              "the hash has room for itself");

enum { PASSES = 2, MEMORY_BYTES = 19 * 1024 * 1024 };

/* Of 32 random bytes that nobody kept, made with the same parameters. */
static const char NOBODYS_HASH[] = "$argon2id$v=19$m=19456,t=2,p=1$SA6b0Crs8s3Rfvvq9n/"
                                   "sSA$znZPmz8uI9rcRt9VjtSYRGdPyIvJKVpLN5JF3e4Ka60";

struct outcome password_hash(bell_slice password, struct password_hash *out)
{
    size_t characters = proto_text_count(password);
    if (characters < SETUP_REQUEST_PASSWORD_MIN_CHARS ||
        characters > SETUP_REQUEST_PASSWORD_MAX_CHARS) {
        return outcome_refused(ERROR_BAD_FIELD);
    }
    /* Its own randomness for the salt needs this; it is cheap after the first time. */
    if (sodium_init() < 0) {
        return outcome_refused(ERROR_INTERNAL);
    }
    if (crypto_pwhash_argon2id_str(out->text, password.p, password.n, PASSES, MEMORY_BYTES) != 0) {
        return outcome_refused(ERROR_BUSY); /* fails for want of memory only */
    }
    return outcome_done();
}

bool password_matches(bell_slice password, bell_slice hash)
{
    char text[PASSWORD_HASH_BYTES] = {0};
    if (hash.n >= sizeof text || sodium_init() < 0) {
        return false;
    }
    if (hash.n > 0) {
        memcpy(text, hash.p, hash.n);
    }
    return crypto_pwhash_argon2id_str_verify(text, password.p, password.n) == 0;
}

void password_check_nobody(bell_slice password)
{
    (void)password_matches(password, BELL_LIT(NOBODYS_HASH));
}
