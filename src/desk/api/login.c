/*
 * Becoming and being somebody: setup, login, logout, me.
 */
#include "base/clock.h"
#include "desk/api/call.h"
#include "desk/api/cookie.h"
#include "desk/gateway/gateway.h"
#include "desk/proto/encode.h"

#include <string.h>

/* ---- answers ---- */

static bell_status encode_me(struct api_call *call, struct bell_buf *body)
{
    struct me_response me = {.agent = call->agent};
    me.agent.connected = gateway_agent_is_connected(call->api->with.gateway, me.agent.agent);
    api_body_init(body);
    return me_response_encode(&me, body);
}

/* A session was just made: who one is, and its cookie. */
static void answer_new_session(struct api_call *call)
{
    struct bell_buf body;
    char text[COOKIE_TEXT_BYTES];
    bell_slice cookie = cookie_set(&call->new_secret, call->api->with.session_lifetime_us,
                                   call->has_secure_cookie, text);
    bell_status st = encode_me(call, &body);
    api_call_answer_with_cookie(call, st, &body, cookie);
    explicit_bzero(text, sizeof text);
}

/* ---- GET /api/setup ---- */

static struct outcome run_setup_state(struct api_call *call, struct tx *tx)
{
    return setup_is_needed(tx, &call->flag);
}

static void answer_setup_state(struct api_call *call)
{
    const struct setup_state_response state = {.needed = call->flag};
    struct bell_buf body;
    api_body_init(&body);
    bell_status st = setup_state_response_encode(&state, &body);
    api_call_answer(call, st, &body);
}

static void on_setup_state(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_READS);
    if (call != NULL) {
        api_call_step(call, WORK_READ, run_setup_state, answer_setup_state);
    }
}

/* ---- POST /api/setup ---- */

static struct outcome run_setup_hash(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = setup_check(tx, &call->request.setup.token);
    return outcome_is_done(outcome) ? password_hash(call->request.setup.password, &call->hash)
                                    : outcome;
}

static struct outcome run_setup_use(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = setup_use(tx, &call->request.setup, &call->hash, &call->agent);
    return outcome_is_done(outcome)
               ? session_start_for(tx, call->agent.agent, call->address, call->browser, &call->self,
                                   &call->new_secret)
               : outcome;
}

static void use_setup(struct api_call *call)
{
    api_call_step(call, WORK_WRITE, run_setup_use, answer_new_session);
}

static void on_setup(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_CHANGES_BODY);
    if (call == NULL) {
        return;
    }
    struct decode_failure why;
    bell_status st = setup_request_decode(bell_http_request_body(request), &call->arena,
                                          &call->request.setup, &why);
    if (api_call_decoded(call, st, &why)) {
        call->password = call->request.setup.password;
        api_call_step(call, WORK_SLOW, run_setup_hash, use_setup);
    }
}

/* ---- POST /api/login ---- */

static struct outcome run_login_check(struct api_call *call, struct tx *tx)
{
    return login_check(tx, call->request.login.email, call->request.login.password, &call->proof);
}

static struct outcome run_login_start(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = session_start(tx, &call->proof, call->address, call->browser,
                                           &call->self, &call->new_secret);
    return outcome_is_done(outcome)
               ? account_get(tx, call->self.agent, &call->results, &call->agent)
               : outcome;
}

static void answer_login(struct api_call *call)
{
    login_succeeded(call->api->limits, call->address, call->request.login.email);
    answer_new_session(call);
}

static void start_session(struct api_call *call)
{
    api_call_step(call, WORK_WRITE, run_login_start, answer_login);
}

static void on_login(struct bell_http_request *request, void *user)
{
    struct api *api = user;
    struct api_call *call = api_call_begin(api, request, API_CHANGES_BODY);
    if (call == NULL) {
        return;
    }
    struct decode_failure why;
    bell_status st = login_request_decode(bell_http_request_body(request), &call->arena,
                                          &call->request.login, &why);
    if (!api_call_decoded(call, st, &why)) {
        return;
    }
    call->password = call->request.login.password;
    struct outcome allowed =
        login_allow(api->limits, call->address, call->request.login.email, bell_clock_now_ms());
    if (!outcome_is_done(allowed)) {
        api_call_refuse(call, allowed);
        return;
    }
    api_call_step(call, WORK_SLOW, run_login_check, start_session);
}

/* ---- POST /api/logout ---- */

static struct outcome run_logout(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    if (outcome.error == ERROR_NOT_LOGGED_IN) {
        return outcome_done(); /* that is what was wanted */
    }
    return outcome_is_done(outcome) ? session_end(tx, call->self.session) : outcome;
}

static void answer_logout(struct api_call *call)
{
    char text[COOKIE_TEXT_BYTES];
    struct bell_buf body;
    api_body_init(&body);
    const struct ok_response ok = {.ok = true};
    bell_status st = ok_response_encode(&ok, &body);
    api_call_answer_with_cookie(call, st, &body, cookie_clear(call->has_secure_cookie, text));
}

static void on_logout(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_CHANGES_BODY);
    if (call != NULL) {
        api_call_step(call, WORK_WRITE, run_logout, answer_logout);
    }
}

/* ---- GET /api/me ---- */

static struct outcome run_me(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    return outcome_is_done(outcome)
               ? account_get(tx, call->self.agent, &call->results, &call->agent)
               : outcome;
}

static struct outcome run_touch(struct api_call *call, struct tx *tx)
{
    return session_touch(tx, call->self.session, call->address);
}

/* The use is noted, and the browser's cookie lives as long again as the session. */
static void answer_me(struct api_call *call)
{
    struct bell_buf body;
    bell_status st = encode_me(call, &body);
    if (!call->self.must_touch) {
        api_call_answer(call, st, &body);
        return;
    }
    char text[COOKIE_TEXT_BYTES];
    api_call_send(call, st, &body,
                  cookie_set(&call->secret, call->api->with.session_lifetime_us,
                             call->has_secure_cookie, text));
    explicit_bzero(text, sizeof text);
    api_call_step_unanswered(call, WORK_WRITE, run_touch);
}

static void on_me(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_READS);
    if (call != NULL) {
        api_call_step(call, WORK_READ, run_me, answer_me);
    }
}

bell_status api_mount_login(struct api *api)
{
    struct bell_http_server *http = api->with.http;
    bell_status st = bell_http_server_route(http, "GET", "/api/setup", on_setup_state, api);
    if (st == BELL_OK) {
        st = bell_http_server_route(http, "POST", "/api/setup", on_setup, api);
    }
    if (st == BELL_OK) {
        st = bell_http_server_route(http, "POST", "/api/login", on_login, api);
    }
    if (st == BELL_OK) {
        st = bell_http_server_route(http, "POST", "/api/logout", on_logout, api);
    }
    return st != BELL_OK ? st : bell_http_server_route(http, "GET", "/api/me", on_me, api);
}
