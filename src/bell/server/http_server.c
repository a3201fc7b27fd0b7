#include "bell/http_server.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/versioned.h"
#include "bell/http/text.h"
#include "bell/server/connection.h"
#include "bell/server/file_thread.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/static_answer.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/ws_server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_PREFIX_BYTES = 512 };

static const bell_http_options DEFAULTS = {
    .max_head_bytes = 16 * 1024,
    .max_header_count = 100,
    .max_body_bytes = 1024 * 1024,
    .head_timeout_ms = 10000,
    .body_timeout_ms = 30000,
    .keep_alive_ms = 60000,
    .send_timeout_ms = 30000,
};

void bell_http_options_init_sized(bell_http_options *options, size_t options_bytes)
{
    bell_versioned_write(options, options_bytes, &DEFAULTS, sizeof DEFAULTS);
}

/* ---- life ---- */

static bell_status options_check(const bell_http_options *o)
{
    const bell_option_rule rules[] = {
        {"max_head_bytes", o->max_head_bytes > 0 && o->max_head_bytes <= UINT32_MAX / 2},
        {"max_header_count", o->max_header_count > 0},
        {"max_body_bytes", o->max_body_bytes <= SIZE_MAX / 4},
        {"head_timeout_ms", o->head_timeout_ms > 0},
        {"body_timeout_ms", o->body_timeout_ms > 0},
        {"keep_alive_ms", o->keep_alive_ms > 0},
        {"send_timeout_ms", o->send_timeout_ms > 0},
    };
    return bell_option_check("bell_http_options", rules, BELL_ARRAY_LEN(rules));
}

