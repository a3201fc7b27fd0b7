#include "desk/api/same_origin.h"

#include <string.h>
#include <strings.h>

static bool equal_any_case(bell_slice a, bell_slice b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

/* What stands behind "https://", or "http://" where that may be; empty for anything else, "null"
 * included. */
static bell_slice authority_of(bell_slice origin, bool only_secure)
{
    static const char *const SCHEMES[] = {"https://", "http://"};
    size_t count = only_secure ? 1 : sizeof SCHEMES / sizeof SCHEMES[0];
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(SCHEMES[i]);
        if (origin.n > n && strncasecmp(origin.p, SCHEMES[i], n) == 0) {
            return bell_slice_make(origin.p + n, origin.n - n);
        }
    }
    return bell_slice_make(NULL, 0);
}

bool is_same_origin(bell_slice origin, bell_slice host, bell_slice public_origin, bool is_secure)
{
    if (origin.n == 0) {
        return true;
    }
    bell_slice authority = authority_of(origin, is_secure);
    return (authority.n > 0 && equal_any_case(authority, host)) ||
           (public_origin.n > 0 && equal_any_case(origin, public_origin));
}
