/*
 * A visitor's connection: one tab of the widget.
 *
 *     NEW -> GREETING    hello was given to work
 *     GREETING -> NEW    it was refused
 *     GREETING -> READY  the session is open; welcome was sent
 *
 * Everything here belongs to the connection's loop thread, but for what is marked.
 */
#ifndef DESK_GATEWAY_VISITOR_SESSION_H
#define DESK_GATEWAY_VISITOR_SESSION_H

#include "desk/domain/visitor.h"
#include "desk/gateway/peer.h"
#include "desk/gateway/progress.h"
#include "desk/gateway/rate.h"

#include <stdatomic.h>

enum visitor_phase { VISITOR_NEW, VISITOR_GREETING, VISITOR_READY };

struct visitor_session {
    struct peer peer; /* first */
    enum visitor_phase phase;
    char *origin;  /* (owned) of the upgrade; until READY, workers read it while GREETING */
    char *browser; /* likewise: User-Agent */
    struct visitor_self self;         /* from READY on; workers read it */
    atomic_int_fast64_t conversation; /* 0 = none known yet; any thread */
    struct progress delivered;
    struct progress read;
    uint64_t typing_at_ms; /* when it was last passed on */
    bool is_typing;
    uint8_t address_key_bytes;
    char address_key[RATE_ADDRESS_BYTES];
};

/* The component of the visitors' WebSocket server; its user is the gateway. */
struct bell_component visitor_component(struct gateway *gateway);

/* Changes the phase along the steps above. */
void visitor_set_phase(struct visitor_session *session, enum visitor_phase phase);

#endif
