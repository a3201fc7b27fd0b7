#include "bell/server/server_loop.h"

#include "base/log.h"
#include "base/mem.h"
#include "bell/net/mailbox.h"
#include "bell/net/sock.h"
#include "bell/server/app_timer.h"
#include "bell/server/handover.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/listener.h"
#include "bell/server/ws_server_internal.h"

#include <assert.h>

enum {
    ACCEPT_PAUSE_MS = 100,
    CROWD_LEAVES_MS = 1000, /* so long more of it may leave; and memory is given back once a time */
};

/* ---- slab ---- */

static bool slab_grow(struct bell_server_loop *home)
{
    if (home->chunk_count == BELL_SLAB_MAX_CHUNKS) {
        return false;
    }
    struct bell_connection **chunks =
        bell_mem_resize(home->chunks, (home->chunk_count + 1) * sizeof *chunks);
    if (chunks == NULL) {
        return false;
    }
    home->chunks = chunks;
    struct bell_connection *chunk = bell_mem_zalloc_array(BELL_SLAB_CHUNK, sizeof *chunk);
    if (chunk == NULL) {
        return false;
    }
    uint32_t first = (uint32_t)(home->chunk_count * BELL_SLAB_CHUNK);
    home->chunks[home->chunk_count++] = chunk;
    for (uint32_t i = BELL_SLAB_CHUNK; i-- > 0;) {
        chunk[i].slot = first + i + 1;
        chunk[i].u.next_free = home->free_slots;
        home->free_slots = &chunk[i];
    }
    return true;
}

struct bell_connection *bell_slab_take(struct bell_server_loop *home)
{
    if (home->free_slots == NULL && !slab_grow(home)) {
        return NULL;
    }
    struct bell_connection *c = home->free_slots;
    home->free_slots = c->u.next_free;
    home->open_count++;
    uint32_t slot = c->slot;
    uint32_t generation = c->generation;
    *c = (struct bell_connection){
        .stream.loop = &home->loop, .slot = slot, .generation = generation};
    return c;
}

void bell_slab_give(struct bell_server_loop *home, struct bell_connection *c)
{
    home->open_count--;
    if ((c->slot & BELL_CLIENT_SLOT) != 0) {
        bell_client_slab_give(&home->clients, c, c->slot);
        return;
    }
    c->phase = BELL_CONNECTION_FREE;
    if (++c->generation == 0) {
        return; /* old handles would be good again: it is used up */
    }
    c->u.next_free = home->free_slots;
    home->free_slots = c;
}

struct bell_connection *bell_slab_at(const struct bell_server_loop *home, uint32_t slot)
{
    if ((slot & BELL_CLIENT_SLOT) != 0) {
        return bell_client_slab_at(&home->clients, slot);
    }
    if (slot == 0 || (slot - 1) / BELL_SLAB_CHUNK >= home->chunk_count) {
        return NULL;
    }
    return &home->chunks[(slot - 1) / BELL_SLAB_CHUNK][(slot - 1) % BELL_SLAB_CHUNK];
}

uint32_t bell_slab_slots(const struct bell_server_loop *home)
{
    return (uint32_t)(home->chunk_count * BELL_SLAB_CHUNK);
}

void bell_slab_each(struct bell_server_loop *home,
                    void (*visit)(struct bell_connection *c, void *user), void *user)
{
    for (size_t i = 0; i < home->chunk_count; i++) {
        for (size_t j = 0; j < BELL_SLAB_CHUNK; j++) {
            struct bell_connection *c = &home->chunks[i][j];
            if (c->phase != BELL_CONNECTION_FREE) {
                visit(c, user);
            }
        }
    }
    bell_client_slab_each(&home->clients, visit, user);
}

void bell_slab_finish(struct bell_server_loop *home)
{
    for (size_t i = 0; i < home->chunk_count; i++) {
        bell_mem_free(home->chunks[i]);
    }
    bell_mem_free(home->chunks);
    home->chunks = NULL;
    home->chunk_count = 0;
    bell_client_slab_finish(&home->clients);
}

/* ---- tasks ---- */

/* Relaxed, here and below: a bound, through which no other memory is published. */
bool bell_server_loop_task_begin(struct bell_server_loop *home)
{
    if (bell_mailbox_depth() >= BELL_MAX_NESTED_TASKS) {
        return false;
    }
    if (atomic_fetch_add_explicit(&home->task_count, 1, memory_order_relaxed) < BELL_MAX_TASKS) {
        return true;
    }
    bell_server_loop_task_end(home);
    return false;
}

void bell_server_loop_task_end(struct bell_server_loop *home)
{
    atomic_fetch_sub_explicit(&home->task_count, 1, memory_order_relaxed);
}

/* ---- loop events ---- */

void bell_server_loop_on_refused(struct bell_server_loop *home)
{
    atomic_fetch_sub(&home->server->connection_count, 1);
}

void bell_server_loop_take(struct bell_server_loop *home, uint8_t endpoint, int fd,
                           const bell_address *peer)
{
    static struct bell_log_limit limit;
    bell_status st = bell_connection_open(home, endpoint, fd, peer);
    if (st == BELL_OK) {
        bell_counter_add(&home->counters.opened, 1);
    } else {
        bell_counter_add(&home->counters.refused, 1);
        bell_server_loop_on_refused(home);
        bell_log_limited(&limit, BELL_LOG_WARN, "connection refused status=%s",
                         bell_status_name(st));
    }
}

