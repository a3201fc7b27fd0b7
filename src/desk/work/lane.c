/*
 * A bounded queue (see lane.h).
 */
#include "desk/work/lane.h"

void lane_init(struct lane *lane, uint32_t max)
{
    *lane = (struct lane){.max = max};
    (void)pthread_mutex_init(&lane->lock, NULL);
    (void)pthread_cond_init(&lane->wake, NULL);
    atomic_init(&lane->held, 0);
}

void lane_finish(struct lane *lane)
{
    (void)pthread_cond_destroy(&lane->wake);
    (void)pthread_mutex_destroy(&lane->lock);
}

static void list_append(struct item_list *to, struct item_list list)
{
    if (to->first == NULL) {
        to->first = list.first;
    } else {
        to->last->next = list.first;
    }
    to->last = list.last;
}

bell_status lane_push(struct lane *lane, struct work_item *item)
{
    /* Relaxed: only a count; what the item holds is published by the lock below. */
    if (atomic_fetch_add_explicit(&lane->held, 1, memory_order_relaxed) >= lane->max) {
        lane_release(lane, 1);
        return BELL_EAGAIN;
    }
    item->next = NULL;
    (void)pthread_mutex_lock(&lane->lock);
    bool is_closed = lane->is_closed;
    if (!is_closed) {
        list_append(&lane->waiting, (struct item_list){item, item});
        (void)pthread_cond_signal(&lane->wake);
    }
    (void)pthread_mutex_unlock(&lane->lock);
    if (is_closed) {
        lane_release(lane, 1);
        return BELL_ECLOSED;
    }
    return BELL_OK;
}

void lane_append(struct lane *lane, struct item_list list)
{
    (void)pthread_mutex_lock(&lane->lock);
    list_append(&lane->waiting, list);
    (void)pthread_cond_signal(&lane->wake);
    (void)pthread_mutex_unlock(&lane->lock);
}

struct item_list lane_take(struct lane *lane, size_t max)
{
    struct item_list taken = {0};
    (void)pthread_mutex_lock(&lane->lock);
    while (lane->waiting.first == NULL && !lane->must_end) {
        (void)pthread_cond_wait(&lane->wake, &lane->lock);
    }
    if (lane->waiting.first != NULL) {
        taken.first = lane->waiting.first;
        taken.last = taken.first;
        for (size_t i = 1; i < max && taken.last->next != NULL; i++) {
            taken.last = taken.last->next;
        }
        lane->waiting.first = taken.last->next;
        taken.last->next = NULL;
    }
    (void)pthread_mutex_unlock(&lane->lock);
    return taken;
}

void lane_release(struct lane *lane, uint32_t count)
{
    (void)atomic_fetch_sub_explicit(&lane->held, count, memory_order_relaxed);
}

void lane_close(struct lane *lane)
{
    (void)pthread_mutex_lock(&lane->lock);
    lane->is_closed = true;
    (void)pthread_mutex_unlock(&lane->lock);
}

void lane_end(struct lane *lane)
{
    (void)pthread_mutex_lock(&lane->lock);
    lane->is_closed = true;
    lane->must_end = true;
    (void)pthread_cond_broadcast(&lane->wake);
    (void)pthread_mutex_unlock(&lane->lock);
}
