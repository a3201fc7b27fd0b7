#include "bell/server/connection.h"

#include "base/log.h"
#include "base/versioned.h"
#include "bell/net/sock.h"
#include "bell/net/tls.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/preamble.h"
#include "bell/server/server_loop.h"

#include <assert.h>

enum { LOOP_SHIFT = 24, GENERATION_SHIFT = 32, LOOP_MASK = 0xff };
static const uint32_t ENDPOINT_MASK = 0x3f;
static const bell_conn SLOT_MASK = (1U << LOOP_SHIFT) - 1;

bell_conn bell_connection_handle_of(uint32_t loop, uint32_t slot, uint32_t generation)
{
    return (bell_conn)generation << GENERATION_SHIFT | (bell_conn)loop << LOOP_SHIFT | slot;
}

bell_conn bell_connection_handle(const struct bell_connection *c)
{
    return bell_connection_handle_of(c->stream.loop->index, c->slot, c->generation);
}

uint32_t bell_connection_handle_loop(bell_conn handle)
{
    return (uint32_t)(handle >> LOOP_SHIFT) & LOOP_MASK;
}

uint32_t bell_connection_handle_slot(bell_conn handle)
{
    return (uint32_t)(handle & SLOT_MASK);
}

struct bell_connection *bell_connection_find(struct bell_server_loop *home, bell_conn handle)
{
    struct bell_connection *c = bell_slab_at(home, bell_connection_handle_slot(handle));
    if (c == NULL || c->phase == BELL_CONNECTION_FREE || bell_connection_handle(c) != handle) {
        return NULL;
    }
    return c;
}

struct bell_connection *bell_connection_of_stream(struct bell_stream *s)
{
    return (struct bell_connection *)(void *)s; /* stream is the first member */
}

void bell_connection_prefetch(const struct bell_connection *c)
{
    enum { LINE_BYTES = 64 };
    for (size_t at = 0; at < sizeof *c; at += LINE_BYTES) {
        BELL_PREFETCH((const char *)c + at);
    }
}

bell_status bell_connection_tls(const struct bell_connection *c, bell_tls_agreement *out,
                                size_t out_bytes)
{
    if (c->stream.tls == NULL || bell_tls_session_has_failed(c->stream.tls)) {
        return BELL_ENOTFOUND;
    }
    const bell_tls_agreement agreement = bell_tls_session_agreement(c->stream.tls);
    bell_versioned_write(out, out_bytes, &agreement, sizeof agreement);
    return BELL_OK;
}

/* ---- time ---- */

void bell_connection_touch(struct bell_connection *c)
{
    c->active_ms = (uint32_t)c->stream.loop->now_ms;
}

uint64_t bell_connection_time(const struct bell_connection *c, uint32_t lower_half_ms)
{
    uint64_t now_ms = c->stream.loop->now_ms;
    return now_ms - ((uint32_t)now_ms - lower_half_ms);
}

uint64_t bell_connection_active_ms(const struct bell_connection *c)
{
    return bell_connection_time(c, c->active_ms);
}

/* ---- stream events, by phase ---- */

static void on_receive(struct bell_stream *s, char *bytes, size_t n)
{
    struct bell_connection *c = bell_connection_of_stream(s);
    if (c->phase == BELL_CONNECTION_WEBSOCKET) {
        bell_connection_touch(c);
        bell_ws_session_on_receive(c, bytes, n);
    } else if (c->phase == BELL_CONNECTION_HTTP) {
        bell_http_session_on_receive(c, bell_slice_make(bytes, n));
    } else if (c->phase == BELL_CONNECTION_CONNECTING) {
        bell_ws_connect_on_receive(c, bell_slice_make(bytes, n));
    } else if (c->phase == BELL_CONNECTION_PREAMBLE) {
        bell_preamble_on_receive(c, bell_slice_make(bytes, n));
    }
}

static void on_end(struct bell_stream *s, bell_status why)
{
    struct bell_connection *c = bell_connection_of_stream(s);
    if (c->phase == BELL_CONNECTION_WEBSOCKET) {
        bell_ws_session_on_end(c, why);
    } else if (c->phase == BELL_CONNECTION_HTTP) {
        bell_http_session_on_end(c, why);
    } else if (c->phase == BELL_CONNECTION_CONNECTING) {
        bell_ws_connect_on_end(c, why);
    } else if (c->phase == BELL_CONNECTION_PREAMBLE) {
        bell_connection_close(c);
    }
}

