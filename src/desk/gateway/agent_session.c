#include "desk/gateway/agent_session.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/hex.h"
#include "base/mem.h"
#include "bell/http_server.h"
#include "desk/gateway/agent_item.h"
#include "desk/gateway/gateway_internal.h"
#include "desk/work/threads.h"

#include <assert.h>
#include <string.h>

enum {
    UNDER_WAY_MAX = 1024, /* a console may answer many visitors at once */
};

void agent_set_phase(struct agent_session *session, enum agent_phase phase)
{
    switch (session->phase) {
    case AGENT_CHECKING:
        assert(phase == AGENT_KNOWN);
        break;
    case AGENT_KNOWN:
        assert(phase == AGENT_GREETING);
        break;
    case AGENT_GREETING:
        assert(phase == AGENT_KNOWN || phase == AGENT_READY);
        break;
    case AGENT_READY:
        assert(false);
        break;
    }
    session->phase = phase;
}

static struct agent_session *session_of(struct peer *peer)
{
    return (struct agent_session *)(void *)peer; /* peer is the first member */
}

static void session_destroy(struct peer *peer)
{
    struct agent_session *session = session_of(peer);
    bell_mem_free(session->name);
    explicit_bzero(session, sizeof *session);
    bell_mem_free(session);
}

static void close_ended(const struct agent_session *session)
{
    peer_close(&session->peer, CLOSE_SESSION_ENDED, BELL_LIT("log in first"));
}

/* ---- the use of a log-in is noted ---- */

struct touch_item {
    struct work_item work;
    int64_t session;
    size_t address_bytes;
    char address[ROSTER_ADDRESS_BYTES];
};

static struct outcome run_touch(struct work_item *work, struct tx *tx)
{
    const struct touch_item *item = BELL_CONTAINER_OF(work, struct touch_item, work);
    return session_touch(tx, item->session, bell_slice_make(item->address, item->address_bytes));
}

static void done_touch(struct work_item *work)
{
    bell_mem_free(BELL_CONTAINER_OF(work, struct touch_item, work));
}

void agent_touch_session(struct gateway *gateway, int64_t session, bell_slice address)
{
    struct touch_item *item = bell_mem_zalloc(sizeof *item);
    if (item == NULL) {
        return; /* the next use notes it */
    }
    item->work = (struct work_item){.run = run_touch, .done = done_touch};
    item->session = session;
    item->address_bytes = address.n < sizeof item->address ? address.n : sizeof item->address;
    memcpy(item->address, address.p == NULL ? "" : address.p, item->address_bytes);
    if (work_submit(gateway->work, WORK_WRITE, &item->work) != BELL_OK) {
        bell_mem_free(item);
    }
}

/* ---- is the cookie's log-in good? ---- */

struct check_item {
    struct work_item work;
    struct agent_session *session; /* held */
    struct session_self self;
};

static bell_slice address_of(const struct agent_session *session)
{
    return bell_slice_make(session->address, session->address_bytes);
}

static struct outcome run_check(struct work_item *work, struct tx *tx)
{
    struct check_item *item = BELL_CONTAINER_OF(work, struct check_item, work);
    return session_find(tx, &item->session->secret, address_of(item->session),
                        item->session->peer.gateway->session_lifetime_us, &item->self);
}

static void check_end(struct check_item *item)
{
    struct peer *peer = &item->session->peer;
    bell_mem_free(item);
    peer_end(peer);
}

/* From here on ending the log-in finds this console. */
static bell_status enter_roster(struct agent_session *session)
{
    struct roster_entry entry = {.conn = session->peer.conn,
                                 .session = session->self.session,
                                 .secret = session->secret,
                                 .address_bytes = session->address_bytes};
    memcpy(entry.address, session->address, sizeof entry.address);
    bell_status st = roster_add(session->peer.gateway->roster, entry);
    explicit_bzero(&entry, sizeof entry);
    return st;
}

static void check_on_loop(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct check_item *item = user;
    struct agent_session *session = item->session;
    if (conn != 0 && outcome_is_done(item->work.outcome)) {
        session->self = item->self;
        if (enter_roster(session) != BELL_OK) {
            bell_ws_abort(ws, conn);
        } else {
            agent_set_phase(session, AGENT_KNOWN);
            if (item->self.must_touch) {
                agent_touch_session(session->peer.gateway, item->self.session, address_of(session));
            }
            struct agent_item *hello = session->waiting_hello;
            session->waiting_hello = NULL;
            if (hello != NULL) {
                agent_item_start(hello);
            }
        }
    } else if (conn != 0 && item->work.outcome.error == ERROR_NOT_LOGGED_IN) {
        close_ended(session);
    } else if (conn != 0) {
        bell_ws_abort(ws, conn); /* the store could not tell: the console comes again */
    }
    check_end(item);
}

