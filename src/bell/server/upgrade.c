#include "bell/server/upgrade.h"

#include "base/num.h"
#include "base/versioned.h"
#include "bell/http/text.h"
#include "bell/server/connection.h"
#include "bell/server/guard_internal.h"
#include "bell/server/handshake_field.h"
#include "bell/server/http_session_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/extension.h"
#include "bell/ws/handshake.h"

#include <stdio.h>

enum { MAX_FIELDS = 5 }; /* of ours */

static bell_ws_handshake_result check(const bell_http_head *head, const struct bell_ws_server *ws)
{
    struct bell_handshake_lines upgrade;
    struct bell_handshake_lines connection;
    struct bell_handshake_lines key;
    struct bell_handshake_lines version;
    struct bell_handshake_lines protocol;
    const bell_ws_handshake_request request = {
        .method = bell_http_head_method(head),
        .http_major = 1,
        .http_minor = head->minor_version,
        .upgrade = bell_handshake_field(head, BELL_LIT("Upgrade"), &upgrade),
        .connection = bell_handshake_field(head, BELL_LIT("Connection"), &connection),
        .key = bell_handshake_field(head, BELL_LIT("Sec-WebSocket-Key"), &key),
        .version = bell_handshake_field(head, BELL_LIT("Sec-WebSocket-Version"), &version),
        .protocol = bell_handshake_field(head, BELL_LIT("Sec-WebSocket-Protocol"), &protocol),
    };
    return bell_ws_handshake_check(&request, ws->subprotocols, ws->subprotocol_count);
}

/* What is agreed on about compression, and the answer's field, empty when nothing is. */
static bell_ws_deflate_terms agree(const bell_http_head *head, const struct bell_ws_server *ws,
                                   char answer[BELL_WS_EXTENSION_ANSWER_BYTES])
{
    struct bell_handshake_lines extensions;
    bell_ws_deflate_terms terms = {.server_bits = 0};
    answer[0] = '\0';
    if (ws->options.deflate.is_enabled) {
        const bell_ws_field offered =
            bell_handshake_field(head, BELL_LIT("Sec-WebSocket-Extensions"), &extensions);
        (void)bell_ws_extension_negotiate(&offered, bell_ws_packer_terms(&ws->options.deflate),
                                          &terms, answer);
    }
    return terms;
}

static const bell_http_field UPGRADE_FIELDS[] = {
    {{"Upgrade", 7}, {"websocket", 9}},
    {{"Sec-WebSocket-Version", 21}, {BELL_WS_VERSION, sizeof BELL_WS_VERSION - 1}},
};

static void refuse(struct bell_http_request *r, uint16_t status, uint32_t retry_after_s,
                   bell_slice date)
{
    bell_http_field fields[MAX_FIELDS];
    size_t count = 0;
    char seconds[16];
    bell_http_connection connection = BELL_HTTP_CONNECTION_CLOSE;
    if (status == 426) {
        fields[count++] = UPGRADE_FIELDS[0];
        fields[count++] = UPGRADE_FIELDS[1];
        connection = BELL_HTTP_CONNECTION_CLOSE_UPGRADE;
    }
    if (status == 405) {
        fields[count++] = (bell_http_field){BELL_LIT("Allow"), BELL_LIT("GET")};
    }
    if (retry_after_s > 0) {
        (void)snprintf(seconds, sizeof seconds, "%u", retry_after_s);
        fields[count++] = (bell_http_field){BELL_LIT("Retry-After"), bell_slice_from(seconds)};
    }
    const bell_http_response_head head = {.date = date,
                                          .fields = fields,
                                          .field_count = count,
                                          .status = status,
                                          .connection = connection};
    bell_http_session_say_last(r->c, &head, r->c->u.http->is_head_request);
}

bell_status bell_upgrade_required(struct bell_http_request *r, bell_slice date,
                                  bell_http_connection connection)
{
    const bell_http_response_head head = {.date = date,
                                          .fields = UPGRADE_FIELDS,
                                          .field_count = BELL_ARRAY_LEN(UPGRADE_FIELDS),
                                          .status = 426,
                                          .connection = connection == BELL_HTTP_CONNECTION_CLOSE
                                                            ? BELL_HTTP_CONNECTION_CLOSE_UPGRADE
                                                            : BELL_HTTP_CONNECTION_UPGRADE};
    return bell_http_session_say(r->c, &head, r->c->u.http->is_head_request);
}

/* ---- accepting ---- */

