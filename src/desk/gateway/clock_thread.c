#include "desk/gateway/clock_thread.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

struct clock_thread {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on the monotonic clock */
    bool is_woken;
    bool is_stopping;
    bool is_joined; /* of the stopping thread only */
    clock_thread_fn tick;
    void *user; /* (borrowed) */
};

/* With the lock held: until the deadline, a wake or the end. */
static void wait_until(struct clock_thread *clock, uint64_t deadline_ms)
{
    const struct timespec deadline = {(time_t)(deadline_ms / MS_PER_S),
                                      (long)(deadline_ms % MS_PER_S) * NS_PER_MS};
    while (!clock->is_woken && !clock->is_stopping) {
        if (deadline_ms == UINT64_MAX) {
            (void)pthread_cond_wait(&clock->changed, &clock->lock);
        } else if (bell_clock_now_ms() >= deadline_ms) {
            return;
        } else {
            (void)pthread_cond_timedwait(&clock->changed, &clock->lock, &deadline);
        }
    }
}

static void *run(void *user)
{
    struct clock_thread *clock = user;
    (void)pthread_mutex_lock(&clock->lock);
    while (!clock->is_stopping) {
        clock->is_woken = false;
        (void)pthread_mutex_unlock(&clock->lock);
        uint64_t next_ms = clock->tick(bell_clock_now_ms(), clock->user);
        (void)pthread_mutex_lock(&clock->lock);
        wait_until(clock, next_ms);
    }
    (void)pthread_mutex_unlock(&clock->lock);
    return NULL;
}

bell_status clock_thread_start(clock_thread_fn tick, void *user, struct clock_thread **out)
{
    struct clock_thread *clock = bell_mem_zalloc(sizeof *clock);
    if (clock == NULL) {
        return BELL_ENOMEM;
    }
    clock->tick = tick;
    clock->user = user;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&clock->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&clock->lock, NULL);
    if (pthread_create(&clock->thread, NULL, run, clock) != 0) {
        (void)pthread_cond_destroy(&clock->changed);
        (void)pthread_mutex_destroy(&clock->lock);
        bell_mem_free(clock);
        return BELL_ELIMIT;
    }
    *out = clock;
    return BELL_OK;
}

void clock_thread_stop(struct clock_thread *clock)
{
    if (clock->is_joined) {
        return;
    }
    (void)pthread_mutex_lock(&clock->lock);
    clock->is_stopping = true;
    (void)pthread_cond_signal(&clock->changed);
    (void)pthread_mutex_unlock(&clock->lock);
    (void)pthread_join(clock->thread, NULL);
    clock->is_joined = true;
}

void clock_thread_destroy(struct clock_thread *clock)
{
    if (clock == NULL) {
        return;
    }
    clock_thread_stop(clock);
    (void)pthread_cond_destroy(&clock->changed);
    (void)pthread_mutex_destroy(&clock->lock);
    bell_mem_free(clock);
}

void clock_thread_wake(struct clock_thread *clock)
{
    (void)pthread_mutex_lock(&clock->lock);
    clock->is_woken = true;
    (void)pthread_cond_signal(&clock->changed);
    (void)pthread_mutex_unlock(&clock->lock);
}
