/*
 * A running server for tests: one listener on a free port of 127.0.0.1, taken down without a block
 * of memory left.
 */
#ifndef TEST_BELL_SERVER_SERVICE_H
#define TEST_BELL_SERVER_SERVICE_H

#include "bell/bell.h"
#include "peer.h"

#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>

struct service {
    struct bell_ws_server *ws; /* NULL when there is none */
    struct bell_http_server *http;
    struct bell_io_server *io;
    uint16_t port;
};

/* Makes an HTTP server, to which routes may be added. options NULL = defaults. */
void service_init(struct service *s, const bell_http_options *options);
/* Adds WebSockets at "/ws". */
void service_add_websocket(struct service *s, const struct bell_component *component,
                           const bell_ws_options *options);
void service_start(struct service *s, uint32_t threads);
/* Stops and frees it all, and checks that nothing is left. */
void service_finish(struct service *s);

/* Reads one answer, its body as text; returns the status, 0 at the end of the stream. */
int read_answer(struct peer *p, char *body, size_t size);
/* Waits for a loop to post it, for a minute at most. */
void wait_posted(sem_t *told);
/* Milliseconds of the monotonic clock. */
uint64_t now_ms(void);

#endif
