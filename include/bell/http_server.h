/*
 * HTTP/1.1 server (RFC 9112): routes, static files, and the way into WebSockets.
 *
 * Handlers run on the loop thread of their connection and must not block. A handler answers at once
 * with bell_http_respond on the request, or defers and answers later from any thread. Requests that
 * are pipelined are answered in their order.
 */
#ifndef BELL_HTTP_SERVER_H
#define BELL_HTTP_SERVER_H

#include "bell/slice.h"
#include "bell/status.h"
#include "bell/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bell_http_server;
struct bell_http_request;
struct bell_ws_server;

/* Begin with bell_http_options_init: a zeroed one is refused, since limits must not be 0. */
typedef struct {
    size_t max_head_bytes;     /* request line and header fields; above: 431 (414 for the target).
                                  Default 16 KiB */
    uint32_t max_header_count; /* above: 431. Default 100 */
    size_t max_body_bytes;     /* above: 413. Default 1 MiB */
    uint32_t head_timeout_ms;  /* from the first byte (or the accept) to the end of the head: 408.
                                  Default 10,000 */
    uint32_t body_timeout_ms;  /* from there to the end of the body: 408. Default 30,000 */
    uint32_t keep_alive_ms;    /* silence between requests before the connection is closed. Default
                                  60,000 */
    uint32_t send_timeout_ms;  /* a response of which the peer takes nothing for so long. Default
                                  30,000 */
} bell_http_options;

/* What the calls below are made of; the size says which fields the program knows (see version.h).
 */
BELL_API void bell_http_options_init_sized(bell_http_options *options, size_t options_bytes);
BELL_NODISCARD BELL_API bell_status bell_http_server_create_sized(const bell_http_options *options,
                                                                  size_t options_bytes,
                                                                  struct bell_http_server **out);

/* The defaults. */
static inline void bell_http_options_init(bell_http_options *options)
{
    bell_http_options_init_sized(options, sizeof *options);
}

/*
 * options NULL = defaults. Owned by the caller, outlives the I/O server. BELL_EINVAL (the log names
 * the option), BELL_ENOMEM; BELL_ENOTSUP an option that only a later libbell knows.
 */
BELL_NODISCARD static inline bell_status bell_http_server_create(const bell_http_options *options,
                                                                 struct bell_http_server **out)
{
    return bell_http_server_create_sized(options, sizeof *options, out);
}
/* Only before start or after stop. Takes NULL. */
BELL_API void bell_http_server_destroy(struct bell_http_server *http);

/*
 * Routes, only before start. A pattern is a path whose segments are literal, ":name" (one segment)
 * or, as the last one, "*" (any rest). Literal segments win over ":name", that over "*". A path
 * that exists with other methods gives 405 with Allow. GET routes answer HEAD too. OPTIONS is
 * answered with Allow. BELL_EINVAL a method that is no token, a bad pattern, or one of over 1,024
 * bytes or 16 names; no handler; BELL_EEXISTS, BELL_ELIMIT over 4,096 routes, BELL_ENOMEM,
 * BELL_ESTATE after start.
 */
typedef void (*bell_http_handler_fn)(struct bell_http_request *request, void *user);
BELL_NODISCARD BELL_API bell_status bell_http_server_route(struct bell_http_server *http,
                                                           const char *method, const char *pattern,
                                                           bell_http_handler_fn handler,
                                                           void *user);

/*
 * WebSocket upgrades at this pattern go to ws (borrowed). Other requests there get 426, unless a
 * route takes them or static files, whose prefix says as much of the path. Only before start. As
 * bell_http_server_route, and BELL_ELIMIT over 16 WebSocket servers, BELL_ESTATE when ws belongs to
 * another I/O server or is a client.
 */
BELL_NODISCARD BELL_API bell_status bell_http_server_websocket(struct bell_http_server *http,
                                                               const char *pattern,
                                                               struct bell_ws_server *ws);

/* Zeroed: the defaults. */
typedef struct {
    size_t
        max_message_bytes; /* above: 413, as above bell_http_options.max_body_bytes. 0 = 64 KiB */
    bool allows_retained;  /* "retain=1" is obeyed; else it is 400 */
} bell_http_publish_options;

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status bell_http_server_publish_sized(
    struct bell_http_server *http, const char *pattern, struct bell_ws_server *ws,
    const char *token, const bell_http_publish_options *options, size_t options_bytes);

