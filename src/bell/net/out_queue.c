#include "bell/net/out_queue.h"

#include "base/mem.h"
#include "base/num.h"

#include <assert.h>

struct bell_out_node {
    struct bell_out_node *next; /* (owned) */
    struct bell_blob *blob;     /* (owned) one reference */
    uint32_t frames;            /* that end in this blob */
};

/*
 * A copied frame that is alone gets a blob a little larger than itself, so that frames which come
 * in the same turn fit behind it; once there is a second blob a queue is forming and it gets more.
 */
enum { FIRST_BLOB_BYTES = 256, NEXT_BLOB_BYTES = 4096, SHARE_FROM_BYTES = 512 };

static struct bell_out_node *node_append(struct bell_out_queue *q, struct bell_blob *blob)
{
    struct bell_out_node *node = bell_mem_alloc(sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    *node = (struct bell_out_node){.blob = blob};
    if (q->tail == NULL) {
        q->head = node;
    } else {
        q->tail->next = node;
    }
    q->tail = node;
    return node;
}

static void head_remove(struct bell_out_queue *q)
{
    struct bell_out_node *node = q->head;
    q->head = node->next;
    if (q->head == NULL) {
        q->tail = NULL;
    }
    q->sent_bytes = 0;
    assert(q->frames >= node->frames);
    q->frames -= node->frames;
    bell_blob_unref(node->blob);
    bell_mem_free(node);
}

void bell_out_queue_finish(struct bell_out_queue *q)
{
    while (q->head != NULL) {
        head_remove(q);
    }
    q->bytes = 0;
    q->kept_bytes = 0;
}

bool bell_out_queue_is_empty(const struct bell_out_queue *q)
{
    return q->head == NULL;
}

static bool tail_has_room(const struct bell_out_queue *q, size_t need)
{
    if (q->tail == NULL) {
        return false;
    }
    const struct bell_blob *b = q->tail->blob;
    return b->capacity - b->size >= need && bell_blob_is_private(b);
}

static void blob_append(struct bell_blob *b, bell_slice s)
{
    if (s.n > 0) {
        memcpy(b->bytes + b->size, s.p, s.n);
        b->size += s.n;
    }
}

bell_status bell_out_queue_copy(struct bell_out_queue *q, bell_slice head, bell_slice payload)
{
    size_t need;
    if (!bell_size_add(head.n, payload.n, &need)) {
        return BELL_ENOMEM;
    }
    if (!tail_has_room(q, need)) {
        size_t capacity = q->tail == NULL ? FIRST_BLOB_BYTES : NEXT_BLOB_BYTES;
        struct bell_blob *b = bell_blob_create(need > capacity ? need : capacity);
        if (b == NULL) {
            return BELL_ENOMEM;
        }
        if (node_append(q, b) == NULL) {
            bell_blob_unref(b);
            return BELL_ENOMEM;
        }
    }
    blob_append(q->tail->blob, head);
    blob_append(q->tail->blob, payload);
    q->tail->frames++;
    q->frames++;
    q->bytes += need;
    return BELL_OK;
}

bell_status bell_out_queue_share(struct bell_out_queue *q, struct bell_blob *blob)
{
    /* Behind others a small frame is cheaper copied than gathered as a piece of its own. */
    if (q->tail != NULL && blob->size < SHARE_FROM_BYTES) {
        return bell_out_queue_copy(q, bell_slice_make(blob->bytes, blob->size), BELL_LIT(""));
    }
    struct bell_out_node *node = node_append(q, blob);
    if (node == NULL) {
        return BELL_ENOMEM;
    }
    (void)bell_blob_ref(blob);
    node->frames = 1;
    q->frames++;
    q->bytes += blob->size;
    return BELL_OK;
}

int bell_out_queue_gather(const struct bell_out_queue *q, struct iovec *pieces, int max)
{
    int count = 0;
    size_t skip = q->sent_bytes;
    for (const struct bell_out_node *n = q->head; n != NULL && count < max; n = n->next) {
        pieces[count++] =
            (struct iovec){.iov_base = n->blob->bytes + skip, .iov_len = n->blob->size - skip};
        skip = 0;
    }
    return count;
}

void bell_out_queue_consume(struct bell_out_queue *q, size_t count)
{
    assert(count <= q->bytes);
    q->bytes -= count;
    q->kept_bytes -= count < q->kept_bytes ? count : q->kept_bytes;
    while (q->head != NULL) {
        size_t left = q->head->blob->size - q->sent_bytes;
        if (count < left) {
            q->sent_bytes += count;
            return;
        }
        count -= left;
        head_remove(q);
    }
}

void bell_out_queue_keep(struct bell_out_queue *q)
{
    q->kept_bytes = q->bytes;
}

void bell_out_queue_keep_first(struct bell_out_queue *q, int pieces)
{
    size_t bytes = 0;
    size_t skip = q->sent_bytes;
    for (const struct bell_out_node *n = q->head; n != NULL && pieces > 0; n = n->next, pieces--) {
        bytes += n->blob->size - skip;
        skip = 0;
    }
    q->kept_bytes = bytes > q->kept_bytes ? bytes : q->kept_bytes;
}

void bell_out_queue_drop_unsent(struct bell_out_queue *q)
{
    size_t kept = q->sent_bytes + q->kept_bytes; /* from the head's first byte */
    if (kept == 0) {
        bell_out_queue_finish(q);
        return;
    }
    /* Blobs are kept whole: frames may lie behind the kept bytes, none is cut. */
    struct bell_out_node *last = q->head;
    size_t whole = last->blob->size;
    uint32_t frames = last->frames;
    while (whole < kept) {
        last = last->next;
        whole += last->blob->size;
        frames += last->frames;
    }
    struct bell_out_node *rest = last->next;
    last->next = NULL;
    q->tail = last;
    q->bytes = whole - q->sent_bytes;
    q->frames = frames;
    while (rest != NULL) {
        struct bell_out_node *next = rest->next;
        bell_blob_unref(rest->blob);
        bell_mem_free(rest);
        rest = next;
    }
}
