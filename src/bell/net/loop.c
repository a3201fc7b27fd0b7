#include "bell/net/loop.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/thread.h"
#include "bell/net/stream.h"
#include "bell/net/stream_events.h"
#include "bell/net/stream_tls.h"
#include "bell/net/tls.h"

static _Thread_local struct bell_loop *current_loop;

enum { NS_PER_US = 1000, NS_PER_MS = 1000000 };
/*
 * What other threads may have of a turn: they must not keep those waiting who are connected. Less
 * would be dear where they are too fast: a message with a key replaces only what has not been sent.
 */
enum { MAIL_NS_PER_TURN = 50 * NS_PER_MS };

const uint32_t bell_loop_turn_limits_us[BELL_LOOP_TURN_CLASSES - 1] = {
    10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000, 300000,
};

static void begin_turn(void *user)
{
    struct bell_loop *loop = user;
    loop->handshake_steps = 0;
    loop->awake_ns = bell_clock_now_ns();
    loop->now_ms = loop->awake_ns / NS_PER_MS;
    loop->now_s = bell_clock_wall_us() / 1000000;
    bell_timer_wheel_catch_up(&loop->timers, loop->now_ms);
}

static void forward_accept(struct bell_io_handle *listener, int fd, const bell_address *peer,
                           void *user)
{
    struct bell_loop *loop = user;
    loop->events.on_accept(listener, fd, peer, loop->user);
}

static void forward_accept_failed(struct bell_io_handle *listener, void *user)
{
    struct bell_loop *loop = user;
    loop->events.on_accept_failed(listener, loop->user);
}

static void forward_time(struct bell_timer *timer, uint64_t now_ms, void *user)
{
    struct bell_loop *loop = user;
    loop->events.on_time(timer, now_ms, loop->user);
}

static void forward_wake(void *user)
{
    struct bell_loop *loop = user;
    loop->events.on_wake(loop->user);
}

bell_status bell_loop_init(struct bell_loop *loop, uint32_t index, bell_io_back_end back_end,
                           const bell_loop_events *events, void *user)
{
    static const bell_io_events IO_EVENTS = {
        .on_awake = begin_turn,
        .on_accept = forward_accept,
        .on_accept_failed = forward_accept_failed,
        .on_receive = bell_stream_on_receive,
        .on_sent = bell_stream_on_sent,
        .on_connected = bell_stream_on_connected,
        .on_wake = forward_wake,
    };
    *loop = (struct bell_loop){.events = *events, .user = user, .index = index};
    bell_status st = bell_io_create(back_end, &IO_EVENTS, loop, &loop->io);
    if (st != BELL_OK) {
        return st;
    }
    begin_turn(loop);
    bell_timer_wheel_init(&loop->timers, loop->now_ms, forward_time, loop);
    bell_mailbox_init(&loop->mailbox);
    return BELL_OK;
}

void bell_loop_finish(struct bell_loop *loop)
{
    bell_mailbox_close(&loop->mailbox);
    bell_mailbox_finish(&loop->mailbox);
    bell_alarm_table_finish(&loop->alarms);
    bell_tls_loop_destroy(loop->tls);
    bell_io_destroy(loop->io);
    bell_out_pool_finish(&loop->pool);
}

static void flush_dirty(struct bell_loop *loop)
{
    loop->events.on_settle(loop->user);
    /* Streams that are marked meanwhile (more to send than one turn's share) wait for the next
     * turn. */
    struct bell_stream *s = loop->dirty;
    loop->dirty = NULL;
    while (s != NULL) {
        struct bell_stream *next = s->next;
        if (next != NULL) {
            BELL_PREFETCH(&next->out); /* while this one is in the kernel */
        }
        bell_stream_flush(s);
        s = next;
    }
    /* What the owner has put off since marks streams, and so there will be a next turn at once. */
    loop->events.on_settle(loop->user);
}

void bell_loop_reap(struct bell_loop *loop)
{
    while (loop->closed != NULL) {
        struct bell_stream *s = loop->closed;
        loop->closed = s->next;
        s->handler->on_closed(s);
    }
}

static void count_turn(struct bell_loop *loop, uint64_t took_ns)
{
    size_t class = 0;
    while (class < BELL_LOOP_TURN_CLASSES - 1 &&
           took_ns > (uint64_t)bell_loop_turn_limits_us[class] * NS_PER_US) {
        class ++;
    }
    bell_counter_add(&loop->counters.turns[class], 1);
    bell_counter_add(&loop->counters.busy_ns, took_ns);
}

