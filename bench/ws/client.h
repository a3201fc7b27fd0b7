/*
 * The connections of the load client, on one ring of io_uring: all sends of a turn go into the
 * kernel together, so that a server has many sockets ready at a time.
 *
 * Every answer is checked: the handshake, all heads of frames, the length of each message, all
 * bytes of the first one of a connection and the first 1,024 of the others. What is wrong ends the
 * program with a message and status 1. One thread.
 */
#ifndef WS_CLIENT_H
#define WS_CLIENT_H

#include "content.h"
#include "reply.h"
#include "ring.h"
#include "stats.h"
#include "upgrade.h"

#include <stdbool.h>
#include <stdint.h>

enum client_state {
    CLIENT_CLOSED,     /* → CONNECTING */
    CLIENT_CONNECTING, /* → UPGRADING, → OPEN without a handshake */
    CLIENT_UPGRADING,  /* → OPEN */
    CLIENT_OPEN,       /* → ENDING */
    CLIENT_ENDING,     /* we have asked for the end. → CLOSED */
};

struct client;

struct client_bytes {
    size_t size;
    char bytes[];
};

struct client_peer {
    uint64_t *sent_at_ns;           /* (owned) of the messages under way, by number modulo depth */
    struct client_bytes *kept;      /* (owned) what must be looked at whole; NULL = nothing */
    struct client_bytes *control;   /* (owned) frame to be sent before messages; NULL = none */
    struct client_bytes *under_way; /* (owned) such a frame that is being sent */
    struct reply_reader reader;
    uint64_t said;    /* messages sent */
    uint64_t replies; /* messages that came */
    int fd;
    uint32_t wanted; /* messages to be sent */
    enum client_state state;
    bool is_sending;
    bool is_receiving;
    bool is_listed; /* among those that have something to send */
};

/* What a scenario does; NULL = nothing. */
struct client_scenario {
    void (*on_open)(struct client *c, uint32_t number);
    /* A message has come; it is not yet counted among the replies. Must not be NULL. */
    void (*on_message)(struct client *c, uint32_t number);
    /* It is over, as was asked; the number may be opened again. */
    void (*on_closed)(struct client *c, uint32_t number);
    void *user;
};

struct client_options {
    uint16_t port;
    uint32_t connections;
    size_t message_bytes;
    uint32_t depth; /* messages under way on a connection, at most */
    bool is_tcp;    /* no handshake, unmasked frames: the server sends back every byte */
    bool is_deflated;
    uint32_t patience_ms; /* without any answer */
};

struct client {
    struct client_options options;
    struct client_scenario scenario;
    struct ring ring;
    struct content content;
    struct upgrade upgrade;
    struct client_peer *peers; /* (owned) */
    uint32_t *listed;          /* (owned) */
    uint32_t listed_count;
    uint32_t open_count;
    uint64_t opened; /* connections ever begun */
    uint64_t now_ns; /* of this turn */
    uint64_t heard_ns;
    uint64_t *filled; /* (owned) bytes that came into each buffer of the ring */
};

void client_init(struct client *c, const struct client_options *options,
                 const struct client_scenario *scenario);
void client_finish(struct client *c);

/* Begins a connection; on_open follows. */
void client_open(struct client *c, uint32_t number);
/* Sends messages at the end of the turn. */
void client_say(struct client *c, uint32_t number, uint32_t messages);
/* Begins the end: a Close frame, or the end of the stream without handshake. on_closed follows. */
void client_end(struct client *c, uint32_t number);

/* One turn: sends, waits for at most timeout_ms, and takes what comes. */
void client_turn(struct client *c, uint32_t timeout_ms);

_Noreturn void client_fail(const char *what, const char *why);

#endif
