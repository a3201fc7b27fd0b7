/*
 * Desk: the store as single commands use it, beside a running server or without one.
 */
#ifndef CLI_DESK_H
#define CLI_DESK_H

#include "base/arena.h"
#include "desk/domain/event.h"
#include "desk/domain/tx.h"
#include "desk/proto/types.h"

#include <stdbool.h>
#include <stddef.h>

struct db;
struct store;

/* One command's view of the store: a writer connection with an open transaction. */
struct desk {
    struct store *store;      /* (owned) */
    struct db *db;            /* (owned) */
    struct event_list events; /* told to nobody here: a running server finds them itself */
    struct tx tx;
    struct bell_arena arena; /* for what rules return */
};

/* What an error means to who gave this command; errors.json has to fit all of them. */
struct desk_reason {
    enum desk_error error;
    const char *text; /* (static) */
};

/* Opens the data folder and begins. false: something failed and was said; nothing to close. */
bool desk_open(struct desk *desk, const char *folder);
/* Likewise, for commands that need a desk that is there: none is made where none is kept. */
bool desk_open_kept(struct desk *desk, const char *folder);
/*
 * Commits when the outcome is done, rolls back otherwise, and closes all. false: it was not done,
 * and the reason was said: in the words of errors.json, after `what`.
 */
bool desk_close(struct desk *desk, struct outcome outcome, const char *what);
/* Likewise, in the words of the first of count reasons that is for the error, if one is. */
bool desk_close_explained(struct desk *desk, struct outcome outcome, const char *what,
                          const struct desk_reason *reasons, size_t count);

#endif
