#include "desk/api/call.h"

#include "base/compiler.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "desk/api/cookie.h"
#include "desk/api/same_origin.h"
#include "desk/proto/encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    ARENA_MAX_BYTES = 512 * 1024,
    RESULTS_MAX_BYTES = 16 * 1024 * 1024, /* 1,000 agents or sessions */
    BODY_MAX_BYTES = 16 * 1024 * 1024,
    BROWSER_MAX_BYTES = SESSION_BROWSER_MAX_CHARS,
    ADDRESS_MAX_BYTES = SESSION_ADDRESS_MAX_CHARS,
    BUSY_RETRY_MS = 1000,
    MS_PER_S = 1000,
    COMMON_FIELDS = 3,
    MAX_FIELDS = 6,
    RETRY_TEXT_BYTES = 24,
};

/* ---- answers ---- */

void api_body_init(struct bell_buf *body)
{
    bell_buf_init(body, BODY_MAX_BYTES);
}

static void respond(struct api_call *call, uint16_t status, bell_slice body,
                    const bell_http_field *more, size_t more_count)
{
    static struct bell_log_limit limit;
    bell_http_field fields[MAX_FIELDS] = {
        {BELL_LIT("Cache-Control"), BELL_LIT("no-store")},
        {BELL_LIT("X-Content-Type-Options"), BELL_LIT("nosniff")},
        {BELL_LIT("Cross-Origin-Resource-Policy"), BELL_LIT("same-origin")},
    };
    size_t count = COMMON_FIELDS;
    for (size_t i = 0; i < more_count && count < MAX_FIELDS; i++) {
        fields[count++] = more[i];
    }
    const bell_http_response response = {.status = status,
                                         .content_type = BELL_LIT("application/json"),
                                         .body = body,
                                         .fields = fields,
                                         .field_count = count};
    bell_status st = bell_http_respond_later(call->api->with.http, call->exchange, &response);
    if (st == BELL_ENOMEM) {
        const bell_http_response bare = {.status = 500};
        st = bell_http_respond_later(call->api->with.http, call->exchange, &bare);
    }
    if (st != BELL_OK) {
        bell_log_limited(&limit, BELL_LOG_ERROR, "cannot answer a request status=%s",
                         bell_status_name(st));
    }
}

void api_call_send(struct api_call *call, bell_status encoded, struct bell_buf *body,
                   bell_slice set_cookie)
{
    const bell_http_field cookie = {BELL_LIT("Set-Cookie"), set_cookie};
    if (encoded == BELL_OK) {
        respond(call, 200, bell_buf_slice(body), &cookie, set_cookie.n > 0 ? 1 : 0);
    } else {
        respond(call, 500, bell_slice_make(NULL, 0), NULL, 0);
    }
    explicit_bzero(body->p == NULL ? (char[1]){0} : body->p, body->n);
    bell_buf_finish(body);
}

void api_call_answer_with_cookie(struct api_call *call, bell_status encoded, struct bell_buf *body,
                                 bell_slice set_cookie)
{
    api_call_send(call, encoded, body, set_cookie);
    api_call_end(call);
}

void api_call_answer(struct api_call *call, bell_status encoded, struct bell_buf *body)
{
    api_call_answer_with_cookie(call, encoded, body, bell_slice_make(NULL, 0));
}

void api_call_answer_ok(struct api_call *call)
{
    struct bell_buf body;
    api_body_init(&body);
    const struct ok_response ok = {.ok = true};
    bell_status st = ok_response_encode(&ok, &body);
    api_call_answer(call, st, &body);
}

