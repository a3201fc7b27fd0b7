#include "bell/net/blob.h"

#include "base/mem.h"
#include "base/num.h"

struct bell_blob *bell_blob_create(size_t capacity)
{
    size_t total;
    if (!bell_size_add(sizeof(struct bell_blob), capacity, &total)) {
        return NULL;
    }
    struct bell_blob *b = bell_mem_alloc(total);
    if (b != NULL) {
        atomic_init(&b->refs, 1);
        b->size = 0;
        b->bytes = (char *)(b + 1);
    }
    return b;
}

struct bell_blob *bell_blob_create_static(bell_slice bytes)
{
    struct bell_blob *b = bell_mem_alloc(sizeof *b);
    if (b != NULL) {
        atomic_init(&b->refs, 1);
        b->size = bytes.n;
        /* Never written through: it is full. */
        union {
            const char *from;
            char *to;
        } pointer = {.from = bytes.p};
        b->bytes = pointer.to;
    }
    return b;
}

struct bell_blob *bell_blob_ref(struct bell_blob *b)
{
    /* Relaxed: who refs holds one already, so the blob cannot go away meanwhile. */
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void bell_blob_unref(struct bell_blob *b)
{
    /* Release what this holder did, acquire what the others did before the last one frees. */
    if (b != NULL && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
        bell_mem_free(b);
    }
}
