#include "bell/net/stream.h"

#include "base/num.h"
#include "bell/net/sock.h"
#include "bell/net/stream_events.h"
#include "bell/net/stream_tls.h"
#include "bell/net/tls.h"

#include <assert.h>
#include <string.h>

void bell_stream_mark_dirty(struct bell_stream *s)
{
    if (!s->is_dirty) {
        s->is_dirty = true;
        s->next = s->loop->dirty;
        s->loop->dirty = s;
    }
}

bell_status bell_stream_open(struct bell_stream *s, struct bell_loop *loop, int fd,
                             const struct bell_stream_handler *handler)
{
    *s = (struct bell_stream){.loop = loop, .handler = handler, .state = BELL_STREAM_OPEN};
    bell_status st = bell_io_open(loop->io, &s->io, fd, BELL_IO_STREAM);
    if (st == BELL_OK) {
        st = bell_io_receive(loop->io, &s->io, true);
    }
    if (st != BELL_OK) {
        bell_io_close(loop->io, &s->io);
        s->state = BELL_STREAM_CLOSED;
    }
    return st;
}

void bell_stream_init(struct bell_stream *s, struct bell_loop *loop,
                      const struct bell_stream_handler *handler)
{
    *s = (struct bell_stream){
        .io.fd = -1, .loop = loop, .handler = handler, .state = BELL_STREAM_CONNECTING};
}

/* The socket is connected. On failure it has none any more. */
static bell_status begin_receiving(struct bell_stream *s)
{
    bell_status st = bell_io_receive(s->loop->io, &s->io, true);
    if (st == BELL_OK) {
        s->state = BELL_STREAM_OPEN;
    } else {
        bell_io_close(s->loop->io, &s->io);
    }
    return st;
}

bell_status bell_stream_connect(struct bell_stream *s, int fd,
                                const struct sockaddr_storage *address, socklen_t len)
{
    assert(s->state == BELL_STREAM_CONNECTING && s->io.fd < 0);
    bell_status st = bell_io_open(s->loop->io, &s->io, fd, BELL_IO_STREAM);
    if (st == BELL_OK) {
        st = bell_io_connect(s->loop->io, &s->io, address, len);
    }
    if (st == BELL_OK) {
        return begin_receiving(s);
    }
    if (st != BELL_EAGAIN) {
        bell_io_close(s->loop->io, &s->io);
    }
    return st;
}

void bell_stream_disconnect(struct bell_stream *s)
{
    assert(s->state == BELL_STREAM_CONNECTING);
    bell_io_close(s->loop->io, &s->io);
}

void bell_stream_on_connected(struct bell_io_handle *h, bell_status st, void *user)
{
    struct bell_stream *s = (struct bell_stream *)(void *)h; /* io is the first member */
    (void)user;
    if (st == BELL_OK) {
        st = begin_receiving(s);
    } else {
        bell_io_close(s->loop->io, h);
    }
    s->handler->on_connected(s, st);
}

static void mark_closed(struct bell_stream *s)
{
    s->next = s->loop->closed;
    s->loop->closed = s;
}

/* The only place that closes a stream. One on the dirty list changes lists when that is flushed. */
static void close_now(struct bell_stream *s)
{
    assert(s->state != BELL_STREAM_CLOSED);
    s->state = BELL_STREAM_CLOSED;
    bell_io_close(s->loop->io, &s->io);
    bell_out_queue_finish(&s->loop->pool, &s->out);
    if (s->tls != NULL) {
        bell_stream_tls_finish(s);
    }
    if (!s->is_dirty) {
        mark_closed(s);
    }
}

void bell_stream_close(struct bell_stream *s)
{
    if (s->state != BELL_STREAM_CLOSED) {
        close_now(s);
    }
}

void bell_stream_break(struct bell_stream *s, bell_status why)
{
    if (s->state == BELL_STREAM_CLOSED) {
        return;
    }
    close_now(s);
    s->handler->on_end(s, why);
}

void bell_stream_receive(struct bell_stream *s, bool on)
{
    if (s->state != BELL_STREAM_OPEN || s->has_peer_end) {
        return;
    }
    /* Cannot fail for a registered socket. If it did: not pausing costs memory that is bounded, and
     * not resuming ends by the owner's deadline. */
    bell_status st = bell_io_receive(s->loop->io, &s->io, on);
    (void)st;
}

static bool may_send(const struct bell_stream *s)
{
    return s->state == BELL_STREAM_OPEN && (s->tls == NULL || !bell_tls_session_has_failed(s->tls));
}

