/*
 * Work: the threads that run commands against the store.
 *
 *   writer      one; takes every waiting write (up to batch_max), runs them in one transaction,
 * each under its own protection so that a refused or failed one leaves no trace, commits once
 *   announcer   one; after the commit, for each write in order: publishes its events on the bus,
 *               then calls its done. It works while the writer waits for the disk.
 *   readers     several; each read runs in a transaction of its own on a reader connection, which
 * sees one state slow        one; for argon2id: a reader connection without a transaction
 *
 * Order. Writes take effect, are published and are answered in the order in which they were
 * submitted. A write's events come before its done and after everything of the writes before it, so
 * that what one connection is sent, acknowledgements and events together, is in the order of the
 * commits: a poster hears `stored` right after the events of the same command. Reads run side by
 * side, without order among themselves; a read submitted in (or after) the done of a write sees
 * that write.
 *
 * Nothing is published or answered as done before it is on disk. When the commit fails, all of the
 * batch are answered busy (disk full, locked) or internal, and nothing of it is published.
 *
 * Limits: each queue holds at most so many items, counted until they are answered; submit then says
 * BELL_EAGAIN.
 */
#ifndef DESK_WORK_THREADS_H
#define DESK_WORK_THREADS_H

#include "bell/status.h"
#include "desk/domain/event.h"
#include "desk/domain/tx.h"

#include <stdbool.h>
#include <stdint.h>

struct bus;
struct store;
struct work;
struct work_item;

/*
 * One command. It is part of a larger struct of the submitter (BELL_CONTAINER_OF), zeroed, run and
 * done set. Whoever submits it gives it away: until done nothing else touches it, and done frees
 * it.
 */
struct work_item {
    /*
     * Runs the command and returns its outcome. On the writer it may run twice for one submit, the
     * first run being undone (events included) before the second: it must set its results, not add
     * to them.
     */
    struct outcome (*run)(struct work_item *item, struct tx *tx);
    /*
     * Called exactly once for every accepted item, with outcome set: on the announcer for writes,
     * on the thread that ran it for the others. Must not block; may submit further items.
     */
    void (*done)(struct work_item *item);
    struct outcome outcome; /* what run returned, or busy/internal when it was not kept */
    /* Private to work. */
    struct work_item *next;
    struct event_list events;
};

enum work_lane { WORK_WRITE, WORK_READ, WORK_SLOW };

struct work_options {
    struct store *store;     /* (borrowed) outlives the work */
    struct bus *bus;         /* (borrowed) outlives the work */
    uint32_t readers;        /* threads, 1 … 64; 0 = 2 */
    uint32_t queue_max;      /* items waiting or under way for writes, and for reads; 0 = 8192 */
    uint32_t slow_max;       /* the same for slow ones; 0 = 64 */
    uint32_t batch_max;      /* writes in one transaction; 0 = 512 */
    int64_t event_history;   /* desk events kept (see tx.h); 0 = 1,000,000 */
    int64_t (*now_us)(void); /* wall clock; NULL = bell_clock_wall_us */
};

/* Counted since create; each is read for itself. */
struct work_counters {
    uint64_t writes; /* answered, refused ones included */
    uint64_t reads;
    uint64_t slow;
    uint64_t refused;       /* submits that met a full queue */
    uint64_t failed;        /* items answered busy or internal because the store failed */
    uint64_t commits;       /* transactions that changed something: each is one wait for the disk */
    uint64_t committed;     /* writes in those */
    uint64_t batch_largest; /* writes in the largest of those */
    uint64_t commit_ns;     /* time in commits */
    uint64_t waiting;       /* now in the queues or under way */
};

/*
 * Opens the connections and starts the threads. Statuses as db_open, BELL_ENOMEM, BELL_ELIMIT (no
 * thread to be had).
 */
BELL_NODISCARD bell_status work_create(const struct work_options *options, struct work **out);
/*
 * Gives the item away to be run.
 * BELL_EAGAIN   the queue is full: answer busy; the item is still the caller's
 * BELL_ECLOSED  the work is stopping; the item is still the caller's
 * Any thread.
 */
BELL_NODISCARD bell_status work_submit(struct work *work, enum work_lane lane,
                                       struct work_item *item);
/* Any thread. */
void work_read_counters(const struct work *work, struct work_counters *out);
/*
 * Takes no more submits, finishes and answers all that was accepted, ends the threads. From the
 * thread that created it; again without effect.
 */
void work_stop(struct work *work);
/* After work_stop (which it calls when it was not). NULL is fine. */
void work_destroy(struct work *work);

#endif
