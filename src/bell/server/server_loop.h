/*
 * What one loop thread of the I/O server has: its listeners and its connections.
 *
 * Connections live in chunks that never move and are never given back, so that a slot number finds
 * them and idle memory is nothing but the struct.
 */
#ifndef BELL_SERVER_SERVER_LOOP_H
#define BELL_SERVER_SERVER_LOOP_H

#include "base/compiler.h"
#include "base/counter.h"
#include "bell/http/date.h"
#include "bell/net/loop.h"
#include "bell/net/timer.h"
#include "bell/server/client_slab.h"
#include "bell/server/connection.h"
#include "bell/server/drain.h"
#include "bell/server/ws_batch.h"
#include "bell/server/ws_rest.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BELL_SLAB_CHUNK = 256,                /* connections of one chunk */
    BELL_SLAB_MAX_CHUNKS = (1 << 15) - 1, /* slots have 23 bits and one that says client */
    /* Tasks that wait for one loop: some 40 MiB of mails, and what they refer to. */
    BELL_MAX_TASKS = 256 * 1024,
    /* Tasks that run one within the other, since each gives another to a loop that has ended. */
    BELL_MAX_NESTED_TASKS = 64,
    /* When half of so many connections have gone the memory they leave is worth looking for. */
    BELL_CROWD_MIN = 16,
};

struct bell_io_server;
struct bell_listener;
struct bell_taker;

/* Of accepted connections; written by the loop thread, read by any. */
struct bell_server_counters {
    bell_counter opened;
    bell_counter closed; /* of those */
    bell_counter refused;
    bell_counter accept_failures;
};

struct bell_server_loop {
    struct bell_loop loop;
    struct bell_io_server *server;   /* (borrowed) */
    struct bell_listener *listeners; /* (owned) a list */
    uint32_t deal_next;              /* the loop that gets the next connection of a shared socket */
    struct bell_timer accept_timer;  /* accepts again after a failure */
    struct bell_timer crowd_timer;   /* gives back the memory of a crowd that has left */
    uint32_t crowd;                  /* the most connections since it was given back last */
    struct bell_drain drain;
    struct bell_taker *taker;        /* (owned) who takes over from this server; NULL = nobody */
    struct bell_connection **chunks; /* (owned) chunk_count of BELL_SLAB_CHUNK connections */
    size_t chunk_count;
    struct bell_connection *free_slots;
    struct bell_client_slab clients; /* those that we have opened ourselves */
    uint32_t open_count;             /* connections in use */
    /* Of messages that other threads have sent and this loop has not delivered yet; and how many
     * tasks, of any thread, it has not run yet. */
    atomic_size_t mail_bytes;
    atomic_size_t task_count;
    /* Connections that other loops have accepted for this one and are on their way. */
    atomic_uint_fast32_t dealt_count;
    struct bell_server_counters counters;
    bool is_draining;
    struct bell_http_date_cache date;
    struct bell_http_session *spare_http; /* (owned) for the next request; NULL = none */
    uint32_t deferrals; /* of requests, until now: each has its number. It comes round in time */
    struct bell_ws_batch batch;
    struct bell_ws_rest_line rests;
};

/* Whose connection it is. */
static inline struct bell_server_loop *bell_server_loop_of(const struct bell_connection *c)
{
    return BELL_CONTAINER_OF(c->stream.loop, struct bell_server_loop, loop);
}

/* Before anything is queued behind what has been published, or who receives it changes. */
static inline void bell_server_loop_settle(struct bell_server_loop *home)
{
    if (home->batch.count > 0) {
        bell_ws_batch_deliver(home);
    }
}

/* Accepted connections and a client's are found, walked and given back the same way. */

/* A free connection, zeroed but for slot and generation; NULL without memory. */
struct bell_connection *bell_slab_take(struct bell_server_loop *home);
/* Back to the slab; its handles are stale from now on. */
void bell_slab_give(struct bell_server_loop *home, struct bell_connection *c);
/* The slot's connection, free or not; NULL for a number that was never used. */
struct bell_connection *bell_slab_at(const struct bell_server_loop *home, uint32_t slot);
/* Calls visit for every connection in use; visit may close any of them. */
void bell_slab_each(struct bell_server_loop *home,
                    void (*visit)(struct bell_connection *c, void *user), void *user);
void bell_slab_finish(struct bell_server_loop *home);

/* Of the slab: numbers of connections that are or have been, from 1. */
uint32_t bell_slab_slots(const struct bell_server_loop *home);

/* A listener has a connection; takes fd over. */
void bell_server_loop_accept(struct bell_server_loop *home, const struct bell_listener *listener,
                             int fd, const bell_address *peer);
/* Opens a connection of an accepted socket, which has been counted. Takes fd over. */
void bell_server_loop_take(struct bell_server_loop *home, uint8_t endpoint, int fd,
                           const bell_address *peer);
/* One that was counted could not be opened. */
void bell_server_loop_on_refused(struct bell_server_loop *home);
/* A connection is gone: the count, and the end of a drain. */
void bell_server_loop_on_closed(struct bell_server_loop *home);

/* May one more task be posted to this loop? It counts until it has run, or is not posted after all.
 * Any thread. */
bool bell_server_loop_task_begin(struct bell_server_loop *home);
void bell_server_loop_task_end(struct bell_server_loop *home);

/* The loops' callbacks (struct bell_loop); user is the bell_server_loop. */
extern const bell_loop_events bell_server_loop_events;

#endif
