/*
 * Metrics: what the loops, WebSocket servers and topics of an I/O server have counted, as structs
 * and in the Prometheus text format.
 *
 * Counting costs a loop nothing that can be measured: each has counters of its own, which no other
 * thread writes. They are read from any thread at any moment, also while nothing runs, and are
 * values of a moment: two of them need not be of the same one. See also bell_ws_server_stats.
 */
#ifndef BELL_METRICS_H
#define BELL_METRICS_H

#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bell_http_request;
struct bell_io_server;

/* ---- loops ---- */

/*
 * A turn of a loop is what it does between two waits. Turns are counted by how long they took: at
 * most 10, 30, 100 us, 300 us, 1, 3, 10, 30, 100, 300 ms, or longer.
 */
enum { BELL_METRICS_TURN_CLASSES = 11 };

/* Of one loop, since it was made. */
typedef struct {
    uint64_t connections;     /* accepted and open now, HTTP and WebSockets */
    uint64_t opened;          /* accepted and opened */
    uint64_t refused;         /* closed at once: max_connections, or no memory */
    uint64_t accept_failures; /* times that accepting paused, out of descriptors or memory, or since
                                 another process has shut the listening socket down */
    uint64_t received_bytes;  /* from sockets; with TLS what came encrypted, without what the
                                 kernel adds */
    uint64_t sent_bytes;      /* taken by sockets, likewise */
    uint64_t turns;           /* the sum of the next ones */
    uint64_t turn_classes[BELL_METRICS_TURN_CLASSES];
    uint64_t busy_ns; /* spent in turns; the rest of the time the loop waited */
} bell_loop_metrics;

/* The longest turn of a class in microseconds; 0 for the last class and beyond. */
BELL_API uint32_t bell_metrics_turn_limit_us(size_t index);

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status bell_metrics_loop_sized(const struct bell_io_server *io,
                                                            uint32_t loop, bell_loop_metrics *out,
                                                            size_t out_bytes);

/* Of the loop with this number, below bell_io_server_threads. BELL_ENOTFOUND there is none. */
BELL_NODISCARD static inline bell_status bell_metrics_loop(const struct bell_io_server *io,
                                                           uint32_t loop, bell_loop_metrics *out)
{
    return bell_metrics_loop_sized(io, loop, out, sizeof *out);
}

/* ---- how WebSockets end ---- */

/*
 * How many connections of a server have ended by this side with this code, as on_close is told:
 * with BELL_CLOSED_BY_ENGINE and 1002, for example, those that broke the protocol. A code that is
 * not from 1000 to 1015 counts with all others of the kind.
 */
BELL_API uint64_t bell_metrics_closes(const struct bell_ws_server *ws, bell_close_origin origin,
                                      uint16_t code);

/* ---- topics ---- */

/*
 * Names a topic whose numbers are kept; a server may have topics without number, so none is unless
 * it is named. Only before start. Naming it twice is fine. BELL_EINVAL a bad name (of 0
 * or over 255 bytes); BELL_ELIMIT over 32; BELL_ESTATE after start; BELL_ENOMEM.
 */
BELL_NODISCARD BELL_API bell_status bell_metrics_name_topic(struct bell_ws_server *ws,
                                                            bell_slice topic);

typedef struct {
    uint64_t subscribers; /* now, all loops */
    uint64_t published;   /* messages, with and without anybody to hear them */
    uint64_t delivered;   /* put into queues of subscribers */
} bell_topic_metrics;

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status bell_metrics_topic_sized(const struct bell_ws_server *ws,
                                                             bell_slice topic,
                                                             bell_topic_metrics *out,
                                                             size_t out_bytes);

/* Of a topic that was named. BELL_ENOTFOUND it was not. */
BELL_NODISCARD static inline bell_status
bell_metrics_topic(const struct bell_ws_server *ws, bell_slice topic, bell_topic_metrics *out)
{
    return bell_metrics_topic_sized(ws, topic, out, sizeof *out);
}

/* ---- the Prometheus text format, version 0.0.4 ---- */

/* Takes the next piece of text, which is borrowed; false stops it. */
typedef bool (*bell_metrics_write_fn)(bell_slice text, void *user);

/*
 * Writes all of it: per loop (label loop), per WebSocket server (label path: the first pattern it
 * was mounted at) and per named topic. Allocates nothing. BELL_EIO write has returned false.
 */
BELL_NODISCARD BELL_API bell_status bell_metrics_write_prometheus(const struct bell_io_server *io,
                                                                  bell_metrics_write_fn write,
                                                                  void *user);

/*
 * A handler that answers with it, for bell_http_server_route(http, "GET", "/metrics",
 * bell_metrics_handle, NULL): that of the I/O server that was asked. Whoever asks is told, at each
 * of its listeners, unless a handler of yours looks first who it is. user is not used.
 */
BELL_API void bell_metrics_handle(struct bell_http_request *request, void *user);

#ifdef __cplusplus
}
#endif
#endif
