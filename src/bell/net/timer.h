/*
 * Timers: a wheel of two levels, so that arming and cancelling cost the same whatever their number.
 *
 * Resolution is BELL_TIMER_TICK_MS: a timer fires up to one tick late, never early. The struct is
 * embedded by its owner. A connection re-arms its one timer lazily: when it fires the owner looks
 * whether the real deadline has moved. Belongs to one loop thread. See also h2o's and the Linux
 * kernel's timer wheels.
 */
#ifndef BELL_NET_TIMER_H
#define BELL_NET_TIMER_H

#include <stdbool.h>
#include <stdint.h>

enum { BELL_TIMER_TICK_MS = 32, BELL_TIMER_SLOTS = 256 };

struct bell_timer;
typedef void (*bell_timer_fn)(struct bell_timer *timer, uint64_t now_ms, void *user);

struct bell_timer {
    struct bell_timer *next; /* NULL when not armed */
    struct bell_timer *prev;
    uint64_t deadline_ms; /* monotonic */
};

struct bell_timer_wheel {
    struct bell_timer near_slots[BELL_TIMER_SLOTS]; /* heads: one tick each */
    struct bell_timer far_slots[BELL_TIMER_SLOTS];  /* heads: BELL_TIMER_SLOTS ticks each */
    uint64_t tick;                                  /* the next one to be run */
    uint64_t armed;                                 /* count */
    bell_timer_fn on_time;                          /* of every timer; it knows which is which */
    void *user;
};

void bell_timer_wheel_init(struct bell_timer_wheel *w, uint64_t now_ms, bell_timer_fn on_time,
                           void *user);
/* Arms, or moves when armed. Deadlines beyond the wheel (over half an hour) are looked at again in
 * between. */
void bell_timer_arm(struct bell_timer_wheel *w, struct bell_timer *t, uint64_t deadline_ms);
void bell_timer_cancel(struct bell_timer_wheel *w, struct bell_timer *t);
bool bell_timer_is_armed(const struct bell_timer *t);
/*
 * It is that late by now, before anything is armed at that time: a wheel without timers is there at
 * once. Else the first timer after a long sleep would have all ticks of the sleep walked.
 */
void bell_timer_wheel_catch_up(struct bell_timer_wheel *w, uint64_t now_ms);
/* Fires what is due. A callback may arm and cancel any timer, its own included. */
void bell_timer_wheel_run(struct bell_timer_wheel *w, uint64_t now_ms);
/* How long the loop may sleep: until the next used slot; -1 when no timer is armed. */
int bell_timer_wheel_timeout_ms(const struct bell_timer_wheel *w, uint64_t now_ms);

#endif
