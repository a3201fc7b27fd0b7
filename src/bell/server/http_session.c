#include "bell/server/http_session.h"

#include "base/mem.h"
#include "bell/server/connection.h"
#include "bell/server/file_thread.h"
#include "bell/server/http_session_internal.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/upgrade.h"
#include "bell/server/ws_server_internal.h"

#include <assert.h>

enum {
    /* Requests that wait behind the one under way; above, the peer is not read. */
    PIPELINE_MAX_BYTES = 64 * 1024,
    /* Answers that wait to be sent; above, no further request is looked at. */
    ANSWERS_MAX_BYTES = 256 * 1024,
    /* Of each of its bufs; a session that has grown larger is not kept as the spare one. */
    SPARE_MAX_BYTES = 4 * 1024,
};

static void session_advance(struct bell_connection *c);

static struct bell_http_server *server_of(const struct bell_connection *c)
{
    return bell_server_loop_of(c)->server->http;
}

/* ---- life ---- */

static struct bell_http_session *session_alloc(const struct bell_http_server *http)
{
    struct bell_http_session *s =
        bell_mem_alloc(sizeof *s + http->limits.max_field_count * sizeof(bell_http_head_field));
    if (s != NULL) {
        *s = (struct bell_http_session){0};
        /* A head or what waits without a pause, and what comes with one receive. */
        bell_buf_init(&s->in, http->options.max_head_bytes + (size_t)PIPELINE_MAX_BYTES +
                                  BELL_STREAM_MAX_RECEIVE_BYTES);
        bell_buf_init(&s->body, http->options.max_body_bytes);
        bell_buf_init(&s->path, http->options.max_head_bytes);
    }
    return s;
}

/* Most requests are over with the turn that brings them: one session serves them all. */
static struct bell_http_session *session_create(struct bell_server_loop *home)
{
    const struct bell_http_server *http = home->server->http;
    struct bell_http_session *s = home->spare_http;
    home->spare_http = NULL;
    if (s == NULL) {
        s = session_alloc(http);
    }
    if (s != NULL) {
        bell_http_parser_init(&s->parser, &http->limits, s->fields);
    }
    return s;
}

static void session_free(struct bell_http_session *s)
{
    bell_buf_finish(&s->in);
    bell_buf_finish(&s->body);
    bell_buf_finish(&s->path);
    bell_mem_free(s);
}

static bool is_small(const struct bell_http_session *s)
{
    return s->in.capacity <= SPARE_MAX_BYTES && s->body.capacity <= SPARE_MAX_BYTES &&
           s->path.capacity <= SPARE_MAX_BYTES;
}

void bell_http_session_destroy(struct bell_server_loop *home, struct bell_http_session *s)
{
    if (s == NULL) {
        return;
    }
    if (s->file != NULL) {
        bell_file_job_destroy(s->file);
    }
    if (home->spare_http != NULL || !is_small(s)) {
        session_free(s);
        return;
    }
    *s = (struct bell_http_session){.in = s->in, .body = s->body, .path = s->path};
    bell_buf_clear(&s->in);
    bell_buf_clear(&s->body);
    home->spare_http = s;
}

void bell_http_session_finish(struct bell_server_loop *home)
{
    if (home->spare_http != NULL) {
        session_free(home->spare_http);
        home->spare_http = NULL;
    }
}

/* When the first of its deadlines is; 0 = none runs: the application takes its time. */
static uint64_t next_deadline(const struct bell_connection *c)
{
    const bell_http_options *o = &server_of(c)->options;
    const struct bell_http_session *s = c->u.http;
    bool has_output = c->stream.out.bytes > 0;
    uint64_t at_ms = has_output ? bell_connection_active_ms(c) + o->send_timeout_ms : 0;
    if (s == NULL) {
        uint32_t silence_ms = c->has_answered ? o->keep_alive_ms : o->head_timeout_ms;
        if (bell_server_loop_of(c)->is_draining && silence_ms > BELL_DRAIN_GRACE_MS) {
            silence_ms = BELL_DRAIN_GRACE_MS;
        }
        return has_output ? at_ms : bell_connection_active_ms(c) + silence_ms;
    }
    if (s->deadline_ms > 0 && (at_ms == 0 || s->deadline_ms < at_ms)) {
        at_ms = s->deadline_ms;
    }
    return at_ms;
}

