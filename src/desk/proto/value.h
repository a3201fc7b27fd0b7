/*
 * Plain values of the protocol that are not numbers or text.
 */
#ifndef DESK_PROTO_VALUE_H
#define DESK_PROTO_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* 128 random bits that name a visitor or a message; on the wire 32 lower-case hex digits. */
typedef struct {
    uint8_t b[16];
} desk_id;

/*
 * 256 random bits that prove who somebody is; on the wire 64 lower-case hex digits. Wipe it when it
 * is no longer needed, compare its hash in constant time, never log it.
 */
typedef struct {
    uint8_t b[32];
} desk_secret;

/* The largest number on the wire: what JavaScript counts exactly. */
#define PROTO_MAX_INT INT64_C(9007199254740991)

/* For ids, which are not secret. */
static inline bool desk_id_equal(desk_id a, desk_id b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

#endif
