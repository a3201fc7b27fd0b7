/*
 * Connect: the first part of an outgoing connection's life, until it is a WebSocket session.
 *
 *     WAITING --delay--> RESOLVING --addresses--> CONNECTING --TCP--> ASKING --101--> (session)
 *        \______________________ failure, time-out, closed by us ______________/
 *
 * It is made by any thread, travels to its loop as a mail, and from then on is owned by its
 * connection. Loop thread only, but for bell_ws_connect_post.
 */
#ifndef BELL_SERVER_WS_CONNECT_H
#define BELL_SERVER_WS_CONNECT_H

#include "base/buf.h"
#include "bell/http/head.h"
#include "bell/http/parser.h"
#include "bell/net/mailbox.h"
#include "bell/server/client_slab.h"
#include "bell/server/resolver.h"
#include "bell/ws/handshake.h"
#include "bell/ws_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct bell_connection;
struct bell_server_loop;

enum bell_connect_step {
    BELL_CONNECT_WAITING,
    BELL_CONNECT_RESOLVING,
    BELL_CONNECT_CONNECTING,
    BELL_CONNECT_ASKING,
};

struct bell_ws_connect {
    struct bell_mail mail;         /* first */
    struct bell_ws_server *ws;     /* (borrowed) the client */
    struct bell_server_loop *home; /* (borrowed) */
    bell_client_place place;
    bell_conn conn;
    void *user;              /* (borrowed) the application's */
    struct bell_buf request; /* what is asked; empty once it was queued */
    struct bell_buf in;      /* what was answered */
    uint64_t deadline_ms;    /* of all of it; while WAITING, of the delay */
    uint32_t delay_ms;
    uint32_t handled_bytes; /* of in: interim answers */
    size_t address_count;   /* 0: name is to be looked up */
    size_t next_address;    /* to be tried */
    bell_resolved addresses[BELL_RESOLVER_MAX_ADDRESSES];
    struct sockaddr_storage address; /* being connected to; the kernel may be reading it */
    socklen_t address_len; /* a Unix socket's from the beginning; else 0 till it is tried */
    struct bell_http_parser parser;
    bell_http_parser_limits limits;
    bell_http_head head; /* of the answer, once it is complete */
    int8_t why;          /* bell_status: of the address tried last, then of it all */
    uint8_t step;        /* enum bell_connect_step */
    bool is_done;        /* on_close was called */
    bool is_unix;
    uint16_t port;
    const char *tls_why; /* static; why TLS has failed, NULL when it did not */
    char accept[BELL_WS_ACCEPT_BYTES + 1];
    char name[BELL_RESOLVER_NAME_BYTES];        /* to be looked up; zero-terminated */
    struct bell_tls_client *tls;                /* (borrowed) NULL = without TLS */
    char server_name[BELL_RESOLVER_NAME_BYTES]; /* for TLS; zero-terminated */
    bell_http_head_field fields[];              /* limits.max_field_count */
};

/* Everything but ws, home, place and conn is zeroed. NULL without memory. */
struct bell_ws_connect *bell_ws_connect_create(uint32_t max_head_bytes, uint32_t max_field_count);
void bell_ws_connect_destroy(struct bell_ws_connect *k);
/*
 * Sends it to its loop. Takes it over, also on failure. BELL_ESTATE: that loop has ended; no
 * callback comes, and the connection was given back.
 */
BELL_NODISCARD bell_status bell_ws_connect_post(struct bell_ws_connect *k);

void bell_ws_connect_on_connected(struct bell_connection *c, bell_status st);
void bell_ws_connect_on_receive(struct bell_connection *c, bell_slice bytes);
void bell_ws_connect_on_end(struct bell_connection *c, bell_status why);
void bell_ws_connect_on_time(struct bell_connection *c, uint64_t now_ms);
/* The application closes it before it is open. BELL_ECLOSED: it was told of the end already. */
BELL_NODISCARD bell_status bell_ws_connect_cancel(struct bell_connection *c);
/* The I/O server is stopping. */
void bell_ws_connect_drain(struct bell_connection *c);
/* Calls on_close, if that was not done, and frees it: the connection leaves its phase. */
void bell_ws_connect_finish(struct bell_connection *c);

#endif
