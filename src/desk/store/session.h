/*
 * Queries of the table session. See db.h for the statuses.
 */
#ifndef DESK_STORE_SESSION_H
#define DESK_STORE_SESSION_H

#include "base/arena.h"
#include "desk/proto/types.h"
#include "desk/store/db.h"

enum { SESSION_HASH_BYTES = 32 };

/* A session and what it may; without its agent when that one was removed. */
struct session_row {
    int64_t number;
    int64_t agent;
    enum role role;
    int64_t seen_at;
    bool same_address; /* as the one asked with */
};

/* hash is SHA-256 of the secret. */
BELL_NODISCARD bell_status store_session_insert(struct db *db, int64_t agent,
                                                const uint8_t hash[SESSION_HASH_BYTES],
                                                bell_slice address, bell_slice browser, int64_t at,
                                                int64_t *number);
/* Of an agent who is not removed. BELL_ENOTFOUND. */
BELL_NODISCARD bell_status store_session_find(struct db *db, const uint8_t hash[SESSION_HASH_BYTES],
                                              bell_slice address, struct session_row *out);
/* Whose is it? BELL_ENOTFOUND. */
BELL_NODISCARD bell_status store_session_agent(struct db *db, int64_t number, int64_t *agent);
BELL_NODISCARD bell_status store_session_touch(struct db *db, int64_t number, bell_slice address,
                                               int64_t at);
BELL_NODISCARD bell_status store_session_remove(struct db *db, int64_t number);
/* Any session of the agent but one (0 = any at all); BELL_ENOTFOUND when there is none left. */
BELL_NODISCARD bell_status store_session_any_of(struct db *db, int64_t agent, int64_t but,
                                                int64_t *number);
/* The one used longest ago when the agent has more than keep; BELL_ENOTFOUND when not. */
BELL_NODISCARD bell_status store_session_oldest_beyond(struct db *db, int64_t agent, int64_t keep,
                                                       int64_t *number);
/* Any session last seen before a time, and whose; BELL_ENOTFOUND. */
BELL_NODISCARD bell_status store_session_any_before(struct db *db, int64_t seen_before,
                                                    int64_t *number, int64_t *agent);
/* At most limit sessions, newest use first; current is false. */
BELL_NODISCARD bell_status store_session_list(struct db *db, int64_t agent, int64_t limit,
                                              struct bell_arena *arena, struct session **items,
                                              size_t *count);

#endif
