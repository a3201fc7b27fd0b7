/*
 * Alarms: the application's timers on one loop, to the millisecond.
 *
 * The wheel (timer.h) is for the deadlines of very many connections, which move all the time and
 * may be a tick late. Alarms are fewer, often periodic, and due when they are due: a heap ordered
 * by deadline, so that setting and cancelling cost the logarithm of their number, and the loop
 * knows exactly how long it may sleep. Those with the same deadline ring in the order in which they
 * were set.
 *
 * An alarm is known by its slot and a generation, so that one which is over is not mistaken for the
 * next in its slot. Memory grows with the most there have been at one time, 60 bytes each, and goes
 * with the table. Belongs to one loop thread.
 */
#ifndef BELL_NET_ALARM_H
#define BELL_NET_ALARM_H

#include "bell/status.h"

#include <stdint.h>

enum { BELL_ALARMS_MAX = 1000000 }; /* at one time; so slots have less than 24 bits */

struct bell_alarm {
    uint64_t deadline_ms; /* monotonic */
    uint64_t sequence;    /* of those that were set */
    void (*task)(void);   /* the owner's, to be cast back */
    void *owner;          /* (borrowed) */
    void *user;           /* (borrowed) */
    uint32_t period_ms;   /* 0 = rings once */
    uint32_t generation;  /* of this use of the slot */
    uint32_t slot;        /* its own, from 1 */
    uint32_t place;       /* its index in the heap; of a slot that is free: the next one */
};

/* What rings is a copy: by then the alarm is set again, or its slot is free. */
typedef void (*bell_alarm_fn)(const struct bell_alarm *alarm, void *user);

/* All zero: no alarm is set. */
struct bell_alarm_table {
    struct bell_alarm *slots; /* (owned) capacity of them, used of which have been set */
    uint32_t *heap;           /* (owned) capacity of them: slots of the count that are set */
    uint32_t count;
    uint32_t used;
    uint32_t capacity;
    uint32_t free_slot; /* of a list through place, 0 = its end */
    uint64_t sequence;
    uint64_t ringing_ms; /* what is due has been rung up to this time */
};

/*
 * Sets an alarm: what->deadline_ms, task, owner, user and period_ms count, the rest of it is filled
 * in. It rings in the next run at the earliest. BELL_ELIMIT, BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_alarm_set(struct bell_alarm_table *t, struct bell_alarm *what);
/* What was set last in this slot, if it is set; NULL else. Until the next call. */
const struct bell_alarm *bell_alarm_find(const struct bell_alarm_table *t, uint32_t slot);
/* Of one that was found. */
void bell_alarm_cancel(struct bell_alarm_table *t, const struct bell_alarm *alarm);
/*
 * Rings what is due. ring may set and cancel any alarm. A periodic one keeps to its grid: rounds
 * that were missed are left out.
 */
void bell_alarm_run(struct bell_alarm_table *t, uint64_t now_ms, bell_alarm_fn ring, void *user);
/* How long the loop may sleep; -1 when no alarm is set. */
int bell_alarm_timeout_ms(const struct bell_alarm_table *t, uint64_t now_ms);
void bell_alarm_table_finish(struct bell_alarm_table *t);

#endif
