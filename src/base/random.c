#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void bell_random_fill(void *out, size_t n)
{
    char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}