/* An upgrade under way; on the stack. */
struct bell_upgrade {
    struct bell_ws_server *ws;
    bell_slice date;
    bell_ws_handshake_result handshake;
    bell_ws_deflate_terms deflate; /* what follows is of the acceptance */
    void *user;
    uint8_t subprotocol; /* 1 + index in the server's list; 0 = none */
};

/* What the handshake says itself. */
static bool is_own_field(bell_slice name)
{
    static const bell_slice PREFIX = {"sec-websocket-", 14};
    return bell_http_equal_nocase(name, BELL_LIT("upgrade")) ||
           (name.n >= PREFIX.n &&
            bell_http_equal_nocase(bell_slice_make(name.p, PREFIX.n), PREFIX));
}

static bell_status accept_queue(struct bell_http_request *r, const bell_ws_acceptance *terms,
                                bell_slice protocol, const char *extensions)
{
    const struct bell_upgrade *u = r->upgrade;
    bell_http_field fields[MAX_FIELDS + BELL_UPGRADE_MAX_FIELDS] = {
        UPGRADE_FIELDS[0],
        {BELL_LIT("Sec-WebSocket-Accept"), bell_slice_from(u->handshake.accept)},
    };
    size_t count = 2;
    if (protocol.n > 0) {
        fields[count++] = (bell_http_field){BELL_LIT("Sec-WebSocket-Protocol"), protocol};
    }
    if (extensions[0] != '\0') {
        fields[count++] =
            (bell_http_field){BELL_LIT("Sec-WebSocket-Extensions"), bell_slice_from(extensions)};
    }
    for (size_t i = 0; i < terms->field_count; i++) {
        fields[count++] = terms->fields[i];
    }
    const bell_http_response_head head = {.date = u->date,
                                          .fields = fields,
                                          .field_count = count,
                                          .status = 101,
                                          .connection = BELL_HTTP_CONNECTION_UPGRADE};
    struct bell_buf text;
    bell_buf_init(&text, BELL_HTTP_MAX_RESPONSE_HEAD_BYTES);
    bell_status st = bell_http_response_write_head(&text, &head);
    if (st == BELL_OK) {
        st = bell_stream_send(&r->c->stream, bell_buf_slice(&text), bell_slice_make(NULL, 0));
    }
    bell_buf_finish(&text);
    return st == BELL_ELIMIT ? BELL_EINVAL : st;
}

bell_status bell_upgrade_check_terms(const struct bell_ws_server *ws,
                                     const bell_ws_acceptance *terms)
{
    if ((terms->subprotocol.n > 0 && bell_ws_server_subprotocol(ws, terms->subprotocol) == 0) ||
        terms->field_count > BELL_UPGRADE_MAX_FIELDS) {
        return BELL_EINVAL;
    }
    size_t total = 0;
    for (size_t i = 0; i < terms->field_count; i++) {
        const bell_http_field *f = &terms->fields[i];
        if (is_own_field(f->name) || !bell_size_add(total, f->name.n, &total) ||
            !bell_size_add(total, f->value.n, &total)) {
            return BELL_EINVAL;
        }
    }
    return total > BELL_HTTP_MAX_RESPONSE_HEAD_BYTES ? BELL_EINVAL : BELL_OK;
}

bool bell_ws_offers(const struct bell_http_request *request, bell_slice subprotocol)
{
    uint32_t index = 0;
    bell_slice line;
    bell_slice offered;
    while (bell_http_head_next(&request->head, BELL_LIT("Sec-WebSocket-Protocol"), &index, &line)) {
        while (bell_http_list_next(&line, &offered)) {
            if (bell_slice_equal(offered, subprotocol)) {
                return true;
            }
        }
    }
    return false;
}

bell_status bell_ws_accept_sized(struct bell_http_request *request, const bell_ws_acceptance *terms,
                                 size_t terms_bytes)
{
    struct bell_upgrade *u = request->upgrade;
    bell_ws_acceptance t = {0};
    char extensions[BELL_WS_EXTENSION_ANSWER_BYTES];
    if (u == NULL || request->state != BELL_HTTP_UNANSWERED) {
        return BELL_ESTATE;
    }
    if (!bell_versioned_read(&t, sizeof t, terms, terms_bytes)) {
        return BELL_ENOTSUP;
    }
    bell_status st = bell_upgrade_check_terms(u->ws, &t);
    if (st != BELL_OK) {
        return st;
    }
    bell_slice protocol = u->handshake.protocol;
    if (t.subprotocol.n > 0) {
        if (!bell_ws_offers(request, t.subprotocol)) {
            return BELL_EINVAL;
        }
        protocol = t.subprotocol;
    }
    u->deflate = agree(&request->head, u->ws, extensions);
    st = accept_queue(request, &t, protocol, extensions);
    if (st == BELL_OK) {
        u->subprotocol = bell_ws_server_subprotocol(u->ws, protocol);
        u->user = t.user;
        request->state = BELL_HTTP_ACCEPTED;
    }
    return st;
}

