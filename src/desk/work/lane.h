/*
 * Lane: a bounded queue of items for one or several threads. Private to desk/work.
 *
 * Items are counted from push until lane_release, so the bound holds for what is waiting and what
 * is under way together. All functions from any thread.
 */
#ifndef DESK_WORK_LANE_H
#define DESK_WORK_LANE_H

#include "bell/status.h"
#include "desk/work/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A chain of items in order. */
struct item_list {
    struct work_item *first;
    struct work_item *last;
};

struct lane {
    pthread_mutex_t lock; /* guards waiting, is_closed and must_end */
    pthread_cond_t wake;
    struct item_list waiting;
    bool is_closed; /* takes nothing more */
    bool must_end;  /* once empty, lane_take says so */
    uint32_t max;
    atomic_uint_fast32_t held; /* waiting or under way */
};

void lane_init(struct lane *lane, uint32_t max);
void lane_finish(struct lane *lane);
/* BELL_EAGAIN when full, BELL_ECLOSED. */
BELL_NODISCARD bell_status lane_push(struct lane *lane, struct work_item *item);
/* A whole list, past the bound: for the way from the writer to the announcer. */
void lane_append(struct lane *lane, struct item_list list);
/* Waits for items and takes at most max of them; an empty list: the lane has ended. */
struct item_list lane_take(struct lane *lane, size_t max);
/* So many items have been answered. */
void lane_release(struct lane *lane, uint32_t count);
void lane_close(struct lane *lane);
/* Takers finish what is waiting, then end. */
void lane_end(struct lane *lane);

#endif
