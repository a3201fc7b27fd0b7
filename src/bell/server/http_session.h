/*
 * HTTP session: the requests of one connection, one after the other (RFC 9112).
 *
 *     HEAD --head complete--> BODY --complete--> (handler) --answered--> HEAD ...
 *                                                   \--deferred, file--> PENDING --answered--/
 *
 * Exists only while a request is under way: an idle connection has none. Pipelined requests wait in
 * the buffer until the one before is answered. Loop thread only.
 */
#ifndef BELL_SERVER_HTTP_SESSION_H
#define BELL_SERVER_HTTP_SESSION_H

#include "bell/http_server.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

struct bell_buf;
struct bell_connection;
struct bell_file_job;
struct bell_http_session;
struct bell_server_loop;

/* A new connection: the time for its first request runs. */
void bell_http_session_begin(struct bell_connection *c);
void bell_http_session_on_receive(struct bell_connection *c, bell_slice bytes);
void bell_http_session_on_end(struct bell_connection *c, bell_status why);
void bell_http_session_on_sent(struct bell_connection *c);
void bell_http_session_on_time(struct bell_connection *c, uint64_t now_ms);
/* The server is stopping: idle connections close, the others after their answer. */
void bell_http_session_drain(struct bell_connection *c);
/* Of a connection of home; NULL is fine. */
void bell_http_session_destroy(struct bell_server_loop *home, struct bell_http_session *s);
/* After the last connection: frees the session that home keeps for the next one. */
void bell_http_session_finish(struct bell_server_loop *home);

/* Queues the answer of the request whose handler is running. As bell_http_respond. */
BELL_NODISCARD bell_status bell_http_session_queue(struct bell_connection *c,
                                                   const bell_http_response *response);
/* Answers the pending request and goes on with the next one. */
BELL_NODISCARD bell_status bell_http_session_respond(struct bell_connection *c,
                                                     const bell_http_response *response);
/* Does the request under way wait for its answer? */
bool bell_http_session_is_pending(const struct bell_connection *c);
/* The connection whose request, pending still, is this exchange; NULL when there is none. */
struct bell_connection *bell_http_exchange_find(const struct bell_server_loop *home,
                                                bell_http_exchange exchange);
/*
 * Copies count fields to to, their texts to texts, which is made with room for more_bytes besides
 * and is to be finished by the caller, also after a failure. The sums must not overflow.
 * BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_http_fields_copy(const bell_http_field *from, size_t count,
                                                 size_t more_bytes, struct bell_buf *texts,
                                                 bell_http_field *to);
/* A file job has come back from the file thread; takes it over. */
void bell_http_file_on_job(struct bell_connection *c, struct bell_file_job *job);

#endif
