#include "bell/server/guard_table.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

#include <pthread.h>

enum { SHARDS = 64, FIRST_BUCKETS = 16 };

struct entry {
    struct entry *next; /* (owned) of the bucket */
    bell_guard_key key;
    bell_guard_value value;
};

struct shard {
    pthread_mutex_t lock;
    struct entry **buckets; /* (owned) */
    size_t bucket_count;    /* a power of two */
    size_t count;
};

struct bell_guard_table {
    uint8_t hash_key[BELL_HASH_KEY_BYTES];
    struct shard shards[SHARDS];
};

bell_status bell_guard_table_create(struct bell_guard_table **out)
{
    struct bell_guard_table *t = bell_mem_zalloc(sizeof *t);
    if (t == NULL) {
        return BELL_ENOMEM;
    }
    bell_random_fill(t->hash_key, sizeof t->hash_key);
    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_init(&t->shards[i].lock, NULL);
    }
    *out = t;
    return BELL_OK;
}

static void shard_finish(struct shard *s)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        while (s->buckets[i] != NULL) {
            struct entry *next = s->buckets[i]->next;
            bell_mem_free(s->buckets[i]);
            s->buckets[i] = next;
        }
    }
    bell_mem_free(s->buckets);
    (void)pthread_mutex_destroy(&s->lock);
}

void bell_guard_table_destroy(struct bell_guard_table *table)
{
    if (table != NULL) {
        for (size_t i = 0; i < SHARDS; i++) {
            shard_finish(&table->shards[i]);
        }
        bell_mem_free(table);
    }
}

static uint64_t hash_of(const struct bell_guard_table *t, const bell_guard_key *key)
{
    return bell_hash(bell_slice_make(key->bytes, sizeof key->bytes), t->hash_key);
}

/* Without memory the shard stays as it is, and only gets slower unless it has no bucket at all. */
static void grow(const struct bell_guard_table *t, struct shard *s)
{
    size_t count = s->bucket_count == 0 ? FIRST_BUCKETS : s->bucket_count * 2;
    struct entry **buckets = bell_mem_zalloc_array(count, sizeof(struct entry *));
    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < s->bucket_count; i++) {
        struct entry *e = s->buckets[i];
        while (e != NULL) {
            struct entry *next = e->next;
            size_t place = (hash_of(t, &e->key) / SHARDS) & (count - 1);
            e->next = buckets[place];
            buckets[place] = e;
            e = next;
        }
    }
    bell_mem_free(s->buckets);
    s->buckets = buckets;
    s->bucket_count = count;
}

/* The link that points to the key's entry, or the end of its bucket; NULL without any bucket. */
static struct entry **find(const struct shard *s, const bell_guard_key *key, uint64_t hash)
{
    if (s->bucket_count == 0) {
        return NULL;
    }
    struct entry **link = &s->buckets[(hash / SHARDS) & (s->bucket_count - 1)];
    while (*link != NULL && memcmp((*link)->key.bytes, key->bytes, sizeof key->bytes) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static struct entry **find_or_add(const struct bell_guard_table *t, struct shard *s,
                                  const bell_guard_key *key, uint64_t hash)
{
    struct entry **link = find(s, key, hash);
    if (link != NULL && *link != NULL) {
        return link;
    }
    if (s->count >= s->bucket_count) {
        grow(t, s);
        link = find(s, key, hash);
    }
    struct entry *e = link == NULL ? NULL : bell_mem_zalloc(sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    e->key = *key;
    *link = e;
    s->count++;
    return link;
}

bell_status bell_guard_table_update(struct bell_guard_table *table, const bell_guard_key *key,
                                    bool (*update)(bell_guard_value *value, void *user), void *user)
{
    uint64_t hash = hash_of(table, key);
    struct shard *s = &table->shards[hash % SHARDS];
    (void)pthread_mutex_lock(&s->lock);
    struct entry **link = find_or_add(table, s, key, hash);
    if (link != NULL && !update(&(*link)->value, user)) {
        struct entry *gone = *link;
        *link = gone->next;
        s->count--;
        bell_mem_free(gone);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return link == NULL ? BELL_ENOMEM : BELL_OK;
}
