/*
 * libbell: a WebSocket server library (RFC 6455, RFC 9112).
 *
 * An application is a component: a table of callbacks. It is composed from the inside out,
 *
 *     component -> bell_ws_server -> bell_http_server -> bell_io_server
 *
 * and then run. Every part is made and composed on one thread before bell_io_server_start, and
 * destroyed after bell_io_server_stop; each outer part borrows the inner one, which must outlive
 * it.
 *
 * Threads. The I/O server runs one loop thread per core. A connection belongs to one loop, and all
 * its callbacks run there, one after the other. What may be called from any thread says so.
 *
 * Handles. A connection is a number with a generation: a handle of a connection that is gone fails
 * softly with BELL_ECLOSED, from any thread, for ever.
 */
#ifndef BELL_BELL_H
#define BELL_BELL_H

#include "bell/guard.h"
#include "bell/http_server.h"
#include "bell/io_server.h"
#include "bell/log.h"
#include "bell/metrics.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "bell/supervisor.h"
#include "bell/tls.h"
#include "bell/version.h"
#include "bell/ws_client.h"
#include "bell/ws_server.h"

#endif