/* When patience ends: with what is left to send, then with the peer's end. */
static uint64_t ending_deadline(const struct bell_connection *c)
{
    return bell_connection_active_ms(c) +
           (c->stream.out.bytes > 0 ? c->u.patience_ms : (uint32_t)BELL_CONNECTION_LINGER_MS);
}

static void ending_wait(struct bell_connection *c)
{
    bell_connection_set_deadline(c, ending_deadline(c));
}

static void on_sent(struct bell_stream *s)
{
    struct bell_connection *c = bell_connection_of_stream(s);
    if (c->phase == BELL_CONNECTION_WEBSOCKET) {
        bell_ws_session_on_sent(c);
    } else if (c->phase == BELL_CONNECTION_HTTP) {
        bell_connection_touch(c);
        bell_http_session_on_sent(c);
    } else if (c->phase == BELL_CONNECTION_ENDING) {
        bell_connection_touch(c);
        ending_wait(c);
    }
}

static void on_connected(struct bell_stream *s, bell_status st)
{
    struct bell_connection *c = bell_connection_of_stream(s);
    assert(c->phase == BELL_CONNECTION_CONNECTING);
    bell_ws_connect_on_connected(c, st);
}

static void on_closed(struct bell_stream *s)
{
    struct bell_connection *c = bell_connection_of_stream(s);
    struct bell_server_loop *home = bell_server_loop_of(c);
    bell_timer_cancel(&home->loop.timers, &c->timer);
    if (c->phase == BELL_CONNECTION_HTTP) {
        bell_http_session_destroy(home, c->u.http);
    }
    assert(c->phase != BELL_CONNECTION_WEBSOCKET && c->phase != BELL_CONNECTION_PREAMBLE &&
           c->phase != BELL_CONNECTION_CONNECTING);
    if ((c->slot & BELL_CLIENT_SLOT) == 0) {
        bell_counter_add(&home->counters.closed, 1);
    }
    bell_slab_give(home, c);
    bell_server_loop_on_closed(home);
}

static const struct bell_stream_handler HANDLER = {
    .on_receive = on_receive,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_connected = on_connected,
    .on_closed = on_closed,
};

void bell_connection_on_time(struct bell_timer *timer, uint64_t now_ms)
{
    struct bell_connection *c = BELL_CONTAINER_OF(timer, struct bell_connection, timer);
    switch ((enum bell_connection_phase)c->phase) {
    case BELL_CONNECTION_PREAMBLE:
        bell_preamble_on_time(c, now_ms);
        break;
    case BELL_CONNECTION_HTTP:
        bell_http_session_on_time(c, now_ms);
        break;
    case BELL_CONNECTION_CONNECTING:
        bell_ws_connect_on_time(c, now_ms);
        break;
    case BELL_CONNECTION_WEBSOCKET:
        bell_ws_session_on_time(c, now_ms);
        break;
    case BELL_CONNECTION_ENDING:
        if (now_ms >= ending_deadline(c)) {
            bell_stream_close(&c->stream);
        } else {
            ending_wait(c);
        }
        break;
    case BELL_CONNECTION_FREE:
        break;
    }
}

void bell_connection_set_deadline(struct bell_connection *c, uint64_t deadline_ms)
{
    bell_timer_arm(&c->stream.loop->timers, &c->timer, deadline_ms);
}

/* HTTP begins with these bytes of the client, inside of TLS where that is how it is listened to. */
static bell_status begin_http(struct bell_connection *c, bell_slice bytes)
{
    struct bell_tls *tls = bell_server_loop_of(c)->server->endpoints[c->endpoint].tls;
    c->u.http = NULL;
    c->phase = BELL_CONNECTION_HTTP;
    bell_connection_touch(c);
    bell_http_session_begin(c);
    if (tls != NULL) {
        struct bell_tls_session *session;
        bell_status st = bell_tls_server_session_create(c->stream.loop, tls, &session);
        if (st != BELL_OK) {
            return st;
        }
        c->is_secure = true;
        bell_stream_start_tls(&c->stream, session, bytes);
    } else if (bytes.n > 0) {
        bell_http_session_on_receive(c, bytes);
    }
    return BELL_OK;
}

