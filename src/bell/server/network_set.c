#include "bell/server/network_set.h"

#include "base/mem.h"
#include "base/random.h"

/* Open addressing with steps of one; a removal closes the gap, so there are no marks of what was.
 */
enum { FIRST_CAPACITY = 32, FREE_BITS = UINT8_MAX /* prefix_bits of a free slot */ };

void bell_network_set_init(struct bell_network_set *set)
{
    *set = (struct bell_network_set){.slots = NULL};
    bell_random_fill(set->hash_key, sizeof set->hash_key);
}

void bell_network_set_finish(struct bell_network_set *set)
{
    bell_mem_free(set->slots);
    *set = (struct bell_network_set){.slots = NULL};
}

static size_t home_of(const struct bell_network_set *set, const bell_network *network)
{
    bell_slice bytes = bell_slice_make(network, sizeof *network); /* it has no padding */
    return (size_t)bell_hash(bytes, set->hash_key) & (set->capacity - 1);
}

static size_t next_of(const struct bell_network_set *set, size_t i)
{
    return (i + 1) & (set->capacity - 1);
}

static bool is_free(const struct bell_network_set *set, size_t i)
{
    return set->slots[i].prefix_bits == FREE_BITS;
}

/* The network's slot, or the free one where it belongs. There are slots. */
static size_t place_of(const struct bell_network_set *set, const bell_network *network)
{
    size_t i = home_of(set, network);
    while (!is_free(set, i) && !bell_network_equal(&set->slots[i], network)) {
        i = next_of(set, i);
    }
    return i;
}

static bell_status grow(struct bell_network_set *set)
{
    struct bell_network_set larger = *set;
    larger.capacity = set->capacity == 0 ? FIRST_CAPACITY : set->capacity * 2;
    larger.slots = bell_mem_zalloc_array(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return BELL_ENOMEM;
    }
    for (size_t i = 0; i < larger.capacity; i++) {
        larger.slots[i].prefix_bits = FREE_BITS;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (!is_free(set, i)) {
            larger.slots[place_of(&larger, &set->slots[i])] = set->slots[i];
        }
    }
    bell_mem_free(set->slots);
    *set = larger;
    return BELL_OK;
}

bell_status bell_network_set_add(struct bell_network_set *set, const bell_network *network,
                                 size_t max_count)
{
    if (set->count > 0 && !is_free(set, place_of(set, network))) {
        return BELL_OK;
    }
    if (set->count >= max_count) {
        return BELL_ELIMIT;
    }
    bell_status st = (set->count + 1) * 2 > set->capacity ? grow(set) : BELL_OK;
    if (st == BELL_OK) {
        set->slots[place_of(set, network)] = *network;
        set->count++;
        set->of_length[network->prefix_bits]++;
    }
    return st;
}

bell_status bell_network_set_remove(struct bell_network_set *set, const bell_network *network)
{
    size_t gap = set->count == 0 ? 0 : place_of(set, network);
    if (set->count == 0 || is_free(set, gap)) {
        return BELL_ENOTFOUND;
    }
    set->count--;
    set->of_length[network->prefix_bits]--;
    /* Whoever stands behind the gap and was kept from it by what stood there moves up. */
    for (size_t i = next_of(set, gap); !is_free(set, i); i = next_of(set, i)) {
        size_t way = (i - home_of(set, &set->slots[i])) & (set->capacity - 1);
        if (way >= ((i - gap) & (set->capacity - 1))) {
            set->slots[gap] = set->slots[i];
            gap = i;
        }
    }
    set->slots[gap].prefix_bits = FREE_BITS;
    return BELL_OK;
}

bool bell_network_set_has(const struct bell_network_set *set, const bell_address *address)
{
    size_t left = set->count; /* of lengths that were not looked for */
    for (unsigned bits = 0; left > 0 && bits < BELL_NETWORK_LENGTHS; bits++) {
        if (set->of_length[bits] > 0) {
            const bell_network network = bell_network_of(address, (uint8_t)bits);
            if (!is_free(set, place_of(set, &network))) {
                return true;
            }
            left -= set->of_length[bits];
        }
    }
    return false;
}
