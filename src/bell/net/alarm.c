#include "bell/net/alarm.h"

#include "base/mem.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { FIRST_CAPACITY = 16 };

static struct bell_alarm *at_slot(const struct bell_alarm_table *t, uint32_t slot)
{
    return &t->slots[slot - 1];
}

/* ---- heap: each is due no later than the two below it ---- */

static bool is_before(const struct bell_alarm *a, const struct bell_alarm *b)
{
    return a->deadline_ms != b->deadline_ms ? a->deadline_ms < b->deadline_ms
                                            : a->sequence < b->sequence;
}

static void put_at(struct bell_alarm_table *t, uint32_t index, struct bell_alarm *alarm)
{
    t->heap[index] = alarm->slot;
    alarm->place = index;
}

/* Puts it at the free index or above it. */
static void rise(struct bell_alarm_table *t, uint32_t index, struct bell_alarm *alarm)
{
    while (index > 0) {
        struct bell_alarm *above = at_slot(t, t->heap[(index - 1) / 2]);
        if (!is_before(alarm, above)) {
            break;
        }
        put_at(t, index, above);
        index = (index - 1) / 2;
    }
    put_at(t, index, alarm);
}

/* Puts it at the free index or below it. */
static void sink(struct bell_alarm_table *t, uint32_t index, struct bell_alarm *alarm)
{
    for (;;) {
        uint32_t below = 2 * index + 1;
        if (below >= t->count) {
            break;
        }
        struct bell_alarm *first = at_slot(t, t->heap[below]);
        if (below + 1 < t->count && is_before(at_slot(t, t->heap[below + 1]), first)) {
            below++;
            first = at_slot(t, t->heap[below]);
        }
        if (!is_before(first, alarm)) {
            break;
        }
        put_at(t, index, first);
        index = below;
    }
    put_at(t, index, alarm);
}

static void heap_remove(struct bell_alarm_table *t, uint32_t index)
{
    struct bell_alarm *last = at_slot(t, t->heap[--t->count]);
    if (index < t->count) {
        rise(t, index, last); /* one of the two moves it, or none */
        sink(t, last->place, last);
    }
}

/* ---- slots ---- */

static bell_status grow(struct bell_alarm_table *t)
{
    uint32_t wanted = t->capacity == 0 ? FIRST_CAPACITY : t->capacity * 2;
    if (t->capacity == BELL_ALARMS_MAX) {
        return BELL_ELIMIT;
    }
    wanted = wanted > BELL_ALARMS_MAX ? BELL_ALARMS_MAX : wanted;
    struct bell_alarm *slots = bell_mem_resize(t->slots, wanted * sizeof *slots);
    if (slots == NULL) {
        return BELL_ENOMEM;
    }
    t->slots = slots;
    uint32_t *heap = bell_mem_resize(t->heap, wanted * sizeof *heap);
    if (heap == NULL) {
        return BELL_ENOMEM; /* there is more room than capacity says */
    }
    t->heap = heap;
    t->capacity = wanted;
    return BELL_OK;
}

static bell_status slot_take(struct bell_alarm_table *t, struct bell_alarm **out)
{
    if (t->free_slot != 0) {
        *out = at_slot(t, t->free_slot);
        t->free_slot = (*out)->place;
        return BELL_OK;
    }
    bell_status st = t->used < t->capacity ? BELL_OK : grow(t);
    if (st == BELL_OK) {
        *out = &t->slots[t->used++];
        **out = (struct bell_alarm){.slot = t->used};
    }
    return st;
}

static void slot_give(struct bell_alarm_table *t, struct bell_alarm *alarm)
{
    if (++alarm->generation == 0) {
        return; /* who had it first would find it again: it is used up */
    }
    alarm->place = t->free_slot;
    t->free_slot = alarm->slot;
}

bell_status bell_alarm_set(struct bell_alarm_table *t, struct bell_alarm *what)
{
    struct bell_alarm *alarm;
    bell_status st = slot_take(t, &alarm);
    if (st != BELL_OK) {
        return st;
    }
    what->slot = alarm->slot;
    what->generation = alarm->generation;
    what->sequence = t->sequence++;
    if (what->deadline_ms <= t->ringing_ms) {
        what->deadline_ms = t->ringing_ms + 1; /* else one that sets itself again rings for ever */
    }
    *alarm = *what;
    rise(t, t->count++, alarm);
    return BELL_OK;
}

const struct bell_alarm *bell_alarm_find(const struct bell_alarm_table *t, uint32_t slot)
{
    const struct bell_alarm *alarm = slot == 0 || slot > t->used ? NULL : at_slot(t, slot);
    bool is_set = alarm != NULL && alarm->place < t->count && t->heap[alarm->place] == slot;
    return is_set ? alarm : NULL;
}

void bell_alarm_cancel(struct bell_alarm_table *t, const struct bell_alarm *alarm)
{
    struct bell_alarm *own = at_slot(t, alarm->slot);
    heap_remove(t, own->place);
    slot_give(t, own);
}

void bell_alarm_run(struct bell_alarm_table *t, uint64_t now_ms, bell_alarm_fn ring, void *user)
{
    t->ringing_ms = now_ms;
    while (t->count > 0 && at_slot(t, t->heap[0])->deadline_ms <= now_ms) {
        struct bell_alarm *alarm = at_slot(t, t->heap[0]);
        const struct bell_alarm copy = *alarm;
        if (copy.period_ms == 0) {
            bell_alarm_cancel(t, alarm);
        } else {
            uint64_t rounds = (now_ms - copy.deadline_ms) / copy.period_ms + 1;
            alarm->deadline_ms += rounds * copy.period_ms;
            sink(t, 0, alarm);
        }
        ring(&copy, user);
    }
}

int bell_alarm_timeout_ms(const struct bell_alarm_table *t, uint64_t now_ms)
{
    if (t->count == 0) {
        return -1;
    }
    uint64_t at_ms = at_slot(t, t->heap[0])->deadline_ms;
    if (at_ms <= now_ms) {
        return 0;
    }
    return at_ms - now_ms > INT_MAX ? INT_MAX : (int)(at_ms - now_ms);
}

void bell_alarm_table_finish(struct bell_alarm_table *t)
{
    bell_mem_free(t->slots);
    bell_mem_free(t->heap);
    *t = (struct bell_alarm_table){0};
}
