/*
 * Masking. For any bytes, wherever they lie and however they are cut, the pass does what RFC 6455
 * section 5.3 says byte by byte, tells right whether the result is ASCII, and touches nothing else.
 *
 * The first four bytes are the key, one says where the payload lies, one how to cut; the rest is
 * the payload.
 */
#include "bell/ws/mask.h"
#include "fuzz.h"

#include <string.h>

enum { ALIGNMENTS = 64, CONTROL_BYTES = BELL_WS_KEY_BYTES + 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CONTROL_BYTES) {
        return 0;
    }
    uint8_t key[BELL_WS_KEY_BYTES];
    memcpy(key, data, sizeof key);
    size_t shift = data[BELL_WS_KEY_BYTES] % ALIGNMENTS;
    size_t step = (size_t)data[BELL_WS_KEY_BYTES + 1] + 1;
    const uint8_t *payload = data + CONTROL_BYTES;
    size_t n = size - CONTROL_BYTES;
    char *whole = malloc(shift + n + 1);
    char *cut = malloc(n + 1);
    FUZZ_CHECK(whole != NULL && cut != NULL);
    memset(whole, 0x55, shift);
    memcpy(whole + shift, payload, n);
    memcpy(cut, payload, n);

    bool is_ascii = bell_ws_mask_apply(whole + shift, n, key);
    bool cut_is_ascii = true;
    for (size_t at = 0; at < n;) {
        size_t part = n - at < step ? n - at : step;
        cut_is_ascii &= bell_ws_mask_apply(cut + at, part, key);
        bell_ws_mask_rotate(key, part);
        at += part;
    }
    bool must_be_ascii = true;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = payload[i] ^ data[i % BELL_WS_KEY_BYTES];
        must_be_ascii &= byte < 0x80;
        FUZZ_CHECK((uint8_t)whole[shift + i] == byte && (uint8_t)cut[i] == byte);
    }
    FUZZ_CHECK(is_ascii == must_be_ascii && cut_is_ascii == must_be_ascii);
    for (size_t i = 0; i < shift; i++) {
        FUZZ_CHECK(whole[i] == 0x55);
    }
    free(whole);
    free(cut);
    return 0;
}
