#include "bell/guard.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/versioned.h"
#include "bell/http/origin.h"
#include "bell/http/text.h"
#include "bell/http_server.h"
#include "bell/net/address.h"
#include "bell/server/guard_internal.h"
#include "bell/server/guard_table.h"
#include "bell/server/network_set.h"

#include <pthread.h>

enum { MAX_NETWORKS = 65536, MAX_ORIGINS = 1024, IPV6_SUBNET_BYTES = 8, MS_PER_S = 1000 };

bell_status bell_guard_create_sized(const bell_guard_callbacks *callbacks, size_t callbacks_bytes,
                                    void *user, struct bell_guard **out)
{
    bell_guard_callbacks known = {0};
    if (!bell_versioned_read(&known, sizeof known, callbacks, callbacks_bytes)) {
        return BELL_ENOTSUP;
    }
    struct bell_guard *g = bell_mem_zalloc(sizeof *g);
    if (g == NULL) {
        return BELL_ENOMEM;
    }
    g->callbacks = known;
    g->user = user;
    *out = g;
    return BELL_OK;
}

void bell_guard_destroy(struct bell_guard *guard)
{
    if (guard != NULL) {
        if (guard->callbacks.destroy != NULL) {
            guard->callbacks.destroy(guard->user);
        }
        bell_mem_free(guard);
    }
}

bell_guard_verdict bell_guards_on_upgrade(struct bell_guard *const *guards, size_t count,
                                          const struct bell_http_request *request)
{
    bell_guard_verdict verdict = {0};
    for (size_t i = 0; i < count && verdict.status == 0; i++) {
        if (guards[i]->callbacks.on_upgrade != NULL) {
            verdict = guards[i]->callbacks.on_upgrade(request, guards[i]->user);
        }
    }
    return verdict;
}

void bell_guards_on_open(struct bell_guard *const *guards, size_t count, bell_conn conn,
                         bell_slice peer)
{
    for (size_t i = 0; i < count; i++) {
        if (guards[i]->callbacks.on_open != NULL) {
            guards[i]->callbacks.on_open(conn, peer, guards[i]->user);
        }
    }
}

bool bell_guards_on_message(struct bell_guard *const *guards, size_t count, bell_conn conn,
                            size_t size_bytes, uint64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        if (guards[i]->callbacks.on_message != NULL &&
            !guards[i]->callbacks.on_message(conn, size_bytes, now_ms, guards[i]->user)) {
            return false;
        }
    }
    return true;
}

void bell_guards_on_close(struct bell_guard *const *guards, size_t count, bell_conn conn,
                          bell_slice peer)
{
    for (size_t i = 0; i < count; i++) {
        if (guards[i]->callbacks.on_close != NULL) {
            guards[i]->callbacks.on_close(conn, peer, guards[i]->user);
        }
    }
}

/* Makes the guard, or destroys what it would have owned. */
static bell_status wrap(const bell_guard_callbacks *callbacks, void *user, struct bell_guard **out)
{
    bell_status st = bell_guard_create(callbacks, user, out);
    if (st != BELL_OK) {
        callbacks->destroy(user);
    }
    return st;
}

/* ---- origin ---- */

struct origin_guard {
    bool allows_same;
    size_t count;
    bell_http_origin origins[]; /* their slices point to (owned) copies of the texts */
};

static void origin_destroy(void *user)
{
    struct origin_guard *g = user;
    for (size_t i = 0; i < g->count; i++) {
        bell_mem_free_text(g->origins[i].scheme); /* the text begins with it */
    }
    bell_mem_free(g);
}

/* A page of http is not of the same origin as a server that speaks https with this client. */
static bool is_right_scheme(const bell_http_origin *origin, const struct bell_http_request *request)
{
    return !bell_http_request_is_secure(request) ||
           bell_http_equal_nocase(origin->scheme, BELL_LIT("https"));
}

static bell_guard_verdict origin_on_upgrade(const struct bell_http_request *request, void *user)
{
    const struct origin_guard *g = user;
    const bell_guard_verdict refused = {.status = 403};
    const bell_guard_verdict passes = {0};
    bell_http_origin origin;
    if (bell_http_origin_parse(bell_http_request_header(request, "Origin"), &origin) != BELL_OK) {
        return refused;
    }
    if (g->allows_same && is_right_scheme(&origin, request) &&
        bell_http_origin_is_host(&origin, bell_http_request_header(request, "Host"))) {
        return passes;
    }
    for (size_t i = 0; i < g->count; i++) {
        if (bell_http_origin_equal(&origin, &g->origins[i])) {
            return passes;
        }
    }
    return refused;
}

static bell_status origin_add(struct origin_guard *g, const char *text)
{
    char *copy = bell_mem_copy_text(bell_slice_from(text));
    if (copy == NULL) {
        return BELL_ENOMEM;
    }
    bell_http_origin *origin = &g->origins[g->count];
    if (bell_http_origin_parse(bell_slice_from(copy), origin) != BELL_OK || origin->is_null) {
        bell_mem_free(copy);
        return BELL_EINVAL;
    }
    g->count++;
    return BELL_OK;
}

