/*
 * Between the files of the io_uring back end: io_uring.c has the calls of io.h, io_uring_submit.c
 * what goes to the kernel, io_uring_event.c what comes back, io_uring_buffer.c where received bytes
 * are. On the thread of the loop.
 */
#ifndef BELL_NET_IO_URING_INTERNAL_H
#define BELL_NET_IO_URING_INTERNAL_H

#include "bell/net/io_ops.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <pthread.h>

enum {
    SUBMISSIONS = 1024,
    COMPLETIONS = 8192,
    GATHERS = 64, /* sends of several pieces in one submission; more submit earlier */
    CHUNK_SLOTS = 256,
    NO_SLOT = (1 << 27) - 1,
};

/*
 * Buffers that are used up piece by piece (Linux 6.12): a few, since the ring walks through all of
 * its memory, and large, so that large messages come in one piece.
 *
 * Elsewhere each receive takes a whole one, and there are two rings: many small buffers, from which
 * every stream receives at first, and a few large ones for those that have filled a small one. Such
 * a stream goes back when LARGE_PATIENCE receives in a row would have fitted into a small one, or
 * when all large ones are in use.
 */
enum {
    PIECEWISE_BUFFERS = 4,
    PIECEWISE_BUFFER_BYTES = 256 * 1024,
    SMALL_BUFFERS = 256,
    SMALL_BUFFER_BYTES = 8 * 1024,
    LARGE_BUFFERS = 8,
    LARGE_BUFFER_BYTES = 128 * 1024,
    LARGE_PATIENCE = 4,
};

/*
 * One peer that sends without end may use up all buffers at once, and in the next turn again. So a
 * stream that has found none gets a share: one receive, of limited size, in each turn, until
 * nothing is left to receive. Those who have waited longest are first, and together they leave a
 * quarter of the buffers to all others, if they take as much as those before them did.
 */
enum {
    SHARED_BYTES = PIECEWISE_BUFFERS * PIECEWISE_BUFFER_BYTES / 4 * 3,
    LEAST_SHARE_BYTES = 32 * 1024, /* more would get less than that: some wait for the next turn */
    LEAST_TAKEN_BYTES = 1024,      /* what of a share is expected to be taken at least */
    SHARED_SMALL_BUFFERS = SMALL_BUFFERS / 4 * 3, /* where a share is a whole buffer */
};

/* Which buffers; also the kernel's number of their group. */
enum bell_uring_group {
    GROUP_COMMON, /* used up piece by piece, or small */
    GROUP_LARGE,  /* where the others are small */
    GROUPS,
};

/* Newer than the headers of Debian 12. */
enum { RING_INCREMENTAL = 2 };                /* IOU_PBUF_RING_INC */
static const uint32_t BUFFER_STAYS = 1U << 4; /* IORING_CQE_F_BUF_MORE */

/* What a completion is of: the upper bits of its user data. */
enum bell_uring_operation {
    OP_NONE,
    OP_WAKE,
    OP_ACCEPT,
    OP_RECEIVE,
    OP_RECEIVE_LARGE, /* from GROUP_LARGE */
    OP_WATCH,
    OP_SEND,
    OP_POLL,
    OP_CONNECT,
};

/* user data: [operation:4][9][generation:24][slot:27] */
enum { SLOT_BITS = 27, OPERATION_SHIFT = 60 };
static const uint32_t GENERATION_MASK = (1U << 24) - 1;

enum send_state { SEND_NONE, SEND_QUEUED, SEND_POLLING, SEND_CONNECTING };

/* Bytes that came after receiving was stopped, until it goes on. */
struct bell_uring_held {
    struct bell_io_handle *handle; /* (borrowed) whose they are */
    char *bytes;                   /* (owned) */
    size_t n;
};

