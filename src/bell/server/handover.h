/*
 * Hand-over: a running server gives its listening sockets to the next one, by a Unix socket with
 * packets (docs/decisions/0008-listening-sockets-are-handed-over.md).
 *
 *     next one                            running one
 *     connects                        ->
 *                                     <-  a packet per listen call: its sockets, and for Unix
 *                                         sockets which file is theirs
 *                                     <-  last packet: the socket all this comes through
 *     starts its loops, sends "ready" ->  drains
 *
 * The sockets live in both from the second line on, so nobody who connects notices. When either
 * side ends before "ready" the other goes on as if nothing had been.
 */
#ifndef BELL_SERVER_HANDOVER_H
#define BELL_SERVER_HANDOVER_H

#include "bell/status.h"

struct bell_io_server;
struct bell_server_loop;

/* Somebody has connected who wants the sockets; takes fd over. Loop thread. */
void bell_handover_on_taker(struct bell_server_loop *home, int fd);
/* Whoever is taking over is on its own now. Loop thread. */
void bell_handover_end(struct bell_server_loop *home);
/* The loops run: tells the server whose sockets we have, if we have somebody's. BELL_ENOMEM,
 * BELL_EIO: it could not be told and goes on, so we must not. */
BELL_NODISCARD bell_status bell_handover_ready(struct bell_io_server *io);
/* Frees what is held. The loops have ended. */
void bell_handover_finish(struct bell_io_server *io);

#endif