/* The 101 is queued: the connection becomes a WebSocket. */
static void session_start(struct bell_http_request *r)
{
    const struct bell_upgrade *u = r->upgrade;
    struct bell_connection *c = r->c;
    bell_slice waiting = bell_buf_slice(&c->u.http->in);
    bell_slice rest = {waiting.p + r->head.size_bytes, waiting.n - r->head.size_bytes};
    bell_drain_on_upgrade(bell_server_loop_of(c));
    c->peer = r->client.address; /* from now on it is the client's alone */
    /* request and rest lie in what HTTP held: it goes last. */
    struct bell_http_session *http = c->u.http;
    bell_connection_become_ws(c);
    c->u.ws.user = u->user;
    bell_ws_session_begin(c, u->ws, u->subprotocol, u->deflate, r);
    if (rest.n > 0 && c->phase == BELL_CONNECTION_WEBSOCKET) {
        union {
            const char *from;
            char *to;
        } bytes = {.from = rest.p};
        bell_ws_session_on_receive(c, bytes.to, rest.n);
    }
    bell_http_session_destroy(bell_server_loop_of(c), http);
    if (c->stream.has_peer_end && c->phase == BELL_CONNECTION_WEBSOCKET) {
        bell_ws_session_on_end(c, BELL_OK); /* HTTP was told already */
    }
}

/* What can be said without the application. Returns whether it may go on; else it is refused. */
static bool may_upgrade(struct bell_http_request *r)
{
    const struct bell_upgrade *u = r->upgrade;
    bell_guard_verdict verdict = {.status = u->handshake.status, .retry_after_s = 0};
    if (verdict.status == 101) {
        verdict = bell_guards_on_upgrade(u->ws->guards, u->ws->guard_count, r);
    }
    if (verdict.status != 0) {
        refuse(r, verdict.status, verdict.retry_after_s, u->date);
    }
    return verdict.status == 0;
}

/* Returns whether the decision was deferred. */
static bool decide(struct bell_http_request *r)
{
    struct bell_ws_server *ws = r->upgrade->ws;
    struct bell_connection *c = r->c;
    if (!may_upgrade(r)) {
        return false;
    }
    c->u.http->must_close = true; /* whatever the answer: what follows the head may be frames */
    if (ws->component.on_upgrade != NULL) {
        ws->component.on_upgrade(ws, r, ws->component.user);
    } else if (bell_ws_accept(r, NULL) != BELL_OK) {
        bell_connection_close(c);
        return false;
    }
    switch (r->state) {
    case BELL_HTTP_DEFERRED:
        return true;
    case BELL_HTTP_ACCEPTED:
        session_start(r);
        break;
    case BELL_HTTP_ANSWERED:
        bell_connection_end(c);
        break;
    case BELL_HTTP_UNANSWERED:
        refuse(r, 500, 0, r->upgrade->date);
        break;
    }
    return false;
}

bool bell_upgrade_try(struct bell_http_request *r)
{
    struct bell_ws_server *ws = r->match.value;
    struct bell_upgrade upgrade = {
        .ws = ws, .date = bell_http_session_date(r->c), .handshake = check(&r->head, ws)};
    r->upgrade = &upgrade;
    bool is_deferred = decide(r);
    r->upgrade = NULL;
    return is_deferred;
}

bool bell_upgrade_finish(struct bell_connection *c, const bell_ws_acceptance *terms)
{
    struct bell_ws_server *ws = c->u.http->upgrade;
    struct bell_http_request r;
    uint16_t refusal = bell_http_session_request(c, &r);
    if (refusal != 0) {
        bell_http_session_refuse(c, refusal); /* for want of memory: all else was checked before */
        return false;
    }
    struct bell_upgrade upgrade = {
        .ws = ws, .date = bell_http_session_date(c), .handshake = check(&r.head, ws)};
    r.upgrade = &upgrade;
    bell_http_router_match(r.server->websockets, BELL_LIT("GET"), r.target.path, &r.match);
    bool is_accepted = false;
    if (may_upgrade(&r)) {
        bell_status st = bell_ws_accept(&r, terms);
        is_accepted = st == BELL_OK;
        if (is_accepted) {
            session_start(&r);
        } else {
            bell_http_session_refuse(c, st == BELL_ENOMEM ? 503 : 500);
        }
    }
    return is_accepted;
}