void bell_http_session_timer_update(struct bell_connection *c)
{
    uint64_t at_ms = c->phase == BELL_CONNECTION_HTTP ? next_deadline(c) : 0;
    if (at_ms > 0) {
        bell_connection_set_deadline(c, at_ms);
    }
}

void bell_http_session_touch(struct bell_connection *c)
{
    if (c->stream.out.bytes == 0) {
        bell_connection_touch(c);
    }
}

void bell_http_session_begin(struct bell_connection *c)
{
    bell_http_session_timer_update(c);
}

bool bell_http_session_is_pending(const struct bell_connection *c)
{
    return c->u.http != NULL && c->u.http->step == BELL_HTTP_STEP_PENDING;
}

static void set_step(struct bell_connection *c, enum bell_http_step step, uint32_t timeout_ms)
{
    struct bell_http_session *s = c->u.http;
    s->step = (uint8_t)step;
    s->deadline_ms = timeout_ms == 0 ? 0 : c->stream.loop->now_ms + timeout_ms;
}

/* ---- answering ---- */

bell_http_connection bell_http_session_persistence(const struct bell_connection *c)
{
    const struct bell_http_session *s = c->u.http;
    if (s->must_close) {
        return BELL_HTTP_CONNECTION_CLOSE;
    }
    return s->framing.is_1_0 ? BELL_HTTP_CONNECTION_KEEP_ALIVE : BELL_HTTP_CONNECTION_IMPLICIT;
}

bell_slice bell_http_session_date(struct bell_connection *c)
{
    return bell_http_date_cached(&bell_server_loop_of(c)->date, c->stream.loop->now_s);
}

/* Queues head and body; without memory the connection cannot go on. */
static bell_status answer_queue(struct bell_connection *c, const bell_http_response_head *head,
                                bell_slice body)
{
    struct bell_buf text;
    bell_buf_init(&text, BELL_HTTP_MAX_RESPONSE_HEAD_BYTES);
    bell_status st = bell_http_response_write_head(&text, head);
    if (st == BELL_OK) {
        bool has_body = !c->u.http->is_head_request && bell_http_status_has_body(head->status);
        st = bell_stream_send(&c->stream, bell_buf_slice(&text),
                              has_body ? body : bell_slice_make(NULL, 0));
    }
    bell_buf_finish(&text);
    return st == BELL_ELIMIT ? BELL_EINVAL : st;
}

bell_status bell_http_session_say(struct bell_connection *c, const bell_http_response_head *head,
                                  bool is_head_request)
{
    struct bell_buf text;
    bell_buf_init(&text, BELL_HTTP_MAX_RESPONSE_HEAD_BYTES);
    bell_status st = bell_http_response_write_plain(&text, head, is_head_request);
    if (st == BELL_OK) {
        st = bell_stream_send(&c->stream, bell_buf_slice(&text), bell_slice_make(NULL, 0));
    }
    bell_buf_finish(&text);
    return st;
}

void bell_http_session_say_last(struct bell_connection *c, const bell_http_response_head *head,
                                bool is_head_request)
{
    if (bell_http_session_say(c, head, is_head_request) == BELL_OK) {
        bell_connection_end(c);
    } else {
        bell_connection_close(c);
    }
}

/*
 * Refuses with a status and ends the connection: after a broken request nobody knows where the next
 * one begins.
 */
void bell_http_session_refuse(struct bell_connection *c, uint16_t status)
{
    const bell_http_response_head head = {.date = bell_http_session_date(c),
                                          .status = status,
                                          .connection = BELL_HTTP_CONNECTION_CLOSE};
    bell_http_session_say_last(c, &head, c->u.http->is_head_request);
}

