#include "bell/server/drain.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "bell/server/connection.h"
#include "bell/server/handover.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/listener.h"
#include "bell/server/preamble.h"
#include "bell/server/server_loop.h"

enum { TICK_MS = 32 }; /* a slot of the timer wheel */

void bell_drain_check(struct bell_server_loop *home)
{
    const struct bell_io_server *io = home->server;
    if (home->loop.index == 0 && atomic_load(&io->other_loops) > 0) {
        return; /* it goes on with its tasks and timers as long as others may need them */
    }
    /* In this order: who deals a connection counts it there before it counts as settled. */
    if (home->is_draining && home->open_count == 0 && atomic_load(&io->accepting_loops) == 0 &&
        atomic_load(&home->dealt_count) == 0) {
        bell_loop_stop(&home->loop);
    }
}

static void set_settled(struct bell_server_loop *home)
{
    struct bell_io_server *io = home->server;
    home->drain.has_settled = true;
    if (atomic_fetch_sub(&io->accepting_loops, 1) == 1) {
        /* The others may have waited for what this one would still deal to them. */
        for (uint32_t i = 0; i < io->loop_count; i++) {
            bell_loop_wake(&io->loops[i].loop);
        }
    }
}

void bell_drain_finish(struct bell_server_loop *home)
{
    bell_timer_cancel(&home->loop.timers, &home->drain.deadline);
    bell_timer_cancel(&home->loop.timers, &home->drain.tick);
    bell_listeners_close(home);
    if (!home->drain.has_settled) {
        set_settled(home);
    }
}

/* ---- WebSockets ---- */

static bool is_open_websocket(const struct bell_connection *c)
{
    return c->phase == BELL_CONNECTION_WEBSOCKET && c->u.ws.state == BELL_WS_OPEN;
}

static void tell(struct bell_connection *c, void *user)
{
    (void)user;
    if (c->phase == BELL_CONNECTION_WEBSOCKET) {
        bell_ws_session_drain(c);
    }
}

/* Tells the next ones: so many that the rest of the time is enough for the others. */
static void tell_some(struct bell_server_loop *home, uint64_t now_ms)
{
    struct bell_drain *d = &home->drain;
    uint64_t ticks = (d->spread_end_ms - now_ms + TICK_MS - 1) / TICK_MS;
    uint32_t quota = (uint32_t)((d->left + ticks - 1) / ticks);
    uint32_t slots = bell_slab_slots(home);
    while (quota > 0 && d->cursor < slots) {
        struct bell_connection *c = bell_slab_at(home, ++d->cursor);
        if (is_open_websocket(c)) {
            bell_ws_session_drain(c);
            d->left -= d->left > 0;
            quota--;
        }
    }
}

static void spread(struct bell_server_loop *home, uint64_t now_ms)
{
    struct bell_drain *d = &home->drain;
    if (now_ms < d->spread_end_ms) {
        tell_some(home, now_ms);
    } else {
        d->is_spread_over = true;
        /* Those too that came meanwhile, in slots that were looked at already. */
        bell_slab_each(home, tell, NULL);
    }
}

void bell_drain_on_upgrade(struct bell_server_loop *home)
{
    if (home->is_draining) {
        home->drain.is_spread_over = false;
        bell_timer_arm(&home->loop.timers, &home->drain.tick, home->loop.now_ms);
    }
}

/* ---- beginning, and time ---- */

static void tick(struct bell_server_loop *home, uint64_t now_ms)
{
    struct bell_drain *d = &home->drain;
    if (!d->has_settled && bell_listeners_settle(home)) {
        set_settled(home);
    }
    if (!d->is_spread_over) {
        spread(home, now_ms);
    }
    if (!d->has_settled || !d->is_spread_over) {
        bell_timer_arm(&home->loop.timers, &d->tick, now_ms + TICK_MS);
    }
    bell_drain_check(home);
}

