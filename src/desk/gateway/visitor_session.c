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

static void session_destroy(struct peer *peer)
{
    struct visitor_session *session = (struct visitor_session *)(void *)peer;
    bell_mem_free(session->origin);
    bell_mem_free(session->browser);
    bell_mem_free(session);
}

static struct visitor_session *session_create(struct gateway *gateway, struct bell_ws_server *ws,
                                              bell_conn conn,
                                              const struct bell_http_request *request)
{
    struct visitor_session *session = bell_mem_zalloc(sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    peer_init(&session->peer, gateway, ws, conn, UNDER_WAY_MAX, session_destroy);
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

static void refuse_busy(struct visitor_session *session, const struct visitor_item *item,
                        enum desk_error error, uint64_t wait_ms)
{
    struct outcome outcome = outcome_refused(error);
    outcome.retry_after_ms = (int64_t)wait_ms;
    refuse_visitor(&session->peer, visitor_item_reply_to(item), outcome);
}

/* Is it this command's turn? What comes before welcome, and a second hello, is not. */
static bool fits_phase(const struct visitor_session *session, const struct visitor_item *item)
{
    bool is_hello = item->command.type == VISITOR_COMMAND_HELLO;
    return session->phase == (is_hello ? VISITOR_NEW : VISITOR_READY);
}

/* Takes the item over. */
static void take_command(struct visitor_session *session, struct visitor_item *item)
{
    uint64_t wait_ms;
    switch (peer_may_command(&session->peer, &wait_ms)) {
    case PEER_RATE:
        refuse_busy(session, item, ERROR_RATE_LIMITED, wait_ms);
        break;
    case PEER_BUSY:
        refuse_busy(session, item, ERROR_BUSY, wait_ms);
        break;
    case PEER_MAY:
        if (!fits_phase(session, item)) {
            refuse_visitor(&session->peer, visitor_item_reply_to(item),
                           outcome_refused(ERROR_NOT_READY));
            peer_count_misuse(&session->peer);
            break;
        }
        peer_forgive(&session->peer);
        visitor_item_start(item);
        return;
    }
    visitor_item_destroy(item);
}

static void refuse_text(struct visitor_session *session, const struct decode_failure *why)
{
    uint64_t wait_ms;
    if (peer_may_command(&session->peer, &wait_ms) == PEER_RATE) {
        struct outcome outcome = outcome_refused(ERROR_RATE_LIMITED);
        outcome.retry_after_ms = (int64_t)wait_ms;
        refuse_visitor(&session->peer,
                       (struct reply_to){why->has_ref, why->ref, why->has_id, why->id}, outcome);
        return;
    }
    refuse_visitor_text(&session->peer, why);
    peer_count_misuse(&session->peer);
}

static void take_message(struct visitor_session *session, const bell_message *message)
{
    struct decode_failure why = {.error = ERROR_BAD_JSON};
    if (message->type != BELL_TEXT) {
        refuse_text(session, &why);
        return;
    }
    struct visitor_item *item = visitor_item_create(session);
    if (item == NULL) {
        bell_ws_abort(session->peer.ws, session->peer.conn);
        return;
    }
    bell_status st = visitor_command_decode(message->data, &item->arena, &item->command, &why);
    if (st == BELL_OK) {
        take_command(session, item);
        return;
    }
    visitor_item_destroy(item);
    if (st == BELL_EPROTO) {
        refuse_text(session, &why);
    } else {
        /* no memory, not the client's fault: it comes again */
        bell_ws_abort(session->peer.ws, session->peer.conn);
    }
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                       void *user)
{
    struct gateway *gateway = user;
    struct visitor_session *session = bell_ws_get_user(ws, conn);
    if (session == NULL) {
        return; /* aborted in on_open */
    }
    gateway_count(&gateway->counts.commands);
    /* An answer that cannot be sent ends the connection at once, and on_close lets go too. */
    peer_ref(&session->peer);
    take_message(session, message);
    peer_unref(&session->peer);
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
        .on_open = on_open, .on_message = on_message, .on_close = on_close, .user = gateway};
}
