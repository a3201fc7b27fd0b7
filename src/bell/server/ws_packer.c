#include "bell/server/ws_packer.h"

#include "base/mem.h"
#include "bell/net/blob.h"
#include "bell/server/connection.h"
#include "bell/server/ws_rest.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/encoder.h"

#include <assert.h>

enum {
    /* zlib refers back by so much less than its window (MIN_LOOKAHEAD in its deflate.c): in a
     * message that is so much shorter everything is found again. */
    LOOKAHEAD_BYTES = 262,
    /* A deflater counts in blocks of 2^(memory_level + 6) bytes: as large as the window is enough.
     */
    BITS_BEYOND_MEMORY_LEVEL = 6,
    TAIL_BYTES = 4,                 /* which a deflater writes and cuts */
    SCRATCH_KEPT_BYTES = 64 * 1024, /* in and out keep no more between two messages */
    MORE_BYTES = 1024,              /* than an eighth more: no payload is longer than that */
};

void bell_ws_packer_init(struct bell_ws_packer *p, const bell_ws_options *options)
{
    *p = (struct bell_ws_packer){.options = &options->deflate};
    bell_buf_init(&p->in, options->max_message_bytes);
    bell_buf_init(&p->out, SIZE_MAX);
}

void bell_ws_packer_finish(struct bell_ws_packer *p)
{
    bell_ws_inflater_destroy(p->inflater);
    for (size_t i = 0; i < BELL_WS_PACKER_SIZES; i++) {
        bell_ws_deflater_destroy(p->deflaters[i]);
    }
    bell_buf_finish(&p->in);
    bell_buf_finish(&p->out);
}

void bell_ws_extra_destroy(struct bell_ws_extra *extra)
{
    if (extra != NULL) {
        bell_ws_inflater_destroy(extra->inflater);
        bell_ws_deflater_destroy(extra->deflater);
        bell_ws_rest_destroy(extra->rest);
        bell_mem_free(extra);
    }
}

bell_ws_deflate_terms bell_ws_packer_terms(const bell_ws_deflate_options *options)
{
    return (bell_ws_deflate_terms){
        .server_bits = options->server_max_window_bits & 0xfU,
        .client_bits = options->client_max_window_bits & 0xfU,
        .server_keeps = options->has_server_takeover,
        .client_keeps = options->has_client_takeover,
    };
}

struct bell_ws_extra *bell_ws_extra_of(struct bell_connection *c)
{
    if (c->u.ws.extra == NULL) {
        c->u.ws.extra = bell_mem_zalloc(sizeof *c->u.ws.extra);
    }
    return c->u.ws.extra;
}

static void scratch_trim(struct bell_buf *b)
{
    bell_buf_clear(b);
    if (b->capacity > SCRATCH_KEPT_BYTES) {
        bell_buf_finish(b);
    }
}

/* ---- out ---- */

bool bell_ws_packer_wants(const struct bell_connection *c, size_t message_bytes)
{
    const struct bell_ws_session *ws = &c->u.ws;
    return ws->deflate.server_bits != 0 && message_bytes > 0 &&
           message_bytes >= ws->server->options.deflate.threshold_bytes;
}

/* Which of the loop's deflaters serves a message best, within the window agreed on. */
static size_t size_index(const struct bell_connection *c, size_t message_bytes)
{
    size_t bits = BELL_WS_PACKER_MIN_BITS;
    while (bits < c->u.ws.deflate.server_bits &&
           ((size_t)1 << bits) - LOOKAHEAD_BYTES < message_bytes) {
        bits++;
    }
    return bits - BELL_WS_PACKER_MIN_BITS;
}

static struct bell_ws_deflater *deflater_at(struct bell_ws_packer *p, size_t index)
{
    if (p->deflaters[index] == NULL) {
        uint8_t bits = (uint8_t)(BELL_WS_PACKER_MIN_BITS + index);
        uint8_t memory_level = (uint8_t)(bits - BITS_BEYOND_MEMORY_LEVEL);
        bell_status st = bell_ws_deflater_create(
            (bell_ws_deflater_options){
                .window_bits = bits,
                .level = p->options->level,
                .memory_level = memory_level < p->options->memory_level ? memory_level
                                                                        : p->options->memory_level,
            },
            &p->deflaters[index]);
        (void)st; /* NULL: without memory the message goes plain */
    }
    return p->deflaters[index];
}

/* There is no more room than that. */
static bool becomes_shorter(struct bell_ws_packer *p, struct bell_ws_deflater *d,
                            bell_slice message)
{
    p->out.max_bytes = message.n + TAIL_BYTES;
    return bell_ws_deflater_run(d, message, false, &p->out) == BELL_OK && p->out.n < message.n;
}

/* Only what becomes shorter is worth it. Of a long message the beginning is tried first: pictures,
 * films and archives are known by it, and to find out by the whole holds the loop for long. */
static bool pack_fresh(struct bell_ws_packer *p, size_t index, bell_slice message)
{
    struct bell_ws_deflater *d = deflater_at(p, index);
    if (d == NULL) {
        return false;
    }
    if (message.n >= BELL_WS_PACKER_LONG_BYTES) {
        bool pays = becomes_shorter(p, d, bell_slice_make(message.p, BELL_WS_PACKER_TRIED_BYTES));
        bell_buf_clear(&p->out);
        if (!pays) {
            return false;
        }
    }
    return becomes_shorter(p, d, message);
}

