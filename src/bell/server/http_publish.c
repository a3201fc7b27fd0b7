/*
 * Publishing over HTTP: a route by which other programs reach the subscribers of topics. The token
 * is compared in a time that does not tell how much of it was right.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "base/versioned.h"
#include "bell/http/text.h"
#include "bell/server/http_server_internal.h"
#include "bell/topic/topic.h"
#include "bell/ws_server.h"

#include <stdio.h>

enum { MAX_TOKEN_BYTES = 4096, MAX_KEY_BYTES = 255 };

/* Owned by its HTTP server. */
struct bell_http_publish {
    struct bell_http_publish *next; /* (owned) of the server's list */
    struct bell_ws_server *ws;      /* (borrowed) */
    size_t max_message_bytes;
    bool allows_retained;
    size_t token_bytes;
    char token[];
};

void bell_http_publish_destroy(struct bell_http_publish *list)
{
    while (list != NULL) {
        struct bell_http_publish *next = list->next;
        explicit_bzero(list->token, list->token_bytes);
        bell_mem_free(list);
        list = next;
    }
}

/* RFC 6750 section 2.1; the scheme's name in any case (RFC 9110 section 11.1). */
static bool is_authorized(const struct bell_http_publish *p, bell_slice field)
{
    static const bell_slice SCHEME = {"bearer ", 7};
    if (field.n < SCHEME.n || !bell_http_equal_nocase(bell_slice_make(field.p, SCHEME.n), SCHEME)) {
        return false;
    }
    bell_slice given = bell_http_trim(bell_slice_make(field.p + SCHEME.n, field.n - SCHEME.n));
    /* As many steps as were given, whatever the token is. */
    size_t differences = given.n ^ p->token_bytes;
    for (size_t i = 0; i < given.n; i++) {
        differences |= (size_t)(uint8_t)(given.p[i] ^ p->token[i % p->token_bytes]);
    }
    return differences == 0;
}

static void answer(struct bell_http_request *r, uint16_t status, bell_slice json)
{
    static const bell_http_field WHO = {{"WWW-Authenticate", 16}, {"Bearer", 6}};
    const bell_http_response response = {
        .status = status,
        .content_type = BELL_LIT("application/json"),
        .body = json,
        .fields = &WHO,
        .field_count = status == 401 ? 1 : 0,
    };
    bell_status st = bell_http_respond(r, &response);
    (void)st; /* only memory can end: the peer gets 500 then */
}

static uint16_t status_of(bell_status st)
{
    return st == BELL_EINVAL ? 400 : st == BELL_ELIMIT ? 507 : 503;
}

/* What the query says besides the topic. Returns whether it makes sense. */
static bool options_read(const struct bell_http_request *r, const struct bell_http_publish *p,
                         char room[MAX_KEY_BYTES], bell_ws_publish_options *out)
{
    char flag_room[2];
    bell_slice flag = {NULL, 0};
    bell_status st = bell_http_request_query_value(r, "key", room, MAX_KEY_BYTES, &out->key);
    if (st != BELL_OK && st != BELL_ENOTFOUND) {
        return false;
    }
    st = bell_http_request_query_value(r, "retain", flag_room, sizeof flag_room, &flag);
    if (st == BELL_ENOTFOUND) {
        return true;
    }
    out->is_retained = bell_slice_equal(flag, BELL_LIT("1"));
    return st == BELL_OK &&
           (bell_slice_equal(flag, BELL_LIT("0")) || (out->is_retained && p->allows_retained));
}

/* A topic of the pattern, else of the query; empty when it is none. */
static bell_slice topic_of(const struct bell_http_request *r, char room[BELL_TOPIC_NAME_MAX_BYTES])
{
    bell_slice topic = bell_http_request_param(r, "topic");
    bell_slice none = {NULL, 0};
    if (topic.n == 0 && bell_http_request_query_value(r, "topic", room, BELL_TOPIC_NAME_MAX_BYTES,
                                                      &topic) != BELL_OK) {
        return none;
    }
    return bell_topic_is_name(topic) ? topic : none;
}

static bool is_binary(const struct bell_http_request *r)
{
    bell_slice type = bell_http_request_header(r, "Content-Type");
    const char *end = type.n == 0 ? NULL : memchr(type.p, ';', type.n);
    type.n = end == NULL ? type.n : (size_t)(end - type.p);
    return bell_http_equal_nocase(bell_http_trim(type), BELL_LIT("application/octet-stream"));
}

static void on_request(struct bell_http_request *r, void *user)
{
    const struct bell_http_publish *p = user;
    bell_ws_publish_options options = {0};
    char topic_room[BELL_TOPIC_NAME_MAX_BYTES];
    char key_room[MAX_KEY_BYTES];
    char json[64];
    if (!is_authorized(p, bell_http_request_header(r, "Authorization"))) {
        answer(r, 401, BELL_LIT("{\"error\":\"token\"}\n"));
        return;
    }
    bell_slice topic = topic_of(r, topic_room);
    bell_slice message = bell_http_request_body(r);
    bell_message_type type = is_binary(r) ? BELL_BINARY : BELL_TEXT;
    if (topic.n == 0) {
        answer(r, 400, BELL_LIT("{\"error\":\"topic\"}\n"));
    } else if (!options_read(r, p, key_room, &options)) {
        answer(r, 400, BELL_LIT("{\"error\":\"options\"}\n"));
    } else if (message.n > p->max_message_bytes) {
        answer(r, 413, BELL_LIT("{\"error\":\"size\"}\n"));
    } else if (type == BELL_TEXT && !bell_utf8_is_valid(message)) {
        answer(r, 400, BELL_LIT("{\"error\":\"utf-8\"}\n"));
    } else {
        uint64_t receivers = bell_ws_topic_count(p->ws, topic);
        bell_status st = bell_ws_publish_with(p->ws, topic, type, message, &options);
        int n = st == BELL_OK
                    ? snprintf(json, sizeof json, "{\"receivers\":%llu}\n",
                               (unsigned long long)receivers)
                    : snprintf(json, sizeof json, "{\"error\":\"%s\"}\n", bell_status_name(st));
        answer(r, st == BELL_OK ? 200 : status_of(st), bell_slice_make(json, (size_t)n));
    }
}

bell_status bell_http_server_publish_sized(struct bell_http_server *http, const char *pattern,
                                           struct bell_ws_server *ws, const char *token,
                                           const bell_http_publish_options *options,
                                           size_t options_bytes)
{
    bell_http_publish_options o = {0};
    if (!bell_versioned_read(&o, sizeof o, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    bell_slice text = bell_slice_from(token);
    if (text.n == 0 || text.n > MAX_TOKEN_BYTES ||
        bell_http_span_of(text.p, text.n, BELL_HTTP_VCHAR) < text.n) {
        return BELL_EINVAL;
    }
    struct bell_http_publish *p = bell_mem_zalloc(sizeof *p + text.n);
    if (p == NULL) {
        return BELL_ENOMEM;
    }
    p->ws = ws;
    p->max_message_bytes = o.max_message_bytes == 0 ? (size_t)64 * 1024 : o.max_message_bytes;
    p->allows_retained = o.allows_retained;
    p->token_bytes = text.n;
    memcpy(p->token, text.p, text.n);
    bell_status st = bell_http_server_route(http, "POST", pattern, on_request, p);
    if (st != BELL_OK) {
        bell_http_publish_destroy(p);
        return st;
    }
    p->next = http->publishers;
    http->publishers = p;
    return BELL_OK;
}
