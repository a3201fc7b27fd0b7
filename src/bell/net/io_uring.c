/*
 * I/O back end on io_uring: many operations, few system calls.
 *
 * Accepting and receiving are multishot; bytes come in buffers that all connections share and that
 * are given back when the callback has returned. All sends of a turn are submitted together and,
 * since they never wait (MSG_DONTWAIT), are over when the submission returns: after that the kernel
 * holds no byte of ours. A socket that takes nothing is polled, and then it is "send again".
 *
 * Completions name a slot of a table and its generation, never a handle: a handle's memory may be
 * gone when the last completion of its operations comes.
 *
 * A ring belongs to the thread that enables it (IORING_SETUP_SINGLE_ISSUER), which is the one of
 * the first turn; before that operations are only noted in the ring. With
 * IORING_SETUP_DEFER_TASKRUN completions appear only while that thread asks for them.
 *
 * See io_uring(7), io_uring_enter(2), io_uring_setup_buf_ring(3).
 */
#include "bell/net/io_uring_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- create, destroy ---- */

static bell_status ring_create(struct io_uring *ring)
{
    struct io_uring_params params = {
        .cq_entries = COMPLETIONS,
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED |
                 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    };
    int error = -io_uring_queue_init_params(SUBMISSIONS, ring, &params);
    switch (error) {
    case 0:
        break;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return bell_io_status(error);
    default:
        return BELL_ENOTSUP;
    }
    if ((params.features & IORING_FEAT_EXT_ARG) == 0) {
        io_uring_queue_exit(ring);
        return BELL_ENOTSUP;
    }
    return BELL_OK;
}

static const struct bell_io_ops URING_OPS;

bell_status bell_io_uring_create(const bell_io_events *events, void *user, struct bell_io **out)
{
    struct bell_io *io = bell_mem_zalloc(sizeof *io);
    if (io == NULL) {
        return BELL_ENOMEM;
    }
    io->base = (struct bell_io_base){.ops = &URING_OPS, .events = *events, .user = user};
    io->free_slot = NO_SLOT;
    io->listed = NO_SLOT;
    io->own_fd = -1;
    bell_status st = ring_create(&io->ring);
    if (st != BELL_OK) {
        goto free_io;
    }
    /* Blocking: the ring's read of it waits, our threads only write. */
    io->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (io->wake_fd < 0) {
        st = bell_io_status(errno);
        goto exit_ring;
    }
    st = bell_uring_buffers_create(io);
    if (st != BELL_OK) {
        goto close_wake;
    }
    *out = io;
    return BELL_OK;

close_wake:
    (void)close(io->wake_fd);
exit_ring:
    io_uring_queue_exit(&io->ring);
    bell_uring_buffers_free(io);
free_io:
    bell_mem_free(io);
    return st;
}

/* Who was accepted when there was no turn any more to tell it in. Returns how much was not told. */
static unsigned accepted_close(struct bell_io *io)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned count = 0;
    io_uring_for_each_cqe(&io->ring, head, cqe)
    {
        if (bell_uring_operation_of(cqe->user_data) == OP_ACCEPT && cqe->res >= 0) {
            (void)close(cqe->res);
        }
        count++;
    }
    io_uring_cq_advance(&io->ring, count);
    return count;
}

/* Ends all operations: only then may what they refer to go. */
static void ring_end(struct bell_io *io)
{
    if (!io->has_ended) {
        io->has_ended = true;
        io->is_enabled = false;
        (void)accepted_close(io);
        io_uring_queue_exit(&io->ring);
    }
}

static void uring_destroy(struct bell_io *io)
{
    ring_end(io);
    (void)close(io->wake_fd);
    for (uint32_t i = 0; i < io->slot_count; i++) {
        bell_uring_held_drop(bell_uring_slot_at(io, i));
    }
    for (uint32_t i = 0; i < io->chunk_count; i++) {
        bell_mem_free(io->chunks[i]);
    }
    bell_mem_free(io->chunks);
    bell_uring_buffers_free(io);
    bell_mem_free(io);
}

/* ---- handles ---- */

/* The ring answers EAGAIN at once for streams that are not blocking, instead of waiting. */
static bell_status make_blocking(struct bell_io *io, int fd)
{
    if (fd == io->own_fd) {
        io->own_fd = -1;
        return BELL_OK;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || ((flags & O_NONBLOCK) != 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)) {
        return BELL_EIO;
    }
    return BELL_OK;
}

static bell_status uring_open(struct bell_io *io, struct bell_io_handle *h, int fd,
                              enum bell_io_kind kind)
{
    *h = (struct bell_io_handle){.fd = fd, .slot = NO_SLOT, .kind = kind & 3U};
    /* A listener stays as it is: another process may accept from the same one, and must not block.
     */
    bell_status st = kind == BELL_IO_STREAM ? make_blocking(io, fd) : BELL_OK;
    return st == BELL_OK ? bell_uring_slot_take(io, h) : st;
}

