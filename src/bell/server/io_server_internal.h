/*
 * The I/O server's parts that other files of this room see.
 */
#ifndef BELL_SERVER_IO_SERVER_INTERNAL_H
#define BELL_SERVER_IO_SERVER_INTERNAL_H

#include "bell/io_server.h"
#include "bell/server/listener.h"
#include "bell/server/server_loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BELL_IO_MAX_LOOPS = 64,
    BELL_IO_MAX_LISTENERS = 16,
    BELL_IO_OFFER = BELL_IO_MAX_LISTENERS, /* the endpoint of those who want to take over */
    BELL_IO_MAX_PROXIES = 256,
};

struct bell_resolver;
struct bell_ws_server;

enum bell_io_phase { BELL_IO_NEW, BELL_IO_STARTED, BELL_IO_ENDED };

struct bell_io_server {
    struct bell_http_server *http; /* (borrowed) NULL for clients alone */
    bell_io_options options;
    struct bell_server_loop *loops; /* (owned) loop_count of them */
    uint32_t loop_count;
    struct bell_endpoint endpoints[BELL_IO_MAX_LISTENERS + 1]; /* endpoint_count, as opened; and
                                                                  BELL_IO_OFFER */
    size_t endpoint_count;
    pthread_mutex_t listeners_lock; /* held for closing listeners and for handing them over */
    int predecessor_fd;             /* (owned) whom we take over from, until we run; -1 = nobody */
    uint32_t handover_deadline_ms;  /* how we drain when somebody has taken over */
    uint32_t handover_spread_ms;
    atomic_bool is_lent;       /* another process has, or may have, our sockets too */
    atomic_bool is_borrowed;   /* they are still another one's; files are its to remove */
    uint64_t descriptor_limit; /* RLIMIT_NOFILE of the process */
    bell_network *proxies;     /* (owned) options.trusted_proxy_count of them */
    pthread_mutex_t clients_lock;
    struct bell_ws_server *clients; /* (borrowed) under the lock; a list */
    struct bell_resolver *resolver; /* (owned) NULL until there is a client */
    enum bell_io_phase phase;
    pthread_mutex_t wait_lock; /* one thread joins the loops, others that wait too find it done */
    pthread_mutex_t others_lock;
    pthread_cond_t others_changed;
    /*
     * Loops that run beside the first one, which ends last: what is for no connection runs there,
     * and only there as long as callbacks may ask for it. Changed under the lock.
     */
    atomic_uint_fast32_t other_loops;
    atomic_uint_fast64_t connection_count;  /* of all loops */
    atomic_uint_fast32_t accepting_loops;   /* whose listeners are not closed for good */
    atomic_uint_fast32_t failed_loops;      /* that could not go on */
    atomic_int first_failure;               /* bell_status: why the first of them has */
    atomic_uint_fast64_t drain_deadline_ms; /* when the nearest one is */
    atomic_uint_fast32_t drain_spread_ms;   /* what the first call wanted */
    atomic_bool has_drain_order;            /* somebody has called, and sets the spread */
    atomic_bool must_drain;
};

/* The loop of the calling thread when it is one of this server's; else NULL. */
struct bell_server_loop *bell_io_server_loop_here(const struct bell_io_server *io);

/* So many loops but the first have ended, or will not start. */
void bell_io_server_others_ended(struct bell_io_server *io, uint32_t count);
/* Waits until all but the first have. On the first. */
void bell_io_server_await_others(struct bell_io_server *io);

/* A client of ours is made, or destroyed before we are. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_io_server_add_client(struct bell_io_server *io,
                                                     struct bell_ws_server *client);
void bell_io_server_remove_client(struct bell_io_server *io, struct bell_ws_server *client);

#endif
