#include "content.h"

#include "base/mem.h"
#include "base/random.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    BIT_FIN = 0x80,
    BIT_RSV1 = 0x40,
    BIT_MASKED = 0x80,
    OPCODE_TEXT = 1,
    SHORT_MAX = 125,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    MAX_HEAD_BYTES = 14,
    WINDOW_BITS = 15,
    MEMORY_LEVEL = 8,
    BYTE_BITS = 8,
};

/* Behind every compressed message, and not sent. */
static const unsigned char SYNC_END[] = {0x00, 0x00, 0xff, 0xff};

static const char *const WORDS[] = {
    "hello",  "I",        "have",     "a",       "question", "about",  "my",       "order",
    "number", "the",      "parcel",   "was",     "not",      "there",  "on",       "Monday",
    "could",  "you",      "tell",     "me",      "when",     "it",     "will",     "arrive",
    "thanks", "of",       "course",   "please",  "wait",     "moment", "address",  "is",
    "right",  "delivery", "tomorrow", "between", "nine",     "and",    "eleven",   "at",
    "door",   "size",     "colour",   "blue",    "instead",  "return", "label",    "by",
    "mail",   "invoice",  "paid",     "card",    "refund",   "within", "days",     "sure",
    "great",  "bye",      "problem",  "website", "cannot",   "log",    "password", "again",
};

static void *checked(void *p)
{
    if (p == NULL) {
        (void)fputs("load: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return p;
}

/* Words in an order that repeats late, so that it compresses about as people's messages do. */
static char *words_make(size_t size)
{
    char *text = checked(bell_mem_alloc(size + 1));
    uint32_t state = 1;
    size_t at = 0;
    while (at < size) {
        state = state * 1664525 + 1013904223;
        const char *word = WORDS[(state >> 16) % (sizeof WORDS / sizeof *WORDS)];
        size_t n = strlen(word);
        n = n < size - at ? n : size - at;
        memcpy(text + at, word, n);
        at += n;
        if (at < size) {
            text[at++] = ' ';
        }
    }
    text[size] = '\0';
    return text;
}

static char *deflated(const char *text, size_t size, size_t *out_size)
{
    z_stream z = {0};
    if (size > UINT_MAX / 2 || deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -WINDOW_BITS,
                                            MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        return checked(NULL);
    }
    uLong room = deflateBound(&z, size) + sizeof SYNC_END * 2;
    char *out = checked(bell_mem_alloc(room));
    z.next_in = (const Bytef *)text;
    z.avail_in = (uInt)size;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    if (deflate(&z, Z_SYNC_FLUSH) != Z_OK || z.avail_in > 0 || z.avail_out == 0) {
        (void)fputs("load: zlib does not compress\n", stderr);
        exit(EXIT_FAILURE);
    }
    *out_size = room - z.avail_out - sizeof SYNC_END;
    (void)deflateEnd(&z);
    return out;
}

static size_t head_write(uint8_t *out, uint8_t first, uint64_t size, bool is_masked,
                         const uint8_t key[CONTENT_KEY_BYTES])
{
    size_t at = 0;
    uint8_t mask_bit = is_masked ? BIT_MASKED : 0;
    out[at++] = first;
    size_t extra = size <= SHORT_MAX ? 0 : size <= UINT16_MAX ? sizeof(uint16_t) : sizeof size;
    uint8_t length = extra == 0 ? (uint8_t)size : extra == sizeof size ? LENGTH_64 : LENGTH_16;
    out[at++] = mask_bit | length;
    for (size_t i = extra; i > 0; i--) {
        out[at++] = (uint8_t)(size >> (i - 1) * BYTE_BITS);
    }
    if (is_masked) {
        memcpy(out + at, key, CONTENT_KEY_BYTES);
        at += CONTENT_KEY_BYTES;
    }
    return at;
}

static void payload_write(char *out, const char *payload, size_t size, const uint8_t *key)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = key == NULL ? payload[i] : (char)(payload[i] ^ key[i % CONTENT_KEY_BYTES]);
    }
}

void content_init(struct content *c, size_t text_bytes, uint32_t frames, enum content_form form)
{
    *c = (struct content){.text = words_make(text_bytes), .text_bytes = text_bytes};
    bell_random_fill(c->key, sizeof c->key);
    bool is_masked = form != CONTENT_UNMASKED;
    char *compressed = NULL;
    const char *payload = c->text;
    size_t size = text_bytes;
    if (form == CONTENT_DEFLATED) {
        compressed = deflated(c->text, text_bytes, &size);
        payload = compressed;
    }
    uint8_t head[MAX_HEAD_BYTES];
    size_t head_bytes = head_write(
        head, BIT_FIN | OPCODE_TEXT | (compressed != NULL ? BIT_RSV1 : 0), size, is_masked, c->key);
    c->frame_bytes = head_bytes + size;
    c->frames = checked(bell_mem_alloc(c->frame_bytes * frames));
    for (uint32_t i = 0; i < frames; i++) {
        char *frame = c->frames + i * c->frame_bytes;
        memcpy(frame, head, head_bytes);
        payload_write(frame + head_bytes, payload, size, is_masked ? c->key : NULL);
    }
    bell_mem_free(compressed);
}

void content_finish(struct content *c)
{
    bell_mem_free(c->text);
    bell_mem_free(c->frames);
}

bool content_inflates(const struct content *c, const char *bytes, size_t size)
{
    z_stream z = {0};
    if (size > UINT_MAX - sizeof SYNC_END || inflateInit2(&z, -WINDOW_BITS) != Z_OK) {
        return false;
    }
    /* One byte more than it should need, so that a text that is too long shows. */
    char *in = checked(bell_mem_alloc(size + sizeof SYNC_END));
    char *out = checked(bell_mem_alloc(c->text_bytes + 1));
    memcpy(in, bytes, size);
    memcpy(in + size, SYNC_END, sizeof SYNC_END);
    z.next_in = (const Bytef *)in;
    z.avail_in = (uInt)(size + sizeof SYNC_END);
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)(c->text_bytes + 1);
    int status = inflate(&z, Z_SYNC_FLUSH);
    bool is_equal = (status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR) &&
                    (z.avail_in == 0 || status == Z_STREAM_END) && z.avail_out == 1 &&
                    memcmp(out, c->text, c->text_bytes) == 0;
    (void)inflateEnd(&z);
    bell_mem_free(in);
    bell_mem_free(out);
    return is_equal;
}

size_t content_control(const struct content *c, uint8_t opcode, const char *payload, size_t size,
                       char *out)
{
    size_t head_bytes = head_write((uint8_t *)out, BIT_FIN | opcode, size, true, c->key);
    payload_write(out + head_bytes, payload, size, c->key);
    return head_bytes + size;
}
