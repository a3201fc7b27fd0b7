#include "bell/server/ws_connect.h"

#include "base/mem.h"
#include "bell/net/sock.h"
#include "bell/net/tls.h"
#include "bell/server/connection.h"
#include "bell/server/handshake_field.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/close_code.h"
#include "bell/ws/extension.h"

#include <assert.h>
#include <netinet/in.h>

/* ---- life ---- */

struct bell_ws_connect *bell_ws_connect_create(uint32_t max_head_bytes, uint32_t max_field_count)
{
    struct bell_ws_connect *k =
        bell_mem_zalloc(sizeof *k + (size_t)max_field_count * sizeof(bell_http_head_field));
    if (k == NULL) {
        return NULL;
    }
    k->limits = (bell_http_parser_limits){.max_head_bytes = max_head_bytes,
                                          .max_field_count = max_field_count};
    bell_buf_init(&k->request, BELL_WS_MAX_REQUEST_BYTES);
    bell_buf_init(&k->in, (size_t)max_head_bytes + BELL_IO_MAX_RECEIVE_BYTES);
    bell_http_parser_init_response(&k->parser, &k->limits, k->fields);
    return k;
}

void bell_ws_connect_destroy(struct bell_ws_connect *k)
{
    /* It may hold a cookie or a password. */
    if (k->request.p != NULL) {
        explicit_bzero(k->request.p, k->request.capacity);
    }
    bell_buf_finish(&k->request);
    bell_buf_finish(&k->in);
    bell_mem_free(k);
}

static struct bell_ws_connect *connect_of(const struct bell_connection *c)
{
    return c->u.connect;
}

static bool is_alive(const struct bell_connection *c)
{
    return c->phase == BELL_CONNECTION_CONNECTING && !connect_of(c)->is_done;
}

static void tell_error(struct bell_ws_connect *k, bell_status why)
{
    k->why = (int8_t)why; /* statuses are small numbers */
    const struct bell_component *component = &k->ws->component;
    if (component->on_error != NULL) {
        component->on_error(k->ws, k->conn, why, component->user);
    }
}

static void tell_close(struct bell_ws_connect *k, bell_close_origin origin)
{
    const struct bell_component *component = &k->ws->component;
    const bell_close_event event = {
        .origin = origin,
        .code = BELL_WS_CLOSE_ABNORMAL,
        .why = origin == BELL_CLOSED_BY_US ? BELL_OK : (bell_status)k->why,
    };
    if (k->is_done) {
        return;
    }
    k->is_done = true;
    if (component->on_close != NULL) {
        component->on_close(k->ws, k->conn, &event, component->user);
    }
}

void bell_ws_connect_finish(struct bell_connection *c)
{
    struct bell_ws_connect *k = connect_of(c);
    tell_close(k, BELL_CLOSED_BY_ENGINE);
    if (c->stream.state == BELL_STREAM_CONNECTING) {
        bell_stream_disconnect(&c->stream); /* the address is ours */
    }
    bell_ws_connect_destroy(k);
    c->u.connect = NULL;
}

static void fail(struct bell_connection *c, bell_status why)
{
    tell_error(connect_of(c), why);
    if (is_alive(c)) {
        bell_connection_close(c);
    }
}

bell_status bell_ws_connect_cancel(struct bell_connection *c)
{
    if (!is_alive(c)) {
        return BELL_ECLOSED;
    }
    tell_close(connect_of(c), BELL_CLOSED_BY_US);
    bell_connection_close(c);
    return BELL_OK;
}

void bell_ws_connect_drain(struct bell_connection *c)
{
    if (is_alive(c)) {
        fail(c, BELL_ESTATE);
    }
}

/* ---- asking ---- */

/* What is sent from now on waits for the end of its handshake. */
static bell_status start_tls(struct bell_connection *c)
{
    struct bell_ws_connect *k = connect_of(c);
    struct bell_tls_session *session;
    bell_status st =
        bell_tls_client_session_create(c->stream.loop, k->tls, k->server_name, &session);
    if (st == BELL_OK) {
        bell_stream_start_tls(&c->stream, session, bell_slice_make(NULL, 0));
    }
    return st;
}