/*
 * Publishing for other programs: POST to pattern with "Authorization: Bearer TOKEN" publishes the
 * body to the subscribers that ws (borrowed, for as long as http lives) has in a topic: what
 * ":topic" matches in the pattern, else "topic=" of the query. The body is text and must be UTF-8,
 * unless its Content-Type is application/octet-stream. In the query may stand "key=" (at most 255
 * bytes) and "retain=1", see bell_ws_publish_options.
 *
 * The answer is JSON: 200 {"receivers":N} with the subscribers that the topic had; or {"error":…}:
 * 401 no or a wrong token, 400 no topic or one over 255 bytes, a query or a text that is broken,
 * 413 too large, 507 no room for a retained value, 503 no memory, or a loop that does not keep up.
 *
 * token is copied: 1 to 4,096 visible ASCII characters; take 32 random ones or more, and TLS where
 * others may listen. Only before start. As bell_http_server_route, and BELL_EINVAL the token,
 * BELL_ENOTSUP an option that only a later libbell knows.
 */
BELL_NODISCARD static inline bell_status
bell_http_server_publish(struct bell_http_server *http, const char *pattern,
                         struct bell_ws_server *ws, const char *token,
                         const bell_http_publish_options *options)
{
    return bell_http_server_publish_sized(http, pattern, ws, token, options, sizeof *options);
}

typedef struct {
    bell_slice name;
    bell_slice value;
} bell_http_field;

typedef struct {
    const char *index;            /* file for a path that ends in "/"; NULL = "index.html" */
    const char *cache_control;    /* of every answer; NULL = "no-cache" (keep, but ask each time) */
    const char *immutable_prefix; /* files whose path below the directory begins so get
                                     "public, max-age=31536000, immutable"; NULL = none */
    const bell_http_field *fields; /* further header fields of a file's answers, 304
                                      and 416 too, but not of 404 and 405; copied.
                                      None that an answer has of its own: Cache-Control (see above),
                                      ETag, Last-Modified, Accept-Ranges, Content-Type, -Length,
                                      -Range and -Encoding, Date, Connection, Keep-Alive,
                                      Transfer-Encoding. A Vary is added to ours */
    size_t field_count;
} bell_http_static_options;

/* One file in memory, all borrowed for the server's life. */
typedef struct {
    bell_slice path; /* below the prefix, without a leading "/" */
    bell_slice content_type;
    bell_slice plain;
    bell_slice brotli; /* the same, compressed; empty = none */
    bell_slice gzip;
    bell_slice etag; /* strong, without quotes, of the plain content */
} bell_http_file;

/* What the calls below are made of; the size says which fields the program knows (see version.h).
 */
BELL_NODISCARD BELL_API bell_status bell_http_server_static_sized(
    struct bell_http_server *http, const char *prefix, const char *directory,
    const bell_http_static_options *options, size_t options_bytes);
BELL_NODISCARD BELL_API bell_status bell_http_server_files_sized(
    struct bell_http_server *http, const char *prefix, const bell_http_file *files, size_t count,
    const bell_http_static_options *options, size_t options_bytes);

/*
 * Serves the files below directory at prefix (which ends in "/"): ETag, Last-Modified, ranges (RFC
 * 9110 section 14), FILE.br and FILE.gz where the client takes them, HEAD. Never leaves the
 * directory, follows no link, serves no name that begins with a dot. Only before start. Paths no
 * route and no static prefix knows get 404. BELL_ENOTFOUND no such directory, BELL_EACCES,
 * BELL_EINVAL the prefix, cache_control or a field, BELL_ELIMIT over 16 fields, or a head of over
 * 14 KiB with them and cache_control (13 KiB of fields fit beside a short one), or no descriptor is
 * left, BELL_EEXISTS, BELL_ENOMEM, BELL_EIO, BELL_ESTATE after start, BELL_ENOTSUP an option that
 * only a later libbell knows.
 */
BELL_NODISCARD static inline bell_status
bell_http_server_static(struct bell_http_server *http, const char *prefix, const char *directory,
                        const bell_http_static_options *options)
{
    return bell_http_server_static_sized(http, prefix, directory, options, sizeof *options);
}

/*
 * The same as bell_http_server_static for files that live in memory: for programs that carry their
 * web parts inside. files is borrowed for the server's life. Only before start.
 */
