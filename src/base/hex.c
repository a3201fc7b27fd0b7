#include "base/hex.h"

#include <stdint.h>

void bell_hex_encode(const void *bytes, size_t n, char *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = DIGITS[b[i] >> 4];
        out[2 * i + 1] = DIGITS[b[i] & 0x0f];
    }
    out[2 * n] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bell_status bell_hex_decode(bell_slice text, void *out, size_t n)
{
    if (text.n / 2 != n || text.n % 2 != 0) {
        return BELL_EINVAL;
    }
    uint8_t *b = out;
    for (size_t i = 0; i < n; i++) {
        int high = digit_value(text.p[2 * i]);
        int low = digit_value(text.p[2 * i + 1]);
        if (high < 0 || low < 0) {
            return BELL_EINVAL;
        }
        b[i] = (uint8_t)(high << 4 | low);
    }
    return BELL_OK;
}
