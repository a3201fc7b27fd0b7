#include "bell/net/out_index.h"

#include "base/mem.h"

#include <stddef.h>

/* Open addressing with steps of one; a removal closes the gap, so there are no marks of what was.
 */
struct slot {
    uint64_t key; /* 0 = free */
    struct bell_out_node *node;
};

struct bell_out_index {
    struct slot *slots; /* (owned) */
    size_t capacity;    /* a power of two, at least twice the count */
    size_t count;
};

enum { FIRST_CAPACITY = 128 };

struct bell_out_index *bell_out_index_create(void)
{
    struct bell_out_index *x = bell_mem_zalloc(sizeof *x);
    if (x == NULL) {
        return NULL;
    }
    x->slots = bell_mem_zalloc_array(FIRST_CAPACITY, sizeof *x->slots);
    if (x->slots == NULL) {
        bell_mem_free(x);
        return NULL;
    }
    x->capacity = FIRST_CAPACITY;
    return x;
}

void bell_out_index_destroy(struct bell_out_index *x)
{
    if (x != NULL) {
        bell_mem_free(x->slots);
        bell_mem_free(x);
    }
}

/* Keys are hashes already. */
static size_t home_of(const struct bell_out_index *x, uint64_t key)
{
    return key & (x->capacity - 1);
}

static size_t next_of(const struct bell_out_index *x, size_t i)
{
    return (i + 1) & (x->capacity - 1);
}

/* The key's slot, or the free one where it belongs. */
static size_t place_of(const struct bell_out_index *x, uint64_t key)
{
    size_t i = home_of(x, key);
    while (x->slots[i].key != 0 && x->slots[i].key != key) {
        i = next_of(x, i);
    }
    return i;
}

static bool grow(struct bell_out_index *x)
{
    struct bell_out_index larger = {.capacity = x->capacity * 2, .count = x->count};
    larger.slots = bell_mem_zalloc_array(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < x->capacity; i++) {
        if (x->slots[i].key != 0) {
            larger.slots[place_of(&larger, x->slots[i].key)] = x->slots[i];
        }
    }
    bell_mem_free(x->slots);
    *x = larger;
    return true;
}

bool bell_out_index_set(struct bell_out_index *x, uint64_t key, struct bell_out_node *node)
{
    size_t i = place_of(x, key);
    if (x->slots[i].key == 0) {
        if ((x->count + 1) * 2 > x->capacity) {
            if (!grow(x)) {
                return false;
            }
            i = place_of(x, key);
        }
        x->count++;
    }
    x->slots[i] = (struct slot){key, node};
    return true;
}

void bell_out_index_remove(struct bell_out_index *x, uint64_t key, const struct bell_out_node *node)
{
    size_t gap = place_of(x, key);
    if (x->slots[gap].key == 0 || x->slots[gap].node != node) {
        return;
    }
    x->count--;
    /* Whoever stands behind the gap and was kept from it by what stood there moves up. */
    for (size_t i = next_of(x, gap); x->slots[i].key != 0; i = next_of(x, i)) {
        size_t way = (i - home_of(x, x->slots[i].key)) & (x->capacity - 1);
        if (way >= ((i - gap) & (x->capacity - 1))) {
            x->slots[gap] = x->slots[i];
            gap = i;
        }
    }
    x->slots[gap] = (struct slot){0, NULL};
}

struct bell_out_node *bell_out_index_find(const struct bell_out_index *x, uint64_t key)
{
    return x->slots[place_of(x, key)].node;
}
