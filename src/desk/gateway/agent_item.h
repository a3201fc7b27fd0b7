/*
 * Agent items: an agent's command on its way through work and back.
 */
#ifndef DESK_GATEWAY_AGENT_ITEM_H
#define DESK_GATEWAY_AGENT_ITEM_H

#include "base/arena.h"
#include "desk/domain/conversation.h"
#include "desk/gateway/agent_session.h"
#include "desk/gateway/reply.h"
#include "desk/work/threads.h"

/* Alive from the decoding of the command to its answer. */
struct agent_item {
    struct work_item work;
    struct agent_session *session; /* held while given to work */
    struct bell_arena arena;       /* texts of the command */
    struct bell_arena results;     /* texts of what run gave */
    struct agent_command command;
    union {
        struct posted posted;     /* post */
        struct agent_event event; /* what the reading commands answer */
        int64_t number;           /* delivered */
        desk_id visitor;          /* typing */
    } u;
};

/* An empty item; NULL when out of memory. */
struct agent_item *agent_item_create(struct agent_session *session);
/* Takes NULL. */
void agent_item_destroy(struct agent_item *item);
struct reply_to agent_item_reply_to(const struct agent_item *item);

/*
 * Carries out a decoded command of a session in the right phase. Takes the item over and answers,
 * now or later. Loop thread.
 */
void agent_item_start(struct agent_item *item);

/* --- shared by agent_item.c and agent_read.c --- */

struct agent_item *agent_item_of(struct work_item *work);
/* Gives it to work. On failure it is still the caller's. */
BELL_NODISCARD bell_status agent_item_submit(struct agent_item *item, enum work_lane lane,
                                             struct outcome (*run)(struct work_item *, struct tx *),
                                             void (*done)(struct work_item *));
/* Once more, from the item's own done or loop task. On failure it is still the caller's. */
BELL_NODISCARD bell_status agent_item_resubmit(struct agent_item *item, enum work_lane lane,
                                               struct outcome (*run)(struct work_item *,
                                                                     struct tx *),
                                               void (*done)(struct work_item *));
/* The last touch of an item that was given to work. */
void agent_item_end(struct agent_item *item);
/* Goes on with it on the connection's loop; without memory for that the connection ends. */
void agent_item_go_on_loop(struct agent_item *item, bell_ws_task_fn task);
void agent_item_reply(struct agent_item *item, struct agent_event *event);
void agent_item_refuse(struct agent_item *item);
/* work has no room, or is stopping: answers that and destroys the item. */
void agent_item_refuse_busy(struct agent_item *item);

/* hello, list, open, history, events: agent_read.c. As agent_item_start. */
void agent_item_start_hello(struct agent_item *item);
BELL_NODISCARD bell_status agent_item_start_read(struct agent_item *item);
/* typing: agent_typing.c. As agent_item_start. */
void agent_item_start_typing(struct agent_item *item);
/* The console has gone: what was typed ends. Loop thread. */
void agent_typing_end(struct agent_session *session);

#endif
