/*
 * The completions of a loop's back end that belong to streams; only loop.c hands them on.
 */
#ifndef BELL_NET_STREAM_EVENTS_H
#define BELL_NET_STREAM_EVENTS_H

#include "bell/net/io.h"

#include <stddef.h>

void bell_stream_on_receive(struct bell_io_handle *h, bell_status st, char *bytes, size_t n,
                            void *user);
void bell_stream_on_sent(struct bell_io_handle *h, bell_status st, size_t n, void *user);
void bell_stream_on_connected(struct bell_io_handle *h, bell_status st, void *user);

#endif
