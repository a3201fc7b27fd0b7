#include "bare.h"

#include "bell/ws/handshake.h"

#include "bell/slice.h"

#include <string.h>

/* RFC 6455 section 5.2. */
enum {
    HEAD_BYTES = 2,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    BYTES_16 = 2,
    BYTES_64 = 8,
    BIT_MASKED = 0x80,
    OPCODE = 0x0f,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    PING_TO_PONG = 3, /* the bits in which they differ */
    BLOCK_BYTES = 32,
    KEY_TEXT_BYTES = 24,
};

struct frame_head {
    size_t size; /* the key included; 0 = not all there */
    uint64_t payload;
};

static struct frame_head head_read(const uint8_t *p, size_t size)
{
    struct frame_head head = {0};
    if (size < HEAD_BYTES) {
        return head;
    }
    uint8_t length = p[1] & LENGTH_64;
    size_t extra = length == LENGTH_64 ? BYTES_64 : length == LENGTH_16 ? BYTES_16 : 0;
    if (size < HEAD_BYTES + extra + BARE_KEY_BYTES) {
        return head;
    }
    head.size = HEAD_BYTES + extra + BARE_KEY_BYTES;
    head.payload = extra == 0 ? length : 0;
    for (size_t i = 0; i < extra; i++) {
        head.payload = head.payload << 8 | p[HEAD_BYTES + i];
    }
    return head;
}

/* The head of the answer to the frame at p; to may lie in it, further on. */
static void head_write(uint8_t *to, const uint8_t *p, size_t size)
{
    uint8_t first = p[0];
    uint8_t second = p[1];
    memmove(to + HEAD_BYTES, p + HEAD_BYTES, size - HEAD_BYTES - BARE_KEY_BYTES);
    to[0] = (first & OPCODE) == OPCODE_PING ? first ^ PING_TO_PONG : first;
    to[1] = (uint8_t)(second & ~BIT_MASKED);
}

/* to is from, or at least 4 bytes before it: every block is read whole before it is written. */
static void unmask(char *to, const char *from, size_t size, const uint8_t key[BARE_KEY_BYTES])
{
    uint64_t block[BLOCK_BYTES / sizeof(uint64_t)];
    uint32_t key32;
    memcpy(&key32, key, sizeof key32);
    const uint64_t key64 = (uint64_t)key32 << 32 | key32;
    size_t at = 0;
    for (; at + BLOCK_BYTES <= size; at += BLOCK_BYTES) {
        memcpy(block, from + at, BLOCK_BYTES);
        for (size_t i = 0; i < sizeof block / sizeof *block; i++) {
            block[i] ^= key64;
        }
        memcpy(to + at, block, BLOCK_BYTES);
    }
    for (; at + sizeof(uint32_t) <= size; at += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, from + at, sizeof word);
        word ^= key32;
        memcpy(to + at, &word, sizeof word);
    }
    for (; at < size; at++) {
        to[at] = (char)(from[at] ^ key[at % BARE_KEY_BYTES]);
    }
}

static void key_turn(uint8_t key[BARE_KEY_BYTES], size_t by)
{
    uint8_t old[BARE_KEY_BYTES];
    memcpy(old, key, sizeof old);
    for (size_t i = 0; i < BARE_KEY_BYTES; i++) {
        key[i] = old[(i + by) % BARE_KEY_BYTES];
    }
}

/* A request that asks for a WebSocket is always longer than the answer, and so makes room for it.
 */
static struct bare_answer upgrade(struct bare_peer *peer, char *bytes, size_t size)
{
    static const char FIELD[] = "\r\nSec-WebSocket-Key: ";
    static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                 "Upgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: ";
    static const char END[] = "\r\n\r\n";
    enum { END_BYTES = sizeof END - 1, ANSWER_BYTES = sizeof ANSWER - 1 };
    const char *end = memmem(bytes, size, END, END_BYTES);
    if (end == NULL) {
        return (struct bare_answer){0};
    }
    struct bare_answer answer = {.bytes = bytes,
                                 .used = (size_t)(end - bytes) + END_BYTES,
                                 .is_private = true,
                                 .is_last = true};
    const char *key = memmem(bytes, answer.used, FIELD, sizeof FIELD - 1);
    const size_t needed = ANSWER_BYTES + BELL_WS_ACCEPT_BYTES + END_BYTES;
    if (key == NULL || answer.used < needed ||
        (size_t)(end - key) < sizeof FIELD - 1 + KEY_TEXT_BYTES) {
        return answer;
    }
    char accept[BELL_WS_ACCEPT_BYTES + 1];
    bell_ws_handshake_accept(bell_slice_make(key + sizeof FIELD - 1, KEY_TEXT_BYTES), accept);
    memcpy(bytes, ANSWER, ANSWER_BYTES);
    memcpy(bytes + ANSWER_BYTES, accept, BELL_WS_ACCEPT_BYTES);
    memcpy(bytes + ANSWER_BYTES + BELL_WS_ACCEPT_BYTES, END, END_BYTES);
    answer.size = needed;
    answer.is_last = false;
    peer->is_upgraded = true;
    return answer;
}

static struct bare_answer frames(struct bare_peer *peer, bool is_relay, char *bytes, size_t size)
{
    /* Four bytes on, the first payload stays where it is. */
    size_t start = peer->left == 0 && size >= BARE_KEY_BYTES ? BARE_KEY_BYTES : 0;
    size_t out = start;
    size_t in = 0;
    bool is_last = false;
    while (in < size) {
        if (peer->left == 0) {
            const uint8_t *p = (const uint8_t *)bytes + in;
            const struct frame_head head = head_read(p, size - in);
            if (head.size == 0 || (is_relay && size - in - head.size < head.payload)) {
                break;
            }
            is_last = (p[0] & OPCODE) == OPCODE_CLOSE;
            if (is_last && is_relay) {
                in = size;
                break;
            }
            memcpy(peer->key, p + head.size - BARE_KEY_BYTES, BARE_KEY_BYTES);
            head_write((uint8_t *)bytes + out, p, head.size);
            in += head.size;
            out += head.size - BARE_KEY_BYTES;
            peer->left = head.payload;
        }
        size_t part = peer->left < size - in ? (size_t)peer->left : size - in;
        unmask(bytes + out, bytes + in, part, peer->key);
        in += part;
        out += part;
        peer->left -= part;
        if (peer->left > 0) {
            key_turn(peer->key, part);
            break;
        }
    }
    return (struct bare_answer){
        .bytes = bytes + start,
        .size = out - start,
        .used = in,
        .is_last = is_last && peer->left == 0,
    };
}

struct bare_answer bare_take(struct bare_peer *peer, enum bare_mode mode, char *bytes, size_t size)
{
    if (mode == BARE_TCP) {
        return (struct bare_answer){.bytes = bytes, .size = size, .used = size};
    }
    return peer->is_upgraded ? frames(peer, mode == BARE_RELAY, bytes, size)
                             : upgrade(peer, bytes, size);
}
