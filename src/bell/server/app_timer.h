/*
 * The application's timers: alarms of a loop, whose owner, an I/O server or a WebSocket server, is
 * who rings.
 */
#ifndef BELL_SERVER_APP_TIMER_H
#define BELL_SERVER_APP_TIMER_H

#include "bell/net/alarm.h"
#include "bell/server/server_loop.h"
#include "bell/status.h"

#include <stdint.h>

/* ring is the owner's, to be cast back. home NULL: the caller is on none of the owner's loops,
 * which is BELL_ESTATE. Else as bell_ws_start_timer. */
BELL_NODISCARD bell_status bell_app_timer_start(struct bell_server_loop *home, void *owner,
                                                void (*ring)(void), uint32_t delay_ms,
                                                uint32_t period_ms, void *user, uint64_t *timer);
/* As bell_ws_cancel_timer. */
bell_status bell_app_timer_cancel(struct bell_server_loop *home, const void *owner, uint64_t timer);
void bell_app_timer_ring(struct bell_server_loop *home, const struct bell_alarm *alarm);

#endif