/* The place of a frame in the queue gets all of it but the first bytes. */
static void write_rest(char *to, bell_slice head, bell_slice payload, size_t left_out)
{
    size_t of_head = left_out < head.n ? left_out : head.n;
    size_t of_payload = left_out - of_head;
    if (of_head < head.n) {
        memcpy(to + of_head, head.p + of_head, head.n - of_head);
    }
    if (of_payload < payload.n) {
        memcpy(to + head.n + of_payload, payload.p + of_payload, payload.n - of_payload);
    }
}

bell_status bell_stream_send(struct bell_stream *s, bell_slice head, bell_slice payload)
{
    size_t size;
    char *to;
    if (!may_send(s)) {
        return BELL_ECLOSED;
    }
    bool is_offered =
        payload.n >= BELL_STREAM_LARGE_BYTES && s->tls == NULL && bell_out_queue_is_empty(&s->out);
    /* Room for all of it first: a frame of which a part was sent cannot be refused. */
    if (!bell_size_add(head.n, payload.n, &size) ||
        bell_out_queue_reserve(&s->loop->pool, &s->out, size, &to) != BELL_OK) {
        return BELL_ENOMEM;
    }
    size_t sent = is_offered ? bell_sock_offer(s->io.fd, head, payload) : 0;
    write_rest(to, head, payload, sent);
    if (sent > 0) {
        bell_counter_add(&s->loop->counters.sent_bytes, sent);
        bell_out_queue_consume(&s->loop->pool, &s->out, sent);
        s->has_sent = true; /* nothing is called back from here */
    }
    bell_stream_mark_dirty(s);
    return BELL_OK;
}

bell_status bell_stream_reserve(struct bell_stream *s, size_t size, char **out)
{
    if (!may_send(s)) {
        return BELL_ECLOSED;
    }
    bell_status st = bell_out_queue_reserve(&s->loop->pool, &s->out, size, out);
    if (st == BELL_OK) {
        bell_stream_mark_dirty(s);
    }
    return st;
}

bell_status bell_stream_send_frames(struct bell_stream *s, struct bell_blob *blob, uint32_t frames)
{
    if (!may_send(s)) {
        return BELL_ECLOSED;
    }
    bell_status st = bell_out_queue_share(&s->loop->pool, &s->out, blob, frames);
    if (st == BELL_OK) {
        bell_stream_mark_dirty(s);
    }
    return st;
}

bell_status bell_stream_send_blob(struct bell_stream *s, struct bell_blob *blob)
{
    return bell_stream_send_frames(s, blob, 1);
}

/* So many of the first pieces the kernel may be reading, or are encrypted already. */
static int begun_pieces(const struct bell_stream *s)
{
    if (s->tls != NULL) {
        return bell_out_queue_pieces(&s->out, bell_tls_session_covered(s->tls));
    }
    return s->is_sending && !s->io.is_send_waiting ? s->pieces : 0;
}

bell_status bell_stream_put(struct bell_stream *s, struct bell_blob *blob, uint64_t key,
                            bool may_drop)
{
    if (!may_send(s)) {
        return BELL_ECLOSED;
    }
    bell_status st = bell_out_queue_put(&s->loop->pool, &s->out, blob, key, may_drop);
    if (st == BELL_OK) {
        bell_stream_mark_dirty(s);
    }
    return st;
}

bool bell_stream_replace(struct bell_stream *s, struct bell_blob *blob, uint64_t key,
                         size_t max_bytes)
{
    return may_send(s) && bell_out_queue_replace(&s->out, blob, key, begun_pieces(s), max_bytes);
}

uint32_t bell_stream_make_room(struct bell_stream *s, size_t bytes, uint32_t frames)
{
    return bell_out_queue_make_room(&s->loop->pool, &s->out, begun_pieces(s), bytes, frames);
}

void bell_stream_end(struct bell_stream *s)
{
    if (s->state == BELL_STREAM_OPEN) {
        s->state = BELL_STREAM_ENDING;
        bell_stream_mark_dirty(s);
        /* Receiving again if it was paused: the peer's end must be seen. */
        if (!s->has_peer_end && bell_io_receive(s->loop->io, &s->io, true) != BELL_OK) {
            bell_stream_break(s, BELL_EIO);
        }
    }
}

void bell_stream_drop_unsent(struct bell_stream *s)
{
    bell_out_queue_keep_first(&s->out, begun_pieces(s));
    bell_out_queue_drop_unsent(&s->loop->pool, &s->out);
}