/* Sent even when it is longer: the next message may refer to it. */
static bool pack_kept(struct bell_ws_packer *p, struct bell_connection *c, bell_slice message)
{
    struct bell_ws_extra *own = bell_ws_extra_of(c);
    if (own == NULL) {
        return false;
    }
    if (own->deflater == NULL) {
        const bell_ws_deflater_options options = {
            .window_bits = c->u.ws.deflate.server_bits,
            .level = p->options->level,
            .memory_level = p->options->memory_level,
        };
        if (bell_ws_deflater_create(options, &own->deflater) != BELL_OK) {
            return false;
        }
    }
    p->out.max_bytes = message.n + message.n / 8 + MORE_BYTES;
    return bell_ws_deflater_run(own->deflater, message, true, &p->out) == BELL_OK;
}

bool bell_ws_packer_pack(struct bell_ws_packer *p, struct bell_connection *c, bell_slice message,
                         bell_slice *payload)
{
    bool is_packed = c->u.ws.deflate.server_keeps
                         ? pack_kept(p, c, message)
                         : pack_fresh(p, size_index(c, message.n), message);
    if (!is_packed) {
        scratch_trim(&p->out);
        return false;
    }
    atomic_fetch_add_explicit(&p->deflated, 1, memory_order_relaxed);
    *payload = bell_buf_slice(&p->out);
    return true;
}

void bell_ws_packer_done(struct bell_ws_packer *p, struct bell_connection *c, bool is_sent)
{
    scratch_trim(&p->out);
    if (!is_sent && c->u.ws.deflate.server_keeps) {
        bell_ws_deflater_reset(c->u.ws.extra->deflater);
    }
}

/* ---- in ---- */

/* The inflater to use, made when it is not there. NULL without memory. */
static struct bell_ws_inflater *inflater_for(struct bell_ws_packer *p, struct bell_connection *c)
{
    struct bell_ws_inflater **place = &p->inflater;
    uint8_t bits = BELL_WS_MAX_WINDOW_BITS;
    if (c->u.ws.deflate.client_keeps) {
        struct bell_ws_extra *own = bell_ws_extra_of(c);
        if (own == NULL) {
            return NULL;
        }
        place = &own->inflater;
        bits = c->u.ws.deflate.client_bits;
    }
    return *place != NULL || bell_ws_inflater_create(bits, place) == BELL_OK ? *place : NULL;
}

bell_status bell_ws_packer_lend(struct bell_ws_packer *p, struct bell_connection *c,
                                bell_message_type type, bell_slice payload, bell_slice *message)
{
    assert(!p->is_lent);
    struct bell_ws_inflater *i = inflater_for(p, c);
    if (i == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st =
        bell_ws_inflater_run(i, payload, type == BELL_TEXT, c->u.ws.deflate.client_keeps, &p->in);
    if (st != BELL_OK) {
        scratch_trim(&p->in);
        return st;
    }
    p->is_lent = true;
    *message = bell_buf_slice(&p->in);
    return BELL_OK;
}

void bell_ws_packer_take_back(struct bell_ws_packer *p)
{
    p->is_lent = false;
    scratch_trim(&p->in);
}

/* ---- to many ---- */

struct bell_blob *bell_ws_frame_create(enum bell_ws_opcode opcode, bell_slice payload,
                                       bool is_deflated, const uint8_t *key)
{
    struct bell_blob *frame =
        bell_blob_create(bell_ws_encoder_header_size(payload.n, key != NULL) + payload.n);
    if (frame != NULL) {
        frame->size = bell_ws_encoder_write_frame(frame->bytes, opcode, payload, key);
        if (is_deflated) {
            bell_ws_encoder_mark_deflated(frame->bytes);
        }
    }
    return frame;
}

struct bell_ws_variants *bell_ws_variants_create(void)
{
    struct bell_ws_variants *v = bell_mem_zalloc(sizeof *v);
    if (v != NULL) {
        atomic_init(&v->refs, 1);
    }
    return v;
}

struct bell_ws_variants *bell_ws_variants_ref(struct bell_ws_variants *v)
{
    if (v != NULL) {
        /* Relaxed: who refs holds one already, so it cannot go away meanwhile. */
        atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    }
    return v;
}

void bell_ws_variants_unref(struct bell_ws_variants *v)
{
    /* Release what this holder did, acquire what the others did before the last one frees. */
    if (v != NULL && atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1) {
        for (size_t i = 0; i < BELL_WS_PACKER_SIZES; i++) {
            bell_blob_unref(atomic_load_explicit(&v->frames[i], memory_order_relaxed));
        }
        bell_mem_free(v);
    }
}

/* Held by the caller; the plain frame when compressing it does not pay or there is no memory. */
static struct bell_blob *variant_make(struct bell_ws_packer *p, size_t index,
                                      struct bell_blob *plain)
{
    enum bell_ws_opcode opcode;
    bell_slice message =
        bell_ws_encoder_payload(bell_slice_make(plain->bytes, plain->size), &opcode);
    struct bell_blob *twin = NULL;
    if (pack_fresh(p, index, message)) {
        atomic_fetch_add_explicit(&p->deflated, 1, memory_order_relaxed);
        twin = bell_ws_frame_create(opcode, bell_buf_slice(&p->out), true, NULL);
    }
    scratch_trim(&p->out);
    return twin == NULL ? bell_blob_ref(plain) : twin;
}

struct bell_blob *bell_ws_variants_choose(struct bell_ws_variants *v, struct bell_ws_packer *p,
                                          const struct bell_connection *c, struct bell_blob *plain)
{
    size_t index = size_index(c, plain->size);
    /* Acquire, and release below: the bytes of a twin come with its pointer. */
    struct bell_blob *found = atomic_load_explicit(&v->frames[index], memory_order_acquire);
    if (found != NULL) {
        return found;
    }
    struct bell_blob *made = variant_make(p, index, plain);
    if (atomic_compare_exchange_strong_explicit(&v->frames[index], &found, made,
                                                memory_order_acq_rel, memory_order_acquire)) {
        return made;
    }
    bell_blob_unref(made);
    return found;
}
