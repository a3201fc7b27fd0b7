#include "bell/server/client_slab.h"

#include "base/mem.h"
#include "bell/server/connection.h"

void bell_client_slab_init(struct bell_client_slab *slab)
{
    (void)pthread_mutex_init(&slab->lock, NULL);
}

void bell_client_slab_finish(struct bell_client_slab *slab)
{
    for (size_t i = 0; i < BELL_CLIENT_CHUNKS; i++) {
        bell_mem_free(atomic_load(&slab->chunks[i]));
    }
    (void)pthread_mutex_destroy(&slab->lock);
}

/* Chunk i begins at FIRST * (2^i - 1). */
static uint32_t chunk_of(uint32_t index, uint32_t *place)
{
    uint32_t chunk = 0;
    uint32_t size = BELL_CLIENT_FIRST_CHUNK;
    while (index >= size) {
        index -= size;
        size *= 2;
        chunk++;
    }
    *place = index;
    return chunk;
}

struct bell_connection *bell_client_slab_at(const struct bell_client_slab *slab, uint32_t slot)
{
    uint32_t place;
    uint32_t index = slot & (BELL_CLIENT_SLOT - 1U);
    if (index >= atomic_load_explicit(&slab->used, memory_order_acquire)) {
        return NULL;
    }
    uint32_t chunk = chunk_of(index, &place);
    /* Acquire, here and above: what was zeroed comes with the pointer. */
    return atomic_load_explicit(&slab->chunks[chunk], memory_order_acquire) + place;
}

void bell_client_slab_each(struct bell_client_slab *slab,
                           void (*visit)(struct bell_connection *c, void *user), void *user)
{
    uint32_t left = (uint32_t)atomic_load_explicit(&slab->used, memory_order_acquire);
    uint32_t size = BELL_CLIENT_FIRST_CHUNK;
    for (uint32_t i = 0; left > 0; i++) {
        struct bell_connection *chunk =
            atomic_load_explicit(&slab->chunks[i], memory_order_acquire);
        uint32_t count = left < size ? left : size;
        for (uint32_t j = 0; j < count; j++) {
            if (chunk[j].phase != BELL_CONNECTION_FREE) {
                visit(&chunk[j], user);
            }
        }
        left -= count;
        size *= 2;
    }
}

/* Under the lock: the next slot that was never used. */
static bell_status take_fresh(struct bell_client_slab *slab, bell_client_place *out)
{
    uint32_t place;
    uint32_t index = (uint32_t)atomic_load_explicit(&slab->used, memory_order_relaxed);
    uint32_t chunk = chunk_of(index, &place);
    if (chunk == BELL_CLIENT_CHUNKS) {
        return BELL_ENOMEM;
    }
    if (place == 0) {
        struct bell_connection *made =
            bell_mem_zalloc_array((size_t)BELL_CLIENT_FIRST_CHUNK << chunk, sizeof *made);
        if (made == NULL) {
            return BELL_ENOMEM;
        }
        atomic_store_explicit(&slab->chunks[chunk], made, memory_order_release);
    }
    atomic_store_explicit(&slab->used, index + 1, memory_order_release);
    *out = (bell_client_place){.slot = BELL_CLIENT_SLOT | index};
    return BELL_OK;
}

bell_status bell_client_slab_take(struct bell_client_slab *slab, bell_client_place *out)
{
    bell_status st = BELL_OK;
    (void)pthread_mutex_lock(&slab->lock);
    struct bell_connection *c = slab->free_slots;
    if (c != NULL) {
        slab->free_slots = c->u.next_free;
        *out = (bell_client_place){.slot = c->slot, .generation = c->generation};
    } else {
        st = take_fresh(slab, out);
    }
    (void)pthread_mutex_unlock(&slab->lock);
    return st;
}

void bell_client_slab_give(struct bell_client_slab *slab, struct bell_connection *c, uint32_t slot)
{
    (void)pthread_mutex_lock(&slab->lock);
    c->phase = BELL_CONNECTION_FREE;
    c->slot = slot;
    if (++c->generation != 0) { /* else old handles would be good again: it is used up */
        c->u.next_free = slab->free_slots;
        slab->free_slots = c;
    }
    (void)pthread_mutex_unlock(&slab->lock);
}
