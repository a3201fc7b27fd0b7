/*
 * All allocation of the project goes through here, so that tests can count it and make the N-th
 * call fail. Any thread.
 */
#ifndef BELL_BASE_MEM_H
#define BELL_BASE_MEM_H

#include "bell/slice.h"

#include <stddef.h>
#include <stdint.h>

/* Owned memory, or NULL when there is none. A size of 0 gives a valid pointer. */
void *bell_mem_alloc(size_t size_bytes);
/* The same, filled with zero bytes. */
void *bell_mem_zalloc(size_t size_bytes);
/* count elements of size_bytes each, zeroed; NULL also when the product overflows. */
void *bell_mem_zalloc_array(size_t count, size_t size_bytes);
/* As realloc(3): on failure NULL and the old block stays. */
void *bell_mem_resize(void *p, size_t size_bytes);
/* A zero-terminated owned copy of a slice, or NULL. */
char *bell_mem_copy_text(bell_slice s);
/* NULL is fine. */
void bell_mem_free(void *p);
/* The same for a text that is owned as a slice: of bell_mem_copy_text, or of a buf. */
void bell_mem_free_text(bell_slice text);

/*
 * How glibc deals with large blocks; elsewhere nothing. By default it gives memory back so eagerly
 * that every message of 64 KiB pays for pages anew, until a large block is freed: then it learns.
 *
 * bell_mem_expect_large   for the library: teaches it by freeing one of 4 MiB. What the program has
 *                         set for itself stays.
 * bell_mem_bound_kept     for programs, at their start: the same to a bound, since with every
 * larger block it learns to keep more, up to 64 MiB. See mallopt(3).
 */
void bell_mem_expect_large(void);
void bell_mem_bound_kept(void);
/*
 * Gives the system back what lies free between blocks that are in use; elsewhere than in glibc
 * nothing. By itself glibc gives back only the ends of its heaps, and one small block there keeps
 * all before it. Takes some 0.2 ms for each MiB, and hardly anything when there is none. See
 * malloc_trim(3).
 */
void bell_mem_give_back(void);

/* Only in builds with tests (BELL_COUNT_ALLOCATIONS): blocks given out and not yet freed. */
int64_t bell_mem_live(void);
/* For tests: the n-th allocation from now (1 = the next) fails, later ones work; 0 switches it off.
 */
void bell_mem_fail_at(int64_t n);
/* For tests: did the planned failure happen? */
_Bool bell_mem_failed(void);
/* For tests: how often bell_mem_give_back was called. */
int64_t bell_mem_give_backs(void);

#endif
