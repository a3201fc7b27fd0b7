/*
 * What a back end of I/O consists of: the calls of io.h, on its own struct, whose first member is a
 * bell_io_base. Only io.c and the back ends see it.
 */
#ifndef BELL_NET_IO_OPS_H
#define BELL_NET_IO_OPS_H

#include "bell/net/io.h"

struct bell_io_ops {
    void (*destroy)(struct bell_io *io);
    bell_status (*open)(struct bell_io *io, struct bell_io_handle *h, int fd,
                        enum bell_io_kind kind);
    bell_status (*connect)(struct bell_io *io, struct bell_io_handle *h,
                           const struct sockaddr_storage *address, socklen_t len);
    bell_status (*receive)(struct bell_io *io, struct bell_io_handle *h, bool on);
    bool (*is_quiet)(const struct bell_io *io, const struct bell_io_handle *h);
    bell_status (*send)(struct bell_io *io, struct bell_io_handle *h, const struct iovec *pieces,
                        int count, size_t *sent);
    void (*close)(struct bell_io *io, struct bell_io_handle *h);
    void (*settle)(struct bell_io *io); /* NULL: nothing is ever put off */
    void (*wake)(struct bell_io *io);
    bell_status (*turn)(struct bell_io *io, int timeout_ms);
};

BELL_NODISCARD bell_status bell_io_epoll_create(const bell_io_events *events, void *user,
                                                struct bell_io **out);
/* BELL_ENOTSUP: this kernel, or who guards it, does not let us. */
BELL_NODISCARD bell_status bell_io_uring_create(const bell_io_events *events, void *user,
                                                struct bell_io **out);
/* The status of a failed system call on a socket, or of one that makes what waits for them. */
bell_status bell_io_status(int error);
/* The same for connect(2). */
bell_status bell_io_connect_status(int error);
/* Errors of accept(2) that would come back at once, for ever: accepting stops and on_accept_failed
 * is told, so that the owner decides when to go on. The others concern that one connection. */
bool bell_io_stops_accepting(int error);

#endif
