/*
 * Several writes in one transaction (see batch.h).
 *
 * A refused or failed item must leave no trace. Rules check before they write, so almost always
 * there is none: the batch first runs without savepoints, which would make SQLite copy every page
 * an item touches. Only when an item fails after it has written the transaction is rolled back and
 * the batch runs again, now with a savepoint around each item.
 */
#include "desk/work/batch.h"

#include "base/clock.h"
#include "desk/store/db.h"

static int64_t now(struct batch_runner *runner)
{
    int64_t us = runner->now_us();
    if (us > runner->last_us) {
        runner->last_us = us;
    }
    return runner->last_us;
}

static void item_run(struct batch_runner *runner, struct work_item *item)
{
    struct tx tx = {
        .db = runner->db,
        .events = &item->events,
        .now_us = now(runner),
        .event_history = runner->event_history,
    };
    event_list_clear(&item->events);
    item->outcome = item->run(item, &tx);
    if (!outcome_is_done(item->outcome)) {
        event_list_clear(&item->events);
    }
}

/* false: an item failed after it had written, all must be undone. */
static bool run_plain(struct batch_runner *runner, struct item_list items)
{
    for (struct work_item *item = items.first; item != NULL; item = item->next) {
        int64_t changes = db_changes(runner->db);
        item_run(runner, item);
        if (!outcome_is_done(item->outcome) && db_changes(runner->db) != changes) {
            return false;
        }
    }
    return true;
}

/* Each item under its own protection; a status other than BELL_OK: the transaction is lost. */
static bell_status run_protected(struct batch_runner *runner, struct item_list items)
{
    for (struct work_item *item = items.first; item != NULL; item = item->next) {
        bell_status st = db_savepoint(runner->db);
        if (st != BELL_OK) {
            return st;
        }
        item_run(runner, item);
        st = outcome_is_done(item->outcome) ? db_release(runner->db) : db_rollback_to(runner->db);
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}

static void refuse_all(struct item_list items, bell_status st)
{
    for (struct work_item *item = items.first; item != NULL; item = item->next) {
        event_list_clear(&item->events);
        item->outcome = outcome_from(st);
    }
}

static bell_status run_and_commit(struct batch_runner *runner, struct item_list items,
                                  struct batch_result *out)
{
    struct db *db = runner->db;
    bell_status st = db_begin(db);
    if (st != BELL_OK) {
        return st;
    }
    int64_t changes = db_changes(db);
    if (!run_plain(runner, items)) {
        db_rollback(db);
        st = db_begin(db);
        changes = db_changes(db);
        if (st == BELL_OK) {
            st = run_protected(runner, items);
        }
        if (st != BELL_OK) {
            db_rollback(db);
            return st;
        }
    }
    uint64_t start_ns = bell_clock_now_ns();
    st = db_commit(db);
    out->commit_ns = bell_clock_now_ns() - start_ns;
    out->has_changed = st == BELL_OK && db_changes(db) != changes;
    return st;
}

void batch_run(struct batch_runner *runner, struct item_list items, struct batch_result *out)
{
    *out = (struct batch_result){0};
    for (struct work_item *item = items.first; item != NULL; item = item->next) {
        event_list_init(&item->events);
    }
    out->st = run_and_commit(runner, items, out);
    if (out->st != BELL_OK) {
        refuse_all(items, out->st);
    }
    for (struct work_item *item = items.first; item != NULL; item = item->next) {
        out->count++;
        out->done += outcome_is_done(item->outcome) ? 1 : 0;
    }
}
