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
    CALL_GETRLIMIT,
    CALL_SETRLIMIT,
    CALL_GETAFFINITY,
    CALL_EVENTFD,
    CALL_THREAD,
    CALL_OPEN, /* open and openat */
    CALL_FSTAT,
    CALL_PREAD,
    CALL_RANDOM,
    CALL_ACCEPT,
    CALL_RECEIVE,
    CALL_SEND, /* one piece or several */
    CALL_SHUTDOWN,
    CALL_WAKE_WRITE,
    CALL_WAKE_READ,
    CALL_WAIT, /* epoll_wait, io_uring_enter */
    CALL_EPOLL_CREATE,
    CALL_EPOLL_ADD,
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
/* How many bytes a call that moves less may move, of so many. */
uint32_t fault_short(uint32_t of);

#endif
