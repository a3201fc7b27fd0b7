/*
 * Presence: which agents are there, and whether anybody is there for the visitors (the desk clock).
 *
 * An agent is connected while one of his consoles is, and for a grace time after the last one went:
 * a reload or a short outage is no absence. The desk is on line while a connected agent has the
 * status online.
 *
 * Any thread. Changes are told under the lock, in their order, so the listener must only hand on.
 */
#ifndef DESK_GATEWAY_PRESENCE_H
#define DESK_GATEWAY_PRESENCE_H

#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

struct presence;

enum { PRESENCE_MAX_AGENTS = 4096 };

/* agent_changed: an agent came, left or changed status. online_changed: the desk clock turned. */
struct presence_listener {
    void (*agent_changed)(int64_t agent, bool online, bool connected, void *user);
    void (*online_changed)(bool online, void *user);
    void *user; /* (borrowed) */
};

/* Copies the listener. BELL_ENOMEM. */
BELL_NODISCARD bell_status presence_create(uint64_t grace_ms,
                                           const struct presence_listener *listener,
                                           struct presence **out);
/* Takes NULL. */
void presence_destroy(struct presence *presence);

/*
 * A console of the agent has come; online is the agent's status as the store has it. Every
 * success must be followed by one presence_leave. BELL_ENOMEM, BELL_ELIMIT over
 * PRESENCE_MAX_AGENTS.
 */
BELL_NODISCARD bell_status presence_enter(struct presence *presence, int64_t agent, bool online);
void presence_leave(struct presence *presence, int64_t agent, uint64_t now_ms);
/* The agent chose a status. Agents who are not connected are left alone. */
void presence_set_status(struct presence *presence, int64_t agent, bool online);
/* The agent was removed: gone at once, without grace. */
void presence_remove(struct presence *presence, int64_t agent);

/* Ends the grace of those whose time is over. The next moment to call it; UINT64_MAX = none. */
uint64_t presence_tick(struct presence *presence, uint64_t now_ms);

bool presence_is_connected(struct presence *presence, int64_t agent);
bool presence_is_online(struct presence *presence);

#endif
