/*
 * A list of measured spans. Everything is kept, so that percentiles are exact.
 */
#ifndef REPLAY_SAMPLES_H
#define REPLAY_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
    uint32_t *us; /* (owned) in microseconds */
    size_t count;
    size_t capacity;
};

/* Room for max of them; more are not kept. Exits when there is no memory. */
void samples_init(struct samples *s, size_t max);
void samples_finish(struct samples *s);
void samples_add(struct samples *s, uint64_t span_ns);
/* Sorts. percent of 0 to 100; 0 when there are none. */
uint32_t samples_percentile_us(struct samples *s, double percent);

#endif
