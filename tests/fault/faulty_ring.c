/* The part of faulty_calls.h that is about io_uring. */
#include "faulty_calls.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

enum { FAILING_MAX = 1024 };

/* Operations of this thread that were replaced: their completions shall say so. */
static _Thread_local struct {
    uint64_t user_data;
    int error;
} failing[FAILING_MAX];
static _Thread_local uint32_t failing_count;

static fault_call call_of(const struct io_uring_sqe *sqe)
{
    switch (sqe->opcode) {
    case IORING_OP_ACCEPT:
        return CALL_ACCEPT;
    case IORING_OP_CONNECT:
        return CALL_CONNECT;
    case IORING_OP_RECV:
        return CALL_RECEIVE;
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
        return CALL_SEND;
    case IORING_OP_READ:
        return CALL_READ;
    case IORING_OP_POLL_ADD:
        return CALL_RING_POLL;
    default:
        return CALL_NONE;
    }
}

/* One at a time, and who is accepted is asked for by a call, which can fail. */
static void make_single(struct io_uring_sqe *sqe)
{
    if (sqe->opcode == IORING_OP_ACCEPT) {
        sqe->ioprio &= (uint16_t)~IORING_ACCEPT_MULTISHOT;
        sqe->addr = 0;
        sqe->addr2 = 0;
    } else if (sqe->opcode == IORING_OP_RECV) {
        sqe->ioprio &= (uint16_t)~IORING_RECV_MULTISHOT;
    }
}

static void shorten(struct io_uring_sqe *sqe)
{
    if (sqe->opcode == IORING_OP_SENDMSG) {
        struct msghdr *message = (struct msghdr *)(uintptr_t)sqe->addr;
        message->msg_iovlen = 1;
        message->msg_iov->iov_len = fault_short((uint32_t)message->msg_iov->iov_len);
    } else {
        /* A receive of length 0 takes what its buffer has room for. */
        sqe->len = fault_short(sqe->len == 0 ? UINT32_MAX : sqe->len);
    }
}

/* What is about to be submitted. */
static void look_at_submissions(struct io_uring *ring)
{
    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[i & ring->sq.ring_mask];
        int error = 0;
        make_single(sqe);
        if (!fault_is_due(call_of(sqe), &error)) {
            continue;
        }
        if (error == 0) {
            shorten(sqe);
            continue;
        }
        assert(failing_count < FAILING_MAX);
        failing[failing_count].user_data = sqe->user_data;
        failing[failing_count].error = error;
        failing_count++;
        io_uring_prep_nop(sqe);
        sqe->user_data = failing[failing_count - 1].user_data;
    }
}

static void look_at_completions(struct io_uring *ring)
{
    unsigned head;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(ring, head, cqe)
    {
        for (uint32_t i = 0; i < failing_count; i++) {
            if (failing[i].user_data == cqe->user_data) {
                cqe->res = -failing[i].error;
                cqe->flags = 0;
                failing[i] = failing[--failing_count];
                break;
            }
        }
    }
}

WRAPPED(int, io_uring_submit_and_get_events, struct io_uring *ring)
{
    int error = 0;
    if (fault_is_due(CALL_WAIT, &error)) {
        return -error;
    }
    look_at_submissions(ring);
    int n = __real_io_uring_submit_and_get_events(ring);
    look_at_completions(ring);
    return n;
}

WRAPPED(int, io_uring_submit_and_wait_timeout, struct io_uring *ring, struct io_uring_cqe **first,
        unsigned count, struct __kernel_timespec *timeout, sigset_t *signals)
{
    int error = 0;
    if (fault_is_due(CALL_WAIT, &error)) {
        return -error;
    }
    look_at_submissions(ring);
    int n = __real_io_uring_submit_and_wait_timeout(ring, first, count, timeout, signals);
    look_at_completions(ring);
    return n;
}

WRAPPED(int, io_uring_queue_init_params, unsigned entries, struct io_uring *ring,
        struct io_uring_params *params)
{
    int error = 0;
    return fault_is_due(CALL_RING_CREATE, &error)
               ? -error
               : __real_io_uring_queue_init_params(entries, ring, params);
}

WRAPPED(int, io_uring_register_buf_ring, struct io_uring *ring, struct io_uring_buf_reg *buffers,
        unsigned flags)
{
    int error = 0;
    return fault_is_due(CALL_RING_BUFFERS, &error)
               ? -error
               : __real_io_uring_register_buf_ring(ring, buffers, flags);
}

/* The only one that libbell makes by its number: it enables a ring. */
WRAPPED(long, syscall, long number, ...)
{
    int error = 0;
    va_list list;
    va_start(list, number);
    int fd = va_arg(list, int);
    int what = va_arg(list, int);
    void *argument = va_arg(list, void *);
    int count = va_arg(list, int);
    va_end(list);
    assert(number == SYS_io_uring_register);
    if (fault_is_due(CALL_RING_ENABLE, &error)) {
        errno = error;
        return -1;
    }
    return __real_syscall(number, fd, what, argument, count);
}