BELL_NODISCARD static inline bell_status
bell_http_server_files(struct bell_http_server *http, const char *prefix,
                       const bell_http_file *files, size_t count,
                       const bell_http_static_options *options)
{
    return bell_http_server_files_sized(http, prefix, files, count, options, sizeof *options);
}

/* The request. Everything is borrowed until the handler (or on_open, or the guard) returns. */
BELL_API bell_slice bell_http_request_method(const struct bell_http_request *request);
/*
 * The path, percent-decoded and without dot segments; always begins with "/". Bytes from 0x80 on
 * are as they came, so it need not be UTF-8. A path with an escaped "/", a backslash or a control
 * character never gets here: 400.
 */
BELL_API bell_slice bell_http_request_path(const struct bell_http_request *request);
/* What stood after "?", as it came; empty when nothing. */
BELL_API bell_slice bell_http_request_query(const struct bell_http_request *request);
/*
 * The value of a name in the query, "+" and percent escapes decoded, the first when repeated; *out
 * lies in room. BELL_ENOTFOUND; BELL_EINVAL a broken escape or %00; BELL_ELIMIT room is too small.
 */
BELL_NODISCARD BELL_API bell_status
bell_http_request_query_value(const struct bell_http_request *request, const char *name, char *room,
                              size_t room_bytes, bell_slice *out);
/* A header field by its name, in any case; empty when absent, the first when repeated. */
BELL_API bell_slice bell_http_request_header(const struct bell_http_request *request,
                                             const char *name);
/* A cookie of the Cookie field; empty when absent (RFC 6265 section 5.4). */
BELL_API bell_slice bell_http_request_cookie(const struct bell_http_request *request,
                                             const char *name);
/* What matched ":name" in the pattern; empty when there is none. */
BELL_API bell_slice bell_http_request_param(const struct bell_http_request *request,
                                            const char *name);
BELL_API bell_slice bell_http_request_body(const struct bell_http_request *request);
/*
 * The client's address as text, without port: the peer's, or the one a trusted proxy speaks for
 * (bell_io_options.trusted_proxies). Empty for the peer of a Unix socket.
 */
BELL_API bell_slice bell_http_request_peer(const struct bell_http_request *request);
/* The client is known to speak TLS: with us (bell_io_server_listen_tls), or as a trusted proxy
 * says.
 */
BELL_API bool bell_http_request_is_secure(const struct bell_http_request *request);

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status bell_http_request_tls_sized(
    const struct bell_http_request *request, bell_tls_agreement *out, size_t out_bytes);

/*
 * What TLS between the peer and us has agreed on. BELL_ENOTFOUND: there is none; the peer may be a
 * proxy that speaks it with the client.
 */
BELL_NODISCARD static inline bell_status
bell_http_request_tls(const struct bell_http_request *request, bell_tls_agreement *out)
{
    return bell_http_request_tls_sized(request, out, sizeof *out);
}

typedef struct {
    uint16_t status;
    bell_slice content_type; /* empty = no such field */
    bell_slice body;
    const bell_http_field *fields; /* further header fields; names and values are checked */
    size_t field_count;
} bell_http_response;

/*
 * Answers the request; everything is copied. Once per request. BELL_EINVAL a status that is not 200
 * to 599, a bad field, a head over 64 KiB; BELL_ESTATE answered or deferred already; BELL_ENOMEM.
 * After a failure the peer gets 500. A handler that returns without answer or deferral gives 500.
 */
BELL_NODISCARD BELL_API bell_status bell_http_respond(struct bell_http_request *request,
                                                      const bell_http_response *response);

/* A request to be answered later; never 0. None comes again before four billion others have. */
typedef uint64_t bell_http_exchange;

/* Defers the answer (of a handler or of on_upgrade); 0 when it was answered already. The request
 * itself is gone when the handler returns. */
BELL_API bell_http_exchange bell_http_request_defer(struct bell_http_request *request);

/*
 * Answers a deferred request. Any thread; the first answer counts. A later one is no error, nor is
 * a peer that has gone meanwhile. BELL_EINVAL, BELL_ENOMEM: call again, or the peer waits until the
 * connection ends.
 */
BELL_NODISCARD BELL_API bell_status bell_http_respond_later(struct bell_http_server *http,
                                                            bell_http_exchange exchange,
                                                            const bell_http_response *response);

#ifdef __cplusplus
}
#endif
#endif