bell_status bell_http_session_plain(struct bell_connection *c, uint16_t status,
                                    const bell_http_field *fields, size_t field_count)
{
    const bell_http_response_head head = {.date = bell_http_session_date(c),
                                          .fields = fields,
                                          .field_count = field_count,
                                          .status = status,
                                          .connection = bell_http_session_persistence(c)};
    return bell_http_session_say(c, &head, c->u.http->is_head_request);
}

bell_status bell_http_session_queue(struct bell_connection *c, const bell_http_response *response)
{
    const bell_http_response_head head = {
        .date = bell_http_session_date(c),
        .content_type = response->content_type,
        .fields = response->fields,
        .field_count = response->field_count,
        .content_length = response->body.n,
        .status = response->status,
        .connection = bell_http_session_persistence(c),
    };
    if (response->status < 200) {
        return BELL_EINVAL; /* an interim response is not an answer */
    }
    return answer_queue(c, &head, response->body);
}

/*
 * The request under way is answered: on to the next one, or to silence. Does not look at further
 * bytes; session_advance does.
 */
static void request_done(struct bell_connection *c)
{
    struct bell_http_session *s = c->u.http;
    bool was_last = c->stream.has_peer_end && s->in.n == s->head_bytes;
    c->has_answered = true;
    if (s->must_close || was_last || bell_server_loop_of(c)->is_draining) {
        bell_connection_end(c);
        return;
    }
    c->request_number++;
    bell_buf_consume(&s->in, s->head_bytes);
    s->head_bytes = 0;
    s->deferral = 0;
    bell_buf_clear(&s->body);
    bell_http_parser_init(&s->parser, &server_of(c)->limits, s->fields);
    s->is_head_request = false;
    if (s->in.n == 0) {
        bell_stream_receive(&c->stream, true);
        bell_http_session_destroy(bell_server_loop_of(c), s);
        c->u.http = NULL;
        return;
    }
    set_step(c, BELL_HTTP_STEP_HEAD, 0);
}

void bell_http_session_go_on(struct bell_connection *c)
{
    request_done(c);
    session_advance(c);
}

bell_status bell_http_session_respond(struct bell_connection *c, const bell_http_response *response)
{
    bell_http_session_touch(c);
    bell_status st = bell_http_session_queue(c, response);
    if (st != BELL_OK) {
        return st;
    }
    bell_http_session_go_on(c);
    return BELL_OK;
}

/* ---- dispatching ---- */

static bell_status answer_allow(struct bell_http_request *r, uint16_t status)
{
    const bell_http_field allow = {BELL_LIT("Allow"), r->match.allow};
    return bell_http_session_plain(r->c, status, &allow, 1);
}

static bell_status call_handler(struct bell_http_request *r)
{
    const struct bell_http_route_handler *route = r->match.value;
    route->handler(r, route->user);
    return r->state == BELL_HTTP_UNANSWERED ? bell_http_session_plain(r->c, 500, NULL, 0) : BELL_OK;
}

static bool is_websocket_path(const struct bell_http_request *r, bell_http_match *match)
{
    bell_http_router_match(r->server->websockets, BELL_LIT("GET"), r->target.path, match);
    return match->outcome == BELL_HTTP_ROUTE_FOUND;
}

/*
 * Does a WebSocket's pattern say more of this path than that of the static files (r->match) does?
 * None says more than files whose prefix is the path itself: a page and its WebSocket share it.
 */
static bool is_rather_websocket(const struct bell_http_request *r)
{
    bell_http_match match;
    bell_slice below_prefix = bell_http_match_param(&r->match, BELL_LIT("*"));
    if (below_prefix.n == 0 || !is_websocket_path(r, &match)) {
        return false;
    }
    bell_slice rest = bell_http_match_param(&match, BELL_LIT("*"));
    return rest.p == NULL || rest.n < below_prefix.n;
}

