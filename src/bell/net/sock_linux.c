#include "bell/net/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

bell_status bell_sock_status(int error)
{
    switch (error) {
    case EADDRINUSE:
        return BELL_EADDRINUSE;
    case EACCES:
    case EPERM:
        return BELL_EACCES;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENOENT: /* these two: the folder of a Unix socket */
    case ENOTDIR:
        return BELL_EINVAL;
    case ENOMEM:
    case ENOBUFS:
        return BELL_ENOMEM;
    case EMFILE:
    case ENFILE:
        return BELL_ELIMIT;
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
        return bell_sock_status(errno);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        (address->ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, (const struct sockaddr *)(const void *)address, len) != 0) {
        bell_status st = bell_sock_status(errno);
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
        st = listen(fd, 1) == 0 ? BELL_OK : bell_sock_status(errno);
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
        st = bell_sock_status(errno);
        (void)close(fd);
        return st;
    }
    *out_fd = fd;
    return BELL_OK;
}

bell_status bell_sock_open(sa_family_t family, int *out_fd)
{
    const int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno == EAFNOSUPPORT ? BELL_EIO /* no way to such an address */
                                     : bell_sock_status(errno);
    }
    if (family != AF_UNIX && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        bell_status st = bell_sock_status(errno);
        (void)close(fd);
        return st;
    }
    *out_fd = fd;
    return BELL_OK;
}

static int number_of(int fd, int option)
{
    int value = 0;
    socklen_t n = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 ? value : 0;
}

bell_status bell_sock_adopt(int fd, bool has_packets)
{
    const int type = has_packets ? SOCK_SEQPACKET : SOCK_STREAM;
    const int on = 1;
    if (number_of(fd, SO_TYPE) != type || number_of(fd, SO_ACCEPTCONN) == 0) {
        return BELL_EINVAL;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return BELL_EIO;
    }
    if (number_of(fd, SO_DOMAIN) != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a matter of speed */
    }
    return BELL_OK;
}

bell_status bell_sock_accept(int fd, int *out_fd, bell_address *out_peer)
{
    for (;;) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        int made =
            accept4(fd, (struct sockaddr *)(void *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (made >= 0) {
            *out_fd = made;
            *out_peer = bell_address_from_sockaddr(&from);
            return BELL_OK;
        }
        if (errno == EAGAIN) {
            return BELL_EAGAIN;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return BELL_ENOMEM;
        }
        if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK || errno == EOPNOTSUPP) {
            return BELL_EIO;
        }
        /* The others of accept(2) concern that one connection. */
    }
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
    if (address.ss_family != AF_INET6) {
        return 0;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, &address, sizeof in6);
    return ntohs(in6.sin6_port);
}

/* iovec has no const, though sending changes nothing. */
static struct iovec piece_of(bell_slice s)
{
    union {
        const char *from;
        void *to;
    } bytes = {.from = s.p};
    return (struct iovec){.iov_base = bytes.to, .iov_len = s.n};
}

size_t bell_sock_offer(int fd, bell_slice head, bell_slice payload)
{
    struct iovec pieces[] = {piece_of(head), piece_of(payload)};
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

void bell_sock_shutdown_send(int fd)
{
    (void)shutdown(fd, SHUT_WR);
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

void bell_sock_widen_table(int fd, uint64_t descriptors)
{
    int last = fcntl(fd, F_DUPFD_CLOEXEC, (int)(descriptors - 1));
    if (last >= 0) {
        bell_sock_close(last);
    }
}
