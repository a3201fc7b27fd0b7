#include "faulty_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Held for what follows. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static fault planned;  /* CALL_NONE: nothing is */
static uint32_t calls; /* of this kind since then */
static uint32_t failed;

static atomic_uint shortened;
static _Thread_local bool is_test_thread;

void faults_init(void)
{
    is_test_thread = true;
}

void faults_begin(const fault *f)
{
    (void)pthread_mutex_lock(&lock);
    planned = *f;
    calls = 0;
    failed = 0;
    (void)pthread_mutex_unlock(&lock);
}

uint32_t faults_failed(void)
{
    (void)pthread_mutex_lock(&lock);
    uint32_t count = failed;
    (void)pthread_mutex_unlock(&lock);
    return count;
}

uint32_t faults_end(void)
{
    (void)pthread_mutex_lock(&lock);
    planned.call = CALL_NONE;
    uint32_t count = failed;
    (void)pthread_mutex_unlock(&lock);
    return count;
}

/* The next call of the planned kind is made. */
static bool is_next_due(void)
{
    uint32_t number = ++calls;
    return number >= planned.first && (number - planned.first) % planned.distance == 0 &&
           (number - planned.first) / planned.distance < planned.count;
}

bool fault_is_due(fault_call call, int *error)
{
    bool is_due = false;
    (void)pthread_mutex_lock(&lock);
    if (call != CALL_NONE && planned.call == call && planned.here == is_test_thread) {
        is_due = is_next_due();
        failed += is_due;
        if (is_due) {
            *error = planned.error;
        }
    }
    (void)pthread_mutex_unlock(&lock);
    return is_due;
}

uint32_t fault_short(uint32_t of)
{
    enum { LONGER_EVERY = 4, LONGER = 1000 };
    uint32_t n = atomic_fetch_add(&shortened, 1) % LONGER_EVERY == 0 ? LONGER : 1;
    return of < n ? of : n;
}

bool fault_fails(fault_call call)
{
    int error = 0;
    if (!fault_is_due(call, &error)) {
        return false;
    }
    errno = error;
    return true;
}

WRAPPED(int, socket, int domain, int type, int protocol)
{
    return fault_fails(CALL_SOCKET) ? -1 : __real_socket(domain, type, protocol);
}

WRAPPED(int, setsockopt, int fd, int level, int name, const void *value, socklen_t n)
{
    return fault_fails(CALL_SETSOCKOPT) ? -1 : __real_setsockopt(fd, level, name, value, n);
}

WRAPPED(int, bind, int fd, const struct sockaddr *address, socklen_t n)
{
    return fault_fails(CALL_BIND) ? -1 : __real_bind(fd, address, n);
}

WRAPPED(int, listen, int fd, int backlog)
{
    return fault_fails(CALL_LISTEN) ? -1 : __real_listen(fd, backlog);
}

WRAPPED(int, getsockname, int fd, struct sockaddr *address, socklen_t *n)
{
    return fault_fails(CALL_GETSOCKNAME) ? -1 : __real_getsockname(fd, address, n);
}

WRAPPED(int, getpeername, int fd, struct sockaddr *address, socklen_t *n)
{
    return fault_fails(CALL_GETPEERNAME) ? -1 : __real_getpeername(fd, address, n);
}

WRAPPED(int, getsockopt, int fd, int level, int name, void *value, socklen_t *n)
{
    return fault_fails(CALL_GETSOCKOPT) ? -1 : __real_getsockopt(fd, level, name, value, n);
}

/* A connect over IP that is interrupted goes on by itself; one to a Unix socket has not begun. */
WRAPPED(int, connect, int fd, const struct sockaddr *address, socklen_t n)
{
    int error = 0;
    if (!fault_is_due(CALL_CONNECT, &error)) {
        return __real_connect(fd, address, n);
    }
    if (error == EINTR && address->sa_family != AF_UNIX) {
        (void)__real_connect(fd, address, n);
    }
    errno = error;
    return -1;
}

