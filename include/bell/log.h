/*
 * What libbell says of itself: one line per event, by default on standard error.
 *
 * Ids, sizes and reasons, never the text of messages, tokens or passwords. There is little of it in
 * daily life, and what a peer can trigger is limited to ten lines per ten seconds and kind. The
 * wording is not part of the interface: read it, don't parse it.
 */
#ifndef BELL_LOG_H
#define BELL_LOG_H

#include "bell/slice.h"
#include "bell/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bell_log_level {
    BELL_LOG_ERROR, /* somebody must act */
    BELL_LOG_WARN,  /* something is worse than it should be */
    BELL_LOG_INFO,  /* the life of the server */
    BELL_LOG_DEBUG, /* for those who look for a fault */
} bell_log_level;

/* How much is said: this level and those above it. Default BELL_LOG_INFO. Any thread. */
BELL_API void bell_log_set_level(bell_log_level level);

/*
 * Gives lines to sink from now on instead of writing them; NULL writes them again. line is one line
 * without time, level or line end, borrowed until sink returns. Set it before there are other
 * threads; sink is called by all of them, loops too, so it must not wait.
 */
typedef void (*bell_log_fn)(bell_log_level level, bell_slice line, void *user);
BELL_API void bell_log_set_sink(bell_log_fn sink, void *user);

#ifdef __cplusplus
}
#endif
#endif