/* One per connection: packed into 16 bytes. */
struct bell_uring_slot {
    union {
        struct bell_io_handle *handle; /* (borrowed) NULL while free; see bell_uring_handle_of */
        struct bell_uring_held *held;  /* (owned) with has_held */
    } u;
    uint32_t generation : 24;
    uint8_t send : 2;    /* enum send_state */
    bool is_armed : 1;   /* a multishot operation is in the kernel, or asked to end and not over */
    bool is_listed : 1;  /* to be looked at before the next wait; a closed one is free after that */
    bool is_watched : 1; /* receiving is stopped: the kernel tells when the peer is dead */
    bool is_send_watched : 1; /* a poll that goes on tells when the socket takes bytes */
    bool has_end : 1;         /* the peer's end came while receiving was stopped */
    bool has_held : 1;
    uint32_t next : SLOT_BITS;   /* while listed, or while free and not listed */
    bool is_large : 1;           /* what is armed receives from GROUP_LARGE */
    bool wants_large : 1;        /* the same of what is armed next */
    uint32_t short_receives : 2; /* in a row, from GROUP_LARGE, that would have fitted elsewhere */
    bool is_starved : 1;         /* found no buffer, and there is still something to receive */
};
static_assert(sizeof(struct bell_uring_slot) == 16, "there is one per connection");
static_assert(LARGE_PATIENCE <= 4, "short_receives counts up to the one before");

/* The buffers of one group, all of the same size; see io_uring_setup_buf_ring(3). */
struct bell_uring_buffers {
    void *ring_room;                /* (owned) NULL when there is no such group */
    struct io_uring_buf_ring *ring; /* in there, at the beginning of a page */
    char *bytes;                    /* (owned) count of buffer_bytes */
    size_t *offsets;                /* (owned) of each buffer: where the next piece begins */
    uint32_t count;
    uint32_t buffer_bytes;
};

/* A send of several pieces; the kernel reads it at submission. */
struct bell_uring_gather {
    struct msghdr message;
    struct iovec pieces[BELL_IO_MAX_PIECES];
};

struct bell_io {
    struct bell_io_base base; /* first */
    struct io_uring ring;
    struct bell_uring_buffers buffers[GROUPS];
    bool is_enabled;
    bool has_ended; /* there is no ring any more, and nothing to do but to destroy this */
    bool is_wake_armed;
    bool must_not_wait; /* sends are queued, or something is listed */
    bool has_noted_arm; /* by the number of a descriptor, and the kernel has not taken it yet */
    int wake_fd;
    uint64_t wake_count; /* the kernel reads into it */
    pthread_t owner;     /* once enabled */
    uint32_t gather_count;
    int own_fd;                   /* last one accepted: known to be blocking */
    uint64_t from_of;             /* user data of the accept that writes to from; 0 = none does */
    struct sockaddr_storage from; /* who was accepted last */
    socklen_t from_bytes;         /* room there */
    unsigned told_at;             /* place of the completion that is told */
    struct bell_uring_slot **chunks; /* (owned) of CHUNK_SLOTS each, which never move */
    uint32_t chunk_count;
    uint32_t slot_count; /* in use now or before */
    uint32_t free_slot;
    uint32_t listed;         /* first of those to be looked at, or NO_SLOT */
    uint32_t listed_last;    /* unless there is none */
    uint32_t listed_starved; /* so many of them, or fewer: some may have been closed */
    uint32_t share_bytes;    /* of a starved stream, in this turn */
    uint32_t taken_shares;   /* in the last turn */
    uint64_t taken_bytes;    /* of them */
    struct bell_uring_gather gathers[GATHERS];
};

/* ---- handles ---- */

static inline struct bell_uring_slot *bell_uring_slot_at(const struct bell_io *io, uint32_t slot)
{
    return &io->chunks[slot / CHUNK_SLOTS][slot % CHUNK_SLOTS];
}

/* Whose slot it is; NULL while free. */
static inline struct bell_io_handle *bell_uring_handle_of(const struct bell_uring_slot *s)
{
    return s->has_held ? s->u.held->handle : s->u.handle;
}

static inline uint64_t bell_uring_user_data(enum bell_uring_operation op,
                                            const struct bell_uring_slot *s)
{
    return (uint64_t)op << OPERATION_SHIFT | (uint64_t)s->generation << SLOT_BITS |
           bell_uring_handle_of(s)->slot;
}

static inline enum bell_uring_operation bell_uring_operation_of(uint64_t data)
{
    return (enum bell_uring_operation)(data >> OPERATION_SHIFT);
}

/* The slot a completion is of, NULL when its handle was closed since. */
static inline struct bell_uring_slot *bell_uring_slot_of(struct bell_io *io, uint64_t data)
{
    struct bell_uring_slot *s = bell_uring_slot_at(io, data & NO_SLOT);
    return s->generation == (data >> SLOT_BITS & GENERATION_MASK) && bell_uring_handle_of(s) != NULL
               ? s
               : NULL;
}

