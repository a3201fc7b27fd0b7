/*
 * What stream.c and stream_tls.c have of each other; loop.c calls bell_stream_tls_go_on.
 */
#ifndef BELL_NET_STREAM_TLS_H
#define BELL_NET_STREAM_TLS_H

#include "bell/net/stream.h"

#include <stdbool.h>
#include <stddef.h>

/* ---- stream.c ---- */

/* There is something new to send. */
void bell_stream_mark_dirty(struct bell_stream *s);
/* Closes a stream that is not closed, and tells its owner why. */
void bell_stream_break(struct bell_stream *s, bell_status why);
/* The peer has ended its half. */
void bell_stream_on_peer_end(struct bell_stream *s);

/* ---- stream_tls.c ---- */

void bell_stream_tls_on_receive(struct bell_stream *s, bell_slice bytes);
/* Puts into the wire queue what can be sent next. false: the stream broke. */
bool bell_stream_tls_write(struct bell_stream *s);
/* The stream is closed: its session goes. */
void bell_stream_tls_finish(struct bell_stream *s);
/* Once per turn: the handshakes that wait, as far as this turn's budget goes. */
void bell_stream_tls_go_on(struct bell_loop *loop);

#endif