static void send_error(struct api_call *call, struct outcome outcome, bell_slice text)
{
    bool tells_retry = outcome.error == ERROR_RATE_LIMITED || outcome.error == ERROR_BUSY;
    int64_t retry_ms = outcome.retry_after_ms > 0 ? outcome.retry_after_ms : BUSY_RETRY_MS;
    const struct error_response error = {.error = outcome.error,
                                         .text = text,
                                         .has_retry_after_s = tells_retry,
                                         .retry_after_s = (retry_ms + MS_PER_S - 1) / MS_PER_S};
    char retry[RETRY_TEXT_BYTES];
    int n = snprintf(retry, sizeof retry, "%" PRId64, error.retry_after_s);
    const bell_http_field field = {BELL_LIT("Retry-After"),
                                   bell_slice_make(retry, n > 0 ? (size_t)n : 0)};
    struct bell_buf body;
    api_body_init(&body);
    bell_status st = error_response_encode(&error, &body);
    respond(call, st == BELL_OK ? desk_error_http_status(outcome.error) : 500,
            bell_buf_slice(&body), &field, tells_retry ? 1 : 0);
    bell_buf_finish(&body);
}

void api_call_refuse(struct api_call *call, struct outcome outcome)
{
    send_error(call, outcome, desk_error_text(outcome.error));
    api_call_end(call);
}

/* ---- life ---- */

static void wipe(bell_slice text)
{
    /* The arena made it, so it may be written to. */
    union {
        const char *from;
        char *to;
    } bytes = {.from = text.p};
    if (text.n > 0) {
        explicit_bzero(bytes.to, text.n);
    }
}

/* Passwords are in the arena, which does not wipe. */
static void wipe_passwords(struct api_call *call)
{
    wipe(call->password);
    wipe(call->old_password);
}

void api_call_end(struct api_call *call)
{
    wipe_passwords(call);
    bell_arena_finish(&call->arena);
    bell_arena_finish(&call->results);
    explicit_bzero(call, sizeof *call);
    bell_mem_free(call);
}

static bell_slice copy_ascii(struct bell_arena *arena, bell_slice value, size_t max)
{
    char *copy = bell_arena_alloc(arena, max + 1);
    size_t n = value.n < max ? value.n : max;
    if (copy == NULL) {
        return bell_slice_make(NULL, 0);
    }
    for (size_t i = 0; i < n; i++) {
        copy[i] = value.p[i] < ' ' || value.p[i] > '~' ? '?' : value.p[i];
    }
    return bell_slice_make(copy, n);
}

static bool has_json_type(const struct bell_http_request *request)
{
    static const char JSON[] = "application/json";
    bell_slice type = bell_http_request_header(request, "Content-Type");
    size_t n = sizeof JSON - 1;
    return type.n >= n && strncasecmp(type.p, JSON, n) == 0 &&
           (type.n == n || type.p[n] == ';' || type.p[n] == ' ');
}

/* Why this request is refused before anybody looks at it; ERROR_NONE = it is not. */
static enum desk_error fault_of(const struct api *api, const struct bell_http_request *request,
                                enum api_kind kind)
{
    if (kind == API_READS) {
        return ERROR_NONE;
    }
    if (!is_same_origin(
            bell_http_request_header(request, "Origin"), bell_http_request_header(request, "Host"),
            bell_slice_from(api->with.public_origin), bell_http_request_is_secure(request))) {
        return ERROR_FORBIDDEN;
    }
    return kind == API_CHANGES_BODY && !has_json_type(request) ? ERROR_BAD_JSON : ERROR_NONE;
}

struct api_call *api_call_begin(struct api *api, struct bell_http_request *request,
                                enum api_kind kind)
{
    struct api_call *call = bell_mem_zalloc(sizeof *call);
    if (call == NULL) {
        return NULL;
    }
    call->api = api;
    bell_arena_init(&call->arena, ARENA_MAX_BYTES);
    bell_arena_init(&call->results, RESULTS_MAX_BYTES);
    call->has_secure_cookie = api->has_secure_cookie || bell_http_request_is_secure(request);
    call->address = copy_ascii(&call->arena, bell_http_request_peer(request), ADDRESS_MAX_BYTES);
    call->browser = copy_ascii(&call->arena, bell_http_request_header(request, "User-Agent"),
                               BROWSER_MAX_BYTES);
    call->has_secret = bell_hex_decode(bell_http_request_cookie(request, SESSION_COOKIE),
                                       call->secret.b, sizeof call->secret.b) == BELL_OK;
    if (call->address.p == NULL || call->browser.p == NULL) {
        api_call_end(call);
        return NULL;
    }
    enum desk_error fault = fault_of(api, request, kind);
    call->exchange = bell_http_request_defer(request);
    if (call->exchange == 0) {
        api_call_end(call);
        return NULL;
    }
    if (fault != ERROR_NONE) {
        api_call_refuse(call, outcome_refused(fault));
        return NULL;
    }
    return call;
}

