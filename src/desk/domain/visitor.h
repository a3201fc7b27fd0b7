/*
 * What a visitor may do: introduce the browser, write, read on, tell how far messages came, give a
 * name.
 *
 * A visitor has at most one conversation, reached only through the visitor. Each function runs in
 * one transaction (see tx.h); those marked "reads" also in a reader's.
 */
#ifndef DESK_DOMAIN_VISITOR_H
#define DESK_DOMAIN_VISITOR_H

#include "base/arena.h"
#include "desk/domain/tx.h"

/*
 * For whom a visitor's connection speaks; made by visitor_hello and kept as long as the
 * connection.
 */
struct visitor_self {
    int64_t visitor; /* number of the visitor, inside the server only */
    int64_t site;    /* number of the site */
    desk_id id;      /* the visitor's id, as clients know it */
};

struct visitor_hello_result {
    struct visitor_self self;
    int64_t conversation; /* 0 = none yet */
    struct visitor_event_welcome
        welcome; /* online is false: the gateway knows; token only when new */
};

/*
 * Opens a session: makes a new visitor, or proves that the browser is the visitor's and notes the
 * page it is on. browser is the User-Agent field, origin the Origin field (either may be empty).
 * Texts of the result live in arena.
 *
 * ERROR_BAD_SITE   no such site, or not from this origin, or the visitor is another site's
 * ERROR_BAD_TOKEN  no such visitor or wrong token, or only one of the two was given
 */
struct outcome visitor_hello(struct tx *tx, const struct visitor_command_hello *hello,
                             bell_slice origin, bell_slice browser, struct bell_arena *arena,
                             struct visitor_hello_result *out);

/* A stored message, as its sender hears of it. */
struct posted {
    int64_t conversation;
    int64_t number;
    int64_t at;     /* microseconds since 1970 */
    bool opened;    /* this post made the conversation */
    bool is_repeat; /* it was stored before; nothing has changed */
};

/*
 * Stores a message. The first one opens the conversation, which begins with the site's welcome; one
 * into a closed conversation opens it again. A repeat of an id gets the first answer, whatever its
 * text.
 *
 * ERROR_RATE_LIMITED  it would open a conversation and may_open is false (retry_after_ms is 0)
 * ERROR_TOO_LONG      a text over MESSAGE_TEXT_MAX_CHARS characters
 * ERROR_BAD_FIELD     a blank text
 */
struct outcome visitor_post(struct tx *tx, const struct visitor_self *self,
                            const struct visitor_command_post *post, bool may_open,
                            struct posted *out);

/*
 * The client has, or the visitor has seen, everything up to number. Never goes back; a number above
 * the last message counts as the last. Without a conversation (*conversation is 0 then) nothing
 * happens.
 */
struct outcome visitor_delivered(struct tx *tx, const struct visitor_self *self, int64_t number,
                                 int64_t *conversation);
struct outcome visitor_read(struct tx *tx, const struct visitor_self *self, int64_t number,
                            int64_t *conversation);

/*
 * ERROR_BAD_FIELD  an e-mail that cannot be one, or a blank name
 * ERROR_TOO_LONG
 */
struct outcome visitor_identify(struct tx *tx, const struct visitor_self *self,
                                const struct visitor_command_identify *identify);

/* Reads. A page of the visitor's messages after a number; items live in arena. */
struct outcome visitor_history(struct tx *tx, const struct visitor_self *self, int64_t after,
                               int64_t limit, struct bell_arena *arena,
                               struct visitor_event_messages *out);

/* Messages of a page when the client does not say how many. */
enum { VISITOR_HISTORY_LIMIT = 100 };

#endif
