/*
 * Guard table: what built-in guards remember by a 16-byte key (an address, a connection), shared by
 * all loops.
 *
 * Split into shards with a lock each; a lock is held for a few instructions only.
 */
#ifndef BELL_SERVER_GUARD_TABLE_H
#define BELL_SERVER_GUARD_TABLE_H

#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

struct bell_guard_table;

typedef struct {
    uint8_t bytes[16];
} bell_guard_key;

typedef struct {
    uint64_t a; /* whatever the guard counts */
    uint64_t b;
} bell_guard_value;

/* BELL_ENOMEM */
BELL_NODISCARD bell_status bell_guard_table_create(struct bell_guard_table **out);
/* Takes NULL. */
void bell_guard_table_destroy(struct bell_guard_table *table);
/*
 * Calls update with the key's value, zeroed for a new key, under the shard's lock; when it returns
 * false the key is forgotten. BELL_ENOMEM: a new key could not be kept, update was not called.
 */
BELL_NODISCARD bell_status
bell_guard_table_update(struct bell_guard_table *table, const bell_guard_key *key,
                        bool (*update)(bell_guard_value *value, void *user), void *user);

#endif
