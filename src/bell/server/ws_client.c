/*
 * The public calls of clients: what is asked of whom, checked and written down, before it travels
 * to the loop that does it.
 */
#include "bell/ws_client.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/random.h"
#include "base/versioned.h"
#include "bell/http/text.h"
#include "bell/http/url.h"
#include "bell/server/connection.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_connect.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/extension.h"
#include "bell/ws/handshake.h"

#include <assert.h>

static const bell_ws_client_options DEFAULTS = {
    .connect_timeout_ms = 10000,
    .max_head_bytes = 16 * 1024,
    .max_header_count = 100,
};

enum { MOST_HEADER_COUNT = 10000, MOST_HEAD_BYTES = 16 * 1024 * 1024 };

void bell_ws_client_options_init_sized(bell_ws_client_options *options, size_t options_bytes)
{
    bell_versioned_write(options, options_bytes, &DEFAULTS, sizeof DEFAULTS);
}

/* ---- life ---- */

/* RFC 6455 section 4.1, item 10 of the request: all unique. */
static bool has_twins(const struct bell_ws_server *ws)
{
    for (size_t i = 0; i < ws->subprotocol_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (bell_slice_equal(ws->subprotocols[i], ws->subprotocols[j])) {
                return true;
            }
        }
    }
    return false;
}

bell_status bell_ws_client_create_sized(struct bell_io_server *io,
                                        const struct bell_component *component,
                                        size_t component_bytes, const bell_ws_options *options,
                                        size_t options_bytes,
                                        const bell_ws_client_options *client_options,
                                        size_t client_options_bytes, struct bell_ws_server **out)
{
    bell_ws_client_options o = DEFAULTS;
    if (!bell_versioned_read(&o, sizeof o, client_options, client_options_bytes)) {
        return BELL_ENOTSUP;
    }
    const bell_option_rule rules[] = {
        {"connect_timeout_ms", o.connect_timeout_ms > 0},
        {"max_head_bytes", o.max_head_bytes > 0 && o.max_head_bytes <= MOST_HEAD_BYTES},
        {"max_header_count", o.max_header_count > 0 && o.max_header_count <= MOST_HEADER_COUNT},
    };
    bell_status st = bell_option_check("bell_ws_client_options", rules, BELL_ARRAY_LEN(rules));
    if (st != BELL_OK) {
        return st;
    }
    struct bell_ws_server *ws;
    st = bell_ws_server_create_sized(component, component_bytes, options, options_bytes, &ws);
    if (st != BELL_OK) {
        return st;
    }
    ws->is_client = true; /* what is bound differs */
    st = has_twins(ws) ? BELL_EINVAL : bell_ws_server_bind(ws, io);
    if (st == BELL_OK) {
        ws->connect_timeout_ms = o.connect_timeout_ms;
        ws->max_head_bytes = o.max_head_bytes;
        ws->max_header_count = o.max_header_count;
        ws->tls = o.tls;
        st = bell_io_server_add_client(io, ws);
    }
    if (st != BELL_OK) {
        bell_ws_server_destroy(ws);
        return st;
    }
    *out = ws;
    return BELL_OK;
}

/* ---- the request ---- */

static bool begins_with(bell_slice name, bell_slice prefix)
{
    return name.n >= prefix.n && bell_http_equal_nocase(bell_slice_make(name.p, prefix.n), prefix);
}

/* Fields that are ours to write, or that would say that a body follows. */
static bool is_reserved(bell_slice name)
{
    static const bell_slice WHOLE[] = {
        {"Host", 4},    {"Connection", 10}, {"Upgrade", 7}, {"Transfer-Encoding", 17},
        {"Trailer", 7}, {"TE", 2},          {"Expect", 6},  {"Keep-Alive", 10}};
    for (size_t i = 0; i < BELL_ARRAY_LEN(WHOLE); i++) {
        if (bell_http_equal_nocase(name, WHOLE[i])) {
            return true;
        }
    }
    return begins_with(name, BELL_LIT("Sec-WebSocket-")) || begins_with(name, BELL_LIT("Content-"));
}

static bell_status write_field(struct bell_buf *to, bell_slice name, bell_slice value)
{
    bell_status st = bell_buf_append(to, name);
    if (st == BELL_OK) {
        st = bell_buf_append(to, BELL_LIT(": "));
    }
    if (st == BELL_OK) {
        st = bell_buf_append(to, value);
    }
    return st == BELL_OK ? bell_buf_append(to, BELL_LIT("\r\n")) : st;
}

static bell_status write_further(struct bell_buf *to, const bell_ws_connect_options *options)
{
    bell_status st = BELL_OK;
    for (size_t i = 0; i < options->field_count && st == BELL_OK; i++) {
        const bell_http_field *f = &options->fields[i];
        if (!bell_http_is_token(f->name) || !bell_http_is_field_value(f->value) ||
            is_reserved(f->name)) {
            return BELL_EINVAL;
        }
        st = write_field(to, f->name, f->value);
    }
    return st;
}

