/*
 * WebSocket connections of a load client: non-blocking, one epoll, libbell's own framing.
 *
 * One thread. Memory for a connection is the caller's and must outlive the loop: after an error or
 * a close it may be opened again. What is sent in a turn of the loop goes out at its end, in one
 * system call per connection.
 */
#ifndef REPLAY_CLIENT_H
#define REPLAY_CLIENT_H

#include "base/buf.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws/assembler.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * CLOSED → CONNECTING → UPGRADING → OPEN → CLOSING → CLOSED; from each also straight to CLOSED.
 */
enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_UPGRADING, CONN_OPEN, CONN_CLOSING };

struct conn;

/*
 * on_closed comes once for each conn_open that succeeded; the connection may be opened again in it.
 * code is what the peer's Close frame said, 1006 when there was none, or the status of an HTTP
 * answer that is no upgrade.
 */
struct conn_events {
    void (*on_open)(struct conn *c);
    void (*on_text)(struct conn *c, bell_slice text);
    void (*on_closed)(struct conn *c, unsigned code);
};

struct conn {
    enum conn_state state;
    int fd;
    struct client *client;            /* (borrowed) */
    const struct conn_events *events; /* (borrowed) */
    void *user;
    struct bell_ws_assembler assembler;
    struct bell_buf out;       /* not yet sent */
    bool is_queued;            /* in the list of those to send at the end of the turn */
    bool wants_write;          /* epoll tells when there is room */
    unsigned close_code;       /* from the peer's Close frame, else 0 */
    uint64_t closing_since_ms; /* while CLOSING */
    char key[25];              /* Sec-WebSocket-Key, zero-terminated */
};

struct client {
    int epoll_fd;
    struct sockaddr_in server;
    struct conn **queued; /* (owned) to send at the end of the turn */
    size_t queued_count;
    size_t queued_capacity;
    char *input;     /* (owned) receive buffer of the turn */
    uint64_t random; /* state of the masking keys */
};

/* max_conns: how many connections there may be at once. BELL_ENOMEM, BELL_EIO. */
BELL_NODISCARD bell_status client_init(struct client *l, const char *address, uint16_t port,
                                       size_t max_conns);
/* All connections must be closed. */
void client_finish(struct client *l);
/* One turn: waits up to timeout_ms for events, calls back, sends. */
void client_turn(struct client *l, int timeout_ms);

void conn_init(struct conn *c, struct client *l, const struct conn_events *events, void *user);
/* Closes without a callback and frees what it holds. */
void conn_finish(struct conn *c);

/*
 * Connects and asks for the upgrade. source: the last byte of the loopback address it comes from
 * (127.0.0.source), so that many connections do not use up the ports of one. cookie may be NULL.
 * BELL_EIO when there is no server, no port or no file descriptor.
 */
BELL_NODISCARD bell_status conn_open(struct conn *c, uint8_t source, const char *path,
                                     const char *subprotocol, const char *cookie);
/* Queues a text message; a connection that is not open ignores it. */
void conn_send(struct conn *c, bell_slice text);
/* Starts the close handshake; on_closed comes when the server has answered, or a while later. */
void conn_close(struct conn *c);
/* To be called now and then: ends a closing handshake that takes too long. */
void conn_check(struct conn *c, uint64_t now_ms);

#endif
