/*
 * An agent types: the visitor and the other consoles hear of it. Nothing is stored.
 *
 * Which visitor a conversation belongs to is asked for once and remembered while the agent types in
 * that conversation.
 */
#include "base/clock.h"
#include "desk/domain/inbox.h"
#include "desk/gateway/agent_item.h"
#include "desk/gateway/gateway_internal.h"

enum { TYPING_EVERY_MS = 1000 /* clients repeat it every 3 s */ };

static void tell(struct agent_session *session, bool on)
{
    session->is_typing = on;
    fanout_tell_agent_typing(session->peer.gateway->fanout, session->typing.conversation,
                             session->typing.visitor, session->self.agent,
                             bell_slice_from(session->name), on, session->peer.conn);
}

void agent_typing_end(struct agent_session *session)
{
    if (session->is_typing) {
        tell(session, false);
    }
}

static struct outcome run_resolve(struct work_item *work, struct tx *tx)
{
    struct agent_item *item = agent_item_of(work);
    struct agent_event_conversation found;
    bell_arena_finish(&item->results);
    struct outcome outcome =
        inbox_open(tx, item->command.u.typing.conversation, &item->results, &found);
    if (outcome_is_done(outcome)) {
        item->u.visitor = found.conversation.visitor.visitor;
    }
    return outcome;
}

static void resolve_on_loop(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    struct agent_item *item = user;
    struct agent_session *session = item->session;
    if (conn != 0) {
        session->is_resolving = false;
        if (outcome_is_done(item->work.outcome)) {
            agent_typing_end(session); /* in the conversation before */
            session->typing.conversation = item->command.u.typing.conversation;
            session->typing.visitor = item->u.visitor;
            session->typing_at_ms = bell_clock_now_ms();
            tell(session, true);
        } else {
            agent_item_refuse(item);
        }
    }
    agent_item_end(item);
}

static void done_resolve(struct work_item *work)
{
    agent_item_go_on_loop(agent_item_of(work), resolve_on_loop);
}

void agent_item_start_typing(struct agent_item *item)
{
    struct agent_session *session = item->session;
    const struct agent_command_typing typing = item->command.u.typing;
    uint64_t now_ms = bell_clock_now_ms();
    bool is_known = typing.conversation == session->typing.conversation;
    if (!is_known && typing.on && !session->is_resolving) {
        session->is_resolving = true;
        if (agent_item_submit(item, WORK_READ, run_resolve, done_resolve) != BELL_OK) {
            session->is_resolving = false;
            agent_item_refuse_busy(item);
        }
        return;
    }
    agent_item_destroy(item);
    /* Beginning is passed on at most once in a while, ending once. */
    if (is_known &&
        (typing.on ? now_ms - session->typing_at_ms >= TYPING_EVERY_MS : session->is_typing)) {
        session->typing_at_ms = typing.on ? now_ms : session->typing_at_ms;
        tell(session, typing.on);
    }
}
