/*
 * The gateway's own struct, for the files of this room.
 */
#ifndef DESK_GATEWAY_GATEWAY_INTERNAL_H
#define DESK_GATEWAY_GATEWAY_INTERNAL_H

#include "desk/gateway/bucket.h"
#include "desk/gateway/fanout.h"
#include "desk/gateway/gateway.h"
#include "desk/gateway/presence.h"
#include "desk/gateway/rate.h"
#include "desk/gateway/roster.h"

#include <stdatomic.h>

struct bell_ws_server;
struct clock_thread;

/* Counters only; nothing else is published through them, so they are added to in relaxed order. */
struct gateway_counts {
    atomic_uint_fast64_t commands;
    atomic_uint_fast64_t refusals;
    atomic_uint_fast64_t rate_refusals;
    atomic_uint_fast64_t misuse_closes;
};

/* When the clock is due next. Clock thread only. */
struct gateway_schedule {
    uint64_t look_at_ms;
    uint64_t expire_at_ms;
};

struct gateway {
    struct work *work;                 /* (borrowed) */
    struct bus *bus;                   /* (borrowed) */
    struct bell_ws_server *visitors;   /* (owned) */
    struct bell_ws_server *agents;     /* (owned) */
    struct presence *presence;         /* (owned) */
    struct roster *roster;             /* (owned) */
    struct fanout *fanout;             /* (owned) */
    struct rate_table *messages;       /* (owned) by visitor id */
    struct rate_table *conversations;  /* (owned) new ones, by address */
    struct rate_table *new_visitors;   /* (owned) by address */
    struct clock_thread *clock_thread; /* (owned) NULL unless started */
    struct gateway_schedule schedule;
    struct bucket_rate command_rate;
    int64_t session_lifetime_us;
    atomic_int_fast64_t delivered; /* the highest desk event that a console was known to have */
    struct gateway_counts counts;
};

/* Something that the clock waits for has changed. Any thread. */
void gateway_wake_clock(struct gateway *gateway);

static inline void gateway_count(atomic_uint_fast64_t *count)
{
    (void)atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

#endif
