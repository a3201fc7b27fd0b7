/*
 * Who asks, and may they? Private to desk/domain.
 */
#ifndef DESK_DOMAIN_RIGHTS_H
#define DESK_DOMAIN_RIGHTS_H

#include "base/arena.h"
#include "desk/domain/tx.h"
#include "desk/store/agent.h"

/* The agent who asks; ERROR_FORBIDDEN when unknown or removed. */
struct outcome rights_agent(struct tx *tx, int64_t agent, struct bell_arena *arena,
                            struct agent_row *out);
/* The command line or an owner; else ERROR_FORBIDDEN. */
struct outcome rights_owner(struct tx *tx, int64_t actor);
/* The same, or the agent himself. */
struct outcome rights_owner_or_self(struct tx *tx, int64_t actor, int64_t agent);

#endif
