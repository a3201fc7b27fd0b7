#include "server.h"

#include "command.h"
#include "web.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bell/http_server.h"
#include "bell/io_server.h"
#include "bell/supervisor.h"
#include "desk/api/api.h"
#include "desk/bus/bus.h"
#include "desk/domain/account.h"
#include "desk/domain/event.h"
#include "desk/domain/site.h"
#include "desk/gateway/gateway.h"
#include "desk/store/db.h"
#include "desk/store/store.h"
#include "desk/work/threads.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BODY_MAX_BYTES = 64 * 1024, MS_PER_S = 1000, OCTAL = 8 };
/* How often, and after which pause, an address that is in use is tried again: for a second. */
enum { LISTEN_TRIES = 50, LISTEN_PAUSE_NS = 20 * 1000 * 1000 };
static const int64_t US_PER_DAY = INT64_C(24) * 60 * 60 * 1000 * 1000;

struct server {
    const struct config *config; /* (borrowed) */
    struct bell_tls *tls;        /* (borrowed) NULL: without */
    struct store *store;         /* (owned) as all below, in the order of their making */
    struct bus *bus;
    struct work *work;
    struct bell_http_server *http;
    struct gateway *gateway;
    struct api *api;
    struct bell_io_server *io;
    bool has_setup_token;
    desk_secret setup_token;
};

/* ---- the store ---- */

/* What every start sees to: a site to show, and a way in while nobody is owner. */
static struct outcome prepare(struct server *server, struct db *db)
{
    struct event_list events;
    event_list_init(&events);
    struct tx tx = {.db = db, .events = &events, .now_us = bell_clock_wall_us()};
    struct outcome outcome = site_ensure_demo(&tx);
    if (outcome_is_done(outcome)) {
        outcome = setup_renew(&tx, &server->has_setup_token, &server->setup_token);
    }
    event_list_finish(&events);
    return outcome;
}

static bool prepare_store(struct server *server)
{
    struct db *db;
    bell_status st = db_open(server->store, DB_WRITER, &db);
    if (st == BELL_OK) {
        st = db_begin(db);
        if (st == BELL_OK && outcome_is_done(prepare(server, db))) {
            st = db_commit(db);
        } else if (st == BELL_OK) {
            st = BELL_EIO;
        }
        db_close(db);
    }
    if (st != BELL_OK) {
        cli_complain("cannot write to the data folder %s: %s", server->config->data,
                     bell_status_text(st));
    }
    return st == BELL_OK;
}

static bool open_store(struct server *server)
{
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.folder = bell_slice_from(server->config->data),
                                          .is_server = true};
    if (store_open(&options, why, &server->store) != BELL_OK) {
        cli_complain("%s", why);
        return false;
    }
    return prepare_store(server);
}

/* ---- the parts ---- */

static bell_status create_work(struct server *server)
{
    const struct config *config = server->config;
    bell_status st = bus_create(&server->bus);
    if (st != BELL_OK) {
        return st;
    }
    const struct work_options options = {.store = server->store,
                                         .bus = server->bus,
                                         .readers = (uint32_t)config->readers,
                                         .queue_max = (uint32_t)config->queue_commands,
                                         .batch_max = (uint32_t)config->batch_commands,
                                         .event_history = (int64_t)config->event_history};
    return work_create(&options, &server->work);
}

static bell_status create_gateway(struct server *server)
{
    const struct config *config = server->config;
    const struct gateway_options options = {
        .work = server->work,
        .bus = server->bus,
        .public_origin = config->public_url,
        .message_rate = config->message_rate,
        .message_burst = config->message_burst,
        .command_rate = config->command_rate,
        .command_burst = config->command_burst,
        .conversations_per_address = config->conversations_per_address,
        .conversations_window_ms = config->conversations_window_s * MS_PER_S,
        .presence_grace_ms = config->presence_grace_ms,
        .session_lifetime_us = (int64_t)config->session_days * US_PER_DAY,
        .send_queue_bytes = (size_t)config->send_queue_bytes,
        .connections_per_address = (uint32_t)config->connections_per_address,
    };
    return gateway_create(&options, &server->gateway);
}

static bell_status create_api(struct server *server)
{
    const struct config *config = server->config;
    const struct api_options options = {
        .http = server->http,
        .work = server->work,
        .gateway = server->gateway,
        .public_origin = config->public_url,
        .session_lifetime_us = (int64_t)config->session_days * US_PER_DAY,
        .login_attempts = config->login_attempts,
        .login_window_s = config->login_window_s,
    };
    return api_create(&options, &server->api);
}

static bell_status mount(struct server *server)
{
    bell_status st = gateway_mount(server->gateway, server->http);
    if (st == BELL_OK) {
        st = api_mount(server->api);
    }
    return st != BELL_OK ? st : web_mount(server->http);
}