static bell_status write_subprotocols(struct bell_buf *to, const struct bell_ws_server *ws)
{
    bell_status st = BELL_OK;
    for (size_t i = 0; i < ws->subprotocol_count && st == BELL_OK; i++) {
        st = bell_buf_append(to, i == 0 ? BELL_LIT("Sec-WebSocket-Protocol: ") : BELL_LIT(", "));
        if (st == BELL_OK) {
            st = bell_buf_append(to, ws->subprotocols[i]);
        }
    }
    if (st == BELL_OK && ws->subprotocol_count > 0) {
        st = bell_buf_append(to, BELL_LIT("\r\n"));
    }
    return st;
}

static bell_status write_offer(struct bell_buf *to, const struct bell_ws_server *ws)
{
    char offer[BELL_WS_EXTENSION_ANSWER_BYTES];
    if (!ws->options.deflate.is_enabled) {
        return BELL_OK;
    }
    bell_ws_extension_offer(bell_ws_packer_terms(&ws->options.deflate), offer);
    return write_field(to, BELL_LIT("Sec-WebSocket-Extensions"), bell_slice_from(offer));
}

/* RFC 6455 section 4.1, the requirements of the request. */
static bell_status write_request(struct bell_ws_connect *k, const bell_http_url *url,
                                 const bell_ws_connect_options *options)
{
    uint8_t nonce[BELL_WS_NONCE_BYTES];
    char key[BELL_WS_KEY_TEXT_BYTES + 1];
    bell_random_fill(nonce, sizeof nonce);
    bell_ws_handshake_key(nonce, key);
    bell_ws_handshake_accept(bell_slice_from(key), k->accept);
    bell_status st = bell_buf_append(&k->request, BELL_LIT("GET "));
    if (st == BELL_OK) {
        st = bell_buf_append(&k->request, url->path);
    }
    if (st == BELL_OK) {
        st = bell_buf_append(&k->request, url->query);
    }
    if (st == BELL_OK) {
        st = bell_buf_printf(&k->request,
                             " HTTP/1.1\r\n"
                             "Host: %.*s\r\n"
                             "Upgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Key: %s\r\n"
                             "Sec-WebSocket-Version: " BELL_WS_VERSION "\r\n",
                             BELL_FMT(url->authority), key);
    }
    if (st == BELL_OK) {
        st = write_subprotocols(&k->request, k->ws);
    }
    if (st == BELL_OK) {
        st = write_offer(&k->request, k->ws);
    }
    if (st == BELL_OK) {
        st = write_further(&k->request, options);
    }
    return st == BELL_OK ? bell_buf_append(&k->request, BELL_LIT("\r\n")) : st;
}

/* ---- whereto ---- */

static bell_status set_target(struct bell_ws_connect *k, const bell_http_url *url)
{
    k->port = url->port;
    if (url->socket_path.n > 0) {
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        if (url->socket_path.n >= sizeof un.sun_path) {
            return BELL_ELIMIT;
        }
        memcpy(un.sun_path, url->socket_path.p, url->socket_path.n);
        memcpy(&k->address, &un, sizeof un);
        k->address_len = sizeof un;
        k->is_unix = true;
        k->address_count = 1;
        return BELL_OK;
    }
    if (bell_address_parse(url->host, &k->addresses[0].address) == BELL_OK) {
        k->address_count = 1;
        return BELL_OK;
    }
    static_assert(BELL_RESOLVER_NAME_BYTES > 254, "every authority's name fits");
    memcpy(k->name, url->host.p, url->host.n);
    return BELL_OK;
}

/* The caller's own loop when it is one of this I/O server; else each in turn. */
static struct bell_server_loop *choose_loop(struct bell_ws_server *ws)
{
    struct bell_io_server *io = ws->io;
    struct bell_server_loop *here = bell_io_server_loop_here(io);
    if (here != NULL) {
        return here;
    }
    /* Relaxed: any order of turns will do. */
    uint32_t turn = (uint32_t)atomic_fetch_add_explicit(&ws->next_loop, 1, memory_order_relaxed);
    return &io->loops[turn % io->loop_count];
}

/* Whom to trust with this client, unless the application has said so. */
static bell_status default_tls(struct bell_ws_server *ws, struct bell_tls_client **out)
{
    bell_status st = BELL_OK;
    (void)pthread_mutex_lock(&ws->io->clients_lock);
    if (ws->default_tls == NULL) {
        st = bell_tls_client_create(NULL, &ws->default_tls);
    }
    *out = ws->default_tls;
    (void)pthread_mutex_unlock(&ws->io->clients_lock);
    return st;
}

static bell_status set_tls(struct bell_ws_connect *k, const bell_http_url *url,
                           const bell_ws_connect_options *options)
{
    bell_slice name =
        options->server_name == NULL ? url->host : bell_slice_from(options->server_name);
    if (!url->is_secure) {
        return BELL_OK;
    }
    if (name.n == 0 || name.n >= sizeof k->server_name) {
        return BELL_EINVAL;
    }
    memcpy(k->server_name, name.p, name.n);
    k->tls = k->ws->tls;
    return k->tls == NULL ? default_tls(k->ws, &k->tls) : BELL_OK;
}