/*
 * Looks again and again for something to do, as long as spin_us, instead of sleeping. Whether it
 * pays is learnt from the waits: one that would have been over within that time begins it, one that
 * was not ends it, so a loop with little to do sleeps. Returns whether there was something.
 */
static bool spin(struct bell_loop *loop, uint64_t begin_ns, int timeout_ms, bell_status *st)
{
    uint64_t end_ns = begin_ns + (uint64_t)loop->spin_us * NS_PER_US;
    if (timeout_ms >= 0 && end_ns > begin_ns + (uint64_t)timeout_ms * NS_PER_MS) {
        return false; /* a timer is that near */
    }
    do {
        *st = bell_io_turn(loop->io, 0);
    } while (*st == BELL_OK && bell_io_told(loop->io) == 0 && loop->awake_ns < end_ns);
    return *st != BELL_OK || bell_io_told(loop->io) > 0;
}

/* Until something is due; -1 = nothing will be. */
static int sleep_ms(const struct bell_loop *loop, uint64_t now_ms)
{
    int timer_ms = bell_timer_wheel_timeout_ms(&loop->timers, now_ms);
    int alarm_ms = bell_alarm_timeout_ms(&loop->alarms, now_ms);
    return alarm_ms < 0 || (timer_ms >= 0 && timer_ms < alarm_ms) ? timer_ms : alarm_ms;
}

/* The turn is over: waits for the next one, and delivers what that begins with. */
static bell_status next_turn(struct bell_loop *loop)
{
    uint64_t now_ns = bell_clock_now_ns();
    count_turn(loop, now_ns - loop->awake_ns);
    int timeout_ms =
        loop->dirty != NULL || loop->handshake != NULL || loop->has_mail || loop->is_behind
            ? 0
            : sleep_ms(loop, now_ns / NS_PER_MS);
    if (loop->spin_us == 0 || timeout_ms == 0) {
        return bell_io_turn(loop->io, timeout_ms);
    }
    bell_status st;
    if (loop->spins && spin(loop, now_ns, timeout_ms, &st)) {
        return st;
    }
    st = bell_io_turn(loop->io, timeout_ms);
    loop->spins = loop->awake_ns - now_ns <= (uint64_t)loop->spin_us * NS_PER_US;
    return st;
}

static void *loop_main(void *user)
{
    struct bell_loop *loop = user;
    current_loop = loop;
    begin_turn(loop);
    loop->events.on_start(loop->user);
    while (!atomic_load_explicit(&loop->must_stop, memory_order_acquire)) {
        bell_status st = next_turn(loop);
        if (st != BELL_OK) {
            bell_log(BELL_LOG_ERROR, "loop cannot wait loop=%u status=%s", loop->index,
                     bell_status_name(st));
            loop->failure = st;
            break;
        }
        loop->has_mail = bell_mailbox_drain(&loop->mailbox, MAIL_NS_PER_TURN);
        bell_timer_wheel_run(&loop->timers, loop->now_ms);
        bell_alarm_run(&loop->alarms, loop->now_ms, loop->events.on_alarm, loop->user);
        bell_stream_tls_go_on(loop);
        flush_dirty(loop);
        bell_loop_reap(loop);
    }
    loop->events.on_stop(loop->user);
    flush_dirty(loop);
    flush_dirty(loop);
    bell_loop_reap(loop);
    bell_io_settle(loop->io);
    loop->events.on_rest(loop->user);
    bell_mailbox_close(&loop->mailbox);
    loop->events.on_settle(loop->user); /* what that has put off: nobody is left to get it */
    current_loop = NULL;
    loop->events.on_end(loop->user);
    return NULL;
}

bell_status bell_loop_start(struct bell_loop *loop)
{
    bell_status st = bell_thread_start(&loop->thread, loop_main, loop);
    loop->is_running = st == BELL_OK;
    return st;
}

void bell_loop_stop(struct bell_loop *loop)
{
    atomic_store_explicit(&loop->must_stop, true, memory_order_release);
    bell_io_wake(loop->io);
}

void bell_loop_join(struct bell_loop *loop)
{
    if (loop->is_running) {
        (void)pthread_join(loop->thread, NULL);
        loop->is_running = false;
    }
}

void bell_loop_post(struct bell_loop *loop, struct bell_mail *mail)
{
    if (bell_mailbox_post(&loop->mailbox, mail)) {
        bell_io_wake(loop->io);
    }
}

void bell_loop_wake(struct bell_loop *loop)
{
    bell_io_wake(loop->io);
}

struct bell_loop *bell_loop_current(void)
{
    return current_loop;
}
