/*
 * Out queue: what waits to be sent to one peer, in order.
 *
 * Frames come whole. Small ones that only this peer gets are put together in one piece of memory;
 * shared ones are queued by reference. Frames that may be given up or replaced while they wait
 * stand alone. An empty queue holds no memory; a full one 4 GiB. Most queues live for one turn of
 * their loop, which is why it keeps some of their memory in a pool. Belongs to its stream's loop
 * thread; so does the pool.
 */
#ifndef BELL_NET_OUT_QUEUE_H
#define BELL_NET_OUT_QUEUE_H

#include "bell/net/blob.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct bell_out_node;

struct bell_out_queue {
    struct bell_out_node *tail; /* (owned) last of a ring, so its next is the first; NULL: empty */
    uint32_t bytes;             /* waiting, what is sent of the first left out */
    uint32_t frames;            /* waiting or partly sent */
};

/* Memory that is free. */
struct bell_out_free {
    struct bell_out_node *first; /* (owned) and so all of the list */
    uint32_t count;
};

/* What queues use again; 336 KiB at most. All 0 at first. */
struct bell_out_pool {
    struct bell_out_free chunks; /* for copied frames */
    struct bell_out_free shared; /* for frames that many get */
};

void bell_out_pool_finish(struct bell_out_pool *pool);

void bell_out_queue_finish(struct bell_out_pool *pool, struct bell_out_queue *q);
bool bell_out_queue_is_empty(const struct bell_out_queue *q);
/*
 * Appends head and payload as one frame, copied. BELL_ENOMEM: nothing was appended, for want of
 * memory or since it would be 4 GiB.
 */
BELL_NODISCARD bell_status bell_out_queue_copy(struct bell_out_pool *pool, struct bell_out_queue *q,
                                               bell_slice head, bell_slice payload);
/* The same without the bytes: the caller writes all size bytes at *out before its next call. */
BELL_NODISCARD bell_status bell_out_queue_reserve(struct bell_out_pool *pool,
                                                  struct bell_out_queue *q, size_t size,
                                                  char **out);
/* Appends a blob of so many frames that others share: takes a reference of its own. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_out_queue_share(struct bell_out_pool *pool,
                                                struct bell_out_queue *q, struct bell_blob *blob,
                                                uint32_t frames);
/*
 * Appends a frame that stands alone; takes a reference of its own. key (0 = none) is a hash by
 * which replace finds it; may_drop: make_room may give it up. BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_out_queue_put(struct bell_out_pool *pool, struct bell_out_queue *q,
                                              struct bell_blob *blob, uint64_t key, bool may_drop);
/*
 * Puts the blob in the place of the frame with this key (not 0), if one waits that is not begun and
 * the queue has no more than max_bytes then; false, and nothing is done, else. begun: so many of
 * the first pieces that gather gave the kernel may be reading.
 */
bool bell_out_queue_replace(struct bell_out_queue *q, struct bell_blob *blob, uint64_t key,
                            int begun, size_t max_bytes);
/*
 * Gives up the oldest frames that may be, as many as are needed to have so many bytes and frames
 * less; none when all of them would not do. Returns how many.
 */
uint32_t bell_out_queue_make_room(struct bell_out_pool *pool, struct bell_out_queue *q, int begun,
                                  size_t bytes, uint32_t frames);
/* The first bytes to send, at most max pieces. Returns the count. Valid until the next call. */
int bell_out_queue_gather(const struct bell_out_queue *q, struct iovec *pieces, int max);
/* So many bytes of what was gathered have been taken. */
void bell_out_queue_consume(struct bell_out_pool *pool, struct bell_out_queue *q, size_t count);
/* What waits now is kept by later drops: the peer needs it to understand anything behind it. */
void bell_out_queue_keep(struct bell_out_queue *q);
/* Nothing waits but what is kept, or nothing at all. */
bool bell_out_queue_is_kept(const struct bell_out_queue *q);
/* The same for what gather gave as the first so many pieces: the kernel may be reading it. */
void bell_out_queue_keep_first(struct bell_out_queue *q, int pieces);
/* How many of the first pieces the first so many bytes are in. */
int bell_out_queue_pieces(const struct bell_out_queue *q, size_t bytes);
/*
 * Drops everything behind the memory that is partly sent and behind what is kept, so that what
 * follows begins at a frame boundary.
 */
void bell_out_queue_drop_unsent(struct bell_out_pool *pool, struct bell_out_queue *q);

#endif
