/*
 * WebSocket session: the part of a connection's life between the handshake and its end.
 *
 *     OPEN --our Close frame--> CLOSING --peer's Close, time-out--> DONE
 *       |\--queue limit, no memory--> DOOMED --next tick: on_error, Close 1013 or 1011--> DONE
 *       \--peer's Close, broken rule, end of stream--> DONE
 *
 * on_close runs on the way to DONE. Loop thread only.
 */
#ifndef BELL_SERVER_WS_SESSION_H
#define BELL_SERVER_WS_SESSION_H

#include "bell/slice.h"
#include "bell/status.h"
#include "bell/topic/topic.h"
#include "bell/ws/assembler.h"
#include "bell/ws/extension.h"
#include "bell/ws/frame.h"
#include "bell/ws_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bell_blob;
struct bell_connection;
struct bell_http_request;
struct bell_ws_extra;
struct bell_ws_variants;

enum bell_ws_state { BELL_WS_OPEN, BELL_WS_CLOSING, BELL_WS_DOOMED, BELL_WS_DONE };

struct bell_ws_session {
    struct bell_ws_server *server; /* (borrowed) */
    void *user;                    /* (borrowed) the application's */
    struct bell_ws_assembler assembler;
    struct bell_topic_list topics;
    struct bell_ws_extra *extra;   /* (owned) NULL until something of it is used */
    uint32_t asked_ms;             /* when our last Ping went out, or the session began; CLOSING:
                                      when our Close frame was queued. Lower half of the time */
    bell_ws_deflate_terms deflate; /* what was agreed on about compression, as if we were the
                                      server: a client's are mirrored */
    union {
        int8_t doom;    /* DOOMED: bell_status, why */
        uint8_t closer; /* CLOSING: bell_close_origin of our Close frame */
    };
    uint8_t state : 6;         /* enum bell_ws_state */
    bool is_above_mark : 1;    /* the queue has passed a high mark: receiving pauses */
    bool has_late_control : 1; /* a Ping or Pong may wait beyond the limit of the queue */
};

/* The 101 is queued, or has come (a client's; request is NULL): starts the session in c->u.ws,
 * tells guards and component, reads on in rest.
 */
void bell_ws_session_begin(struct bell_connection *c, struct bell_ws_server *server,
                           uint8_t subprotocol, bell_ws_deflate_terms deflate,
                           const struct bell_http_request *request);
void bell_ws_session_on_receive(struct bell_connection *c, char *bytes, size_t n);
/* Looks at bytes, which may be changed, as far as the loop's budget allows; what is left becomes a
 * rest (ws_rest.h). */
void bell_ws_session_feed(struct bell_connection *c, char *bytes, size_t n);
void bell_ws_session_on_end(struct bell_connection *c, bell_status why);
void bell_ws_session_on_sent(struct bell_connection *c);
void bell_ws_session_on_time(struct bell_connection *c, uint64_t now_ms);
/* The peer was silent because we did not read, so his time begins anew: to give a sign of life, or
 * to answer our Close frame, though for that he has no more than so many close_timeout_ms in all:
 * who goes on sending while others use up the budget must not stay for ever. */
enum { BELL_WS_CLOSE_PATIENCE = 4 };
void bell_ws_session_excuse(struct bell_connection *c);
/* The server is stopping: Close 1001. */
void bell_ws_session_drain(struct bell_connection *c);
/* Tells on_close, NULL = the server stops, and frees what the session holds. What is DONE stays so.
 */
void bell_ws_session_finish(struct bell_connection *c, const bell_close_event *event);

/* How a message may be treated while it waits; zeroed: as the connection's queue says. */
typedef struct {
    uint64_t key;              /* hash of key and topic; 0 = none */
    bell_ws_overflow overflow; /* DEFAULT = the connection's */
    bool replaces_none; /* what waits may be later than this: it goes behind, whatever its key */
} bell_ws_terms;

/* A queue's options with a value for each field that is 0. BELL_EINVAL. */
BELL_NODISCARD bell_status bell_ws_queue_complete(bell_ws_queue_options *queue);

/* Queues one message, compressed when that was agreed on and pays. As bell_ws_send; never calls
 * back. terms NULL = the usual ones. */
BELL_NODISCARD bell_status bell_ws_session_send(struct bell_connection *c, bell_message_type type,
                                                bell_slice data, const bell_ws_terms *terms);
/*
 * The same with a whole plain frame, which is shared when it need not be compressed. variants are
 * its compressed twins; NULL when no other connection gets it. terms NULL = the usual ones.
 */
BELL_NODISCARD bell_status bell_ws_session_send_frame(struct bell_connection *c,
                                                      struct bell_blob *frame,
                                                      struct bell_ws_variants *variants,
                                                      const bell_ws_terms *terms);
/*
 * Queues so many plain frames (data_bytes without their heads) that lie in one blob, if this
 * connection takes them just as they are and all of them; false, and nothing is done, if they must
 * be given to it one by one.
 */
bool bell_ws_session_send_whole(struct bell_connection *c, struct bell_blob *frames, uint32_t count,
                                size_t data_bytes);
/*
 * Ends the session at the next tick, since somebody else's publish may be walking its subscribers
 * now; till then nothing more is sent. For what nobody waits to be told: a message that the caller
 * of a send could not be told of must not be missing without a trace.
 */
void bell_ws_session_doom(struct bell_connection *c, bell_status why);
/* As bell_ws_close; the code and reason have been checked. origin: on whose behalf. */
BELL_NODISCARD bell_status bell_ws_session_close(struct bell_connection *c, uint16_t code,
                                                 bell_slice reason, bell_close_origin origin);
void bell_ws_session_abort(struct bell_connection *c);

#endif
