/*
 * Peer: what sessions of visitors and agents have in common: the connection, its allowance, what is
 * under way for it.
 *
 * A peer is embedded first in its session, which is the connection's user pointer. It is counted:
 * the connection holds one reference, every item under way another, so that items may read what
 * does not change any more after the session has become ready. All else belongs to the loop thread
 * of the connection.
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

struct decode_failure;
struct gateway;
struct outcome;
struct peer;
struct reply_to;

/* Close codes of the protocol; 4000-4999 are the application's (RFC 6455 section 7.4.2). */
enum { CLOSE_MISUSE = 4400, CLOSE_SESSION_ENDED = 4401 };
/* When the work of others must end first there is no better answer than "in a moment". */
enum { PEER_BUSY_RETRY_MS = 500 };

/* What visitors and agents have each of their own. */
struct peer_kind {
    void (*destroy)(struct peer *peer); /* frees the session when nobody refers to it any more */
    /* Decodes a command and carries it out if peer_admit lets it through. BELL_EPROTO, with why: it
     * cannot be decoded; BELL_ENOMEM. */
    bell_status (*take)(struct peer *peer, bell_slice text, struct decode_failure *why);
    void (*refuse)(struct peer *peer, struct reply_to to, struct outcome outcome);
    void (*refuse_text)(struct peer *peer, const struct decode_failure *why);
};

struct peer {
    const struct peer_kind *kind; /* (static) */
    struct gateway *gateway;      /* (borrowed) */
    struct bell_ws_server *ws;    /* (borrowed) */
    bell_conn conn;
    atomic_uint references;
    atomic_uint under_way; /* items given to work and not answered */
    uint32_t under_way_max;
    struct bucket bucket;
    struct misuse misuse;
    uint32_t rate_refusals; /* since it was opened */
};

void peer_init(struct peer *peer, const struct peer_kind *kind, struct gateway *gateway,
               struct bell_ws_server *ws, bell_conn conn, uint32_t under_way_max);
void peer_ref(struct peer *peer);
void peer_unref(struct peer *peer);

/*
 * Component callback, whose user is the gateway: a message becomes a command. What cannot be
 * decoded is refused; who goes on with that is closed with 4400.
 */
void peer_on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                     void *user);
/*
 * Takes a command off the allowance. May it go on? Not beyond the rate, nor beside too much that is
 * under way, nor out of its turn (fits_phase false); then it was refused. Loop thread.
 */
bool peer_admit(struct peer *peer, struct reply_to to, bool fits_phase);
/* Counts a broken rule; closes with 4400 when it was one too many. Loop thread. */
void peer_count_misuse(struct peer *peer);

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
