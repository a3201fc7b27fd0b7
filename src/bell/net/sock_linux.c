#include "bell/net/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bell_status from_errno(int error)
{
    switch (error) {
    case EADDRINUSE:
        return BELL_EADDRINUSE;
    case EACCES:
    case EPERM:
        return BELL_EACCES;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return BELL_EINVAL;
    case ENOMEM:
    case ENOBUFS:
        return BELL_ENOMEM;
    default:
        return BELL_EIO;
    }
}

static bell_status bound_socket(const struct sockaddr_storage *address, socklen_t len, bool share,
                                int *out_fd)
{
    const int on = 1;
    const int off = 0;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return from_errno(errno);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        (address->ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, (const struct sockaddr *)(const void *)address, len) != 0) {
        bell_status st = from_errno(errno);
        (void)close(fd);
        return st;
    }
    *out_fd = fd;
    return BELL_OK;
}

bell_status bell_sock_probe(const struct sockaddr_storage *address, socklen_t len)
{
    int fd;
    bell_status st = bound_socket(address, len, false, &fd);
    if (st == BELL_OK) {
        st = listen(fd, 1) == 0 ? BELL_OK : from_errno(errno);
        (void)close(fd);
    }
    return st;
}

bell_status bell_sock_listen(const struct sockaddr_storage *address, socklen_t len, int backlog,
                             int *out_fd)
{
    int fd;
    bell_status st = bound_socket(address, len, true, &fd);
    if (st != BELL_OK) {
        return st;
    }
    if (listen(fd, backlog) != 0) {
        st = from_errno(errno);
        (void)close(fd);
        return st;
    }
    *out_fd = fd;
    return BELL_OK;
}

uint16_t bell_sock_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)(void *)&address, &len) != 0) {
        return 0;
    }
    if (address.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &address, sizeof in);
        return ntohs(in.sin_port);
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, &address, sizeof in6);
    return ntohs(in6.sin6_port);
}

void bell_sock_shutdown_send(int fd)
{
    (void)shutdown(fd, SHUT_WR);
}

void bell_sock_set_abort(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void bell_sock_close(int fd)
{
    /* EINTR leaves the descriptor closed on Linux: never try again. */
    (void)close(fd);
}

uint64_t bell_sock_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    return limit.rlim_cur;
}
