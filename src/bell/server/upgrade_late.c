/*
 * Late decisions about upgrades: a component has deferred one and anybody makes it, from any
 * thread. It travels to the request's loop as a mail, a copy of its own.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/versioned.h"
#include "bell/http/response.h"
#include "bell/net/mailbox.h"
#include "bell/server/connection.h"
#include "bell/server/http_session_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/upgrade.h"
#include "bell/server/ws_server_internal.h"

struct late_accept {
    struct bell_mail mail; /* first */
    struct bell_server_loop *home;
    struct bell_ws_server *ws;
    bell_http_exchange exchange;
    bell_ws_acceptance terms;
    struct bell_buf texts;    /* (owned) what the fields' slices point to */
    bell_http_field fields[]; /* of the terms */
};

static void late_accept_free(struct late_accept *a)
{
    bell_buf_finish(&a->texts);
    bell_mem_free(a);
}

static void late_accept_discard(struct bell_mail *mail)
{
    struct late_accept *a = (struct late_accept *)(void *)mail;
    if (a->terms.discard != NULL) {
        a->terms.discard(a->terms.user);
    }
    late_accept_free(a);
}

static void late_accept_deliver(struct bell_mail *mail)
{
    struct late_accept *a = (struct late_accept *)(void *)mail;
    struct bell_connection *c = bell_http_exchange_find(a->home, a->exchange);
    if (c != NULL && c->u.http->upgrade == a->ws && bell_upgrade_finish(c, &a->terms)) {
        late_accept_free(a);
    } else {
        late_accept_discard(mail);
    }
}

/* Would the head be written? Told to the caller, who can still do something about it. */
static bell_status fields_check(const bell_ws_acceptance *terms)
{
    const bell_http_response_head head = {
        .fields = terms->fields, .field_count = terms->field_count, .status = 101};
    struct bell_buf text;
    bell_buf_init(&text, BELL_HTTP_MAX_RESPONSE_HEAD_BYTES);
    bell_status st = bell_http_response_write_head(&text, &head);
    bell_buf_finish(&text);
    return st == BELL_ELIMIT ? BELL_EINVAL : st;
}

bell_status bell_ws_accept_later_sized(struct bell_ws_server *ws, bell_http_exchange exchange,
                                       const bell_ws_acceptance *terms, size_t terms_bytes)
{
    bell_ws_acceptance t = {0};
    uint32_t loop = bell_connection_handle_loop(exchange);
    if (!bell_versioned_read(&t, sizeof t, terms, terms_bytes)) {
        return BELL_ENOTSUP;
    }
    bell_status st = bell_upgrade_check_terms(ws, &t);
    if (st == BELL_OK) {
        st = fields_check(&t);
    }
    if (st != BELL_OK) {
        return st;
    }
    if (exchange == 0 || ws->io == NULL || loop >= ws->loop_count) {
        return BELL_EINVAL;
    }
    struct late_accept *a = bell_mem_zalloc(sizeof *a + t.field_count * sizeof(bell_http_field));
    if (a == NULL) {
        return BELL_ENOMEM;
    }
    st = bell_http_fields_copy(t.fields, t.field_count, 0, &a->texts, a->fields);
    if (st != BELL_OK) {
        late_accept_free(a);
        return st;
    }
    a->mail = (struct bell_mail){.deliver = late_accept_deliver, .discard = late_accept_discard};
    a->home = &ws->io->loops[loop];
    a->ws = ws;
    a->exchange = exchange;
    a->terms = t;
    a->terms.fields = a->fields;
    uint8_t subprotocol = bell_ws_server_subprotocol(ws, t.subprotocol);
    if (subprotocol > 0) {
        a->terms.subprotocol = ws->subprotocols[subprotocol - 1]; /* a text that stays */
    }
    bell_loop_post(&a->home->loop, &a->mail);
    return BELL_OK;
}

bell_status bell_ws_reject_later(struct bell_ws_server *ws, bell_http_exchange exchange,
                                 const bell_http_response *response)
{
    return ws->io == NULL ? BELL_EINVAL : bell_http_respond_later(ws->io->http, exchange, response);
}
