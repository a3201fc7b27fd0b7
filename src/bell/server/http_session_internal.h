/*
 * HTTP session, the inside: for http_session.c, which reads requests, and http_file.c, which
 * answers them with files.
 */
#ifndef BELL_SERVER_HTTP_SESSION_INTERNAL_H
#define BELL_SERVER_HTTP_SESSION_INTERNAL_H

#include "base/buf.h"
#include "bell/http/body.h"
#include "bell/http/framing.h"
#include "bell/http/head.h"
#include "bell/http/parser.h"
#include "bell/http/response.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/http_session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bell_http_step { BELL_HTTP_STEP_HEAD, BELL_HTTP_STEP_BODY, BELL_HTTP_STEP_PENDING };

struct bell_http_session {
    struct bell_buf in; /* the request's head, then bytes that are not looked at yet */
    struct bell_buf body;
    struct bell_buf path; /* room for the decoded one of the request under way */
    struct bell_http_parser parser;
    struct bell_http_body body_reader;
    bell_http_framing framing;  /* its slices are stale once bytes have been added */
    struct bell_file_job *file; /* (owned) waits until the socket has taken the last chunk */
    struct bell_ws_server
        *upgrade;         /* (borrowed) PENDING: whose connection it may become; else NULL */
    uint64_t deadline_ms; /* of this step; 0 = none, or not looked at yet */
    uint32_t head_bytes;  /* of the head in front of in; 0 until it is complete */
    uint32_t deferral;    /* of the request under way, by the application; 0 = none */
    uint8_t step;         /* enum bell_http_step */
    bool must_close;      /* after the answer */
    bool is_head_request;
    bool is_paused;                /* the peer is not read */
    bell_http_head_field fields[]; /* limits.max_field_count */
};

/* Queues an answer of this head and a line of text that tells the status. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_http_session_say(struct bell_connection *c,
                                                 const bell_http_response_head *head,
                                                 bool is_head_request);
/* The same, and ends the connection, whether that can be said or not. */
void bell_http_session_say_last(struct bell_connection *c, const bell_http_response_head *head,
                                bool is_head_request);
/* Answers with a line of text, the connection goes on. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_http_session_plain(struct bell_connection *c, uint16_t status,
                                                   const bell_http_field *fields,
                                                   size_t field_count);
/* Of answers: their Date and their Connection field. */
bell_slice bell_http_session_date(struct bell_connection *c);
bell_http_connection bell_http_session_persistence(const struct bell_connection *c);
/* An answer may be queued now: its time to be taken begins, unless another one's runs already. */
void bell_http_session_touch(struct bell_connection *c);
/* At the end of whatever may have moved a deadline. */
void bell_http_session_timer_update(struct bell_connection *c);
/* The request under way is answered, all of it queued: on to what comes next. */
void bell_http_session_go_on(struct bell_connection *c);

/*
 * The request under way, whose head is complete, for a while: its slices are good until bytes are
 * added or the session ends. 0, or the status to refuse with.
 */
BELL_NODISCARD uint16_t bell_http_session_request(struct bell_connection *c,
                                                  struct bell_http_request *out);
/* Answers with a line of text and ends the connection. */
void bell_http_session_refuse(struct bell_connection *c, uint16_t status);

/* Answers r with a file of from: at once (404, memory), or later, r is deferred then. BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_http_file_serve(struct bell_http_request *r,
                                                const struct bell_http_static *from);
/* The socket has taken some of the last chunk. */
void bell_http_file_on_sent(struct bell_connection *c);

#endif
