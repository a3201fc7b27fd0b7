/*
 * A ring of io_uring with a group of provided buffers, as load and raw-uring use it.
 *
 * One thread. Whatever the kernel refuses here ends the program with a message: these programs have
 * nothing to fall back on. See io_uring_enter(2) and io_uring_setup_buf_ring(3).
 */
#ifndef WS_RING_H
#define WS_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

enum { RING_BUFFER_GROUP = 1 };

/* Newer than the headers of Debian 12: of a receive, "more will come into this buffer". */
static const uint32_t RING_BUFFER_STAYS = 1U << 4; /* IORING_CQE_F_BUF_MORE */

struct ring {
    struct io_uring uring;
    struct io_uring_buf_ring *entries; /* (owned) */
    char *memory;                      /* (owned) buffer_count times buffer_bytes */
    uint32_t buffer_count;             /* a power of two */
    uint32_t buffer_bytes;
    bool is_incremental; /* a buffer is filled piece by piece (Linux 6.12) */
};

struct ring_buffers {
    uint32_t count;
    uint32_t bytes;
};

/*
 * Opens the ring, submissions entries of one submission and completions of room for results, with
 * buffers. large, unless NULL, is taken where the kernel fills buffers piece by piece.
 */
void ring_open(struct ring *r, uint32_t submissions, uint32_t completions,
               struct ring_buffers buffers, const struct ring_buffers *large);
void ring_close(struct ring *r);

/* An empty entry; submits what there is when they are all taken. */
struct io_uring_sqe *ring_entry(struct ring *r);
/* Receives from a socket again and again, each time into a provided buffer. */
void ring_receive(struct ring *r, int fd, uint64_t user_data);
/* Accepts again and again. */
void ring_accept(struct ring *r, int fd, uint64_t user_data);
/* Submits, then waits for a completion, but not beyond timeout_ns (0 = for ever). */
void ring_turn(struct ring *r, uint64_t timeout_ns);

/* The buffer of a receive's completion, and giving it back. */
uint16_t ring_buffer_id(const struct io_uring_cqe *cqe);
char *ring_buffer(const struct ring *r, uint16_t id);
void ring_give_back(struct ring *r, uint16_t id);

#endif
