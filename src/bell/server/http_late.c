/*
 * Late answers: a handler defers its request and anybody answers it, from any thread. The answer
 * travels to the request's loop as a mail, a copy of its own.
 */
#include "bell/http_server.h"

#include "base/buf.h"
#include "base/mem.h"
#include "bell/http/response.h"
#include "bell/net/mailbox.h"
#include "bell/server/connection.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/http_session_internal.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"

#include <assert.h>

/* Built as a connection's handle, with the deferral's number in the place of the generation. */
static bell_http_exchange exchange_of(const struct bell_connection *c)
{
    return bell_connection_handle_of(c->stream.loop->index, c->slot, c->u.http->deferral);
}

bell_http_exchange bell_http_request_defer(struct bell_http_request *request)
{
    struct bell_connection *c = request->c;
    struct bell_server_loop *home = bell_server_loop_of(c);
    if (request->state != BELL_HTTP_UNANSWERED) {
        return 0;
    }
    assert(c->phase == BELL_CONNECTION_HTTP && c->u.http != NULL);
    request->state = BELL_HTTP_DEFERRED;
    home->deferrals += home->deferrals == UINT32_MAX ? 2 : 1; /* 0 is none */
    c->u.http->deferral = home->deferrals;
    return exchange_of(c);
}

/* A copy of a response on its way to its loop. */
struct late_answer {
    struct bell_mail mail; /* first */
    struct bell_server_loop *home;
    bell_http_exchange exchange;
    bell_http_response response;
    struct bell_buf texts;    /* (owned) what the response's slices point to */
    bell_http_field fields[]; /* of the response */
};

struct bell_connection *bell_http_exchange_find(const struct bell_server_loop *home,
                                                bell_http_exchange exchange)
{
    struct bell_connection *c = bell_slab_at(home, bell_connection_handle_slot(exchange));
    bool is_it = c != NULL && c->phase == BELL_CONNECTION_HTTP && bell_http_session_is_pending(c) &&
                 c->u.http->deferral != 0 && exchange_of(c) == exchange;
    return is_it ? c : NULL;
}

static void late_answer_discard(struct bell_mail *mail)
{
    struct late_answer *a = (struct late_answer *)(void *)mail;
    bell_buf_finish(&a->texts);
    bell_mem_free(a);
}

static void late_answer_deliver(struct bell_mail *mail)
{
    struct late_answer *a = (struct late_answer *)(void *)mail;
    struct bell_connection *c = bell_http_exchange_find(a->home, a->exchange);
    if (c != NULL) {
        /* It was checked when it was posted: only memory can end. */
        if (bell_http_session_respond(c, &a->response) != BELL_OK) {
            bell_connection_close(c);
        }
    }
    late_answer_discard(mail);
}

/* Moves a slice into the texts, where there is room for it. */
static bell_slice text_move(struct bell_buf *texts, bell_slice s)
{
    bell_slice at = {texts->p + texts->n, s.n};
    bell_status st = bell_buf_append(texts, s);
    assert(st == BELL_OK);
    (void)st;
    return at;
}

bell_status bell_http_fields_copy(const bell_http_field *from, size_t count, size_t more_bytes,
                                  struct bell_buf *texts, bell_http_field *to)
{
    size_t total = more_bytes;
    for (size_t i = 0; i < count; i++) {
        total += from[i].name.n + from[i].value.n;
    }
    bell_buf_init(texts, total);
    bell_status st = bell_buf_reserve(texts, total);
    for (size_t i = 0; i < count && st == BELL_OK; i++) {
        to[i] = (bell_http_field){text_move(texts, from[i].name), text_move(texts, from[i].value)};
    }
    return st;
}

static bell_status late_answer_copy(struct late_answer *a, const bell_http_response *from)
{
    bell_status st = bell_http_fields_copy(
        from->fields, from->field_count, from->content_type.n + from->body.n, &a->texts, a->fields);
    if (st == BELL_OK) {
        a->response = *from;
        a->response.content_type = text_move(&a->texts, from->content_type);
        a->response.body = text_move(&a->texts, from->body);
        a->response.fields = a->fields;
    }
    return st;
}

/* Would the head be written? Told to the caller, who can still do something about it. */
static bell_status response_check(const bell_http_response *response)
{
    const bell_http_response_head head = {
        .date = BELL_LIT("Sun, 06 Nov 1994 08:49:37 GMT"), /* as long as the one it will have */
        .content_type = response->content_type,
        .fields = response->fields,
        .field_count = response->field_count,
        .content_length = response->body.n,
        .status = response->status,
    };
    struct bell_buf text;
    bell_buf_init(&text, BELL_HTTP_MAX_RESPONSE_HEAD_BYTES);
    bell_status st =
        response->status < 200 ? BELL_EINVAL : bell_http_response_write_head(&text, &head);
    bell_buf_finish(&text);
    return st == BELL_ELIMIT ? BELL_EINVAL : st;
}

bell_status bell_http_respond_later(struct bell_http_server *http, bell_http_exchange exchange,
                                    const bell_http_response *response)
{
    uint32_t loop = bell_connection_handle_loop(exchange);
    bell_status st = response_check(response);
    if (st != BELL_OK) {
        return st;
    }
    if (exchange == 0 || http->io == NULL || loop >= http->io->loop_count) {
        return BELL_EINVAL;
    }
    /* No overflow: the check has seen the fields fit into a head. */
    struct late_answer *a =
        bell_mem_zalloc(sizeof *a + response->field_count * sizeof(bell_http_field));
    if (a == NULL) {
        return BELL_ENOMEM;
    }
    a->mail = (struct bell_mail){.deliver = late_answer_deliver, .discard = late_answer_discard};
    a->home = &http->io->loops[loop];
    a->exchange = exchange;
    st = late_answer_copy(a, response);
    if (st != BELL_OK) {
        late_answer_discard(&a->mail);
        return st;
    }
    bell_loop_post(&a->home->loop, &a->mail);
    return BELL_OK;
}
