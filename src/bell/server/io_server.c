#include "bell/io_server.h"

#include "base/compiler.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/versioned.h"
#include "bell/net/sock.h"
#include "bell/server/handover.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/listener.h"
#include "bell/server/resolver.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws_server.h"

#include <inttypes.h>
#include <sched.h>

static const bell_io_options DEFAULTS = {
    .threads = 0,
    .max_connections = 1000000,
    .backlog = 4096,
    .unix_mode = 0660,
};

/* Permission bits; setuid and the like mean nothing for a socket. */
enum { MAX_UNIX_MODE = 0777 };
/* Longer than that it is no matter of latency any more. */
enum { MAX_SPIN_US = 1000 };
/* Descriptors the kernel's table has room for from the start: 128 KiB. Above, it doubles seldom. */
enum { MAX_AT_HAND = 16384 };

void bell_io_options_init_sized(bell_io_options *options, size_t options_bytes)
{
    bell_versioned_write(options, options_bytes, &DEFAULTS, sizeof DEFAULTS);
}

static uint32_t usable_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (uint32_t)count;
}

/* What they are called is not needed any more. */
static bell_status proxies_parse(struct bell_io_server *io)
{
    bell_io_options *o = &io->options;
    if (o->trusted_proxy_count == 0) {
        return BELL_OK;
    }
    io->proxies = bell_mem_zalloc_array(o->trusted_proxy_count, sizeof *io->proxies);
    bell_status st = io->proxies == NULL ? BELL_ENOMEM : BELL_OK;
    for (size_t i = 0; i < o->trusted_proxy_count && st == BELL_OK; i++) {
        st = bell_network_parse(bell_slice_from(o->trusted_proxies[i]), &io->proxies[i]);
        if (st != BELL_OK) {
            bell_log(BELL_LOG_ERROR, "no network option=bell_io_options.trusted_proxies given=%s",
                     o->trusted_proxies[i]);
        }
    }
    o->trusted_proxies = NULL;
    return st;
}

static void loops_finish(struct bell_io_server *io)
{
    /* Who is told that his mail was not delivered may post to any loop. */
    for (uint32_t i = 0; i < io->loop_count; i++) {
        bell_mailbox_close(&io->loops[i].loop.mailbox);
    }
    for (uint32_t i = 0; i < io->loop_count; i++) {
        struct bell_server_loop *home = &io->loops[i];
        bell_listeners_free(home);
        bell_loop_finish(&home->loop);
        bell_slab_finish(home);
        bell_http_session_finish(home);
    }
    bell_mem_free(io->loops);
    io->loops = NULL;
    io->loop_count = 0;
}

static bell_status loops_create(struct bell_io_server *io, uint32_t count,
                                bell_io_back_end back_end)
{
    io->loops = bell_mem_zalloc_array(count, sizeof *io->loops);
    if (io->loops == NULL) {
        return BELL_ENOMEM;
    }
    for (; io->loop_count < count; io->loop_count++) {
        struct bell_server_loop *home = &io->loops[io->loop_count];
        home->server = io;
        bell_client_slab_init(&home->clients);
        bell_status st =
            bell_loop_init(&home->loop, io->loop_count, back_end, &bell_server_loop_events, home);
        if (st != BELL_OK) {
            bell_client_slab_finish(&home->clients);
            return st;
        }
        home->loop.spin_us = io->options.spin_us;
    }
    return BELL_OK;
}

/*
 * A first ring, tried by bell_io_choose, does not mean that there is memory, and are descriptors,
 * for one per loop. Who did not ask for rings gets epoll then, for all loops: they shall behave the
 * same. There is no way back. On failure loops_finish is due.
 */
static bell_status loops_create_somehow(struct bell_io_server *io, uint32_t count,
                                        bell_io_back_end back_end)
{
    bell_io_back_end wanted = io->options.back_end;
    io->options.back_end = back_end;
    bell_status st = loops_create(io, count, back_end);
    if (st == BELL_OK || back_end != BELL_IO_URING || !bell_io_is_free(wanted)) {
        return st;
    }
    bell_log(BELL_LOG_WARN,
             "no io_uring for all loops, so epoll loops=%" PRIu32 " of=%" PRIu32 " status=%s",
             io->loop_count, count, bell_status_name(st));
    loops_finish(io);
    io->options.back_end = BELL_IO_EPOLL;
    return loops_create(io, count, BELL_IO_EPOLL);
}

static bell_status options_check(const bell_io_options *o)
{
    const bell_option_rule rules[] = {
        {"threads", o->threads <= BELL_IO_MAX_LOOPS},
        {"max_connections", o->max_connections > 0},
        {"backlog", o->backlog > 0 && o->backlog <= INT32_MAX},
        {"back_end", (unsigned)o->back_end <= BELL_IO_URING},
        {"trusted_proxy_count", o->trusted_proxy_count <= BELL_IO_MAX_PROXIES},
        {"unix_mode", o->unix_mode <= MAX_UNIX_MODE},
        {"spin_us", o->spin_us <= MAX_SPIN_US},
    };
    return bell_option_check("bell_io_options", rules, BELL_ARRAY_LEN(rules));
}