static void ask(struct bell_connection *c)
{
    struct bell_ws_connect *k = connect_of(c);
    k->step = BELL_CONNECT_ASKING;
    bell_connection_set_deadline(c, k->deadline_ms);
    bell_status st = k->tls == NULL ? BELL_OK : start_tls(c);
    if (st == BELL_OK) {
        st = bell_stream_send(&c->stream, bell_buf_slice(&k->request), bell_slice_make(NULL, 0));
    }
    if (st != BELL_OK) {
        fail(c, st);
    }
}

/* ---- TCP ---- */

/* Makes the address that is tried next. */
static void address_make(struct bell_ws_connect *k)
{
    const bell_resolved *from = &k->addresses[k->next_address];
    if (k->is_unix) {
        return; /* made already */
    }
    k->address = (struct sockaddr_storage){0};
    if (bell_address_is_ipv4(&from->address)) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(k->port)};
        memcpy(&in.sin_addr, from->address.bytes + 12, sizeof in.sin_addr);
        memcpy(&k->address, &in, sizeof in);
        k->address_len = sizeof in;
    } else {
        struct sockaddr_in6 in6 = {
            .sin6_family = AF_INET6, .sin6_port = htons(k->port), .sin6_scope_id = from->scope_id};
        memcpy(&in6.sin6_addr, from->address.bytes, sizeof in6.sin6_addr);
        memcpy(&k->address, &in6, sizeof in6);
        k->address_len = sizeof in6;
    }
}

/* Each address is given its share of the time that is left, so that one which swallows everything
 * leaves some to the others. */
static uint64_t try_deadline(const struct bell_connection *c)
{
    const struct bell_ws_connect *k = connect_of(c);
    uint64_t now_ms = c->stream.loop->now_ms;
    uint64_t left_ms = k->deadline_ms > now_ms ? k->deadline_ms - now_ms : 0;
    return now_ms + left_ms / (k->address_count - k->next_address + 1);
}

/* The addresses that are left, one after the other, until a connect is under way. */
static void try_next(struct bell_connection *c)
{
    struct bell_ws_connect *k = connect_of(c);
    k->step = BELL_CONNECT_CONNECTING;
    while (k->next_address < k->address_count) {
        int fd = -1;
        address_make(k);
        k->next_address++;
        bell_status st = bell_sock_open(k->address.ss_family, &fd);
        if (st == BELL_OK) {
            st = bell_stream_connect(&c->stream, fd, &k->address, k->address_len);
        }
        if (st == BELL_EAGAIN) {
            bell_connection_set_deadline(c, try_deadline(c));
            return;
        }
        if (st == BELL_OK) {
            bell_ws_connect_on_connected(c, BELL_OK);
            return;
        }
        k->why = (int8_t)st;
    }
    fail(c, (bell_status)k->why);
}

void bell_ws_connect_on_connected(struct bell_connection *c, bell_status st)
{
    struct bell_ws_connect *k = connect_of(c);
    if (!is_alive(c)) {
        return;
    }
    if (st != BELL_OK) {
        k->why = (int8_t)st;
        try_next(c);
        return;
    }
    c->peer = bell_address_from_sockaddr(&k->address);
    ask(c);
}

/* ---- names ---- */

static void on_resolved(struct bell_mail *mail)
{
    struct bell_resolver_job *job = (struct bell_resolver_job *)(void *)mail;
    struct bell_connection *c = bell_connection_find(job->home, job->conn);
    if (c != NULL && is_alive(c) && connect_of(c)->step == BELL_CONNECT_RESOLVING) {
        struct bell_ws_connect *k = connect_of(c);
        if (job->status == BELL_OK) {
            memcpy(k->addresses, job->addresses, sizeof k->addresses);
            k->address_count = job->address_count;
            try_next(c);
        } else {
            fail(c, job->status);
        }
    }
    bell_resolver_job_destroy(job);
}

static void resolved_discard(struct bell_mail *mail)
{
    bell_resolver_job_destroy((struct bell_resolver_job *)(void *)mail);
}

static bell_status resolve(struct bell_ws_connect *k)
{
    struct bell_resolver_job *job = bell_mem_zalloc(sizeof *job);
    if (job == NULL) {
        return BELL_ENOMEM;
    }
    job->mail = (struct bell_mail){.deliver = on_resolved, .discard = resolved_discard};
    job->home = k->home;
    job->conn = k->conn;
    memcpy(job->name, k->name, sizeof job->name);
    k->step = BELL_CONNECT_RESOLVING;
    bell_status st = bell_resolver_submit(k->home->server->resolver, job);
    if (st != BELL_OK) {
        bell_resolver_job_destroy(job);
    }
    return st;
}

