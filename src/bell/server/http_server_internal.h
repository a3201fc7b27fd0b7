/*
 * The HTTP server's parts that other files of this room see.
 */
#ifndef BELL_SERVER_HTTP_SERVER_INTERNAL_H
#define BELL_SERVER_HTTP_SERVER_INTERNAL_H

#include "base/buf.h"
#include "bell/http/framing.h"
#include "bell/http/head.h"
#include "bell/http/parser.h"
#include "bell/http/route.h"
#include "bell/http/static_file.h"
#include "bell/http/target.h"
#include "bell/http_server.h"
#include "bell/net/address.h"
#include "bell/server/forwarded.h"
#include "bell/server/http_session.h"

#include <stdbool.h>
#include <stddef.h>

struct bell_connection;
struct bell_file_thread;
struct bell_http_publish;
struct bell_io_server;
struct bell_ws_server;

enum {
    BELL_HTTP_MAX_WEBSOCKETS = 16,
    BELL_HTTP_MAX_RESPONSE_HEAD_BYTES = 64 * 1024,
    BELL_HTTP_MAX_FILE_FIELDS = 16, /* further fields of answers with files */
};

/* What a route leads to (bell_http_match.kind). */
enum bell_http_route_kind { BELL_HTTP_TO_HANDLER, BELL_HTTP_TO_STATIC };

struct bell_http_route_handler {
    struct bell_http_route_handler *next; /* (owned) of the server's list */
    bell_http_handler_fn handler;
    void *user;
};

/* Files below one prefix, on disk or in memory. */
struct bell_http_static {
    struct bell_http_static *next; /* (owned) of the server's list */
    int directory_fd;              /* (owned) -1 for files in memory */
    const bell_http_file *files;   /* (borrowed) */
    size_t file_count;
    char *index;                 /* (owned) */
    bell_slice cache_control;    /* (owned text) */
    bell_slice immutable_prefix; /* (owned text) empty = none */
    bell_http_field *fields;     /* (owned, texts too) */
    size_t field_count;
};

struct bell_http_server {
    bell_http_options options;
    bell_http_parser_limits limits;
    struct bell_http_router *routes;                     /* (owned) handlers and files */
    struct bell_http_router *websockets;                 /* (owned) values are bell_ws_server */
    struct bell_http_route_handler *handlers;            /* (owned) */
    struct bell_http_static *statics;                    /* (owned) */
    struct bell_http_publish *publishers;                /* (owned) */
    struct bell_ws_server *ws[BELL_HTTP_MAX_WEBSOCKETS]; /* (borrowed) each once */
    size_t ws_count;
    struct bell_file_thread *files; /* (owned) NULL until a directory is served */
    struct bell_io_server *io;      /* (borrowed) NULL until an I/O server is made */
};

enum bell_http_answer_state {
    BELL_HTTP_UNANSWERED,
    BELL_HTTP_ANSWERED,
    BELL_HTTP_DEFERRED,
    BELL_HTTP_ACCEPTED, /* an upgrade: the 101 is queued */
};

struct bell_upgrade;

/* A request while its handler runs; on the stack. */
struct bell_http_request {
    struct bell_connection *c;
    struct bell_http_server *server;
    bell_http_head head;
    bell_http_target target;
    bell_http_match match;
    bell_slice body;
    enum bell_http_answer_state state;
    struct bell_upgrade *upgrade; /* (borrowed) what it asks for; NULL when it is no upgrade */
    bell_client client;
    char peer[BELL_ADDRESS_TEXT_BYTES]; /* the client's address as text */
};

/* The I/O server is made or gone: tells the WebSocket servers. */
BELL_NODISCARD bell_status bell_http_server_bind(struct bell_http_server *http,
                                                 struct bell_io_server *io);
void bell_http_server_unbind(struct bell_http_server *http);
/* A list of them; NULL is fine. */
void bell_http_publish_destroy(struct bell_http_publish *list);
/* Before the loops start and after they have ended. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_http_server_start_files(struct bell_http_server *http);
void bell_http_server_stop_files(struct bell_http_server *http);

#endif
