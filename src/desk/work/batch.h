/*
 * Batch: several writes in one transaction. Private to desk/work; runs on the writer's thread.
 */
#ifndef DESK_WORK_BATCH_H
#define DESK_WORK_BATCH_H

#include "bell/status.h"
#include "desk/work/lane.h"

#include <stdbool.h>
#include <stdint.h>

struct db;

struct batch_runner {
    struct db *db;         /* (borrowed) the writer's connection */
    int64_t event_history; /* see tx.h */
    int64_t (*now_us)(void);
    int64_t last_us; /* time never goes back from one write to the next */
};

struct batch_result {
    bell_status st;     /* BELL_OK: committed, or there was nothing to commit */
    bool has_changed;   /* a commit waited for the disk */
    uint32_t count;     /* items */
    uint32_t done;      /* items that were not refused */
    uint64_t commit_ns; /* time in the commit */
};

/*
 * Runs the items in order and commits once. Afterwards each has its outcome, and events only where
 * it was done; when the store failed all of them are refused and have none.
 */
void batch_run(struct batch_runner *runner, struct item_list items, struct batch_result *out);

#endif
