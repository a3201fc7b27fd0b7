/*
 * io_uring: what completions mean, and to whom they are told.
 */
#include "bell/net/io_uring_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- held bytes ---- */

static void held_free(struct bell_uring_held *held)
{
    if (held != NULL) {
        bell_mem_free(held->bytes);
        bell_mem_free(held);
    }
}

/* What is held is the caller's now; NULL when nothing is. */
static struct bell_uring_held *held_take(struct bell_uring_slot *s)
{
    if (!s->has_held) {
        return NULL;
    }
    struct bell_uring_held *held = s->u.held;
    s->has_held = false;
    s->u.handle = held->handle;
    return held;
}

void bell_uring_held_drop(struct bell_uring_slot *s)
{
    held_free(held_take(s));
}

/* Bytes that came although receiving was stopped: they are ours now. */
static bell_status hold(struct bell_uring_slot *s, const char *bytes, size_t n)
{
    if (!s->has_held) {
        struct bell_uring_held *first = bell_mem_zalloc(sizeof *first);
        if (first == NULL) {
            return BELL_ENOMEM;
        }
        first->handle = s->u.handle;
        s->u.held = first;
        s->has_held = true;
    }
    struct bell_uring_held *held = s->u.held;
    char *grown = bell_mem_resize(held->bytes, held->n + n);
    if (grown == NULL) {
        return BELL_ENOMEM;
    }
    memcpy(grown + held->n, bytes, n);
    held->bytes = grown;
    held->n += n;
    return BELL_OK;
}

static void tell_received(struct bell_io *io, struct bell_io_handle *h, bell_status st, char *bytes,
                          size_t n)
{
    if (n == 0) {
        h->is_receiving = false;
    }
    io->base.events.on_receive(h, st, bytes, n, io->base.user);
}

/* What was held is told first, as far as receiving is not stopped again meanwhile. */
static void tell_held(struct bell_io *io, struct bell_uring_slot *s)
{
    struct bell_io_handle *h = bell_uring_handle_of(s);
    uint32_t generation = s->generation;
    size_t told = 0;
    struct bell_uring_held *held = held_take(s);
    while (held != NULL && told < held->n && s->generation == generation &&
           bell_uring_handle_of(s) != NULL && h->is_receiving) {
        size_t n = held->n - told;
        n = n < BELL_IO_MAX_RECEIVE_BYTES ? n : BELL_IO_MAX_RECEIVE_BYTES;
        tell_received(io, h, BELL_OK, held->bytes + told, n);
        told += n;
    }
    bool is_there = s->generation == generation && bell_uring_handle_of(s) != NULL;
    if (held != NULL && is_there && told < held->n &&
        hold(s, held->bytes + told, held->n - told) != BELL_OK) {
        tell_received(io, h, BELL_ENOMEM, NULL, 0);
    } else if (is_there && !s->has_held && s->has_end && h->is_receiving) {
        s->has_end = false;
        tell_received(io, h, BELL_OK, NULL, 0);
    }
    held_free(held);
}

static void received_bytes(struct bell_io *io, struct bell_uring_slot *s,
                           const struct io_uring_cqe *cqe)
{
    struct bell_io_handle *h = bell_uring_handle_of(s);
    char *bytes = bell_uring_buffer_bytes(io, cqe);
    size_t n = (size_t)cqe->res;
    if (h->is_receiving && !s->has_held) {
        tell_received(io, h, BELL_OK, bytes, n);
    } else if (hold(s, bytes, n) != BELL_OK) {
        tell_received(io, h, BELL_ENOMEM, bytes, 0);
    }
}

static void received_end(struct bell_io *io, struct bell_uring_slot *s, int res)
{
    if (res == 0 && (!bell_uring_handle_of(s)->is_receiving || s->has_held)) {
        s->has_end = true;
    } else {
        tell_received(io, bell_uring_handle_of(s), res == 0 ? BELL_OK : bell_io_status(-res), NULL,
                      0);
    }
}

/* Errors of receiving after which it can go on. */
static bool is_passing(int error)
{
    return error == ENOBUFS || error == ECANCELED || error == EINTR || error == EAGAIN;
}

