#include "bell/net/out_queue.h"

#include "base/mem.h"
#include "base/num.h"

#include <assert.h>

struct bell_out_node {
    struct bell_out_node *next; /* (owned) in the ring */
    struct bell_blob *blob;     /* (owned) one reference */
    size_t sent_bytes;          /* of the blob; 0 but for the first node */
    uint32_t frames;            /* that end in this blob */
    bool is_kept;               /* not dropped by drop_unsent; so are those before it */
};

/*
 * A copied frame that is alone gets a blob with room behind it for the frames of the same turn, as
 * large as malloc still gives from its quick lists; once there is a second blob a queue is forming
 * and it gets more.
 */
enum { FIRST_BLOB_BYTES = 960, NEXT_BLOB_BYTES = 4096, SHARE_FROM_BYTES = 512 };

static struct bell_out_node *node_append(struct bell_out_queue *q, struct bell_blob *blob)
{
    struct bell_out_node *node = bell_mem_alloc(sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    *node = (struct bell_out_node){.next = node, .blob = blob};
    if (q->tail != NULL) {
        node->next = q->tail->next;
        q->tail->next = node;
    }
    q->tail = node;
    return node;
}

static struct bell_out_node *head_of(const struct bell_out_queue *q)
{
    return q->tail == NULL ? NULL : q->tail->next;
}

/* Behind a node in the ring; NULL behind the last. */
static struct bell_out_node *next_of(const struct bell_out_queue *q,
                                     const struct bell_out_node *node)
{
    return node == q->tail ? NULL : node->next;
}

static size_t left_of(const struct bell_out_node *node)
{
    return node->blob->size - node->sent_bytes;
}

static void head_remove(struct bell_out_queue *q)
{
    struct bell_out_node *node = head_of(q);
    if (node == q->tail) {
        q->tail = NULL;
    } else {
        q->tail->next = node->next;
    }
    assert(q->frames >= node->frames);
    q->frames -= node->frames;
    bell_blob_unref(node->blob);
    bell_mem_free(node);
}

void bell_out_queue_finish(struct bell_out_queue *q)
{
    while (q->tail != NULL) {
        head_remove(q);
    }
    q->bytes = 0;
}

bool bell_out_queue_is_empty(const struct bell_out_queue *q)
{
    return q->tail == NULL;
}

static bool fits(const struct bell_out_queue *q, size_t more)
{
    return more <= UINT32_MAX - q->bytes;
}

static bool tail_has_room(const struct bell_out_queue *q, size_t need)
{
    if (q->tail == NULL || q->tail->is_kept) {
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
    if (!bell_size_add(head.n, payload.n, &need) || !fits(q, need)) {
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
    q->bytes += (uint32_t)need;
    return BELL_OK;
}

bell_status bell_out_queue_share(struct bell_out_queue *q, struct bell_blob *blob)
{
    /* Behind others a small frame is cheaper copied than gathered as a piece of its own. */
    if (q->tail != NULL && blob->size < SHARE_FROM_BYTES) {
        return bell_out_queue_copy(q, bell_slice_make(blob->bytes, blob->size), BELL_LIT(""));
    }
    struct bell_out_node *node = fits(q, blob->size) ? node_append(q, blob) : NULL;
    if (node == NULL) {
        return BELL_ENOMEM;
    }
    (void)bell_blob_ref(blob);
    node->frames = 1;
    q->frames++;
    q->bytes += (uint32_t)blob->size;
    return BELL_OK;
}

int bell_out_queue_gather(const struct bell_out_queue *q, struct iovec *pieces, int max)
{
    int count = 0;
    for (const struct bell_out_node *n = head_of(q); n != NULL && count < max; n = next_of(q, n)) {
        pieces[count++] =
            (struct iovec){.iov_base = n->blob->bytes + n->sent_bytes, .iov_len = left_of(n)};
    }
    return count;
}

void bell_out_queue_consume(struct bell_out_queue *q, size_t count)
{
    assert(count <= q->bytes);
    q->bytes -= (uint32_t)count;
    struct bell_out_node *head;
    while ((head = head_of(q)) != NULL) {
        size_t left = left_of(head);
        if (count < left) {
            head->sent_bytes += count;
            return;
        }
        count -= left;
        head_remove(q);
    }
}

void bell_out_queue_keep(struct bell_out_queue *q)
{
    for (struct bell_out_node *n = head_of(q); n != NULL; n = next_of(q, n)) {
        n->is_kept = true;
    }
}

bool bell_out_queue_is_kept(const struct bell_out_queue *q)
{
    return q->tail == NULL || q->tail->is_kept;
}

void bell_out_queue_keep_first(struct bell_out_queue *q, int pieces)
{
    for (struct bell_out_node *n = head_of(q); n != NULL && pieces > 0; n = next_of(q, n)) {
        n->is_kept = true;
        pieces--;
    }
}

void bell_out_queue_keep_bytes(struct bell_out_queue *q, size_t bytes)
{
    for (struct bell_out_node *n = head_of(q); n != NULL && bytes > 0; n = next_of(q, n)) {
        n->is_kept = true;
        bytes -= left_of(n) < bytes ? left_of(n) : bytes;
    }
}

void bell_out_queue_drop_unsent(struct bell_out_queue *q)
{
    struct bell_out_queue kept = {0};
    /* Blobs are kept whole: none of the frames in them is cut. */
    for (struct bell_out_node *n = head_of(q); n != NULL && (n->is_kept || n->sent_bytes > 0);
         n = next_of(q, n)) {
        kept.tail = n;
        kept.bytes += (uint32_t)left_of(n);
        kept.frames += n->frames;
    }
    if (kept.tail == NULL) {
        bell_out_queue_finish(q);
        return;
    }
    struct bell_out_node *head = head_of(q);
    struct bell_out_node *rest = next_of(q, kept.tail);
    q->tail->next = NULL;
    kept.tail->next = head;
    *q = kept;
    while (rest != NULL) {
        struct bell_out_node *next = rest->next;
        bell_blob_unref(rest->blob);
        bell_mem_free(rest);
        rest = next;
    }
}