static bell_status route_request(struct bell_http_request *r)
{
    bell_slice method = bell_http_head_method(&r->head);
    bell_http_router_match(r->server->routes, method, r->target.path, &r->match);
    switch (r->match.outcome) {
    case BELL_HTTP_ROUTE_FOUND:
        if (r->match.kind != BELL_HTTP_TO_STATIC) {
            return call_handler(r);
        }
        /* Static files at "/" are everywhere, and must not hide what a WebSocket's path asks for.
         */
        if (is_rather_websocket(r)) {
            break;
        }
        return bell_http_file_serve(r, r->match.value);
    case BELL_HTTP_ROUTE_OPTIONS:
        return answer_allow(r, 204);
    case BELL_HTTP_ROUTE_NOT_ALLOWED:
        return answer_allow(r, 405);
    case BELL_HTTP_ROUTE_NOT_IMPLEMENTED:
        r->c->u.http->must_close = true;
        return bell_http_session_plain(r->c, 501, NULL, 0);
    case BELL_HTTP_ROUTE_NOT_FOUND:
        break;
    }
    bell_http_match match;
    if (is_websocket_path(r, &match)) {
        return bell_upgrade_required(r, bell_http_session_date(r->c),
                                     bell_http_session_persistence(r->c));
    }
    return bell_http_session_plain(r->c, 404, NULL, 0);
}

uint16_t bell_http_session_request(struct bell_connection *c, struct bell_http_request *out)
{
    struct bell_http_session *s = c->u.http;
    const struct bell_io_server *io = bell_server_loop_of(c)->server;
    *out = (struct bell_http_request){
        .c = c, .server = server_of(c), .body = bell_buf_slice(&s->body)};
    out->head = bell_http_parser_head(&s->parser, s->in.p);
    bell_slice target = bell_http_head_target(&out->head);
    bell_buf_clear(&s->path);
    if (bell_buf_reserve(&s->path, target.n) != BELL_OK) {
        return 503;
    }
    out->client = (bell_client){.address = c->peer, .is_secure = c->is_secure};
    bell_forwarded_read(&out->head, io->proxies, io->options.trusted_proxy_count, &out->client);
    (void)bell_address_format(&out->client.address, out->peer);
    return bell_http_target_read(bell_http_head_method(&out->head), target, s->path.p, target.n,
                                 &out->target);
}

/* The upgrade is not decided yet: its time runs, and a peer that has gone does not wait for it. */
static void upgrade_wait(struct bell_connection *c, struct bell_ws_server *ws)
{
    c->u.http->upgrade = ws;
    set_step(c, BELL_HTTP_STEP_PENDING, ws->options.upgrade_timeout_ms);
    if (c->stream.has_peer_end) {
        bell_connection_close(c);
    }
}

/* A whole request is here. Returns whether the connection still is in HTTP and was answered. */
static bool dispatch(struct bell_connection *c)
{
    struct bell_http_session *s = c->u.http;
    struct bell_http_request r;
    uint16_t refusal = bell_http_session_request(c, &r);
    if (refusal != 0) {
        bell_http_session_refuse(c, refusal);
        return false;
    }
    if (s->framing.wants_upgrade) {
        bell_http_router_match(r.server->websockets, BELL_LIT("GET"), r.target.path, &r.match);
        if (r.match.outcome == BELL_HTTP_ROUTE_FOUND) {
            struct bell_ws_server *ws = r.match.value;
            if (bell_upgrade_try(&r)) {
                upgrade_wait(c, ws);
            }
            return false; /* a WebSocket now, ending, or waiting */
        }
    }
    bell_status st = route_request(&r);
    if (c->phase != BELL_CONNECTION_HTTP) {
        return false;
    }
    if (st != BELL_OK) {
        bell_connection_close(c); /* without memory nothing better can be said */
        return false;
    }
    if (r.state == BELL_HTTP_DEFERRED) {
        set_step(c, BELL_HTTP_STEP_PENDING, 0);
        return false;
    }
    request_done(c);
    return c->phase == BELL_CONNECTION_HTTP && c->u.http != NULL;
}

/* ---- receiving ---- */

