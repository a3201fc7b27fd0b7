/*
 * Visitor items: a visitor's command on its way through work and back.
 */
#ifndef DESK_GATEWAY_VISITOR_ITEM_H
#define DESK_GATEWAY_VISITOR_ITEM_H

#include "base/arena.h"
#include "desk/gateway/reply.h"
#include "desk/gateway/visitor_session.h"
#include "desk/work/threads.h"

struct visitor_greeting {
    struct visitor_hello_result result;
    struct visitor_event_messages page;
    desk_secret token; /* of a new visitor, kept in case the state must be read again */
    bool has_token;
    bool is_subscribed; /* nothing can be missed any more */
    uint64_t mark;      /* see fanout.h */
};

struct visitor_posting {
    struct posted posted;
    uint64_t open_wait_ms; /* until the address may open a conversation again; 0 = it may now */
    bool has_taken;        /* one new conversation was taken from the address's allowance */
};

struct visitor_seeing {
    int64_t number;
    int64_t conversation;
};

/* Alive from the decoding of the command to its answer. */
struct visitor_item {
    struct work_item work;
    struct visitor_session *session; /* held while given to work */
    struct bell_arena arena;         /* texts of the command */
    struct bell_arena results;       /* texts of what run gave */
    struct visitor_command command;
    union {
        struct visitor_greeting greeting;   /* hello */
        struct visitor_posting posting;     /* post */
        struct visitor_event_messages page; /* history */
        struct visitor_seeing seeing;       /* delivered, read */
    } u;
};

/* An empty item; NULL when out of memory. */
struct visitor_item *visitor_item_create(struct visitor_session *session);
void visitor_item_destroy(struct visitor_item *item);
struct reply_to visitor_item_reply_to(const struct visitor_item *item);

/*
 * Carries out a decoded command of a session in the right phase. Takes the item over and answers,
 * now or later. Loop thread.
 */
void visitor_item_start(struct visitor_item *item);

#endif
