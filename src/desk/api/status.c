/*
 * For operators: /healthz and /metrics.
 */
#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/mem.h"
#include "bell/metrics.h"
#include "desk/api/call.h"
#include "desk/api/metrics.h"

enum { METRICS_MAX_BYTES = 1024 * 1024 };

static void respond_text(struct bell_http_request *request, uint16_t status, bell_slice type,
                         bell_slice body)
{
    const bell_http_field fields[] = {
        {BELL_LIT("Cache-Control"), BELL_LIT("no-store")},
        {BELL_LIT("X-Content-Type-Options"), BELL_LIT("nosniff")},
    };
    const bell_http_response response = {.status = status,
                                         .content_type = type,
                                         .body = body,
                                         .fields = fields,
                                         .field_count = BELL_ARRAY_LEN(fields)};
    bell_status st = bell_http_respond(request, &response);
    (void)st; /* the peer gets 500 */
}

/* ---- GET /healthz: the store answers, and so do we ---- */

static struct outcome run_health(struct api_call *call, struct tx *tx)
{
    return setup_is_needed(tx, &call->flag);
}

static void on_health(struct bell_http_request *request, void *user)
{
    struct api_call *call = api_call_begin(user, request, API_READS);
    if (call != NULL) {
        api_call_step(call, WORK_READ, run_health, api_call_answer_ok);
    }
}

/* ---- GET /metrics ---- */

/*
 * The numbers tell how busy a desk is, which is nobody's business outside. Only this machine may
 * read them, and not through a proxy on it.
 */
static bool is_local(const struct bell_http_request *request)
{
    bell_slice peer = bell_http_request_peer(request);
    bool is_loopback = bell_slice_equal(peer, BELL_LIT("127.0.0.1")) ||
                       bell_slice_equal(peer, BELL_LIT("::1")) ||
                       bell_slice_equal(peer, BELL_LIT("::ffff:127.0.0.1"));
    return is_loopback && bell_http_request_header(request, "X-Forwarded-For").n == 0 &&
           bell_http_request_header(request, "Forwarded").n == 0 &&
           bell_http_request_header(request, "Via").n == 0;
}

static bool append(bell_slice text, void *user)
{
    return bell_buf_append(user, text) == BELL_OK;
}

static void on_metrics(struct bell_http_request *request, void *user)
{
    const struct api *api = user;
    if (!is_local(request)) {
        respond_text(request, 403, BELL_LIT("text/plain; charset=utf-8"),
                     BELL_LIT("Metrics are read on the server's own machine.\n"));
        return;
    }
    struct metrics metrics = {.uptime_ms = bell_clock_now_ms() - api->started_at_ms};
    work_read_counters(api->with.work, &metrics.work);
    gateway_read_counters(api->with.gateway, &metrics.gateway);
    struct bell_buf body;
    bell_buf_init(&body, METRICS_MAX_BYTES);
    bool is_good = metrics_print(&metrics, &body) == BELL_OK &&
                   bell_metrics_write_prometheus(api->io, append, &body) == BELL_OK;
    respond_text(request, is_good ? 200 : 500, BELL_LIT("text/plain; version=0.0.4; charset=utf-8"),
                 bell_buf_slice(&body));
    bell_buf_finish(&body);
}

bell_status api_mount_status(struct api *api)
{
    bell_status st = bell_http_server_route(api->with.http, "GET", "/healthz", on_health, api);
    return st != BELL_OK
               ? st
               : bell_http_server_route(api->with.http, "GET", "/metrics", on_metrics, api);
}
