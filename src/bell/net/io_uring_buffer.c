/*
 * io_uring: the buffers in which the kernel puts what connections receive. All share them; see
 * io_uring_setup_buf_ring(3).
 */
#include "bell/net/io_uring_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

static char *buffer_at(const struct bell_io *io, uint32_t id)
{
    return io->buffers + (size_t)id * io->buffer_bytes;
}

static void buffer_give(struct bell_io *io, uint32_t id)
{
    io->offsets[id] = 0;
    io_uring_buf_ring_add(io->buffer_ring, buffer_at(io, id), io->buffer_bytes, (uint16_t)id,
                          io_uring_buf_ring_mask(io->buffer_count), 0);
    io_uring_buf_ring_advance(io->buffer_ring, 1);
}

static bell_status buffers_register(struct bell_io *io, bool is_incremental)
{
    /* As struct io_uring_buf_reg, with the flags that older headers call padding. */
    struct {
        uint64_t address;
        uint32_t entries;
        uint16_t group;
        uint16_t flags;
        uint64_t reserved[3];
    } ask = {
        .address = (uint64_t)(uintptr_t)io->buffer_ring,
        .entries = is_incremental ? LARGE_BUFFERS : SMALL_BUFFERS,
        .group = BUFFER_GROUP,
        .flags = is_incremental ? RING_INCREMENTAL : 0,
    };
    static_assert(sizeof ask == sizeof(struct io_uring_buf_reg), "the kernel's layout");
    struct io_uring_buf_reg reg;
    memcpy(&reg, &ask, sizeof reg);
    return io_uring_register_buf_ring(&io->ring, &reg, 0) == 0 ? BELL_OK : BELL_ENOTSUP;
}

bell_status bell_uring_buffers_create(struct bell_io *io)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room = bell_mem_alloc(page + SMALL_BUFFERS * sizeof(struct io_uring_buf));
    if (room == NULL) {
        return BELL_ENOMEM;
    }
    io->buffer_ring_room = room;
    io->buffer_ring = (void *)(room + (page - (uintptr_t)room % page) % page);
    io->is_incremental = true;
    bell_status st = buffers_register(io, true);
    if (st != BELL_OK) {
        io->is_incremental = false;
        st = buffers_register(io, false);
    }
    if (st != BELL_OK) {
        return st;
    }
    io->buffer_count = io->is_incremental ? LARGE_BUFFERS : SMALL_BUFFERS;
    io->buffer_bytes = io->is_incremental ? LARGE_BUFFER_BYTES : SMALL_BUFFER_BYTES;
    size_t all_bytes = (size_t)io->buffer_count * io->buffer_bytes;
    io->buffers = bell_mem_alloc(all_bytes);
    io->offsets = bell_mem_zalloc_array(io->buffer_count, sizeof *io->offsets);
    if (io->buffers == NULL || io->offsets == NULL) {
        return BELL_ENOMEM;
    }
    /* The ring walks through all of it soon: let that be paid now, not by the first messages. */
    memset(io->buffers, 0, all_bytes);
    io_uring_buf_ring_init(io->buffer_ring);
    for (uint32_t i = 0; i < io->buffer_count; i++) {
        buffer_give(io, i);
    }
    return BELL_OK;
}

char *bell_uring_buffer_bytes(const struct bell_io *io, const struct io_uring_cqe *cqe)
{
    uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    return buffer_at(io, id) + io->offsets[id];
}

void bell_uring_buffer_used(struct bell_io *io, const struct io_uring_cqe *cqe)
{
    uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    if (io->is_incremental && (cqe->flags & BUFFER_STAYS) != 0) {
        io->offsets[id] += (size_t)cqe->res;
    } else {
        buffer_give(io, id);
    }
}

void bell_uring_buffers_free(struct bell_io *io)
{
    bell_mem_free(io->offsets);
    bell_mem_free(io->buffers);
    bell_mem_free(io->buffer_ring_room);
}
