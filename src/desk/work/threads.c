/*
 * The threads that run commands against the store (see threads.h).
 */
#include "desk/work/threads.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "desk/bus/bus.h"
#include "desk/store/db.h"
#include "desk/work/batch.h"
#include "desk/work/lane.h"

#include <assert.h>

enum {
    DEFAULT_READERS = 2,
    MAX_READERS = 64,
    DEFAULT_QUEUE = 8192,
    DEFAULT_SLOW = 64,
    DEFAULT_BATCH = 512,
    DEFAULT_HISTORY = 1000000
};

/* One that runs reads: a thread and its connection. */
struct reader {
    struct work *work; /* (borrowed) */
    struct db *db;     /* (owned) */
    struct lane *lane; /* (borrowed) where it takes from */
    bool has_transaction;
    bool has_thread;
    pthread_t thread;
    atomic_uint_fast64_t *counter; /* (borrowed) of what it answered */
};

/*
 * Written by the threads named, read by any: each number is read for itself, so relaxed order is
 * enough.
 */
struct atomic_counters {
    atomic_uint_fast64_t writes; /* announcer */
    atomic_uint_fast64_t reads;  /* readers */
    atomic_uint_fast64_t slow;   /* the slow one */
    atomic_uint_fast64_t refused;
    atomic_uint_fast64_t failed;
    atomic_uint_fast64_t commits; /* writer, and those below */
    atomic_uint_fast64_t committed;
    atomic_uint_fast64_t batch_largest;
    atomic_uint_fast64_t commit_ns;
};

struct work {
    struct bus *bus; /* (borrowed) */
    struct lane writes;
    struct lane announcements; /* unbounded by itself: holds only what writes has counted */
    struct lane reads;
    struct lane slow;
    uint32_t batch_max;
    int64_t (*now_us)(void);
    int64_t event_history;
    struct db *writer_db; /* (owned) */
    pthread_t writer;
    pthread_t announcer;
    bool has_writer;
    bool has_announcer;
    struct reader readers[MAX_READERS + 1]; /* the last in use is the slow one */
    uint32_t reader_count;
    struct atomic_counters counters;
};

