/*
 * An agent's connection: one console.
 *
 *     CHECKING -> KNOWN     the cookie's log-in holds; otherwise the connection is closed with 4401
 *     KNOWN -> GREETING     hello was given to work (one that came while CHECKING waits till then)
 *     GREETING -> KNOWN     it was refused
 *     GREETING -> READY     the session is open; welcome was sent
 *
 * Everything here belongs to the connection's loop thread, but for what is marked.
 */
#ifndef DESK_GATEWAY_AGENT_SESSION_H
#define DESK_GATEWAY_AGENT_SESSION_H

#include "desk/domain/login.h"
#include "desk/gateway/peer.h"
#include "desk/gateway/progress.h"
#include "desk/gateway/roster.h"

enum agent_phase { AGENT_CHECKING, AGENT_KNOWN, AGENT_GREETING, AGENT_READY };

/* Whom the agent's typing concerns: asked for once per conversation. */
struct typing_target {
    int64_t conversation; /* 0 = none */
    desk_id visitor;
};

struct agent_item;

struct agent_session {
    struct peer peer; /* first */
    enum agent_phase phase;
    desk_secret secret;               /* of the cookie; workers read it */
    struct session_self self;         /* from KNOWN on; workers read it */
    char *name;                       /* (owned) from READY on: for the visitor's "is typing" */
    struct agent_item *waiting_hello; /* (owned) came while CHECKING; NULL = none */
    struct progress delivered;        /* desk events */
    struct typing_target typing;
    uint64_t typing_at_ms; /* when it was last passed on */
    bool is_typing;
    bool is_resolving; /* typing.visitor is being asked for */
    bool is_present;   /* counted by presence, to be taken off at the end */
    uint8_t address_bytes;
    char address[ROSTER_ADDRESS_BYTES]; /* of the peer, as text; workers read it */
};

/* The component of the agents' WebSocket server; its user is the gateway. */
struct bell_component agent_component(struct gateway *gateway);

/* Changes the phase along the steps above. */
void agent_set_phase(struct agent_session *session, enum agent_phase phase);
/* Gives a note of the use to work, when the log-in's end must be moved. Any thread. */
void agent_touch_session(struct gateway *gateway, int64_t session, bell_slice address);

#endif
