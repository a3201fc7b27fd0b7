#include "bell/net/out_queue.h"

#include "base/mem.h"
#include "base/num.h"
#include "bell/net/out_index.h"

#include <assert.h>

struct bell_out_node {
    struct bell_out_node *next; /* (owned) in the ring; of free ones: the next, or NULL */
    struct bell_blob *blob;     /* (owned) one reference; NULL: the bytes lie behind this struct */
    char *bytes;                /* the first that has not been sent */
    uint64_t key;               /* of the one frame that it is; 0 = none */
    /* (owned) of the queue, in its last node: where the keys are. NULL while it is short. */
    struct bell_out_index *index;
    uint32_t left_bytes; /* from bytes on */
    uint32_t room_bytes; /* behind those, for the next frames of this turn */
    uint32_t frames;     /* that end here */
    uint8_t kind : 4;    /* enum kind */
    bool may_drop : 1;   /* one frame, which make_room may give up */
    bool is_begun;       /* partly sent */
    bool is_kept;        /* not dropped by drop_unsent; so are those before it */
};

/* Where a node's memory goes when it has been sent. */
enum kind { KIND_SHARED, KIND_CHUNK, KIND_LONG };

/*
 * A chunk has room for a frame of 1 KiB, or for small ones of one turn. The size is an odd number
 * of cache lines, so that the beginnings of many chunks do not meet in the same few sets of a
 * cache. What does not fit, and what comes when a queue is forming, gets blocks of their own.
 */
enum { CHUNK_BYTES = 17 * 64, LONG_BYTES = 4096, SHARE_FROM_BYTES = 512 };

/* What a loop keeps: 272 KiB and 64 KiB. */
enum { KEPT_CHUNKS = 256, KEPT_SHARED = 1024 };

/* A walk over so many nodes in search of a key is cheaper than an index. */
enum { WALK_MAX_NODES = 32 };

static_assert(sizeof(struct bell_out_node) <= 56, "one for each receiver of a shared frame");

/* ---- nodes ---- */

static struct bell_out_node *take_free(struct bell_out_free *list)
{
    struct bell_out_node *node = list->first;
    if (node != NULL) {
        list->first = node->next;
        list->count--;
    }
    return node;
}

static void give_back(struct bell_out_free *list, struct bell_out_node *node, uint32_t most)
{
    if (list->count == most) {
        bell_mem_free(node);
        return;
    }
    node->next = list->first;
    list->first = node;
    list->count++;
}

static void free_all(struct bell_out_free *list)
{
    struct bell_out_node *node;
    while ((node = take_free(list)) != NULL) {
        bell_mem_free(node);
    }
}

void bell_out_pool_finish(struct bell_out_pool *pool)
{
    free_all(&pool->chunks);
    free_all(&pool->shared);
}

static struct bell_out_node *shared_create(struct bell_out_pool *pool, struct bell_blob *blob)
{
    struct bell_out_node *node = take_free(&pool->shared);
    if (node == NULL && (node = bell_mem_alloc(sizeof *node)) == NULL) {
        return NULL;
    }
    *node = (struct bell_out_node){.blob = bell_blob_ref(blob),
                                   .bytes = blob->bytes,
                                   .left_bytes = (uint32_t)blob->size,
                                   .frames = 1,
                                   .kind = KIND_SHARED};
    return node;
}

/* An empty one with room for bytes at least. */
static struct bell_out_node *private_create(struct bell_out_pool *pool, size_t bytes,
                                            bool is_forming)
{
    enum { CHUNK_ROOM = CHUNK_BYTES - sizeof(struct bell_out_node) };
    enum kind kind = bytes <= CHUNK_ROOM && !is_forming ? KIND_CHUNK : KIND_LONG;
    size_t room = kind == KIND_CHUNK ? CHUNK_ROOM : bytes < LONG_BYTES ? LONG_BYTES : bytes;
    struct bell_out_node *node = kind == KIND_CHUNK ? take_free(&pool->chunks) : NULL;
    size_t size;
    if (node == NULL &&
        (!bell_size_add(sizeof *node, room, &size) || (node = bell_mem_alloc(size)) == NULL)) {
        return NULL;
    }
    *node = (struct bell_out_node){
        .bytes = (char *)(node + 1), .room_bytes = (uint32_t)room, .kind = (uint8_t)kind & 0xfU};
    return node;
}

