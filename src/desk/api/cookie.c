#include "desk/api/cookie.h"

#include "base/hex.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SECRET_TEXT_BYTES = 65, US_PER_S = 1000000 };

static bell_slice print(const char *value, int64_t max_age_s, bool is_secure,
                        char out[COOKIE_TEXT_BYTES])
{
    int n = snprintf(out, COOKIE_TEXT_BYTES,
                     SESSION_COOKIE "=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s",
                     value, max_age_s, is_secure ? "; Secure" : "");
    assert(n > 0 && n < COOKIE_TEXT_BYTES);
    return bell_slice_make(out, (size_t)n);
}

bell_slice cookie_set(const desk_secret *secret, int64_t lifetime_us, bool is_secure,
                      char out[COOKIE_TEXT_BYTES])
{
    char value[SECRET_TEXT_BYTES];
    bell_hex_encode(secret->b, sizeof secret->b, value);
    bell_slice text = print(value, lifetime_us / US_PER_S, is_secure, out);
    explicit_bzero(value, sizeof value);
    return text;
}

bell_slice cookie_clear(bool is_secure, char out[COOKIE_TEXT_BYTES])
{
    return print("", 0, is_secure, out);
}
