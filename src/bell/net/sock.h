/*
 * Sockets: the system calls around them. errno becomes a status here and goes no further.
 */
#ifndef BELL_NET_SOCK_H
#define BELL_NET_SOCK_H

#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * Is the address free to listen on? Asked before sockets that share a port are made, since those
 * would share it with strangers too. BELL_EADDRINUSE, BELL_EACCES, BELL_EINVAL (not an address of
 * this machine), BELL_EIO.
 */
BELL_NODISCARD bell_status bell_sock_probe(const struct sockaddr_storage *address, socklen_t len);
/*
 * A non-blocking listening socket that shares its port with others of this process. Accepted
 * sockets inherit TCP_NODELAY. The same statuses as probe.
 */
BELL_NODISCARD bell_status bell_sock_listen(const struct sockaddr_storage *address, socklen_t len,
                                            int backlog, int *out_fd);
/* The port a socket is bound to, 0 when unknown. */
uint16_t bell_sock_port(int fd);
/* Ends our half: the peer sees the end of the stream after what was sent. */
void bell_sock_shutdown_send(int fd);
/* The close will reset the connection and drop what is unsent. */
void bell_sock_set_abort(int fd);
void bell_sock_close(int fd);
/* Raises RLIMIT_NOFILE as far as it may and returns what holds. */
uint64_t bell_sock_raise_limit(void);

#endif