bell_status bell_connection_open(struct bell_server_loop *home, uint8_t endpoint, int fd,
                                 const bell_address *peer)
{
    struct bell_connection *c = bell_slab_take(home);
    if (c == NULL) {
        bell_sock_close(fd);
        return BELL_ENOMEM;
    }
    bell_status st = bell_stream_open(&c->stream, &home->loop, fd, &HANDLER);
    if (st != BELL_OK) {
        bell_slab_give(home, c);
        return st;
    }
    const struct bell_io_server *server = home->server;
    bool has_preamble =
        server->options.proxy_protocol &&
        bell_networks_have(server->proxies, server->options.trusted_proxy_count, peer);
    c->peer = *peer;
    c->endpoint = endpoint & ENDPOINT_MASK;
    if (has_preamble) {
        c->phase = BELL_CONNECTION_PREAMBLE;
        bell_connection_touch(c);
        bell_preamble_timer_update(c);
        return BELL_OK;
    }
    st = begin_http(c, bell_slice_make(NULL, 0));
    if (st != BELL_OK) {
        static struct bell_log_limit limit;
        /* BELL_ESTATE: it is to speak TLS, and the bell_tls has nothing to show yet. */
        bell_log_limited(&limit, BELL_LOG_WARN, "connection refused status=%s%s",
                         bell_status_name(st), st == BELL_ESTATE ? " why=no_certificate" : "");
        bell_connection_close(c); /* its slot is free at the end of the turn */
    }
    return BELL_OK;
}

struct bell_connection *bell_connection_open_client(struct bell_server_loop *home,
                                                    struct bell_ws_connect *connect)
{
    struct bell_connection *c = bell_client_slab_at(&home->clients, connect->place.slot);
    *c = (struct bell_connection){.slot = connect->place.slot,
                                  .generation = connect->place.generation,
                                  .phase = BELL_CONNECTION_CONNECTING,
                                  .u.connect = connect};
    bell_stream_init(&c->stream, &home->loop, &HANDLER);
    bell_connection_touch(c);
    home->open_count++;
    return c;
}

/* The application is done with the connection: leaves its phase. */
static void leave_phase(struct bell_connection *c)
{
    if (c->phase == BELL_CONNECTION_HTTP) {
        bell_http_session_destroy(bell_server_loop_of(c), c->u.http);
        c->u.http = NULL;
    } else if (c->phase == BELL_CONNECTION_WEBSOCKET) {
        bell_ws_session_finish(c, NULL);
    } else if (c->phase == BELL_CONNECTION_CONNECTING) {
        bell_ws_connect_finish(c);
    } else if (c->phase == BELL_CONNECTION_PREAMBLE) {
        bell_preamble_destroy(c);
    }
    c->phase = BELL_CONNECTION_ENDING;
}

void bell_connection_become_http(struct bell_connection *c, bell_slice bytes)
{
    if (begin_http(c, bytes) != BELL_OK) {
        bell_connection_close(c);
    }
}

void bell_connection_become_ws(struct bell_connection *c)
{
    /* Not read while requests waited behind one; frames are read at their own pace. */
    bell_stream_receive(&c->stream, true);
    c->u.ws = (struct bell_ws_session){0};
    c->phase = BELL_CONNECTION_WEBSOCKET;
    bell_connection_touch(c);
}

void bell_connection_end(struct bell_connection *c)
{
    if (c->phase == BELL_CONNECTION_ENDING || c->phase == BELL_CONNECTION_FREE) {
        return;
    }
    uint32_t patience_ms = c->phase == BELL_CONNECTION_HTTP
                               ? bell_server_loop_of(c)->server->http->options.send_timeout_ms
                               : (uint32_t)BELL_CONNECTION_LINGER_MS;
    leave_phase(c);
    c->u.patience_ms = patience_ms;
    bell_stream_end(&c->stream);
    if (c->stream.state != BELL_STREAM_CLOSED) {
        bell_connection_touch(c);
        ending_wait(c);
    }
}

void bell_connection_close(struct bell_connection *c)
{
    if (c->phase != BELL_CONNECTION_ENDING && c->phase != BELL_CONNECTION_FREE) {
        leave_phase(c);
    }
    bell_stream_close(&c->stream);
}