/* ---- beginning ---- */

static void begin(struct bell_connection *c)
{
    struct bell_ws_connect *k = connect_of(c);
    k->deadline_ms = c->stream.loop->now_ms + k->ws->connect_timeout_ms;
    if (k->address_count > 0) {
        try_next(c);
        return;
    }
    bell_connection_set_deadline(c, k->deadline_ms);
    bell_status st = resolve(k);
    if (st != BELL_OK) {
        fail(c, st);
    }
}

static void connect_deliver(struct bell_mail *mail)
{
    struct bell_ws_connect *k = (struct bell_ws_connect *)(void *)mail;
    struct bell_connection *c = bell_connection_open_client(k->home, k);
    if (k->home->is_draining) {
        fail(c, BELL_ESTATE);
    } else if (k->delay_ms > 0) {
        k->deadline_ms = c->stream.loop->now_ms + k->delay_ms;
        bell_connection_set_deadline(c, k->deadline_ms);
    } else {
        begin(c);
    }
}

/* What bell_ws_connect_post is about to give to its loop, on this thread. */
static _Thread_local const struct bell_ws_connect *being_posted;

/* Nobody will take it up. Within bell_ws_connect_post its caller is told by the result; later the
 * application has a connection and is told that it is gone. */
static void connect_discard(struct bell_mail *mail)
{
    struct bell_ws_connect *k = (struct bell_ws_connect *)(void *)mail;
    struct bell_server_loop *home = k->home;
    if (being_posted == k) {
        being_posted = NULL;
    } else {
        tell_error(k, BELL_ESTATE);
        tell_close(k, BELL_CLOSED_BY_ENGINE);
    }
    struct bell_connection *c = bell_client_slab_at(&home->clients, k->place.slot);
    bell_client_slab_give(&home->clients, c, k->place.slot);
    atomic_fetch_sub(&home->server->connection_count, 1);
    bell_ws_connect_destroy(k);
}

bell_status bell_ws_connect_post(struct bell_ws_connect *k)
{
    k->mail = (struct bell_mail){.deliver = connect_deliver, .discard = connect_discard};
    being_posted = k;
    bell_loop_post(&k->home->loop, &k->mail);
    bool was_taken = being_posted != NULL;
    being_posted = NULL;
    return was_taken ? BELL_OK : BELL_ESTATE;
}

/* ---- the answer ---- */

/* RFC 6455 section 4.1, and what is agreed on: the sub-protocol (1 + its index, 0 = none) and
 * compression. */
static bell_status check(const struct bell_ws_connect *k, uint8_t *subprotocol,
                         bell_ws_deflate_terms *deflate)
{
    struct bell_handshake_lines upgrade;
    struct bell_handshake_lines connection;
    struct bell_handshake_lines accept;
    struct bell_handshake_lines protocol;
    struct bell_handshake_lines extensions;
    const struct bell_ws_server *ws = k->ws;
    const bell_http_head *head = &k->head;
    const bell_ws_handshake_answer answer = {
        .upgrade = bell_handshake_field(head, BELL_LIT("Upgrade"), &upgrade),
        .connection = bell_handshake_field(head, BELL_LIT("Connection"), &connection),
        .accept = bell_handshake_field(head, BELL_LIT("Sec-WebSocket-Accept"), &accept),
        .protocol = bell_handshake_field(head, BELL_LIT("Sec-WebSocket-Protocol"), &protocol),
    };
    size_t chosen;
    bell_status st = bell_ws_handshake_check_answer(
        &answer, bell_slice_from(k->accept), ws->subprotocols, ws->subprotocol_count, &chosen);
    if (st != BELL_OK || head->minor_version == 0) {
        return BELL_EPROTO;
    }
    *subprotocol = chosen < ws->subprotocol_count ? (uint8_t)(chosen + 1) : 0;
    const bell_ws_field answered =
        bell_handshake_field(head, BELL_LIT("Sec-WebSocket-Extensions"), &extensions);
    return bell_ws_extension_check_answer(&answered, ws->options.deflate.is_enabled,
                                          bell_ws_packer_terms(&ws->options.deflate), deflate);
}

