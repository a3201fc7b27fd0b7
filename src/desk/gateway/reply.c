#include "desk/gateway/reply.h"

#include "base/buf.h"
#include "base/log.h"
#include "desk/gateway/gateway_internal.h"
#include "desk/proto/encode.h"

/*
 * The largest answers are a page of texts of which each byte needs six, written as \u0001 (see
 * STORE_PAGE_TEXT_BYTES), and 500 conversations with the longest names. Beyond that an answer is
 * our mistake.
 */
enum { REPLY_MAX_BYTES = 4 * 1024 * 1024, REFUSAL_TEXT_BYTES = 200 };
/* Most answers are `stored` and fit without growing. */
enum { REPLY_USUAL_BYTES = 256 };

static bell_status reserve(struct bell_buf *text)
{
    bell_buf_init(text, REPLY_MAX_BYTES);
    return bell_buf_reserve(text, REPLY_USUAL_BYTES);
}

static void send_or_end(struct peer *peer, bell_status st, const struct bell_buf *text)
{
    static struct bell_log_limit limit;
    if (st == BELL_OK) {
        peer_send(peer, bell_buf_slice(text));
        return;
    }
    bell_log_limited(&limit, BELL_LOG_ERROR, "cannot encode an answer conn=%llx status=%s",
                     (unsigned long long)peer->conn, bell_status_name(st));
    bell_ws_abort(peer->ws, peer->conn);
}

void reply_visitor(struct peer *peer, const struct visitor_event *event)
{
    struct bell_buf text;
    bell_status st = reserve(&text);
    if (st == BELL_OK) {
        st = visitor_event_encode(event, &text);
    }
    send_or_end(peer, st, &text);
    bell_buf_finish(&text);
}

void reply_agent(struct peer *peer, const struct agent_event *event)
{
    struct bell_buf text;
    bell_status st = reserve(&text);
    if (st == BELL_OK) {
        st = agent_event_encode(event, &text);
    }
    send_or_end(peer, st, &text);
    bell_buf_finish(&text);
}

/* Only these two tell a time; a wait of 0 ms is a wait all the same. */
static bool tells_retry(enum desk_error error)
{
    return error == ERROR_RATE_LIMITED || error == ERROR_BUSY;
}

static void refuse_visitor_with(struct peer *peer, struct reply_to to, struct outcome outcome,
                                bell_slice text)
{
    gateway_count(&peer->gateway->counts.refusals);
    const struct visitor_event refused = {
        .type = VISITOR_EVENT_REFUSED,
        .has_ref = to.has_ref,
        .ref = to.ref,
        .u.refused = {.has_id = to.has_id,
                      .id = to.id,
                      .error = outcome.error,
                      .text = text,
                      .has_retry_after_ms = tells_retry(outcome.error),
                      .retry_after_ms = outcome.retry_after_ms}};
    reply_visitor(peer, &refused);
}

static void refuse_agent_with(struct peer *peer, struct reply_to to, struct outcome outcome,
                              bell_slice text)
{
    gateway_count(&peer->gateway->counts.refusals);
    const struct agent_event refused = {
        .type = AGENT_EVENT_REFUSED,
        .has_ref = to.has_ref,
        .ref = to.ref,
        .u.refused = {.has_id = to.has_id,
                      .id = to.id,
                      .error = outcome.error,
                      .text = text,
                      .has_agent = outcome.error == ERROR_TAKEN && outcome.agent > 0,
                      .agent = outcome.agent,
                      .has_number = outcome.error == ERROR_STALE,
                      .number = outcome.number,
                      .has_retry_after_ms = tells_retry(outcome.error),
                      .retry_after_ms = outcome.retry_after_ms}};
    reply_agent(peer, &refused);
}

void refuse_visitor(struct peer *peer, struct reply_to to, struct outcome outcome)
{
    refuse_visitor_with(peer, to, outcome, desk_error_text(outcome.error));
}

void refuse_agent(struct peer *peer, struct reply_to to, struct outcome outcome)
{
    refuse_agent_with(peer, to, outcome, desk_error_text(outcome.error));
}

/* The error's text, and the field when it is one of the schema's own names. */
static bell_slice text_of(const struct decode_failure *why, struct bell_buf *room)
{
    bell_slice text = desk_error_text(why->error);
    bell_buf_init(room, REFUSAL_TEXT_BYTES);
    bool has_both = why->field[0] != '\0' &&
                    bell_buf_printf(room, "%.*s (%s)", BELL_FMT(text), why->field) == BELL_OK;
    return has_both ? bell_buf_slice(room) : text;
}

static struct reply_to to_of(const struct decode_failure *why)
{
    return (struct reply_to){why->has_ref, why->ref, why->has_id, why->id};
}

void refuse_visitor_text(struct peer *peer, const struct decode_failure *why)
{
    struct bell_buf room;
    refuse_visitor_with(peer, to_of(why), outcome_refused(why->error), text_of(why, &room));
    bell_buf_finish(&room);
}

void refuse_agent_text(struct peer *peer, const struct decode_failure *why)
{
    struct bell_buf room;
    refuse_agent_with(peer, to_of(why), outcome_refused(why->error), text_of(why, &room));
    bell_buf_finish(&room);
}
