#include "bell/server/ws_retained.h"

#include "base/mem.h"
#include "bell/net/blob.h"
#include "bell/server/ws_packer.h"

enum { FIRST_BUCKETS = 16 };

struct bell_ws_retained *bell_ws_retained_create(bell_slice name, uint64_t hash)
{
    struct bell_ws_retained *value = bell_mem_zalloc(sizeof *value + name.n); /* a name is short */
    if (value != NULL) {
        value->hash = hash;
        value->name_bytes = name.n;
        memcpy(value->name, name.p, name.n);
    }
    return value;
}

void bell_ws_retained_destroy(struct bell_ws_retained *value)
{
    if (value != NULL) {
        bell_blob_unref(value->frame);
        bell_ws_variants_unref(value->variants);
        bell_mem_free(value);
    }
}

bell_status bell_ws_retained_table_init(struct bell_ws_retained_table *t)
{
    *t = (struct bell_ws_retained_table){.bucket_count = FIRST_BUCKETS};
    t->buckets = bell_mem_zalloc_array(FIRST_BUCKETS, sizeof(struct bell_ws_retained *));
    return t->buckets == NULL ? BELL_ENOMEM : BELL_OK;
}

void bell_ws_retained_table_finish(struct bell_ws_retained_table *t)
{
    for (size_t i = 0; t->buckets != NULL && i < t->bucket_count; i++) {
        while (t->buckets[i] != NULL) {
            struct bell_ws_retained *next = t->buckets[i]->next;
            bell_ws_retained_destroy(t->buckets[i]);
            t->buckets[i] = next;
        }
    }
    bell_mem_free(t->buckets);
    *t = (struct bell_ws_retained_table){0};
}

/* What points to the value of a name, or where it belongs. */
static struct bell_ws_retained **place_of(const struct bell_ws_retained_table *t, bell_slice name,
                                          uint64_t hash)
{
    struct bell_ws_retained **place = &t->buckets[hash & (t->bucket_count - 1)];
    while (*place != NULL &&
           ((*place)->hash != hash ||
            !bell_slice_equal(bell_slice_make((*place)->name, (*place)->name_bytes), name))) {
        place = &(*place)->next;
    }
    return place;
}

struct bell_ws_retained *bell_ws_retained_find(const struct bell_ws_retained_table *t,
                                               bell_slice name, uint64_t hash)
{
    return *place_of(t, name, hash);
}

/* Without memory the table stays as it is and only gets slower. */
static void grow(struct bell_ws_retained_table *t)
{
    struct bell_ws_retained_table larger = {.bucket_count = t->bucket_count * 2, .count = t->count};
    larger.buckets = bell_mem_zalloc_array(larger.bucket_count, sizeof(struct bell_ws_retained *));
    if (larger.buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < t->bucket_count; i++) {
        while (t->buckets[i] != NULL) {
            struct bell_ws_retained *value = t->buckets[i];
            struct bell_ws_retained **bucket =
                &larger.buckets[value->hash & (larger.bucket_count - 1)];
            t->buckets[i] = value->next;
            value->next = *bucket;
            *bucket = value;
        }
    }
    bell_mem_free(t->buckets);
    *t = larger;
}

void bell_ws_retained_put(struct bell_ws_retained_table *t, struct bell_ws_retained *value)
{
    bell_slice name = bell_slice_make(value->name, value->name_bytes);
    struct bell_ws_retained **place = place_of(t, name, value->hash);
    struct bell_ws_retained *old = *place;
    if (old != NULL) {
        value->next = old->next;
        *place = value;
        bell_ws_retained_destroy(old);
        return;
    }
    if (t->count >= t->bucket_count) {
        grow(t);
        place = place_of(t, name, value->hash);
    }
    value->next = NULL;
    *place = value;
    t->count++;
}

void bell_ws_retained_remove(struct bell_ws_retained_table *t, bell_slice name, uint64_t hash)
{
    struct bell_ws_retained **place = place_of(t, name, hash);
    struct bell_ws_retained *old = *place;
    if (old != NULL) {
        *place = old->next;
        t->count--;
        bell_ws_retained_destroy(old);
    }
}