/* The handshake has succeeded; what followed its head are frames already. */
static void open_session(struct bell_connection *c, uint8_t subprotocol,
                         bell_ws_deflate_terms deflate)
{
    struct bell_ws_connect *k = connect_of(c);
    struct bell_ws_loop *ws_loop = &k->ws->loops[c->stream.loop->index];
    size_t head_bytes = k->handled_bytes + k->head.size_bytes;
    /* Head and frames lie in what is left behind: it goes last. */
    bell_connection_become_ws(c);
    c->u.ws.user = k->user;
    ws_loop->opening = k;
    bell_ws_session_begin(c, k->ws, subprotocol, bell_ws_extension_mirrored(deflate), NULL);
    ws_loop->opening = NULL;
    if (k->in.n > head_bytes && c->phase == BELL_CONNECTION_WEBSOCKET) {
        bell_ws_session_on_receive(c, k->in.p + head_bytes, k->in.n - head_bytes);
    }
    bell_ws_connect_destroy(k);
}

static void on_answer(struct bell_connection *c)
{
    struct bell_ws_connect *k = connect_of(c);
    uint8_t subprotocol;
    bell_ws_deflate_terms deflate;
    if (k->head.status != 101) {
        fail(c, BELL_EREFUSED);
    } else if (check(k, &subprotocol, &deflate) != BELL_OK) {
        fail(c, BELL_EPROTO);
    } else {
        open_session(c, subprotocol, deflate);
    }
}

/* RFC 9110 section 15.2: any number of these may come before the answer; all within one limit. */
static bool is_interim(const struct bell_ws_connect *k)
{
    return k->head.status < 200 && k->head.status != 101;
}

static void read_answer(struct bell_connection *c)
{
    struct bell_ws_connect *k = connect_of(c);
    for (;;) {
        bell_slice rest = bell_slice_make(k->in.p + k->handled_bytes, k->in.n - k->handled_bytes);
        bell_status st = bell_http_parser_feed(&k->parser, rest);
        if (st == BELL_EAGAIN) {
            return;
        }
        if (st != BELL_OK) {
            fail(c, k->parser.refusal == 431 ? BELL_ELIMIT : BELL_EPROTO);
            return;
        }
        k->head = bell_http_parser_head(&k->parser, rest.p);
        if (!is_interim(k)) {
            on_answer(c);
            return;
        }
        k->handled_bytes += k->head.size_bytes;
        k->limits.max_head_bytes -= k->head.size_bytes;
        k->head = (bell_http_head){.status = 0};
        bell_http_parser_init_response(&k->parser, &k->limits, k->fields);
    }
}

void bell_ws_connect_on_receive(struct bell_connection *c, bell_slice bytes)
{
    struct bell_ws_connect *k = connect_of(c);
    if (!is_alive(c)) {
        return;
    }
    bell_status st = bell_buf_append(&k->in, bytes);
    if (st != BELL_OK) {
        fail(c, st);
        return;
    }
    read_answer(c);
}

void bell_ws_connect_on_end(struct bell_connection *c, bell_status why)
{
    if (!is_alive(c)) {
        return;
    }
    if (why != BELL_EPROTO) {
        fail(c, why == BELL_OK ? BELL_ECLOSED : why);
        return;
    }
    /* TLS has failed: the server is to be told why, and so is the application. */
    connect_of(c)->tls_why = bell_tls_session_why(c->stream.tls);
    tell_error(connect_of(c), why);
    if (is_alive(c)) {
        bell_connection_end(c);
    }
}

void bell_ws_connect_on_time(struct bell_connection *c, uint64_t now_ms)
{
    struct bell_ws_connect *k = connect_of(c);
    if (!is_alive(c)) {
        return;
    }
    if (k->step == BELL_CONNECT_WAITING) {
        begin(c);
    } else if (now_ms >= k->deadline_ms) {
        fail(c, BELL_ETIMEOUT);
    } else if (k->step == BELL_CONNECT_CONNECTING && k->next_address < k->address_count) {
        bell_stream_disconnect(&c->stream);
        k->why = BELL_ETIMEOUT;
        try_next(c);
    } else {
        bell_connection_set_deadline(c, k->deadline_ms);
    }
}
