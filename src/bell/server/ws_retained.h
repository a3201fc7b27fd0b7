/*
 * Retained values: the last message of a topic, which later subscribers get at once.
 *
 * Each loop has a table of all of them, so that a subscription finds its value without asking
 * anybody and in order with what is published after it. A table of the server, without messages,
 * knows how many there are and of which size; it is what limits them. A table belongs to its loop's
 * thread, that of the server to who holds its lock.
 */
#ifndef BELL_SERVER_WS_RETAINED_H
#define BELL_SERVER_WS_RETAINED_H

#include "bell/server/ws_session.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stddef.h>
#include <stdint.h>

struct bell_blob;
struct bell_ws_variants;

struct bell_ws_retained {
    struct bell_ws_retained *next;     /* (owned) of the same bucket */
    struct bell_blob *frame;           /* (owned) a reference; NULL: there is none any more */
    struct bell_ws_variants *variants; /* (owned) a reference; may be NULL */
    bell_ws_terms terms;               /* on which it was published */
    uint64_t hash;                     /* of the name */
    uint64_t sequence;                 /* later values of a server have greater ones */
    size_t bytes;                      /* what it counts as */
    size_t name_bytes;
    char name[];
};

struct bell_ws_retained_table {
    struct bell_ws_retained **buckets; /* (owned) NULL while empty and never used */
    size_t bucket_count;               /* a power of two */
    size_t count;
};

/* Without a message; NULL without memory. Owned by the caller until it is put. */
struct bell_ws_retained *bell_ws_retained_create(bell_slice name, uint64_t hash);
/* Takes NULL. */
void bell_ws_retained_destroy(struct bell_ws_retained *value);

/* Room for the first value. Other calls need none. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_ws_retained_table_init(struct bell_ws_retained_table *t);
void bell_ws_retained_table_finish(struct bell_ws_retained_table *t);
/* NULL when there is none. */
struct bell_ws_retained *bell_ws_retained_find(const struct bell_ws_retained_table *t,
                                               bell_slice name, uint64_t hash);
/* Takes value over, in the place of the one of the same name. Cannot fail. */
void bell_ws_retained_put(struct bell_ws_retained_table *t, struct bell_ws_retained *value);
/* Nothing when there is none. */
void bell_ws_retained_remove(struct bell_ws_retained_table *t, bell_slice name, uint64_t hash);

#endif
