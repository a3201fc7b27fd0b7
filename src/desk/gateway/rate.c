#include "desk/gateway/rate.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"

#include <sodium.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/*
 * A key may stand in one of the WAYS cells of its set. Sets are spread over shards by the upper
 * bits of the hash; the hash is keyed, so nobody can aim at a set.
 */
enum { SHARDS = 16, WAYS = 8, US_PER_MS = 1000, V6_PREFIX_BYTES = 8 };

struct cell {
    uint64_t hash;     /* of the key; 0 = empty */
    uint64_t whole_us; /* when the allowance is whole again */
};

struct shard {
    pthread_mutex_t lock;
    struct cell *cells; /* (owned) sets * WAYS */
};

struct rate_table {
    struct shard shards[SHARDS];
    size_t sets; /* of each shard */
    uint64_t interval_us;
    uint64_t tolerance_us; /* interval * burst: how far ahead of now a key may run */
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
};

bell_status rate_table_create(uint64_t per_window, uint64_t window_ms, uint64_t burst,
                              size_t max_keys, struct rate_table **out)
{
    if (per_window == 0 || window_ms == 0 || burst == 0 || max_keys == 0) {
        return BELL_EINVAL;
    }
    struct rate_table *table = bell_mem_zalloc(sizeof *table);
    if (table == NULL) {
        return BELL_ENOMEM;
    }
    table->sets = (max_keys + (size_t)SHARDS * WAYS - 1) / ((size_t)SHARDS * WAYS);
    table->interval_us = window_ms * US_PER_MS / per_window;
    table->interval_us += table->interval_us == 0 ? 1 : 0;
    table->tolerance_us = table->interval_us * burst;
    bell_random_fill(table->hash_key, sizeof table->hash_key);
    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_init(&table->shards[i].lock, NULL);
    }
    for (size_t i = 0; i < SHARDS; i++) {
        table->shards[i].cells = bell_mem_zalloc_array(table->sets * WAYS, sizeof(struct cell));
        if (table->shards[i].cells == NULL) {
            rate_table_destroy(table);
            return BELL_ENOMEM;
        }
    }
    *out = table;
    return BELL_OK;
}

void rate_table_destroy(struct rate_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        bell_mem_free(table->shards[i].cells);
        (void)pthread_mutex_destroy(&table->shards[i].lock);
    }
    bell_mem_free(table);
}

static uint64_t hash_of(const struct rate_table *table, bell_slice key)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    (void)crypto_shorthash(bytes, (const unsigned char *)key.p, key.n, table->hash_key);
    uint64_t hash = bell_read_be64(bytes);
    return hash == 0 ? 1 : hash;
}

/* The key's cell, or the one it may take: an empty one, else the one that is whole first. */
static struct cell *find_cell(const struct rate_table *table, struct shard *shard, uint64_t hash)
{
    struct cell *set = shard->cells + (size_t)(hash % table->sets) * WAYS;
    struct cell *best = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash == hash) {
            return &set[i];
        }
        if (set[i].whole_us < best->whole_us) {
            best = &set[i];
        }
    }
    best->hash = hash;
    best->whole_us = 0;
    return best;
}

static uint64_t use(struct rate_table *table, bell_slice key, uint64_t now_ms, bool take)
{
    uint64_t hash = hash_of(table, key);
    uint64_t now_us = now_ms * US_PER_MS;
    struct shard *shard = &table->shards[hash >> 60];
    uint64_t wait_us = 0;
    (void)pthread_mutex_lock(&shard->lock);
    struct cell *cell = find_cell(table, shard, hash);
    uint64_t whole_us = cell->whole_us > now_us ? cell->whole_us : now_us;
    whole_us += table->interval_us;
    if (whole_us > now_us + table->tolerance_us) {
        wait_us = whole_us - now_us - table->tolerance_us;
    } else if (take) {
        cell->whole_us = whole_us;
    }
    (void)pthread_mutex_unlock(&shard->lock);
    return (wait_us + US_PER_MS - 1) / US_PER_MS;
}

uint64_t rate_take(struct rate_table *table, bell_slice key, uint64_t now_ms)
{
    return use(table, key, now_ms, true);
}

uint64_t rate_peek(struct rate_table *table, bell_slice key, uint64_t now_ms)
{
    return use(table, key, now_ms, false);
}

void rate_give_back(struct rate_table *table, bell_slice key, uint64_t now_ms)
{
    uint64_t hash = hash_of(table, key);
    struct shard *shard = &table->shards[hash >> 60];
    (void)pthread_mutex_lock(&shard->lock);
    struct cell *cell = find_cell(table, shard, hash);
    if (cell->whole_us > now_ms * US_PER_MS) {
        cell->whole_us -= cell->whole_us < table->interval_us ? cell->whole_us : table->interval_us;
    }
    (void)pthread_mutex_unlock(&shard->lock);
}

bell_slice rate_address_key(bell_slice address, char out[RATE_ADDRESS_BYTES])
{
    static const unsigned char MAPPED_V4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];
    if (address.n < sizeof text) {
        memcpy(text, address.p == NULL ? "" : address.p, address.n);
        text[address.n] = '\0';
        if (inet_pton(AF_INET, text, bytes) == 1) {
            out[0] = '4';
            memcpy(out + 1, bytes, sizeof(struct in_addr));
            return bell_slice_make(out, 1 + sizeof(struct in_addr));
        }
        if (inet_pton(AF_INET6, text, bytes) == 1) {
            bool is_v4 = memcmp(bytes, MAPPED_V4, sizeof MAPPED_V4) == 0;
            const unsigned char *from = is_v4 ? bytes + sizeof MAPPED_V4 : bytes;
            size_t n = is_v4 ? sizeof(struct in_addr) : V6_PREFIX_BYTES;
            out[0] = is_v4 ? '4' : '6';
            memcpy(out + 1, from, n);
            return bell_slice_make(out, 1 + n);
        }
    }
    size_t n = address.n < RATE_ADDRESS_BYTES - 1 ? address.n : RATE_ADDRESS_BYTES - 1;
    out[0] = '?';
    memcpy(out + 1, address.p == NULL ? "" : address.p, n);
    return bell_slice_make(out, 1 + n);
}
