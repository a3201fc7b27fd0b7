#include "bell/server/app_timer.h"

#include "base/clock.h"
#include "bell/io_server.h"
#include "bell/server/connection.h"

enum { NS_PER_MS = 1000000 };

/* Built as a connection's, so that one of another loop is known for what it is. */
static uint64_t handle_of(const struct bell_server_loop *home, const struct bell_alarm *alarm)
{
    return bell_connection_handle_of(home->loop.index, alarm->slot, alarm->generation);
}

bell_status bell_app_timer_start(struct bell_server_loop *home, void *owner, void (*ring)(void),
                                 uint32_t delay_ms, uint32_t period_ms, void *user, uint64_t *timer)
{
    if (home == NULL) {
        return BELL_ESTATE;
    }
    /* The clock rather than the turn's time, which may be long ago; rounded up: never early. */
    uint64_t now_ms = (bell_clock_now_ns() + NS_PER_MS - 1) / NS_PER_MS;
    struct bell_alarm alarm = {.deadline_ms = now_ms + delay_ms,
                               .task = ring,
                               .owner = owner,
                               .user = user,
                               .period_ms = period_ms};
    bell_status st = bell_alarm_set(&home->loop.alarms, &alarm);
    if (st == BELL_OK && timer != NULL) {
        *timer = handle_of(home, &alarm);
    }
    return st;
}

bell_status bell_app_timer_cancel(struct bell_server_loop *home, const void *owner, uint64_t timer)
{
    if (home == NULL || (timer != 0 && bell_connection_handle_loop(timer) != home->loop.index)) {
        return BELL_ESTATE;
    }
    const struct bell_alarm *alarm =
        bell_alarm_find(&home->loop.alarms, bell_connection_handle_slot(timer));
    if (alarm == NULL || handle_of(home, alarm) != timer || alarm->owner != owner) {
        return BELL_ENOTFOUND;
    }
    bell_alarm_cancel(&home->loop.alarms, alarm);
    return BELL_OK;
}

void bell_app_timer_ring(struct bell_server_loop *home, const struct bell_alarm *alarm)
{
    uint64_t timer = handle_of(home, alarm);
    if (alarm->owner == home->server) {
        ((bell_io_timer_fn)alarm->task)(home->server, timer, alarm->user);
    } else {
        ((bell_ws_timer_fn)alarm->task)(alarm->owner, timer, alarm->user);
    }
}
