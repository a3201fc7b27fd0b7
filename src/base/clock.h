/*
 * Clocks. Spans and deadlines use the monotonic one, what is stored or shown uses the wall clock.
 * Any thread.
 */
#ifndef BELL_BASE_CLOCK_H
#define BELL_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds and nanoseconds of CLOCK_MONOTONIC. */
uint64_t bell_clock_now_ms(void);
uint64_t bell_clock_now_ns(void);
/* Microseconds since 1970 of the wall clock. */
int64_t bell_clock_wall_us(void);

#endif