bell_status bell_http_server_create_sized(const bell_http_options *options, size_t options_bytes,
                                          struct bell_http_server **out)
{
    bell_http_options known = DEFAULTS;
    const bell_http_options *o = &known;
    if (!bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    bell_status st = options_check(o);
    if (st != BELL_OK) {
        return st;
    }
    struct bell_http_server *http = bell_mem_zalloc(sizeof *http);
    if (http == NULL) {
        return BELL_ENOMEM;
    }
    http->options = *o;
    http->limits = (bell_http_parser_limits){.max_head_bytes = (uint32_t)o->max_head_bytes,
                                             .max_field_count = o->max_header_count};
    st = bell_http_router_create(&http->routes);
    if (st == BELL_OK) {
        st = bell_http_router_create(&http->websockets);
    }
    if (st != BELL_OK) {
        bell_http_server_destroy(http);
        return st;
    }
    *out = http;
    return BELL_OK;
}

static void static_destroy(struct bell_http_static *s)
{
    if (s->directory_fd >= 0) {
        (void)close(s->directory_fd);
    }
    bell_mem_free(s->index);
    bell_mem_free_text(s->cache_control);
    bell_mem_free_text(s->immutable_prefix);
    for (size_t i = 0; i < s->field_count; i++) {
        bell_mem_free_text(s->fields[i].name);
        bell_mem_free_text(s->fields[i].value);
    }
    bell_mem_free(s->fields);
    bell_mem_free(s);
}

void bell_http_server_destroy(struct bell_http_server *http)
{
    if (http == NULL) {
        return;
    }
    bell_http_server_unbind(http);
    bell_http_router_destroy(http->routes);
    bell_http_router_destroy(http->websockets);
    bell_http_publish_destroy(http->publishers);
    while (http->handlers != NULL) {
        struct bell_http_route_handler *next = http->handlers->next;
        bell_mem_free(http->handlers);
        http->handlers = next;
    }
    while (http->statics != NULL) {
        struct bell_http_static *next = http->statics->next;
        static_destroy(http->statics);
        http->statics = next;
    }
    bell_mem_free(http);
}

bell_status bell_http_server_bind(struct bell_http_server *http, struct bell_io_server *io)
{
    for (size_t i = 0; i < http->ws_count; i++) {
        bell_status st = bell_ws_server_bind(http->ws[i], io);
        if (st != BELL_OK) {
            while (i-- > 0) {
                bell_ws_server_unbind(http->ws[i]);
            }
            return st;
        }
    }
    http->io = io;
    return BELL_OK;
}

void bell_http_server_unbind(struct bell_http_server *http)
{
    if (http->io != NULL) {
        for (size_t i = 0; i < http->ws_count; i++) {
            bell_ws_server_unbind(http->ws[i]);
        }
    }
    http->io = NULL;
}

bell_status bell_http_server_start_files(struct bell_http_server *http)
{
    for (const struct bell_http_static *s = http->statics; s != NULL; s = s->next) {
        if (s->directory_fd >= 0) {
            return bell_file_thread_create(&http->files);
        }
    }
    return BELL_OK;
}

void bell_http_server_stop_files(struct bell_http_server *http)
{
    bell_file_thread_destroy(http->files);
    http->files = NULL;
}

/* ---- routes ---- */

/* Routes are read by the loops without a lock. */
static bool is_open_for_changes(const struct bell_http_server *http)
{
    return http->io == NULL || http->io->phase == BELL_IO_NEW;
}

bell_status bell_http_server_route(struct bell_http_server *http, const char *method,
                                   const char *pattern, bell_http_handler_fn handler, void *user)
{
    if (!is_open_for_changes(http)) {
        return BELL_ESTATE;
    }
    if (handler == NULL) {
        return BELL_EINVAL;
    }
    struct bell_http_route_handler *route = bell_mem_zalloc(sizeof *route);
    if (route == NULL) {
        return BELL_ENOMEM;
    }
    route->handler = handler;
    route->user = user;
    bell_status st = bell_http_router_add(http->routes, bell_slice_from(method),
                                          bell_slice_from(pattern), BELL_HTTP_TO_HANDLER, route);
    if (st != BELL_OK) {
        bell_mem_free(route);
        return st;
    }
    route->next = http->handlers;
    http->handlers = route;
    return BELL_OK;
}

bell_status bell_http_server_websocket(struct bell_http_server *http, const char *pattern,
                                       struct bell_ws_server *ws)
{
    if (!is_open_for_changes(http) || ws->is_client) {
        return BELL_ESTATE;
    }
    size_t i = 0;
    while (i < http->ws_count && http->ws[i] != ws) {
        i++;
    }
    if (i == BELL_HTTP_MAX_WEBSOCKETS) {
        return BELL_ELIMIT;
    }
    bool is_new = i == http->ws_count;
    bool must_bind = is_new && http->io != NULL;
    bell_status st = must_bind ? bell_ws_server_bind(ws, http->io) : BELL_OK;
    if (st != BELL_OK) {
        return st;
    }
    st = bell_http_router_add(http->websockets, BELL_LIT("GET"), bell_slice_from(pattern), 0, ws);
    if (st == BELL_OK && is_new) {
        http->ws[http->ws_count++] = ws;
        (void)snprintf(ws->path, sizeof ws->path, "%s", pattern); /* a label: cut if need be */
    } else if (st != BELL_OK && must_bind) {
        bell_ws_server_unbind(ws);
    }
    return st;
}

/* ---- static files ---- */

/* An owned copy, NULL for NULL; *failed is set when memory ends. */
static bell_slice text_copy(const char *text, bool *failed)
{
    if (text == NULL) {
        return bell_slice_make(NULL, 0);
    }
    char *copy = bell_mem_copy_text(bell_slice_from(text));
    *failed = *failed || copy == NULL;
    return bell_slice_from(copy);
}

static bell_status fields_copy(struct bell_http_static *s, const bell_http_field *fields,
                               size_t count)
{
    if (count > BELL_HTTP_MAX_FILE_FIELDS) {
        return BELL_ELIMIT;
    }
    s->fields = bell_mem_zalloc_array(count, sizeof *s->fields);
    if (s->fields == NULL) {
        return BELL_ENOMEM;
    }
    for (; s->field_count < count; s->field_count++) {
        const bell_http_field *from = &fields[s->field_count];
        char *name = bell_mem_copy_text(from->name);
        char *value = bell_mem_copy_text(from->value);
        if (name == NULL || value == NULL) {
            bell_mem_free(name);
            bell_mem_free(value);
            return BELL_ENOMEM;
        }
        s->fields[s->field_count] = (bell_http_field){bell_slice_make(name, from->name.n),
                                                      bell_slice_make(value, from->value.n)};
    }
    return BELL_OK;
}

/* Takes directory_fd over, also on failure. */
static bell_status static_create(const bell_http_static_options *o, int directory_fd,
                                 struct bell_http_static **out)
{
    struct bell_http_static *s = bell_mem_zalloc(sizeof *s);
    if (s == NULL) {
        if (directory_fd >= 0) {
            (void)close(directory_fd);
        }
        return BELL_ENOMEM;
    }
    bool failed = false;
    s->directory_fd = directory_fd;
    s->index = bell_mem_copy_text(bell_slice_from(o->index == NULL ? "index.html" : o->index));
    s->cache_control = text_copy(o->cache_control == NULL ? "no-cache" : o->cache_control, &failed);
    s->immutable_prefix = text_copy(o->immutable_prefix, &failed);
    bell_status st =
        failed || s->index == NULL ? BELL_ENOMEM : fields_copy(s, o->fields, o->field_count);
    if (st == BELL_OK) {
        st = bell_static_check_fields(s);
    }
    if (st != BELL_OK) {
        static_destroy(s);
        return st;
    }
    *out = s;
    return BELL_OK;
}

static bell_status static_add(struct bell_http_server *http, const char *prefix,
                              struct bell_http_static *s)
{
    char pattern[MAX_PREFIX_BYTES + 2];
    size_t n = strlen(prefix);
    int length = snprintf(pattern, sizeof pattern, "%s*", prefix);
    bell_status st = BELL_EINVAL;
    if (n > 0 && prefix[n - 1] == '/' && length > 0 && (size_t)length < sizeof pattern) {
        st = bell_http_router_add(http->routes, BELL_LIT("GET"), bell_slice_from(pattern),
                                  BELL_HTTP_TO_STATIC, s);
    }
    if (st != BELL_OK) {
        static_destroy(s);
        return st;
    }
    s->next = http->statics;
    http->statics = s;
    return BELL_OK;
}

static bell_status directory_open(const char *path, int *out)
{
    int fd;
    do {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd >= 0) {
        *out = fd;
        return BELL_OK;
    }
    switch (errno) {
    case EACCES:
        return BELL_EACCES;
    case ENOMEM:
        return BELL_ENOMEM;
    case EMFILE:
    case ENFILE:
        return BELL_ELIMIT;
    case EIO:
        return BELL_EIO;
    default:
        return BELL_ENOTFOUND;
    }
}

bell_status bell_http_server_static_sized(struct bell_http_server *http, const char *prefix,
                                          const char *directory,
                                          const bell_http_static_options *options,
                                          size_t options_bytes)
{
    bell_http_static_options known = {0};
    if (!is_open_for_changes(http)) {
        return BELL_ESTATE;
    }
    if (!bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    int fd = -1;
    bell_status st = directory_open(directory, &fd);
    if (st != BELL_OK) {
        return st;
    }
    struct bell_http_static *s;
    st = static_create(&known, fd, &s);
    return st == BELL_OK ? static_add(http, prefix, s) : st;
}

bell_status bell_http_server_files_sized(struct bell_http_server *http, const char *prefix,
                                         const bell_http_file *files, size_t count,
                                         const bell_http_static_options *options,
                                         size_t options_bytes)
{
    bell_http_static_options known = {0};
    if (!is_open_for_changes(http)) {
        return BELL_ESTATE;
    }
    if (!bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    struct bell_http_static *s;
    bell_status st = static_create(&known, -1, &s);
    if (st != BELL_OK) {
        return st;
    }
    s->files = files;
    s->file_count = count;
    return static_add(http, prefix, s);
}

/* ---- requests ---- */

bell_slice bell_http_request_method(const struct bell_http_request *request)
{
    return bell_http_head_method(&request->head);
}

bell_slice bell_http_request_path(const struct bell_http_request *request)
{
    return request->target.path;
}

bell_slice bell_http_request_query(const struct bell_http_request *request)
{
    return request->target.query;
}

bell_status bell_http_request_query_value(const struct bell_http_request *request, const char *name,
                                          char *room, size_t room_bytes, bell_slice *out)
{
    return bell_http_query_value(request->target.query, bell_slice_from(name), room, room_bytes,
                                 out);
}

bell_slice bell_http_request_header(const struct bell_http_request *request, const char *name)
{
    bell_slice wanted = bell_slice_from(name);
    /* RFC 9112 section 3.2.2: an absolute target overrides Host. */
    if (request->target.authority.n > 0 && bell_http_equal_nocase(wanted, BELL_LIT("Host"))) {
        return request->target.authority;
    }
    return bell_http_head_find(&request->head, wanted);
}

bell_slice bell_http_request_cookie(const struct bell_http_request *request, const char *name)
{
    uint32_t index = 0;
    bell_slice field;
    bell_slice value;
    while (bell_http_head_next(&request->head, BELL_LIT("Cookie"), &index, &field)) {
        if (bell_http_cookie_value(field, bell_slice_from(name), &value) == BELL_OK) {
            return value;
        }
    }
    return bell_slice_make(NULL, 0);
}

bell_slice bell_http_request_param(const struct bell_http_request *request, const char *name)
{
    return bell_http_match_param(&request->match, bell_slice_from(name));
}

bell_slice bell_http_request_body(const struct bell_http_request *request)
{
    return request->body;
}

bell_slice bell_http_request_peer(const struct bell_http_request *request)
{
    return bell_slice_from(request->peer);
}

bool bell_http_request_is_secure(const struct bell_http_request *request)
{
    return request->client.is_secure;
}

bell_status bell_http_request_tls_sized(const struct bell_http_request *request,
                                        bell_tls_agreement *out, size_t out_bytes)
{
    return bell_connection_tls(request->c, out, out_bytes);
}

/* ---- answers ---- */

bell_status bell_http_respond(struct bell_http_request *request, const bell_http_response *response)
{
    if (request->state != BELL_HTTP_UNANSWERED || request->c->phase != BELL_CONNECTION_HTTP) {
        return BELL_ESTATE;
    }
    bell_status st = bell_http_session_queue(request->c, response);
    if (st == BELL_OK) {
        request->state = BELL_HTTP_ANSWERED;
    }
    return st;
}
