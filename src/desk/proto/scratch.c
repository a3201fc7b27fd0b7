/*
 * See scratch.h. The bound, from jansson 2.14's way of working:
 *
 *     a token's text is collected in a buffer that doubles, each size a new block   4 n
 *     strings are copied once, names of members twice                               2 n
 *     a value is a block of at most 64 bytes, a member another one; tables of objects and arrays
 *     begin with 8 places and double                                                below 384 each
 *
 * The fuzzer holds the bound against every text it finds.
 */
#include "desk/proto/scratch.h"

#include "base/mem.h"
#include "base/num.h"

#include <jansson.h>

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>

static const size_t BYTES_PER_TEXT_BYTE = 8;
static const size_t BYTES_PER_VALUE = 384;
static const size_t BYTES_ALWAYS = 1024;

struct scratch {
    char *p;     /* (owned) NULL while no decoding runs */
    size_t size; /* of it */
    size_t used; /* given out */
    bool has_run_out;
};

static _Thread_local struct scratch scratch;
static pthread_once_t set_once = PTHREAD_ONCE_INIT;

/* Outside of a decoding (tests that use jansson themselves) it is ordinary memory. */
static void *scratch_alloc(size_t size_bytes)
{
    if (scratch.p == NULL) {
        return bell_mem_alloc(size_bytes);
    }
    const size_t align = alignof(max_align_t);
    size_t need;
    if (!bell_size_add(size_bytes, align - 1, &need) ||
        (need &= ~(align - 1)) > scratch.size - scratch.used) {
        scratch.has_run_out = true;
        return NULL;
    }
    void *p = scratch.p + scratch.used;
    scratch.used += need;
    return p;
}

static void scratch_free(void *p)
{
    if (scratch.p == NULL) {
        bell_mem_free(p);
    }
}

static void set_functions(void)
{
    json_set_alloc_funcs(scratch_alloc, scratch_free);
}

bell_status proto_scratch_begin(size_t text_bytes, size_t values)
{
    assert(scratch.p == NULL);
    size_t for_text;
    size_t for_values;
    size_t size;
    if (!bell_size_mul(text_bytes, BYTES_PER_TEXT_BYTE, &for_text) ||
        !bell_size_mul(values, BYTES_PER_VALUE, &for_values) ||
        !bell_size_add(for_text, for_values, &size) || !bell_size_add(size, BYTES_ALWAYS, &size)) {
        return BELL_ENOMEM;
    }
    (void)pthread_once(&set_once, set_functions);
    char *p = bell_mem_alloc(size);
    if (p == NULL) {
        return BELL_ENOMEM;
    }
    scratch = (struct scratch){.p = p, .size = size};
    return BELL_OK;
}

void proto_scratch_end(void)
{
    bell_mem_free(scratch.p);
    scratch = (struct scratch){.p = NULL};
}

bool proto_scratch_has_run_out(void)
{
    return scratch.has_run_out;
}
