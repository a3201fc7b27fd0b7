/*
 * Preamble: the header of the PROXY protocol with which a listed proxy begins a connection, before
 * the client's own bytes. Its time is that of a request's head. Loop thread only.
 */
#ifndef BELL_SERVER_PREAMBLE_H
#define BELL_SERVER_PREAMBLE_H

#include "bell/slice.h"

#include <stdint.h>

struct bell_connection;

/* It begins; or the server is stopping, and there is less time. */
void bell_preamble_timer_update(struct bell_connection *c);
/* When the header is complete the connection becomes HTTP, and the client's address its peer; when
 * it is broken the proxy gets 400. */
void bell_preamble_on_receive(struct bell_connection *c, bell_slice bytes);
void bell_preamble_on_time(struct bell_connection *c, uint64_t now_ms);
/* The phase is left. */
void bell_preamble_destroy(struct bell_connection *c);

#endif
