/*
 * Logging in: limits of attempts, the check of the password, sessions.
 *
 * The way of a log-in: login_allow (cheap), login_check (slow, no transaction), session_start
 * (writes). An unknown account costs the same time as a wrong password and gets the same answer.
 */
#ifndef DESK_DOMAIN_LOGIN_H
#define DESK_DOMAIN_LOGIN_H

#include "base/arena.h"
#include "desk/domain/tx.h"

/* --- limits of attempts: in memory, so a restart forgets them; any thread --- */

struct login_limits;

/*
 * At most attempts in window_s seconds for each address and for each account. NULL: out of memory.
 */
struct login_limits *login_limits_create(uint64_t attempts, uint64_t window_s);
void login_limits_destroy(struct login_limits *limits);
/*
 * Counts one attempt from this address at this account; now_ms is monotonic. ERROR_RATE_LIMITED
 * with retry_after_ms, and then it does not count. When more addresses and accounts
 * try than can be remembered, the ones that tried longest ago are forgotten.
 */
struct outcome login_allow(struct login_limits *limits, bell_slice address, bell_slice email,
                           uint64_t now_ms);
/*
 * A right password: what was counted at this account, and this attempt from this address, count no
 * more.
 */
void login_succeeded(struct login_limits *limits, bell_slice address, bell_slice email);

/* --- passwords --- */

/* Who logged in, and with which password: a session starts only if it is still that one. */
struct login_proof {
    int64_t agent;
    int64_t password_version;
};

/*
 * Reads, slow; outside of a transaction. ERROR_BAD_LOGIN: no such agent, removed, or wrong
 * password. Uses about 19 MiB while it runs; ERROR_BUSY when there is no memory.
 */
struct outcome login_check(struct tx *tx, bell_slice email, bell_slice password,
                           struct login_proof *out);
/* The same by number of the agent: the old password before a change. */
struct outcome login_check_agent(struct tx *tx, int64_t agent, bell_slice password,
                                 struct login_proof *out);

/* --- sessions --- */

/* Whose request it is. */
struct session_self {
    int64_t session;
    int64_t agent;
    enum role role;
    bool must_touch; /* call session_touch: seen more than SESSION_TOUCH_US ago, or from another
                        address */
};

/* A use is noted at most this often, since each note is a write. */
#define SESSION_TOUCH_US (INT64_C(5) * 60 * 1000 * 1000)

/*
 * Makes a session. address and browser are cut to their limits. The secret goes into the cookie
 * and is nowhere else. ERROR_BAD_LOGIN: removed or the password has changed since the check.
 */
struct outcome session_start(struct tx *tx, const struct login_proof *proof, bell_slice address,
                             bell_slice browser, struct session_self *self, desk_secret *secret);
/* The same for an agent just made by setup_use, whose password needs no check. */
struct outcome session_start_for(struct tx *tx, int64_t agent, bell_slice address,
                                 bell_slice browser, struct session_self *self,
                                 desk_secret *secret);
/* Reads. ERROR_NOT_LOGGED_IN: no such session, or not used for lifetime_us. */
struct outcome session_find(struct tx *tx, const desk_secret *secret, bell_slice address,
                            int64_t lifetime_us, struct session_self *out);
/* Notes the use, which moves its end. Fine when it has ended meanwhile. */
struct outcome session_touch(struct tx *tx, int64_t session, bell_slice address);
/* Log-out. Fine when it has ended already. */
struct outcome session_end(struct tx *tx, int64_t session);
/*
 * One's own, or as owner anybody's. ERROR_NOT_FOUND, also when it is another's and the actor is no
 * owner.
 */
struct outcome session_end_other(struct tx *tx, int64_t actor, int64_t session);
/*
 * All of an agent but keep_session (0 = none is kept). ERROR_FORBIDDEN: another's, and the actor
 * is no owner.
 */
struct outcome session_end_all(struct tx *tx, int64_t actor, int64_t agent, int64_t keep_session);
/* Ends sessions not used for lifetime_us. */
struct outcome session_expire(struct tx *tx, int64_t lifetime_us);
/*
 * Reads. Newest use first. ERROR_FORBIDDEN as above, ERROR_NOT_FOUND: no such agent. current marks
 * own_session.
 */
struct outcome session_list(struct tx *tx, int64_t actor, int64_t agent, int64_t own_session,
                            struct bell_arena *arena, struct session **items, size_t *count);

#endif
