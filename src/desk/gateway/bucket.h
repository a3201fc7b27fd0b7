/*
 * Bucket: the allowance of one connection, and how often it misbehaved. Loop thread only; the same
 * arithmetic as rate.h, without a table.
 */
#ifndef DESK_GATEWAY_BUCKET_H
#define DESK_GATEWAY_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* One allowance for all connections: burst at once, per_second in the long run; both at least 1. */
struct bucket_rate {
    uint64_t interval_us;
    uint64_t tolerance_us;
};

static inline struct bucket_rate bucket_rate_of(uint64_t per_second, uint64_t burst)
{
    uint64_t interval_us = per_second >= 1000000 ? 1 : 1000000 / per_second;
    return (struct bucket_rate){interval_us, interval_us * burst};
}

struct bucket {
    uint64_t whole_us; /* when the allowance is whole again; 0 at first */
};

/* 0: taken; otherwise nothing was, and so many ms remain until one is there. */
static inline uint64_t bucket_take(struct bucket *bucket, const struct bucket_rate *rate,
                                   uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;
    uint64_t whole_us = bucket->whole_us > now_us ? bucket->whole_us : now_us;
    whole_us += rate->interval_us;
    if (whole_us > now_us + rate->tolerance_us) {
        return (whole_us - now_us - rate->tolerance_us + 999) / 1000;
    }
    bucket->whole_us = whole_us;
    return 0;
}

/*
 * Misuse: each broken rule counts, each good command takes one off. A client with a bug gets its
 * refusals and lives; one that only sends rubbish is closed.
 */
enum { MISUSE_LIMIT = 10 };

struct misuse {
    uint32_t count;
};

/* true: that was one too many. */
static inline bool misuse_add(struct misuse *misuse)
{
    return ++misuse->count >= MISUSE_LIMIT;
}

static inline void misuse_forgive(struct misuse *misuse)
{
    misuse->count -= misuse->count > 0 ? 1 : 0;
}

#endif
