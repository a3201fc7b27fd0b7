#include "bell/ws/assembler.h"

#include "base/mem.h"
#include "base/num.h"
#include "bell/ws/close_code.h"

#include <assert.h>
#include <string.h>

enum {
    FIRST_CAPACITY_BYTES = 256, /* smaller steps would only cost calls */
    CODE_BYTES = 2,             /* at the beginning of a Close payload */
    DEFLATED_MORE_BYTES = 1024, /* than an eighth more; see bell_ws_assembler_allow_deflate */
};

/* The beginning of a message or control frame. */
struct bell_ws_partial {
    size_t n;        /* bytes in use */
    size_t capacity; /* bytes allocated after the struct */
    char bytes[];
};

/* One call of feed, for the decoder's callback. */
struct feed {
    struct bell_ws_assembler *assembler;
    const bell_ws_limits *limits;
    const bell_ws_events *events;
    void *user;
};

/* Stops the decoder after the peer's Close frame; never leaves this file. */
static const bell_status PEER_HAS_CLOSED = BELL_ESTATE;

void bell_ws_assembler_init(struct bell_ws_assembler *a, enum bell_ws_role role)
{
    *a = (struct bell_ws_assembler){0};
    bell_ws_decoder_init(&a->decoder, role);
    bell_utf8_init(&a->utf8);
}

void bell_ws_assembler_allow_deflate(struct bell_ws_assembler *a)
{
    bell_ws_decoder_allow_deflate(&a->decoder);
}

size_t bell_ws_assembler_most_bytes(size_t max_message_bytes, bool is_deflated)
{
    size_t most = max_message_bytes;
    if (is_deflated && !(bell_size_add(most, most / 8, &most) &&
                         bell_size_add(most, DEFLATED_MORE_BYTES, &most))) {
        most = SIZE_MAX;
    }
    return most;
}

/* Payload of all frames of the message under way. */
static uint64_t message_limit(const struct feed *f)
{
    return bell_ws_assembler_most_bytes(f->limits->max_message_bytes, f->assembler->is_deflated);
}

static void drop_partials(struct bell_ws_assembler *a)
{
    bell_mem_free(a->message);
    bell_mem_free(a->control);
    a->message = NULL;
    a->control = NULL;
}

void bell_ws_assembler_finish(struct bell_ws_assembler *a)
{
    drop_partials(a);
    a->has_ended = true;
}

uint16_t bell_ws_assembler_close_code(const struct bell_ws_assembler *a)
{
    return a->close_code;
}

size_t bell_ws_assembler_held_bytes(const struct bell_ws_assembler *a)
{
    size_t held = a->message == NULL ? 0 : sizeof *a->message + a->message->capacity;
    return a->control == NULL ? held : held + sizeof *a->control + a->control->capacity;
}

static bell_status fail(struct bell_ws_assembler *a, bell_status st, uint16_t close_code)
{
    a->close_code = close_code;
    return st;
}

static bell_status fail_protocol(struct bell_ws_assembler *a)
{
    return fail(a, BELL_EPROTO, BELL_WS_CLOSE_PROTOCOL_ERROR);
}

/*
 * Adds bytes. Grows by doubling, but never past most_bytes, which is what the whole can become as
 * far as is known: so memory follows what has arrived, and a small message gets a small block.
 */
static bell_status hold(struct bell_ws_partial **held, bell_slice bytes, uint64_t most_bytes)
{
    struct bell_ws_partial *partial = *held;
    size_t n = partial == NULL ? 0 : partial->n;
    size_t capacity = partial == NULL ? 0 : partial->capacity;
    size_t need;
    if (!bell_size_add(n, bytes.n, &need)) {
        return BELL_ENOMEM;
    }
    assert(need <= most_bytes);
    if (partial == NULL || need > capacity) {
        size_t size;
        if (!bell_size_mul(capacity, 2, &capacity) || capacity < need) {
            capacity = need;
        }
        if (capacity < FIRST_CAPACITY_BYTES) {
            capacity = FIRST_CAPACITY_BYTES;
        }
        if (capacity > most_bytes) {
            capacity = (size_t)most_bytes;
        }
        if (!bell_size_add(sizeof *partial, capacity, &size)) {
            return BELL_ENOMEM;
        }
        partial = bell_mem_resize(partial, size);
        if (partial == NULL) {
            return BELL_ENOMEM;
        }
        partial->capacity = capacity;
        *held = partial;
    }
    memcpy(partial->bytes + n, bytes.p, bytes.n);
    partial->n = need;
    return BELL_OK;
}

/* A data frame's header has come: may it stand here, and may the message become so long? */
static bell_status begin_data_frame(const struct feed *f, const bell_ws_part *part)
{
    struct bell_ws_assembler *a = f->assembler;
    bool is_continuation = part->opcode == BELL_WS_CONTINUATION;
    /* Section 5.4: a message begins with its type, goes on with continuations; none interleave. */
    if (is_continuation != (a->type != 0)) {
        return fail_protocol(a);
    }
    if (!is_continuation) {
        a->type = part->opcode;
        a->is_deflated = part->is_deflated;
    }
    /* Frame lengths are below 2^63, so the sum does not overflow. */
    uint64_t held = a->message == NULL ? 0 : a->message->n;
    if (held + part->payload.n + part->left_bytes > message_limit(f)) {
        return fail(a, BELL_ELIMIT, BELL_WS_CLOSE_TOO_BIG);
    }
    return BELL_OK;
}

