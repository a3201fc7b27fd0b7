/*
 * System calls that fail when a test wants it. The linker puts these in place of what libbell calls
 * (--wrap, see meson.build), so what is shipped knows nothing of them.
 *
 * On io_uring a call is an operation as it is submitted: one that shall fail is replaced by one
 * that does nothing, and its completion says the error. Multishot operations are cut into single
 * ones, so that the n-th call means the same on both back ends.
 */
#ifndef TEST_FAULT_FAULTY_CALLS_H
#define TEST_FAULT_FAULTY_CALLS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    CALL_NONE,
    CALL_SOCKET,
    CALL_SETSOCKOPT,
    CALL_BIND,
    CALL_LISTEN,
    CALL_GETSOCKNAME,
    CALL_GETPEERNAME,
    CALL_GETSOCKOPT,
    CALL_CONNECT,
    CALL_RESOLVE, /* the error is one of getaddrinfo(3) */
    CALL_FCNTL,
    CALL_CHMOD, /* chmod and fchmod */
    CALL_LSTAT,
    CALL_UNLINK,
    CALL_CLOSE, /* what it closes is closed all the same, as on Linux */
    CALL_GETRLIMIT,
    CALL_SETRLIMIT,
    CALL_GETAFFINITY,
    CALL_EVENTFD,
    CALL_THREAD,
    CALL_OPEN, /* open and openat */
    CALL_FSTAT,
    CALL_PREAD,
    CALL_RANDOM,
    CALL_TLS_RANDOM, /* of OpenSSL; it has no errno */
    CALL_ACCEPT,
    CALL_RECEIVE,
    CALL_SEND, /* one piece or several */
    CALL_SEND_TO,
    CALL_SEND_DESCRIPTORS,
    CALL_RECEIVE_DESCRIPTORS,
    CALL_SHUTDOWN,
    CALL_WAKE_WRITE,
    CALL_READ, /* a loop's wake-up; a file of TLS */
    CALL_WAIT, /* epoll_wait, io_uring_enter */
    CALL_EPOLL_CREATE,
    CALL_EPOLL_ADD,
    CALL_EPOLL_REMOVE, /* as if it had been removed already */
    CALL_RING_CREATE,
    CALL_RING_BUFFERS,
    CALL_RING_ENABLE,
    CALL_RING_POLL,
} fault_call;

typedef struct {
    fault_call call;
    int error;      /* errno; 0 = none, the call moves less than it was asked to, mostly 1 byte */
    uint32_t first; /* the first call that fails; 1 = the next one */
    uint32_t count; /* calls that fail at most */
    uint32_t distance; /* between two that fail */
    bool here;         /* calls of the test's thread; else those of all other threads */
} fault;

/* The calling thread is the test's. Before any other thread runs. */
void faults_init(void);
void faults_begin(const fault *f);
/* How many calls have failed so far. */
uint32_t faults_failed(void);
/* Back to normal; how many calls have failed. */
uint32_t faults_end(void);

/* For the parts of this. Shall the call that is about to be made fail? Then *error says how. */
bool fault_is_due(fault_call call, int *error);
/* The same, and errno says how. */
bool fault_fails(fault_call call);
/* How many bytes a call that moves less may move, of so many. */
uint32_t fault_short(uint32_t of);

/* What the linker calls the two sides of a wrapped function. */
#define WRAPPED(type, name, ...)                                                                   \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

#endif
