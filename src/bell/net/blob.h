/*
 * Blobs: counted bytes that many send queues share.
 *
 * Whoever makes a blob fills it before it has a second holder, and drops its own hold after handing
 * it out; the last one frees. Any thread.
 */
#ifndef BELL_NET_BLOB_H
#define BELL_NET_BLOB_H

#include "bell/slice.h"

#include <stdatomic.h>
#include <stddef.h>

struct bell_blob {
    atomic_uint refs;
    size_t size; /* bytes in use */
    char *bytes; /* behind this struct, or (borrowed for the process's life) somebody's */
};

/* Room for capacity bytes, size 0; held once. NULL without memory. */
struct bell_blob *bell_blob_create(size_t capacity);
/* A blob over bytes that stay where they are for the life of the process. NULL without memory. */
struct bell_blob *bell_blob_create_static(bell_slice bytes);
struct bell_blob *bell_blob_ref(struct bell_blob *b);
/* NULL is fine. */
void bell_blob_unref(struct bell_blob *b);

#endif
