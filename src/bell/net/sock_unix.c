/*
 * Unix sockets: with files of their own, and with descriptors on the way through them.
 */
#include "bell/net/sock.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int type_of(bool has_packets)
{
    return has_packets ? SOCK_SEQPACKET : SOCK_STREAM;
}

static bool address_of(const char *path, struct sockaddr_un *out)
{
    size_t n = strlen(path);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n == 0 || n >= sizeof out->sun_path) {
        return false;
    }
    memcpy(out->sun_path, path, n);
    return true;
}

/* 0, or the error. */
static int connect_try(const struct sockaddr_un *address, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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
static bool is_stale(const struct sockaddr_un *address, int type)
{
    struct stat file;
    return lstat(address->sun_path, &file) == 0 && S_ISSOCK(file.st_mode) &&
           connect_try(address, type) == ECONNREFUSED;
}

static bell_status bind_to(int fd, const struct sockaddr_un *address, int type)
{
    const struct sockaddr *to = (const struct sockaddr *)(const void *)address;
    if (bind(fd, to, sizeof *address) == 0) {
        return BELL_OK;
    }
    if (errno != EADDRINUSE) {
        return bell_sock_status(errno);
    }
    if (!is_stale(address, type) || unlink(address->sun_path) != 0) {
        return BELL_EADDRINUSE;
    }
    return bind(fd, to, sizeof *address) == 0 ? BELL_OK : bell_sock_status(errno);
}

bell_status bell_sock_listen_unix(const char *path, bool has_packets, uint32_t mode, int backlog,
                                  int *out_fd, bell_sock_file *out_file)
{
    int type = type_of(has_packets);
    struct sockaddr_un address;
    if (!address_of(path, &address)) {
        return BELL_EINVAL;
    }
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return bell_sock_status(errno);
    }
    /* The file is made with the socket's own bits: nobody's, until it has those that are wanted. */
    bell_status st = fchmod(fd, 0) == 0 ? bind_to(fd, &address, type) : bell_sock_status(errno);
    if (st != BELL_OK) {
        goto close_fd;
    }
    struct stat file;
    if (listen(fd, backlog) != 0 || chmod(path, (mode_t)mode) != 0 || lstat(path, &file) != 0) {
        st = bell_sock_status(errno);
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
        return bell_sock_status(errno);
    }
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    ssize_t sent = sendto(fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT,
                          (const struct sockaddr *)(const void *)&to, len);
    (void)close(fd);
    return sent == (ssize_t)text.n ? BELL_OK : BELL_EIO;
}

/* ---- descriptors in packets ---- */

static bell_status blocking_connect(int fd, const struct sockaddr_un *address)
{
    int failed;
    do {
        /* Unlike one over IP it has not begun when it was interrupted. */
        failed = connect(fd, (const struct sockaddr *)(const void *)address, sizeof *address);
    } while (failed != 0 && errno == EINTR);
    if (failed == 0) {
        return BELL_OK;
    }
    return errno == ECONNREFUSED || errno == ENOENT ? BELL_ENOTFOUND
           : errno == EAGAIN                        ? BELL_ETIMEOUT /* the backlog is full */
                                                    : bell_sock_status(errno);
}

bell_status bell_sock_connect_unix(const char *path, uint32_t patience_s, int *out_fd)
{
    struct sockaddr_un address;
    const struct timeval patience = {.tv_sec = (time_t)patience_s};
    if (!address_of(path, &address)) {
        return BELL_EINVAL;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return bell_sock_status(errno);
    }
    bell_status st = BELL_OK;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0) {
        st = bell_sock_status(errno);
    }
    st = st == BELL_OK ? blocking_connect(fd, &address) : st;
    if (st != BELL_OK) {
        (void)close(fd);
        return st;
    }
    *out_fd = fd;
    return BELL_OK;
}

bell_status bell_sock_send_fds(int fd, bell_slice bytes, const int *fds, size_t count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * BELL_SOCK_MAX_FDS)];
    } control = {.room = {0}};
    union {
        const char *from;
        void *to;
    } text = {.from = bytes.p};
    struct iovec piece = {.iov_base = text.to, .iov_len = bytes.n};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (count > BELL_SOCK_MAX_FDS) {
        return BELL_EINVAL;
    }
    if (count > 0) {
        size_t n = sizeof(int) * count;
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(n);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n);
        memcpy(CMSG_DATA(header), fds, n);
    }
    if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes.n) {
        return BELL_OK;
    }
    return errno == EPIPE || errno == ECONNRESET ? BELL_ECLOSED
           : errno == ENOMEM || errno == ENOBUFS ? BELL_ENOMEM
                                                 : BELL_EIO;
}

/* What came of descriptors; those that are too many are closed. */
static bool take_fds(struct msghdr *message, int *fds, size_t *count)
{
    bool fits = (message->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
    *count = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h != NULL; h = CMSG_NXTHDR(message, h)) {
        size_t n = h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS
                       ? (h->cmsg_len - CMSG_LEN(0)) / sizeof(int)
                       : 0;
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (*count < BELL_SOCK_MAX_FDS) {
                fds[(*count)++] = fd;
            } else {
                (void)close(fd);
                fits = false;
            }
        }
    }
    return fits;
}

bell_status bell_sock_receive_fds(int fd, char *bytes, size_t size, size_t *out_n, int *fds,
                                  size_t *out_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * BELL_SOCK_MAX_FDS)];
    } control;
    struct iovec piece = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n;
    do {
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == ECONNRESET) {
        /* We were in the backlog, and whoever listened has gone without taking us from there. */
        *out_n = 0;
        *out_count = 0;
        return BELL_OK;
    }
    if (n < 0) {
        return errno == EAGAIN ? BELL_ETIMEOUT : BELL_EIO;
    }
    if (!take_fds(&message, fds, out_count)) {
        for (size_t i = 0; i < *out_count; i++) {
            (void)close(fds[i]);
        }
        return BELL_EPROTO;
    }
    *out_n = (size_t)n;
    return BELL_OK;
}

bool bell_sock_has_ended(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}