/* Which buffers suit what this stream receives, seen from its last receive? */
static bool suits_large(struct bell_uring_slot *s, int res)
{
    if (!s->is_large) {
        return s->wants_large || res == SMALL_BUFFER_BYTES; /* filled: there is more of it */
    }
    if (res == -ENOBUFS) {
        return false; /* too many want them; small ones are better than to wait again and again */
    }
    if (res > SMALL_BUFFER_BYTES) {
        s->short_receives = 0;
    } else if (res > 0 && s->short_receives == LARGE_PATIENCE - 1) {
        return false;
    } else if (res > 0) {
        s->short_receives++;
    }
    return s->wants_large;
}

/* What is armed ends, if the stream is better off with the other group; it is armed there then. */
static void change_group(struct bell_io *io, struct bell_uring_slot *s, int res)
{
    bool wanted = s->wants_large;
    s->wants_large = suits_large(s, res);
    if (s->wants_large != wanted && s->is_armed && bell_uring_handle_of(s)->is_receiving &&
        bell_uring_cancel(io, bell_uring_shot_of(s), s) != BELL_OK) {
        s->wants_large = wanted; /* perhaps after its next receive */
    }
}

/* Is there more for a stream that was just given its share? */
static bool has_more(const struct bell_io *io, const struct bell_uring_slot *s,
                     const struct io_uring_cqe *cqe)
{
    uint32_t share = !bell_uring_has_large(io) ? io->share_bytes
                     : s->is_large             ? (uint32_t)LARGE_BUFFER_BYTES
                                               : (uint32_t)SMALL_BUFFER_BYTES;
    /* Unix sockets do not tell the flag. */
    return (cqe->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0 || (uint32_t)cqe->res >= share;
}

static void starve(struct bell_io *io, struct bell_uring_slot *s, const struct io_uring_cqe *cqe)
{
    if (cqe->res == -ENOBUFS) {
        s->is_starved = true;
    } else if (s->is_starved && cqe->res > 0 && !s->is_armed) {
        s->is_starved = has_more(io, s, cqe);
        io->taken_shares++;
        io->taken_bytes += (uint32_t)cqe->res;
    }
}

static void on_receive(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    struct bell_uring_slot *s = bell_uring_slot_of(io, cqe->user_data);
    if (s != NULL) {
        s->is_armed = s->is_armed && (cqe->flags & IORING_CQE_F_MORE) != 0;
        starve(io, s, cqe);
    }
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
        if (s != NULL && cqe->res > 0) {
            received_bytes(io, s, cqe);
        }
        bell_uring_buffer_used(io, cqe);
    }
    s = bell_uring_slot_of(io, cqe->user_data);
    if (s == NULL) {
        return;
    }
    if (bell_uring_has_large(io)) {
        change_group(io, s, cqe->res);
    }
    if (cqe->res <= 0 && !is_passing(-cqe->res)) {
        received_end(io, s, cqe->res);
    } else if (!s->is_armed && bell_uring_handle_of(s)->is_receiving) {
        bell_uring_list(io, s); /* out of buffers, or cancelled and wanted again */
    }
}

/* Of a poll: the socket is dead in both directions. Not so when only the peer has ended its half:
 * that is received in its turn, and what it asked for before is owed to it. */
static bool is_dead(int32_t told)
{
    return told > 0 && (told & (POLLERR | POLLHUP)) != 0;
}

/* Has a poll ended, and not only told of one thing? */
static bool is_over(const struct io_uring_cqe *cqe)
{
    return (cqe->flags & IORING_CQE_F_MORE) == 0;
}

static void on_watch_of_listener(struct bell_io *io, struct bell_uring_slot *s)
{
    if (bell_uring_handle_of(s)->is_receiving && !s->is_armed) {
        bell_uring_list(io, s); /* somebody is there to be accepted */
    }
}

static void on_watch(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    struct bell_uring_slot *s = bell_uring_slot_of(io, cqe->user_data);
    if (s == NULL) {
        return;
    }
    if (is_over(cqe)) {
        s->is_watched = false;
    }
    if (bell_uring_handle_of(s)->kind == BELL_IO_LISTENER) {
        on_watch_of_listener(io, s);
    } else if (!bell_uring_handle_of(s)->is_receiving && is_dead(cqe->res)) {
        tell_received(io, bell_uring_handle_of(s), BELL_ECLOSED, NULL, 0);
    } else if (!bell_uring_handle_of(s)->is_receiving && cqe->res > 0) {
        bell_uring_watch(io, s, POLL_ON);
    }
}