static void node_free(struct bell_out_pool *pool, struct bell_out_node *node)
{
    switch ((enum kind)node->kind) {
    case KIND_SHARED:
        bell_blob_unref(node->blob);
        give_back(&pool->shared, node, KEPT_SHARED);
        break;
    case KIND_CHUNK:
        give_back(&pool->chunks, node, KEPT_CHUNKS);
        break;
    case KIND_LONG:
        bell_mem_free(node);
        break;
    }
}

/* ---- the ring ---- */

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

static void append(struct bell_out_queue *q, struct bell_out_node *node)
{
    node->next = node;
    if (q->tail != NULL) {
        node->next = q->tail->next;
        node->index = q->tail->index;
        q->tail->index = NULL; /* it may be the last again, when the index is long gone */
        q->tail->next = node;
    }
    q->tail = node;
}

/* What stands behind before in the ring; before is the tail for the first node. */
static void node_remove(struct bell_out_pool *pool, struct bell_out_queue *q,
                        struct bell_out_node *before)
{
    struct bell_out_node *node = before->next;
    struct bell_out_index *index = q->tail->index;
    assert(node != NULL); /* it is a ring */
    if (index != NULL && node->key != 0) {
        bell_out_index_remove(index, node->key, node);
    }
    before->next = node->next;
    if (node == q->tail) {
        if (node == before) {
            bell_out_index_destroy(index);
            q->tail = NULL;
        } else {
            before->index = index;
            q->tail = before;
        }
    }
    assert(q->frames >= node->frames);
    q->frames -= node->frames;
    node_free(pool, node);
}

static void head_remove(struct bell_out_pool *pool, struct bell_out_queue *q)
{
    node_remove(pool, q, q->tail);
}

static void index_drop(struct bell_out_queue *q)
{
    bell_out_index_destroy(q->tail->index);
    q->tail->index = NULL;
}

void bell_out_queue_finish(struct bell_out_pool *pool, struct bell_out_queue *q)
{
    while (q->tail != NULL) {
        head_remove(pool, q);
    }
    q->bytes = 0;
}

bool bell_out_queue_is_empty(const struct bell_out_queue *q)
{
    return q->tail == NULL;
}

/* ---- in ---- */

static bool fits(const struct bell_out_queue *q, size_t more)
{
    return more <= UINT32_MAX - q->bytes;
}

bell_status bell_out_queue_reserve(struct bell_out_pool *pool, struct bell_out_queue *q,
                                   size_t size, char **out)
{
    if (!fits(q, size)) {
        return BELL_ENOMEM;
    }
    struct bell_out_node *node = q->tail;
    if (node == NULL || node->room_bytes < size) {
        node = private_create(pool, size, node != NULL && node->kind != KIND_SHARED);
        if (node == NULL) {
            return BELL_ENOMEM;
        }
        append(q, node);
    }
    *out = node->bytes + node->left_bytes;
    node->left_bytes += (uint32_t)size; /* it fits: see above */
    node->room_bytes -= (uint32_t)size;
    node->frames++;
    q->frames++;
    q->bytes += (uint32_t)size;
    return BELL_OK;
}

bell_status bell_out_queue_copy(struct bell_out_pool *pool, struct bell_out_queue *q,
                                bell_slice head, bell_slice payload)
{
    char *to;
    size_t need;
    if (!bell_size_add(head.n, payload.n, &need) ||
        bell_out_queue_reserve(pool, q, need, &to) != BELL_OK) {
        return BELL_ENOMEM;
    }
    if (head.n > 0) {
        memcpy(to, head.p, head.n);
    }
    if (payload.n > 0) {
        memcpy(to + head.n, payload.p, payload.n);
    }
    return BELL_OK;
}

