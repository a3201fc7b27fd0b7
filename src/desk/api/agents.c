/*
 * Agents: list, add, remove, passwords.
 */
#include "base/clock.h"
#include "desk/api/call.h"
#include "desk/gateway/gateway.h"
#include "desk/proto/encode.h"

#include <inttypes.h>
#include <stdio.h>

static struct agent with_presence(const struct api_call *call, struct agent agent)
{
    agent.connected = gateway_agent_is_connected(call->api->with.gateway, agent.agent);
    return agent;
}

/* ---- GET /api/agents ---- */

static struct outcome run_list(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    return outcome_is_done(outcome) ? account_list(tx, &call->results, &call->agents, &call->count)
                                    : outcome;
}

static void answer_list(struct api_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        call->agents[i] = with_presence(call, call->agents[i]);
    }
    const struct agents_response list = {.agents = call->agents, .agents_count = call->count};
    struct bell_buf body;
    api_body_init(&body);
    bell_status st = agents_response_encode(&list, &body);
    api_call_answer(call, st, &body);
}

static void on_list(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_READS);
    if (call != NULL) {
        api_call_step(call, WORK_READ, run_list, answer_list);
    }
}

/* ---- POST /api/agents ---- */

static struct outcome run_add_hash(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find_owner(call, tx);
    return outcome_is_done(outcome) ? password_hash(call->password, &call->hash) : outcome;
}

static struct outcome run_add(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find_owner(call, tx);
    return outcome_is_done(outcome) ? account_add(tx, call->self.agent, &call->request.agent_add,
                                                  &call->hash, &call->agent)
                                    : outcome;
}

static void answer_add(struct api_call *call)
{
    const struct agent_response added = {.agent = call->agent};
    struct bell_buf body;
    api_body_init(&body);
    bell_status st = agent_response_encode(&added, &body);
    api_call_answer(call, st, &body);
}

static void add_agent(struct api_call *call)
{
    api_call_step(call, WORK_WRITE, run_add, answer_add);
}

static void on_add(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_CHANGES_BODY);
    if (call == NULL) {
        return;
    }
    struct decode_failure why;
    bell_status st = agent_add_request_decode(bell_http_request_body(request), &call->arena,
                                              &call->request.agent_add, &why);
    if (api_call_decoded(call, st, &why)) {
        call->password = call->request.agent_add.password;
        api_call_step(call, WORK_SLOW, run_add_hash, add_agent);
    }
}

/* ---- DELETE /api/agents/:agent ---- */

static struct outcome run_remove(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    return outcome_is_done(outcome) ? account_remove(tx, call->self.agent, call->target) : outcome;
}

static void on_remove(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_CHANGES);
    if (call != NULL && api_call_take_number(call, request, "agent")) {
        api_call_step(call, WORK_WRITE, run_remove, api_call_answer_ok);
    }
}

/* ---- POST /api/agents/:agent/password ---- */

/* One's own needs the old one, and guessing that is limited like logging in. */
static struct outcome check_old_password(struct api_call *call, struct tx *tx)
{
    if (call->old_password.p == NULL) {
        return outcome_refused(ERROR_BAD_FIELD);
    }
    char account[32];
    int n = snprintf(account, sizeof account, "#%" PRId64, call->self.agent);
    bell_slice key = bell_slice_make(account, n > 0 ? (size_t)n : 0);
    struct outcome outcome =
        login_allow(call->api->limits, call->address, key, bell_clock_now_ms());
    if (outcome_is_done(outcome)) {
        outcome = login_check_agent(tx, call->self.agent, call->old_password, &call->proof);
    }
    if (outcome_is_done(outcome)) {
        login_succeeded(call->api->limits, call->address, key);
    }
    return outcome;
}

static struct outcome run_password_hash(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    if (outcome_is_done(outcome) && call->target == call->self.agent) {
        outcome = check_old_password(call, tx);
    } else if (outcome_is_done(outcome) && call->self.role != ROLE_OWNER) {
        outcome = outcome_refused(ERROR_FORBIDDEN);
    }
    return outcome_is_done(outcome) ? password_hash(call->password, &call->hash) : outcome;
}

static struct outcome run_password(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    bool is_own = call->target == call->self.agent;
    return outcome_is_done(outcome)
               ? account_set_password(tx, call->self.agent, call->target, &call->hash,
                                      is_own ? call->self.session : 0)
               : outcome;
}

static void set_password(struct api_call *call)
{
    api_call_step(call, WORK_WRITE, run_password, api_call_answer_ok);
}

static void on_password(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_CHANGES_BODY);
    if (call == NULL || !api_call_take_number(call, request, "agent")) {
        return;
    }
    struct decode_failure why;
    bell_status st = agent_password_request_decode(bell_http_request_body(request), &call->arena,
                                                   &call->request.password, &why);
    if (api_call_decoded(call, st, &why)) {
        call->password = call->request.password.password;
        call->old_password = call->request.password.old_password;
        api_call_step(call, WORK_SLOW, run_password_hash, set_password);
    }
}

bell_status api_mount_agents(struct api *api)
{
    struct bell_http_server *http = api->with.http;
    bell_status st = bell_http_server_route(http, "GET", "/api/agents", on_list, api);
    if (st == BELL_OK) {
        st = bell_http_server_route(http, "POST", "/api/agents", on_add, api);
    }
    if (st == BELL_OK) {
        st = bell_http_server_route(http, "DELETE", "/api/agents/:agent", on_remove, api);
    }
    return st != BELL_OK ? st
                         : bell_http_server_route(http, "POST", "/api/agents/:agent/password",
                                                  on_password, api);
}