/* Section 8.1. What unmasking has found to be ASCII needs no second look. */
static bool is_text_right(struct bell_ws_assembler *a, const bell_ws_part *part, bool is_end)
{
    bool is_plain = part->is_ascii && bell_utf8_is_complete(&a->utf8);
    if (!is_plain && !bell_utf8_feed(&a->utf8, part->payload)) {
        return false;
    }
    return !is_end || bell_utf8_is_complete(&a->utf8);
}

/* From here the assembler is at rest: the callback may finish it. */
static bell_status deliver_message(const struct feed *f, bell_slice data)
{
    struct bell_ws_assembler *a = f->assembler;
    struct bell_ws_partial *held = a->message;
    bell_message_type type = a->type == BELL_WS_TEXT ? BELL_TEXT : BELL_BINARY;
    if (held != NULL) {
        data = (bell_slice){held->bytes, held->n};
    }
    a->message = NULL;
    a->type = 0;
    bool goes_on = a->is_deflated ? f->events->on_deflated(type, data, f->user)
                                  : f->events->on_message(type, data, f->user);
    bell_mem_free(held);
    return goes_on ? BELL_OK : BELL_ECLOSED;
}

static bell_status take_data(const struct feed *f, const bell_ws_part *part)
{
    struct bell_ws_assembler *a = f->assembler;
    if (part->is_first) {
        bell_status st = begin_data_frame(f, part);
        if (st != BELL_OK) {
            return st;
        }
    }
    bool is_end = part->fin && part->left_bytes == 0;
    if (a->type == BELL_WS_TEXT && !a->is_deflated && !is_text_right(a, part, is_end)) {
        return fail(a, BELL_EPROTO, BELL_WS_CLOSE_INVALID_DATA);
    }
    if (is_end && a->message == NULL) {
        return deliver_message(f, part->payload); /* the whole message lies in this part */
    }
    if (part->payload.n > 0) {
        uint64_t held = a->message == NULL ? 0 : a->message->n;
        uint64_t most = part->fin ? held + part->payload.n + part->left_bytes : message_limit(f);
        if (hold(&a->message, part->payload, most) != BELL_OK) {
            return fail(a, BELL_ENOMEM, BELL_WS_CLOSE_INTERNAL_ERROR);
        }
    }
    return is_end ? deliver_message(f, part->payload) : BELL_OK;
}

/* Section 5.5.1: nothing, or a code and a reason in UTF-8. */
static bell_status deliver_close(const struct feed *f, bell_slice payload)
{
    struct bell_ws_assembler *a = f->assembler;
    uint16_t code = BELL_WS_CLOSE_NO_CODE;
    bell_slice reason = {payload.p, 0};
    if (payload.n == 1) {
        return fail_protocol(a);
    }
    if (payload.n >= CODE_BYTES) {
        code = bell_read_be16(payload.p);
        reason = (bell_slice){payload.p + CODE_BYTES, payload.n - CODE_BYTES};
        if (!bell_ws_close_code_is_receivable(code)) {
            return fail_protocol(a);
        }
        if (!bell_utf8_is_valid(reason)) {
            return fail(a, BELL_EPROTO, BELL_WS_CLOSE_INVALID_DATA);
        }
    }
    a->has_ended = true;
    drop_partials(a);
    return f->events->on_close(code, reason, f->user) ? PEER_HAS_CLOSED : BELL_ECLOSED;
}

static bell_status deliver_control(const struct feed *f, uint8_t opcode, bell_slice payload)
{
    if (opcode == BELL_WS_CLOSE) {
        return deliver_close(f, payload);
    }
    bool goes_on = opcode == BELL_WS_PING ? f->events->on_ping(payload, f->user)
                                          : f->events->on_pong(payload, f->user);
    return goes_on ? BELL_OK : BELL_ECLOSED;
}

static bell_status take_control(const struct feed *f, const bell_ws_part *part)
{
    struct bell_ws_assembler *a = f->assembler;
    if (part->left_bytes == 0 && a->control == NULL) {
        return deliver_control(f, part->opcode, part->payload);
    }
    if (part->payload.n > 0 &&
        hold(&a->control, part->payload, BELL_WS_CONTROL_MAX_BYTES) != BELL_OK) {
        return fail(a, BELL_ENOMEM, BELL_WS_CLOSE_INTERNAL_ERROR);
    }
    if (part->left_bytes > 0) {
        return BELL_OK;
    }
    struct bell_ws_partial *held = a->control;
    a->control = NULL;
    bell_status st = deliver_control(f, part->opcode, (bell_slice){held->bytes, held->n});
    bell_mem_free(held);
    return st;
}

static bell_status on_part(const bell_ws_part *part, void *user)
{
    const struct feed *f = user;
    return bell_ws_opcode_is_control(part->opcode) ? take_control(f, part) : take_data(f, part);
}

bell_status bell_ws_assembler_feed(struct bell_ws_assembler *a, bell_ws_input *in,
                                   const bell_ws_limits *limits, const bell_ws_events *events,
                                   void *user)
{
    bell_status st = PEER_HAS_CLOSED;
    if (!a->has_ended) {
        struct feed f = {a, limits, events, user};
        st = bell_ws_decoder_feed(&a->decoder, in, limits->max_frame_bytes, on_part, &f);
        if (st == BELL_OK || st == BELL_ECLOSED) {
            return st; /* after BELL_ECLOSED neither a nor in may be there any more */
        }
    }
    in->p += in->n;
    in->n = 0;
    if (st == PEER_HAS_CLOSED) {
        return BELL_OK;
    }
    if (a->close_code == 0) {
        a->close_code = bell_ws_decoder_close_code(&a->decoder);
    }
    a->has_ended = true;
    drop_partials(a);
    return st;
}
