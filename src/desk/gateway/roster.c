#include "desk/gateway/roster.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

/* Consoles are few (tens, not thousands) and come and go rarely: a list in no order is enough. */
struct roster {
    pthread_mutex_t lock;
    struct roster_entry *entries; /* (owned) */
    size_t count;
    size_t capacity;
};

bell_status roster_create(struct roster **out)
{
    struct roster *roster = bell_mem_zalloc(sizeof *roster);
    if (roster == NULL) {
        return BELL_ENOMEM;
    }
    (void)pthread_mutex_init(&roster->lock, NULL);
    *out = roster;
    return BELL_OK;
}

void roster_destroy(struct roster *roster)
{
    if (roster == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&roster->lock);
    roster_copy_free(roster->entries, roster->count);
    bell_mem_free(roster);
}

/* A new block rather than a resized one, which might leave secrets behind. */
static bell_status grow(struct roster *roster)
{
    if (roster->count < roster->capacity) {
        return BELL_OK;
    }
    size_t capacity = roster->capacity == 0 ? FIRST_CAPACITY : roster->capacity * 2;
    struct roster_entry *entries = bell_mem_zalloc_array(capacity, sizeof *entries);
    if (entries == NULL) {
        return BELL_ENOMEM;
    }
    if (roster->count > 0) {
        memcpy(entries, roster->entries, roster->count * sizeof *entries);
    }
    roster_copy_free(roster->entries, roster->count);
    roster->entries = entries;
    roster->capacity = capacity;
    return BELL_OK;
}

bell_status roster_add(struct roster *roster, struct roster_entry entry)
{
    (void)pthread_mutex_lock(&roster->lock);
    bell_status st = grow(roster);
    if (st == BELL_OK) {
        roster->entries[roster->count++] = entry;
    }
    (void)pthread_mutex_unlock(&roster->lock);
    return st;
}

void roster_remove(struct roster *roster, bell_conn conn)
{
    (void)pthread_mutex_lock(&roster->lock);
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->entries[i].conn == conn) {
            roster->entries[i] = roster->entries[--roster->count];
            explicit_bzero(&roster->entries[roster->count], sizeof *roster->entries);
            break;
        }
    }
    (void)pthread_mutex_unlock(&roster->lock);
}

bell_status roster_copy(struct roster *roster, struct roster_entry **out, size_t *count)
{
    bell_status st = BELL_OK;
    *out = NULL;
    *count = 0;
    (void)pthread_mutex_lock(&roster->lock);
    if (roster->count > 0) {
        *out = bell_mem_alloc(roster->count * sizeof **out);
        if (*out == NULL) {
            st = BELL_ENOMEM;
        } else {
            memcpy(*out, roster->entries, roster->count * sizeof **out);
            *count = roster->count;
        }
    }
    (void)pthread_mutex_unlock(&roster->lock);
    return st;
}

void roster_copy_free(struct roster_entry *entries, size_t count)
{
    if (entries != NULL) {
        explicit_bzero(entries, count * sizeof *entries);
        bell_mem_free(entries);
    }
}

size_t roster_count(struct roster *roster)
{
    (void)pthread_mutex_lock(&roster->lock);
    size_t count = roster->count;
    (void)pthread_mutex_unlock(&roster->lock);
    return count;
}
