#include "bell/server/upgrade.h"

#include "bell/net/blob.h"
#include "bell/server/connection.h"
#include "bell/server/guard_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/extension.h"
#include "bell/ws/handshake.h"

#include <stdio.h>

enum { HEAD_MAX_BYTES = 4096, MAX_LINES = 16, MAX_FIELDS = 5 };

struct lines {
    bell_slice values[MAX_LINES];
};

/* More lines of one name than anybody needs are as good as a broken field: the last are left out.
 */
static bell_ws_field field_of(const bell_http_head *head, bell_slice name, struct lines *room)
{
    bell_ws_field field = {.values = room->values};
    uint32_t index = 0;
    while (field.count < MAX_LINES &&
           bell_http_head_next(head, name, &index, &room->values[field.count])) {
        field.count++;
    }
    return field;
}

static bell_ws_handshake_result check(const bell_http_head *head, const struct bell_ws_server *ws)
{
    struct lines upgrade;
    struct lines connection;
    struct lines key;
    struct lines version;
    struct lines protocol;
    const bell_ws_handshake_request request = {
        .method = bell_http_head_method(head),
        .http_major = 1,
        .http_minor = head->minor_version,
        .upgrade = field_of(head, BELL_LIT("Upgrade"), &upgrade),
        .connection = field_of(head, BELL_LIT("Connection"), &connection),
        .key = field_of(head, BELL_LIT("Sec-WebSocket-Key"), &key),
        .version = field_of(head, BELL_LIT("Sec-WebSocket-Version"), &version),
        .protocol = field_of(head, BELL_LIT("Sec-WebSocket-Protocol"), &protocol),
    };
    return bell_ws_handshake_check(&request, ws->subprotocols, ws->subprotocol_count);
}

/* What is agreed on about compression, and the answer's field, empty when nothing is. */
static bell_ws_deflate_terms agree(const bell_http_head *head, const struct bell_ws_server *ws,
                                   char answer[BELL_WS_EXTENSION_ANSWER_BYTES])
{
    struct lines extensions;
    bell_ws_deflate_terms terms = {.server_bits = 0};
    answer[0] = '\0';
    if (ws->options.deflate.is_enabled) {
        const bell_ws_field offered =
            field_of(head, BELL_LIT("Sec-WebSocket-Extensions"), &extensions);
        (void)bell_ws_extension_negotiate(&offered, bell_ws_packer_terms(&ws->options.deflate),
                                          &terms, answer);
    }
    return terms;
}

static bell_status plain_queue(struct bell_http_request *r, const bell_http_response_head *head)
{
    struct bell_buf text;
    bell_buf_init(&text, HEAD_MAX_BYTES);
    bell_status st = bell_http_response_write_plain(
        &text, head, bell_slice_equal(bell_http_head_method(&r->head), BELL_LIT("HEAD")));
    if (st == BELL_OK) {
        st = bell_stream_send(&r->c->stream, bell_buf_slice(&text), bell_slice_make(NULL, 0));
    }
    bell_buf_finish(&text);
    return st;
}

static const bell_http_field UPGRADE_FIELDS[] = {
    {{"Upgrade", 7}, {"websocket", 9}},
    {{"Sec-WebSocket-Version", 21}, {BELL_WS_VERSION, sizeof BELL_WS_VERSION - 1}},
};

static void refuse(struct bell_http_request *r, uint16_t status, uint32_t retry_after_s,
                   bell_slice date)
{
    bell_http_field fields[MAX_FIELDS];
    size_t count = 0;
    char seconds[16];
    bell_http_connection connection = BELL_HTTP_CONNECTION_CLOSE;
    if (status == 426) {
        fields[count++] = UPGRADE_FIELDS[0];
        fields[count++] = UPGRADE_FIELDS[1];
        connection = BELL_HTTP_CONNECTION_CLOSE_UPGRADE;
    }
    if (status == 405) {
        fields[count++] = (bell_http_field){BELL_LIT("Allow"), BELL_LIT("GET")};
    }
    if (retry_after_s > 0) {
        (void)snprintf(seconds, sizeof seconds, "%u", retry_after_s);
        fields[count++] = (bell_http_field){BELL_LIT("Retry-After"), bell_slice_from(seconds)};
    }
    const bell_http_response_head head = {.date = date,
                                          .fields = fields,
                                          .field_count = count,
                                          .status = status,
                                          .connection = connection};
    if (plain_queue(r, &head) == BELL_OK) {
        bell_connection_end(r->c);
    } else {
        bell_connection_close(r->c);
    }
}

