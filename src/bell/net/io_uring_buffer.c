/*
 * io_uring: the buffers in which the kernel puts what connections receive. All share them; see
 * io_uring_setup_buf_ring(3).
 */
#include "bell/net/io_uring_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct bell_uring_buffers *buffers_of(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    return &io->buffers[bell_uring_operation_of(cqe->user_data) == OP_RECEIVE_LARGE ? GROUP_LARGE
                                                                                    : GROUP_COMMON];
}

static char *buffer_at(const struct bell_uring_buffers *b, uint32_t id)
{
    return b->bytes + (size_t)id * b->buffer_bytes;
}

static void buffer_give(struct bell_uring_buffers *b, uint32_t id)
{
    b->offsets[id] = 0;
    io_uring_buf_ring_add(b->ring, buffer_at(b, id), b->buffer_bytes, (uint16_t)id,
                          io_uring_buf_ring_mask(b->count), 0);
    io_uring_buf_ring_advance(b->ring, 1);
}

static bell_status ring_register(struct bell_io *io, enum bell_uring_group group, uint16_t flags)
{
    /* As struct io_uring_buf_reg, with the flags that older headers call padding. */
    struct {
        uint64_t address;
        uint32_t entries;
        uint16_t group;
        uint16_t flags;
        uint64_t reserved[3];
    } ask = {
        .address = (uint64_t)(uintptr_t)io->buffers[group].ring,
        .entries = io->buffers[group].count,
        .group = (uint16_t)group,
        .flags = flags,
    };
    static_assert(sizeof ask == sizeof(struct io_uring_buf_reg), "the kernel's layout");
    struct io_uring_buf_reg reg;
    memcpy(&reg, &ask, sizeof reg);
    return io_uring_register_buf_ring(&io->ring, &reg, 0) == 0 ? BELL_OK : BELL_ENOTSUP;
}

static bell_status ring_room_create(struct bell_uring_buffers *b)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room = bell_mem_alloc(page + b->count * sizeof(struct io_uring_buf));
    if (room == NULL) {
        return BELL_ENOMEM;
    }
    b->ring_room = room;
    b->ring = (void *)(room + (page - (uintptr_t)room % page) % page);
    return BELL_OK;
}

/* Registers a group and gives all of its buffers to the kernel. On failure group_free is due. */
static bell_status group_create(struct bell_io *io, enum bell_uring_group group, uint32_t count,
                                uint32_t buffer_bytes, uint16_t flags)
{
    struct bell_uring_buffers *b = &io->buffers[group];
    *b = (struct bell_uring_buffers){.count = count, .buffer_bytes = buffer_bytes};
    bell_status st = ring_room_create(b);
    if (st == BELL_OK) {
        st = ring_register(io, group, flags);
    }
    if (st != BELL_OK) {
        return st;
    }
    b->bytes = bell_mem_alloc((size_t)count * buffer_bytes);
    b->offsets = bell_mem_zalloc_array(count, sizeof *b->offsets);
    if (b->bytes == NULL || b->offsets == NULL) {
        return BELL_ENOMEM;
    }
    io_uring_buf_ring_init(b->ring);
    for (uint32_t i = 0; i < count; i++) {
        buffer_give(b, i);
    }
    return BELL_OK;
}

static void group_free(struct bell_uring_buffers *b)
{
    bell_mem_free(b->bytes);
    bell_mem_free(b->offsets);
    bell_mem_free(b->ring_room);
    *b = (struct bell_uring_buffers){0};
}

/* For tests and measurements: as before Linux 6.12. */
static bool is_piecewise_allowed(void)
{
    const char *without = getenv("BELL_URING_WITHOUT");
    return without == NULL || strcmp(without, "incremental") != 0;
}

bell_status bell_uring_buffers_create(struct bell_io *io)
{
    bell_status st = BELL_ENOTSUP;
    if (is_piecewise_allowed()) {
        st = group_create(io, GROUP_COMMON, PIECEWISE_BUFFERS, PIECEWISE_BUFFER_BYTES,
                          RING_INCREMENTAL);
    }
    if (st == BELL_ENOTSUP) {
        group_free(&io->buffers[GROUP_COMMON]);
        st = group_create(io, GROUP_COMMON, SMALL_BUFFERS, SMALL_BUFFER_BYTES, 0);
        if (st == BELL_OK) {
            st = group_create(io, GROUP_LARGE, LARGE_BUFFERS, LARGE_BUFFER_BYTES, 0);
        }
    }
    if (st == BELL_OK) {
        /* The ring walks through all of it soon: let that be paid now, not by the first messages.
         * The large ones may never be needed. */
        struct bell_uring_buffers *common = &io->buffers[GROUP_COMMON];
        memset(common->bytes, 0, (size_t)common->count * common->buffer_bytes);
    }
    return st;
}

char *bell_uring_buffer_bytes(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    const struct bell_uring_buffers *b = buffers_of(io, cqe);
    uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    return buffer_at(b, id) + b->offsets[id];
}

void bell_uring_buffer_used(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    struct bell_uring_buffers *b = buffers_of(io, cqe);
    uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    if ((cqe->flags & BUFFER_STAYS) != 0) {
        b->offsets[id] += (size_t)cqe->res;
    } else {
        buffer_give(b, id);
    }
}

void bell_uring_buffers_free(struct bell_io *io)
{
    for (size_t i = 0; i < GROUPS; i++) {
        group_free(&io->buffers[i]);
    }
}
