#include "bell/server/ws_session.h"

#include "base/random.h"
#include "bell/net/blob.h"
#include "bell/server/connection.h"
#include "bell/server/guard_internal.h"
#include "bell/server/metrics_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_rest.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/close_code.h"
#include "bell/ws/encoder.h"

#include <assert.h>

static struct bell_ws_loop *ws_loop_of(const struct bell_connection *c)
{
    return &c->u.ws.server->loops[c->stream.loop->index];
}

/* ---- sending ---- */

static const bell_ws_queue_options *queue_of(const struct bell_ws_session *ws)
{
    return ws->extra == NULL || !ws->extra->has_queue ? &ws->server->options.queue
                                                      : &ws->extra->queue;
}

void bell_ws_session_doom(struct bell_connection *c, bell_status why)
{
    struct bell_ws_session *ws = &c->u.ws;
    if (ws->state == BELL_WS_OPEN) {
        ws->state = BELL_WS_DOOMED;
        ws->doom = (int8_t)why; /* statuses are small numbers */
        bell_stream_drop_unsent(&c->stream);
        bell_connection_set_deadline(c, c->stream.loop->now_ms);
    }
}

/* There is no room for a frame: what becomes of it, and of others. */
static bell_status overflow(struct bell_connection *c, size_t frame_bytes, bell_ws_overflow what)
{
    const bell_ws_queue_options *q = queue_of(&c->u.ws);
    const struct bell_out_queue *out = &c->stream.out;
    struct bell_ws_loop *loop = ws_loop_of(c);
    if (what != BELL_OVERFLOW_DROP_NEWEST && frame_bytes <= q->max_bytes) {
        size_t fits_below = q->max_bytes - frame_bytes;
        uint32_t dropped = bell_stream_make_room(
            &c->stream, out->bytes > fits_below ? out->bytes - fits_below : 0,
            out->frames >= q->max_messages ? out->frames - q->max_messages + 1 : 0);
        if (dropped > 0) {
            bell_counter_add(&loop->dropped, dropped);
            return BELL_OK;
        }
    }
    if (what != BELL_OVERFLOW_CLOSE) {
        bell_counter_add(&loop->dropped, 1);
        return BELL_EAGAIN;
    }
    bell_counter_add(&loop->slow_receivers, 1);
    bell_ws_session_doom(c, BELL_ELIMIT);
    return BELL_ELIMIT;
}

static bell_ws_overflow overflow_of(const struct bell_connection *c, const bell_ws_terms *terms)
{
    return terms != NULL && terms->overflow != BELL_OVERFLOW_DEFAULT ? terms->overflow
                                                                     : queue_of(&c->u.ws)->overflow;
}

/* An empty queue takes a frame of any size. */
static bool has_room(const struct bell_connection *c, size_t frame_bytes)
{
    const struct bell_out_queue *out = &c->stream.out;
    const bell_ws_queue_options *q = queue_of(&c->u.ws);
    return bell_out_queue_is_kept(out) || /* nothing waits but the handshake */
           (out->frames < q->max_messages && frame_bytes <= q->max_bytes &&
            out->bytes <= q->max_bytes - frame_bytes);
}

/* Room for a frame, or BELL_EAGAIN (it is dropped), BELL_ELIMIT (the connection is doomed). */
static bell_status room_make(struct bell_connection *c, size_t frame_bytes,
                             const bell_ws_terms *terms)
{
    if (c->u.ws.state != BELL_WS_OPEN) {
        return BELL_ECLOSED;
    }
    return has_room(c, frame_bytes) ? BELL_OK : overflow(c, frame_bytes, overflow_of(c, terms));
}

static void mark_check(struct bell_connection *c)
{
    struct bell_ws_session *ws = &c->u.ws;
    const bell_ws_queue_options *q = queue_of(ws);
    const struct bell_out_queue *out = &c->stream.out;
    if (!ws->is_above_mark && (out->bytes > q->high_bytes || out->frames > q->high_messages)) {
        ws->is_above_mark = true;
        bell_counter_add(&ws_loop_of(c)->high_marks, 1);
        /* Who does not read is not read: its own messages cannot make the queue longer. */
        bell_stream_receive(&c->stream, false);
    }
}

