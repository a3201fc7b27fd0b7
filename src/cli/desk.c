#include "desk.h"

#include "command.h"

#include "base/clock.h"
#include "desk/store/db.h"
#include "desk/store/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

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

bool desk_open_kept(struct desk *desk, const char *folder)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/deskbell.db", folder);
    if (n > 0 && (size_t)n < sizeof path && access(path, F_OK) != 0 && errno == ENOENT) {
        cli_complain("there is no desk in %s; name its folder with --data", folder);
        return false;
    }
    return desk_open(desk, folder);
}

static bell_slice reason_of(enum desk_error error, const struct desk_reason *reasons, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (reasons[i].error == error) {
            return bell_slice_from(reasons[i].text);
        }
    }
    return desk_error_text(error);
}

bool desk_close(struct desk *desk, struct outcome outcome, const char *what)
{
    return desk_close_explained(desk, outcome, what, NULL, 0);
}

bool desk_close_explained(struct desk *desk, struct outcome outcome, const char *what,
                          const struct desk_reason *reasons, size_t count)
{
    if (outcome_is_done(outcome)) {
        outcome = outcome_from(db_commit(desk->db));
    } else {
        db_rollback(desk->db);
    }
    if (!outcome_is_done(outcome)) {
        bell_slice text = reason_of(outcome.error, reasons, count);
        cli_complain("%s: %.*s", what, BELL_FMT(text));
    }
    bell_arena_finish(&desk->arena);
    event_list_finish(&desk->events);
    db_close(desk->db);
    store_close(desk->store);
    return outcome_is_done(outcome);
}
