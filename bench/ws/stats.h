/* What is measured: spans of time as a histogram, processor time and memory of a process. */
#ifndef WS_STATS_H
#define WS_STATS_H

#include <stdint.h>
#include <sys/types.h>

/* Spans up to 2^40 ns; each class is at most 1/32 of its value wide. */
enum { STATS_CLASSES = 1200 };

struct stats_spans {
    uint64_t counts[STATS_CLASSES];
    uint64_t count;
};

void stats_add(struct stats_spans *s, uint64_t span_ns);
/* The span that a share of all (0.99) does not exceed; 0 when there are none. */
uint64_t stats_quantile_ns(const struct stats_spans *s, double share);

/* Processor time of all threads of a process; 0 when it is not there. */
uint64_t stats_cpu_ns(pid_t pid);
/* Resident memory of a process; 0 when it is not there. */
uint64_t stats_rss_bytes(pid_t pid);

#endif
