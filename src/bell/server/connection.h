/*
 * Connection: one socket through its life: accepted, first as HTTP, then perhaps as WebSocket; or
 * connected by a client of ours.
 *
 * Its memory is a slot of its loop's slab and is used again for later connections; the generation
 * in the handle tells them apart. Loop thread only.
 *
 *     HTTP --upgrade--> WEBSOCKET --Close frames, errors--> ENDING --> (closed, slot free)
 *       \______________________ errors, end of stream ________/
 *
 * PREAMBLE comes before HTTP where a proxy first says for whom it connects. A client's connection
 * begins with CONNECTING instead of HTTP (ws_connect.h).
 */
#ifndef BELL_SERVER_CONNECTION_H
#define BELL_SERVER_CONNECTION_H

#include "bell/net/stream.h"
#include "bell/net/timer.h"
#include "bell/server/http_session.h"
#include "bell/server/ws_connect.h"
#include "bell/server/ws_session.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws_server.h"

#include <stdbool.h>
#include <stdint.h>

struct bell_buf;
struct bell_server_loop;

enum bell_connection_phase {
    BELL_CONNECTION_FREE,
    BELL_CONNECTION_PREAMBLE, /* a header of the PROXY protocol is to come */
    BELL_CONNECTION_HTTP,
    BELL_CONNECTION_CONNECTING, /* a client's, up to its WebSocket */
    BELL_CONNECTION_WEBSOCKET,
    BELL_CONNECTION_ENDING, /* the application is done with it; the stream ends */
};

struct bell_connection {
    struct bell_stream stream; /* first: streams are connections here */
    struct bell_timer timer;   /* the only one; what it means depends on the phase */
    bell_address peer; /* or the client for whom a trusted proxy speaks on all of this connection */
    uint32_t active_ms;  /* the last sign of life: bytes from the peer, or taken by it, or the first
                            to take. Lower half of the time; see bell_connection_active_ms */
    uint32_t slot;       /* from 1 */
    uint32_t generation; /* of this use of the slot */
    uint8_t phase;       /* enum bell_connection_phase */
    uint8_t request_number; /* HTTP: counts answers, so that a file finds its own request */
    uint8_t subprotocol;    /* WEBSOCKET: 1 + index in the server's list; 0 = none */
    bool has_answered : 1;  /* HTTP: silence is that of a kept connection, not of a new one */
    bool is_secure : 1;     /* this client speaks TLS, with us or, as it says, a trusted proxy */
    uint8_t endpoint : 6;   /* the index of where it came in */
    union {
        struct bell_connection *next_free; /* FREE: of the slab */
        struct bell_buf *preamble; /* (owned) PREAMBLE: what has come; NULL while nothing has */
        struct bell_http_session *http;  /* (owned) HTTP: NULL while idle between requests */
        struct bell_ws_connect *connect; /* (owned) CONNECTING */
        struct bell_ws_session ws;       /* WEBSOCKET */
        uint32_t patience_ms; /* ENDING: how long the peer may take nothing of what is left */
    } u;
};

/* How long a stream waits for the peer's end once all is sent; and for a WebSocket's peer to go on
 * taking what is left. */
enum { BELL_CONNECTION_LINGER_MS = 5000 };

/* Makes a connection of a socket that was accepted at this endpoint; takes fd over, also on
 * failure. */
BELL_NODISCARD bell_status bell_connection_open(struct bell_server_loop *home, uint8_t endpoint,
                                                int fd, const bell_address *peer);
/* Takes up what a client has begun, which it owns from now on: CONNECTING, without a socket yet. */
struct bell_connection *bell_connection_open_client(struct bell_server_loop *home,
                                                    struct bell_ws_connect *connect);
/* [generation:32][loop:8][slot:24] */
bell_conn bell_connection_handle_of(uint32_t loop, uint32_t slot, uint32_t generation);
bell_conn bell_connection_handle(const struct bell_connection *c);
/* The connection of a handle if it still lives, on this loop; else NULL. */
struct bell_connection *bell_connection_find(struct bell_server_loop *home, bell_conn handle);
/* Sends what is queued, then ends the stream; nothing more comes from or goes to the application.
 */
void bell_connection_end(struct bell_connection *c);
/* Closes at once. */
void bell_connection_close(struct bell_connection *c);
/* Its memory will be needed soon. */
void bell_connection_prefetch(const struct bell_connection *c);
/* As bell_ws_tls_sized. */
BELL_NODISCARD bell_status bell_connection_tls(const struct bell_connection *c,
                                               bell_tls_agreement *out, size_t out_bytes);
/* A sign of life. */
void bell_connection_touch(struct bell_connection *c);
/* When the last one was; right for 49 days. */
uint64_t bell_connection_active_ms(const struct bell_connection *c);
/* A time of this connection of which only the lower half is kept; in the last 49 days. */
uint64_t bell_connection_time(const struct bell_connection *c, uint32_t lower_half_ms);
/* From PREAMBLE to HTTP: the client's own bytes begin, with these. */
void bell_connection_become_http(struct bell_connection *c, bell_slice bytes);
/* From HTTP, or CONNECTING, to WEBSOCKET. The caller fills u.ws, and destroys what that held when
 * it needs it no more. */
void bell_connection_become_ws(struct bell_connection *c);
/* Fires the phase's timer handler at the deadline or a little later. */
void bell_connection_set_deadline(struct bell_connection *c, uint64_t deadline_ms);
/* The timer of a connection is due. */
void bell_connection_on_time(struct bell_timer *timer, uint64_t now_ms);
struct bell_connection *bell_connection_of_stream(struct bell_stream *s);
/* Which loop a handle belongs to, and which slot there. */
uint32_t bell_connection_handle_loop(bell_conn handle);
uint32_t bell_connection_handle_slot(bell_conn handle);

#endif