static bell_status connect_make(struct bell_ws_server *ws, const bell_http_url *url,
                                const bell_ws_connect_options *options,
                                struct bell_ws_connect **out)
{
    struct bell_ws_connect *k = bell_ws_connect_create(ws->max_head_bytes, ws->max_header_count);
    if (k == NULL) {
        return BELL_ENOMEM;
    }
    k->ws = ws;
    k->user = options->user;
    k->delay_ms = options->delay_ms;
    bell_status st = set_target(k, url);
    if (st == BELL_OK) {
        st = set_tls(k, url, options);
    }
    if (st == BELL_OK) {
        st = write_request(k, url, options);
    }
    if (st != BELL_OK) {
        bell_ws_connect_destroy(k);
        return st;
    }
    *out = k;
    return BELL_OK;
}

/* A place of its own, within the limits. */
static bell_status place_take(struct bell_ws_connect *k)
{
    struct bell_io_server *io = k->ws->io;
    if (atomic_fetch_add(&io->connection_count, 1) >= io->options.max_connections) {
        atomic_fetch_sub(&io->connection_count, 1);
        return BELL_ELIMIT;
    }
    k->home = choose_loop(k->ws);
    bell_status st = bell_client_slab_take(&k->home->clients, &k->place);
    if (st != BELL_OK) {
        atomic_fetch_sub(&io->connection_count, 1);
        return st;
    }
    k->conn = bell_connection_handle_of(k->home->loop.index, k->place.slot, k->place.generation);
    return BELL_OK;
}

static bell_status connect_begin(struct bell_ws_server *client, const char *url,
                                 const bell_ws_connect_options *options, bell_conn *out)
{
    bell_http_url parsed;
    struct bell_ws_connect *k = NULL;
    bell_status st = bell_http_url_parse(bell_slice_from(url), &parsed);
    if (st == BELL_OK) {
        st = connect_make(client, &parsed, options, &k);
    }
    if (st != BELL_OK) {
        return st;
    }
    st = place_take(k);
    if (st != BELL_OK) {
        bell_ws_connect_destroy(k);
        return st;
    }
    *out = k->conn; /* before the loop can tell anybody of it */
    return bell_ws_connect_post(k);
}

bell_status bell_ws_client_connect_sized(struct bell_ws_server *client, const char *url,
                                         const bell_ws_connect_options *options,
                                         size_t options_bytes, bell_conn *out)
{
    bell_ws_connect_options o = {.fields = NULL};
    bell_status st = BELL_ESTATE;
    if (!bell_versioned_read(&o, sizeof o, options, options_bytes)) {
        st = BELL_ENOTSUP;
    } else if (client->is_client && client->io != NULL) {
        st = connect_begin(client, url, &o, out);
    }
    if (st != BELL_OK) {
        *out = 0;
    }
    return st;
}

/* ---- questions ---- */

/* The connect whose callback is running, NULL when it is none. */
static const struct bell_ws_connect *answered(const struct bell_ws_server *ws, bell_conn conn)
{
    struct bell_server_loop *home = ws->is_client ? bell_ws_server_loop_here(ws) : NULL;
    if (home == NULL) {
        return NULL;
    }
    const struct bell_ws_connect *opening = ws->loops[home->loop.index].opening;
    if (opening != NULL && opening->conn == conn) {
        return opening;
    }
    const struct bell_connection *c = bell_connection_find(home, conn);
    return c != NULL && c->phase == BELL_CONNECTION_CONNECTING ? c->u.connect : NULL;
}

uint16_t bell_ws_client_status(struct bell_ws_server *client, bell_conn conn)
{
    const struct bell_ws_connect *k = answered(client, conn);
    return k == NULL ? 0 : k->head.status;
}

bell_slice bell_ws_client_header(struct bell_ws_server *client, bell_conn conn, const char *name)
{
    const struct bell_ws_connect *k = answered(client, conn);
    return k == NULL || k->head.status == 0 ? bell_slice_make(NULL, 0)
                                            : bell_http_head_find(&k->head, bell_slice_from(name));
}

bell_slice bell_ws_client_tls_failure(struct bell_ws_server *client, bell_conn conn)
{
    const struct bell_ws_connect *k = answered(client, conn);
    return k == NULL || k->tls_why == NULL ? bell_slice_make(NULL, 0) : bell_slice_from(k->tls_why);
}

uint32_t bell_ws_client_backoff_ms(uint32_t failures, uint32_t first_ms, uint32_t most_ms)
{
    uint32_t random;
    uint64_t bound_ms = failures == 0 ? 0 : first_ms;
    for (uint32_t i = 1; i < failures && bound_ms > 0 && bound_ms < most_ms; i++) {
        bound_ms *= 2;
    }
    bound_ms = bound_ms < most_ms ? bound_ms : most_ms;
    bell_random_fill(&random, sizeof random);
    return (uint32_t)(random % (bound_ms + 1));
}