static bell_status head_complete(struct bell_connection *c)
{
    struct bell_http_session *s = c->u.http;
    struct bell_http_server *http = server_of(c);
    bell_http_head head = bell_http_parser_head(&s->parser, s->in.p);
    s->is_head_request = bell_slice_equal(bell_http_head_method(&head), BELL_LIT("HEAD"));
    uint16_t refusal = bell_http_framing_read(&head, http->options.max_body_bytes, &s->framing);
    if (refusal != 0) {
        bell_http_session_refuse(c, refusal);
        return BELL_ECLOSED;
    }
    s->head_bytes = head.size_bytes;
    s->must_close = s->framing.should_close || bell_server_loop_of(c)->is_draining;
    bell_http_body_init(&s->body_reader, &s->framing, http->options.max_body_bytes);
    set_step(c, BELL_HTTP_STEP_BODY, http->options.body_timeout_ms);
    if (s->framing.expect_continue && s->in.n == s->head_bytes) {
        return bell_stream_send(&c->stream, bell_http_response_continue(),
                                bell_slice_make(NULL, 0));
    }
    return BELL_OK;
}

static bell_status read_head(struct bell_connection *c)
{
    struct bell_http_session *s = c->u.http;
    bell_status st = bell_http_parser_feed(&s->parser, bell_buf_slice(&s->in));
    if (st == BELL_EPROTO) {
        bell_http_session_refuse(c, s->parser.refusal);
        return BELL_ECLOSED;
    }
    return st == BELL_OK ? head_complete(c) : st;
}

/*
 * What lies between the head and the rest has been read. The shorter of both moves: requests that
 * are many wait behind one that is small.
 */
static void close_gap(struct bell_http_session *s, size_t rest_bytes)
{
    size_t gap_bytes = s->in.n - s->head_bytes - rest_bytes;
    if (gap_bytes == 0) {
        return;
    }
    if (rest_bytes > s->head_bytes) {
        memmove(s->in.p + gap_bytes, s->in.p, s->head_bytes);
        bell_buf_consume(&s->in, gap_bytes);
        return;
    }
    char *behind = s->in.p + s->head_bytes;
    memmove(behind, behind + gap_bytes, rest_bytes);
    s->in.n -= gap_bytes;
}

/* Moves what has come of the body to its own buffer, and leaves what follows it behind the head. */
static bell_status read_body(struct bell_connection *c)
{
    struct bell_http_session *s = c->u.http;
    bell_slice rest = {s->in.p + s->head_bytes, s->in.n - s->head_bytes};
    bell_slice piece;
    bell_status st;
    while ((st = bell_http_body_next(&s->body_reader, &rest, &piece)) == BELL_OK) {
        st = bell_buf_append(&s->body, piece);
        if (st != BELL_OK) {
            break;
        }
    }
    close_gap(s, rest.n);
    if (st == BELL_EPROTO) {
        bell_http_session_refuse(c, s->body_reader.refusal);
        return BELL_ECLOSED;
    }
    if (st == BELL_ENOMEM || st == BELL_ELIMIT) {
        bell_http_session_refuse(c, st == BELL_ENOMEM ? 503 : 413);
        return BELL_ECLOSED;
    }
    return st == BELL_ENOTFOUND ? BELL_OK : st;
}

/* Not read while requests wait behind one that takes its time. */
static void pace(struct bell_connection *c)
{
    struct bell_http_session *s = c->u.http;
    bool waits = s->step == BELL_HTTP_STEP_PENDING || c->stream.out.bytes > ANSWERS_MAX_BYTES;
    bool must_pause = waits && s->in.n - s->head_bytes > PIPELINE_MAX_BYTES;
    if (must_pause != s->is_paused) {
        s->is_paused = must_pause;
        bell_stream_receive(&c->stream, !must_pause);
    }
}

