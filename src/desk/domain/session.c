/*
 * Sessions of agents (see login.h).
 */
#include "desk/domain/login.h"

#include "desk/domain/event.h"
#include "desk/domain/rights.h"
#include "desk/domain/secret.h"
#include "desk/domain/text.h"
#include "desk/store/session.h"

/* Log-ins beyond this end the one used longest ago. */
enum { SESSIONS_PER_AGENT = 100 };

/* --- ending --- */

static bell_status end_one(struct tx *tx, int64_t session, int64_t agent)
{
    bell_status st = store_session_remove(tx->db, session);
    if (st != BELL_OK) {
        return st;
    }
    struct event *event = event_list_add(tx->events, EVENT_SESSION_ENDED);
    if (event == NULL) {
        return BELL_ENOMEM;
    }
    event->session = (struct session_ended){.session = session, .agent = agent};
    return BELL_OK;
}

struct outcome session_end(struct tx *tx, int64_t session)
{
    int64_t agent = 0;
    bell_status st = store_session_agent(tx->db, session, &agent);
    if (st == BELL_ENOTFOUND) {
        return outcome_done();
    }
    return outcome_from(st == BELL_OK ? end_one(tx, session, agent) : st);
}

struct outcome session_end_other(struct tx *tx, int64_t actor, int64_t session)
{
    int64_t agent = 0;
    bell_status st = store_session_agent(tx->db, session, &agent);
    if (st != BELL_OK) {
        return st == BELL_ENOTFOUND ? outcome_refused(ERROR_NOT_FOUND) : outcome_from(st);
    }
    struct outcome o = rights_owner_or_self(tx, actor, agent);
    if (o.error == ERROR_FORBIDDEN) {
        return outcome_refused(ERROR_NOT_FOUND); /* What is not his he does not even learn of. */
    }
    return outcome_is_done(o) ? outcome_from(end_one(tx, session, agent)) : o;
}

struct outcome session_end_all(struct tx *tx, int64_t actor, int64_t agent, int64_t keep_session)
{
    struct outcome o = rights_owner_or_self(tx, actor, agent);
    while (outcome_is_done(o)) {
        int64_t session = 0;
        bell_status st = store_session_any_of(tx->db, agent, keep_session, &session);
        if (st == BELL_ENOTFOUND) {
            return o;
        }
        o = outcome_from(st == BELL_OK ? end_one(tx, session, agent) : st);
    }
    return o;
}

struct outcome session_expire(struct tx *tx, int64_t lifetime_us)
{
    for (;;) {
        int64_t session = 0;
        int64_t agent = 0;
        bell_status st =
            store_session_any_before(tx->db, tx->now_us - lifetime_us, &session, &agent);
        if (st == BELL_ENOTFOUND) {
            return outcome_done();
        }
        if (st == BELL_OK) {
            st = end_one(tx, session, agent);
        }
        if (st != BELL_OK) {
            return outcome_from(st);
        }
    }
}

/* --- starting and using --- */

static bell_status make_room(struct tx *tx, int64_t agent)
{
    int64_t session = 0;
    bell_status st = store_session_oldest_beyond(tx->db, agent, SESSIONS_PER_AGENT - 1, &session);
    if (st == BELL_OK) {
        st = end_one(tx, session, agent);
    }
    return st == BELL_ENOTFOUND ? BELL_OK : st;
}

static struct outcome start(struct tx *tx, const struct agent *agent, bell_slice address,
                            bell_slice browser, struct session_self *self, desk_secret *secret)
{
    bell_status st = make_room(tx, agent->agent);
    desk_secret made;
    uint8_t hash[SECRET_HASH_BYTES];
    secret_make(&made);
    secret_hash(&made, hash);
    int64_t number = 0;
    if (st == BELL_OK) {
        st = store_session_insert(
            tx->db, agent->agent, hash, text_cut(address, SESSION_ADDRESS_MAX_CHARS),
            text_cut(browser, SESSION_BROWSER_MAX_CHARS), tx->now_us, &number);
    }
    if (st == BELL_OK) {
        *self =
            (struct session_self){.session = number, .agent = agent->agent, .role = agent->role};
        *secret = made;
    }
    return outcome_from(st);
}

struct outcome session_start(struct tx *tx, const struct login_proof *proof, bell_slice address,
                             bell_slice browser, struct session_self *self, desk_secret *secret)
{
    struct agent_row row = {0};
    struct outcome o = rights_agent(tx, proof->agent, &tx->events->arena, &row);
    if (o.error == ERROR_FORBIDDEN ||
        (outcome_is_done(o) && row.password_version != proof->password_version)) {
        return outcome_refused(ERROR_BAD_LOGIN);
    }
    return outcome_is_done(o) ? start(tx, &row.agent, address, browser, self, secret) : o;
}

struct outcome session_start_for(struct tx *tx, int64_t agent, bell_slice address,
                                 bell_slice browser, struct session_self *self, desk_secret *secret)
{
    struct agent_row row = {0};
    struct outcome o = rights_agent(tx, agent, &tx->events->arena, &row);
    return outcome_is_done(o) ? start(tx, &row.agent, address, browser, self, secret) : o;
}

struct outcome session_find(struct tx *tx, const desk_secret *secret, bell_slice address,
                            int64_t lifetime_us, struct session_self *out)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_hash(secret, hash);
    struct session_row row;
    /* Found by its hash: how long the search takes tells nothing about the secret. */
    bell_status st =
        store_session_find(tx->db, hash, text_cut(address, SESSION_ADDRESS_MAX_CHARS), &row);
    if (st == BELL_ENOTFOUND || (st == BELL_OK && tx->now_us - row.seen_at > lifetime_us)) {
        return outcome_refused(ERROR_NOT_LOGGED_IN);
    }
    if (st == BELL_OK) {
        *out = (struct session_self){
            .session = row.number,
            .agent = row.agent,
            .role = row.role,
            .must_touch = !row.same_address || tx->now_us - row.seen_at > SESSION_TOUCH_US,
        };
    }
    return outcome_from(st);
}

struct outcome session_touch(struct tx *tx, int64_t session, bell_slice address)
{
    return outcome_from(store_session_touch(
        tx->db, session, text_cut(address, SESSION_ADDRESS_MAX_CHARS), tx->now_us));
}

struct outcome session_list(struct tx *tx, int64_t actor, int64_t agent, int64_t own_session,
                            struct bell_arena *arena, struct session **items, size_t *count)
{
    struct outcome o = rights_owner_or_self(tx, actor, agent);
    if (!outcome_is_done(o)) {
        return o;
    }
    struct agent_row row = {0};
    bell_status st = store_agent_get(tx->db, agent, arena, &row);
    if (st == BELL_ENOTFOUND) {
        return outcome_refused(ERROR_NOT_FOUND);
    }
    if (st == BELL_OK) {
        st = store_session_list(tx->db, agent, SESSIONS_PER_AGENT, arena, items, count);
    }
    for (size_t i = 0; st == BELL_OK && i < *count; i++) {
        (*items)[i].current = (*items)[i].session == own_session;
    }
    return outcome_from(st);
}
