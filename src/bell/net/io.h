/*
 * I/O: the one narrow interface to the kernel, in completion style.
 *
 * What is wanted is submitted; what has happened comes back as completions, one callback each,
 * while bell_io_turn runs. Receiving and accepting go on until stopped; of sends one is in flight
 * per stream. Back ends are whole files: io_epoll.c (every Linux), io_uring.c (Linux 6.1 and later,
 * where it is allowed). Belongs to the thread of its first turn, but for bell_io_wake.
 */
#ifndef BELL_NET_IO_H
#define BELL_NET_IO_H

#include "bell/io_server.h"
#include "bell/net/address.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    BELL_IO_MAX_PIECES = 64,                /* of one send */
    BELL_IO_MAX_RECEIVE_BYTES = 256 * 1024, /* of one on_receive */
};

struct bell_io;

enum bell_io_kind { BELL_IO_LISTENER, BELL_IO_STREAM, BELL_IO_CONNECTING };

/*
 * A socket known to the back end; embedded by its owner, whose memory stays until the end of the
 * turn in which it is closed. Fields are the back end's but for fd, which may be read: -1 when
 * closed. There is one per connection, so it is packed.
 */
struct bell_io_handle {
    int fd;
    uint32_t slot : 27; /* io_uring: of its table of handles */
    uint32_t kind : 2;  /* enum bell_io_kind */
    bool is_receiving : 1;
    bool is_send_waiting : 1; /* a send met a full socket */
    bool is_registered : 1;
};

/* Completions. user is that of bell_io_create. Any submission is legal inside. */
typedef struct {
    /* The wait of a turn is over: time has passed. Before what has completed is told. */
    void (*on_awake)(void *user);
    /* A connection came in; fd is the owner's. */
    void (*on_accept)(struct bell_io_handle *listener, int fd, const bell_address *peer,
                      void *user);
    /* No further connection can be accepted now (descriptors or memory ended, or somebody who has
     * the socket too has shut it down): accepting is stopped. */
    void (*on_accept_failed)(struct bell_io_handle *listener, void *user);
    /*
     * BELL_OK with n > 0: bytes, which may be changed, valid until the callback returns. BELL_OK
     * with n 0: the peer's end of the stream; receiving is stopped. Else the stream is broken:
     * BELL_ECLOSED (reset) or BELL_EIO.
     */
    void (*on_receive)(struct bell_io_handle *stream, bell_status st, char *bytes, size_t n,
                       void *user);
    /* The send in flight is over: n bytes were taken (it may be 0: send again), or it failed. */
    void (*on_sent)(struct bell_io_handle *stream, bell_status st, size_t n, void *user);
    /* A connect that was under way is over: BELL_OK, or a status of bell_io_connect. */
    void (*on_connected)(struct bell_io_handle *stream, bell_status st, void *user);
    /* bell_io_wake was called, once or more. */
    void (*on_wake)(void *user);
} bell_io_events;

/* The events of a back end, and whose they are; first member of each back end's struct bell_io. */
struct bell_io_base {
    const struct bell_io_ops *ops;
    bell_io_events events;
    void *user;
    uint32_t told; /* completions of the last turn */
};

/*
 * Which back end a choice means on this machine, found out by trying: BELL_IO_EPOLL or
 * BELL_IO_URING. BELL_IO_AUTO may be overruled by the environment, BELL_IO=epoll or uring.
 * BELL_ENOTSUP: io_uring was asked for and the kernel or this build does not have it; BELL_ELIMIT,
 * BELL_ENOMEM: not now.
 */
BELL_NODISCARD bell_status bell_io_choose(bell_io_back_end wanted, bell_io_back_end *out);
/* Has neither the caller, by wanted, nor the environment asked for a back end? Then io_uring that
 * fails later than in bell_io_choose is a reason to take BELL_IO_EPOLL. */
bool bell_io_is_free(bell_io_back_end wanted);
/* Copies events. back_end: as chosen. BELL_ELIMIT no descriptor is left; BELL_ENOMEM, BELL_EIO,
 * BELL_ENOTSUP. */
BELL_NODISCARD bell_status bell_io_create(bell_io_back_end back_end, const bell_io_events *events,
                                          void *user, struct bell_io **out);
/* The handles must have been closed. Takes NULL. */
void bell_io_destroy(struct bell_io *io);

/* Makes a socket known; the handle owns fd from then on, also on failure. BELL_ENOMEM, BELL_EIO. */
BELL_NODISCARD bell_status bell_io_open(struct bell_io *io, struct bell_io_handle *h, int fd,
                                        enum bell_io_kind kind);
/*
 * Connects a stream that was just opened and with which nothing was done yet. Either it is over at
 * once, BELL_OK; or it is under way: BELL_EAGAIN, on_connected will tell, and address must stay
 * until then or until bell_io_close returns; or it has failed, and the handle can only be closed:
 * BELL_EREFUSED (nobody listens there), BELL_ENOTFOUND (no such Unix socket), BELL_ETIMEOUT,
 * BELL_EACCES, BELL_EADDRINUSE (no port of ours is left), BELL_EIO (no way to it), BELL_ECLOSED,
 * BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_io_connect(struct bell_io *io, struct bell_io_handle *h,
                                           const struct sockaddr_storage *address, socklen_t len);
/* Starts or stops receiving (accepting). BELL_EIO. */
BELL_NODISCARD bell_status bell_io_receive(struct bell_io *io, struct bell_io_handle *h, bool on);
/* Will nothing come any more of what was received (accepted) until it was stopped? Then closing
 * loses nothing. */
bool bell_io_is_quiet(const struct bell_io *io, const struct bell_io_handle *h);
/*
 * Sends from count pieces (at most BELL_IO_MAX_PIECES). Either it is over at once: BELL_OK and
 * *sent bytes were taken, at least one; or it is in flight: BELL_EAGAIN, on_sent will tell, and
 * the bytes must stay until then or until bell_io_close returns; or the stream is broken:
 * BELL_ECLOSED, BELL_EIO, BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_io_send(struct bell_io *io, struct bell_io_handle *h,
                                        const struct iovec *pieces, int count, size_t *sent);
/* Forgets and closes the socket. No completion of this handle comes any more. */
void bell_io_close(struct bell_io *io, struct bell_io_handle *h);
/* After the last turn: what was closed is closed for the peer too, and so is who was accepted
 * meanwhile. */
void bell_io_settle(struct bell_io *io);
/* Makes the running or next turn return soon. Any thread and signal handlers. */
void bell_io_wake(struct bell_io *io);
/* How much the last turn has told: 0 = it was for nothing. */
uint32_t bell_io_told(const struct bell_io *io);
/* Waits at most timeout_ms (-1 = for ever) and delivers what has completed. BELL_EIO. */
BELL_NODISCARD bell_status bell_io_turn(struct bell_io *io, int timeout_ms);

#endif
