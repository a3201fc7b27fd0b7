#include "bell/topic/topic.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

struct bell_topic {
    struct bell_topic *next;           /* (owned) of the same bucket */
    struct bell_topic_member *members; /* (owned) */
    uint32_t count;
    uint32_t capacity;
    atomic_uint told_count; /* the same, for other threads */
    uint64_t hash;
    size_t name_bytes;
    char name[];
};

struct bell_topic_place {
    struct bell_topic *topic; /* (borrowed) */
    uint32_t index;           /* of the subscriber in the topic's members */
};

struct bell_topic_table {
    /*
     * Held where the owner changes buckets and lists of topics, and where others read them. The
     * owner reads without. It is there for one look at one topic, so nobody waits longer than for a
     * mailbox.
     */
    pthread_mutex_t lock;
    struct bell_topic **buckets; /* (owned) */
    size_t bucket_count;         /* a power of two */
    size_t topic_count;
};

enum { FIRST_BUCKETS = 64, FIRST_MEMBERS = 2, FIRST_PLACES = 2 };

static uint8_t hash_key[BELL_HASH_KEY_BYTES];

static void make_hash_key(void)
{
    bell_random_fill(hash_key, sizeof hash_key);
}

uint64_t bell_topic_hash(bell_slice name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_hash_key);
    return bell_hash(name, hash_key);
}

bool bell_topic_is_name(bell_slice name)
{
    return name.n > 0 && name.n <= BELL_TOPIC_NAME_MAX_BYTES;
}

bell_status bell_topic_table_create(struct bell_topic_table **out)
{
    struct bell_topic_table *t = bell_mem_zalloc(sizeof *t);
    if (t == NULL) {
        return BELL_ENOMEM;
    }
    t->buckets = bell_mem_zalloc_array(FIRST_BUCKETS, sizeof(struct bell_topic *));
    if (t->buckets == NULL) {
        bell_mem_free(t);
        return BELL_ENOMEM;
    }
    t->bucket_count = FIRST_BUCKETS;
    (void)pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return BELL_OK;
}

void bell_topic_table_destroy(struct bell_topic_table *table)
{
    if (table != NULL) {
        assert(table->topic_count == 0);
        (void)pthread_mutex_destroy(&table->lock);
        bell_mem_free(table->buckets);
        bell_mem_free(table);
    }
}

static struct bell_topic **bucket_of(const struct bell_topic_table *t, uint64_t hash)
{
    return &t->buckets[hash & (t->bucket_count - 1)];
}

static struct bell_topic *find(const struct bell_topic_table *t, bell_slice name, uint64_t hash)
{
    struct bell_topic *topic = *bucket_of(t, hash);
    while (topic != NULL &&
           (topic->hash != hash ||
            !bell_slice_equal(name, bell_slice_make(topic->name, topic->name_bytes)))) {
        topic = topic->next;
    }
    return topic;
}

/* Without memory the table stays as it is and only gets slower. */
static void grow(struct bell_topic_table *t)
{
    size_t count = t->bucket_count * 2;
    struct bell_topic **buckets = bell_mem_zalloc_array(count, sizeof(struct bell_topic *));
    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < t->bucket_count; i++) {
        struct bell_topic *topic = t->buckets[i];
        while (topic != NULL) {
            struct bell_topic *next = topic->next;
            topic->next = buckets[topic->hash & (count - 1)];
            buckets[topic->hash & (count - 1)] = topic;
            topic = next;
        }
    }
    bell_mem_free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = count;
}

static struct bell_topic *topic_create(struct bell_topic_table *t, bell_slice name, uint64_t hash)
{
    struct bell_topic *topic = bell_mem_zalloc(sizeof *topic + name.n);
    if (topic == NULL) {
        return NULL;
    }
    topic->members = bell_mem_zalloc_array(FIRST_MEMBERS, sizeof *topic->members);
    if (topic->members == NULL) {
        bell_mem_free(topic);
        return NULL;
    }
    topic->capacity = FIRST_MEMBERS;
    topic->hash = hash;
    topic->name_bytes = name.n;
    memcpy(topic->name, name.p, name.n);
    atomic_init(&topic->told_count, 0);
    (void)pthread_mutex_lock(&t->lock);
    if (t->topic_count >= t->bucket_count) {
        grow(t);
    }
    topic->next = *bucket_of(t, hash);
    *bucket_of(t, hash) = topic;
    t->topic_count++;
    (void)pthread_mutex_unlock(&t->lock);
    return topic;
}

static void topic_remove(struct bell_topic_table *t, struct bell_topic *topic)
{
    struct bell_topic **link = bucket_of(t, topic->hash);
    while (*link != topic) {
        link = &(*link)->next;
    }
    (void)pthread_mutex_lock(&t->lock);
    *link = topic->next;
    (void)pthread_mutex_unlock(&t->lock);
    t->topic_count--;
    bell_mem_free(topic->members);
    bell_mem_free(topic);
}

/* Doubles an array that is full. */
static bool make_room(void **array, uint32_t count, uint32_t *capacity, uint32_t first, size_t size)
{
    if (count < *capacity) {
        return true;
    }
    uint32_t wanted = *capacity == 0 ? first : *capacity * 2;
    void *p = bell_mem_resize(*array, (size_t)wanted * size);
    if (p == NULL) {
        return false;
    }
    *array = p;
    *capacity = wanted;
    return true;
}

