#include "base/mem.h"

#include "base/compiler.h"
#include "base/num.h"

#include <stdatomic.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
    LESSON_BYTES = 4 * 1024 * 1024,
    MAPPED_FROM_BYTES = 1024 * 1024,  /* blocks with a mapping of their own */
    KEPT_MAX_BYTES = 8 * 1024 * 1024, /* free at the end of an arena */
};

#ifdef BELL_COUNT_ALLOCATIONS
/* Counters only: no other memory is published through them, so relaxed order is enough. */
static atomic_int_fast64_t live_blocks;
static atomic_int_fast64_t fail_countdown; /* 0 = off, 1 = the next allocation fails */
static atomic_bool has_failed;
static atomic_int_fast64_t give_backs;

static bool must_fail(void)
{
    if (BELL_LIKELY(atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0)) {
        return false;
    }
    if (atomic_fetch_sub_explicit(&fail_countdown, 1, memory_order_relaxed) != 1) {
        return false;
    }
    atomic_store_explicit(&has_failed, true, memory_order_relaxed);
    return true;
}

static void *counted(void *p)
{
    if (p != NULL) {
        atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    }
    return p;
}

static void uncounted(void)
{
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
}

static void count_give_back(void)
{
    atomic_fetch_add_explicit(&give_backs, 1, memory_order_relaxed);
}

int64_t bell_mem_give_backs(void)
{
    return atomic_load_explicit(&give_backs, memory_order_relaxed);
}

int64_t bell_mem_live(void)
{
    return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}

void bell_mem_fail_at(int64_t n)
{
    atomic_store_explicit(&has_failed, false, memory_order_relaxed);
    atomic_store_explicit(&fail_countdown, n, memory_order_relaxed);
}

bool bell_mem_failed(void)
{
    return atomic_load_explicit(&has_failed, memory_order_relaxed);
}
#else
static bool must_fail(void)
{
    return false;
}

static void *counted(void *p)
{
    return p;
}

static void uncounted(void)
{
}

static void count_give_back(void)
{
}
#endif

void *bell_mem_alloc(size_t size_bytes)
{
    return must_fail() ? NULL : counted(malloc(size_bytes == 0 ? 1 : size_bytes));
}

void *bell_mem_zalloc(size_t size_bytes)
{
    return must_fail() ? NULL : counted(calloc(1, size_bytes == 0 ? 1 : size_bytes));
}

void *bell_mem_zalloc_array(size_t count, size_t size_bytes)
{
    size_t total;
    if (!bell_size_mul(count, size_bytes, &total)) {
        return NULL;
    }
    return bell_mem_zalloc(total);
}

void *bell_mem_resize(void *p, size_t size_bytes)
{
    if (p == NULL) {
        return bell_mem_alloc(size_bytes);
    }
    return must_fail() ? NULL : realloc(p, size_bytes == 0 ? 1 : size_bytes);
}

char *bell_mem_copy_text(bell_slice s)
{
    size_t size;
    char *copy = bell_size_add(s.n, 1, &size) ? bell_mem_alloc(size) : NULL;
    if (copy == NULL) {
        return NULL;
    }
    if (s.n > 0) {
        memcpy(copy, s.p, s.n);
    }
    copy[s.n] = '\0';
    return copy;
}

void bell_mem_free(void *p)
{
    if (p != NULL) {
        uncounted();
        free(p);
    }
}

void bell_mem_free_text(bell_slice text)
{
    union {
        const char *from;
        char *to;
    } owned = {.from = text.p};
    bell_mem_free(owned.to);
}

void bell_mem_expect_large(void)
{
#ifdef __GLIBC__
    void *volatile lesson = malloc(LESSON_BYTES);
    free(lesson);
#endif
}

void bell_mem_bound_kept(void)
{
#ifdef __GLIBC__
    /* They fail only for bad parameters. */
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_MAX_BYTES);
#endif
}

void bell_mem_give_back(void)
{
    count_give_back();
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}
