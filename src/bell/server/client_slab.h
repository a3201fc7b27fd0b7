/*
 * Client slab: the slots of a loop's outgoing connections.
 *
 * Any thread may begin a connect and is given a handle at once, so slots are numbered under a lock;
 * the connections themselves are touched by the loop thread alone. Chunks double in size, so that
 * their table is small and never moves; memory that was never used is not touched.
 */
#ifndef BELL_SERVER_CLIENT_SLAB_H
#define BELL_SERVER_CLIENT_SLAB_H

#include "bell/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bell_connection;

enum {
    BELL_CLIENT_SLOT = 1 << 23, /* the bit of a slot number that tells these from accepted ones */
    BELL_CLIENT_FIRST_CHUNK = 256, /* connections of the first chunk */
    BELL_CLIENT_CHUNKS = 15,       /* all of them: 8,388,352 connections */
};

struct bell_client_slab {
    pthread_mutex_t lock;
    _Atomic(struct bell_connection *) chunks[BELL_CLIENT_CHUNKS]; /* (owned) NULL until needed */
    struct bell_connection *free_slots;                           /* under the lock */
    atomic_uint_fast32_t used; /* slots ever given out; changes under the lock */
};

/* What names a connection before the loop has heard of it. */
typedef struct {
    uint32_t slot;
    uint32_t generation;
} bell_client_place;

/* A zeroed slab, to begin with. */
void bell_client_slab_init(struct bell_client_slab *slab);
/* Frees all connections. */
void bell_client_slab_finish(struct bell_client_slab *slab);
/* Any thread. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_client_slab_take(struct bell_client_slab *slab,
                                                 bell_client_place *out);
/* The connection of a slot number, free or not; NULL for one that was never used. */
struct bell_connection *bell_client_slab_at(const struct bell_client_slab *slab, uint32_t slot);
/* Calls visit for every connection in use; visit may close any of them. */
void bell_client_slab_each(struct bell_client_slab *slab,
                           void (*visit)(struct bell_connection *c, void *user), void *user);
/* Back to the slab: its handles are stale from now on. Loop thread, or any once that has ended. */
void bell_client_slab_give(struct bell_client_slab *slab, struct bell_connection *c, uint32_t slot);

#endif
