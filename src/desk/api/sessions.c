/*
 * Sessions: which log-ins an agent has, and ending them.
 */
#include "desk/api/call.h"
#include "desk/proto/encode.h"

/* ---- GET /api/agents/:agent/sessions ---- */

static struct outcome run_list(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    return outcome_is_done(outcome)
               ? session_list(tx, call->self.agent, call->target, call->self.session,
                              &call->results, &call->sessions, &call->count)
               : outcome;
}

static void answer_list(struct api_call *call)
{
    const struct sessions_response list = {.sessions = call->sessions,
                                           .sessions_count = call->count};
    struct bell_buf body;
    api_body_init(&body);
    bell_status st = sessions_response_encode(&list, &body);
    api_call_answer(call, st, &body);
}

static void on_list(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_READS);
    if (call != NULL && api_call_take_number(call, request, "agent")) {
        api_call_step(call, WORK_READ, run_list, answer_list);
    }
}

/* ---- DELETE /api/agents/:agent/sessions ---- */

static struct outcome run_end_all(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    bool is_own = call->target == call->self.agent;
    return outcome_is_done(outcome) ? session_end_all(tx, call->self.agent, call->target,
                                                      is_own ? call->self.session : 0)
                                    : outcome;
}

static void on_end_all(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_CHANGES);
    if (call != NULL && api_call_take_number(call, request, "agent")) {
        api_call_step(call, WORK_WRITE, run_end_all, api_call_answer_ok);
    }
}

/* ---- DELETE /api/sessions/:session ---- */

static struct outcome run_end(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    return outcome_is_done(outcome) ? session_end_other(tx, call->self.agent, call->target)
                                    : outcome;
}

static void on_end(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_CHANGES);
    if (call != NULL && api_call_take_number(call, request, "session")) {
        api_call_step(call, WORK_WRITE, run_end, api_call_answer_ok);
    }
}

bell_status api_mount_sessions(struct api *api)
{
    struct bell_http_server *http = api->with.http;
    bell_status st =
        bell_http_server_route(http, "GET", "/api/agents/:agent/sessions", on_list, api);
    if (st == BELL_OK) {
        st = bell_http_server_route(http, "DELETE", "/api/agents/:agent/sessions", on_end_all, api);
    }
    return st != BELL_OK
               ? st
               : bell_http_server_route(http, "DELETE", "/api/sessions/:session", on_end, api);
}
