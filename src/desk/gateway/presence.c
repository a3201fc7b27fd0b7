#include "desk/gateway/presence.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

/* An entry exists while the agent is connected, grace included. */
struct entry {
    int64_t agent;
    uint64_t gone_at_ms; /* when the grace ends; only of use while consoles is 0 */
    uint32_t consoles;
    bool online; /* chosen status */
};

struct presence {
    pthread_mutex_t lock;
    struct entry *entries; /* (owned) in no order: there are few agents */
    size_t count;
    size_t capacity;
    struct presence_listener listener;
    uint64_t grace_ms;
    bool online; /* as last told */
};

bell_status presence_create(uint64_t grace_ms, const struct presence_listener *listener,
                            struct presence **out)
{
    struct presence *presence = bell_mem_zalloc(sizeof *presence);
    if (presence == NULL) {
        return BELL_ENOMEM;
    }
    (void)pthread_mutex_init(&presence->lock, NULL);
    presence->grace_ms = grace_ms;
    presence->listener = *listener;
    *out = presence;
    return BELL_OK;
}

void presence_destroy(struct presence *presence)
{
    if (presence == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&presence->lock);
    bell_mem_free(presence->entries);
    bell_mem_free(presence);
}

static struct entry *find(struct presence *presence, int64_t agent)
{
    for (size_t i = 0; i < presence->count; i++) {
        if (presence->entries[i].agent == agent) {
            return &presence->entries[i];
        }
    }
    return NULL;
}

static void tell_agent(struct presence *presence, const struct entry *entry, bool connected)
{
    presence->listener.agent_changed(entry->agent, entry->online, connected,
                                     presence->listener.user);
}

static void tell_online(struct presence *presence)
{
    bool online = false;
    for (size_t i = 0; i < presence->count; i++) {
        online = online || presence->entries[i].online;
    }
    if (online != presence->online) {
        presence->online = online;
        presence->listener.online_changed(online, presence->listener.user);
    }
}

static bell_status add(struct presence *presence, int64_t agent, bool online)
{
    if (presence->count == PRESENCE_MAX_AGENTS) {
        return BELL_ELIMIT;
    }
    if (presence->count == presence->capacity) {
        size_t capacity = presence->capacity == 0 ? FIRST_CAPACITY : presence->capacity * 2;
        struct entry *entries =
            bell_mem_resize(presence->entries, capacity * sizeof *presence->entries);
        if (entries == NULL) {
            return BELL_ENOMEM;
        }
        presence->entries = entries;
        presence->capacity = capacity;
    }
    presence->entries[presence->count] = (struct entry){agent, 0, 1, online};
    tell_agent(presence, &presence->entries[presence->count++], true);
    return BELL_OK;
}

/* Takes the entry out; the last one fills its place. */
static void drop(struct presence *presence, struct entry *entry)
{
    tell_agent(presence, entry, false);
    *entry = presence->entries[--presence->count];
}

bell_status presence_enter(struct presence *presence, int64_t agent, bool online)
{
    bell_status st = BELL_OK;
    (void)pthread_mutex_lock(&presence->lock);
    struct entry *entry = find(presence, agent);
    if (entry == NULL) {
        st = add(presence, agent, online);
    } else {
        entry->consoles++;
        if (entry->online != online) {
            entry->online = online;
            tell_agent(presence, entry, true);
        }
    }
    tell_online(presence);
    (void)pthread_mutex_unlock(&presence->lock);
    return st;
}

void presence_leave(struct presence *presence, int64_t agent, uint64_t now_ms)
{
    (void)pthread_mutex_lock(&presence->lock);
    struct entry *entry = find(presence, agent);
    /* An agent who was removed is gone already when his consoles follow. */
    if (entry != NULL && entry->consoles > 0 && --entry->consoles == 0) {
        entry->gone_at_ms = now_ms + presence->grace_ms;
        if (presence->grace_ms == 0) {
            drop(presence, entry);
            tell_online(presence);
        }
    }
    (void)pthread_mutex_unlock(&presence->lock);
}

void presence_set_status(struct presence *presence, int64_t agent, bool online)
{
    (void)pthread_mutex_lock(&presence->lock);
    struct entry *entry = find(presence, agent);
    if (entry != NULL && entry->online != online) {
        entry->online = online;
        tell_agent(presence, entry, true);
        tell_online(presence);
    }
    (void)pthread_mutex_unlock(&presence->lock);
}

void presence_remove(struct presence *presence, int64_t agent)
{
    (void)pthread_mutex_lock(&presence->lock);
    struct entry *entry = find(presence, agent);
    if (entry != NULL) {
        drop(presence, entry);
        tell_online(presence);
    }
    (void)pthread_mutex_unlock(&presence->lock);
}

uint64_t presence_tick(struct presence *presence, uint64_t now_ms)
{
    uint64_t next_ms = UINT64_MAX;
    (void)pthread_mutex_lock(&presence->lock);
    for (size_t i = presence->count; i-- > 0;) {
        struct entry *entry = &presence->entries[i];
        if (entry->consoles > 0) {
            continue;
        }
        if (entry->gone_at_ms <= now_ms) {
            drop(presence, entry);
        } else if (entry->gone_at_ms < next_ms) {
            next_ms = entry->gone_at_ms;
        }
    }
    tell_online(presence);
    (void)pthread_mutex_unlock(&presence->lock);
    return next_ms;
}

bool presence_is_connected(struct presence *presence, int64_t agent)
{
    (void)pthread_mutex_lock(&presence->lock);
    bool connected = find(presence, agent) != NULL;
    (void)pthread_mutex_unlock(&presence->lock);
    return connected;
}

bool presence_is_online(struct presence *presence)
{
    (void)pthread_mutex_lock(&presence->lock);
    bool online = presence->online;
    (void)pthread_mutex_unlock(&presence->lock);
    return online;
}
