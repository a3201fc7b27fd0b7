#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024, WINDOW_MS = 10000, LINES_PER_WINDOW = 10 };

static _Atomic int current_level = BELL_LOG_INFO;

/* Set before there are other threads. */
static bell_log_fn sink_fn;
static void *sink_user;

void bell_log_set_level(bell_log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

void bell_log_set_sink(bell_log_fn sink, void *user)
{
    sink_fn = sink;
    sink_user = user;
}

bool bell_log_is_on(enum bell_log_level level)
{
    return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

static const char *level_name(enum bell_log_level level)
{
    switch (level) {
    case BELL_LOG_ERROR:
        return "error";
    case BELL_LOG_WARN:
        return "warn";
    case BELL_LOG_INFO:
        return "info";
    case BELL_LOG_DEBUG:
        return "debug";
    }
    return "?";
}

bell_status bell_log_level_parse(bell_slice name, enum bell_log_level *out)
{
    static const enum bell_log_level LEVELS[] = {BELL_LOG_ERROR, BELL_LOG_WARN, BELL_LOG_INFO,
                                                 BELL_LOG_DEBUG};
    for (size_t i = 0; i < BELL_ARRAY_LEN(LEVELS); i++) {
        if (bell_slice_equal(name, bell_slice_from(level_name(LEVELS[i])))) {
            *out = LEVELS[i];
            return BELL_OK;
        }
    }
    return BELL_EINVAL;
}

/* Time and level. */
static size_t write_head(enum bell_log_level level, char *line, size_t size_bytes)
{
    struct timespec now;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, size_bytes, "%Y-%m-%dT%H:%M:%S", &utc);
    int head =
        snprintf(line + n, size_bytes - n, ".%03ldZ %s ", now.tv_nsec / 1000000, level_name(level));
    return n + (head > 0 ? (size_t)head : 0);
}

BELL_PRINTF(2, 0)
static void write_line(enum bell_log_level level, const char *fmt, va_list args)
{
    int saved_errno = errno;
    char line[LINE_BYTES];
    size_t n = sink_fn == NULL ? write_head(level, line, sizeof line) : 0;
    int body = vsnprintf(line + n, sizeof line - n, fmt, args);
    n += body > 0 ? (size_t)body : 0;
    if (n > sizeof line - 1) {
        n = sizeof line - 1;
    }
    /* One event is one line, whatever a field holds. */
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < ' ') {
            line[i] = ' ';
        }
    }
    if (sink_fn != NULL) {
        sink_fn(level, bell_slice_make(line, n), sink_user);
    } else {
        line[n++] = '\n';
        /* A log that cannot be written must not stop the server. */
        ssize_t written = write(STDERR_FILENO, line, n);
        (void)written;
    }
    errno = saved_errno;
}

void bell_log(enum bell_log_level level, const char *fmt, ...)
{
    if (!bell_log_is_on(level)) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    write_line(level, fmt, args);
    va_end(args);
}

void bell_log_limited(struct bell_log_limit *limit, enum bell_log_level level, const char *fmt, ...)
{
    if (!bell_log_is_on(level)) {
        return;
    }
    uint64_t now_ms = bell_clock_now_ms();
    uint64_t start_ms = atomic_load(&limit->window_start_ms);
    if (now_ms - start_ms >= WINDOW_MS &&
        atomic_compare_exchange_strong(&limit->window_start_ms, &start_ms, now_ms)) {
        atomic_store(&limit->count_in_window, 0);
        uint32_t left_out = atomic_exchange(&limit->suppressed, 0);
        if (left_out > 0) {
            bell_log(level, "similar lines left out count=%u", left_out);
        }
    }
    if (atomic_fetch_add(&limit->count_in_window, 1) >= LINES_PER_WINDOW) {
        atomic_fetch_add(&limit->suppressed, 1);
        return;
    }
    va_list args;
    va_start(args, fmt);
    write_line(level, fmt, args);
    va_end(args);
}
