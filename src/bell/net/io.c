/*
 * The choice of a back end, and the way to it.
 */
#include "bell/net/io.h"

#include "base/log.h"
#include "bell/net/io_ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bell_status bell_io_status(int error)
{
    switch (error) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case ENOTCONN:
        return BELL_ECLOSED;
    case ENOMEM:
    case ENOSPC:
        return BELL_ENOMEM;
    case EMFILE:
    case ENFILE:
        return BELL_ELIMIT;
    default:
        return BELL_EIO;
    }
}

bell_status bell_io_connect_status(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case EAGAIN: /* a Unix socket whose backlog is full */
        return BELL_EREFUSED;
    case ENOENT:
        return BELL_ENOTFOUND;
    case ETIMEDOUT:
        return BELL_ETIMEOUT;
    case EACCES:
    case EPERM:
        return BELL_EACCES;
    case EADDRINUSE:
    case EADDRNOTAVAIL:
        return BELL_EADDRINUSE;
    case ENOBUFS:
        return BELL_ENOMEM;
    default:
        return bell_io_status(error);
    }
}

bool bell_io_stops_accepting(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EINVAL; /* shut down */
}

static const char VARIABLE[] = "BELL_IO";

static bell_io_back_end from_environment(void)
{
    const char *name = getenv(VARIABLE);
    if (name != NULL && strcmp(name, "uring") == 0) {
        return BELL_IO_URING;
    }
    if (name != NULL && strcmp(name, "epoll") == 0) {
        return BELL_IO_EPOLL;
    }
    return BELL_IO_AUTO;
}

#ifdef BELL_HAVE_URING
static void heard_nothing(void *user)
{
    (void)user;
}

static bell_status uring_try(void)
{
    static const bell_io_events NONE = {.on_awake = heard_nothing, .on_wake = heard_nothing};
    struct bell_io *io = NULL;
    bell_status st = bell_io_uring_create(&NONE, NULL, &io);
    if (st == BELL_OK) {
        bell_io_destroy(io);
    }
    return st;
}
#else
static bell_status uring_try(void)
{
    return BELL_ENOTSUP;
}
#endif

bell_status bell_io_choose(bell_io_back_end wanted, bell_io_back_end *out)
{
    if (wanted == BELL_IO_AUTO) {
        wanted = from_environment();
        const char *name = wanted == BELL_IO_AUTO ? getenv(VARIABLE) : NULL;
        if (name != NULL && name[0] != '\0') {
            bell_log(BELL_LOG_WARN, "%s is ignored: neither epoll nor uring value=%s", VARIABLE,
                     name);
        }
    }
    if (wanted != BELL_IO_EPOLL) {
        bell_status st = uring_try();
        if (st != BELL_OK && wanted == BELL_IO_URING) {
            return st;
        }
        wanted = st == BELL_OK ? BELL_IO_URING : BELL_IO_EPOLL;
    }
    *out = wanted;
    return BELL_OK;
}

bool bell_io_is_free(bell_io_back_end wanted)
{
    return wanted == BELL_IO_AUTO && from_environment() == BELL_IO_AUTO;
}

bell_status bell_io_create(bell_io_back_end back_end, const bell_io_events *events, void *user,
                           struct bell_io **out)
{
#ifdef BELL_HAVE_URING
    if (back_end == BELL_IO_URING) {
        return bell_io_uring_create(events, user, out);
    }
#endif
    return back_end == BELL_IO_EPOLL ? bell_io_epoll_create(events, user, out) : BELL_ENOTSUP;
}

static const struct bell_io_ops *ops_of(const struct bell_io *io)
{
    return ((const struct bell_io_base *)(const void *)io)->ops;
}

void bell_io_destroy(struct bell_io *io)
{
    if (io != NULL) {
        ops_of(io)->destroy(io);
    }
}

bell_status bell_io_open(struct bell_io *io, struct bell_io_handle *h, int fd,
                         enum bell_io_kind kind)
{
    return ops_of(io)->open(io, h, fd, kind);
}

bell_status bell_io_connect(struct bell_io *io, struct bell_io_handle *h,
                            const struct sockaddr_storage *address, socklen_t len)
{
    return ops_of(io)->connect(io, h, address, len);
}

bell_status bell_io_receive(struct bell_io *io, struct bell_io_handle *h, bool on)
{
    return h->is_receiving == on ? BELL_OK : ops_of(io)->receive(io, h, on);
}

bool bell_io_is_quiet(const struct bell_io *io, const struct bell_io_handle *h)
{
    return h->fd < 0 || ops_of(io)->is_quiet(io, h);
}

bell_status bell_io_send(struct bell_io *io, struct bell_io_handle *h, const struct iovec *pieces,
                         int count, size_t *sent)
{
    return ops_of(io)->send(io, h, pieces, count, sent);
}

void bell_io_close(struct bell_io *io, struct bell_io_handle *h)
{
    if (h->fd >= 0) {
        ops_of(io)->close(io, h);
    }
}

void bell_io_settle(struct bell_io *io)
{
    if (ops_of(io)->settle != NULL) {
        ops_of(io)->settle(io);
    }
}

void bell_io_wake(struct bell_io *io)
{
    ops_of(io)->wake(io);
}

uint32_t bell_io_told(const struct bell_io *io)
{
    return ((const struct bell_io_base *)(const void *)io)->told;
}

bell_status bell_io_turn(struct bell_io *io, int timeout_ms)
{
    return ops_of(io)->turn(io, timeout_ms);
}
