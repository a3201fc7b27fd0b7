/*
 * The WebSocket server's calls that look around on the caller's own loop: who is connected, who is
 * in a topic, in which topics one is.
 *
 * Connections are not freed, and their slots not used again, before the turn is over, so a walk
 * over all of them needs no more than to look at each as it is by then. A topic's members move when
 * one of them leaves, so there the walk is over a copy.
 */
#include "base/mem.h"
#include "bell/server/connection.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_server_internal.h"
#include "bell/topic/topic.h"
#include "bell/ws_server.h"

#include <string.h>

bool bell_ws_is_subscribed(struct bell_ws_server *ws, bell_conn conn, bell_slice topic)
{
    const struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    return c != NULL &&
           bell_topic_is_in(ws->loops[c->stream.loop->index].topics, &c->u.ws.topics, topic);
}

bell_slice bell_ws_topic_at(struct bell_ws_server *ws, bell_conn conn, size_t index)
{
    const struct bell_connection *c = bell_ws_server_find_mine(ws, conn);
    return c == NULL ? bell_slice_make(NULL, 0) : bell_topic_name_at(&c->u.ws.topics, index);
}

static bool is_open(const struct bell_ws_server *ws, const struct bell_connection *c)
{
    return c->phase == BELL_CONNECTION_WEBSOCKET && c->u.ws.server == ws &&
           c->u.ws.state == BELL_WS_OPEN;
}

struct walk {
    struct bell_ws_server *ws;
    bell_ws_visit_fn visit;
    void *user;
    bool is_over;
};

static void walk_on(struct bell_connection *c, void *user)
{
    struct walk *w = user;
    if (!w->is_over && is_open(w->ws, c)) {
        w->is_over = !w->visit(w->ws, bell_connection_handle(c), w->user);
    }
}

bell_status bell_ws_visit(struct bell_ws_server *ws, bell_ws_visit_fn visit, void *user)
{
    struct bell_server_loop *home = bell_ws_server_loop_here(ws);
    if (home == NULL) {
        return BELL_ESTATE;
    }
    struct walk w = {.ws = ws, .visit = visit, .user = user};
    bell_slab_each(home, walk_on, &w);
    return BELL_OK;
}

bell_status bell_ws_visit_topic(struct bell_ws_server *ws, bell_slice topic, bell_ws_visit_fn visit,
                                void *user)
{
    const struct bell_server_loop *home = bell_ws_server_loop_here(ws);
    if (!bell_topic_is_name(topic)) {
        return BELL_EINVAL;
    }
    if (home == NULL) {
        return BELL_ESTATE;
    }
    const struct bell_topic_table *topics = ws->loops[home->loop.index].topics;
    size_t count;
    const struct bell_topic_member *members = bell_topic_members(topics, topic, &count);
    if (count == 0) {
        return BELL_OK;
    }
    bell_conn *conns = bell_mem_zalloc_array(count, sizeof *conns);
    if (conns == NULL) {
        return BELL_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        conns[i] = bell_connection_handle(members[i].subscriber);
    }
    /* The name may be the topic's own (bell_ws_topic_at), which goes with its last subscriber. */
    char copy[BELL_TOPIC_NAME_MAX_BYTES];
    memcpy(copy, topic.p, topic.n);
    topic.p = copy;
    bool goes_on = true;
    for (size_t i = 0; i < count && goes_on; i++) {
        const struct bell_connection *c = bell_ws_server_find_mine(ws, conns[i]);
        if (c != NULL && is_open(ws, c) && bell_topic_is_in(topics, &c->u.ws.topics, topic)) {
            goes_on = visit(ws, conns[i], user);
        }
    }
    bell_mem_free(conns);
    return BELL_OK;
}