static bell_status uring_connect(struct bell_io *io, struct bell_io_handle *h,
                                 const struct sockaddr_storage *address, socklen_t len)
{
    struct bell_uring_slot *s = bell_uring_slot_at(io, h->slot);
    struct io_uring_sqe *sqe = bell_uring_next_sqe(io);
    if (sqe == NULL) {
        return BELL_ENOMEM;
    }
    io_uring_prep_connect(sqe, h->fd, (const struct sockaddr *)(const void *)address, len);
    io_uring_sqe_set_data64(sqe, bell_uring_user_data(OP_CONNECT, s));
    s->send = SEND_CONNECTING;
    h->kind = BELL_IO_CONNECTING;
    return BELL_EAGAIN;
}

static bell_status receive_change(struct bell_io *io, struct bell_io_handle *h, bool on)
{
    struct bell_uring_slot *s = bell_uring_slot_at(io, h->slot);
    if (!on) {
        if (h->kind == BELL_IO_STREAM) {
            bell_uring_watch(io, s, POLL_ONCE);
        }
        return s->is_armed ? bell_uring_cancel(io, bell_uring_shot_of(s), s) : BELL_OK;
    }
    if (s->has_held || s->has_end || s->is_starved) {
        bell_uring_list(io, s); /* that first, or in its turn */
        return BELL_OK;
    }
    /* One that is still being cancelled is armed again when it is over. */
    return s->is_armed ? BELL_OK : bell_uring_arm(io, s);
}

static bool uring_is_quiet(const struct bell_io *io, const struct bell_io_handle *h)
{
    return !h->is_receiving && !bell_uring_slot_at(io, h->slot)->is_armed;
}

static bell_status uring_receive(struct bell_io *io, struct bell_io_handle *h, bool on)
{
    h->is_receiving = on;
    bell_status st = receive_change(io, h, on);
    if (st != BELL_OK) {
        h->is_receiving = !on; /* so that it can be tried again */
    }
    return st;
}

