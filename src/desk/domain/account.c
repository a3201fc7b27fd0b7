/*
 * Agents as accounts (see account.h).
 */
#include "desk/domain/account.h"

#include "desk/domain/event.h"
#include "desk/domain/login.h"
#include "desk/domain/record.h"
#include "desk/domain/rights.h"
#include "desk/domain/secret.h"
#include "desk/domain/text.h"
#include "desk/store/agent.h"

/* --- adding --- */

/* Is there room for one more agent, and are these a name and an e-mail? */
static struct outcome agent_check(struct tx *tx, bell_slice name, bell_slice email)
{
    enum desk_error error = text_check_name(name, AGENT_NAME_MAX_CHARS);
    if (error == ERROR_NONE) {
        error = text_check_email(email);
    }
    if (error != ERROR_NONE) {
        return outcome_refused(error);
    }
    int64_t count = 0;
    bell_status st = store_agent_count(tx->db, &count);
    if (st == BELL_OK && count >= AGENT_EVENT_WELCOME_AGENTS_MAX) {
        return outcome_refused(ERROR_BUSY);
    }
    return outcome_from(st);
}

static struct outcome agent_make(struct tx *tx, bell_slice name, bell_slice email, enum role role,
                                 const struct password_hash *hash, struct agent *out)
{
    struct outcome o = agent_check(tx, name, email);
    if (!outcome_is_done(o)) {
        return o;
    }
    char lower[EMAIL_MAX_BYTES];
    struct agent agent = {.name = name,
                          .email = text_lower_email(email, lower),
                          .role = role,
                          .status = STATUS_ONLINE};
    /* The event outlives this function, so does its address. */
    agent.email = bell_arena_copy(&tx->events->arena, agent.email);
    bell_status st = agent.email.p == NULL ? BELL_ENOMEM : BELL_OK;
    if (st == BELL_OK) {
        st = store_agent_insert(tx->db, &agent, bell_slice_from(hash->text), tx->now_us,
                                &agent.agent);
    }
    if (st == BELL_EEXISTS) {
        return outcome_refused(ERROR_EXISTS);
    }
    if (st == BELL_OK) {
        st = record_agent(tx, &agent);
    }
    if (st == BELL_OK) {
        agent.email = email;
        *out = agent;
    }
    return outcome_from(st);
}

struct outcome account_add(struct tx *tx, int64_t actor, const struct agent_add_request *request,
                           const struct password_hash *hash, struct agent *out)
{
    struct outcome o = rights_owner(tx, actor);
    if (!outcome_is_done(o)) {
        return o;
    }
    return agent_make(tx, request->name, request->email, request->role, hash, out);
}

struct outcome account_may_add(struct tx *tx, int64_t actor,
                               const struct agent_add_request *request)
{
    struct agent other;
    struct outcome o = rights_owner(tx, actor);
    if (outcome_is_done(o)) {
        o = agent_check(tx, request->name, request->email);
    }
    if (!outcome_is_done(o)) {
        return o;
    }
    o = account_find(tx, request->email, &tx->events->arena, &other);
    if (outcome_is_done(o)) {
        return outcome_refused(ERROR_EXISTS);
    }
    return o.error == ERROR_NOT_FOUND ? outcome_from(BELL_OK) : o;
}

/* --- changing and removing --- */

/* An agent who is not removed; ERROR_NOT_FOUND. */
static struct outcome agent_present(struct tx *tx, int64_t agent, struct agent_row *out)
{
    struct outcome o = rights_agent(tx, agent, &tx->events->arena, out);
    return o.error == ERROR_FORBIDDEN ? outcome_refused(ERROR_NOT_FOUND) : o;
}

struct outcome account_set_password(struct tx *tx, int64_t actor, int64_t agent,
                                    const struct password_hash *hash, int64_t keep_session)
{
    struct outcome o = rights_owner_or_self(tx, actor, agent);
    struct agent_row row = {0};
    if (outcome_is_done(o)) {
        o = agent_present(tx, agent, &row);
    }
    if (!outcome_is_done(o)) {
        return o;
    }
    bell_status st = store_agent_set_password(tx->db, agent, bell_slice_from(hash->text));
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    return session_end_all(tx, ACCOUNT_DESK, agent, keep_session);
}

/* Whoever leaves leaves nobody waiting for him. */
static bell_status conversations_return(struct tx *tx, int64_t agent)
{
    bell_status st = BELL_OK;
    while (st == BELL_OK) {
        int64_t number = 0;
        struct conversation_row row = {0};
        struct event *change = NULL;
        st = store_conversation_any_of(tx->db, agent, &number);
        if (st == BELL_ENOTFOUND) {
            return BELL_OK;
        }
        if (st == BELL_OK) {
            st = store_conversation_get(tx->db, number, &row);
        }
        row.agent = 0;
        row.changed_at = tx->now_us;
        if (st == BELL_OK) {
            st = store_conversation_save(tx->db, &row);
        }
        if (st == BELL_OK) {
            bool is_told = tx->events->count < EVENT_LIST_MAX;
            st = record_change_begin(tx, &row, is_told, &change);
        }
        if (st == BELL_OK) {
            st = record_change_end(tx, change);
        }
    }
    return st;
}

