/*
 * Negotiation of extensions. An input is one byte, which chooses what the server wants, and lines
 * of Sec-WebSocket-Extensions. For any of them:
 *
 *  - what is agreed on never goes beyond what the server wants nor beyond RFC 7692;
 *  - the answer is itself an offer that is right, and as one gives the same terms again;
 *  - lines before it that offer nothing change nothing; bytes behind a line are never read.
 */
#include "bell/ws/extension.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_LINES = 32 };

static void check_terms(bell_ws_deflate_terms ours, bell_ws_deflate_terms terms, const char *answer)
{
    FUZZ_CHECK(terms.server_bits >= BELL_WS_MIN_WINDOW_BITS);
    FUZZ_CHECK(terms.server_bits <= ours.server_bits);
    FUZZ_CHECK(terms.client_bits >= BELL_WS_MIN_WINDOW_BITS);
    FUZZ_CHECK(terms.client_bits <= ours.client_bits || !terms.client_keeps);
    FUZZ_CHECK(!terms.server_keeps || ours.server_keeps);
    FUZZ_CHECK(!terms.client_keeps || ours.client_keeps);
    FUZZ_CHECK(strlen(answer) < BELL_WS_EXTENSION_ANSWER_BYTES);
    FUZZ_CHECK(strncmp(answer, "permessage-deflate", 18) == 0);
    FUZZ_CHECK((strstr(answer, "server_no_context_takeover") == NULL) == terms.server_keeps);
    FUZZ_CHECK((strstr(answer, "client_no_context_takeover") == NULL) == terms.client_keeps);
}

static void check_answer_is_an_offer(bell_ws_deflate_terms terms, const char *answer)
{
    static const bell_ws_deflate_terms ANY = {15, 15, true, true};
    const bell_slice line = bell_slice_from(answer);
    bell_ws_deflate_terms again;
    char second[BELL_WS_EXTENSION_ANSWER_BYTES];
    FUZZ_CHECK(bell_ws_extension_negotiate(&(bell_ws_field){&line, 1}, ANY, &again, second));
    FUZZ_CHECK(strcmp(answer, second) == 0);
    FUZZ_CHECK(again.server_bits == terms.server_bits && again.server_keeps == terms.server_keeps);
    FUZZ_CHECK(again.client_bits == terms.client_bits && again.client_keeps == terms.client_keeps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const bell_ws_deflate_terms ours = {
        .server_bits = (8U + data[0] % 8U) & 0xfU,
        .client_bits = (8U + data[0] / 8U % 8U) & 0xfU,
        .server_keeps = (data[0] & 0x40) != 0,
        .client_keeps = (data[0] & 0x80) != 0,
    };
    bell_slice lines[MAX_LINES + 1] = {{"x; y=\"z\"", 8}};
    size_t count = 0;
    bell_slice input = bell_slice_make(data + 1, size - 1);
    while (input.n > 0 && count < MAX_LINES) {
        const char *end = memchr(input.p, '\n', input.n);
        size_t n = end == NULL ? input.n : (size_t)(end - input.p);
        lines[++count] = bell_slice_make(input.p, n);
        n += end != NULL;
        input = bell_slice_make(input.p + n, input.n - n);
    }
    bell_ws_deflate_terms terms = {.server_bits = 0};
    char answer[BELL_WS_EXTENSION_ANSWER_BYTES] = "";
    bool is_agreed =
        bell_ws_extension_negotiate(&(bell_ws_field){lines + 1, count}, ours, &terms, answer);
    FUZZ_CHECK(is_agreed == (terms.server_bits != 0) && is_agreed == (answer[0] != '\0'));
    if (is_agreed) {
        check_terms(ours, terms, answer);
        check_answer_is_an_offer(terms, answer);
    }
    char second[BELL_WS_EXTENSION_ANSWER_BYTES] = "";
    FUZZ_CHECK(bell_ws_extension_negotiate(&(bell_ws_field){lines, count + 1}, ours, &terms,
                                           second) == is_agreed);
    FUZZ_CHECK(strcmp(answer, second) == 0);
    return 0;
}
