/*
 * A desk for tests: a store in a folder of its own, one transaction at a time, a clock that stands
 * still until it is told, and people to act.
 *
 * Every function fails the test when something it takes for granted goes wrong.
 */
#ifndef TESTS_SUPPORT_DESK_H
#define TESTS_SUPPORT_DESK_H

#include "base/arena.h"
#include "desk/domain/event.h"
#include "desk/domain/tx.h"
#include "desk/domain/visitor.h"
#include "desk/store/db.h"
#include "desk/store/store.h"

#include <stdint.h>

enum { DESK_FOLDER_BYTES = 128, DESK_PATH_BYTES = 256 };

struct desk {
    char folder[DESK_FOLDER_BYTES];
    struct store *store;
    struct db *db;            /* writer */
    struct event_list events; /* of the current transaction */
    struct tx tx;
    struct bell_arena arena; /* for results; emptied by desk_close */
    uint8_t next_id;
};

/* A new empty folder below $TMPDIR, /dev/shm or /tmp; the first that is there. */
void folder_make(char folder[DESK_FOLDER_BYTES]);
/* Writes folder "/" name to out. */
void folder_path(const char *folder, const char *name, char out[DESK_PATH_BYTES]);
/* Removes what a store has put there. */
void folder_remove(const char *folder);

/* Opens a server's store in a new folder, with the site "demo". */
void desk_open(struct desk *desk);
void desk_close(struct desk *desk);
/* For cmocka: *state is the desk. */
int desk_setup(void **state);
int desk_teardown(void **state);

/* A transaction with an empty list of events. */
void desk_begin(struct desk *desk);
void desk_commit(struct desk *desk);
void desk_rollback(struct desk *desk);

/* People; each in a transaction of its own, which is committed. */
int64_t desk_add_agent(struct desk *desk, const char *name, const char *email, enum role role);
struct visitor_self desk_add_visitor(struct desk *desk);

/* Never the same twice on this desk. */
desk_id desk_make_id(struct desk *desk);
/* One command in one transaction: committed when it was done, else rolled back. */
struct outcome desk_visitor_says(struct desk *desk, const struct visitor_self *self,
                                 const char *text, struct posted *out);
struct outcome desk_agent_says(struct desk *desk, int64_t agent, int64_t conversation, int64_t seen,
                               const char *text, struct posted *out);
struct outcome desk_visitor_posts(struct desk *desk, const struct visitor_self *self, desk_id id,
                                  const char *text, struct posted *out);
struct outcome desk_agent_posts(struct desk *desk, int64_t agent,
                                const struct agent_command_post *post, struct posted *out);
/* Ends the transaction as the outcome asks for. */
struct outcome desk_end(struct desk *desk, struct outcome o);

/* How many events of this type has the last transaction brought? And the n-th of them, from 0. */
size_t desk_count_events(const struct desk *desk, enum event_type type);
const struct event *desk_event_of(const struct desk *desk, enum event_type type, size_t n);

/* The number of rows that a statement without parameters counts. */
int64_t desk_count(struct desk *desk, const struct db_sql *sql);

#endif
