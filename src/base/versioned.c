#include "base/versioned.h"

#include <string.h>

bool bell_versioned_read(void *known, size_t known_bytes, const void *given, size_t given_bytes)
{
    if (given == NULL) {
        return true;
    }
    const unsigned char *bytes = given;
    for (size_t i = known_bytes; i < given_bytes; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    memcpy(known, given, given_bytes < known_bytes ? given_bytes : known_bytes);
    return true;
}

void bell_versioned_write(void *out, size_t out_bytes, const void *known, size_t known_bytes)
{
    size_t both = out_bytes < known_bytes ? out_bytes : known_bytes;
    memcpy(out, known, both);
    memset((unsigned char *)out + both, 0, out_bytes - both);
}
