/*
 * Clock thread: one thread that calls a function whenever its time has come or somebody wakes it.
 */
#ifndef DESK_GATEWAY_CLOCK_THREAD_H
#define DESK_GATEWAY_CLOCK_THREAD_H

#include "bell/status.h"

#include <stdint.h>

struct clock_thread;

/* Does what is due and says when it wants to be called again; UINT64_MAX = only when woken. */
typedef uint64_t (*clock_thread_fn)(uint64_t now_ms, void *user);

/* Begins with a call. BELL_ENOMEM, BELL_ELIMIT (no thread to be had). */
BELL_NODISCARD bell_status clock_thread_start(clock_thread_fn tick, void *user,
                                              struct clock_thread **out);
/* Waits for the call that runs and ends the thread. Twice is fine. */
void clock_thread_stop(struct clock_thread *clock);
/* Stops it if need be. Takes NULL. */
void clock_thread_destroy(struct clock_thread *clock);
/* Calls soon; without effect after stop. Any thread, tick included. */
void clock_thread_wake(struct clock_thread *clock);

#endif
