#include "bell/ws/base64.h"

#include <stdint.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

/* Three bytes make four characters; the one for no byte is the last of the alphabet. */
enum { GROUP_BYTES = 3, GROUP_CHARS = 4, CHAR_MASK = 0x3f, PADDING = 64 };

void bell_ws_base64_encode(const void *bytes, size_t n, char *out)
{
    const uint8_t *from = bytes;
    for (size_t at = 0; at < n; at += GROUP_BYTES) {
        size_t left = n - at;
        unsigned group = (unsigned)from[at] << 16;
        group |= left > 1 ? (unsigned)from[at + 1] << 8 : 0;
        group |= left > 2 ? (unsigned)from[at + 2] : 0;
        out[0] = ALPHABET[group >> 18];
        out[1] = ALPHABET[group >> 12 & CHAR_MASK];
        out[2] = ALPHABET[left > 1 ? group >> 6 & CHAR_MASK : PADDING];
        out[3] = ALPHABET[left > 2 ? group & CHAR_MASK : PADDING];
        out += GROUP_CHARS;
    }
}

/* 0-63, or -1; padding has no value. */
static int char_value(char c)
{
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool bell_ws_base64_is_of(bell_slice text, size_t n)
{
    size_t padding = (GROUP_BYTES - n % GROUP_BYTES) % GROUP_BYTES;
    if (text.n != (n + padding) / GROUP_BYTES * GROUP_CHARS) {
        return false;
    }
    int last = 0;
    for (size_t i = 0; i < text.n - padding; i++) {
        last = char_value(text.p[i]);
        if (last < 0) {
            return false;
        }
    }
    for (size_t i = text.n - padding; i < text.n; i++) {
        if (text.p[i] != ALPHABET[PADDING]) {
            return false;
        }
    }
    /* Each missing byte leaves two bits of the last character unused. */
    return (last & ((1 << 2 * padding) - 1)) == 0;
}
