/*
 * I/O back end on epoll, level-triggered.
 *
 * A stream is read once per turn and readiness, into one large buffer that all share: whoever sends
 * without end waits for its next turn. Events of a handle that was closed in the same turn are
 * recognised by its fd of -1; its memory stays until the turn ends.
 */
#include "bell/net/io_ops.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS_PER_TURN = 512,
    MAX_ACCEPTS = 64,  /* of one listener in one turn */
    CROWDED_TURNS = 4, /* in a row, each with more connections than are accepted in one */
};

struct bell_io {
    struct bell_io_base base; /* first */
    int epoll_fd;
    int wake_fd;
    int accepts;       /* of a listener in this turn; 1 to MAX_ACCEPTS */
    int crowded_turns; /* in a row until now, fewer than CROWDED_TURNS */
    bool is_crowded;   /* this one is, at a listener at least */
    int found;         /* the most that one was emptied of in this turn; -1 = none was */
    struct epoll_event ready[EVENTS_PER_TURN];
    char received[BELL_IO_MAX_RECEIVE_BYTES];
};

static bell_status wake_watch(struct bell_io *io)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    return epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, io->wake_fd, &event) == 0 ? BELL_OK
                                                                            : bell_io_status(errno);
}

static const struct bell_io_ops EPOLL_OPS;

bell_status bell_io_epoll_create(const bell_io_events *events, void *user, struct bell_io **out)
{
    /* Not zeroed: the receive buffer's pages should not be touched before they are needed. */
    struct bell_io *io = bell_mem_alloc(sizeof *io);
    if (io == NULL) {
        return BELL_ENOMEM;
    }
    io->base = (struct bell_io_base){.ops = &EPOLL_OPS, .events = *events, .user = user};
    io->accepts = 1;
    io->crowded_turns = 0;
    io->is_crowded = false;
    io->found = -1;
    bell_status st;
    io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (io->epoll_fd < 0) {
        st = bell_io_status(errno);
        goto free_io;
    }
    io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (io->wake_fd < 0) {
        st = bell_io_status(errno);
        goto close_epoll;
    }
    st = wake_watch(io);
    if (st != BELL_OK) {
        goto close_wake;
    }
    *out = io;
    return BELL_OK;

close_wake:
    (void)close(io->wake_fd);
close_epoll:
    (void)close(io->epoll_fd);
free_io:
    bell_mem_free(io);
    return st;
}

static void epoll_destroy(struct bell_io *io)
{
    (void)close(io->wake_fd);
    (void)close(io->epoll_fd);
    bell_mem_free(io);
}

static void interest_forget(struct bell_io *io, struct bell_io_handle *h)
{
    if (h->is_registered) {
        (void)epoll_ctl(io->epoll_fd, EPOLL_CTL_DEL, h->fd, NULL);
        h->is_registered = false;
    }
}

/* Tells the kernel what the handle waits for now. */
static bell_status interest_update(struct bell_io *io, struct bell_io_handle *h)
{
    if (h->kind == BELL_IO_LISTENER && !h->is_receiving) {
        interest_forget(io, h); /* that it was shut down cannot be masked */
        return BELL_OK;
    }
    struct epoll_event event = {
        .events = (h->is_receiving ? (uint32_t)EPOLLIN : 0U) |
                  (h->is_send_waiting ? (uint32_t)EPOLLOUT : 0U),
        .data.ptr = h,
    };
    int op = h->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(io->epoll_fd, op, h->fd, &event) != 0) {
        return bell_io_status(errno);
    }
    h->is_registered = true;
    return BELL_OK;
}

static bell_status epoll_open(struct bell_io *io, struct bell_io_handle *h, int fd,
                              enum bell_io_kind kind)
{
    (void)io;
    *h = (struct bell_io_handle){.fd = fd, .kind = kind & 3U};
    return BELL_OK;
}

