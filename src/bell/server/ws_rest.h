/*
 * Rests: what a peer has sent and its session has not looked at yet, since inflating has a budget.
 *
 * A few hundred bytes may inflate to a megabyte, and one receive to hundreds of them. So a turn of
 * a loop inflates only so much; who is beyond that stands in line with what has come, and is not
 * read meanwhile. The next turn begins at once, serves those who are connected, and goes on with
 * the first of the line. Who sends little is let through for longer, so that a chat does not stand
 * behind bombs. Nobody is dead or late because he stands there: his time begins anew when it is his
 * turn (bell_ws_session_excuse).
 *
 * Loop thread only.
 */
#ifndef BELL_SERVER_WS_REST_H
#define BELL_SERVER_WS_REST_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bell_connection;
struct bell_server_loop;

enum {
    BELL_WS_INFLATED_PER_TURN = 1024 * 1024,   /* one message may lead beyond it */
    BELL_WS_INFLATED_OF_FEW = 4 * 1024 * 1024, /* as long as receives are that small: */
    BELL_WS_FEW_BYTES = 1024,
};

/* What a connection has of it while there is a rest. */
struct bell_ws_rest {
    struct bell_connection *c; /* (borrowed) whose it is */
    struct bell_ws_rest *next; /* in line */
    struct bell_ws_rest *previous;
    char *bytes; /* (owned) */
    size_t n;
    bool is_in_line; /* else it waits until the queue of what is sent has become shorter */
    bool has_end;    /* behind it comes the peer's end */
};

/* Of a loop; zeroed at first. */
struct bell_ws_rest_line {
    struct bell_ws_rest *last; /* (borrowed) of a ring of those in line; NULL = nobody */
    uint64_t turn_ns;          /* the turn (awake_ns of the loop) of what follows */
    size_t inflated_bytes;
    bool has_served; /* one of the line at least */
};

/* So much was inflated, or looked at in vain. */
void bell_ws_rest_count(struct bell_server_loop *home, size_t bytes);
/* Is anything left of what this turn may inflate? */
bool bell_ws_rest_has_budget(struct bell_server_loop *home);
/* May a session look at so many received bytes in this turn, or at what is left of them? */
bool bell_ws_rest_may_feed(struct bell_server_loop *home, size_t bytes);
/* Puts bytes, which are copied, behind what is there, stops reading and stands in line. BELL_ENOMEM
 */
BELL_NODISCARD bell_status bell_ws_rest_put(struct bell_connection *c, bell_slice bytes);
/* The connection's; NULL = there is none. */
struct bell_ws_rest *bell_ws_rest_of(const struct bell_connection *c);
/* Reads on: what is there first, in its turn. */
void bell_ws_rest_read_on(struct bell_connection *c);
/* Feeds from the line what the budget allows. */
void bell_ws_rest_go_on(struct bell_server_loop *home);
/* Takes NULL. */
void bell_ws_rest_destroy(struct bell_ws_rest *rest);

#endif
