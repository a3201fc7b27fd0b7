/*
 * Events: what has happened, in the words of the desk, with all that fan-out needs to know whom it
 * concerns.
 *
 * A rule appends them; after the commit the bus hands them to those who told they want to hear.
 * Desk events carry their number (1, 2, 3 … for the whole desk, without gaps); the others are for
 * visitors or for the server itself and have number 0.
 *
 * Who hears of what (topics: `desk`, the visitor's, the agent's):
 *
 *                        desk                          visitor
 *   EVENT_MESSAGE        desk_event message            message, but not the poster's connection
 *   EVENT_CONVERSATION   desk_event conversation       state, if for_visitor
 *   EVENT_RECEIPT        desk_event, if number > 0     receipt, if for_visitor
 *   EVENT_AGENT          desk_event agent
 *   EVENT_STATUS         presence
 *   EVENT_SESSION_ENDED  nobody: sockets of that session are closed with 4401
 *
 * A live event is only a fast copy of what paging through the desk's events gives: when one command
 * changes more than EVENT_LIST_MAX things the list leaves some desk events out, and consoles see
 * the gap in the numbers and ask.
 *
 * A list belongs to one command and to the thread that runs it. Texts in events are borrowed from
 * the command or from the list's arena: valid until the command is done, not longer.
 */
#ifndef DESK_DOMAIN_EVENT_H
#define DESK_DOMAIN_EVENT_H

#include "base/arena.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "desk/proto/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_type {
    EVENT_MESSAGE,
    EVENT_CONVERSATION,
    EVENT_RECEIPT,
    EVENT_AGENT,
    EVENT_STATUS,
    EVENT_SESSION_ENDED
};

/* EVENT_CONVERSATION: the state after the whole command. */
struct conversation_changed {
    struct conversation conversation;
    bell_slice agent_name; /* who has it; .p NULL when nobody */
};

/* EVENT_RECEIPT */
struct receipt_changed {
    struct receipt receipt;
    int64_t agent_delivered; /* up to here messages reached a console: for the visitor */
};

/* EVENT_STATUS */
struct status_changed {
    int64_t agent;
    enum status status;
};

/* EVENT_SESSION_ENDED */
struct session_ended {
    int64_t session;
    int64_t agent;
};

struct event {
    struct event
        *next; /* (borrowed) the one that happened after it in the same command; NULL at the end */
    enum event_type type;
    bool for_visitor; /* the visitor's connections hear of it */
    int64_t number;   /* of the desk event; 0 = none, and the desk does not hear of it as such */
    int64_t conversation; /* 0 where none is concerned */
    desk_id visitor;      /* id of the visitor concerned; only with conversation > 0 */
    union {
        struct message message;              /* EVENT_MESSAGE */
        struct conversation_changed changed; /* EVENT_CONVERSATION */
        struct receipt_changed receipt;      /* EVENT_RECEIPT */
        struct agent agent; /* EVENT_AGENT; connected is always false: the gateway knows */
        struct status_changed status; /* EVENT_STATUS */
        struct session_ended session; /* EVENT_SESSION_ENDED */
    };
};

struct event_list {
    struct event *first; /* NULL while empty */
    struct event *last;
    size_t count;
    struct bell_arena arena; /* (owned) the events and texts made for them */
    /*
     * Whose command it was, in the submitter's own words: the gateway puts the connection here in
     * run, so that fan-out can spare the poster his own message. 0 = nobody's; init zeroes it.
     */
    uint64_t origin;
};

/* More desk events than this are not told live; the arena has room for them. */
enum { EVENT_LIST_MAX = 1000, EVENT_LIST_MAX_BYTES = 8 * 1024 * 1024 };

void event_list_init(struct event_list *list);
void event_list_finish(struct event_list *list);
/* Forgets all events; for a command that was undone. */
void event_list_clear(struct event_list *list);
/* A zeroed event at the end of the list; NULL when out of memory. */
struct event *event_list_add(struct event_list *list, enum event_type type);

#endif
