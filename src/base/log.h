/*
 * Log: one line per event on standard error: time, level, what, then key=value fields; or where the
 * program wants it (bell/log.h).
 *
 * Ids and sizes, never message text, tokens or passwords. error = somebody must act, warn =
 * degraded, info = life cycle, debug = per message. Keeps errno, allocates nothing, any thread.
 */
#ifndef BELL_BASE_LOG_H
#define BELL_BASE_LOG_H

#include "base/compiler.h"
#include "bell/log.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdint.h>

/* What a peer can trigger is limited: one of these (static, zeroed) per place in the code. */
struct bell_log_limit {
    _Atomic uint64_t window_start_ms;
    _Atomic uint32_t count_in_window;
    _Atomic uint32_t suppressed;
};

/* "error", "warn", "info" or "debug"; BELL_EINVAL for anything else. */
BELL_NODISCARD bell_status bell_log_level_parse(bell_slice name, enum bell_log_level *out);
_Bool bell_log_is_on(enum bell_log_level level);
void bell_log(enum bell_log_level level, const char *fmt, ...) BELL_PRINTF(2, 3);
/* At most ten lines per ten seconds and place; the count of those left out is told later. */
void bell_log_limited(struct bell_log_limit *limit, enum bell_log_level level, const char *fmt, ...)
    BELL_PRINTF(3, 4);

#endif
