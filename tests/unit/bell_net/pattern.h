/*
 * Bytes that tell their place, for streams of any length: what is lost, doubled or late differs.
 */
#ifndef TEST_BELL_NET_PATTERN_H
#define TEST_BELL_NET_PATTERN_H

#include <stdint.h>

enum { PATTERN_MOST_BYTES = 256 * 1024 };

/* What follows place in a stream: PATTERN_MOST_BYTES in one piece. Static; one thread. */
const char *pattern_from(uint64_t place);

#endif