void bell_server_loop_accept(struct bell_server_loop *home, const struct bell_listener *listener,
                             int fd, const bell_address *peer)
{
    static struct bell_log_limit limit;
    struct bell_io_server *server = home->server;
    if (listener->endpoint == BELL_IO_OFFER) {
        bell_handover_on_taker(home, fd);
        return;
    }
    if (atomic_fetch_add(&server->connection_count, 1) >= server->options.max_connections) {
        bell_counter_add(&home->counters.refused, 1);
        bell_server_loop_on_refused(home);
        bell_sock_close(fd);
        bell_log_limited(&limit, BELL_LOG_WARN, "connection refused why=max_connections max=%u",
                         server->options.max_connections);
        return;
    }
    if (listener->deals) {
        bell_listener_deal(home, listener->endpoint, fd, peer);
    } else {
        bell_server_loop_take(home, listener->endpoint, fd, peer);
    }
}

static void on_accept(struct bell_io_handle *listener, int fd, const bell_address *peer, void *user)
{
    bell_server_loop_accept(user, bell_listener_of(listener), fd, peer);
}

static void accept_again(struct bell_server_loop *home, uint64_t now_ms)
{
    if (bell_listeners_accept(home) != BELL_OK) {
        bell_timer_arm(&home->loop.timers, &home->accept_timer, now_ms + ACCEPT_PAUSE_MS);
    }
}

static void on_accept_failed(struct bell_io_handle *listener, void *user)
{
    static struct bell_log_limit limit;
    struct bell_server_loop *home = user;
    (void)listener;
    bell_counter_add(&home->counters.accept_failures, 1);
    bell_log_limited(&limit, BELL_LOG_ERROR,
                     "cannot accept connections: out of descriptors or memory, or a listening "
                     "socket was shut down open=%u",
                     home->open_count);
    bell_timer_arm(&home->loop.timers, &home->accept_timer, home->loop.now_ms + ACCEPT_PAUSE_MS);
}

static void on_wake(void *user)
{
    bell_drain_on_wake(user);
}

/* Its connection is gone already. A crowd is never larger than before one of it leaves. */
static void crowd_check(struct bell_server_loop *home)
{
    if (home->crowd <= home->open_count) {
        home->crowd = home->open_count + 1;
    }
    if (home->crowd >= BELL_CROWD_MIN && home->open_count <= home->crowd / 2 &&
        !bell_timer_is_armed(&home->crowd_timer)) {
        bell_timer_arm(&home->loop.timers, &home->crowd_timer, home->loop.now_ms + CROWD_LEAVES_MS);
    }
}

static void crowd_has_left(struct bell_server_loop *home)
{
    home->crowd = home->open_count;
    bell_mem_give_back();
}

void bell_server_loop_on_closed(struct bell_server_loop *home)
{
    crowd_check(home);
    atomic_fetch_sub(&home->server->connection_count, 1);
    bell_drain_check(home);
}

static void on_time(struct bell_timer *timer, uint64_t now_ms, void *user)
{
    struct bell_server_loop *home = user;
    if (timer == &home->accept_timer) {
        accept_again(home, now_ms);
    } else if (timer == &home->crowd_timer) {
        crowd_has_left(home);
    } else if (timer == &home->drain.deadline || timer == &home->drain.tick) {
        bell_drain_on_time(home, timer, now_ms);
    } else {
        bell_connection_on_time(timer, now_ms);
    }
}

static void on_alarm(const struct bell_alarm *alarm, void *user)
{
    bell_app_timer_ring(user, alarm);
}

static void on_settle(void *user)
{
    bell_ws_rest_go_on(user);
    bell_server_loop_settle(user);
}

static void on_start(void *user)
{
    struct bell_server_loop *home = user;
    accept_again(home, home->loop.now_ms);
}

static void close_connection(struct bell_connection *c, void *user)
{
    (void)user;
    if (c->phase == BELL_CONNECTION_CONNECTING) {
        bell_ws_connect_drain(c);
    } else {
        bell_connection_close(c);
    }
}

/* Read by who has joined all loops. */
static void note_failure(struct bell_server_loop *home)
{
    int none = BELL_OK;
    if (home->loop.failure != BELL_OK) {
        (void)atomic_compare_exchange_strong(&home->server->first_failure, &none,
                                             (int)home->loop.failure);
        atomic_fetch_add(&home->server->failed_loops, 1);
    }
}

static void on_stop(void *user)
{
    struct bell_server_loop *home = user;
    note_failure(home);
    bell_timer_cancel(&home->loop.timers, &home->accept_timer);
    bell_timer_cancel(&home->loop.timers, &home->crowd_timer);
    bell_handover_end(home);
    bell_drain_finish(home);
    bell_slab_each(home, close_connection, NULL);
}

static void on_rest(void *user)
{
    const struct bell_server_loop *home = user;
    if (home->loop.index == 0 && home->loop.failure == BELL_OK) {
        bell_io_server_await_others(home->server);
    }
}

static void on_end(void *user)
{
    const struct bell_server_loop *home = user;
    if (home->loop.index > 0) {
        bell_io_server_others_ended(home->server, 1);
    }
}

const bell_loop_events bell_server_loop_events = {
    .on_accept = on_accept,
    .on_accept_failed = on_accept_failed,
    .on_time = on_time,
    .on_alarm = on_alarm,
    .on_wake = on_wake,
    .on_settle = on_settle,
    .on_start = on_start,
    .on_stop = on_stop,
    .on_rest = on_rest,
    .on_end = on_end,
};
