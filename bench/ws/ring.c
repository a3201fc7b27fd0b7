#include "ring.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { RING_INCREMENTAL = 2, NS_PER_S = 1000000000 }; /* the first is IOU_PBUF_RING_INC */

static _Noreturn void fail(const char *what, int error)
{
    (void)fprintf(stderr, "io_uring: %s: %s\n", what, strerror(error));
    exit(EXIT_FAILURE);
}

static void *pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        fail("memory for buffers", errno);
    }
    return p;
}

static int buffers_register(struct ring *r, struct ring_buffers buffers, uint16_t flags)
{
    r->entries = pages(buffers.count * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)r->entries,
                                            .ring_entries = buffers.count,
                                            .bgid = RING_BUFFER_GROUP};
    /* Behind bgid; the field is called pad in the headers of Debian 12 and flags in newer ones. */
    memcpy((char *)&registration + offsetof(struct io_uring_buf_reg, bgid) + sizeof(__u16), &flags,
           sizeof flags);
    int status = io_uring_register_buf_ring(&r->uring, &registration, 0);
    if (status < 0) {
        (void)munmap(r->entries, buffers.count * sizeof(struct io_uring_buf));
        return status;
    }
    r->buffer_count = buffers.count;
    r->buffer_bytes = buffers.bytes;
    r->is_incremental = flags != 0;
    return 0;
}

void ring_open(struct ring *r, uint32_t submissions, uint32_t completions,
               struct ring_buffers buffers, const struct ring_buffers *large)
{
    memset(r, 0, sizeof *r);
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_CLAMP,
        .cq_entries = completions,
    };
    int status = io_uring_queue_init_params(submissions, &r->uring, &params);
    if (status < 0) {
        fail("set-up", -status);
    }
    if (large == NULL || buffers_register(r, *large, RING_INCREMENTAL) < 0) {
        status = buffers_register(r, buffers, 0);
        if (status < 0) {
            fail("buffer ring", -status);
        }
    }
    r->memory = pages((size_t)r->buffer_count * r->buffer_bytes);
    io_uring_buf_ring_init(r->entries);
    for (uint32_t i = 0; i < r->buffer_count; i++) {
        ring_give_back(r, (uint16_t)i);
    }
}

void ring_close(struct ring *r)
{
    io_uring_queue_exit(&r->uring);
    (void)munmap(r->memory, (size_t)r->buffer_count * r->buffer_bytes);
    (void)munmap(r->entries, r->buffer_count * sizeof(struct io_uring_buf));
}

struct io_uring_sqe *ring_entry(struct ring *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
    while (sqe == NULL) {
        int status = io_uring_submit(&r->uring);
        if (status < 0 && status != -EINTR && status != -EAGAIN && status != -EBUSY) {
            fail("submit", -status);
        }
        sqe = io_uring_get_sqe(&r->uring);
    }
    return sqe;
}

void ring_receive(struct ring *r, int fd, uint64_t user_data)
{
    struct io_uring_sqe *sqe = ring_entry(r);
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = RING_BUFFER_GROUP;
    io_uring_sqe_set_data64(sqe, user_data);
}

void ring_accept(struct ring *r, int fd, uint64_t user_data)
{
    struct io_uring_sqe *sqe = ring_entry(r);
    io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, user_data);
}

void ring_turn(struct ring *r, uint64_t timeout_ns)
{
    struct __kernel_timespec span = {.tv_sec = (int64_t)(timeout_ns / NS_PER_S),
                                     .tv_nsec = (int64_t)(timeout_ns % NS_PER_S)};
    struct io_uring_cqe *cqe;
    int status = timeout_ns == 0
                     ? io_uring_submit_and_wait(&r->uring, 1)
                     : io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1, &span, NULL);
    if (status < 0 && status != -EINTR && status != -ETIME && status != -EAGAIN &&
        status != -EBUSY) {
        fail("submit and wait", -status);
    }
}

uint16_t ring_buffer_id(const struct io_uring_cqe *cqe)
{
    return (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}

char *ring_buffer(const struct ring *r, uint16_t id)
{
    return r->memory + (size_t)id * r->buffer_bytes;
}

void ring_give_back(struct ring *r, uint16_t id)
{
    io_uring_buf_ring_add(r->entries, ring_buffer(r, id), r->buffer_bytes, id,
                          io_uring_buf_ring_mask(r->buffer_count), 0);
    io_uring_buf_ring_advance(r->entries, 1);
}
