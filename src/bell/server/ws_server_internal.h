/*
 * The WebSocket server's parts that other files of this room see.
 */
#ifndef BELL_SERVER_WS_SERVER_INTERNAL_H
#define BELL_SERVER_WS_SERVER_INTERNAL_H

#include "base/counter.h"
#include "bell/guard.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/ws_packer.h"
#include "bell/server/ws_retained.h"
#include "bell/ws/assembler.h"
#include "bell/ws/frame.h"
#include "bell/topic/topic.h"
#include "bell/ws_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum {
    BELL_WS_TOPIC_FILTER = 1024,
    BELL_WS_MAX_GUARDS = 16,
    BELL_WS_MAX_SUBPROTOCOLS = 64,
    /* Messages of other threads that wait for one loop; one alone may be larger. */
    BELL_WS_MAX_MAIL_BYTES = 64 * 1024 * 1024,
    BELL_WS_MAX_REQUEST_BYTES = 64 * 1024, /* of a client */
    BELL_WS_KEY_STOCK = 256,
    BELL_WS_MAX_NAMED_TOPICS = 32,
    BELL_WS_MAX_TOPIC_RULES = 32,
    BELL_WS_PATH_BYTES = 128,
    BELL_CLOSE_ORIGINS = 3,       /* bell_close_origin */
    BELL_CLOSE_FIRST_CODE = 1000, /* RFC 6455 section 7.4.1 */
    BELL_CLOSE_CODES = 16,
};

struct bell_ws_connect;

/* What one loop holds for one WebSocket server. */
struct bell_ws_loop {
    struct bell_topic_table *topics;        /* (owned) loop thread, but for counts */
    struct bell_ws_retained_table retained; /* loop thread */
    /*
     * How many subscriptions this loop has, by topic hash: publishers on other threads skip loops
     * where nobody can hear them. Counted before a subscription is told to anybody, so that what is
     * published after it can be known is never skipped.
     */
    atomic_uint_fast32_t subscriptions[BELL_WS_TOPIC_FILTER];
    atomic_uint_fast64_t connections;
    struct bell_ws_packer packer; /* loop thread */
    struct bell_blob *ping;       /* (owned) the frame of every heartbeat; NULL of a client */
    /* Of a client, loop thread: masking keys in stock, and the connect whose on_open is running. */
    uint8_t keys[BELL_WS_KEY_STOCK][BELL_WS_KEY_BYTES];
    uint32_t keys_left;
    const struct bell_ws_connect *opening; /* (borrowed) NULL when none is */
    struct bell_ws_server *ws;             /* (borrowed) whose it is */
    /* Written by the loop thread, read by any (bell_ws_stats, bell/metrics.h). */
    bell_counter high_marks;
    bell_counter replaced;
    bell_counter dropped;
    bell_counter slow_receivers;
    bell_counter opened;
    bell_counter received;
    bell_counter received_bytes;
    bell_counter sent;
    bell_counter sent_bytes;
    bell_counter timeouts;
    bell_counter closes[BELL_CLOSE_ORIGINS][BELL_CLOSE_CODES + 1]; /* the last: other codes */
    struct {
        bell_counter subscribers;
        bell_counter delivered;
    } named_topics[BELL_WS_MAX_NAMED_TOPICS];
    char behind[64]; /* the next loop's begin on another cache line */
};

/* A topic whose numbers are kept. */
struct bell_ws_named_topic {
    bell_slice name; /* (owned) */
    uint64_t hash;
    atomic_uint_fast64_t published; /* by any thread */
};

/* What is usual for a topic's messages. */
struct bell_ws_topic_rule {
    uint64_t hash; /* of the name */
    bell_ws_topic_options options;
};

struct bell_ws_server {
    struct bell_component component;
    bell_ws_options options;  /* the queue's are complete */
    bell_ws_limits limits;    /* the same, for assemblers */
    bell_slice *subprotocols; /* (owned) texts too */
    size_t subprotocol_count;
    struct bell_guard *guards[BELL_WS_MAX_GUARDS]; /* (owned) */
    size_t guard_count;
    struct bell_io_server *io;  /* (borrowed) NULL until an I/O server is made */
    struct bell_ws_loop *loops; /* (owned) one per loop of io */
    uint32_t loop_count;
    /*
     * The lock is held to change what is retained: checking limits, taking what may fail, and
     * posting to all loops, so that all have the same values in the end. Never with another one but
     * those of mailboxes inside.
     */
    pthread_mutex_t retained_lock;
    struct bell_ws_retained_table retained; /* under the lock; without messages */
    uint64_t retained_sequence;             /* under the lock */
    atomic_size_t retained_count;           /* written under the lock */
    atomic_size_t retained_bytes;
    struct bell_ws_named_topic named_topics[BELL_WS_MAX_NAMED_TOPICS];
    size_t named_topic_count;
    struct bell_ws_topic_rule topic_rules[BELL_WS_MAX_TOPIC_RULES];
    size_t topic_rule_count;
    char path[BELL_WS_PATH_BYTES]; /* the first pattern it was mounted at, as far as it fits */
    /* Of a client (ws_client.h). */
    bool is_client;
    uint32_t connect_timeout_ms;
    uint32_t max_head_bytes;
    uint32_t max_header_count;
    struct bell_tls_client *tls;         /* (borrowed) NULL until there is one */
    struct bell_tls_client *default_tls; /* (owned) made by us, under the I/O server's lock */
    atomic_uint_fast32_t next_loop;
    struct bell_ws_server *next_client; /* of the I/O server's list */
};

/* The I/O server is made: room per loop. BELL_ENOMEM, BELL_ESTATE bound to one already. */
BELL_NODISCARD bell_status bell_ws_server_bind(struct bell_ws_server *ws,
                                               struct bell_io_server *io);
/* 1 + the index of a name in the list of sub-protocols; 0 = it is not there. */
uint8_t bell_ws_server_subprotocol(const struct bell_ws_server *ws, bell_slice name);
/* The I/O server is gone. */
void bell_ws_server_unbind(struct bell_ws_server *ws);
/* A subscription of this loop has ended. */
void bell_ws_server_forget_subscription(uint64_t hash, void *ws_loop);

/* The connection of a handle that is a WebSocket of this server, on its own loop thread; else NULL.
 */
struct bell_connection *bell_ws_server_find_mine(const struct bell_ws_server *ws, bell_conn conn);
/* The loop of the calling thread when it is one of this server's; else NULL. */
struct bell_server_loop *bell_ws_server_loop_here(const struct bell_ws_server *ws);

#endif