/* Section 5.3: a new key for each frame, which nobody can foresee; a system call for many. */
static const uint8_t *masking_key(struct bell_ws_loop *loop)
{
    if (loop->keys_left == 0) {
        bell_random_fill(loop->keys, sizeof loop->keys);
        loop->keys_left = BELL_WS_KEY_STOCK;
    }
    return loop->keys[--loop->keys_left];
}

/* NULL: frames of this connection are not masked. */
static const uint8_t *key_for(const struct bell_connection *c)
{
    return c->u.ws.server->is_client ? masking_key(ws_loop_of(c)) : NULL;
}

static bell_status frame_queue(struct bell_connection *c, enum bell_ws_opcode opcode,
                               bell_slice payload, bool is_deflated)
{
    const uint8_t *key = key_for(c);
    if (payload.n >= BELL_STREAM_LARGE_BYTES && key == NULL) {
        char header[BELL_WS_HEADER_MAX_BYTES];
        size_t n = bell_ws_encoder_write_header(header, opcode, true, payload.n, NULL);
        if (is_deflated) {
            bell_ws_encoder_mark_deflated(header);
        }
        return bell_stream_send(&c->stream, bell_slice_make(header, n), payload);
    }
    char *to;
    size_t size = bell_ws_encoder_header_size(payload.n, key != NULL) + payload.n;
    bell_status st = bell_stream_reserve(&c->stream, size, &to);
    if (st != BELL_OK) {
        return st;
    }
    (void)bell_ws_encoder_write_frame(to, opcode, payload, key);
    if (is_deflated) {
        bell_ws_encoder_mark_deflated(to);
    }
    return BELL_OK;
}

/* A frame within the limits of the queue. */
static bell_status frame_send(struct bell_connection *c, enum bell_ws_opcode opcode,
                              bell_slice payload, bool is_deflated, const bell_ws_terms *terms)
{
    bell_status st = room_make(c, payload.n + BELL_WS_HEADER_MAX_BYTES, terms);
    if (st == BELL_OK) {
        st = frame_queue(c, opcode, payload, is_deflated);
    }
    if (st == BELL_OK) {
        mark_check(c);
    }
    return st;
}

/* A frame that may be replaced or given up while it waits. */
static bell_status frame_put(struct bell_connection *c, struct bell_blob *frame,
                             const bell_ws_terms *terms)
{
    uint64_t key = terms == NULL ? 0 : terms->key;
    if (c->u.ws.state != BELL_WS_OPEN) {
        return BELL_ECLOSED;
    }
    bool may_replace = key != 0 && !terms->replaces_none;
    bool was_replaced =
        may_replace && bell_stream_replace(&c->stream, frame, key, queue_of(&c->u.ws)->max_bytes);
    if (!was_replaced) {
        bell_status st = room_make(c, frame->size, terms);
        if (st != BELL_OK) {
            return st;
        }
        /* There is room with the older one, so there is without. */
        was_replaced = may_replace && bell_stream_replace(&c->stream, frame, key, SIZE_MAX);
    }
    if (was_replaced) {
        bell_counter_add(&ws_loop_of(c)->replaced, 1);
    } else {
        bell_status st = bell_stream_put(&c->stream, frame, key,
                                         overflow_of(c, terms) == BELL_OVERFLOW_DROP_OLDEST);
        if (st != BELL_OK) {
            return st;
        }
    }
    mark_check(c);
    return BELL_OK;
}

/* A whole frame of its own; NULL without memory. */
static struct bell_blob *frame_copy(struct bell_connection *c, enum bell_ws_opcode opcode,
                                    bell_slice payload, bool is_deflated)
{
    return bell_ws_frame_create(opcode, payload, is_deflated, key_for(c));
}