struct outcome account_remove(struct tx *tx, int64_t actor, int64_t agent)
{
    struct outcome o = rights_owner(tx, actor);
    struct agent_row row = {0};
    if (outcome_is_done(o)) {
        o = agent_present(tx, agent, &row);
    }
    if (!outcome_is_done(o)) {
        return o;
    }
    int64_t owners = 0;
    bell_status st = store_agent_count_owners(tx->db, &owners);
    if (st == BELL_OK && row.agent.role == ROLE_OWNER && owners == 1) {
        return outcome_refused(ERROR_FORBIDDEN);
    }
    if (st == BELL_OK) {
        st = store_agent_set_removed(tx->db, agent);
    }
    if (st == BELL_OK) {
        st = conversations_return(tx, agent);
    }
    o = st == BELL_OK ? session_end_all(tx, ACCOUNT_DESK, agent, 0) : outcome_from(st);
    if (!outcome_is_done(o)) {
        return o;
    }
    row.agent.removed = true;
    return outcome_from(record_agent(tx, &row.agent));
}

struct outcome account_set_status(struct tx *tx, int64_t agent, enum status status)
{
    struct agent_row row = {0};
    struct outcome o = rights_agent(tx, agent, &tx->events->arena, &row);
    if (!outcome_is_done(o) || row.agent.status == status) {
        return o;
    }
    bell_status st = store_agent_set_status(tx->db, agent, status);
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    struct event *event = event_list_add(tx->events, EVENT_STATUS);
    if (event == NULL) {
        return outcome_from(BELL_ENOMEM);
    }
    event->status = (struct status_changed){.agent = agent, .status = status};
    return outcome_done();
}

/* --- reading --- */

struct outcome account_list(struct tx *tx, struct bell_arena *arena, struct agent **items,
                            size_t *count)
{
    return outcome_from(
        store_agent_list(tx->db, AGENT_EVENT_WELCOME_AGENTS_MAX, arena, items, count));
}

static struct outcome found(bell_status st, const struct agent_row *row, struct agent *out)
{
    if (st == BELL_ENOTFOUND) {
        return outcome_refused(ERROR_NOT_FOUND);
    }
    if (st == BELL_OK) {
        *out = row->agent;
    }
    return outcome_from(st);
}

struct outcome account_get(struct tx *tx, int64_t agent, struct bell_arena *arena,
                           struct agent *out)
{
    struct agent_row row = {0};
    bell_status st = store_agent_get(tx->db, agent, arena, &row);
    return found(st, &row, out);
}

struct outcome account_find(struct tx *tx, bell_slice email, struct bell_arena *arena,
                            struct agent *out)
{
    char lower[EMAIL_MAX_BYTES];
    struct agent_row row = {0};
    bell_status st = store_agent_by_email(tx->db, text_lower_email(email, lower), arena, &row);
    return found(st, &row, out);
}

/* --- the first owner --- */

struct outcome setup_is_needed(struct tx *tx, bool *out)
{
    int64_t owners = 0;
    bell_status st = store_agent_count_owners(tx->db, &owners);
    if (st == BELL_OK) {
        *out = owners == 0;
    }
    return outcome_from(st);
}

struct outcome setup_renew(struct tx *tx, bool *has, desk_secret *out)
{
    bool is_needed = false;
    struct outcome o = setup_is_needed(tx, &is_needed);
    if (!outcome_is_done(o)) {
        return o;
    }
    if (!is_needed) {
        *has = false;
        return outcome_from(store_setup_remove(tx->db));
    }
    uint8_t hash[SECRET_HASH_BYTES];
    desk_secret token;
    secret_make(&token);
    secret_hash(&token, hash);
    bell_status st = store_setup_set(tx->db, hash, tx->now_us);
    if (st == BELL_OK) {
        *has = true;
        *out = token;
    }
    return outcome_from(st);
}

struct outcome setup_check(struct tx *tx, const desk_secret *token)
{
    bool is_needed = false;
    struct outcome o = setup_is_needed(tx, &is_needed);
    if (!outcome_is_done(o)) {
        return o;
    }
    if (!is_needed) {
        return outcome_refused(ERROR_EXISTS);
    }
    uint8_t hash[SECRET_HASH_BYTES];
    bell_status st = store_setup_get(tx->db, hash);
    if (st == BELL_ENOTFOUND || (st == BELL_OK && !secret_matches(token, hash))) {
        return outcome_refused(ERROR_BAD_TOKEN);
    }
    return outcome_from(st);
}

struct outcome setup_use(struct tx *tx, const struct setup_request *request,
                         const struct password_hash *hash, struct agent *out)
{
    struct outcome o = setup_check(tx, &request->token);
    if (outcome_is_done(o)) {
        o = agent_make(tx, request->name, request->email, ROLE_OWNER, hash, out);
    }
    if (!outcome_is_done(o)) {
        return o;
    }
    return outcome_from(store_setup_remove(tx->db));
}
