/*
 * Metrics: what the server has counted, in the Prometheus text format (version 0.0.4).
 */
#ifndef DESK_API_METRICS_H
#define DESK_API_METRICS_H

#include "base/buf.h"
#include "bell/status.h"
#include "desk/gateway/gateway.h"
#include "desk/work/threads.h"

#include <stdint.h>

struct metrics {
    struct work_counters work;
    struct gateway_counters gateway;
    uint64_t uptime_ms;
};

/* BELL_ELIMIT, BELL_ENOMEM. */
BELL_NODISCARD bell_status metrics_print(const struct metrics *metrics, struct bell_buf *out);

#endif
