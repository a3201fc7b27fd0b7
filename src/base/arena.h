/*
 * Arena: memory of one request or command, freed as a whole.
 *
 * Grows by blocks, up to a limit given at init. Not thread-safe: it belongs to whoever holds the
 * request, and travels with it.
 */
#ifndef BELL_BASE_ARENA_H
#define BELL_BASE_ARENA_H

#include "bell/slice.h"

#include <stddef.h>

struct bell_arena_block;

struct bell_arena {
    struct bell_arena_block *blocks; /* (owned) newest first */
    size_t used_bytes;               /* given out by all blocks */
    size_t max_bytes;                /* allocation beyond this fails */
};

void bell_arena_init(struct bell_arena *a, size_t max_bytes);
/* Frees everything; the arena may be used again. */
void bell_arena_finish(struct bell_arena *a);
/* Aligned for any type; valid until finish. NULL when out of memory or over the limit. */
void *bell_arena_alloc(struct bell_arena *a, size_t size_bytes);
void *bell_arena_zalloc(struct bell_arena *a, size_t size_bytes);
/* Copies with a final zero byte (not counted in .n). .p is NULL on failure only. */
bell_slice bell_arena_copy(struct bell_arena *a, bell_slice s);

#endif
