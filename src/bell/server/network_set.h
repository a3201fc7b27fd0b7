/*
 * Network set: is an address in one of very many networks? Answered in as many steps as there are
 * different lengths of prefixes in the set, however many networks that are.
 *
 * A hash table of networks, keyed, since strangers may choose what is blocked; and a count of each
 * length, so that only those which are there are looked for. Not thread-safe.
 */
#ifndef BELL_SERVER_NETWORK_SET_H
#define BELL_SERVER_NETWORK_SET_H

#include "base/hash.h"
#include "bell/net/address.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BELL_NETWORK_LENGTHS = 129 }; /* 0 to 128 bits */

struct bell_network_set {
    bell_network *slots; /* (owned) NULL until there is a network */
    size_t capacity;     /* a power of two, at least twice the count; 0 without slots */
    size_t count;
    uint32_t of_length[BELL_NETWORK_LENGTHS]; /* how many have so many bits */
    uint8_t hash_key[BELL_HASH_KEY_BYTES];
};

void bell_network_set_init(struct bell_network_set *set);
void bell_network_set_finish(struct bell_network_set *set);
/* One that is there already is BELL_OK. BELL_ELIMIT more than max_count; BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_network_set_add(struct bell_network_set *set,
                                                const bell_network *network, size_t max_count);
/* BELL_ENOTFOUND */
BELL_NODISCARD bell_status bell_network_set_remove(struct bell_network_set *set,
                                                   const bell_network *network);
bool bell_network_set_has(const struct bell_network_set *set, const bell_address *address);

#endif
