/*
 * Peer: what sessions of visitors and agents have in common: the connection, its allowance, what is
 * under way for it.
 *
 * A peer is embedded first in its session. It is counted: the connection holds one reference, every
 * item under way another, so that items may read what does not change any more after the session
 * has become ready. All else belongs to the loop thread of the connection.
 */
#ifndef DESK_GATEWAY_PEER_H
#define DESK_GATEWAY_PEER_H

#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws_server.h"
#include "desk/gateway/bucket.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gateway;

/* Close codes of the protocol; 4000-4999 are the application's (RFC 6455 section 7.4.2). */
enum { CLOSE_MISUSE = 4400, CLOSE_SESSION_ENDED = 4401 };
/* When the work of others must end first there is no better answer than "in a moment". */
enum { PEER_BUSY_RETRY_MS = 500 };

/* Why a command of a peer goes no further. */
enum peer_verdict { PEER_MAY, PEER_RATE, PEER_BUSY };

struct peer {
    struct gateway *gateway;   /* (borrowed) */
    struct bell_ws_server *ws; /* (borrowed) */
    bell_conn conn;
    atomic_uint references;
    atomic_uint under_way; /* items given to work and not answered */
    uint32_t under_way_max;
    struct bucket bucket;
    struct misuse misuse;
    uint32_t rate_refusals;             /* since it was opened */
    void (*destroy)(struct peer *peer); /* frees the session when nobody refers to it any more */
};

void peer_init(struct peer *peer, struct gateway *gateway, struct bell_ws_server *ws,
               bell_conn conn, uint32_t under_way_max, void (*destroy)(struct peer *peer));
void peer_ref(struct peer *peer);
void peer_unref(struct peer *peer);

/* Takes the command off the allowance. *wait_ms is set for PEER_RATE and PEER_BUSY. Loop thread. */
enum peer_verdict peer_may_command(struct peer *peer, uint64_t *wait_ms);
/* Counts a broken rule; closes with 4400 when it was one too many. Loop thread. */
void peer_count_misuse(struct peer *peer);
/* A good command makes good for a bad one. Loop thread. */
void peer_forgive(struct peer *peer);

/*
 * An item was given to work for this peer, and it was answered. begin on the loop thread, end on
 * any; the item holds the peer in between.
 */
void peer_begin(struct peer *peer);
void peer_end(struct peer *peer);

/*
 * Text of a header field for keeping: printable ASCII, other bytes become "?", cut to max bytes.
 * (owned) NULL when out of memory.
 */
char *peer_copy_field(bell_slice value, size_t max);

/* Sends text; a peer that has gone is no news. Any thread. */
void peer_send(const struct peer *peer, bell_slice text);
/* Any thread. */
void peer_close(const struct peer *peer, uint16_t code, bell_slice reason);

#endif