/* The kind of the operation that goes on until stopped. */
static inline enum bell_uring_operation bell_uring_shot_of(const struct bell_uring_slot *s)
{
    return bell_uring_handle_of(s)->kind == BELL_IO_LISTENER ? OP_ACCEPT
           : s->is_large                                     ? OP_RECEIVE_LARGE
                                                             : OP_RECEIVE;
}

/* A slot for a handle. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_uring_slot_take(struct bell_io *io, struct bell_io_handle *h);
void bell_uring_slot_give(struct bell_io *io, struct bell_io_handle *h);
/* To be looked at before the next wait (bell_uring_look_at_listed), after those who are listed. */
void bell_uring_list(struct bell_io *io, struct bell_uring_slot *s);
/* The next one of a list that still has a handle, which is not listed any more; NULL at the end. */
struct bell_uring_slot *bell_uring_unlist(struct bell_io *io, uint32_t *list);

/* ---- what goes to the kernel ---- */

/* After these errors of io_uring_enter what was noted is still there, and may be taken later. */
static inline bool bell_uring_may_go_on(int error)
{
    return error == EAGAIN || error == EBUSY || error == EINTR || error == ETIME;
}

/* Has everything that was noted been taken by the kernel? */
static inline bool bell_uring_is_submitted(const struct bell_io *io)
{
    return io_uring_sq_ready(&io->ring) == 0;
}

/* It has. */
static inline void bell_uring_note_submitted(struct bell_io *io)
{
    io->gather_count = 0;
    io->has_noted_arm = false;
}

/*
 * Everything that is noted goes to the kernel, without waiting for anything but memory in the
 * kernel. Afterwards sends are over and nothing of ours is referred to. BELL_EIO.
 */
bell_status bell_uring_submit(struct bell_io *io);
/* Room for one operation. NULL: before the ring is enabled and full, or the kernel takes nothing.
 */
struct io_uring_sqe *bell_uring_next_sqe(struct bell_io *io);
/* Receives, or accepts, until cancelled; or once, when it is starved. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_uring_arm(struct bell_io *io, struct bell_uring_slot *s);
/* The last completion of op, which says that it was cancelled, still comes. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_uring_cancel(struct bell_io *io, enum bell_uring_operation op,
                                             const struct bell_uring_slot *s);
/*
 * That the peer has ended its half (POLLRDHUP) ends every poll of a ring, whatever it is for, and a
 * new one at once: whoever polled again and again would spin. So after that one poll goes on, which
 * tells each change once.
 */
enum bell_uring_poll { POLL_ONCE, POLL_ON };
/* Tells when the socket takes bytes again. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_uring_poll_arm(struct bell_io *io, struct bell_uring_slot *s,
                                               enum bell_uring_poll how);
/* A stream: tells when the socket is dead in both directions, while nothing is received. A
 * listener: when there may be somebody to accept. */
void bell_uring_watch(struct bell_io *io, struct bell_uring_slot *s, enum bell_uring_poll how);
void bell_uring_wake_arm(struct bell_io *io);

/* ---- what comes back ---- */

void bell_uring_on_completion(struct bell_io *io, const struct io_uring_cqe *cqe);
/* Those that want to be armed again, or have something held to tell. */
void bell_uring_look_at_listed(struct bell_io *io);
void bell_uring_held_drop(struct bell_uring_slot *s);

/* ---- buffers ---- */

/* Registers them with the ring; buffers_free is due also when this fails. BELL_ENOMEM,
 * BELL_ENOTSUP. */
BELL_NODISCARD bell_status bell_uring_buffers_create(struct bell_io *io);
/* After the ring has gone. */
void bell_uring_buffers_free(struct bell_io *io);
/* Does a stream choose between the groups? */
static inline bool bell_uring_has_large(const struct bell_io *io)
{
    return io->buffers[GROUP_LARGE].ring_room != NULL;
}
/* Where the bytes of this completion are. */
char *bell_uring_buffer_bytes(struct bell_io *io, const struct io_uring_cqe *cqe);
/* The bytes of this completion have been used. */
void bell_uring_buffer_used(struct bell_io *io, const struct io_uring_cqe *cqe);

#endif