static void count(atomic_uint_fast64_t *counter, uint64_t by)
{
    (void)atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static uint64_t counted(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* --- writer and announcer --- */

static void batch_count(struct atomic_counters *c, const struct batch_result *result)
{
    if (result->st != BELL_OK) {
        count(&c->failed, result->count);
    }
    if (result->has_changed) {
        count(&c->commits, 1);
        count(&c->committed, result->done);
        count(&c->commit_ns, result->commit_ns);
        if (result->done > counted(&c->batch_largest)) {
            atomic_store_explicit(&c->batch_largest, result->done, memory_order_relaxed);
        }
    }
}

static void *writer_main(void *user)
{
    struct work *work = user;
    struct batch_runner runner = {
        .db = work->writer_db, .event_history = work->event_history, .now_us = work->now_us};
    for (;;) {
        struct item_list items = lane_take(&work->writes, work->batch_max);
        if (items.first == NULL) {
            return NULL;
        }
        struct batch_result result;
        batch_run(&runner, items, &result);
        batch_count(&work->counters, &result);
        lane_append(&work->announcements, items);
    }
}

static void announce(struct work *work, struct work_item *item)
{
    /* The item is gone after done, but the command's texts and its events live equally long. */
    struct event_list events = item->events;
    if (events.first != NULL) {
        bus_publish(work->bus, &events);
    }
    item->done(item);
    event_list_finish(&events);
    count(&work->counters.writes, 1);
    lane_release(&work->writes, 1);
}

static void *announcer_main(void *user)
{
    struct work *work = user;
    for (;;) {
        struct item_list items = lane_take(&work->announcements, SIZE_MAX);
        if (items.first == NULL) {
            return NULL;
        }
        struct work_item *next = NULL;
        for (struct work_item *item = items.first; item != NULL; item = next) {
            next = item->next;
            announce(work, item);
        }
    }
}

/* --- readers --- */

static void read_run(struct reader *reader, struct work_item *item)
{
    bell_status st = reader->has_transaction ? db_begin(reader->db) : BELL_OK;
    if (st != BELL_OK) {
        item->outcome = outcome_from(st);
        count(&reader->work->counters.failed, 1);
        return;
    }
    struct tx tx = {.db = reader->db, .now_us = reader->work->now_us()};
    item->outcome = item->run(item, &tx);
    db_rollback(reader->db);
}

static void *reader_main(void *user)
{
    struct reader *reader = user;
    for (;;) {
        struct item_list items = lane_take(reader->lane, 1);
        if (items.first == NULL) {
            return NULL;
        }
        read_run(reader, items.first);
        items.first->done(items.first);
        count(reader->counter, 1);
        lane_release(reader->lane, 1);
    }
}

/* --- life cycle --- */

static bell_status thread_start(pthread_t *thread, void *(*entry)(void *), void *user,
                                const char *name, bool *has)
{
    if (pthread_create(thread, NULL, entry, user) != 0) {
        bell_log(BELL_LOG_ERROR, "work: cannot start thread name=%s", name);
        return BELL_ELIMIT;
    }
    (void)pthread_setname_np(*thread, name);
    *has = true;
    return BELL_OK;
}

static bell_status reader_start(struct work *work, struct store *store, struct reader *reader,
                                bool is_slow)
{
    *reader = (struct reader){
        .work = work,
        .lane = is_slow ? &work->slow : &work->reads,
        .has_transaction = !is_slow,
        .counter = is_slow ? &work->counters.slow : &work->counters.reads,
    };
    bell_status st = db_open(store, DB_READER, &reader->db);
    if (st == BELL_OK) {
        st = thread_start(&reader->thread, reader_main, reader,
                          is_slow ? "desk-slow" : "desk-reader", &reader->has_thread);
    }
    return st;
}

static bell_status work_start(struct work *work, struct store *store, uint32_t readers)
{
    bell_status st = db_open(store, DB_WRITER, &work->writer_db);
    if (st == BELL_OK) {
        st = thread_start(&work->announcer, announcer_main, work, "desk-announcer",
                          &work->has_announcer);
    }
    if (st == BELL_OK) {
        st = thread_start(&work->writer, writer_main, work, "desk-writer", &work->has_writer);
    }
    for (uint32_t i = 0; st == BELL_OK && i <= readers; i++) {
        work->reader_count = i + 1;
        st = reader_start(work, store, &work->readers[i], i == readers);
    }
    return st;
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value == 0 ? fallback : value;
}

bell_status work_create(const struct work_options *options, struct work **out)
{
    uint32_t readers = or_default(options->readers, DEFAULT_READERS);
    if (readers > MAX_READERS) {
        return BELL_EINVAL;
    }
    struct work *work = bell_mem_zalloc(sizeof *work);
    if (work == NULL) {
        return BELL_ENOMEM;
    }
    uint32_t queue_max = or_default(options->queue_max, DEFAULT_QUEUE);
    lane_init(&work->writes, queue_max);
    lane_init(&work->announcements, UINT32_MAX);
    lane_init(&work->reads, queue_max);
    lane_init(&work->slow, or_default(options->slow_max, DEFAULT_SLOW));
    work->bus = options->bus;
    work->batch_max = or_default(options->batch_max, DEFAULT_BATCH);
    work->event_history = options->event_history == 0 ? DEFAULT_HISTORY : options->event_history;
    work->now_us = options->now_us == NULL ? bell_clock_wall_us : options->now_us;
    bell_status st = work_start(work, options->store, readers);
    if (st != BELL_OK) {
        work_destroy(work);
        return st;
    }
    *out = work;
    return BELL_OK;
}

static struct lane *lane_of(struct work *work, enum work_lane lane)
{
    switch (lane) {
    case WORK_WRITE:
        return &work->writes;
    case WORK_READ:
        return &work->reads;
    case WORK_SLOW:
        return &work->slow;
    }
    return NULL;
}

bell_status work_submit(struct work *work, enum work_lane lane, struct work_item *item)
{
    assert(item->run != NULL && item->done != NULL);
    bell_status st = lane_push(lane_of(work, lane), item);
    if (st != BELL_OK) {
        count(&work->counters.refused, 1);
    }
    return st;
}

void work_read_counters(const struct work *work, struct work_counters *out)
{
    const struct atomic_counters *c = &work->counters;
    *out = (struct work_counters){
        .writes = counted(&c->writes),
        .reads = counted(&c->reads),
        .slow = counted(&c->slow),
        .refused = counted(&c->refused),
        .failed = counted(&c->failed),
        .commits = counted(&c->commits),
        .committed = counted(&c->committed),
        .batch_largest = counted(&c->batch_largest),
        .commit_ns = counted(&c->commit_ns),
        .waiting = atomic_load_explicit(&work->writes.held, memory_order_relaxed) +
                   atomic_load_explicit(&work->reads.held, memory_order_relaxed) +
                   atomic_load_explicit(&work->slow.held, memory_order_relaxed),
    };
}

static void thread_join(pthread_t thread, bool *has)
{
    if (*has) {
        (void)pthread_join(thread, NULL);
        *has = false;
    }
}

void work_stop(struct work *work)
{
    /* All doors first: what one thread still answers must not get in at another. */
    lane_close(&work->writes);
    lane_close(&work->reads);
    lane_close(&work->slow);
    lane_end(&work->slow);
    lane_end(&work->reads);
    lane_end(&work->writes);
    for (uint32_t i = 0; i < work->reader_count; i++) {
        thread_join(work->readers[i].thread, &work->readers[i].has_thread);
    }
    thread_join(work->writer, &work->has_writer);
    lane_end(&work->announcements);
    thread_join(work->announcer, &work->has_announcer);
}

void work_destroy(struct work *work)
{
    if (work == NULL) {
        return;
    }
    work_stop(work);
    for (uint32_t i = 0; i < work->reader_count; i++) {
        db_close(work->readers[i].db);
    }
    db_close(work->writer_db);
    lane_finish(&work->slow);
    lane_finish(&work->reads);
    lane_finish(&work->announcements);
    lane_finish(&work->writes);
    bell_mem_free(work);
}
