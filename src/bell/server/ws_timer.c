/*
 * Timers by a WebSocket server.
 */
#include "bell/server/app_timer.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws_server.h"

bell_status bell_ws_start_timer(struct bell_ws_server *ws, uint32_t delay_ms, uint32_t period_ms,
                                bell_ws_timer_fn ring, void *user, bell_ws_timer *timer)
{
    return bell_app_timer_start(bell_ws_server_loop_here(ws), ws, (void (*)(void))ring, delay_ms,
                                period_ms, user, timer);
}

bell_status bell_ws_cancel_timer(struct bell_ws_server *ws, bell_ws_timer timer)
{
    return bell_app_timer_cancel(bell_ws_server_loop_here(ws), ws, timer);
}
