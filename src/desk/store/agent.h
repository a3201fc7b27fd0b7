/*
 * Queries of the tables agent and setup_token. See db.h for the statuses.
 */
#ifndef DESK_STORE_AGENT_H
#define DESK_STORE_AGENT_H

#include "base/arena.h"
#include "desk/proto/types.h"
#include "desk/store/db.h"

struct agent_row {
    struct agent agent;       /* connected is false */
    bell_slice password;      /* hash */
    int64_t password_version; /* counts changes */
};

/* BELL_ENOTFOUND; texts in arena. Removed agents are found by number, not by e-mail. */
BELL_NODISCARD bell_status store_agent_get(struct db *db, int64_t number, struct bell_arena *arena,
                                           struct agent_row *out);
BELL_NODISCARD bell_status store_agent_by_email(struct db *db, bell_slice email,
                                                struct bell_arena *arena, struct agent_row *out);
/* agent->agent is ignored. BELL_EEXISTS: the e-mail is in use. */
BELL_NODISCARD bell_status store_agent_insert(struct db *db, const struct agent *agent,
                                              bell_slice password, int64_t at, int64_t *number);
BELL_NODISCARD bell_status store_agent_set_password(struct db *db, int64_t number,
                                                    bell_slice password);
BELL_NODISCARD bell_status store_agent_set_status(struct db *db, int64_t number,
                                                  enum status status);
BELL_NODISCARD bell_status store_agent_set_removed(struct db *db, int64_t number);
/* Removed ones included. */
BELL_NODISCARD bell_status store_agent_count(struct db *db, int64_t *count);
/* Those not removed. */
BELL_NODISCARD bell_status store_agent_count_owners(struct db *db, int64_t *count);
/* At most limit agents by number, removed ones included. */
BELL_NODISCARD bell_status store_agent_list(struct db *db, int64_t limit, struct bell_arena *arena,
                                            struct agent **items, size_t *count);

enum { SETUP_HASH_BYTES = 32 };

/* SHA-256 of the token; BELL_ENOTFOUND when there is none. */
BELL_NODISCARD bell_status store_setup_get(struct db *db, uint8_t hash[SETUP_HASH_BYTES]);
BELL_NODISCARD bell_status store_setup_set(struct db *db, const uint8_t hash[SETUP_HASH_BYTES],
                                           int64_t at);
BELL_NODISCARD bell_status store_setup_remove(struct db *db);

#endif
