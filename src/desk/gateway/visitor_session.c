#include "desk/gateway/visitor_session.h"

#include "base/mem.h"
#include "bell/http_server.h"
#include "desk/gateway/gateway_internal.h"
#include "desk/gateway/visitor_item.h"

#include <assert.h>
#include <string.h>

enum {
    ORIGIN_MAX_BYTES = 300,
    BROWSER_MAX_BYTES = FACTS_BROWSER_MAX_CHARS,
    UNDER_WAY_MAX = 64, /* a widget waits for its answers and never comes near */
};

void visitor_set_phase(struct visitor_session *session, enum visitor_phase phase)
{
    switch (session->phase) {
    case VISITOR_NEW:
        assert(phase == VISITOR_GREETING);
        break;
    case VISITOR_GREETING:
        assert(phase == VISITOR_NEW || phase == VISITOR_READY);
        break;
    case VISITOR_READY:
        assert(false);
        break;
    }
    session->phase = phase;
}

static struct visitor_session *session_of(struct peer *peer)
{
    return (struct visitor_session *)(void *)peer; /* peer is the first member */
}

static void session_destroy(struct peer *peer)
{
    struct visitor_session *session = session_of(peer);
    bell_mem_free(session->origin);
    bell_mem_free(session->browser);
    bell_mem_free(session);
}

/* Is it this command's turn? What comes before welcome, and a second hello, is not. */
static bool fits_phase(const struct visitor_session *session, const struct visitor_item *item)
{
    bool is_hello = item->command.type == VISITOR_COMMAND_HELLO;
    return session->phase == (is_hello ? VISITOR_NEW : VISITOR_READY);
}

static bell_status take(struct peer *peer, bell_slice text, struct decode_failure *why)
{
    struct visitor_session *session = session_of(peer);
    struct visitor_item *item = visitor_item_create(session);
    if (item == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st = visitor_command_decode(text, &item->arena, &item->command, why);
    if (st != BELL_OK ||
        !peer_admit(peer, visitor_item_reply_to(item), fits_phase(session, item))) {
        visitor_item_destroy(item);
        return st;
    }
    visitor_item_start(item);
    return BELL_OK;
}

static const struct peer_kind KIND = {.destroy = session_destroy,
                                      .take = take,
                                      .refuse = refuse_visitor,
                                      .refuse_text = refuse_visitor_text};

static struct visitor_session *session_create(struct gateway *gateway, struct bell_ws_server *ws,
                                              bell_conn conn,
                                              const struct bell_http_request *request)
{
    struct visitor_session *session = bell_mem_zalloc(sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    peer_init(&session->peer, &KIND, gateway, ws, conn, UNDER_WAY_MAX);
    session->phase = VISITOR_NEW;
    session->origin =
        peer_copy_field(bell_http_request_header(request, "Origin"), ORIGIN_MAX_BYTES);
    session->browser =
        peer_copy_field(bell_http_request_header(request, "User-Agent"), BROWSER_MAX_BYTES);
    if (session->origin == NULL || session->browser == NULL) {
        peer_unref(&session->peer);
        return NULL;
    }
    session->address_key_bytes =
        (uint8_t)rate_address_key(bell_http_request_peer(request), session->address_key).n;
    return session;
}

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    struct visitor_session *session = session_create(user, ws, conn, request);
    if (session == NULL) {
        bell_ws_abort(ws, conn);
        return;
    }
    bell_ws_set_user(ws, conn, session);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    (void)event;
    (void)user;
    struct visitor_session *session = bell_ws_get_user(ws, conn);
    if (session == NULL) {
        return;
    }
    if (session->is_typing) {
        fanout_tell_visitor_typing(session->peer.gateway->fanout,
                                   atomic_load(&session->conversation), false);
    }
    peer_unref(&session->peer);
}

struct bell_component visitor_component(struct gateway *gateway)
{
    return (struct bell_component){
        .on_open = on_open, .on_message = peer_on_message, .on_close = on_close, .user = gateway};
}
