/*
 * What every rule is given, and how it ends.
 *
 * Rules run inside a transaction that somebody else has begun and ends: they read and write
 * through it, add what has happened to the list of events and return an outcome. They check
 * everything before they write, so that a refusal leaves nothing to undo. No socket, no SQL, no
 * JSON, no thread; time comes in as a parameter.
 */
#ifndef DESK_DOMAIN_TX_H
#define DESK_DOMAIN_TX_H

#include "bell/status.h"
#include "desk/proto/types.h"

#include <stdbool.h>
#include <stdint.h>

struct db;
struct event_list;

struct tx {
    struct db *db;             /* (borrowed) */
    struct event_list *events; /* (borrowed) NULL when only reading */
    int64_t now_us;            /* wall clock, microseconds since 1970: what is stored as time */
    int64_t event_history;     /* desk events kept for consoles to catch up; 0 = all */
};

/*
 * How a command ended: done, or refused with a code of errors.json and the details that code has.
 */
struct outcome {
    enum desk_error error;  /* ERROR_NONE: done */
    int64_t agent;          /* ERROR_TAKEN: who has it */
    int64_t number;         /* ERROR_STALE: number of the last message */
    int64_t retry_after_ms; /* ERROR_RATE_LIMITED and ERROR_BUSY: when to try again */
};

static inline struct outcome outcome_done(void)
{
    return (struct outcome){.error = ERROR_NONE};
}

static inline struct outcome outcome_refused(enum desk_error error)
{
    return (struct outcome){.error = error};
}

static inline bool outcome_is_done(struct outcome o)
{
    return o.error == ERROR_NONE;
}

/*
 * The outcome of a call of the store: BELL_OK is done, no lock or a full disk is busy, all else
 * internal.
 */
struct outcome outcome_from(bell_status st);

#endif
