#include "bell/net/timer.h"

#include <stddef.h>

enum { MASK = BELL_TIMER_SLOTS - 1, FAR_SHIFT = 8 };
_Static_assert(1 << FAR_SHIFT == BELL_TIMER_SLOTS, "a far slot is one round of the near ones");

static void list_init(struct bell_timer *head)
{
    head->next = head;
    head->prev = head;
}

static void list_insert(struct bell_timer *head, struct bell_timer *t)
{
    t->prev = head->prev;
    t->next = head;
    head->prev->next = t;
    head->prev = t;
}

static void list_remove(struct bell_timer *t)
{
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->next = NULL;
    t->prev = NULL;
}

/* The first tick at which the deadline has passed. */
static uint64_t tick_of(uint64_t deadline_ms)
{
    return deadline_ms / BELL_TIMER_TICK_MS + 1;
}

void bell_timer_wheel_init(struct bell_timer_wheel *w, uint64_t now_ms, bell_timer_fn on_time,
                           void *user)
{
    for (int i = 0; i < BELL_TIMER_SLOTS; i++) {
        list_init(&w->near_slots[i]);
        list_init(&w->far_slots[i]);
    }
    w->tick = now_ms / BELL_TIMER_TICK_MS + 1;
    w->armed = 0;
    w->on_time = on_time;
    w->user = user;
}

static void place(struct bell_timer_wheel *w, struct bell_timer *t)
{
    uint64_t tick = tick_of(t->deadline_ms);
    if (tick < w->tick) {
        tick = w->tick;
    }
    if (tick - w->tick < BELL_TIMER_SLOTS) {
        list_insert(&w->near_slots[tick & MASK], t);
        return;
    }
    /* Far slots are emptied at the first tick of their round; the last one stands for all beyond.
     */
    uint64_t round = tick >> FAR_SHIFT;
    uint64_t last_round = (w->tick >> FAR_SHIFT) + BELL_TIMER_SLOTS - 1;
    list_insert(&w->far_slots[(round > last_round ? last_round : round) & MASK], t);
}

void bell_timer_arm(struct bell_timer_wheel *w, struct bell_timer *t, uint64_t deadline_ms)
{
    if (bell_timer_is_armed(t)) {
        list_remove(t);
    } else {
        w->armed++;
    }
    t->deadline_ms = deadline_ms;
    place(w, t);
}

void bell_timer_cancel(struct bell_timer_wheel *w, struct bell_timer *t)
{
    if (bell_timer_is_armed(t)) {
        list_remove(t);
        w->armed--;
    }
}

bool bell_timer_is_armed(const struct bell_timer *t)
{
    return t->next != NULL;
}

/*
 * Moves a whole list under a local head: what callbacks or placing put into the same slot meanwhile
 * is not seen twice.
 */
static void list_take(struct bell_timer *head, struct bell_timer *out)
{
    if (head->next == head) {
        list_init(out);
        return;
    }
    *out = *head;
    out->next->prev = out;
    out->prev->next = out;
    list_init(head);
}

static void cascade(struct bell_timer_wheel *w)
{
    struct bell_timer moving;
    list_take(&w->far_slots[(w->tick >> FAR_SHIFT) & MASK], &moving);
    while (moving.next != &moving) {
        struct bell_timer *t = moving.next;
        list_remove(t);
        place(w, t);
    }
}

static void run_tick(struct bell_timer_wheel *w, uint64_t now_ms)
{
    struct bell_timer due;
    if ((w->tick & MASK) == 0) {
        cascade(w);
    }
    list_take(&w->near_slots[w->tick & MASK], &due);
    /* Advance first, so that a timer armed for "now" by a callback waits for the next tick. */
    w->tick++;
    while (due.next != &due) {
        struct bell_timer *t = due.next;
        list_remove(t);
        w->armed--;
        w->on_time(t, now_ms, w->user);
    }
}

void bell_timer_wheel_catch_up(struct bell_timer_wheel *w, uint64_t now_ms)
{
    uint64_t now_tick = now_ms / BELL_TIMER_TICK_MS;
    if (w->armed == 0 && now_tick >= w->tick) {
        w->tick = now_tick + 1; /* nothing to fire and nothing to cascade */
    }
}

void bell_timer_wheel_run(struct bell_timer_wheel *w, uint64_t now_ms)
{
    uint64_t now_tick = now_ms / BELL_TIMER_TICK_MS;
    bell_timer_wheel_catch_up(w, now_ms);
    while (w->tick <= now_tick) {
        run_tick(w, now_ms);
    }
}

int bell_timer_wheel_timeout_ms(const struct bell_timer_wheel *w, uint64_t now_ms)
{
    if (w->armed == 0) {
        return -1;
    }
    /* At the latest at the next cascade, where far timers come near. */
    uint64_t tick = w->tick;
    while ((tick & MASK) != 0 && w->near_slots[tick & MASK].next == &w->near_slots[tick & MASK]) {
        tick++;
    }
    uint64_t at_ms = tick * BELL_TIMER_TICK_MS;
    return at_ms <= now_ms ? 0 : (int)(at_ms - now_ms);
}
