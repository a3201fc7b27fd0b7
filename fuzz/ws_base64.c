/*
 * Base64. Any text is that of n bytes if and only if it can be read as RFC 4648 says and, written
 * again, is the same; any bytes written are their own text and that of no other number.
 *
 * The first byte is n; the rest is the text, and then the bytes.
 */
#include "bell/ws/base64.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Reads text that is padded and stands for out_bytes; the unused bits are not looked at. */
static bool twin_decode(bell_slice text, uint8_t *out, size_t out_bytes)
{
    if (text.n != (out_bytes + 2) / 3 * 4) {
        return false;
    }
    uint32_t bits = 0;
    size_t count = 0;
    size_t written = 0;
    for (size_t i = 0; i < text.n; i++) {
        size_t value_at = out_bytes - written;
        const char *digit = text.p[i] == '\0' ? NULL : strchr(ALPHABET, text.p[i]);
        if (value_at == 0) {
            if (text.p[i] != '=') {
                return false;
            }
            continue;
        }
        if (digit == NULL) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(digit - ALPHABET);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[written++] = (uint8_t)(bits >> count);
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST_BYTES = 255, MOST_TEXT = (MOST_BYTES + 2) / 3 * 4 };
    uint8_t bytes[MOST_BYTES];
    char again[MOST_TEXT];
    if (size < 1) {
        return 0;
    }
    size_t n = data[0];
    bell_slice text = bell_slice_make(data + 1, size - 1);
    bool is_text = twin_decode(text, bytes, n);
    if (is_text) {
        bell_ws_base64_encode(bytes, n, again);
        is_text = memcmp(again, text.p, text.n) == 0;
    }
    FUZZ_CHECK(bell_ws_base64_is_of(text, n) == is_text);

    size_t length = size - 1 < MOST_BYTES ? size - 1 : MOST_BYTES;
    bell_ws_base64_encode(data + 1, length, again);
    bell_slice written = bell_slice_make(again, (length + 2) / 3 * 4);
    FUZZ_CHECK(bell_ws_base64_is_of(written, length));
    FUZZ_CHECK(!bell_ws_base64_is_of(written, length + 1));
    FUZZ_CHECK(twin_decode(written, bytes, length) && memcmp(bytes, data + 1, length) == 0);
    return 0;
}