static void all_sent(struct bell_stream *s)
{
    if (s->state != BELL_STREAM_ENDING) {
        return;
    }
    if (s->tls != NULL && bell_tls_session_owes_end(s->tls)) {
        bell_stream_mark_dirty(s); /* it is written like anything else */
        return;
    }
    if (s->has_peer_end) {
        close_now(s);
        return;
    }
    if (!s->ends_last) {
        bell_sock_shutdown_send(s->io.fd);
    }
    s->state = BELL_STREAM_ENDED;
}

/* What the socket gets. */
static const struct bell_out_queue *wire_of(const struct bell_stream *s)
{
    return s->tls == NULL ? &s->out : bell_tls_session_wire(s->tls);
}

static bool has_all_sent(const struct bell_stream *s)
{
    return bell_out_queue_is_empty(&s->out) && bell_out_queue_is_empty(wire_of(s));
}

/* The socket has taken so many bytes. */
static void taken(struct bell_stream *s, size_t n)
{
    bell_counter_add(&s->loop->counters.sent_bytes, n);
    if (s->tls != NULL) {
        n = bell_tls_session_taken(s->tls, n);
    }
    bell_out_queue_consume(&s->loop->pool, &s->out, n);
    if (has_all_sent(s)) {
        all_sent(s);
    } else {
        bell_stream_mark_dirty(s); /* its next share in the next turn */
    }
    if (s->state != BELL_STREAM_CLOSED && n > 0) {
        s->handler->on_sent(s);
    }
}

void bell_stream_flush(struct bell_stream *s)
{
    s->is_dirty = false;
    if (s->state == BELL_STREAM_CLOSED) {
        mark_closed(s);
        return;
    }
    if (s->has_sent) {
        s->has_sent = false;
        s->handler->on_sent(s);
        if (s->state == BELL_STREAM_CLOSED) {
            return;
        }
    }
    if (s->is_sending) {
        return;
    }
    if (s->tls != NULL && !bell_stream_tls_write(s)) {
        return;
    }
    if (bell_out_queue_is_empty(wire_of(s))) {
        if (bell_out_queue_is_empty(&s->out)) {
            all_sent(s);
        }
        return; /* else the handshake comes first */
    }
    struct iovec pieces[BELL_IO_MAX_PIECES];
    size_t sent = 0;
    int count = bell_out_queue_gather(wire_of(s), pieces, BELL_IO_MAX_PIECES);
    s->pieces = (uint8_t)count; /* BELL_IO_MAX_PIECES is less */
    bell_status st = bell_io_send(s->loop->io, &s->io, pieces, count, &sent);
    if (st == BELL_EAGAIN) {
        s->is_sending = true;
        return;
    }
    if (st != BELL_OK) {
        bell_stream_break(s, st);
        return;
    }
    taken(s, sent);
}

static struct bell_stream *stream_of(struct bell_io_handle *h)
{
    return (struct bell_stream *)(void *)h; /* io is the first member */
}

void bell_stream_on_peer_end(struct bell_stream *s)
{
    bool was_told = s->has_peer_end; /* TLS says so before the socket does */
    s->has_peer_end = true;
    if (s->state == BELL_STREAM_ENDED) {
        close_now(s);
    } else if (s->state == BELL_STREAM_OPEN && !was_told) {
        s->handler->on_end(s, BELL_OK);
    }
}

void bell_stream_on_receive(struct bell_io_handle *h, bell_status st, char *bytes, size_t n,
                            void *user)
{
    struct bell_stream *s = stream_of(h);
    (void)user;
    if (st != BELL_OK) {
        bell_stream_break(s, st);
        return;
    }
    if (n > 0) {
        bell_counter_add(&s->loop->counters.received_bytes, n);
        if (s->tls != NULL) {
            bell_stream_tls_on_receive(s, bell_slice_make(bytes, n));
        } else if (s->state == BELL_STREAM_OPEN) {
            s->handler->on_receive(s, bytes, n);
        }
        return;
    }
    bell_stream_on_peer_end(s);
}

void bell_stream_on_sent(struct bell_io_handle *h, bell_status st, size_t n, void *user)
{
    struct bell_stream *s = stream_of(h);
    (void)user;
    s->is_sending = false;
    if (st != BELL_OK) {
        bell_stream_break(s, st);
        return;
    }
    if (n > 0) {
        taken(s, n);
    } else {
        bell_stream_mark_dirty(s);
    }
}