WRAPPED(int, getaddrinfo, const char *name, const char *port, const struct addrinfo *hints,
        struct addrinfo **out)
{
    int error = 0;
    return fault_is_due(CALL_RESOLVE, &error) ? error : __real_getaddrinfo(name, port, hints, out);
}

WRAPPED(int, fcntl64, int fd, int what, ...)
{
    va_list list;
    va_start(list, what);
    int argument = what == F_GETFL ? 0 : va_arg(list, int);
    va_end(list);
    return fault_fails(CALL_FCNTL) ? -1 : __real_fcntl64(fd, what, argument);
}

WRAPPED(int, getrlimit64, int what, struct rlimit64 *limit)
{
    return fault_fails(CALL_GETRLIMIT) ? -1 : __real_getrlimit64(what, limit);
}

WRAPPED(int, setrlimit64, int what, const struct rlimit64 *limit)
{
    return fault_fails(CALL_SETRLIMIT) ? -1 : __real_setrlimit64(what, limit);
}

WRAPPED(int, sched_getaffinity, pid_t pid, size_t n, cpu_set_t *set)
{
    return fault_fails(CALL_GETAFFINITY) ? -1 : __real_sched_getaffinity(pid, n, set);
}

WRAPPED(int, eventfd, unsigned count, int flags)
{
    return fault_fails(CALL_EVENTFD) ? -1 : __real_eventfd(count, flags);
}

/* Says the error as its result. */
WRAPPED(int, pthread_create, pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
        void *user)
{
    int error = 0;
    return fault_is_due(CALL_THREAD, &error) ? error
                                             : __real_pthread_create(thread, how, run, user);
}

/* ---- files: none of libbell's is made anew, so there is no mode ---- */

WRAPPED(int, open64, const char *path, int flags, ...)
{
    return fault_fails(CALL_OPEN) ? -1 : __real_open64(path, flags);
}

WRAPPED(int, openat64, int at, const char *path, int flags, ...)
{
    return fault_fails(CALL_OPEN) ? -1 : __real_openat64(at, path, flags);
}

/* The same with a check by the C library. */
WRAPPED(int, __openat64_2, int at, const char *path, int flags)
{
    return fault_fails(CALL_OPEN) ? -1 : __real___openat64_2(at, path, flags);
}

WRAPPED(int, fstat64, int fd, struct stat64 *out)
{
    return fault_fails(CALL_FSTAT) ? -1 : __real_fstat64(fd, out);
}

WRAPPED(int, lstat64, const char *path, struct stat64 *out)
{
    return fault_fails(CALL_LSTAT) ? -1 : __real_lstat64(path, out);
}

WRAPPED(int, chmod, const char *path, mode_t mode)
{
    return fault_fails(CALL_CHMOD) ? -1 : __real_chmod(path, mode);
}

WRAPPED(int, fchmod, int fd, mode_t mode)
{
    return fault_fails(CALL_CHMOD) ? -1 : __real_fchmod(fd, mode);
}

WRAPPED(int, unlink, const char *path)
{
    return fault_fails(CALL_UNLINK) ? -1 : __real_unlink(path);
}

/* Counted before anybody can see that it is closed. */
WRAPPED(int, close, int fd)
{
    int error = 0;
    bool fails = fault_is_due(CALL_CLOSE, &error);
    int closed = __real_close(fd);
    if (fails) {
        errno = error;
        return -1;
    }
    return closed;
}

WRAPPED(ssize_t, pread64, int fd, void *out, size_t n, off64_t at)
{
    int error = 0;
    if (fault_is_due(CALL_PREAD, &error)) {
        if (error != 0) {
            errno = error;
            return -1;
        }
        n = fault_short((uint32_t)n);
    }
    return __real_pread64(fd, out, n, at);
}

