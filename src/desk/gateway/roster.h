/*
 * Roster: which log-ins have consoles connected, so that ending a log-in or removing an agent can
 * close them at once and the sessions can be looked after.
 *
 * Any thread; the lock is never held while anything else is called. Secrets are wiped when an entry
 * goes.
 */
#ifndef DESK_GATEWAY_ROSTER_H
#define DESK_GATEWAY_ROSTER_H

#include "bell/status.h"
#include "bell/ws_server.h"
#include "desk/proto/value.h"

#include <stddef.h>
#include <stdint.h>

struct roster;

enum { ROSTER_ADDRESS_BYTES = 64 };

/* A console and the log-in it belongs to. */
struct roster_entry {
    bell_conn conn;
    int64_t session;
    desk_secret secret; /* of the log-in: proves that it still holds */
    uint8_t address_bytes;
    char address[ROSTER_ADDRESS_BYTES]; /* of the peer, as text */
};

/* BELL_ENOMEM. */
BELL_NODISCARD bell_status roster_create(struct roster **out);
/* Takes NULL. */
void roster_destroy(struct roster *roster);

/* BELL_ENOMEM. */
BELL_NODISCARD bell_status roster_add(struct roster *roster, struct roster_entry entry);
/* A console that is not there is fine. */
void roster_remove(struct roster *roster, bell_conn conn);

/*
 * A copy of all entries, for roster_copy_free; NULL when there are none. *count is set in any case.
 * BELL_ENOMEM.
 */
BELL_NODISCARD bell_status roster_copy(struct roster *roster, struct roster_entry **out,
                                       size_t *count);
/* Takes NULL. */
void roster_copy_free(struct roster_entry *entries, size_t count);
size_t roster_count(struct roster *roster);

#endif
