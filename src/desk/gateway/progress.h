/*
 * Progress: a number that a client tells again and again and that only grows (delivered, read). At
 * most one report is under way; what comes meanwhile is put together into the next. Loop thread
 * only.
 */
#ifndef DESK_GATEWAY_PROGRESS_H
#define DESK_GATEWAY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    int64_t wanted; /* the highest number told */
    int64_t sent;   /* the highest number handed on */
    bool is_busy;   /* a report is under way */
};

/* The client told a number. true: hand it on now (progress_begin). */
static inline bool progress_want(struct progress *progress, int64_t number)
{
    if (number <= progress->wanted) {
        return false;
    }
    progress->wanted = number;
    return !progress->is_busy;
}

/* The number to hand on. */
static inline int64_t progress_begin(struct progress *progress)
{
    progress->is_busy = true;
    progress->sent = progress->wanted;
    return progress->sent;
}

/* The report was answered. true: there is more to hand on. */
static inline bool progress_end(struct progress *progress)
{
    progress->is_busy = false;
    return progress->wanted > progress->sent;
}

/* It could not be handed on: the client may tell it again. */
static inline void progress_fail(struct progress *progress, int64_t number)
{
    progress->is_busy = false;
    progress->wanted = number - 1;
    progress->sent = number - 1;
}

#endif