static bell_status uring_send(struct bell_io *io, struct bell_io_handle *h,
                              const struct iovec *pieces, int count, size_t *sent)
{
    struct bell_uring_slot *s = bell_uring_slot_at(io, h->slot);
    *sent = 0;
    if (count > 1 && io->gather_count == GATHERS && bell_uring_submit(io) != BELL_OK) {
        return BELL_EIO;
    }
    struct io_uring_sqe *sqe = bell_uring_next_sqe(io);
    if (sqe == NULL) {
        return BELL_ENOMEM;
    }
    if (count == 1) {
        io_uring_prep_send(sqe, h->fd, pieces[0].iov_base, pieces[0].iov_len,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        struct bell_uring_gather *g = &io->gathers[io->gather_count++];
        memcpy(g->pieces, pieces, (size_t)count * sizeof *pieces);
        g->message = (struct msghdr){.msg_iov = g->pieces, .msg_iovlen = (size_t)count};
        io_uring_prep_sendmsg(sqe, h->fd, &g->message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    io_uring_sqe_set_data64(sqe, bell_uring_user_data(OP_SEND, s));
    s->send = SEND_QUEUED;
    io->must_not_wait = true;
    return BELL_EAGAIN;
}

/*
 * Must the kernel take what is noted before a descriptor is closed? The bytes of a send, and the
 * address of a connect, may go afterwards. And what is noted names the descriptor by its number,
 * which another thread may be given at once: the kernel would receive what is for somebody else.
 */
static bool must_submit(const struct bell_io *io, const struct bell_uring_slot *s)
{
    return s->send == SEND_QUEUED || s->send == SEND_CONNECTING ||
           (s->is_armed && io->has_noted_arm);
}

static void uring_close(struct bell_io *io, struct bell_io_handle *h)
{
    if (h->slot != NO_SLOT) {
        struct bell_uring_slot *s = bell_uring_slot_at(io, h->slot);
        /* From another thread the ring is about to be destroyed, which ends all operations. */
        if (io->is_enabled && pthread_equal(io->owner, pthread_self()) != 0) {
            if (must_submit(io, s)) {
                (void)bell_uring_submit(io);
            }
            /* A socket lives on as long as an operation refers to it. */
            if ((s->is_armed && bell_uring_cancel(io, bell_uring_shot_of(s), s) != BELL_OK) ||
                (s->is_watched && bell_uring_cancel(io, OP_WATCH, s) != BELL_OK) ||
                ((s->send == SEND_POLLING || s->is_send_watched) &&
                 bell_uring_cancel(io, OP_POLL, s) != BELL_OK) ||
                (s->send == SEND_CONNECTING && bell_uring_cancel(io, OP_CONNECT, s) != BELL_OK)) {
                (void)shutdown(h->fd, SHUT_RDWR); /* ends them too */
            }
        }
        bell_uring_slot_give(io, h);
    }
    (void)close(h->fd);
    h->fd = -1;
    h->is_receiving = false;
}

static void uring_wake(struct bell_io *io)
{
    int saved_errno = errno;
    const uint64_t one = 1;
    /* It cannot be full: the ring reads it whole. */
    ssize_t n = write(io->wake_fd, &one, sizeof one);
    (void)n;
    errno = saved_errno;
}

/* ---- a turn ---- */

/* A wait has taken all that was noted, but for want of memory in the kernel. */
static bell_status submit_rest(struct bell_io *io)
{
    if (!bell_uring_is_submitted(io)) {
        return bell_uring_submit(io);
    }
    bell_uring_note_submitted(io);
    return BELL_OK;
}

static bell_status enter(struct bell_io *io, int timeout_ms)
{
    int n;
    if (io->must_not_wait || timeout_ms == 0) {
        n = io_uring_submit_and_get_events(&io->ring);
    } else {
        struct io_uring_cqe *first;
        struct __kernel_timespec wait = {
            .tv_sec = timeout_ms / 1000,
            .tv_nsec = (long long)(timeout_ms % 1000) * 1000000,
        };
        n = io_uring_submit_and_wait_timeout(&io->ring, &first, 1, timeout_ms < 0 ? NULL : &wait,
                                             NULL);
    }
    io->must_not_wait = false;
    if (n < 0 && !bell_uring_may_go_on(-n)) {
        return BELL_EIO;
    }
    return submit_rest(io);
}

/*
 * Since Linux 6.14 one call brings no more than so many of what has happened, in its order: beside
 * a crowd whose turns are long, as with TLS handshakes, everybody else would wait for many of them.
 */
enum { BROUGHT_AT_ONCE = 20, TOLD_PER_TURN = 512 };

static void bring_more(struct bell_io *io)
{
    unsigned before = 0;
    unsigned ready = io_uring_cq_ready(&io->ring);
    while (ready >= before + BROUGHT_AT_ONCE && ready < TOLD_PER_TURN &&
           io_uring_get_events(&io->ring) >= 0) {
        before = ready;
        ready = io_uring_cq_ready(&io->ring);
    }
}

/*
 * Listeners that were closed in the last turn have accepted until now: nobody is told of those, and
 * the ring may live on for as long as other loops do.
 */
static void uring_settle(struct bell_io *io)
{
    if (!io->is_enabled) {
        return;
    }
    if (bell_uring_submit(io) != BELL_OK) {
        ring_end(io); /* else what goes on there holds open what was closed */
        return;
    }
    while (accepted_close(io) >= BROUGHT_AT_ONCE && io_uring_get_events(&io->ring) >= 0) {
    }
}

/* The ring is this thread's from now on. */
static bell_status enable(struct bell_io *io)
{
    /* liburing 2.3 does not export its call for this. */
    if (syscall(SYS_io_uring_register, io->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) !=
        0) {
        return BELL_EIO;
    }
    io->is_enabled = true;
    io->owner = pthread_self();
    return BELL_OK;
}

static bell_status uring_turn(struct bell_io *io, int timeout_ms)
{
    if (!io->is_enabled && enable(io) != BELL_OK) {
        return BELL_EIO;
    }
    bell_uring_wake_arm(io);
    bell_status st = enter(io, timeout_ms);
    io->base.events.on_awake(io->base.user);
    if (st != BELL_OK) {
        return st;
    }
    bring_more(io);
    /* What comes while these are told has its turn later. */
    unsigned ready = io_uring_cq_ready(&io->ring);
    io->base.told = ready;
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned count = 0;
    io_uring_for_each_cqe(&io->ring, head, cqe)
    {
        if (count == ready) {
            break;
        }
        const struct io_uring_cqe copy = {
            .user_data = cqe->user_data, .res = cqe->res, .flags = cqe->flags};
        io->told_at = head;
        bell_uring_on_completion(io, &copy);
        count++;
    }
    io_uring_cq_advance(&io->ring, count);
    bell_uring_look_at_listed(io);
    return BELL_OK;
}

static const struct bell_io_ops URING_OPS = {
    .destroy = uring_destroy,
    .open = uring_open,
    .connect = uring_connect,
    .receive = uring_receive,
    .is_quiet = uring_is_quiet,
    .send = uring_send,
    .close = uring_close,
    .settle = uring_settle,
    .wake = uring_wake,
    .turn = uring_turn,
};