static void done_check(struct work_item *work)
{
    struct check_item *item = BELL_CONTAINER_OF(work, struct check_item, work);
    const struct peer *peer = &item->session->peer;
    if (bell_ws_run(peer->ws, peer->conn, check_on_loop, item) != BELL_OK) {
        bell_ws_abort(peer->ws, peer->conn);
        check_end(item);
    }
}

static void start_check(struct agent_session *session)
{
    struct check_item *item = bell_mem_zalloc(sizeof *item);
    if (item == NULL) {
        bell_ws_abort(session->peer.ws, session->peer.conn);
        return;
    }
    item->work = (struct work_item){.run = run_check, .done = done_check};
    item->session = session;
    peer_begin(&session->peer);
    if (work_submit(session->peer.gateway->work, WORK_READ, &item->work) != BELL_OK) {
        check_end(item);
        bell_ws_abort(session->peer.ws, session->peer.conn);
    }
}

/* ---- callbacks ---- */

/* Is it this command's turn? What comes before welcome, and a second hello, is not. */
static bool fits_phase(const struct agent_session *session, const struct agent_item *item)
{
    if (item->command.type != AGENT_COMMAND_HELLO) {
        return session->phase == AGENT_READY;
    }
    return session->phase == AGENT_KNOWN ||
           (session->phase == AGENT_CHECKING && session->waiting_hello == NULL);
}

static bell_status take(struct peer *peer, bell_slice text, struct decode_failure *why)
{
    struct agent_session *session = session_of(peer);
    struct agent_item *item = agent_item_create(session);
    if (item == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st = agent_command_decode(text, &item->arena, &item->command, why);
    if (st != BELL_OK || !peer_admit(peer, agent_item_reply_to(item), fits_phase(session, item))) {
        agent_item_destroy(item);
        return st;
    }
    if (session->phase == AGENT_CHECKING) {
        session->waiting_hello = item;
    } else {
        agent_item_start(item);
    }
    return BELL_OK;
}

static const struct peer_kind KIND = {.destroy = session_destroy,
                                      .take = take,
                                      .refuse = refuse_agent,
                                      .refuse_text = refuse_agent_text};

static struct agent_session *session_create(struct gateway *gateway, struct bell_ws_server *ws,
                                            bell_conn conn, bell_slice address)
{
    struct agent_session *session = bell_mem_zalloc(sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    peer_init(&session->peer, &KIND, gateway, ws, conn, UNDER_WAY_MAX);
    session->phase = AGENT_CHECKING;
    size_t n = address.n < sizeof session->address ? address.n : sizeof session->address;
    memcpy(session->address, address.p == NULL ? "" : address.p, n);
    session->address_bytes = (uint8_t)n;
    return session;
}

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    struct agent_session *session = session_create(user, ws, conn, bell_http_request_peer(request));
    if (session == NULL) {
        bell_ws_abort(ws, conn);
        return;
    }
    bell_ws_set_user(ws, conn, session);
    /*
     * Browsers cannot tell a script with which status an upgrade was refused; a Close code they
     * can. So everybody of the right origin is let in, and sent away again with 4401.
     */
    bell_slice cookie = bell_http_request_cookie(request, "deskbell_session");
    if (bell_hex_decode(cookie, session->secret.b, sizeof session->secret.b) != BELL_OK) {
        close_ended(session);
        return;
    }
    start_check(session);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    (void)event;
    struct gateway *gateway = user;
    struct agent_session *session = bell_ws_get_user(ws, conn);
    if (session == NULL) {
        return;
    }
    roster_remove(gateway->roster, conn);
    agent_typing_end(session);
    if (session->is_present) {
        presence_leave(gateway->presence, session->self.agent, bell_clock_now_ms());
        gateway_wake_clock(gateway);
    }
    agent_item_destroy(session->waiting_hello);
    session->waiting_hello = NULL;
    peer_unref(&session->peer);
}

struct bell_component agent_component(struct gateway *gateway)
{
    return (struct bell_component){
        .on_open = on_open, .on_message = peer_on_message, .on_close = on_close, .user = gateway};
}
