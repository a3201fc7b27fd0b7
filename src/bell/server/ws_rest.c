#include "bell/server/ws_rest.h"

#include "base/mem.h"
#include "bell/server/connection.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_packer.h"

#include <assert.h>
#include <string.h>

/* ---- the budget ---- */

static struct bell_ws_rest_line *line_now(struct bell_server_loop *home)
{
    struct bell_ws_rest_line *line = &home->rests;
    if (line->turn_ns != home->loop.awake_ns) {
        line->turn_ns = home->loop.awake_ns;
        line->inflated_bytes = 0;
        line->has_served = false;
    }
    return line;
}

void bell_ws_rest_count(struct bell_server_loop *home, size_t bytes)
{
    line_now(home)->inflated_bytes += bytes; /* of messages that were in memory */
}

bool bell_ws_rest_has_budget(struct bell_server_loop *home)
{
    return line_now(home)->inflated_bytes < BELL_WS_INFLATED_PER_TURN;
}

bool bell_ws_rest_may_feed(struct bell_server_loop *home, size_t bytes)
{
    return bell_ws_rest_has_budget(home) ||
           (bytes <= BELL_WS_FEW_BYTES && line_now(home)->inflated_bytes < BELL_WS_INFLATED_OF_FEW);
}

/* ---- the line ---- */

static void line_up(struct bell_ws_rest *rest)
{
    struct bell_server_loop *home = bell_server_loop_of(rest->c);
    struct bell_ws_rest *last = home->rests.last;
    if (rest->is_in_line) {
        return;
    }
    rest->is_in_line = true;
    rest->next = last == NULL ? rest : last->next;
    rest->previous = last == NULL ? rest : last;
    rest->next->previous = rest;
    rest->previous->next = rest;
    home->rests.last = rest;
    home->loop.is_behind = true;
}

static void leave_line(struct bell_ws_rest *rest)
{
    struct bell_server_loop *home = bell_server_loop_of(rest->c);
    if (!rest->is_in_line) {
        return;
    }
    rest->is_in_line = false;
    if (home->rests.last == rest) {
        home->rests.last = rest->previous == rest ? NULL : rest->previous;
    }
    rest->previous->next = rest->next;
    rest->next->previous = rest->previous;
    home->loop.is_behind = home->rests.last != NULL;
}

/* ---- rests ---- */

struct bell_ws_rest *bell_ws_rest_of(const struct bell_connection *c)
{
    return c->u.ws.extra == NULL ? NULL : c->u.ws.extra->rest;
}

void bell_ws_rest_destroy(struct bell_ws_rest *rest)
{
    if (rest != NULL) {
        leave_line(rest);
        bell_mem_free(rest->bytes);
        bell_mem_free(rest);
    }
}

static struct bell_ws_rest *rest_make(struct bell_connection *c)
{
    struct bell_ws_extra *extra = bell_ws_extra_of(c);
    if (extra != NULL && extra->rest == NULL) {
        extra->rest = bell_mem_zalloc(sizeof *extra->rest);
        if (extra->rest != NULL) {
            extra->rest->c = c;
        }
    }
    return extra == NULL ? NULL : extra->rest;
}

bell_status bell_ws_rest_put(struct bell_connection *c, bell_slice bytes)
{
    struct bell_ws_rest *rest = rest_make(c);
    char *grown = rest == NULL ? NULL : bell_mem_resize(rest->bytes, rest->n + bytes.n);
    if (grown == NULL) {
        return BELL_ENOMEM;
    }
    memcpy(grown + rest->n, bytes.p, bytes.n);
    rest->bytes = grown;
    rest->n += bytes.n;
    bell_stream_receive(&c->stream, false);
    if (!c->u.ws.is_above_mark) {
        line_up(rest);
    }
    return BELL_OK;
}

void bell_ws_rest_read_on(struct bell_connection *c)
{
    struct bell_ws_rest *rest = bell_ws_rest_of(c);
    if (rest != NULL) {
        line_up(rest);
    } else {
        bell_stream_receive(&c->stream, true);
    }
}

/* All of it was looked at. */
static void rest_end(struct bell_connection *c, struct bell_ws_rest *rest)
{
    bool has_end = rest->has_end;
    c->u.ws.extra->rest = NULL;
    bell_ws_rest_destroy(rest);
    if (has_end) {
        bell_ws_session_on_end(c, BELL_OK);
    } else if (!c->u.ws.is_above_mark) {
        bell_stream_receive(&c->stream, true);
    }
}

static void rest_feed(struct bell_ws_rest *rest)
{
    struct bell_connection *c = rest->c;
    char *bytes = rest->bytes;
    size_t n = rest->n;
    rest->bytes = NULL;
    rest->n = 0;
    bell_ws_session_excuse(c);
    bell_ws_session_feed(c, bytes, n);
    bell_mem_free(bytes);
    rest = c->phase == BELL_CONNECTION_WEBSOCKET ? bell_ws_rest_of(c) : NULL; /* else it is gone */
    if (rest != NULL && rest->n == 0) {
        rest_end(c, rest);
    }
}

void bell_ws_rest_go_on(struct bell_server_loop *home)
{
    struct bell_ws_rest_line *line = line_now(home);
    while (line->last != NULL && (!line->has_served || bell_ws_rest_has_budget(home))) {
        struct bell_ws_rest *rest = line->last->next;
        leave_line(rest);
        if (!rest->c->u.ws.is_above_mark) { /* else until it is not */
            line->has_served = true;
            rest_feed(rest);
        }
    }
}