/* What is left when there are no loops any more. */
static void io_free(struct bell_io_server *io)
{
    (void)pthread_mutex_destroy(&io->wait_lock);
    (void)pthread_mutex_destroy(&io->clients_lock);
    (void)pthread_mutex_destroy(&io->listeners_lock);
    (void)pthread_mutex_destroy(&io->others_lock);
    (void)pthread_cond_destroy(&io->others_changed);
    bell_mem_free(io->proxies);
    bell_mem_free(io);
}

bell_status bell_io_server_create_sized(struct bell_http_server *http,
                                        const bell_io_options *options, size_t options_bytes,
                                        struct bell_io_server **out)
{
    bell_io_options known = DEFAULTS;
    const bell_io_options *o = &known;
    if (!bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    bell_status st = options_check(o);
    if (st != BELL_OK) {
        return st;
    }
    if (http != NULL && http->io != NULL) {
        return BELL_ESTATE;
    }
    bell_mem_expect_large();
    bell_io_back_end back_end;
    st = bell_io_choose(o->back_end, &back_end);
    if (st != BELL_OK) {
        return st;
    }
    struct bell_io_server *io = bell_mem_zalloc(sizeof *io);
    if (io == NULL) {
        return BELL_ENOMEM;
    }
    (void)pthread_mutex_init(&io->wait_lock, NULL);
    (void)pthread_mutex_init(&io->clients_lock, NULL);
    (void)pthread_mutex_init(&io->listeners_lock, NULL);
    (void)pthread_mutex_init(&io->others_lock, NULL);
    (void)pthread_cond_init(&io->others_changed, NULL);
    io->predecessor_fd = -1;
    atomic_store(&io->drain_deadline_ms, UINT64_MAX);
    uint32_t cores = usable_cores();
    uint32_t count = o->threads > 0 ? o->threads : cores;
    count = count > BELL_IO_MAX_LOOPS ? BELL_IO_MAX_LOOPS : count;
    io->http = http;
    io->options = *o;
    st = proxies_parse(io);
    if (st != BELL_OK) {
        goto free_io;
    }
    st = loops_create_somehow(io, count, back_end);
    if (st == BELL_OK && http != NULL) {
        st = bell_http_server_bind(http, io);
    }
    if (st != BELL_OK) {
        goto finish_loops;
    }
    io->descriptor_limit = bell_sock_raise_limit();
    *out = io;
    return BELL_OK;

finish_loops:
    loops_finish(io);
free_io:
    io_free(io);
    return st;
}

/* ---- clients ---- */

bell_status bell_io_server_add_client(struct bell_io_server *io, struct bell_ws_server *client)
{
    bell_status st = BELL_OK;
    (void)pthread_mutex_lock(&io->clients_lock);
    if (io->resolver == NULL) {
        st = bell_resolver_create(&io->resolver);
    }
    if (st == BELL_OK) {
        client->next_client = io->clients;
        io->clients = client;
    }
    (void)pthread_mutex_unlock(&io->clients_lock);
    return st;
}

void bell_io_server_remove_client(struct bell_io_server *io, struct bell_ws_server *client)
{
    (void)pthread_mutex_lock(&io->clients_lock);
    for (struct bell_ws_server **at = &io->clients; *at != NULL; at = &(*at)->next_client) {
        if (*at == client) {
            *at = client->next_client;
            break;
        }
    }
    (void)pthread_mutex_unlock(&io->clients_lock);
}

static void clients_unbind(struct bell_io_server *io)
{
    while (io->clients != NULL) {
        struct bell_ws_server *client = io->clients;
        io->clients = client->next_client;
        bell_ws_server_unbind(client);
    }
}

void bell_io_server_destroy(struct bell_io_server *io)
{
    if (io != NULL) {
        bell_io_server_stop(io);
        bell_resolver_destroy(io->resolver);
        if (io->http != NULL) {
            bell_http_server_unbind(io->http);
        }
        loops_finish(io); /* clients are told of connects that were never taken up */
        clients_unbind(io);
        bell_endpoints_finish(io);
        bell_handover_finish(io);
        io_free(io);
    }
}

/*
 * Who listens will have many. What the process has open beside them is not counted: some more do no
 * harm.
 */
static void descriptors_expect(const struct bell_io_server *io)
{
    uint64_t wanted = io->options.max_connections;
    wanted = wanted > MAX_AT_HAND ? MAX_AT_HAND : wanted;
    wanted = wanted > io->descriptor_limit ? io->descriptor_limit : wanted;
    for (uint32_t i = 0; i < io->loop_count; i++) {
        const struct bell_listener *any = io->loops[i].listeners;
        if (any != NULL && wanted > 0) {
            bell_sock_widen_table(any->io.fd, wanted);
            return;
        }
    }
}

bell_status bell_io_server_start(struct bell_io_server *io)
{
    if (io->phase != BELL_IO_NEW) {
        return BELL_ESTATE;
    }
    bell_status st = io->http == NULL ? BELL_OK : bell_http_server_start_files(io->http);
    if (st != BELL_OK) {
        return st;
    }
    descriptors_expect(io);
    /* Who stops from another thread waits until all loops run. */
    (void)pthread_mutex_lock(&io->wait_lock);
    io->phase = BELL_IO_STARTED;
    atomic_store(&io->accepting_loops, io->loop_count);
    atomic_store(&io->other_loops, io->loop_count - 1);
    for (uint32_t i = 0; i < io->loop_count && st == BELL_OK; i++) {
        st = bell_loop_start(&io->loops[i].loop);
        if (st != BELL_OK && i > 0) {
            bell_io_server_others_ended(io, io->loop_count - i);
        }
    }
    (void)pthread_mutex_unlock(&io->wait_lock);
    if (st == BELL_OK) {
        st = bell_handover_ready(io);
    }
    if (st == BELL_OK) {
        bell_log(BELL_LOG_INFO,
                 "serving loops=%" PRIu32 " io=%s max_connections=%" PRIu32
                 " descriptor_limit=%" PRIu64,
                 io->loop_count, io->options.back_end == BELL_IO_URING ? "uring" : "epoll",
                 io->options.max_connections, io->descriptor_limit);
    } else {
        bell_io_server_stop(io);
    }
    return st;
}

struct bell_server_loop *bell_io_server_loop_here(const struct bell_io_server *io)
{
    const struct bell_loop *current = bell_loop_current();
    bool is_ours = current != NULL && current->index < io->loop_count &&
                   current == &io->loops[current->index].loop;
    return is_ours ? &io->loops[current->index] : NULL;
}

void bell_io_server_others_ended(struct bell_io_server *io, uint32_t count)
{
    (void)pthread_mutex_lock(&io->others_lock);
    if (atomic_fetch_sub(&io->other_loops, count) == count) {
        (void)pthread_cond_signal(&io->others_changed);
        bell_loop_wake(&io->loops[0].loop); /* see bell_drain_check */
    }
    (void)pthread_mutex_unlock(&io->others_lock);
}

void bell_io_server_await_others(struct bell_io_server *io)
{
    (void)pthread_mutex_lock(&io->others_lock);
    while (atomic_load(&io->other_loops) > 0) {
        (void)pthread_cond_wait(&io->others_changed, &io->others_lock);
    }
    (void)pthread_mutex_unlock(&io->others_lock);
}

/* Of loops that have ended: one that was asked to is enough for the server to be in order. */
static bell_status why_ended(const struct bell_io_server *io)
{
    return atomic_load(&io->failed_loops) == io->loop_count
               ? (bell_status)atomic_load(&io->first_failure)
               : BELL_OK;
}

bell_status bell_io_server_wait(struct bell_io_server *io)
{
    /* Who stops and who runs may both be here. */
    (void)pthread_mutex_lock(&io->wait_lock);
    if (io->phase == BELL_IO_STARTED) {
        for (uint32_t i = 0; i < io->loop_count; i++) {
            bell_loop_join(&io->loops[i].loop);
        }
        if (io->http != NULL) {
            bell_http_server_stop_files(io->http);
        }
        io->phase = BELL_IO_ENDED;
    }
    (void)pthread_mutex_unlock(&io->wait_lock);
    return why_ended(io);
}

bell_status bell_io_server_run(struct bell_io_server *io)
{
    bell_status st = bell_io_server_start(io);
    return st == BELL_OK ? bell_io_server_wait(io) : st;
}

void bell_io_server_stop(struct bell_io_server *io)
{
    for (uint32_t i = 0; i < io->loop_count; i++) {
        bell_loop_stop(&io->loops[i].loop);
    }
    (void)bell_io_server_wait(io);
}

uint32_t bell_io_server_threads(const struct bell_io_server *io)
{
    return io->loop_count;
}

bell_status bell_serve_sized(const char *address, const struct bell_component *component,
                             size_t component_bytes)
{
    struct bell_ws_server *ws = NULL;
    struct bell_http_server *http = NULL;
    struct bell_io_server *io = NULL;
    bell_status st = bell_ws_server_create_sized(component, component_bytes, NULL, 0, &ws);
    if (st == BELL_OK) {
        st = bell_http_server_create(NULL, &http);
    }
    if (st == BELL_OK) {
        st = bell_http_server_websocket(http, "/*", ws);
    }
    if (st == BELL_OK) {
        st = bell_io_server_create(http, NULL, &io);
    }
    if (st == BELL_OK) {
        st = bell_io_server_listen(io, address);
    }
    if (st == BELL_OK) {
        bell_log(BELL_LOG_INFO, "listening address=%s port=%u", address,
                 (unsigned)bell_io_server_port(io, 0)); /* which may have been 0 */
        st = bell_io_server_run(io);
    }
    if (st != BELL_OK) {
        bell_log(BELL_LOG_ERROR, "cannot serve address=%s why=\"%s\"%s",
                 address == NULL ? "" : address, bell_status_text(st),
                 st == BELL_EINVAL ? " wanted=ADDR:PORT" : "");
    }
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    return st;
}