static bell_status epoll_connect(struct bell_io *io, struct bell_io_handle *h,
                                 const struct sockaddr_storage *address, socklen_t len)
{
    if (connect(h->fd, (const struct sockaddr *)(const void *)address, len) == 0) {
        return BELL_OK;
    }
    /* EINTR: it goes on by itself. */
    if (errno != EINPROGRESS && errno != EINTR) {
        return bell_io_connect_status(errno);
    }
    h->kind = BELL_IO_CONNECTING;
    h->is_send_waiting = true;
    bell_status st = interest_update(io, h);
    return st == BELL_OK ? BELL_EAGAIN : st;
}

static bell_status epoll_receive(struct bell_io *io, struct bell_io_handle *h, bool on)
{
    h->is_receiving = on;
    bell_status st = interest_update(io, h);
    if (st != BELL_OK) {
        h->is_receiving = !on; /* so that it can be tried again */
    }
    return st;
}

static bool epoll_is_quiet(const struct bell_io *io, const struct bell_io_handle *h)
{
    (void)io;
    return !h->is_receiving;
}

static ssize_t send_pieces(int fd, const struct iovec *pieces, int count)
{
    /* sendmsg wants a pointer to what it does not change. */
    struct iovec copy[BELL_IO_MAX_PIECES];
    memcpy(copy, pieces, (size_t)count * sizeof *pieces);
    struct msghdr message = {.msg_iov = copy, .msg_iovlen = (size_t)count};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static bell_status epoll_send(struct bell_io *io, struct bell_io_handle *h,
                              const struct iovec *pieces, int count, size_t *sent)
{
    for (;;) {
        ssize_t n = count == 1 ? send(h->fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                               : send_pieces(h->fd, pieces, count);
        if (n > 0) {
            *sent = (size_t)n;
            return BELL_OK;
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != ENOBUFS) {
            return bell_io_status(errno);
        }
        h->is_send_waiting = true;
        bell_status st = interest_update(io, h);
        return st == BELL_OK ? BELL_EAGAIN : st;
    }
}

static void epoll_close(struct bell_io *io, struct bell_io_handle *h)
{
    /* Closing alone removes it only when no other descriptor of the socket is left, such as that of
     * a child process which is about to be something else. */
    interest_forget(io, h);
    (void)close(h->fd);
    h->fd = -1;
    h->is_receiving = false;
    h->is_send_waiting = false;
}

static void epoll_wake(struct bell_io *io)
{
    int saved_errno = errno;
    const uint64_t one = 1;
    /* EAGAIN means that a wake-up is pending already. */
    ssize_t n = write(io->wake_fd, &one, sizeof one);
    (void)n;
    errno = saved_errno;
}

/* Taking interest back cannot fail for a registered socket; if it did, the event would only repeat.
 */
static void receive_stop(struct bell_io *io, struct bell_io_handle *h)
{
    bell_status st = bell_io_receive(io, h, false);
    (void)st;
}

/*
 * An accept that finds nobody costs the kernel a socket made and thrown away. So as many are
 * accepted as are likely there: one, more when a queue stands turn after turn. Who is left is told
 * again.
 */
static void accept_ready(struct bell_io *io, struct bell_io_handle *h)
{
    int most = io->accepts;
    for (int i = 0; i < most; i++) {
        if (h->fd < 0 || !h->is_receiving) {
            return;
        }
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        int fd =
            accept4(h->fd, (struct sockaddr *)(void *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            bell_address peer = bell_address_from_sockaddr(&from);
            io->base.events.on_accept(h, fd, &peer, io->base.user);
            continue;
        }
        if (bell_io_stops_accepting(errno)) {
            receive_stop(io, h);
            io->base.events.on_accept_failed(h, io->base.user);
            return;
        }
        if (errno == EAGAIN) {
            io->found = i > io->found ? i : io->found;
            return;
        }
    }
    io->is_crowded = true;
}

/* At the end of a turn. A listener with a queue counts more than others where few come. */
static void accepts_adapt(struct bell_io *io)
{
    io->crowded_turns = io->is_crowded ? io->crowded_turns + 1 : 0;
    if (io->crowded_turns == CROWDED_TURNS) {
        io->crowded_turns = 0;
        io->accepts = io->accepts * 2 < MAX_ACCEPTS ? io->accepts * 2 : MAX_ACCEPTS;
    } else if (!io->is_crowded && io->found >= 0) {
        io->accepts = io->found > 1 ? io->found : 1;
    }
    io->is_crowded = false;
    io->found = -1;
}

static void receive_ready(struct bell_io *io, struct bell_io_handle *h)
{
    ssize_t n;
    do {
        n = recv(h->fd, io->received, sizeof io->received, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        io->base.events.on_receive(h, BELL_OK, io->received, (size_t)n, io->base.user);
        return;
    }
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    bell_status st = n == 0 ? BELL_OK : bell_io_status(errno);
    h->is_receiving = false;
    io->base.events.on_receive(h, st, io->received, 0, io->base.user);
    /* Most streams are closed now. Else the end would be told again in every turn. */
    if (h->fd >= 0 && !h->is_receiving) {
        (void)interest_update(io, h); /* cannot fail for a registered socket */
    }
}

/* Writable, or an error: either way the connect is over. */
static void connect_ready(struct bell_io *io, struct bell_io_handle *h)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    h->kind = BELL_IO_STREAM;
    h->is_send_waiting = false;
    bell_status st = error == 0 ? interest_update(io, h) : bell_io_connect_status(error);
    io->base.events.on_connected(h, st, io->base.user);
}

static void handle_ready(struct bell_io *io, struct bell_io_handle *h, uint32_t what)
{
    if (h->kind == BELL_IO_CONNECTING) {
        connect_ready(io, h);
        return;
    }
    if (h->kind == BELL_IO_LISTENER) {
        accept_ready(io, h);
        return;
    }
    if ((what & EPOLLOUT) != 0 && h->is_send_waiting) {
        h->is_send_waiting = false;
        io->base.events.on_sent(h, interest_update(io, h), 0, io->base.user);
        if (h->fd < 0) {
            return;
        }
    }
    if (h->is_receiving && (what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        receive_ready(io, h);
    } else if ((what & (EPOLLHUP | EPOLLERR)) != 0) {
        /* Dead in both directions: told although nobody receives, since it cannot be masked. */
        io->base.events.on_receive(h, BELL_ECLOSED, io->received, 0, io->base.user);
    }
}

static void wake_ready(struct bell_io *io)
{
    uint64_t count;
    ssize_t n = read(io->wake_fd, &count, sizeof count);
    (void)n;
    io->base.events.on_wake(io->base.user);
}

static bell_status epoll_turn(struct bell_io *io, int timeout_ms)
{
    int n = epoll_wait(io->epoll_fd, io->ready, EVENTS_PER_TURN, timeout_ms);
    bool is_broken = n < 0 && errno != EINTR;
    io->base.told = n > 0 ? (uint32_t)n : 0;
    io->base.events.on_awake(io->base.user);
    if (is_broken) {
        return BELL_EIO;
    }
    for (int i = 0; i < n; i++) {
        struct bell_io_handle *h = io->ready[i].data.ptr;
        if (h == NULL) {
            wake_ready(io);
        } else if (h->fd >= 0) {
            handle_ready(io, h, io->ready[i].events);
        }
    }
    accepts_adapt(io);
    return BELL_OK;
}

static const struct bell_io_ops EPOLL_OPS = {
    .destroy = epoll_destroy,
    .open = epoll_open,
    .connect = epoll_connect,
    .receive = epoll_receive,
    .is_quiet = epoll_is_quiet,
    .send = epoll_send,
    .close = epoll_close,
    .wake = epoll_wake,
    .turn = epoll_turn,
};
