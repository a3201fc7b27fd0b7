/*
 * Counter: written by one thread, read by any, at no more cost than a plain one.
 *
 * Relaxed: a counter says nothing about other memory. Readers see each value whole, and soon.
 */
#ifndef BELL_BASE_COUNTER_H
#define BELL_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef atomic_uint_fast64_t bell_counter;

/* By the writing thread only: a load and a store, which no lock makes one. */
static inline void bell_counter_add(bell_counter *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t bell_counter_read(const bell_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
