#include "desk.h"

#include "command.h"

#include "base/clock.h"
#include "desk/store/db.h"
#include "desk/store/store.h"

enum { RESULTS_MAX_BYTES = 64 * 1024 * 1024 };

bool desk_open(struct desk *desk, const char *folder)
{
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.folder = bell_slice_from(folder)};
    if (store_open(&options, why, &desk->store) != BELL_OK) {
        cli_complain("%s", why);
        return false;
    }
    bell_status st = db_open(desk->store, DB_WRITER, &desk->db);
    if (st == BELL_OK) {
        st = db_begin(desk->db);
        if (st != BELL_OK) {
            db_close(desk->db);
        }
    }
    if (st != BELL_OK) {
        cli_complain("cannot write to the data folder %s: %s", folder, bell_status_text(st));
        store_close(desk->store);
        return false;
    }
    event_list_init(&desk->events);
    bell_arena_init(&desk->arena, RESULTS_MAX_BYTES);
    desk->tx = (struct tx){.db = desk->db, .events = &desk->events, .now_us = bell_clock_wall_us()};
    return true;
}

bool desk_close(struct desk *desk, struct outcome outcome, const char *what)
{
    if (outcome_is_done(outcome)) {
        outcome = outcome_from(db_commit(desk->db));
    } else {
        db_rollback(desk->db);
    }
    if (!outcome_is_done(outcome)) {
        bell_slice text = desk_error_text(outcome.error);
        cli_complain("%s: %.*s", what, BELL_FMT(text));
    }
    bell_arena_finish(&desk->arena);
    event_list_finish(&desk->events);
    db_close(desk->db);
    store_close(desk->store);
    return outcome_is_done(outcome);
}
