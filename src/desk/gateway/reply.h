/*
 * Replies: answers to one connection, encoded and sent. Any thread.
 */
#ifndef DESK_GATEWAY_REPLY_H
#define DESK_GATEWAY_REPLY_H

#include "desk/domain/tx.h"
#include "desk/gateway/peer.h"
#include "desk/proto/decode.h"
#include "desk/proto/types.h"

/* An answer that cannot be encoded ends the connection: the client asks again after the next hello.
 */
void reply_visitor(struct peer *peer, const struct visitor_event *event);
void reply_agent(struct peer *peer, const struct agent_event *event);

/* What a refusal repeats of its command. */
struct reply_to {
    bool has_ref;
    int64_t ref;
    bool has_id; /* of a post */
    desk_id id;
};

/* `refused`, with all details the outcome has. */
void refuse_visitor(struct peer *peer, struct reply_to to, struct outcome outcome);
void refuse_agent(struct peer *peer, struct reply_to to, struct outcome outcome);
/* `refused` for a text that could not be decoded. */
void refuse_visitor_text(struct peer *peer, const struct decode_failure *why);
void refuse_agent_text(struct peer *peer, const struct decode_failure *why);

#endif