bell_status bell_out_queue_share(struct bell_out_pool *pool, struct bell_out_queue *q,
                                 struct bell_blob *blob, uint32_t frames)
{
    /* Behind others a small frame is cheaper copied than gathered as a piece of its own. */
    if (q->tail != NULL && blob->size < SHARE_FROM_BYTES) {
        char *to;
        bell_status st = bell_out_queue_reserve(pool, q, blob->size, &to);
        if (st == BELL_OK) {
            memcpy(to, blob->bytes, blob->size);
            q->tail->frames += frames - 1;
            q->frames += frames - 1;
        }
        return st;
    }
    struct bell_out_node *node = fits(q, blob->size) ? shared_create(pool, blob) : NULL;
    if (node == NULL) {
        return BELL_ENOMEM;
    }
    append(q, node);
    node->frames = frames;
    q->frames += frames;
    q->bytes += (uint32_t)blob->size;
    return BELL_OK;
}

/* ---- frames that may be given up or replaced ---- */

bell_status bell_out_queue_put(struct bell_out_pool *pool, struct bell_out_queue *q,
                               struct bell_blob *blob, uint64_t key, bool may_drop)
{
    struct bell_out_node *node = fits(q, blob->size) ? shared_create(pool, blob) : NULL;
    if (node == NULL) {
        return BELL_ENOMEM;
    }
    node->key = key;
    node->may_drop = may_drop;
    append(q, node);
    q->frames++;
    q->bytes += (uint32_t)blob->size;
    if (key != 0 && node->index != NULL && !bell_out_index_set(node->index, key, node)) {
        index_drop(q);
    }
    return BELL_OK;
}

/* Is it too late to change a node? begun: so many of the first ones the kernel may be reading. */
static bool has_begun(const struct bell_out_node *node, int place, int begun)
{
    return place < begun || node->is_kept || node->is_begun;
}

/* Whoever has walked for so long makes an index. */
static void index_make(struct bell_out_queue *q)
{
    struct bell_out_index *index = bell_out_index_create();
    for (struct bell_out_node *n = head_of(q); n != NULL && index != NULL; n = next_of(q, n)) {
        if (n->key != 0 && !bell_out_index_set(index, n->key, n)) {
            bell_out_index_destroy(index);
            index = NULL; /* without memory it is a walk each time */
        }
    }
    q->tail->index = index;
}

/* Is the node among the first so many? */
static bool is_among(const struct bell_out_queue *q, const struct bell_out_node *node, int first)
{
    const struct bell_out_node *n = head_of(q);
    while (n != NULL && n != node && first > 0) {
        n = next_of(q, n);
        first--;
    }
    return n == node && first > 0;
}

/* The last frame with the key, if it can still be changed. */
static struct bell_out_node *key_find(struct bell_out_queue *q, uint64_t key, int begun)
{
    if (q->tail == NULL) {
        return NULL;
    }
    if (q->tail->index == NULL) {
        struct bell_out_node *found = NULL;
        int place = 0;
        for (struct bell_out_node *n = head_of(q); n != NULL; n = next_of(q, n), place++) {
            if (n->key == key && !has_begun(n, place, begun)) {
                found = n;
            }
        }
        if (place > WALK_MAX_NODES) {
            index_make(q);
        }
        return found;
    }
    struct bell_out_node *node = bell_out_index_find(q->tail->index, key);
    return node == NULL || has_begun(node, begun, begun) || is_among(q, node, begun) ? NULL : node;
}

bool bell_out_queue_replace(struct bell_out_queue *q, struct bell_blob *blob, uint64_t key,
                            int begun, size_t max_bytes)
{
    struct bell_out_node *node = key_find(q, key, begun);
    if (node == NULL) {
        return false;
    }
    size_t others = q->bytes - node->left_bytes;
    if (blob->size > UINT32_MAX - others || others + blob->size > max_bytes) {
        return false;
    }
    struct bell_blob *old = node->blob;
    node->blob = bell_blob_ref(blob);
    node->bytes = blob->bytes;
    node->left_bytes = (uint32_t)blob->size;
    q->bytes = (uint32_t)(others + blob->size);
    bell_blob_unref(old);
    return true;
}

