#include "bell/net/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
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
    case ENOENT: /* these two: the folder of a Unix socket */
    case ENOTDIR:
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

bell_status bell_sock_open(sa_family_t family, int *out_fd)
{
    const int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno == EMFILE || errno == ENFILE ? BELL_ELIMIT : from_errno(errno);
    }
    if (family != AF_UNIX && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        bell_status st = from_errno(errno);
        (void)close(fd);
        return st;
    }
    *out_fd = fd;
    return BELL_OK;
}

/* ---- Unix sockets ---- */

static int unix_connect(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = connect(fd, (const struct sockaddr *)(const void *)address, sizeof *address) == 0
                    ? 0
                    : errno;
    (void)close(fd);
    return error;
}

/* Has whoever made this socket file gone? A full backlog is no refusal. */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat file;
    return lstat(address->sun_path, &file) == 0 && S_ISSOCK(file.st_mode) &&
           unix_connect(address) == ECONNREFUSED;
}

static bell_status unix_bind(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *to = (const struct sockaddr *)(const void *)address;
    if (bind(fd, to, sizeof *address) == 0) {
        return BELL_OK;
    }
    if (errno != EADDRINUSE) {
        return from_errno(errno);
    }
    if (!is_stale(address) || unlink(address->sun_path) != 0) {
        return BELL_EADDRINUSE;
    }
    return bind(fd, to, sizeof *address) == 0 ? BELL_OK : from_errno(errno);
}

bell_status bell_sock_listen_unix(const char *path, uint32_t mode, int backlog, int *out_fd,
                                  bell_sock_file *out_file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof address.sun_path) {
        return BELL_EINVAL;
    }
    memcpy(address.sun_path, path, n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return from_errno(errno);
    }
    /* The file is made with the socket's own bits: nobody's, until it has those that are wanted. */
    bell_status st = fchmod(fd, 0) == 0 ? unix_bind(fd, &address) : from_errno(errno);
    if (st != BELL_OK) {
        goto close_fd;
    }
    struct stat file;
    if (listen(fd, backlog) != 0 || chmod(path, (mode_t)mode) != 0 || lstat(path, &file) != 0) {
        st = from_errno(errno);
        goto remove_file;
    }
    *out_file = (bell_sock_file){.device = file.st_dev, .inode = file.st_ino};
    *out_fd = fd;
    return BELL_OK;

remove_file:
    (void)unlink(path);
close_fd:
    (void)close(fd);
    return st;
}

void bell_sock_remove_file(const char *path, const bell_sock_file *file)
{
    struct stat now;
    if (lstat(path, &now) == 0 && now.st_dev == file->device && now.st_ino == file->inode) {
        (void)unlink(path);
    }
}

bell_status bell_sock_tell(const char *address, bell_slice text)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(address);
    bool is_abstract = n > 1 && address[0] == '@';
    if ((!is_abstract && address[0] != '/') || n >= sizeof to.sun_path) {
        return BELL_EINVAL;
    }
    memcpy(to.sun_path, address, n);
    if (is_abstract) {
        to.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return from_errno(errno);
    }
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    ssize_t sent = sendto(fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT,
                          (const struct sockaddr *)(const void *)&to, len);
    (void)close(fd);
    return sent == (ssize_t)text.n ? BELL_OK : BELL_EIO;
}

/* ---- any ---- */

static int number_of(int fd, int option)
{
    int value = 0;
    socklen_t n = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 ? value : 0;
}

bell_status bell_sock_adopt(int fd)
{
    const int on = 1;
    if (number_of(fd, SO_TYPE) != SOCK_STREAM || number_of(fd, SO_ACCEPTCONN) == 0) {
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