bool api_call_take_number(struct api_call *call, const struct bell_http_request *request,
                          const char *name)
{
    bell_slice text = bell_http_request_param(request, name);
    int64_t number = 0;
    bool is_good = text.n > 0 && text.p[0] != '0';
    for (size_t i = 0; is_good && i < text.n; i++) {
        is_good = text.p[i] >= '0' && text.p[i] <= '9' && number <= PROTO_MAX_INT / 10;
        number = is_good ? number * 10 + (text.p[i] - '0') : 0;
    }
    if (!is_good || number > PROTO_MAX_INT) {
        api_call_refuse(call, outcome_refused(ERROR_NOT_FOUND));
        return false;
    }
    call->target = number;
    return true;
}

bool api_call_decoded(struct api_call *call, bell_status st, const struct decode_failure *why)
{
    enum { TEXT_BYTES = 200 };
    if (st == BELL_OK) {
        return true;
    }
    struct outcome outcome = outcome_refused(st == BELL_EPROTO ? why->error : ERROR_BUSY);
    bell_slice text = desk_error_text(outcome.error);
    struct bell_buf room;
    bell_buf_init(&room, TEXT_BYTES);
    if (st == BELL_EPROTO && why->field[0] != '\0' &&
        bell_buf_printf(&room, "%.*s (%s)", BELL_FMT(text), why->field) == BELL_OK) {
        text = bell_buf_slice(&room);
    }
    send_error(call, outcome, text);
    bell_buf_finish(&room);
    api_call_end(call);
    return false;
}

/* ---- steps ---- */

static struct outcome run_step(struct work_item *work, struct tx *tx)
{
    struct api_call *call = BELL_CONTAINER_OF(work, struct api_call, work);
    bell_arena_finish(&call->results);
    return call->run(call, tx);
}

static void done_step(struct work_item *work)
{
    struct api_call *call = BELL_CONTAINER_OF(work, struct api_call, work);
    if (outcome_is_done(work->outcome)) {
        call->then(call);
    } else {
        api_call_refuse(call, work->outcome);
    }
}

void api_call_step(struct api_call *call, enum work_lane lane, api_run_fn run, api_then_fn then)
{
    call->work = (struct work_item){.run = run_step, .done = done_step};
    call->run = run;
    call->then = then;
    if (work_submit(call->api->with.work, lane, &call->work) != BELL_OK) {
        api_call_refuse(call, outcome_refused(ERROR_BUSY));
    }
}

static void done_unanswered(struct work_item *work)
{
    api_call_end(BELL_CONTAINER_OF(work, struct api_call, work));
}

void api_call_step_unanswered(struct api_call *call, enum work_lane lane, api_run_fn run)
{
    call->work = (struct work_item){.run = run_step, .done = done_unanswered};
    call->run = run;
    if (work_submit(call->api->with.work, lane, &call->work) != BELL_OK) {
        api_call_end(call);
    }
}

struct outcome api_run_find(struct api_call *call, struct tx *tx)
{
    if (!call->has_secret) {
        return outcome_refused(ERROR_NOT_LOGGED_IN);
    }
    struct outcome outcome = session_find(tx, &call->secret, call->address,
                                          call->api->with.session_lifetime_us, &call->self);
    bool is_writer = tx->events != NULL;
    if (outcome_is_done(outcome) && call->self.must_touch && is_writer) {
        outcome = session_touch(tx, call->self.session, call->address);
    }
    return outcome;
}

struct outcome api_run_find_owner(struct api_call *call, struct tx *tx)
{
    struct outcome outcome = api_run_find(call, tx);
    if (outcome_is_done(outcome) && call->self.role != ROLE_OWNER) {
        return outcome_refused(ERROR_FORBIDDEN);
    }
    return outcome;
}
