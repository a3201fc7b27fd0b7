/*
 * Gateway: the WebSocket side of the desk. Visitors and agents talk to it in the protocol's JSON;
 * it checks what a session may say, hands commands to work and tells everybody concerned what has
 * happened.
 *
 * The way of a command: callback on the connection's loop -> decoded into an item -> work -> the
 * item's done, on the announcer (writes) or a reader -> the answer is sent from there.
 *
 * Life: create, mount, start, and then the I/O server's start; at the end work_stop while the loops
 * still run (so that everything taken is answered), stop, the I/O server's drain, destroy.
 * create, mount, start, stop and destroy run on one thread.
 */
#ifndef DESK_GATEWAY_GATEWAY_H
#define DESK_GATEWAY_GATEWAY_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bell_http_server;
struct bus;
struct gateway;
struct work;

struct gateway_options {
    struct work *work;         /* (borrowed) outlives the gateway */
    struct bus *bus;           /* (borrowed) outlives the gateway */
    const char *public_origin; /* (borrowed during create) "https://desk.example"; empty = none */
    uint64_t message_rate;     /* of a visitor, per second */
    uint64_t message_burst;
    uint64_t command_rate; /* of a connection, per second */
    uint64_t command_burst;
    uint64_t conversations_per_address;
    uint64_t conversations_window_ms;
    uint64_t presence_grace_ms;
    int64_t session_lifetime_us; /* of an agent's log-in without use */
    size_t send_queue_bytes;     /* of one connection */
    uint32_t connections_per_address;
};

/* What the gateway has counted since it was made. */
struct gateway_counters {
    uint64_t visitor_connections; /* open now */
    uint64_t agent_connections;   /* open now */
    uint64_t commands;            /* taken from clients, refused ones included */
    uint64_t refusals;            /* told to clients */
    uint64_t rate_refusals;       /* those of them that met a rate */
    uint64_t misuse_closes;       /* connections closed with 4400 */
    uint64_t desk_events;         /* told to consoles */
    uint64_t visitor_events;      /* told to visitors, once for all tabs */
    bool online;                  /* somebody is there to answer */
};

/* BELL_EINVAL (a public origin that is none), BELL_ENOMEM, BELL_ELIMIT. */
BELL_NODISCARD bell_status gateway_create(const struct gateway_options *options,
                                          struct gateway **out);
/* Takes NULL. All work must have been answered and the loops have ended. */
void gateway_destroy(struct gateway *gateway);

/* Adds the paths of the protocol. The gateway must outlive the HTTP server's I/O. As
 * bell_http_server_websocket. */
BELL_NODISCARD bell_status gateway_mount(struct gateway *gateway, struct bell_http_server *http);

/* Starts what runs by the clock: ends of grace, log-ins that ended elsewhere. BELL_ENOMEM,
 * BELL_ELIMIT. */
BELL_NODISCARD bell_status gateway_start(struct gateway *gateway);
/* Ends that. Without start it does nothing. */
void gateway_stop(struct gateway *gateway);

/* Has the agent a console connected (or has had one a moment ago)? Any thread. */
bool gateway_agent_is_connected(const struct gateway *gateway, int64_t agent);
/* Any thread; each number is read for itself. */
void gateway_read_counters(const struct gateway *gateway, struct gateway_counters *out);

#endif