/* Would giving up all that may be given up make so much room? */
static bool can_make_room(const struct bell_out_queue *q, int begun, size_t bytes, uint32_t frames)
{
    size_t found_bytes = 0;
    uint32_t found_frames = 0;
    int place = 0;
    for (const struct bell_out_node *n = head_of(q);
         n != NULL && (found_bytes < bytes || found_frames < frames); n = next_of(q, n), place++) {
        if (n->may_drop && !has_begun(n, place, begun)) {
            found_bytes += n->left_bytes;
            found_frames++;
        }
    }
    return found_bytes >= bytes && found_frames >= frames;
}

uint32_t bell_out_queue_make_room(struct bell_out_pool *pool, struct bell_out_queue *q, int begun,
                                  size_t bytes, uint32_t frames)
{
    uint32_t dropped = 0;
    size_t dropped_bytes = 0;
    if (!can_make_room(q, begun, bytes, frames)) {
        return 0;
    }
    struct bell_out_node *before = q->tail;
    for (int place = 0; q->tail != NULL && (dropped_bytes < bytes || dropped < frames); place++) {
        struct bell_out_node *node = before->next;
        if (node->may_drop && !has_begun(node, place, begun)) {
            dropped++;
            dropped_bytes += node->left_bytes;
            q->bytes -= node->left_bytes;
            node_remove(pool, q, before);
        } else {
            before = node;
        }
    }
    return dropped;
}

/* ---- out ---- */

int bell_out_queue_gather(const struct bell_out_queue *q, struct iovec *pieces, int max)
{
    int count = 0;
    for (const struct bell_out_node *n = head_of(q); n != NULL && count < max; n = next_of(q, n)) {
        pieces[count++] = (struct iovec){.iov_base = n->bytes, .iov_len = n->left_bytes};
    }
    return count;
}

void bell_out_queue_consume(struct bell_out_pool *pool, struct bell_out_queue *q, size_t count)
{
    assert(count <= q->bytes);
    q->bytes -= (uint32_t)count;
    struct bell_out_node *head;
    while ((head = head_of(q)) != NULL) {
        if (count < head->left_bytes) {
            head->bytes += count;
            head->left_bytes -= (uint32_t)count;
            head->is_begun = head->is_begun || count > 0;
            return;
        }
        count -= head->left_bytes;
        head_remove(pool, q);
    }
}

/* Nothing is put behind what is kept: that may be dropped. */
static void keep(struct bell_out_node *node)
{
    node->is_kept = true;
    node->room_bytes = 0;
}

void bell_out_queue_keep(struct bell_out_queue *q)
{
    for (struct bell_out_node *n = head_of(q); n != NULL; n = next_of(q, n)) {
        keep(n);
    }
}

bool bell_out_queue_is_kept(const struct bell_out_queue *q)
{
    return q->tail == NULL || q->tail->is_kept;
}

void bell_out_queue_keep_first(struct bell_out_queue *q, int pieces)
{
    for (struct bell_out_node *n = head_of(q); n != NULL && pieces > 0; n = next_of(q, n)) {
        keep(n);
        pieces--;
    }
}

int bell_out_queue_pieces(const struct bell_out_queue *q, size_t bytes)
{
    int pieces = 0;
    for (const struct bell_out_node *n = head_of(q); n != NULL && bytes > 0; n = next_of(q, n)) {
        pieces++;
        bytes -= n->left_bytes < bytes ? n->left_bytes : bytes;
    }
    return pieces;
}

void bell_out_queue_drop_unsent(struct bell_out_pool *pool, struct bell_out_queue *q)
{
    struct bell_out_queue kept = {0};
    if (q->tail != NULL) {
        index_drop(q); /* what follows is a goodbye */
    }
    /* Nodes are kept whole: none of the frames in them is cut. */
    for (struct bell_out_node *n = head_of(q); n != NULL && (n->is_kept || n->is_begun);
         n = next_of(q, n)) {
        kept.tail = n;
        kept.bytes += n->left_bytes;
        kept.frames += n->frames;
    }
    if (kept.tail == NULL) {
        bell_out_queue_finish(pool, q);
        return;
    }
    struct bell_out_node *head = head_of(q);
    struct bell_out_node *rest = next_of(q, kept.tail);
    q->tail->next = NULL;
    kept.tail->next = head;
    *q = kept;
    while (rest != NULL) {
        struct bell_out_node *next = rest->next;
        node_free(pool, rest);
        rest = next;
    }
}