static bool create_parts(struct server *server)
{
    bell_http_options http;
    bell_http_options_init(&http);
    http.max_body_bytes = BODY_MAX_BYTES;
    bell_io_options io;
    bell_io_options_init(&io);
    io.threads = (uint32_t)server->config->threads;
    if (strcmp(server->config->io, "auto") != 0) {
        io.back_end = strcmp(server->config->io, "uring") == 0 ? BELL_IO_URING : BELL_IO_EPOLL;
    }
    io.trusted_proxies = (const char *const *)server->config->trusted_proxies.items;
    io.trusted_proxy_count = server->config->trusted_proxies.count;
    io.proxy_protocol = server->config->proxy_protocol;
    io.unix_mode = (uint32_t)strtoul(server->config->unix_mode, NULL, OCTAL); /* checked */
    bell_status st = create_work(server);
    if (st == BELL_OK) {
        st = bell_http_server_create(&http, &server->http);
    }
    if (st == BELL_OK) {
        st = create_gateway(server);
    }
    if (st == BELL_OK) {
        st = create_api(server);
    }
    if (st == BELL_OK) {
        st = mount(server);
    }
    if (st == BELL_OK) {
        st = bell_io_server_create(server->http, &io, &server->io);
    }
    if (st == BELL_OK) {
        api_set_io(server->api, server->io);
    }
    if (st == BELL_ENOTSUP) {
        cli_complain("io_uring cannot be had here (an older kernel, or it is forbidden): leave "
                     "--io out, or choose --io epoll");
    } else if (st != BELL_OK) {
        cli_complain("cannot start: %s", bell_status_text(st));
    }
    return st == BELL_OK;
}

/* ---- listening ---- */

static void complain_listen(const char *address, bell_status st)
{
    switch ((int)st) {
    case BELL_EADDRINUSE:
        cli_complain("%s is in use by another program: stop that, or choose another address with "
                     "--listen",
                     address);
        break;
    case BELL_EACCES:
        cli_complain("this user may not listen on %s: choose a port above 1023, or another folder, "
                     "with --listen",
                     address);
        break;
    case BELL_ENOTFOUND:
        cli_complain("%s: systemd has passed no such socket: start deskbell.socket, or choose an "
                     "address with --listen",
                     address);
        break;
    default:
        cli_complain("cannot listen on %s: %s; is it an address of this machine, or a folder that "
                     "is there? See --listen",
                     address, bell_status_text(st));
        break;
    }
}

/*
 * The kernel takes io_uring apart some time after its process has ended, and until then the sockets
 * of a server that was killed go on listening. Whoever starts the next one at once must not be told
 * that somebody else is there.
 */
static bell_status listen_patiently(struct server *server, const char *address)
{
    static const struct timespec PAUSE = {.tv_nsec = LISTEN_PAUSE_NS};
    bell_status st = bell_io_server_listen(server->io, address);
    for (int i = 0; i < LISTEN_TRIES && st == BELL_EADDRINUSE; i++) {
        (void)nanosleep(&PAUSE, NULL);
        st = bell_io_server_listen(server->io, address);
    }
    return st;
}

/* "systemd" or "systemd:NAME", or an address of libbell. *count: how many listeners it became. */
static bell_status listen_on(struct server *server, const char *address, size_t *count)
{
    static const char SYSTEMD[] = "systemd";
    const size_t n = sizeof SYSTEMD - 1;
    if (strncmp(address, SYSTEMD, n) != 0 || (address[n] != '\0' && address[n] != ':')) {
        *count = 1;
        return listen_patiently(server, address);
    }
    return bell_supervisor_listen(server->io, address[n] == ':' ? address + n + 1 : NULL, count);
}

static bool listen_and_run(struct server *server)
{
    const struct option_list *listen = &server->config->listen;
    size_t opened = 0;
    for (size_t i = 0; i < listen->count; i++) {
        size_t count = 0;
        bell_status st = listen_on(server, listen->items[i], &count);
        for (; st == BELL_OK && count > 0; count--, opened++) {
            st = server->tls == NULL ? BELL_OK
                                     : bell_io_server_secure(server->io, opened, server->tls);
        }
        if (st != BELL_OK) {
            complain_listen(listen->items[i], st);
            return false;
        }
    }
    bell_status st = gateway_start(server->gateway);
    if (st == BELL_OK) {
        st = bell_io_server_start(server->io);
    }
    if (st != BELL_OK) {
        cli_complain("cannot start: %s", bell_status_text(st));
    }
    return st == BELL_OK;
}

/* ---- life ---- */

bool server_start(const struct config *config, struct bell_tls *tls, struct server **out)
{
    struct server *server = bell_mem_zalloc(sizeof *server);
    if (server == NULL) {
        cli_complain("cannot start: out of memory");
        return false;
    }
    server->config = config;
    server->tls = tls;
    if (!open_store(server) || !create_parts(server) || !listen_and_run(server)) {
        server_destroy(server);
        return false;
    }
    *out = server;
    return true;
}

void server_drain(struct server *server)
{
    /* First, while the loops still run: whoever sent a command gets its answer. */
    work_stop(server->work);
    gateway_stop(server->gateway);
    bell_io_server_drain(server->io, (uint32_t)server->config->drain_timeout_ms);
    bell_io_server_wait(server->io);
}

void server_destroy(struct server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->gateway != NULL) {
        gateway_stop(server->gateway);
    }
    bell_io_server_destroy(server->io);
    work_destroy(server->work);
    api_destroy(server->api);
    bell_http_server_destroy(server->http);
    gateway_destroy(server->gateway);
    bus_destroy(server->bus);
    store_close(server->store);
    explicit_bzero(server, sizeof *server);
    bell_mem_free(server);
}

uint16_t server_port(const struct server *server)
{
    return bell_io_server_port(server->io, 0);
}

bool server_setup_token(const struct server *server, desk_secret *out)
{
    *out = server->setup_token;
    return server->has_setup_token;
}
