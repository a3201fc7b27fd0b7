#include "base/arena.h"

#include "base/mem.h"
#include "base/num.h"

#include <stdalign.h>

struct bell_arena_block {
    struct bell_arena_block *next; /* (owned) older block */
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

/* Most commands fit into one block. */
static const size_t FIRST_BLOCK_BYTES = 1024;
static const size_t LARGEST_BLOCK_BYTES = 64 * 1024;

void bell_arena_init(struct bell_arena *a, size_t max_bytes)
{
    *a = (struct bell_arena){.max_bytes = max_bytes};
}

void bell_arena_finish(struct bell_arena *a)
{
    while (a->blocks != NULL) {
        struct bell_arena_block *next = a->blocks->next;
        bell_mem_free(a->blocks);
        a->blocks = next;
    }
    a->used_bytes = 0;
}

static struct bell_arena_block *block_add(struct bell_arena *a, size_t need)
{
    size_t size = a->blocks == NULL ? FIRST_BLOCK_BYTES : a->blocks->size * 2;
    if (size > LARGEST_BLOCK_BYTES) {
        size = LARGEST_BLOCK_BYTES;
    }
    if (size < need) {
        size = need;
    }
    size_t total;
    if (!bell_size_add(size, sizeof(struct bell_arena_block), &total)) {
        return NULL;
    }
    struct bell_arena_block *b = bell_mem_alloc(total);
    if (b == NULL) {
        return NULL;
    }
    b->next = a->blocks;
    b->used = 0;
    b->size = size;
    a->blocks = b;
    return b;
}

void *bell_arena_alloc(struct bell_arena *a, size_t size_bytes)
{
    const size_t align = alignof(max_align_t);
    size_t need;
    if (!bell_size_add(size_bytes == 0 ? 1 : size_bytes, align - 1, &need)) {
        return NULL;
    }
    need &= ~(align - 1);
    if (need > a->max_bytes || a->used_bytes > a->max_bytes - need) {
        return NULL;
    }
    struct bell_arena_block *b = a->blocks;
    if (b == NULL || b->size - b->used < need) {
        b = block_add(a, need);
        if (b == NULL) {
            return NULL;
        }
    }
    void *p = b->bytes + b->used;
    b->used += need;
    a->used_bytes += need;
    return p;
}

void *bell_arena_zalloc(struct bell_arena *a, size_t size_bytes)
{
    void *p = bell_arena_alloc(a, size_bytes);
    if (p != NULL) {
        memset(p, 0, size_bytes);
    }
    return p;
}

bell_slice bell_arena_copy(struct bell_arena *a, bell_slice s)
{
    size_t size;
    char *copy = bell_size_add(s.n, 1, &size) ? bell_arena_alloc(a, size) : NULL;
    if (copy == NULL) {
        return (bell_slice){NULL, 0};
    }
    if (s.n > 0) {
        memcpy(copy, s.p, s.n);
    }
    copy[s.n] = '\0';
    return (bell_slice){copy, s.n};
}
