#include "desk/gateway/watch.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "desk/domain/inbox.h"
#include "desk/domain/login.h"
#include "desk/gateway/agent_session.h"
#include "desk/gateway/gateway_internal.h"
#include "desk/gateway/peer.h"
#include "desk/work/threads.h"

enum { RESULTS_MAX_BYTES = 32 * 1024 * 1024, EVENTS_PER_LOOK = 200 };

/* What a look found out about one console. */
struct finding {
    bool has_ended;
    bool must_touch;
};

struct look_item {
    struct work_item work;
    struct gateway *gateway;
    struct roster_entry *entries; /* (owned) */
    struct finding *findings;     /* (owned) as many */
    size_t count;
    struct bell_arena results;
    struct agent_event_events events; /* those after the last told one */
};

static void look_destroy(struct look_item *item)
{
    roster_copy_free(item->entries, item->count);
    bell_mem_free(item->findings);
    bell_arena_finish(&item->results);
    bell_mem_free(item);
}

static struct outcome find_sessions(struct look_item *item, struct tx *tx)
{
    for (size_t i = 0; i < item->count; i++) {
        const struct roster_entry *entry = &item->entries[i];
        struct session_self self;
        struct outcome outcome =
            session_find(tx, &entry->secret, bell_slice_make(entry->address, entry->address_bytes),
                         item->gateway->session_lifetime_us, &self);
        bool is_done = outcome_is_done(outcome);
        if (!is_done && outcome.error != ERROR_NOT_LOGGED_IN) {
            return outcome;
        }
        item->findings[i] = (struct finding){!is_done, is_done && self.must_touch};
    }
    return outcome_done();
}

static struct outcome run_look(struct work_item *work, struct tx *tx)
{
    struct look_item *item = BELL_CONTAINER_OF(work, struct look_item, work);
    struct outcome outcome = find_sessions(item, tx);
    bell_arena_finish(&item->results);
    item->events = (struct agent_event_events){.items = NULL};
    const struct agent_command_events after = {.after = fanout_last_event(item->gateway->fanout),
                                               .has_limit = true,
                                               .limit = EVENTS_PER_LOOK};
    if (outcome_is_done(outcome)) {
        outcome = inbox_events(tx, &after, &item->results, &item->events);
    }
    /* The desk has forgotten them: consoles will see the gap at the next event and start anew. */
    return outcome.error == ERROR_GONE ? outcome_done() : outcome;
}

static void done_look(struct work_item *work)
{
    struct look_item *item = BELL_CONTAINER_OF(work, struct look_item, work);
    struct gateway *gateway = item->gateway;
    if (outcome_is_done(work->outcome)) {
        for (size_t i = 0; i < item->count; i++) {
            const struct roster_entry *entry = &item->entries[i];
            if (item->findings[i].has_ended) {
                bell_status st = bell_ws_close(gateway->agents, entry->conn, CLOSE_SESSION_ENDED,
                                               BELL_LIT("the session has ended"));
                (void)st; /* gone already, or found by the next look */
            } else if (item->findings[i].must_touch) {
                agent_touch_session(gateway, entry->session,
                                    bell_slice_make(entry->address, entry->address_bytes));
            }
        }
        for (size_t i = 0; i < item->events.items_count; i++) {
            fanout_tell_desk_event(gateway->fanout, &item->events.items[i]);
        }
    }
    look_destroy(item);
}

void watch_look(struct gateway *gateway)
{
    if (roster_count(gateway->roster) == 0) {
        return;
    }
    struct look_item *item = bell_mem_zalloc(sizeof *item);
    if (item == NULL) {
        return;
    }
    item->work = (struct work_item){.run = run_look, .done = done_look};
    item->gateway = gateway;
    bell_arena_init(&item->results, RESULTS_MAX_BYTES);
    bell_status st = roster_copy(gateway->roster, &item->entries, &item->count);
    if (st == BELL_OK) {
        item->findings = bell_mem_zalloc_array(item->count, sizeof *item->findings);
        st = item->findings == NULL ? BELL_ENOMEM
                                    : work_submit(gateway->work, WORK_WRITE, &item->work);
    }
    if (st != BELL_OK) {
        look_destroy(item);
    }
}

struct expire_item {
    struct work_item work;
    int64_t lifetime_us;
};

static struct outcome run_expire(struct work_item *work, struct tx *tx)
{
    return session_expire(tx, BELL_CONTAINER_OF(work, struct expire_item, work)->lifetime_us);
}

static void done_expire(struct work_item *work)
{
    bell_mem_free(BELL_CONTAINER_OF(work, struct expire_item, work));
}

void watch_expire_sessions(struct gateway *gateway)
{
    struct expire_item *item = bell_mem_zalloc(sizeof *item);
    if (item == NULL) {
        return;
    }
    item->work = (struct work_item){.run = run_expire, .done = done_expire};
    item->lifetime_us = gateway->session_lifetime_us;
    if (work_submit(gateway->work, WORK_WRITE, &item->work) != BELL_OK) {
        bell_mem_free(item);
    }
}
