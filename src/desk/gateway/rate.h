/*
 * Rates: how often somebody may do something, counted by key (a visitor, an address, an account).
 *
 * A generic cell rate algorithm: of every key only the moment is kept at which its allowance would
 * be whole again, so a key that was quiet long enough is the same as one never seen. The table has
 * a fixed size; when it is full the key that is nearest to being whole is forgotten.
 *
 * Any thread. Each shard has a lock that is held for a few dozen instructions and never while
 * anything else is called, so that loops may use it too.
 */
#ifndef DESK_GATEWAY_RATE_H
#define DESK_GATEWAY_RATE_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stddef.h>
#include <stdint.h>

struct rate_table;

/*
 * Allows burst at once and per_window in each window_ms in the long run. max_keys is rounded up.
 * BELL_EINVAL when one of them is 0, BELL_ENOMEM.
 */
BELL_NODISCARD bell_status rate_table_create(uint64_t per_window, uint64_t window_ms,
                                             uint64_t burst, size_t max_keys,
                                             struct rate_table **out);
/* Takes NULL. */
void rate_table_destroy(struct rate_table *table);

/* Takes one of the key's allowance. 0: taken; otherwise nothing was, and so many ms remain until
 * one is there. */
uint64_t rate_take(struct rate_table *table, bell_slice key, uint64_t now_ms);
/* As take, without taking. */
uint64_t rate_peek(struct rate_table *table, bell_slice key, uint64_t now_ms);
/* Gives one back that was taken for something that did not happen. */
void rate_give_back(struct rate_table *table, bell_slice key, uint64_t now_ms);

/* Keys made of addresses: an IPv4 address itself, of IPv6 the /64 (what one customer line has). */
enum { RATE_ADDRESS_BYTES = 17 };
/* The key lies in out. Text that is no address is a key of its own, cut to fit. */
bell_slice rate_address_key(bell_slice address, char out[RATE_ADDRESS_BYTES]);

#endif
