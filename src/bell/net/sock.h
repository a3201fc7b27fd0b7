/*
 * Sockets: the system calls around them. errno becomes a status here and goes no further.
 */
#ifndef BELL_NET_SOCK_H
#define BELL_NET_SOCK_H

#include "bell/net/address.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * Is the address free to listen on? Asked before sockets that share a port are made, since those
 * would share it with strangers too. BELL_EADDRINUSE, BELL_EACCES, BELL_EINVAL (not an address of
 * this machine), BELL_ELIMIT (no descriptor is left), BELL_EIO.
 */
BELL_NODISCARD bell_status bell_sock_probe(const struct sockaddr_storage *address, socklen_t len);
/*
 * A non-blocking listening socket that shares its port with others of this process. Accepted
 * sockets inherit TCP_NODELAY. The same statuses as probe.
 */
BELL_NODISCARD bell_status bell_sock_listen(const struct sockaddr_storage *address, socklen_t len,
                                            int backlog, int *out_fd);
/* Which file a Unix socket is, so that nobody else's of the same name is removed. */
typedef struct {
    uint64_t device;
    uint64_t inode;
} bell_sock_file;

/*
 * The same at a path of the file system, which gets these permission bits before anybody can
 * connect; has_packets: what comes in is no stream (SOCK_SEQPACKET). The socket file of a server
 * that is gone is replaced. BELL_EADDRINUSE: somebody listens there, or the file is something else;
 * BELL_EINVAL: a path of 0 or over 107 bytes, or a folder that is not there; BELL_EACCES,
 * BELL_ELIMIT, BELL_ENOMEM, BELL_EIO.
 */
BELL_NODISCARD bell_status bell_sock_listen_unix(const char *path, bool has_packets, uint32_t mode,
                                                 int backlog, int *out_fd,
                                                 bell_sock_file *out_file);
/* Removes the socket file if it still is the one that was made. */
void bell_sock_remove_file(const char *path, const bell_sock_file *file);
/*
 * Makes ready what somebody else has opened: a listening socket, of streams or of packets, becomes
 * non-blocking, is closed on exec, and gives TCP_NODELAY to those it accepts. BELL_EINVAL: it is
 * something else.
 */
BELL_NODISCARD bell_status bell_sock_adopt(int fd, bool has_packets);
/*
 * Sends one datagram to a Unix socket, "/path" or "@name" for an abstract one. BELL_EINVAL: another
 * kind of address, or too long; BELL_EIO: it could not be sent, or not at once; BELL_ELIMIT,
 * BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_sock_tell(const char *address, bell_slice text);
/*
 * A non-blocking socket to connect with, TCP_NODELAY set. BELL_ELIMIT no descriptor is left;
 * BELL_EIO also a family that this machine does not have; BELL_EACCES, BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_sock_open(sa_family_t family, int *out_fd);
/* The next connection of a non-blocking listener. BELL_EAGAIN none waits; BELL_ENOMEM out of
 * descriptors or memory; BELL_EIO. */
BELL_NODISCARD bell_status bell_sock_accept(int fd, int *out_fd, bell_address *out_peer);

/* ---- packets with descriptors; blocking, on no loop but for send ---- */

enum { BELL_SOCK_MAX_FDS = 64 }; /* of one packet; the kernel takes 253 */

/* Connects to a Unix socket with packets; later calls wait no longer than the patience.
 * BELL_ENOTFOUND nobody listens there; BELL_ETIMEOUT who listens does not accept; BELL_EINVAL,
 * BELL_EACCES, BELL_ELIMIT, BELL_ENOMEM, BELL_EIO. */
BELL_NODISCARD bell_status bell_sock_connect_unix(const char *path, uint32_t patience_s,
                                                  int *out_fd);
/* Sends one packet, with copies of descriptors; never waits. BELL_EINVAL too many; BELL_ECLOSED
 * the peer has gone; BELL_ENOMEM, BELL_EIO. */
BELL_NODISCARD bell_status bell_sock_send_fds(int fd, bell_slice bytes, const int *fds,
                                              size_t count);
/*
 * The next packet, and what came with it of descriptors (room for BELL_SOCK_MAX_FDS), which are the
 * caller's. *out_n 0 = the end, also by a reset. BELL_ETIMEOUT, BELL_EPROTO (longer, or more of
 * them), BELL_EIO.
 */
BELL_NODISCARD bell_status bell_sock_receive_fds(int fd, char *bytes, size_t size, size_t *out_n,
                                                 int *fds, size_t *out_count);

/* Has the peer ended, or reset the connection? Looks without taking anything. */
bool bell_sock_has_ended(int fd);
/* The status of a failed system call that makes a socket. */
bell_status bell_sock_status(int error);
/* The port a socket is bound to, 0 when unknown or none. */
uint16_t bell_sock_port(int fd);
/*
 * Sends what the socket takes at once of two pieces, and tells how much that was; 0 also for a
 * socket that is broken, which whoever sends next is told.
 */
size_t bell_sock_offer(int fd, bell_slice head, bell_slice payload);
/* Ends our half: the peer sees the end of the stream after what was sent. */
void bell_sock_shutdown_send(int fd);
void bell_sock_close(int fd);
/* Raises RLIMIT_NOFILE as far as it may and returns what holds. */
uint64_t bell_sock_raise_limit(void);
/*
 * Makes the kernel's table of descriptors as large as if this many were open, 8 bytes for each; fd
 * is any that is. On its own it doubles when it is full, and in a process of several threads each
 * time stops whoever accepts for some 10 ms (an RCU grace period). Where that cannot be done it is
 * left.
 */
void bell_sock_widen_table(int fd, uint64_t descriptors);

#endif
