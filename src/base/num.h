/*
 * Numbers from outside: checked sums and products, wire integers byte by byte.
 */
#ifndef BELL_BASE_NUM_H
#define BELL_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* false, and *out untouched in meaning, when the result does not fit. */
static inline bool bell_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool bell_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline uint16_t bell_read_be16(const void *from)
{
    const uint8_t *b = from;
    return (uint16_t)((unsigned)b[0] << 8 | b[1]);
}

static inline uint32_t bell_read_be32(const void *from)
{
    const uint8_t *b = from;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t bell_read_be64(const void *from)
{
    const uint8_t *b = from;
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v = v << 8 | b[i];
    }
    return v;
}

static inline void bell_write_be16(void *to, uint16_t v)
{
    uint8_t *b = to;
    b[0] = (uint8_t)(v >> 8);
    b[1] = (uint8_t)(v & 0xff);
}

static inline void bell_write_be64(void *to, uint64_t v)
{
    uint8_t *b = to;
    for (int i = 7; i >= 0; i--) {
        b[i] = (uint8_t)(v & 0xff);
        v >>= 8;
    }
}

#endif