static void begin_with(struct bell_connection *c, void *user)
{
    struct bell_drain *d = user;
    if (c->phase == BELL_CONNECTION_PREAMBLE) {
        bell_preamble_timer_update(c);
    } else if (c->phase == BELL_CONNECTION_HTTP) {
        bell_http_session_drain(c);
    } else if (c->phase == BELL_CONNECTION_CONNECTING) {
        bell_ws_connect_drain(c);
    } else if ((c->slot & BELL_CLIENT_SLOT) != 0) {
        tell(c, NULL); /* our own: nobody comes back */
    } else if (is_open_websocket(c)) {
        d->left++;
    }
}

static void begin(struct bell_server_loop *home)
{
    const struct bell_io_server *io = home->server;
    struct bell_drain *d = &home->drain;
    uint64_t spread_end_ms = home->loop.now_ms + atomic_load(&io->drain_spread_ms);
    home->is_draining = true;
    d->spread_end_ms = spread_end_ms < d->deadline_ms ? spread_end_ms : d->deadline_ms;
    bell_timer_cancel(&home->loop.timers, &home->accept_timer);
    bell_handover_end(home);
    bell_slab_each(home, begin_with, d);
    tick(home, home->loop.now_ms);
}

static void hasten(struct bell_server_loop *home)
{
    struct bell_drain *d = &home->drain;
    uint64_t deadline_ms = atomic_load(&home->server->drain_deadline_ms);
    if (deadline_ms < d->deadline_ms) {
        d->deadline_ms = deadline_ms;
        d->spread_end_ms = d->spread_end_ms < deadline_ms ? d->spread_end_ms : deadline_ms;
        bell_timer_arm(&home->loop.timers, &d->deadline, deadline_ms);
    }
}

static void on_order(struct bell_mail *mail)
{
    begin(BELL_CONTAINER_OF(mail, struct bell_server_loop, drain.order));
}

/* It has ended anyway. */
static void forget_order(struct bell_mail *mail)
{
    (void)mail;
}

/* What was sent before it was asked for goes out before 1001: the mails of that are on their way.
 */
static void order(struct bell_server_loop *home)
{
    struct bell_drain *d = &home->drain;
    d->is_ordered = true;
    d->deadline_ms = UINT64_MAX;
    d->order = (struct bell_mail){.deliver = on_order, .discard = forget_order};
    bell_loop_post(&home->loop, &d->order);
}

void bell_drain_on_wake(struct bell_server_loop *home)
{
    if (!atomic_load(&home->server->must_drain)) {
        return;
    }
    if (!home->drain.is_ordered) {
        order(home);
    }
    hasten(home);
    bell_drain_check(home);
}

void bell_drain_on_time(struct bell_server_loop *home, const struct bell_timer *timer,
                        uint64_t now_ms)
{
    if (timer == &home->drain.deadline) {
        bell_loop_stop(&home->loop); /* it took too long */
    } else {
        tick(home, now_ms);
    }
}

/* ---- asking for it ---- */

void bell_io_server_drain_spread(struct bell_io_server *io, uint32_t deadline_ms,
                                 uint32_t spread_ms)
{
    uint64_t at_ms = bell_clock_now_ms() + deadline_ms;
    uint64_t before_ms = atomic_load(&io->drain_deadline_ms);
    while (at_ms < before_ms &&
           !atomic_compare_exchange_weak(&io->drain_deadline_ms, &before_ms, at_ms)) {
    }
    if (!atomic_exchange(&io->has_drain_order, true)) {
        atomic_store(&io->drain_spread_ms, spread_ms);
        atomic_store(&io->must_drain, true);
    }
    for (uint32_t i = 0; i < io->loop_count; i++) {
        bell_loop_wake(&io->loops[i].loop);
    }
}

void bell_io_server_drain(struct bell_io_server *io, uint32_t timeout_ms)
{
    bell_io_server_drain_spread(io, timeout_ms, 0);
}