bell_status bell_upgrade_required(struct bell_http_request *r, bell_slice date,
                                  bell_http_connection connection)
{
    const bell_http_response_head head = {.date = date,
                                          .fields = UPGRADE_FIELDS,
                                          .field_count = BELL_ARRAY_LEN(UPGRADE_FIELDS),
                                          .status = 426,
                                          .connection = connection == BELL_HTTP_CONNECTION_CLOSE
                                                            ? BELL_HTTP_CONNECTION_CLOSE_UPGRADE
                                                            : BELL_HTTP_CONNECTION_UPGRADE};
    return plain_queue(r, &head);
}

static bell_status accept_queue(struct bell_http_request *r,
                                const bell_ws_handshake_result *handshake, const char *extensions,
                                bell_slice date)
{
    bell_http_field fields[MAX_FIELDS] = {
        UPGRADE_FIELDS[0],
        {BELL_LIT("Sec-WebSocket-Accept"), bell_slice_from(handshake->accept)},
    };
    size_t count = 2;
    if (handshake->protocol.n > 0) {
        fields[count++] =
            (bell_http_field){BELL_LIT("Sec-WebSocket-Protocol"), handshake->protocol};
    }
    if (extensions[0] != '\0') {
        fields[count++] =
            (bell_http_field){BELL_LIT("Sec-WebSocket-Extensions"), bell_slice_from(extensions)};
    }
    const bell_http_response_head head = {.date = date,
                                          .fields = fields,
                                          .field_count = count,
                                          .status = 101,
                                          .connection = BELL_HTTP_CONNECTION_UPGRADE};
    struct bell_buf text;
    bell_buf_init(&text, HEAD_MAX_BYTES);
    bell_status st = bell_http_response_write_head(&text, &head);
    if (st == BELL_OK) {
        st = bell_stream_send(&r->c->stream, bell_buf_slice(&text), bell_slice_make(NULL, 0));
    }
    bell_buf_finish(&text);
    return st;
}

/* 1 + the index of the agreed sub-protocol; the handshake hands back the server's own text. */
static uint8_t subprotocol_of(const struct bell_ws_server *ws, bell_slice agreed)
{
    for (size_t i = 0; i < ws->subprotocol_count; i++) {
        if (agreed.n > 0 && bell_slice_equal(ws->subprotocols[i], agreed)) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

void bell_upgrade_try(struct bell_http_request *r, bell_slice rest, bell_slice date)
{
    struct bell_ws_server *ws = r->match.value;
    struct bell_connection *c = r->c;
    bell_ws_handshake_result handshake = check(&r->head, ws);
    if (handshake.status != 101) {
        refuse(r, handshake.status, 0, date);
        return;
    }
    if (bell_server_loop_of(c)->is_draining) {
        refuse(r, 503, 1, date);
        return;
    }
    c->peer = r->client.address; /* from now on it is the client's alone */
    bell_guard_verdict verdict = bell_guards_on_upgrade(ws->guards, ws->guard_count, r);
    if (verdict.status != 0) {
        refuse(r, verdict.status, verdict.retry_after_s, date);
        return;
    }
    char extensions[BELL_WS_EXTENSION_ANSWER_BYTES];
    bell_ws_deflate_terms deflate = agree(&r->head, ws, extensions);
    if (accept_queue(r, &handshake, extensions, date) != BELL_OK) {
        bell_connection_close(c);
        return;
    }
    /* request and rest lie in what HTTP held: it goes last. */
    struct bell_http_session *http = bell_connection_become_ws(c);
    bell_ws_session_begin(c, ws, subprotocol_of(ws, handshake.protocol), deflate, r);
    if (rest.n > 0 && c->phase == BELL_CONNECTION_WEBSOCKET) {
        union {
            const char *from;
            char *to;
        } bytes = {.from = rest.p};
        bell_ws_session_on_receive(c, bytes.to, rest.n);
    }
    bell_http_session_destroy(http);
    if (c->stream.has_peer_end && c->phase == BELL_CONNECTION_WEBSOCKET) {
        bell_ws_session_on_end(c, BELL_OK); /* HTTP was told already */
    }
}