/* Has the same accept brought nobody after this one, as far as can be seen at a glance? */
static bool is_latest(const struct bell_io *io, const struct io_uring_cqe *cqe)
{
    enum { GLANCE = 32 };
    const struct io_uring_cq *cq = &io->ring.cq;
    unsigned end = *cq->khead + io_uring_cq_ready(&io->ring);
    if (end - io->told_at > GLANCE || io_uring_cq_has_overflow(&io->ring)) {
        return false;
    }
    for (unsigned at = io->told_at + 1; at != end; at++) {
        if (cq->cqes[at & cq->ring_mask].user_data == cqe->user_data) {
            return false;
        }
    }
    return true;
}

/*
 * Who it is. The kernel has written that for the latest only, of the accept that has room for it;
 * everybody else is asked for. false: a reset has come already.
 */
static bool peer_find(struct bell_io *io, const struct io_uring_cqe *cqe, bell_address *peer)
{
    /* Copied first: whoever is written over it is seen behind this one. And nobody gets it twice.
     */
    struct sockaddr_storage from = io->from;
    io->from.ss_family = AF_UNSPEC;
    io->from_bytes = sizeof io->from;
    if (from.ss_family == AF_UNSPEC || cqe->user_data != io->from_of || !is_latest(io, cqe)) {
        socklen_t n = sizeof from;
        from = (struct sockaddr_storage){0};
        if (getpeername(cqe->res, (struct sockaddr *)(void *)&from, &n) != 0) {
            return false;
        }
    }
    *peer = bell_address_from_sockaddr(&from);
    return true;
}

static void tell_accepted(struct bell_io *io, struct bell_io_handle *h,
                          const struct io_uring_cqe *cqe)
{
    int fd = cqe->res;
    bell_address peer;
    if (!peer_find(io, cqe, &peer)) {
        (void)close(fd); /* without an address it would pass for a Unix socket's peer */
        return;
    }
    io->own_fd = fd;
    io->base.events.on_accept(h, fd, &peer, io->base.user);
    io->own_fd = -1;
}

static void on_accept(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    struct bell_uring_slot *s = bell_uring_slot_of(io, cqe->user_data);
    if (s == NULL) {
        if (cqe->res >= 0) {
            (void)close(cqe->res); /* the listener was closed meanwhile */
        }
        return;
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        s->is_armed = false;
    }
    struct bell_io_handle *h = bell_uring_handle_of(s);
    if (cqe->res >= 0) {
        tell_accepted(io, h, cqe);
    } else if (bell_io_stops_accepting(-cqe->res)) {
        h->is_receiving = false;
        io->base.events.on_accept_failed(h, io->base.user);
    }
    s = bell_uring_slot_of(io, cqe->user_data);
    if (s != NULL && cqe->res == -EAGAIN && !s->is_armed) {
        /* Another process was quicker, and this kernel does not wait where the socket would not. */
        bell_uring_watch(io, s, POLL_ONCE);
    } else if (s != NULL && !s->is_armed && bell_uring_handle_of(s)->is_receiving) {
        bell_uring_list(io, s);
    }
}

static void tell_sent(struct bell_io *io, struct bell_uring_slot *s, bell_status st, size_t n)
{
    s->send = SEND_NONE;
    bell_uring_handle_of(s)->is_send_waiting = false;
    io->base.events.on_sent(bell_uring_handle_of(s), st, n, io->base.user);
}

static void on_sent(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    struct bell_uring_slot *s = bell_uring_slot_of(io, cqe->user_data);
    if (s == NULL) {
        return;
    }
    if (cqe->res >= 0) {
        tell_sent(io, s, BELL_OK, (size_t)cqe->res);
    } else if (cqe->res == -EAGAIN || cqe->res == -ENOBUFS || cqe->res == -EINTR) {
        if (bell_uring_poll_arm(io, s, POLL_ONCE) != BELL_OK) {
            tell_sent(io, s, BELL_ENOMEM, 0);
        }
    } else {
        tell_sent(io, s, bell_io_status(-cqe->res), 0);
    }
}

