/*
 * API: the HTTP side of the desk, under /api, and /healthz and /metrics (proto/schema/http.json).
 *
 * Handlers run on loops: they check the request, decode its body and give the rest to work; the
 * answer is sent from there. What needs argon2id runs on work's slow lane.
 *
 * create, mount and destroy run on one thread.
 */
#ifndef DESK_API_API_H
#define DESK_API_API_H

#include "bell/status.h"

#include <stdint.h>

struct api;
struct bell_http_server;
struct bell_io_server;
struct gateway;
struct work;

struct api_options {
    struct bell_http_server *http; /* (borrowed) all of them outlive the API */
    struct work *work;             /* (borrowed) */
    struct gateway *gateway;       /* (borrowed) */
    const char *public_origin;     /* (borrowed, as long as the API) empty = none */
    int64_t session_lifetime_us;   /* of a log-in without use */
    uint64_t login_attempts;       /* per account, and per address, in the window */
    uint64_t login_window_s;
};

/* BELL_ENOMEM. */
BELL_NODISCARD bell_status api_create(const struct api_options *options, struct api **out);
/* Takes NULL. All work must have been answered. */
void api_destroy(struct api *api);
/* Whose numbers /metrics tells besides the desk's own; before that server starts. Borrowed. */
void api_set_io(struct api *api, const struct bell_io_server *io);
/* Adds the routes. As bell_http_server_route. */
BELL_NODISCARD bell_status api_mount(struct api *api);

#endif
