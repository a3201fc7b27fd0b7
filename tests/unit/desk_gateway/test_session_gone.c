/*
 * An answer that cannot be sent ends the connection, and with it the session, inside of the call.
 * The library is played by the functions below (the linker's --wrap), without a server.
 */
#include "base/mem.h"
#include "bell/http_server.h"
#include "bell/ws_server.h"
#include "desk/gateway/agent_session.h"
#include "desk/gateway/gateway_internal.h"
#include "desk/gateway/visitor_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const bell_conn CONN = 7;

/* The one connection, and what its calls answer. */
static struct {
    struct bell_component component;
    void *session;
    bell_status on_send;
    bell_status on_close;
    bool is_open;
} peer;

/* ---- the library ---- */

bell_status __wrap_bell_ws_send(struct bell_ws_server *ws, bell_conn conn, bell_message_type type,
                                bell_slice data);
bell_status __wrap_bell_ws_close(struct bell_ws_server *ws, bell_conn conn, uint16_t code,
                                 bell_slice reason);
bell_status __wrap_bell_ws_abort(struct bell_ws_server *ws, bell_conn conn);
void __wrap_bell_ws_set_user(struct bell_ws_server *ws, bell_conn conn, void *user);
void *__wrap_bell_ws_get_user(struct bell_ws_server *ws, bell_conn conn);
bell_slice __wrap_bell_http_request_header(const struct bell_http_request *request,
                                           const char *name);
bell_slice __wrap_bell_http_request_cookie(const struct bell_http_request *request,
                                           const char *name);
bell_slice __wrap_bell_http_request_peer(const struct bell_http_request *request);

bell_status __wrap_bell_ws_send(struct bell_ws_server *ws, bell_conn conn, bell_message_type type,
                                bell_slice data)
{
    (void)ws;
    (void)conn;
    (void)type;
    (void)data;
    return peer.is_open ? peer.on_send : BELL_ECLOSED;
}

bell_status __wrap_bell_ws_close(struct bell_ws_server *ws, bell_conn conn, uint16_t code,
                                 bell_slice reason)
{
    (void)ws;
    (void)conn;
    (void)code;
    (void)reason;
    return peer.is_open ? peer.on_close : BELL_ECLOSED;
}

bell_status __wrap_bell_ws_abort(struct bell_ws_server *ws, bell_conn conn)
{
    if (!peer.is_open) {
        return BELL_ECLOSED;
    }
    const bell_close_event event = {.origin = BELL_CLOSED_BY_US, .code = 1006};
    peer.is_open = false;
    peer.component.on_close(ws, conn, &event, peer.component.user);
    peer.session = NULL;
    return BELL_OK;
}

void __wrap_bell_ws_set_user(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)conn;
    peer.session = user;
}

void *__wrap_bell_ws_get_user(struct bell_ws_server *ws, bell_conn conn)
{
    (void)ws;
    (void)conn;
    return peer.session;
}

bell_slice __wrap_bell_http_request_header(const struct bell_http_request *request,
                                           const char *name)
{
    (void)request;
    (void)name;
    return BELL_LIT("");
}

bell_slice __wrap_bell_http_request_cookie(const struct bell_http_request *request,
                                           const char *name)
{
    (void)request;
    (void)name;
    return BELL_LIT(""); /* nobody is logged in: an agent is sent away, but is still there */
}

bell_slice __wrap_bell_http_request_peer(const struct bell_http_request *request)
{
    (void)request;
    return BELL_LIT("127.0.0.1");
}

/* ---- tests ---- */

static void say(const char *text)
{
    const bell_message message = {.data = bell_slice_from(text), .type = BELL_TEXT};
    peer.component.on_message(NULL, CONN, &message, peer.component.user);
}

static void open_peer(struct bell_component component)
{
    peer.component = component;
    peer.session = NULL;
    peer.is_open = true;
    peer.on_send = BELL_OK;
    peer.on_close = BELL_OK;
    component.on_open(NULL, CONN, NULL, component.user);
    assert_non_null(peer.session);
}

static void check_without_memory(struct bell_component component, const char *command)
{
    open_peer(component);
    peer.on_send = BELL_ENOMEM;
    say(command);
    assert_false(peer.is_open);
}

/* Goes on and on beyond the rate, until the close for that cannot be sent. */
static void check_misuse_without_memory(struct bell_component component)
{
    open_peer(component);
    peer.on_close = BELL_ENOMEM;
    for (int i = 0; i < 1000 && peer.is_open; i++) {
        say("{\"type\": \"typing\"}");
    }
    assert_false(peer.is_open);
}

static void a_refusal_without_memory_ends_the_session_once(void **state)
{
    (void)state;
    struct gateway gateway = {.command_rate = bucket_rate_of(1, 5)};
    assert_int_equal(roster_create(&gateway.roster), BELL_OK);
    const struct bell_component components[] = {visitor_component(&gateway),
                                                agent_component(&gateway)};
    for (size_t i = 0; i < 2; i++) {
        check_without_memory(components[i], "{\"type\": \"ping\"}"); /* not its turn */
        check_without_memory(components[i], "no JSON");
        check_misuse_without_memory(components[i]);
    }
    roster_destroy(gateway.roster);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_without_memory_ends_the_session_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