/* Takes up one request after the other, until bytes, room for answers or an answer is missing. */
static void requests_read(struct bell_connection *c)
{
    while (c->phase == BELL_CONNECTION_HTTP && c->u.http != NULL) {
        struct bell_http_session *s = c->u.http;
        bell_status st = BELL_EAGAIN;
        if (s->step == BELL_HTTP_STEP_HEAD && c->stream.out.bytes <= ANSWERS_MAX_BYTES) {
            if (s->deadline_ms == 0) { /* its time begins when it is looked at */
                set_step(c, BELL_HTTP_STEP_HEAD, server_of(c)->options.head_timeout_ms);
            }
            st = read_head(c);
        }
        if ((st == BELL_OK || st == BELL_EAGAIN) && s->step == BELL_HTTP_STEP_BODY) {
            st = read_body(c);
            if (st == BELL_OK && !dispatch(c)) {
                st = BELL_EAGAIN;
            }
        }
        if (st == BELL_ENOMEM) {
            bell_connection_close(c);
            return;
        }
        if (st != BELL_OK) {
            break;
        }
    }
}

/* Goes as far as the bytes that are here allow. */
static void session_advance(struct bell_connection *c)
{
    requests_read(c);
    if (c->phase == BELL_CONNECTION_HTTP && c->u.http != NULL) {
        pace(c);
        if (c->stream.has_peer_end && c->u.http->step != BELL_HTTP_STEP_PENDING &&
            c->stream.out.bytes <= ANSWERS_MAX_BYTES) {
            bell_connection_end(c); /* the rest of this request will never come */
        }
    }
    bell_http_session_timer_update(c);
}

void bell_http_session_on_receive(struct bell_connection *c, bell_slice bytes)
{
    if (c->u.http == NULL) {
        c->u.http = session_create(bell_server_loop_of(c));
        if (c->u.http == NULL) {
            bell_connection_close(c);
            return;
        }
    }
    bell_http_session_touch(c);
    if (bell_buf_append(&c->u.http->in, bytes) != BELL_OK) {
        bell_connection_close(c); /* out of memory: what comes in is paced long before the limit */
        return;
    }
    session_advance(c);
}

void bell_http_session_on_end(struct bell_connection *c, bell_status why)
{
    if (why != BELL_OK && why != BELL_EPROTO) {
        bell_connection_close(c);
        return;
    }
    if (c->u.http == NULL || why == BELL_EPROTO) {
        bell_connection_end(c);
        return;
    }
    if (c->u.http->upgrade != NULL) {
        bell_connection_close(c); /* nobody wants half a WebSocket */
        return;
    }
    /* A client may end its half after its last request and still wants the answers. */
    session_advance(c);
}

void bell_http_session_on_sent(struct bell_connection *c)
{
    const struct bell_http_session *s = c->u.http;
    if (s != NULL && s->file != NULL) {
        bell_http_file_on_sent(c);
    } else if (s != NULL && s->step != BELL_HTTP_STEP_PENDING &&
               (s->is_paused || s->in.n > s->head_bytes || c->stream.has_peer_end)) {
        session_advance(c);
    } else {
        bell_http_session_timer_update(c);
    }
}

/* ---- time ---- */

void bell_http_session_on_time(struct bell_connection *c, uint64_t now_ms)
{
    const struct bell_http_session *s = c->u.http;
    uint64_t at_ms = next_deadline(c);
    if (at_ms == 0 || now_ms < at_ms) {
        bell_http_session_timer_update(c);
    } else if (c->stream.out.bytes > 0 &&
               now_ms >= bell_connection_active_ms(c) + server_of(c)->options.send_timeout_ms) {
        /* Whatever is under way: a peer that takes nothing of its answers has no claim on us. */
        bell_connection_close(c);
    } else if (s == NULL ||
               (s->step == BELL_HTTP_STEP_HEAD && !bell_http_parser_has_begun(&s->parser))) {
        bell_connection_end(c); /* silent since the last answer, or from the beginning */
    } else {
        bell_http_session_refuse(c, s->upgrade != NULL ? 503 : 408);
    }
}

void bell_http_session_drain(struct bell_connection *c)
{
    if (c->u.http == NULL && c->has_answered) {
        bell_connection_end(c);
    } else if (c->u.http == NULL) {
        bell_http_session_timer_update(c); /* it has come to ask for something */
    } else {
        c->u.http->must_close = true; /* and those whose head is not complete: see head_complete */
    }
}
