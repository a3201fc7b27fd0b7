#include "bell/server/ws_batch.h"

#include "base/compiler.h"
#include "bell/server/connection.h"
#include "bell/server/metrics_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/encoder.h"

#include <string.h>

/* How many receivers ahead memory is asked for: one takes about as long as a way to the memory. */
enum { AHEAD = 4 };

/* Frames on their way to the queues. */
struct delivery {
    const bell_ws_publication *publication; /* of the first one, or of them all but for the frame */
    struct bell_blob *const *frames;
    uint32_t count;
    struct bell_blob *whole;  /* all of them in one; NULL: one by one for everybody */
    size_t data_bytes;        /* of whole, without heads */
    uint64_t delivered_count; /* so far */
};

/* Nobody can be told that a frame was not queued: without it the connection must not go on. */
static void deliver_one_by_one(struct bell_connection *c, struct delivery *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        bell_status st = bell_ws_session_send_frame(c, d->frames[i], d->publication->variants,
                                                    &d->publication->terms);
        d->delivered_count += st == BELL_OK;
        if (st == BELL_ENOMEM) {
            bell_ws_session_doom(c, st);
        }
    }
}

static void deliver_to(struct bell_connection *c, struct delivery *d)
{
    bell_conn except = d->publication->except;
    if (except != 0 && bell_connection_handle(c) == except) {
        return;
    }
    if (d->whole != NULL && bell_ws_session_send_whole(c, d->whole, d->count, d->data_bytes)) {
        d->delivered_count += d->count;
    } else {
        deliver_one_by_one(c, d);
    }
}

static void deliver_to_any(struct bell_connection *c, void *user)
{
    struct delivery *d = user;
    if (c->phase == BELL_CONNECTION_WEBSOCKET && c->u.ws.server == d->publication->ws) {
        deliver_to(c, d);
    }
}

/* Sending calls nothing back and changes no subscription: see bell_ws_session_doom. */
static void deliver(struct bell_server_loop *home, struct delivery *d)
{
    const bell_ws_publication *p = d->publication;
    if (p->topic == NULL) {
        bell_slab_each(home, deliver_to_any, d);
        return;
    }
    size_t count;
    struct bell_ws_loop *loop = &p->ws->loops[home->loop.index];
    bell_slice name = bell_slice_make(p->topic->bytes, p->topic->size);
    const struct bell_topic_member *members = bell_topic_members(loop->topics, name, &count);
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            bell_connection_prefetch(members[i + AHEAD].subscriber);
        }
        deliver_to(members[i].subscriber, d);
    }
    if (p->ws->named_topic_count > 0) {
        bell_metrics_count_topic(loop, bell_topic_hash(name), 0, d->delivered_count);
    }
}

/* ---- batches ---- */

static size_t data_bytes_of(const struct bell_blob *frame)
{
    enum bell_ws_opcode opcode;
    return bell_ws_encoder_payload(bell_slice_make(frame->bytes, frame->size), &opcode).n;
}

static struct bell_blob *put_together(const struct bell_ws_batch *b)
{
    if (b->count == 1) {
        return bell_blob_ref(b->frames[0]);
    }
    struct bell_blob *whole = bell_blob_create(b->bytes);
    for (uint32_t i = 0; i < b->count && whole != NULL; i++) {
        memcpy(whole->bytes + whole->size, b->frames[i]->bytes, b->frames[i]->size);
        whole->size += b->frames[i]->size;
    }
    return whole;
}

void bell_ws_batch_deliver(struct bell_server_loop *home)
{
    struct bell_ws_batch b = home->batch;
    home->batch.count = 0; /* what is queued now must not wait for itself */
    if (b.count == 0) {
        return;
    }
    const bell_ws_publication p = {.ws = b.ws, .topic = b.topic, .except = b.except};
    struct delivery d = {
        .publication = &p, .frames = b.frames, .count = b.count, .whole = put_together(&b)};
    for (uint32_t i = 0; i < b.count; i++) {
        d.data_bytes += data_bytes_of(b.frames[i]);
    }
    deliver(home, &d);
    bell_blob_unref(d.whole);
    bell_blob_unref(b.topic);
    for (uint32_t i = 0; i < b.count; i++) {
        bell_blob_unref(b.frames[i]);
    }
}

static bool may_wait(const bell_ws_publication *p)
{
    return p->variants == NULL && p->terms.key == 0 && p->terms.overflow == BELL_OVERFLOW_DEFAULT &&
           p->frame->size <= BELL_WS_BATCH_FRAME_BYTES;
}

static bool is_same_topic(const struct bell_blob *a, const struct bell_blob *b)
{
    return a == b || (a != NULL && b != NULL &&
                      bell_slice_equal(bell_slice_make(a->bytes, a->size),
                                       bell_slice_make(b->bytes, b->size)));
}

static bool belongs_to(const bell_ws_publication *p, const struct bell_ws_batch *b)
{
    return b->ws == p->ws && b->except == p->except && is_same_topic(b->topic, p->topic) &&
           b->count < BELL_WS_BATCH_FRAMES && b->bytes + p->frame->size <= BELL_WS_BATCH_BYTES;
}

void bell_ws_batch_publish(struct bell_server_loop *home, const bell_ws_publication *p)
{
    struct bell_ws_batch *b = &home->batch;
    bool waits = may_wait(p);
    if (b->count > 0 && !(waits && belongs_to(p, b))) {
        bell_ws_batch_deliver(home);
    }
    if (!waits) {
        struct delivery d = {.publication = p, .frames = &p->frame, .count = 1};
        deliver(home, &d);
        return;
    }
    if (b->count == 0) {
        b->ws = p->ws;
        b->topic = p->topic == NULL ? NULL : bell_blob_ref(p->topic);
        b->except = p->except;
        b->bytes = 0;
    }
    b->frames[b->count++] = bell_blob_ref(p->frame);
    b->bytes += p->frame->size;
}
