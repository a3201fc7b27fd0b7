/*
 * Limits of log-in attempts (see login.h).
 *
 * Two tables of counters, one for addresses and one for accounts. A key is kept as a keyed hash, so
 * that nobody can aim for another's place, and may stand in any of the WAYS places of one row; in
 * a full row the one whose window began first goes. A window begins with the first attempt; when it
 * is over the count begins again.
 */
#include "desk/domain/login.h"

#include "base/mem.h"
#include "base/random.h"
#include "desk/domain/text.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>

enum { ROWS = 1024, WAYS = 8 };

struct attempts {
    uint64_t key;      /* keyed hash */
    uint64_t start_ms; /* of the window */
    uint64_t count;    /* in it; 0 = the place is free */
};

struct attempts_table {
    struct attempts places[ROWS][WAYS];
};

struct login_limits {
    uint64_t attempts;
    uint64_t window_ms;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock; /* guards the tables */
    struct attempts_table addresses;
    struct attempts_table accounts;
};

struct login_limits *login_limits_create(uint64_t attempts, uint64_t window_s)
{
    struct login_limits *limits = bell_mem_zalloc(sizeof *limits);
    if (limits == NULL) {
        return NULL;
    }
    limits->attempts = attempts;
    limits->window_ms = window_s * 1000;
    bell_random_fill(limits->hash_key, sizeof limits->hash_key);
    (void)pthread_mutex_init(&limits->lock, NULL);
    return limits;
}

void login_limits_destroy(struct login_limits *limits)
{
    if (limits != NULL) {
        (void)pthread_mutex_destroy(&limits->lock);
        bell_mem_free(limits);
    }
}

static uint64_t key_of(const struct login_limits *limits, bell_slice text)
{
    uint64_t key = 0;
    static_assert(sizeof key == crypto_shorthash_BYTES, "the hash is one number");
    (void)crypto_shorthash((uint8_t *)&key, (const uint8_t *)text.p, text.n, limits->hash_key);
    return key;
}

/* The place of a key: its own, or one that was free or is given up for it (count 0). */
static struct attempts *place_of(struct attempts_table *table, uint64_t key, uint64_t window_ms,
                                 uint64_t now_ms)
{
    struct attempts *row = table->places[key % ROWS];
    struct attempts *oldest = &row[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (row[i].count > 0 && now_ms - row[i].start_ms >= window_ms) {
            row[i].count = 0;
        }
        if (row[i].count > 0 && row[i].key == key) {
            return &row[i];
        }
        if (oldest->count > 0 && (row[i].count == 0 || row[i].start_ms < oldest->start_ms)) {
            oldest = &row[i];
        }
    }
    *oldest = (struct attempts){.key = key, .start_ms = now_ms};
    return oldest;
}

static uint64_t wait_of(const struct login_limits *limits, const struct attempts *place,
                        uint64_t now_ms)
{
    return place->count < limits->attempts ? 0 : place->start_ms + limits->window_ms - now_ms;
}

struct outcome login_allow(struct login_limits *limits, bell_slice address, bell_slice email,
                           uint64_t now_ms)
{
    char lower[EMAIL_MAX_BYTES];
    uint64_t address_key = key_of(limits, address);
    uint64_t account_key = key_of(limits, text_lower_email(email, lower));
    (void)pthread_mutex_lock(&limits->lock);
    struct attempts *from = place_of(&limits->addresses, address_key, limits->window_ms, now_ms);
    struct attempts *at = place_of(&limits->accounts, account_key, limits->window_ms, now_ms);
    uint64_t wait = wait_of(limits, from, now_ms);
    uint64_t wait_account = wait_of(limits, at, now_ms);
    wait = wait > wait_account ? wait : wait_account;
    if (wait == 0) {
        from->count++;
        at->count++;
    }
    (void)pthread_mutex_unlock(&limits->lock);
    if (wait == 0) {
        return outcome_done();
    }
    return (struct outcome){.error = ERROR_RATE_LIMITED, .retry_after_ms = (int64_t)wait};
}

/* A look without taking a place. */
static struct attempts *find(struct attempts_table *table, uint64_t key)
{
    struct attempts *row = table->places[key % ROWS];
    for (size_t i = 0; i < WAYS; i++) {
        if (row[i].count > 0 && row[i].key == key) {
            return &row[i];
        }
    }
    return NULL;
}

void login_succeeded(struct login_limits *limits, bell_slice address, bell_slice email)
{
    char lower[EMAIL_MAX_BYTES];
    uint64_t address_key = key_of(limits, address);
    uint64_t account_key = key_of(limits, text_lower_email(email, lower));
    (void)pthread_mutex_lock(&limits->lock);
    struct attempts *from = find(&limits->addresses, address_key);
    struct attempts *at = find(&limits->accounts, account_key);
    if (from != NULL) {
        from->count--;
    }
    if (at != NULL) {
        at->count = 0;
    }
    (void)pthread_mutex_unlock(&limits->lock);
}