static bell_status join(struct bell_topic *topic, struct bell_topic_list *list, void *subscriber)
{
    void *members = topic->members;
    void *places = list->places;
    bool has_room =
        make_room(&members, topic->count, &topic->capacity, FIRST_MEMBERS, sizeof *topic->members);
    topic->members = members;
    has_room = has_room &&
               make_room(&places, list->count, &list->capacity, FIRST_PLACES, sizeof *list->places);
    list->places = places;
    if (!has_room) {
        return BELL_ENOMEM;
    }
    topic->members[topic->count] = (struct bell_topic_member){subscriber, list, list->count};
    list->places[list->count] = (struct bell_topic_place){topic, topic->count};
    topic->count++;
    atomic_store_explicit(&topic->told_count, topic->count, memory_order_relaxed);
    list->count++;
    return BELL_OK;
}

static uint32_t place_of(const struct bell_topic_list *list, const struct bell_topic *topic)
{
    uint32_t i = 0;
    while (i < list->count && list->places[i].topic != topic) {
        i++;
    }
    return i;
}

bell_status bell_topic_subscribe(struct bell_topic_table *table, struct bell_topic_list *list,
                                 void *subscriber, bell_slice name, bool *joined)
{
    if (!bell_topic_is_name(name)) {
        return BELL_EINVAL;
    }
    uint64_t hash = bell_topic_hash(name);
    struct bell_topic *topic = find(table, name, hash);
    *joined = false;
    if (topic != NULL && place_of(list, topic) < list->count) {
        return BELL_OK;
    }
    if (list->count >= BELL_TOPIC_MAX_PER_SUBSCRIBER) {
        return BELL_ELIMIT;
    }
    if (topic == NULL) {
        topic = topic_create(table, name, hash);
        if (topic == NULL) {
            return BELL_ENOMEM;
        }
    }
    bell_status st = join(topic, list, subscriber);
    if (st == BELL_OK) {
        *joined = true;
    } else if (topic->count == 0) {
        topic_remove(table, topic);
    }
    return st;
}

static void leave(struct bell_topic_table *table, struct bell_topic_list *list, uint32_t place)
{
    struct bell_topic *topic = list->places[place].topic;
    uint32_t index = list->places[place].index;
    /* The last member moves into the gap, and its list is told. */
    topic->count--;
    atomic_store_explicit(&topic->told_count, topic->count, memory_order_relaxed);
    if (index != topic->count) {
        topic->members[index] = topic->members[topic->count];
        topic->members[index].list->places[topic->members[index].place].index = index;
    }
    /* The same in the list of topics. */
    list->count--;
    if (place != list->count) {
        list->places[place] = list->places[list->count];
        list->places[place].topic->members[list->places[place].index].place = place;
    }
    if (topic->count == 0) {
        topic_remove(table, topic);
    }
}

bell_status bell_topic_unsubscribe(struct bell_topic_table *table, struct bell_topic_list *list,
                                   bell_slice name)
{
    struct bell_topic *topic =
        bell_topic_is_name(name) ? find(table, name, bell_topic_hash(name)) : NULL;
    uint32_t place = topic == NULL ? list->count : place_of(list, topic);
    if (place == list->count) {
        return BELL_ENOTFOUND;
    }
    leave(table, list, place);
    return BELL_OK;
}

void bell_topic_leave_all(struct bell_topic_table *table, struct bell_topic_list *list,
                          void (*on_left)(uint64_t hash, void *user), void *user)
{
    while (list->count > 0) {
        uint64_t hash = list->places[list->count - 1].topic->hash;
        leave(table, list, list->count - 1);
        if (on_left != NULL) {
            on_left(hash, user);
        }
    }
    bell_mem_free(list->places);
    *list = (struct bell_topic_list){0};
}

const struct bell_topic_member *bell_topic_members(const struct bell_topic_table *table,
                                                   bell_slice name, size_t *count)
{
    const struct bell_topic *topic =
        bell_topic_is_name(name) ? find(table, name, bell_topic_hash(name)) : NULL;
    *count = topic == NULL ? 0 : topic->count;
    return topic == NULL ? NULL : topic->members;
}

bool bell_topic_is_in(const struct bell_topic_table *table, const struct bell_topic_list *list,
                      bell_slice name)
{
    const struct bell_topic *topic = list->count > 0 && bell_topic_is_name(name)
                                         ? find(table, name, bell_topic_hash(name))
                                         : NULL;
    return topic != NULL && place_of(list, topic) < list->count;
}

bell_slice bell_topic_name_at(const struct bell_topic_list *list, size_t index)
{
    if (index >= list->count) {
        return bell_slice_make(NULL, 0);
    }
    const struct bell_topic *topic = list->places[index].topic;
    return bell_slice_make(topic->name, topic->name_bytes);
}

uint32_t bell_topic_count(struct bell_topic_table *table, bell_slice name)
{
    if (!bell_topic_is_name(name)) {
        return 0;
    }
    uint64_t hash = bell_topic_hash(name);
    (void)pthread_mutex_lock(&table->lock);
    struct bell_topic *topic = find(table, name, hash);
    uint32_t count =
        topic == NULL ? 0 : atomic_load_explicit(&topic->told_count, memory_order_relaxed);
    (void)pthread_mutex_unlock(&table->lock);
    return count;
}
