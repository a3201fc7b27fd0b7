/*
 * Streams with TLS: what was received goes through the session to the owner, what the owner sends
 * goes through it to the socket.
 *
 * A step of a handshake costs as much as ten thousand messages, so a turn takes only so many. The
 * others wait in line with what they have received, and are not read meanwhile; the next turn
 * begins at once, and serves those who are connected before it takes the first of the line. Who
 * has gone meanwhile costs no step: hellos of a flood whose senders do not stay come faster than
 * they could be answered.
 *
 * An end of the stream without close_notify is what anybody on the way can make. It is taken for an
 * end all the same, as RFC 9112 section 9.8 asks of servers: what it cuts short, a request or a
 * message, is known to be incomplete by its own length.
 */
#include "bell/net/stream_tls.h"

#include "base/compiler.h"
#include "base/log.h"
#include "base/mem.h"
#include "bell/net/sock.h"
#include "bell/net/tls.h"

#include <assert.h>
#include <string.h>

enum { LEFT_PER_TURN = 256 }; /* who have gone from the line: some us each */

/* ---- the line ---- */

static void line_append(struct bell_loop *loop, struct bell_tls_wait *w)
{
    struct bell_tls_wait *last = loop->handshake;
    w->next = last == NULL ? w : last->next;
    w->previous = last == NULL ? w : last;
    w->next->previous = w;
    w->previous->next = w;
    loop->handshake = w;
}

static void line_remove(struct bell_loop *loop, struct bell_tls_wait *w)
{
    if (loop->handshake == w) {
        loop->handshake = w->previous == w ? NULL : w->previous;
    }
    w->previous->next = w->next;
    w->next->previous = w->previous;
    w->is_in_line = false;
}

static bool has_budget(const struct bell_stream *s)
{
    return s->loop->handshake_steps < bell_tls_session_steps_per_turn(s->tls);
}

/* The bytes wait for a later turn, and nothing more is read till then. */
static void stand_in_line(struct bell_stream *s, struct bell_tls_wait *w, bell_slice bytes)
{
    char *grown = bell_mem_resize(w->bytes, w->n + bytes.n);
    if (grown == NULL) {
        bell_stream_break(s, BELL_ENOMEM);
        return;
    }
    memcpy(grown + w->n, bytes.p, bytes.n);
    w->bytes = grown;
    w->n += bytes.n;
    if (!w->is_in_line) {
        w->is_in_line = true;
        w->stream = s;
        line_append(s->loop, w);
        bell_stream_receive(s, false);
    }
}

/* ---- receiving ---- */

static void fail(struct bell_stream *s)
{
    static struct bell_log_limit limit;
    bell_log_limited(&limit, BELL_LOG_DEBUG, "TLS failed why=\"%s\"", bell_tls_session_why(s->tls));
    bell_out_queue_finish(&s->loop->pool, &s->out); /* it cannot go any more */
    s->handler->on_end(s, BELL_EPROTO);
}

/* Everything of one receive is told, even if the owner pauses the stream meanwhile. */
static void receive(struct bell_stream *s, bell_slice in)
{
    bell_status st = BELL_OK;
    while (st == BELL_OK) {
        char *bytes;
        size_t n;
        st = bell_tls_session_read(s->tls, &in, &bytes, &n);
        if (n > 0) {
            s->handler->on_receive(s, bytes, n);
            if (s->state != BELL_STREAM_OPEN) {
                return;
            }
        }
    }
    /* Handshakes and answers to the peer's TLS; or what waited for the handshake to be over. */
    if (!bell_out_queue_is_empty(bell_tls_session_wire(s->tls)) ||
        !bell_out_queue_is_empty(&s->out)) {
        bell_stream_mark_dirty(s);
    }
    if (st == BELL_ECLOSED) {
        bell_stream_on_peer_end(s);
    } else if (st == BELL_EPROTO) {
        fail(s);
    } else if (st != BELL_EAGAIN) {
        bell_stream_break(s, st);
    }
}

void bell_stream_tls_on_receive(struct bell_stream *s, bell_slice bytes)
{
    if (s->state != BELL_STREAM_OPEN || s->has_peer_end || bell_tls_session_has_failed(s->tls)) {
        return; /* dropped unread */
    }
    struct bell_tls_wait *w = bell_tls_session_wait(s->tls);
    if (w != NULL && (s->loop->handshake != NULL || !has_budget(s))) {
        stand_in_line(s, w, bytes);
        return;
    }
    s->loop->handshake_steps += w != NULL;
    receive(s, bytes);
}

/*
 * Has the peer gone without waiting for an answer to its hello? That is the dearest step, and would
 * be for nothing. Later ones count: what it has said before it went is a request perhaps.
 */
static bool has_left(const struct bell_stream *s)
{
    return s->state == BELL_STREAM_OPEN && bell_tls_session_is_new(s->tls) &&
           bell_sock_has_ended(s->io.fd);
}

void bell_stream_tls_go_on(struct bell_loop *loop)
{
    uint32_t left = 0;
    while (loop->handshake != NULL && left < LEFT_PER_TURN) {
        struct bell_tls_wait *w = loop->handshake->next;
        struct bell_stream *s = w->stream;
        if (!has_budget(s)) {
            return;
        }
        if (has_left(s)) {
            left++;
            bell_stream_break(s, BELL_ECLOSED); /* and it is no longer in line */
            continue;
        }
        line_remove(loop, w);
        char *bytes = w->bytes;
        size_t n = w->n;
        w->bytes = NULL;
        w->n = 0;
        loop->handshake_steps++;
        if (s->state == BELL_STREAM_OPEN) {
            bell_stream_receive(s, true);
            receive(s, bell_slice_make(bytes, n));
        }
        bell_mem_free(bytes);
    }
}

void bell_stream_start_tls(struct bell_stream *s, struct bell_tls_session *session, bell_slice came)
{
    assert(s->tls == NULL && s->state == BELL_STREAM_OPEN && bell_out_queue_is_empty(&s->out));
    s->tls = session;
    if (!bell_out_queue_is_empty(bell_tls_session_wire(session))) {
        bell_stream_mark_dirty(s); /* a client speaks first */
    }
    if (came.n > 0) {
        bell_stream_tls_on_receive(s, came);
    }
}

/* ---- sending, closing ---- */

bool bell_stream_tls_write(struct bell_stream *s)
{
    bell_status st = bell_tls_session_write(s->tls, &s->out, s->state == BELL_STREAM_ENDING);
    if (st != BELL_OK) {
        bell_stream_break(s, st);
    }
    return st == BELL_OK;
}

void bell_stream_tls_finish(struct bell_stream *s)
{
    struct bell_tls_wait *w = bell_tls_session_wait(s->tls);
    if (w != NULL && w->is_in_line) {
        line_remove(s->loop, w);
    }
    bell_tls_session_destroy(s->tls);
    s->tls = NULL;
}
