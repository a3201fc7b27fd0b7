/*
 * Agents as accounts: who exists, what they may do, their passwords; and how the first becomes the
 * owner.
 *
 * Passwords are kept as argon2id hashes (libsodium, about 19 MiB and 2 passes: the first choice of
 * the OWASP password storage cheat sheet). Hashing and checking take tens of milliseconds:
 * password_hash and login_check (login.h) belong outside of write transactions; the writing
 * functions take the hash.
 *
 * actor is the number of the agent who asks, ACCOUNT_DESK for the command line, which may
 * everything.
 */
#ifndef DESK_DOMAIN_ACCOUNT_H
#define DESK_DOMAIN_ACCOUNT_H

#include "base/arena.h"
#include "desk/domain/tx.h"

enum { ACCOUNT_DESK = 0, PASSWORD_HASH_BYTES = 128 };

/* A password as it is stored; zero-terminated text. */
struct password_hash {
    char text[PASSWORD_HASH_BYTES];
};

/*
 * Slow. The password has 10 to 200 characters, else ERROR_BAD_FIELD; ERROR_BUSY when memory is
 * short. No transaction needed.
 */
struct outcome password_hash(bell_slice password, struct password_hash *out);

/*
 * ERROR_FORBIDDEN  the actor is no owner
 * ERROR_EXISTS     somebody who is not removed has this e-mail, in whatever letter case
 * ERROR_BAD_FIELD  an e-mail that cannot be one, or a blank name
 * ERROR_TOO_LONG
 * ERROR_BUSY       AGENT_EVENT_WELCOME_AGENTS_MAX agents exist, removed ones included
 *
 * out->connected is false; its texts are those of the request.
 */
struct outcome account_add(struct tx *tx, int64_t actor, const struct agent_add_request *request,
                           const struct password_hash *hash, struct agent *out);
/* Reads. What account_add would refuse, before somebody thinks of a password. */
struct outcome account_may_add(struct tx *tx, int64_t actor,
                               const struct agent_add_request *request);
/*
 * Ends all sessions of the agent but keep_session (0 = none is kept). The caller has checked the
 * old password (login_check_agent) when the actor changes his own.
 *
 * ERROR_NOT_FOUND  no such agent, or removed
 * ERROR_FORBIDDEN  another's, and the actor is no owner
 */
struct outcome account_set_password(struct tx *tx, int64_t actor, int64_t agent,
                                    const struct password_hash *hash, int64_t keep_session);
/*
 * Ends the agent's sessions and gives open conversations back to the queue; the agent stays known
 * as author. ERROR_NOT_FOUND, ERROR_FORBIDDEN (no owner, or the last owner would go)
 */
struct outcome account_remove(struct tx *tx, int64_t actor, int64_t agent);
/* What the agent says of himself; everybody hears of it. ERROR_FORBIDDEN: unknown or removed. */
struct outcome account_set_status(struct tx *tx, int64_t agent, enum status status);

/* Reads. All agents by number, removed ones included; connected is false. */
struct outcome account_list(struct tx *tx, struct bell_arena *arena, struct agent **items,
                            size_t *count);
/* Reads. ERROR_NOT_FOUND; removed agents are found. */
struct outcome account_get(struct tx *tx, int64_t agent, struct bell_arena *arena,
                           struct agent *out);
/* Reads. The agent with this e-mail who is not removed; ERROR_NOT_FOUND. */
struct outcome account_find(struct tx *tx, bell_slice email, struct bell_arena *arena,
                            struct agent *out);

/* Reads. Is there nobody yet who is owner? */
struct outcome setup_is_needed(struct tx *tx, bool *out);
/*
 * At each start: with no owner makes a new one-time token (*has true), else removes what there
 * was.
 */
struct outcome setup_renew(struct tx *tx, bool *has, desk_secret *out);
/*
 * Makes the first owner and removes the token. ERROR_BAD_TOKEN, ERROR_EXISTS (there is an owner),
 * and as account_add. Check the token with setup_check before the slow hash.
 */
struct outcome setup_use(struct tx *tx, const struct setup_request *request,
                         const struct password_hash *hash, struct agent *out);
/* Reads. ERROR_BAD_TOKEN, ERROR_EXISTS. */
struct outcome setup_check(struct tx *tx, const desk_secret *token);

#endif