static bell_status frame_put_copied(struct bell_connection *c, enum bell_ws_opcode opcode,
                                    bell_slice payload, bool is_deflated,
                                    const bell_ws_terms *terms)
{
    struct bell_blob *frame = frame_copy(c, opcode, payload, is_deflated);
    if (frame == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st = frame_put(c, frame, terms);
    bell_blob_unref(frame);
    return st;
}

/* A frame that many connections share, within the limits of the queue. */
static bell_status frame_share(struct bell_connection *c, struct bell_blob *frame,
                               const bell_ws_terms *terms)
{
    bell_status st = room_make(c, frame->size, terms);
    if (st == BELL_OK) {
        st = bell_stream_send_blob(&c->stream, frame);
    }
    if (st == BELL_OK) {
        mark_check(c);
    }
    return st;
}

/*
 * Pings and Pongs: no queue drops one or is closed for one. When it is full one of each may wait
 * beyond its limit, and until that is sent a later one takes its place (section 5.5.3), whether
 * there is room again or not, so that none overtakes another. Else they go the way of messages.
 */
static bool goes_plainly(struct bell_connection *c, size_t frame_bytes)
{
    struct bell_ws_session *ws = &c->u.ws;
    if (bell_out_queue_is_kept(&c->stream.out)) {
        ws->has_late_control = false; /* it is gone */
    }
    return ws->state != BELL_WS_OPEN || (has_room(c, frame_bytes) && !ws->has_late_control);
}

static bell_status control_keep(struct bell_connection *c, enum bell_ws_opcode opcode,
                                struct bell_blob *frame)
{
    uint64_t key = opcode; /* no other is as small: they are hashes */
    bell_status st = bell_stream_replace(&c->stream, frame, key, SIZE_MAX)
                         ? BELL_OK
                         : bell_stream_put(&c->stream, frame, key, false);
    if (st == BELL_OK) {
        c->u.ws.has_late_control = true;
        mark_check(c);
    }
    return st;
}

static bell_status control_send(struct bell_connection *c, enum bell_ws_opcode opcode,
                                bell_slice payload)
{
    if (goes_plainly(c, payload.n + BELL_WS_HEADER_MAX_BYTES)) {
        return frame_send(c, opcode, payload, false, NULL);
    }
    struct bell_blob *frame = frame_copy(c, opcode, payload, false);
    if (frame == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st = control_keep(c, opcode, frame);
    bell_blob_unref(frame);
    return st;
}

/* Very many may be due in one turn: the frame of all costs less memory than one for each. */
static bell_status ping_send(struct bell_connection *c)
{
    struct bell_blob *ping = ws_loop_of(c)->ping;
    if (ping == NULL) {
        return control_send(c, BELL_WS_PING, bell_slice_make(NULL, 0));
    }
    return goes_plainly(c, ping->size) ? frame_share(c, ping, NULL)
                                       : control_keep(c, BELL_WS_PING, ping);
}

/* Must it be in the queue by itself, so that it can be replaced or given up? */
static bool stands_alone(const struct bell_connection *c, const bell_ws_terms *terms)
{
    return (terms != NULL && terms->key != 0) || overflow_of(c, terms) == BELL_OVERFLOW_DROP_OLDEST;
}

/* A message of this connection alone, compressed or not by now. */
static bell_status packed_send(struct bell_connection *c, bell_message_type type,
                               bell_slice payload, bool is_deflated, const bell_ws_terms *terms)
{
    enum bell_ws_opcode opcode = (enum bell_ws_opcode)type;
    return stands_alone(c, terms) ? frame_put_copied(c, opcode, payload, is_deflated, terms)
                                  : frame_send(c, opcode, payload, is_deflated, terms);
}

static bell_status message_send(struct bell_connection *c, bell_message_type type, bell_slice data,
                                const bell_ws_terms *terms)
{
    struct bell_ws_packer *packer = &ws_loop_of(c)->packer;
    const struct bell_ws_session *ws = &c->u.ws;
    bell_slice payload;
    if (ws->state != BELL_WS_OPEN || !bell_ws_packer_wants(c, data.n) ||
        /* What follows in a context must not depend on what may be given up. */
        (ws->deflate.server_keeps && stands_alone(c, terms)) ||
        !bell_ws_packer_pack(packer, c, data, &payload)) {
        return packed_send(c, type, data, false, terms);
    }
    bell_status st = packed_send(c, type, payload, true, terms);
    bell_ws_packer_done(packer, c, st == BELL_OK);
    return st;
}

static void count_sent(struct bell_ws_loop *loop, uint64_t messages, uint64_t bytes)
{
    bell_counter_add(&loop->sent, messages);
    bell_counter_add(&loop->sent_bytes, bytes);
}

static bell_status counted(const struct bell_connection *c, bell_status st, size_t bytes)
{
    if (st == BELL_OK) {
        count_sent(ws_loop_of(c), 1, bytes);
    }
    return st;
}

/*
 * Does the connection take so many plain frames just as they are, and all of them? What most
 * messages need to be asked; the long way answers all that this does not.
 */
static bool takes_plainly(const struct bell_connection *c, uint32_t frames, size_t bytes)
{
    const struct bell_ws_session *ws = &c->u.ws;
    const bell_ws_queue_options *q = queue_of(ws);
    const struct bell_out_queue *out = &c->stream.out;
    return ws->state == BELL_WS_OPEN && !ws->server->is_client && ws->deflate.server_bits == 0 &&
           q->overflow != BELL_OVERFLOW_DROP_OLDEST && out->frames + frames <= q->max_messages &&
           bytes <= q->max_bytes && out->bytes <= q->max_bytes - bytes;
}

bell_status bell_ws_session_send(struct bell_connection *c, bell_message_type type, bell_slice data,
                                 const bell_ws_terms *terms)
{
    bell_server_loop_settle(bell_server_loop_of(c));
    if (terms == NULL && takes_plainly(c, 1, data.n + BELL_WS_HEADER_MAX_BYTES)) {
        bell_status st = frame_queue(c, (enum bell_ws_opcode)type, data, false);
        if (st == BELL_OK) {
            count_sent(ws_loop_of(c), 1, data.n);
            mark_check(c);
        }
        return st;
    }
    return counted(c, message_send(c, type, data, terms), data.n);
}

static bell_status shared_send(struct bell_connection *c, struct bell_blob *frame,
                               enum bell_ws_opcode opcode, bell_slice data,
                               struct bell_ws_variants *variants, const bell_ws_terms *terms)
{
    if (c->u.ws.server->is_client) {
        return message_send(c, (bell_message_type)opcode, data, terms); /* under its own mask */
    }
    if (bell_ws_packer_wants(c, data.n) && c->u.ws.state == BELL_WS_OPEN) {
        if (variants == NULL || c->u.ws.deflate.server_keeps) {
            return message_send(c, (bell_message_type)opcode, data, terms);
        }
        frame = bell_ws_variants_choose(variants, &ws_loop_of(c)->packer, c, frame);
    }
    return stands_alone(c, terms) ? frame_put(c, frame, terms) : frame_share(c, frame, terms);
}

bell_status bell_ws_session_send_frame(struct bell_connection *c, struct bell_blob *frame,
                                       struct bell_ws_variants *variants,
                                       const bell_ws_terms *terms)
{
    enum bell_ws_opcode opcode;
    bell_slice data = bell_ws_encoder_payload(bell_slice_make(frame->bytes, frame->size), &opcode);
    return counted(c, shared_send(c, frame, opcode, data, variants, terms), data.n);
}

bool bell_ws_session_send_whole(struct bell_connection *c, struct bell_blob *frames, uint32_t count,
                                size_t data_bytes)
{
    if (!takes_plainly(c, count, frames->size) ||
        bell_stream_send_frames(&c->stream, frames, count) != BELL_OK) {
        return false;
    }
    count_sent(ws_loop_of(c), count, data_bytes);
    mark_check(c);
    return true;
}

/* code 1005: a Close frame without a code. */
static bell_status close_frame_queue(struct bell_connection *c, uint16_t code, bell_slice reason)
{
    bell_server_loop_settle(bell_server_loop_of(c)); /* nothing follows it */
    char payload[BELL_WS_CONTROL_MAX_BYTES];
    size_t n = 0;
    if (code != BELL_WS_CLOSE_NO_CODE) {
        bell_status st = bell_ws_encoder_write_close(payload, code, reason, &n);
        if (st != BELL_OK) {
            return st;
        }
    }
    return frame_queue(c, BELL_WS_CLOSE, bell_slice_make(payload, n), false);
}

/* ---- ending ---- */

void bell_ws_session_finish(struct bell_connection *c, const bell_close_event *event)
{
    struct bell_ws_session *ws = &c->u.ws;
    struct bell_ws_server *server = ws->server;
    static const bell_close_event STOPPED = {.origin = BELL_CLOSED_BY_ENGINE,
                                             .code = BELL_WS_CLOSE_ABNORMAL,
                                             .reason = {NULL, 0},
                                             .why = BELL_ESTATE};
    if (ws->state == BELL_WS_DONE) {
        return;
    }
    bell_server_loop_settle(bell_server_loop_of(c));
    bell_conn handle = bell_connection_handle(c);
    char room[BELL_ADDRESS_TEXT_BYTES];
    event = event == NULL ? &STOPPED : event;
    ws->state = BELL_WS_DONE;
    bell_metrics_count_close(ws_loop_of(c), event);
    if (server->component.on_close != NULL) {
        server->component.on_close(server, handle, event, server->component.user);
    }
    bell_guards_on_close(server->guards, server->guard_count, handle,
                         bell_address_format(&c->peer, room));
    bell_server_loop_settle(bell_server_loop_of(c)); /* of on_close */
    bell_topic_leave_all(ws_loop_of(c)->topics, &ws->topics, bell_ws_server_forget_subscription,
                         ws_loop_of(c));
    bell_ws_assembler_finish(&ws->assembler);
    bell_ws_extra_destroy(ws->extra);
    atomic_fetch_sub(&ws_loop_of(c)->connections, 1);
}

/* Ends the session and then the stream: at once, or after what is queued. */
static void session_end(struct bell_connection *c, const bell_close_event *event, bool at_once)
{
    bell_ws_session_finish(c, event);
    if (at_once) {
        bell_connection_close(c);
    } else {
        bell_connection_end(c);
    }
}

/* Without a word: the peer is dead, or cannot be told. */
static void session_drop(struct bell_connection *c, bell_close_origin origin, bell_status why)
{
    const bell_close_event event = {.origin = origin, .code = BELL_WS_CLOSE_ABNORMAL, .why = why};
    session_end(c, &event, true);
}

static void tell_error(struct bell_connection *c, bell_status why)
{
    const struct bell_component *component = &c->u.ws.server->component;
    if (component->on_error != NULL) {
        component->on_error(c->u.ws.server, bell_connection_handle(c), why, component->user);
    }
}

/* Section 7.1.7, "Fail the WebSocket Connection". */
static void session_fail(struct bell_connection *c, bell_status why, uint16_t code)
{
    tell_error(c, why);
    if (c->phase != BELL_CONNECTION_WEBSOCKET) {
        return; /* aborted meanwhile */
    }
    const bell_close_event event = {.origin = BELL_CLOSED_BY_ENGINE, .code = code, .why = why};
    bool was_told = c->u.ws.state == BELL_WS_CLOSING || /* by on_error or before */
                    close_frame_queue(c, code, bell_slice_make(NULL, 0)) == BELL_OK;
    session_end(c, &event, !was_told);
}

/* When the peer's Close frame is late, whatever it was that held it up. */
static uint64_t patience_end(const struct bell_connection *c)
{
    return bell_connection_time(c, c->u.ws.asked_ms) +
           (uint64_t)BELL_WS_CLOSE_PATIENCE * c->u.ws.server->options.close_timeout_ms;
}

/* For the peer's Close frame. */
static void answer_wait(struct bell_connection *c)
{
    uint64_t due_ms = c->stream.loop->now_ms + c->u.ws.server->options.close_timeout_ms;
    uint64_t end_ms = patience_end(c);
    bell_connection_set_deadline(c, due_ms < end_ms ? due_ms : end_ms);
}

bell_status bell_ws_session_close(struct bell_connection *c, uint16_t code, bell_slice reason,
                                  bell_close_origin origin)
{
    struct bell_ws_session *ws = &c->u.ws;
    if (ws->state == BELL_WS_CLOSING) {
        return BELL_OK;
    }
    if (ws->state == BELL_WS_DONE) {
        return BELL_ECLOSED;
    }
    /* DOOMED: the application was quicker than the engine. */
    bell_status st = close_frame_queue(c, code, reason);
    if (st != BELL_OK) {
        return st;
    }
    ws->state = BELL_WS_CLOSING;
    ws->closer = (uint8_t)origin;
    ws->asked_ms = (uint32_t)c->stream.loop->now_ms;
    if (ws->is_above_mark) {
        ws->is_above_mark = false;
        bell_ws_rest_read_on(c); /* the answer must be seen */
    }
    answer_wait(c);
    return BELL_OK;
}

void bell_ws_session_abort(struct bell_connection *c)
{
    if (c->u.ws.state != BELL_WS_DONE) {
        session_drop(c, BELL_CLOSED_BY_US, BELL_OK);
    }
}

void bell_ws_session_drain(struct bell_connection *c)
{
    bell_status st = bell_ws_session_close(c, BELL_WS_CLOSE_GOING_AWAY, bell_slice_make(NULL, 0),
                                           BELL_CLOSED_BY_ENGINE);
    if (st != BELL_OK && st != BELL_ECLOSED) {
        session_drop(c, BELL_CLOSED_BY_ENGINE, st);
    }
}

/* ---- receiving ---- */

/* Go on feeding? Not once the connection has left this phase: the assembler is finished then. */
static bool is_alive(const struct bell_connection *c)
{
    return c->phase == BELL_CONNECTION_WEBSOCKET;
}

static bool on_message(bell_message_type type, bell_slice data, void *user)
{
    struct bell_connection *c = user;
    struct bell_ws_session *ws = &c->u.ws;
    struct bell_ws_server *server = ws->server;
    if (ws->state != BELL_WS_OPEN) {
        return true; /* section 1.4: what comes after our Close frame is not for the application */
    }
    bell_conn handle = bell_connection_handle(c);
    if (!bell_guards_on_message(server->guards, server->guard_count, handle, data.n,
                                c->stream.loop->now_ms)) {
        session_fail(c, BELL_ELIMIT, BELL_WS_CLOSE_POLICY);
        return false;
    }
    bell_counter_add(&ws_loop_of(c)->received, 1);
    bell_counter_add(&ws_loop_of(c)->received_bytes, data.n);
    if (server->component.on_message != NULL) {
        const bell_message message = {.data = data, .type = type};
        server->component.on_message(server, handle, &message, server->component.user);
    }
    return is_alive(c);
}

/* What a message that cannot be inflated closes with. RFC 7692 names no code; 1007 is "data not
 * consistent with the type of the message", which what is not DEFLATE comes nearest to. */
static uint16_t inflate_close_code(bell_status st)
{
    return st == BELL_EPROTO   ? BELL_WS_CLOSE_INVALID_DATA
           : st == BELL_ELIMIT ? BELL_WS_CLOSE_TOO_BIG
                               : BELL_WS_CLOSE_INTERNAL_ERROR;
}

static bool on_deflated(bell_message_type type, bell_slice payload, void *user)
{
    struct bell_connection *c = user;
    struct bell_ws_packer *packer = &ws_loop_of(c)->packer;
    bell_slice data;
    if (c->u.ws.state != BELL_WS_OPEN) {
        return true; /* as in on_message; there will be no later one that refers to it */
    }
    struct bell_server_loop *home = bell_server_loop_of(c);
    bell_status st = bell_ws_packer_lend(packer, c, type, payload, &data);
    bell_ws_rest_count(home,
                       payload.n + (st == BELL_OK       ? data.n
                                    : st == BELL_ELIMIT ? c->u.ws.server->options.max_message_bytes
                                                        : 0));
    if (st != BELL_OK) {
        session_fail(c, st, inflate_close_code(st));
        return false;
    }
    bool goes_on = on_message(type, data, c);
    bell_ws_packer_take_back(packer);
    return goes_on && bell_ws_rest_has_budget(home);
}

static bool on_ping(bell_slice payload, void *user)
{
    struct bell_connection *c = user;
    bell_server_loop_settle(bell_server_loop_of(c));
    /* Section 5.5.2: it must be answered. */
    if (c->u.ws.state == BELL_WS_OPEN && control_send(c, BELL_WS_PONG, payload) == BELL_ENOMEM) {
        bell_ws_session_doom(c, BELL_ENOMEM);
    }
    return is_alive(c);
}

static bool on_pong(bell_slice payload, void *user)
{
    (void)payload;
    return is_alive(user);
}

/* Who has closed when the peer says no more. */
static bell_close_origin closer_of(const struct bell_ws_session *ws)
{
    return ws->state == BELL_WS_CLOSING ? (bell_close_origin)ws->closer : BELL_CLOSED_BY_PEER;
}

static bool on_close(uint16_t code, bell_slice reason, void *user)
{
    struct bell_connection *c = user;
    struct bell_ws_session *ws = &c->u.ws;
    bell_close_event event = {.reason = reason, .origin = closer_of(ws), .code = code};
    bool was_told = true;
    if (ws->state != BELL_WS_CLOSING) {
        /* Section 5.5.1: the answer typically echoes the code. */
        was_told = close_frame_queue(c, code, bell_slice_make(NULL, 0)) == BELL_OK;
    }
    /* Section 7.1.1: the server is to close first. */
    c->stream.ends_last = ws->server->is_client;
    session_end(c, &event, !was_told);
    return false;
}

static void rest_put(struct bell_connection *c, bell_slice bytes)
{
    if (bell_ws_rest_put(c, bytes) != BELL_OK) {
        session_fail(c, BELL_ENOMEM, BELL_WS_CLOSE_INTERNAL_ERROR);
    }
}

void bell_ws_session_feed(struct bell_connection *c, char *bytes, size_t n)
{
    static const bell_ws_events EVENTS = {
        .on_message = on_message,
        .on_ping = on_ping,
        .on_pong = on_pong,
        .on_close = on_close,
        .on_deflated = on_deflated,
    };
    bell_ws_input in = {bytes, n};
    bell_status st;
    do {
        st = bell_ws_assembler_feed(&c->u.ws.assembler, &in, &c->u.ws.server->limits, &EVENTS, c);
        if (st != BELL_ECLOSED || !is_alive(c)) {
            break;
        }
    } while (bell_ws_rest_may_feed(bell_server_loop_of(c), in.n)); /* only a few bytes are left */
    if (st != BELL_OK && st != BELL_ECLOSED) {
        session_fail(c, st, bell_ws_assembler_close_code(&c->u.ws.assembler));
    } else if (st == BELL_ECLOSED && is_alive(c) && in.n > 0) {
        rest_put(c, bell_slice_make(in.p, in.n));
    }
}

void bell_ws_session_on_receive(struct bell_connection *c, char *bytes, size_t n)
{
    bool must_wait =
        bell_ws_rest_of(c) != NULL || /* TLS tells all of a receive that was under way */
        (c->u.ws.deflate.server_bits != 0 && !bell_ws_rest_may_feed(bell_server_loop_of(c), n));
    if (must_wait) {
        rest_put(c, bell_slice_make(bytes, n));
    } else {
        bell_ws_session_feed(c, bytes, n);
    }
}

void bell_ws_session_on_end(struct bell_connection *c, bell_status why)
{
    bell_close_event event = {.origin = closer_of(&c->u.ws), .code = BELL_WS_CLOSE_ABNORMAL};
    if (why == BELL_OK && bell_ws_rest_of(c) != NULL) {
        bell_ws_rest_of(c)->has_end = true; /* that comes first */
        return;
    }
    if (why != BELL_OK && why != BELL_ECLOSED) {
        event.origin = BELL_CLOSED_BY_ENGINE; /* the socket has failed */
        event.why = why;
        tell_error(c, why);
        if (!is_alive(c)) {
            return;
        }
    }
    /* Broken TLS: the peer may still be told so. */
    session_end(c, &event, why != BELL_OK && why != BELL_EPROTO);
}

void bell_ws_session_on_sent(struct bell_connection *c)
{
    struct bell_ws_session *ws = &c->u.ws;
    if (ws->is_above_mark || c->stream.out.bytes > 0) {
        /* It takes what has waited: alive, though we do not read it or our Ping still waits. */
        bell_connection_touch(c);
    }
    const bell_ws_queue_options *q = queue_of(ws);
    if (!ws->is_above_mark || c->stream.out.bytes > q->low_bytes ||
        c->stream.out.frames > q->low_messages) {
        return;
    }
    ws->is_above_mark = false;
    bell_ws_rest_read_on(c);
    if (is_alive(c) && ws->state == BELL_WS_OPEN && ws->server->component.on_drain != NULL) {
        ws->server->component.on_drain(ws->server, bell_connection_handle(c),
                                       ws->server->component.user);
    }
}

/* ---- time ---- */

/* When the timer must look again, 0 = never: at the next Ping or at the end of patience. */
static uint64_t next_deadline(const struct bell_connection *c)
{
    const bell_ws_options *o = &c->u.ws.server->options;
    uint64_t at_ms = 0;
    if (o->idle_timeout_ms > 0) {
        at_ms = bell_connection_active_ms(c) + o->idle_timeout_ms;
    }
    if (o->heartbeat_ms > 0) {
        uint64_t asked_ms = bell_connection_time(c, c->u.ws.asked_ms);
        uint64_t active_ms = bell_connection_active_ms(c);
        uint64_t ping_at_ms = (asked_ms > active_ms ? asked_ms : active_ms) + o->heartbeat_ms;
        at_ms = at_ms == 0 || ping_at_ms < at_ms ? ping_at_ms : at_ms;
    }
    return at_ms;
}

static void keep_alive(struct bell_connection *c, uint64_t now_ms)
{
    const bell_ws_options *o = &c->u.ws.server->options;
    uint64_t active_ms = bell_connection_active_ms(c);
    uint64_t silent_ms = now_ms > active_ms ? now_ms - active_ms : 0;
    if (o->idle_timeout_ms > 0 && silent_ms >= o->idle_timeout_ms) {
        tell_error(c, BELL_ETIMEOUT);
        if (is_alive(c)) {
            session_drop(c, BELL_CLOSED_BY_ENGINE, BELL_ETIMEOUT);
        }
        return;
    }
    if (next_deadline(c) <= now_ms) {
        bell_server_loop_settle(bell_server_loop_of(c));
        c->u.ws.asked_ms = (uint32_t)now_ms;
        bell_status st = ping_send(c);
        (void)st; /* without memory the next beat tries again */
    }
    if (c->u.ws.state == BELL_WS_OPEN) {
        bell_connection_set_deadline(c, next_deadline(c));
    }
}

void bell_ws_session_excuse(struct bell_connection *c)
{
    if (c->u.ws.state == BELL_WS_CLOSING) {
        answer_wait(c);
    } else {
        bell_connection_touch(c);
    }
}

void bell_ws_session_on_time(struct bell_connection *c, uint64_t now_ms)
{
    const struct bell_ws_rest *rest = bell_ws_rest_of(c);
    bool stands_in_line = rest != NULL && rest->is_in_line;
    if (stands_in_line) {
        bell_ws_session_excuse(c);
    }
    switch ((enum bell_ws_state)c->u.ws.state) {
    case BELL_WS_OPEN:
        keep_alive(c, now_ms);
        break;
    case BELL_WS_CLOSING:
        /* What stands in line may be the answer. */
        if (!stands_in_line || now_ms >= patience_end(c)) {
            /* The peer has not answered our Close frame in time (section 7.1.1). */
            session_drop(c, closer_of(&c->u.ws), BELL_ETIMEOUT);
        }
        break;
    case BELL_WS_DOOMED:
        session_fail(c, (bell_status)c->u.ws.doom,
                     c->u.ws.doom == BELL_ELIMIT ? queue_of(&c->u.ws)->close_code
                                                 : BELL_WS_CLOSE_INTERNAL_ERROR);
        break;
    case BELL_WS_DONE:
        break;
    }
}

void bell_ws_session_begin(struct bell_connection *c, struct bell_ws_server *server,
                           uint8_t subprotocol, bell_ws_deflate_terms deflate,
                           const struct bell_http_request *request)
{
    struct bell_ws_session *ws = &c->u.ws;
    bell_conn handle = bell_connection_handle(c);
    char room[BELL_ADDRESS_TEXT_BYTES];
    bell_server_loop_settle(bell_server_loop_of(c)); /* that was before its time */
    ws->server = server;
    c->subprotocol = subprotocol;
    ws->deflate = deflate;
    ws->state = BELL_WS_OPEN;
    ws->asked_ms = (uint32_t)c->stream.loop->now_ms;
    bell_out_queue_keep(&c->stream.out);
    bell_ws_assembler_init(&ws->assembler, server->is_client ? BELL_WS_CLIENT : BELL_WS_SERVER);
    if (deflate.server_bits != 0) {
        bell_ws_assembler_allow_deflate(&ws->assembler);
    }
    atomic_fetch_add(&ws_loop_of(c)->connections, 1);
    bell_counter_add(&ws_loop_of(c)->opened, 1);
    uint64_t deadline_ms = next_deadline(c);
    if (deadline_ms > 0) {
        bell_connection_set_deadline(c, deadline_ms);
    } else {
        bell_timer_cancel(&c->stream.loop->timers, &c->timer);
    }
    bell_guards_on_open(server->guards, server->guard_count, handle,
                        bell_address_format(&c->peer, room));
    if (server->component.on_open != NULL) {
        server->component.on_open(server, handle, request, server->component.user);
    }
}