WRAPPED(ssize_t, getrandom, void *out, size_t n, unsigned flags)
{
    int error = 0;
    if (fault_is_due(CALL_RANDOM, &error)) {
        if (error != 0) {
            errno = error;
            return -1;
        }
        n = fault_short((uint32_t)n);
    }
    return __real_getrandom(out, n, flags);
}

/* ---- epoll ---- */

WRAPPED(int, epoll_create1, int flags)
{
    return fault_fails(CALL_EPOLL_CREATE) ? -1 : __real_epoll_create1(flags);
}

/* Only adding needs memory. */
WRAPPED(int, epoll_ctl, int fd, int what, int of, struct epoll_event *event)
{
    if (what == EPOLL_CTL_ADD && fault_fails(CALL_EPOLL_ADD)) {
        return -1;
    }
    int done = __real_epoll_ctl(fd, what, of, event);
    return what == EPOLL_CTL_DEL && fault_fails(CALL_EPOLL_REMOVE) ? -1 : done;
}

WRAPPED(int, epoll_wait, int fd, struct epoll_event *events, int count, int timeout_ms)
{
    return fault_fails(CALL_WAIT) ? -1 : __real_epoll_wait(fd, events, count, timeout_ms);
}

WRAPPED(int, accept4, int fd, struct sockaddr *address, socklen_t *n, int flags)
{
    return fault_fails(CALL_ACCEPT) ? -1 : __real_accept4(fd, address, n, flags);
}

WRAPPED(ssize_t, recv, int fd, void *out, size_t n, int flags)
{
    int error = 0;
    if (fault_is_due(CALL_RECEIVE, &error)) {
        if (error != 0) {
            errno = error;
            return -1;
        }
        n = fault_short((uint32_t)n);
    }
    return __real_recv(fd, out, n, flags);
}

WRAPPED(ssize_t, send, int fd, const void *bytes, size_t n, int flags)
{
    int error = 0;
    if (fault_is_due(CALL_SEND, &error)) {
        if (error != 0) {
            errno = error;
            return -1;
        }
        n = fault_short((uint32_t)n);
    }
    return __real_send(fd, bytes, n, flags);
}

WRAPPED(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags)
{
    int error = 0;
    if (message->msg_control != NULL) {
        return fault_fails(CALL_SEND_DESCRIPTORS) ? -1 : __real_sendmsg(fd, message, flags);
    }
    if (fault_is_due(CALL_SEND, &error)) {
        if (error != 0) {
            errno = error;
            return -1;
        }
        const struct iovec *piece = message->msg_iov;
        return __real_send(fd, piece->iov_base, fault_short((uint32_t)piece->iov_len), flags);
    }
    return __real_sendmsg(fd, message, flags);
}

WRAPPED(ssize_t, recvmsg, int fd, struct msghdr *message, int flags)
{
    return fault_fails(CALL_RECEIVE_DESCRIPTORS) ? -1 : __real_recvmsg(fd, message, flags);
}

WRAPPED(ssize_t, sendto, int fd, const void *bytes, size_t n, int flags, const struct sockaddr *to,
        socklen_t len)
{
    return fault_fails(CALL_SEND_TO) ? -1 : __real_sendto(fd, bytes, n, flags, to, len);
}

WRAPPED(int, shutdown, int fd, int how)
{
    return fault_fails(CALL_SHUTDOWN) ? -1 : __real_shutdown(fd, how);
}

/* libbell writes nothing but its eventfd. A write that fails has found it full: what it wanted to
 * say is there already. */
WRAPPED(ssize_t, write, int fd, const void *bytes, size_t n)
{
    ssize_t written = __real_write(fd, bytes, n);
    return fault_fails(CALL_WAKE_WRITE) ? -1 : written;
}

WRAPPED(ssize_t, read, int fd, void *out, size_t n)
{
    int error = 0;
    if (fault_is_due(CALL_READ, &error)) {
        if (error != 0) {
            errno = error;
            return -1;
        }
        n = fault_short((uint32_t)n);
    }
    return __real_read(fd, out, n);
}