bell_status bell_guard_origin_create(const char *const *origins, size_t count,
                                     struct bell_guard **out)
{
    static const bell_guard_callbacks CALLBACKS = {.on_upgrade = origin_on_upgrade,
                                                   .destroy = origin_destroy};
    if (count > MAX_ORIGINS) {
        return BELL_EINVAL;
    }
    struct origin_guard *g = bell_mem_zalloc(sizeof *g + count * sizeof(bell_http_origin));
    if (g == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st = BELL_OK;
    for (size_t i = 0; i < count && st == BELL_OK; i++) {
        if (bell_slice_equal(bell_slice_from(origins[i]), BELL_LIT("same"))) {
            g->allows_same = true;
        } else {
            st = origin_add(g, origins[i]);
        }
    }
    if (st != BELL_OK) {
        origin_destroy(g);
        return st;
    }
    return wrap(&CALLBACKS, g, out);
}

/* ---- address ---- */

struct address_guard {
    pthread_rwlock_t lock;
    struct bell_network_set blocked; /* under the lock */
};

static void address_destroy(void *user)
{
    struct address_guard *g = user;
    (void)pthread_rwlock_destroy(&g->lock);
    bell_network_set_finish(&g->blocked);
    bell_mem_free(g);
}

static bell_guard_verdict address_on_upgrade(const struct bell_http_request *request, void *user)
{
    struct address_guard *g = user;
    bell_guard_verdict verdict = {0};
    bell_address peer;
    if (bell_address_parse(bell_http_request_peer(request), &peer) != BELL_OK) {
        return verdict; /* no IP peer: a Unix socket */
    }
    (void)pthread_rwlock_rdlock(&g->lock);
    if (bell_network_set_has(&g->blocked, &peer)) {
        verdict.status = 403;
    }
    (void)pthread_rwlock_unlock(&g->lock);
    return verdict;
}

static const bell_guard_callbacks ADDRESS_CALLBACKS = {.on_upgrade = address_on_upgrade,
                                                       .destroy = address_destroy};

bell_status bell_guard_address_create(struct bell_guard **out)
{
    struct address_guard *g = bell_mem_zalloc(sizeof *g);
    if (g == NULL) {
        return BELL_ENOMEM;
    }
    (void)pthread_rwlock_init(&g->lock, NULL);
    bell_network_set_init(&g->blocked);
    return wrap(&ADDRESS_CALLBACKS, g, out);
}

bell_status bell_guard_address_block(struct bell_guard *guard, bell_slice network)
{
    struct address_guard *g = guard->user;
    bell_network parsed;
    if (guard->callbacks.on_upgrade != address_on_upgrade ||
        bell_network_parse(network, &parsed) != BELL_OK) {
        return BELL_EINVAL;
    }
    (void)pthread_rwlock_wrlock(&g->lock);
    bell_status st = bell_network_set_add(&g->blocked, &parsed, MAX_NETWORKS);
    (void)pthread_rwlock_unlock(&g->lock);
    return st;
}

bell_status bell_guard_address_unblock(struct bell_guard *guard, bell_slice network)
{
    struct address_guard *g = guard->user;
    bell_network parsed;
    if (guard->callbacks.on_upgrade != address_on_upgrade ||
        bell_network_parse(network, &parsed) != BELL_OK) {
        return BELL_EINVAL;
    }
    (void)pthread_rwlock_wrlock(&g->lock);
    bell_status st = bell_network_set_remove(&g->blocked, &parsed);
    (void)pthread_rwlock_unlock(&g->lock);
    return st;
}

/* ---- connections per address ---- */

struct connections_guard {
    struct bell_guard_table *open; /* (owned) by address: a = how many */
    uint32_t max_open;
    uint32_t retry_after_s;
};

static void connections_destroy(void *user)
{
    struct connections_guard *g = user;
    bell_guard_table_destroy(g->open);
    bell_mem_free(g);
}

/* IPv6 customers have a /64 each, so that is what counts as one address. */
static bool address_key(bell_slice peer, bell_guard_key *out)
{
    bell_guard_key key = {{0}};
    bell_address a;
    if (bell_address_parse(peer, &a) != BELL_OK) {
        return false;
    }
    memcpy(key.bytes, a.bytes,
           bell_address_is_ipv4(&a) ? sizeof key.bytes : (size_t)IPV6_SUBNET_BYTES);
    *out = key;
    return true;
}

static bool count_read(bell_guard_value *value, void *user)
{
    uint64_t *count = user;
    *count = value->a;
    return value->a > 0;
}

static bool count_up(bell_guard_value *value, void *user)
{
    (void)user;
    value->a++;
    return true;
}

static bool count_down(bell_guard_value *value, void *user)
{
    (void)user;
    if (value->a > 0) {
        value->a--;
    }
    return value->a > 0;
}

/*
 * Asked and counted in two steps, since another guard may still refuse: upgrades that race on
 * several loops may pass the limit by the number of loops, not more.
 */
static bell_guard_verdict connections_on_upgrade(const struct bell_http_request *request,
                                                 void *user)
{
    struct connections_guard *g = user;
    bell_guard_verdict verdict = {0};
    bell_guard_key key;
    uint64_t count = 0;
    if (!address_key(bell_http_request_peer(request), &key)) {
        return verdict;
    }
    if (bell_guard_table_update(g->open, &key, count_read, &count) != BELL_OK) {
        verdict.status = 503;
    } else if (count >= g->max_open) {
        verdict.status = 429;
        verdict.retry_after_s = g->retry_after_s;
    }
    return verdict;
}

static void connections_on_open(bell_conn conn, bell_slice peer, void *user)
{
    struct connections_guard *g = user;
    bell_guard_key key;
    (void)conn;
    if (!address_key(peer, &key)) {
        return;
    }
    bell_status st = bell_guard_table_update(g->open, &key, count_up, NULL);
    (void)st; /* without memory it is not counted: count_down does not go below 0 */
}

static void connections_on_close(bell_conn conn, bell_slice peer, void *user)
{
    struct connections_guard *g = user;
    bell_guard_key key;
    (void)conn;
    if (!address_key(peer, &key)) {
        return;
    }
    bell_status st = bell_guard_table_update(g->open, &key, count_down, NULL);
    (void)st; /* a key that is not there needs no counting down */
}

bell_status bell_guard_connections_create(uint32_t max_open, uint32_t retry_after_s,
                                          struct bell_guard **out)
{
    static const bell_guard_callbacks CALLBACKS = {.on_upgrade = connections_on_upgrade,
                                                   .on_open = connections_on_open,
                                                   .on_close = connections_on_close,
                                                   .destroy = connections_destroy};
    struct connections_guard *g = max_open == 0 ? NULL : bell_mem_zalloc(sizeof *g);
    if (g == NULL) {
        return max_open == 0 ? BELL_EINVAL : BELL_ENOMEM;
    }
    g->max_open = max_open;
    g->retry_after_s = retry_after_s;
    bell_status st = bell_guard_table_create(&g->open);
    if (st != BELL_OK) {
        bell_mem_free(g);
        return st;
    }
    return wrap(&CALLBACKS, g, out);
}

/* ---- rate ---- */

struct rate_guard {
    /* By connection, a token bucket: a = thousandths of messages in hand, b = when that was true +
     * 1, in ms. */
    struct bell_guard_table *buckets; /* (owned) */
    uint32_t per_second;
    uint32_t burst;
};

static void rate_destroy(void *user)
{
    struct rate_guard *g = user;
    bell_guard_table_destroy(g->buckets);
    bell_mem_free(g);
}

static bell_guard_key conn_key(bell_conn conn)
{
    bell_guard_key key = {{0}};
    memcpy(key.bytes, &conn, sizeof conn);
    return key;
}

struct rate_question {
    const struct rate_guard *guard;
    uint64_t now_ms;
    bool passes;
};

static bool bucket_take(bell_guard_value *value, void *user)
{
    struct rate_question *q = user;
    uint64_t most = (uint64_t)q->guard->burst * MS_PER_S;
    if (value->b == 0) {
        value->a = most;
    } else {
        uint64_t since_ms = q->now_ms - (value->b - 1);
        /* Clamped first: what fills the bucket needs no exact product. */
        uint64_t enough_ms = most / q->guard->per_second + 1;
        value->a += (since_ms < enough_ms ? since_ms : enough_ms) * q->guard->per_second;
        value->a = value->a > most ? most : value->a;
    }
    value->b = q->now_ms + 1;
    q->passes = value->a >= MS_PER_S;
    if (q->passes) {
        value->a -= MS_PER_S;
    }
    return true;
}

static bool rate_on_message(bell_conn conn, size_t size_bytes, uint64_t now_ms, void *user)
{
    struct rate_guard *g = user;
    struct rate_question q = {.guard = g, .now_ms = now_ms};
    bell_guard_key key = conn_key(conn);
    (void)size_bytes;
    return bell_guard_table_update(g->buckets, &key, bucket_take, &q) == BELL_OK && q.passes;
}

static bool forget(bell_guard_value *value, void *user)
{
    (void)value;
    (void)user;
    return false;
}

static void rate_on_close(bell_conn conn, bell_slice peer, void *user)
{
    struct rate_guard *g = user;
    bell_guard_key key = conn_key(conn);
    (void)peer;
    bell_status st = bell_guard_table_update(g->buckets, &key, forget, NULL);
    (void)st; /* a key that is not there is forgotten already */
}

bell_status bell_guard_rate_create(uint32_t per_second, uint32_t burst, struct bell_guard **out)
{
    static const bell_guard_callbacks CALLBACKS = {
        .on_message = rate_on_message, .on_close = rate_on_close, .destroy = rate_destroy};
    if (per_second == 0 || burst == 0) {
        return BELL_EINVAL;
    }
    struct rate_guard *g = bell_mem_zalloc(sizeof *g);
    if (g == NULL) {
        return BELL_ENOMEM;
    }
    g->per_second = per_second;
    g->burst = burst;
    bell_status st = bell_guard_table_create(&g->buckets);
    if (st != BELL_OK) {
        bell_mem_free(g);
        return st;
    }
    return wrap(&CALLBACKS, g, out);
}
