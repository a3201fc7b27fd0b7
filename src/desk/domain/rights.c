/*
 * Who asks, and may they? (see rights.h)
 */
#include "desk/domain/rights.h"

#include "desk/domain/account.h"

/* Of one agent: e-mail, name, hash of the password. */
enum { AGENT_MAX_BYTES = 4096 };

struct outcome rights_agent(struct tx *tx, int64_t agent, struct bell_arena *arena,
                            struct agent_row *out)
{
    struct agent_row row = {0};
    bell_status st = store_agent_get(tx->db, agent, arena, &row);
    if (st == BELL_ENOTFOUND || (st == BELL_OK && row.agent.removed)) {
        return outcome_refused(ERROR_FORBIDDEN);
    }
    if (st == BELL_OK) {
        *out = row;
    }
    return outcome_from(st);
}

struct outcome rights_owner(struct tx *tx, int64_t actor)
{
    if (actor == ACCOUNT_DESK) {
        return outcome_done();
    }
    struct bell_arena arena;
    bell_arena_init(&arena, AGENT_MAX_BYTES);
    struct agent_row row = {0};
    struct outcome o = rights_agent(tx, actor, &arena, &row);
    bell_arena_finish(&arena);
    if (outcome_is_done(o) && row.agent.role != ROLE_OWNER) {
        return outcome_refused(ERROR_FORBIDDEN);
    }
    return o;
}

struct outcome rights_owner_or_self(struct tx *tx, int64_t actor, int64_t agent)
{
    return actor == agent ? outcome_done() : rights_owner(tx, actor);
}