static void on_poll(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    struct bell_uring_slot *s = bell_uring_slot_of(io, cqe->user_data);
    if (s == NULL) {
        return;
    }
    if (is_over(cqe)) {
        s->is_send_watched = false;
    }
    if (s->send != SEND_POLLING) {
        return; /* one that goes on, and nobody waits now */
    }
    bool takes_none = cqe->res > 0 && (cqe->res & POLLOUT) == 0 && !is_dead(cqe->res);
    bell_status st = takes_none ? bell_uring_poll_arm(io, s, POLL_ON) : BELL_OK;
    if (!takes_none || st != BELL_OK) {
        /* Whatever it is that can be done now: the next send will tell. */
        tell_sent(io, s, st, 0);
    }
}

static void on_connected(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    struct bell_uring_slot *s = bell_uring_slot_of(io, cqe->user_data);
    if (s != NULL) {
        bell_status st = cqe->res == 0 ? BELL_OK : bell_io_connect_status(-cqe->res);
        s->send = SEND_NONE;
        bell_uring_handle_of(s)->kind = BELL_IO_STREAM;
        io->base.events.on_connected(bell_uring_handle_of(s), st, io->base.user);
    }
}

void bell_uring_on_completion(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    switch (bell_uring_operation_of(cqe->user_data)) {
    case OP_NONE:
        break;
    case OP_WAKE:
        io->is_wake_armed = false;
        io->base.events.on_wake(io->base.user);
        break;
    case OP_ACCEPT:
        on_accept(io, cqe);
        if (is_over(cqe) && cqe->user_data == io->from_of) {
            io->from_of = 0;
        }
        break;
    case OP_RECEIVE:
    case OP_RECEIVE_LARGE:
        on_receive(io, cqe);
        break;
    case OP_WATCH:
        on_watch(io, cqe);
        break;
    case OP_SEND:
        on_sent(io, cqe);
        break;
    case OP_POLL:
        on_poll(io, cqe);
        break;
    case OP_CONNECT:
        on_connected(io, cqe);
        break;
    }
}

/* ---- a turn ---- */

/* How many starved streams get a share in this turn, and of what size? */
static uint32_t shares_cut(struct bell_io *io)
{
    if (bell_uring_has_large(io)) {
        io->share_bytes = LARGE_BUFFER_BYTES; /* whatever buffer it gets */
        return SHARED_SMALL_BUFFERS;
    }
    uint32_t share = SHARED_BYTES / (io->listed_starved == 0 ? 1 : io->listed_starved);
    share = share < LEAST_SHARE_BYTES ? LEAST_SHARE_BYTES : share;
    io->share_bytes = share < PIECEWISE_BUFFER_BYTES ? share : PIECEWISE_BUFFER_BYTES;
    /* Most may have little to receive, as a crowd that has just connected. */
    uint64_t taken = io->taken_shares == 0 ? io->share_bytes : io->taken_bytes / io->taken_shares;
    taken = taken < LEAST_TAKEN_BYTES ? LEAST_TAKEN_BYTES : taken;
    io->taken_shares = 0;
    io->taken_bytes = 0;
    return (uint32_t)(SHARED_BYTES / (taken < io->share_bytes ? taken : io->share_bytes));
}

void bell_uring_look_at_listed(struct bell_io *io)
{
    uint32_t list = io->listed; /* whoever is listed meanwhile waits for the next turn */
    uint32_t shares = shares_cut(io);
    io->listed = NO_SLOT;
    io->listed_starved = 0;
    struct bell_uring_slot *s;
    while ((s = bell_uring_unlist(io, &list)) != NULL) {
        if (bell_uring_handle_of(s)->is_receiving) {
            tell_held(io, s);
        }
        if (bell_uring_handle_of(s) == NULL || !bell_uring_handle_of(s)->is_receiving ||
            s->is_armed || s->has_held) {
            continue;
        }
        if ((s->is_starved && shares == 0) || bell_uring_arm(io, s) != BELL_OK) {
            bell_uring_list(io, s);
        } else {
            shares -= s->is_starved;
        }
    }
}
