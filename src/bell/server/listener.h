/*
 * Listeners: the sockets of an I/O server that connections come in by.
 *
 * Where we open a TCP address, every loop has a socket of its own that shares the port, and keeps
 * what comes there. A Unix socket, and one that somebody else has opened, is one socket: one loop
 * accepts for all and deals the connections out in turn.
 *
 * Opened before the loops run, by one thread; afterwards each loop sees to its own.
 */
#ifndef BELL_SERVER_LISTENER_H
#define BELL_SERVER_LISTENER_H

#include "bell/net/io.h"
#include "bell/net/sock.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bell_io_server;
struct bell_server_loop;
struct bell_tls;

/* What one listen call has opened. */
struct bell_endpoint {
    char *path; /* (owned) of a Unix socket's file that is ours to remove; NULL = none */
    bell_sock_file file;
    struct bell_tls *tls; /* (borrowed) NULL: without */
    uint16_t port;        /* 0: not TCP */
    bool is_inherited;    /* somebody else may hold its sockets too, and go on accepting */
};

/* One socket of one loop. */
struct bell_listener {
    struct bell_io_handle io;   /* first: completions find it by that */
    struct bell_listener *next; /* (owned) of the same loop */
    uint8_t endpoint;           /* index */
    bool deals;                 /* its connections are for all loops, in turn */
};

/* The listener of a completion. */
struct bell_listener *bell_listener_of(struct bell_io_handle *h);
/* Starts accepting on all of the loop's that are open. BELL_EIO: on some it could not be. */
BELL_NODISCARD bell_status bell_listeners_accept(struct bell_server_loop *home);
/*
 * Stops accepting and closes what can be closed without losing a connection; whatever waits to be
 * accepted is, unless others hold the socket too. True when all are closed; else call it again in a
 * while.
 */
bool bell_listeners_settle(struct bell_server_loop *home);
/* Closes the loop's, and removes the files of Unix sockets that are ours alone. */
void bell_listeners_close(struct bell_server_loop *home);
/* Closes and frees the loop's. */
void bell_listeners_free(struct bell_server_loop *home);
/* Forgets what the listen calls have opened; after all listeners were closed. */
void bell_endpoints_finish(struct bell_io_server *io);
/* Gives an accepted socket to the loop whose turn it is, which opens the connection. */
void bell_listener_deal(struct bell_server_loop *home, uint8_t endpoint, int fd,
                        const bell_address *peer);

/* ---- for the hand-over ---- */

/* Listens for whoever wants to take over, as the endpoint BELL_IO_OFFER. As
 * bell_sock_listen_unix. */
BELL_NODISCARD bell_status bell_listeners_offer(struct bell_io_server *io, const char *path,
                                                uint32_t mode, int backlog);
/* The sockets of an endpoint, at most so many; returns their number. Under listeners_lock. */
size_t bell_listeners_of_endpoint(const struct bell_io_server *io, size_t index, int *fds,
                                  size_t most);
/*
 * Listens with the sockets of another server's endpoint: index is that of the next listen call, or
 * BELL_IO_OFFER. Takes fds over, also on failure, and the endpoint's path unless it fails.
 * BELL_EPROTO: not such sockets; BELL_ELIMIT, BELL_ENOMEM, BELL_EIO.
 */
BELL_NODISCARD bell_status bell_listeners_take(struct bell_io_server *io, size_t index,
                                               const int *fds, size_t count,
                                               const struct bell_endpoint *endpoint);
/* Gives all of these up again. */
void bell_listeners_untake(struct bell_io_server *io);

#endif
