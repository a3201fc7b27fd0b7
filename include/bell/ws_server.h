/*
 * WebSocket server: turns HTTP upgrades into connections and their messages into callbacks of one
 * component (RFC 6455).
 *
 * Callback order is a promise: on_upgrade before there is a connection; on_open first; then any
 * number of on_message, on_drain and on_error; on_close exactly once and last. All callbacks of a
 * connection run on its loop thread. Every call below is legal inside every callback, closing the
 * connection itself included.
 */
#ifndef BELL_WS_SERVER_H
#define BELL_WS_SERVER_H

#include "bell/http_server.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "bell/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bell_ws_server;
struct bell_guard;

/* A connection: unique among all that an I/O server ever has; never 0. */
typedef uint64_t bell_conn;

/* The values are the opcodes of RFC 6455 section 5.2. */
typedef enum { BELL_TEXT = 1, BELL_BINARY = 2 } bell_message_type;

typedef struct {
    bell_slice data;        /* (borrowed until the callback returns) text is checked UTF-8 */
    bell_message_type type; /* as the peer sent it */
} bell_message;

/* Who ended the connection. */
typedef enum {
    BELL_CLOSED_BY_PEER,   /* a Close frame or the end of the stream came from the peer */
    BELL_CLOSED_BY_US,     /* bell_ws_close or bell_ws_abort was first */
    BELL_CLOSED_BY_ENGINE, /* a broken rule, a limit, a time-out, a failed socket, or stopping */
} bell_close_origin;

typedef struct {
    bell_slice reason; /* (borrowed until the callback returns) may be empty */
    bell_close_origin origin;
    uint16_t code; /* RFC 6455 section 7.4.1: of the peer's Close frame, or of ours when the engine
                      closes; 1005 = none given, 1006 = the peer sent none */
    /*
     * What went wrong; BELL_OK when nothing did: the closing handshake was completed, or the peer
     * or we broke off by choice.
     *
     * BELL_EPROTO    the peer broke the protocol
     * BELL_ELIMIT    a message, a queue or a guard's limit was passed
     * BELL_ETIMEOUT  the peer was silent for too long, or did not answer our Close frame in time
     * BELL_EIO       the socket failed
     * BELL_ENOMEM    memory ended
     * BELL_ESTATE    the server stopped and did not wait
     */
    bell_status why;
} bell_close_event;

/*
 * The application. Copied at creation; any callback may be NULL.
 *
 * on_upgrade  somebody wants a WebSocket and the guards let him pass. Decides with one call:
 *             bell_ws_accept; or bell_http_respond, which refuses with that answer, whatever its
 *             status; or bell_http_request_defer, to decide later from any thread with
 *             bell_ws_accept_later or bell_ws_reject_later. One that returns without a decision
 *             refuses with 500. NULL: everybody is accepted. All of bell/http_server.h that reads
 *             requests may be called
 * on_open     the handshake was answered; request is borrowed until the callback returns. Of a
 *             client (ws_client.h): it has succeeded, and request is NULL
 * on_message  one whole message
 * on_drain    the queue of this connection has fallen to its low marks again, after it had passed a
 *             high one (bell_ws_queue_options); meanwhile the peer was not read
 * on_error    why the connection is about to fail: BELL_EPROTO (the peer broke the protocol),
 *             BELL_ELIMIT (a message, a queue, or a guard refuses a message), BELL_ETIMEOUT
 *             (heartbeat), BELL_EIO (socket), BELL_ENOMEM (also: a message of another thread or for
 *             a topic could not be queued). It is the event's why later. on_close follows, from the
 *             engine, without further help
 * on_close    last word; the handle is stale when it returns
 */
struct bell_component {
    void (*on_open)(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user);
    void (*on_message)(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                       void *user);
    void (*on_drain)(struct bell_ws_server *ws, bell_conn conn, void *user);
    void (*on_error)(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user);
    void (*on_close)(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user);
    void *user; /* (borrowed) last argument of every callback */
    void (*on_upgrade)(struct bell_ws_server *ws, struct bell_http_request *request, void *user);
};

/*
 * Compression of messages: permessage-deflate (RFC 7692), for clients that offer it; all browsers
 * do. A message costs some 10 us of CPU per KiB to compress and 3 to inflate, many times what it
 * costs to pass on as it is, so it pays where bytes are dear.
 *
 * By default nothing is kept from one message of a connection to the next (no_context_takeover, of
 * which clients are told): then an idle connection costs no memory more than a plain one, each loop
 * has a few windows for all of them (at most 0.9 MiB), and a published message is compressed once
 * for all receivers.
 *
 * With context takeover a message may refer to those before it. Small messages that resemble each
 * other become much smaller (then lower the threshold too), but each connection holds windows of
 * its own from its first compressed message on, and a published message is compressed for each
 * receiver:
 *
 *     what we send    2^(server_max_window_bits + 2) + 2^(memory_level + 9) bytes and 6 KiB
 *                     (15 and 8: 262 KiB; 10 and 3: 14 KiB)
 *     what we receive 2^client_max_window_bits bytes and 8 KiB (15: 40 KiB; 10: 9 KiB)
 *
 * Whoever sees the sizes of encrypted messages can guess at secrets that are compressed together
 * with text of his own choice, with takeover also across messages: keep such messages apart, or
 * below the threshold.
 */
typedef struct {
    bool is_enabled;                /* default false */
    bool has_server_takeover;       /* default false; a client's wish not to have it is obeyed */
    bool has_client_takeover;       /* default false */
    uint8_t server_max_window_bits; /* 8 to 15; lower when a client asks for it. Default 15 */
    uint8_t client_max_window_bits; /* 8 to 15; a client that cannot be asked to keep to it is not
                                       granted takeover. Default 15 */
    uint8_t level;                  /* 1 = fastest to 9 = smallest. Default 3 */
    uint8_t memory_level;           /* 1 to 9. Default 8 */
    size_t threshold_bytes; /* shorter messages are sent plain, and without takeover also those that
                               would not become shorter, or from 1 MiB on the first 64 KiB of which
                               would not. Default 256 */
} bell_ws_deflate_options;

/*
 * What happens to a message that finds no room in the queue of its receiver. Pings and Pongs are no
 * messages: one of each may wait beyond the limit, and the latest counts.
 */
typedef enum {
    BELL_OVERFLOW_DEFAULT, /* what the connection's queue says; there: BELL_OVERFLOW_CLOSE */
    /*
     * The receiver is closed: nobody misses a message without knowing it. First what may be given
     * up is: messages that were sent with BELL_OVERFLOW_DROP_OLDEST.
     */
    BELL_OVERFLOW_CLOSE,
    /*
     * The oldest messages that were sent so are given up for it, as long as they have not begun to
     * be sent; when that makes not enough room, it is dropped itself.
     */
    BELL_OVERFLOW_DROP_OLDEST,
    BELL_OVERFLOW_DROP_NEWEST, /* it is dropped */
} bell_ws_overflow;

/*
 * The queue of what waits to be sent to one peer. Above a high mark its peer is not read, so that
 * who sends and does not read slows himself; when it has fallen to the low marks he is read again
 * and on_drain is called.
 */
typedef struct {
    size_t max_bytes; /* One message is taken whatever its size while no other waits. Less than 4
                         GiB whatever is set. Default 4 MiB */
    uint32_t max_messages;  /* likewise, counted. Default 65,536 */
    uint32_t high_messages; /* 0 = a quarter of max_messages. Default 0 */
    size_t high_bytes; /* 0 = half of max_bytes, but 512 KiB when that is less; less than half when
                          max_bytes is below 528 KiB, since one receive may bring 256 KiB, the
                          answers to which must still fit. Default 0 */
    size_t low_bytes;  /* at most high_bytes; 0 = the same. Default 0 */
    uint32_t low_messages;     /* at most high_messages; 0 = the same. Default 0 */
    uint16_t close_code;       /* of BELL_OVERFLOW_CLOSE (RFC 6455 section 7.4). Default 1013 */
    bell_ws_overflow overflow; /* default BELL_OVERFLOW_CLOSE */
} bell_ws_queue_options;

/* Begin with bell_ws_options_init: a zeroed one is refused, since most limits must not be 0. */
typedef struct {
    size_t max_message_bytes; /* whole message, inflated; above: Close 1009. Default 1 MiB */
    size_t max_frame_bytes;   /* one frame's payload as it comes, compressed or not; above: Close
                                 1009. 0 = what a whole message may have, since most clients send it
                                 in one frame. Default 0 */
    uint32_t heartbeat_ms; /* a Ping after so much silence of the peer; 0 = never. Default 30,000 */
    uint32_t
        idle_timeout_ms; /* silence after which a peer counts as dead; 0 = never. Default 75,000 */
    uint32_t close_timeout_ms; /* wait for the peer's Close after ours; up to four times as long
                                  while what it has sent waits to be inflated. Default 5,000 */
    const char *const
        *subprotocols; /* (borrowed during create) in order of preference; RFC 6455 1.9 */
    size_t subprotocol_count;
    bell_ws_deflate_options deflate; /* default off */
    uint32_t upgrade_timeout_ms; /* for the decision that on_upgrade has deferred; then the upgrade
                                    is refused with 503. Default 10,000 */
    bell_ws_queue_options queue; /* of every connection; see bell_ws_set_queue */
    size_t max_retained_bytes;   /* names and messages of all retained values. Default 64 MiB */
    size_t max_retained;         /* values that are retained. Default 10,000 */
} bell_ws_options;

/* What the calls below are made of; the sizes say which fields the program knows (see version.h).
 */
BELL_API void bell_ws_options_init_sized(bell_ws_options *options, size_t options_bytes);
BELL_NODISCARD BELL_API bell_status bell_ws_server_create_sized(
    const struct bell_component *component, size_t component_bytes, const bell_ws_options *options,
    size_t options_bytes, struct bell_ws_server **out);

/* The defaults. */
static inline void bell_ws_options_init(bell_ws_options *options)
{
    bell_ws_options_init_sized(options, sizeof *options);
}

/*
 * Copies component and options (NULL = defaults). The result is owned by the caller and must
 * outlive the HTTP server it is given to.
 * BELL_EINVAL a limit of 0 (but max_frame_bytes), a bad sub-protocol name or more than 64, an
 * enabled deflate with a number out of its range, a queue with marks above its limits or a code
 * that must not be sent (the log names the option); BELL_ENOTSUP a callback or an option that only
 * a later libbell knows; BELL_ENOMEM.
 */
BELL_NODISCARD static inline bell_status
bell_ws_server_create(const struct bell_component *component, const bell_ws_options *options,
                      struct bell_ws_server **out)
{
    return bell_ws_server_create_sized(component, sizeof *component, options, sizeof *options, out);
}
/* Only before start or after stop. Takes NULL. Destroys its guards. */
BELL_API void bell_ws_server_destroy(struct bell_ws_server *ws);

/*
 * Guards are asked in the order in which they were added; the first refusal holds.
 * Takes the guard over, also on failure. Only before start. BELL_ELIMIT over 16 guards,
 * BELL_ESTATE after start, or for a client.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_server_add_guard(struct bell_ws_server *ws,
                                                             struct bell_guard *guard);

/* On what terms an upgrade is accepted; zeroed: the usual ones. */
typedef struct {
    void *user;             /* the connection's own pointer from on_open on, see bell_ws_get_user */
    bell_slice subprotocol; /* one of options.subprotocols that the client offers; empty = the first
                               of them that it offers, or none */
    const bell_http_field *fields; /* further header fields of the answer, such as Set-Cookie */
    size_t field_count;
    /*
     * Of bell_ws_accept_later: called with user, once, instead of on_open, when there will be no
     * connection: the client has gone, the time for the decision was over, a guard refuses by now,
     * the server stops, memory ended. On the connection's loop thread, or on the calling one when
     * the loop has ended. NULL: there is nothing to free.
     */
    void (*discard)(void *user);
} bell_ws_acceptance;

/* What the calls below are made of; the size says which fields the program knows (see version.h).
 */
BELL_NODISCARD BELL_API bell_status bell_ws_accept_sized(struct bell_http_request *request,
                                                         const bell_ws_acceptance *terms,
                                                         size_t terms_bytes);
BELL_NODISCARD BELL_API bell_status bell_ws_accept_later_sized(struct bell_ws_server *ws,
                                                               bell_http_exchange exchange,
                                                               const bell_ws_acceptance *terms,
                                                               size_t terms_bytes);

/*
 * In on_upgrade: accepts. terms NULL = the usual ones; everything is copied. on_open follows when
 * on_upgrade returns.
 * BELL_EINVAL  a sub-protocol that is not in options.subprotocols or that the client does not offer
 *              (bell_ws_offers); a field that is broken, that the handshake writes itself, or that
 *              makes the head larger than 64 KiB; more than 32 fields
 * BELL_ESTATE  the request is no upgrade, or it is decided already
 * BELL_ENOMEM; BELL_ENOTSUP terms that only a later libbell knows
 * After a failure nothing is decided.
 */
BELL_NODISCARD static inline bell_status bell_ws_accept(struct bell_http_request *request,
                                                        const bell_ws_acceptance *terms)
{
    return bell_ws_accept_sized(request, terms, sizeof *terms);
}

/*
 * Decides on a deferred upgrade; exchange is what bell_http_request_defer gave. Any thread; the
 * first decision counts. A later one is no error, nor is a client that has gone meanwhile (see
 * discard). What it sends before it is accepted waits, 64 KiB of it; the rest is not read. Guards
 * are asked a second time before the answer, since what they count may have changed. BELL_EINVAL
 * (as bell_ws_accept; a sub-protocol that the client does not offer gives it 500, and so do fields
 * that only with the handshake's own pass 64 KiB), BELL_ENOMEM, BELL_ENOTSUP: nothing was done and
 * discard is not called.
 */
BELL_NODISCARD static inline bell_status bell_ws_accept_later(struct bell_ws_server *ws,
                                                              bell_http_exchange exchange,
                                                              const bell_ws_acceptance *terms)
{
    return bell_ws_accept_later_sized(ws, exchange, terms, sizeof *terms);
}
/* The same as bell_http_respond_later, and the connection ends after it. */
BELL_NODISCARD BELL_API bell_status bell_ws_reject_later(struct bell_ws_server *ws,
                                                         bell_http_exchange exchange,
                                                         const bell_http_response *response);

/* Does the client of this upgrade offer the sub-protocol? In on_upgrade, on_open and guards. */
BELL_API bool bell_ws_offers(const struct bell_http_request *request, bell_slice subprotocol);

/*
 * Queues one message, whole or not at all; data is copied. Any thread; messages of one thread to
 * one connection keep their order.
 * BELL_ECLOSED  the connection is gone or closing (from a foreign thread it may also go later)
 * BELL_ELIMIT   the queue is full: the connection is being closed with 1013 (queue.close_code)
 * BELL_EAGAIN   the queue is full and the connection's queue drops: the message was dropped; or,
 *               from another thread: 64 MiB wait for the connection's loop already
 * BELL_EINVAL   text that is not UTF-8, or a type that is none; BELL_ENOMEM
 */
BELL_NODISCARD BELL_API bell_status bell_ws_send(struct bell_ws_server *ws, bell_conn conn,
                                                 bell_message_type type, bell_slice data);

/* How a message is sent to one connection; zeroed: as bell_ws_send does. */
typedef struct {
    bell_slice key; /* as that of bell_ws_publish_options; what is sent to a connection has keys of
                       its own, apart from those of topics */
    bell_ws_overflow overflow; /* of this message, whatever the connection's queue says */
} bell_ws_send_options;

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status bell_ws_send_sized(struct bell_ws_server *ws, bell_conn conn,
                                                       bell_message_type type, bell_slice data,
                                                       const bell_ws_send_options *options,
                                                       size_t options_bytes);

/*
 * As bell_ws_send, and BELL_EINVAL for an overflow that is none, BELL_ENOTSUP an option that only a
 * later libbell knows. BELL_EAGAIN and BELL_ELIMIT come by the message's own overflow. Options NULL
 * = all zero.
 */
BELL_NODISCARD static inline bell_status bell_ws_send_with(struct bell_ws_server *ws,
                                                           bell_conn conn, bell_message_type type,
                                                           bell_slice data,
                                                           const bell_ws_send_options *options)
{
    return bell_ws_send_sized(ws, conn, type, data, options, sizeof *options);
}

/*
 * Starts the closing handshake: what is queued goes out first, then the Close frame. on_close comes
 * after the peer's answer or close_timeout_ms. Closing twice is fine. Any thread.
 * BELL_EINVAL   a code that must not be sent (RFC 6455 section 7.4: not 1000-1003, 1007-1014 or
 *               3000-4999), a reason over 123 bytes or not UTF-8
 * BELL_ECLOSED, BELL_ENOMEM
 */
BELL_NODISCARD BELL_API bell_status bell_ws_close(struct bell_ws_server *ws, bell_conn conn,
                                                  uint16_t code, bell_slice reason);

/*
 * Drops the TCP connection at once, with whatever is queued; on_close tells 1006. Any thread.
 * BELL_ECLOSED it is gone; BELL_ENOMEM, from other threads than its own only: nothing was done. On
 * its own loop the connection is gone afterwards whatever comes back, so it need not be looked at.
 */
BELL_API bell_status bell_ws_abort(struct bell_ws_server *ws, bell_conn conn);

/*
 * Topics: who is subscribed gets what is published after bell_ws_subscribe has returned, on
 * whatever loop it lives. A topic exists while it has subscribers. A connection's subscriptions end
 * with it.
 *
 * subscribe and unsubscribe: only on the connection's own loop thread (in its callbacks or in a
 * task run by bell_ws_run). Subscribing twice is BELL_OK; leaving a topic one is not in is
 * BELL_ENOTFOUND. BELL_ECLOSED: stale; BELL_ESTATE: another thread. BELL_ENOMEM. Of subscribe:
 * BELL_EINVAL a bad name (of 0 or over 255 bytes), BELL_ELIMIT over 1,024 topics for one
 * connection. A retained value of the topic is sent at once, see bell_ws_publish_options.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_subscribe(struct bell_ws_server *ws, bell_conn conn,
                                                      bell_slice topic);
BELL_NODISCARD BELL_API bell_status bell_ws_unsubscribe(struct bell_ws_server *ws, bell_conn conn,
                                                        bell_slice topic);

/*
 * Is the connection in this topic? false for a stale handle. Only on the connection's loop thread;
 * in on_close it is still in those it was in.
 */
BELL_API bool bell_ws_is_subscribed(struct bell_ws_server *ws, bell_conn conn, bell_slice topic);
/*
 * The topics a connection is in, index from 0 in no order; empty when there are no more, and for a
 * stale handle. Valid until the next bell_ws_unsubscribe or bell_ws_abort of this connection, or
 * the end of the callback; leaving a topic gives its index to the last one, so who leaves some goes
 * on at the same index. Only on the connection's loop thread; in on_close too.
 */
BELL_API bell_slice bell_ws_topic_at(struct bell_ws_server *ws, bell_conn conn, size_t index);

/*
 * Queues one message for every subscriber but except (0 = for all). The frame is made once and
 * shared, and so is a compressed one, which the first loop that needs it makes. Any thread; what
 * one thread publishes and sends reaches each connection in that order, what two threads publish
 * each subscriber perhaps in another. BELL_EINVAL (as bell_ws_send, or a bad name); BELL_ENOMEM,
 * BELL_EAGAIN (as bell_ws_send): then nobody gets it. What the queue of one receiver does with it
 * is not told. Without subscribers, before start and after the end too, it is BELL_OK.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_publish(struct bell_ws_server *ws, bell_slice topic,
                                                    bell_message_type type, bell_slice data,
                                                    bell_conn except);

/* How a message is published; zeroed: as bell_ws_publish does for all. */
typedef struct {
    bell_conn except; /* who does not get it; 0 = nobody */
    /*
     * Not empty: the latest message of each key and topic is enough; bytes of any length. Where the
     * one before it still waits and has not begun to be sent, this one takes its place in the
     * queue, before what was sent between the two, and the other is never sent.
     */
    bell_slice key;
    bell_ws_overflow overflow; /* of this message, whatever the queue of a receiver says */
    /*
     * Who subscribes later gets this message at once, before bell_ws_subscribe returns and before
     * what is published after it, until another one is retained for the topic or it is cleared. It
     * goes behind all that waits for him, also behind messages of its key. Of values that several
     * threads publish at the same moment some subscribers may miss an older one; the last one is
     * the same for all.
     */
    bool is_retained;
} bell_ws_publish_options;

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status bell_ws_publish_sized(struct bell_ws_server *ws,
                                                          bell_slice topic, bell_message_type type,
                                                          bell_slice data,
                                                          const bell_ws_publish_options *options,
                                                          size_t options_bytes);

/*
 * As bell_ws_publish, and BELL_EINVAL for an overflow that is none; BELL_ELIMIT a retained value
 * too much, or too large (options.max_retained, max_retained_bytes), BELL_ESTATE one without an I/O
 * server, and after both nobody gets it; BELL_ENOTSUP an option that only a later libbell knows.
 * Messages with a key, and those that may be given up for newer ones, are not compressed with
 * context takeover: what follows must not depend on them.
 */
BELL_NODISCARD static inline bell_status
bell_ws_publish_with(struct bell_ws_server *ws, bell_slice topic, bell_message_type type,
                     bell_slice data, const bell_ws_publish_options *options)
{
    return bell_ws_publish_sized(ws, topic, type, data, options, sizeof *options);
}

/* What is usual for the messages of a topic; zeroed: what is usual for all. */
typedef struct {
    bell_ws_overflow overflow; /* of messages that are published with BELL_OVERFLOW_DEFAULT; before
                                  what the queue of a receiver says */
    bool keeps_latest; /* messages without a key have one in common: of them the latest is enough,
                          as with bell_ws_publish_options.key */
} bell_ws_topic_options;

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status
bell_ws_server_set_topic_sized(struct bell_ws_server *ws, bell_slice topic,
                               const bell_ws_topic_options *options, size_t options_bytes);

/*
 * Says what is usual for a topic, whoever publishes there, by bell_http_server_publish too; the
 * latest call counts. Only before start. BELL_EINVAL a bad name (of 0 or over 255 bytes) or an
 * overflow that is none; BELL_ELIMIT over 32 topics; BELL_ESTATE after start; BELL_ENOTSUP an
 * option that only a later libbell knows. Options NULL = all zero.
 */
BELL_NODISCARD static inline bell_status
bell_ws_server_set_topic(struct bell_ws_server *ws, bell_slice topic,
                         const bell_ws_topic_options *options)
{
    return bell_ws_server_set_topic_sized(ws, topic, options, sizeof *options);
}

/*
 * Queues one message for every open connection of this server but except, else as bell_ws_publish.
 * Any thread. BELL_EINVAL, BELL_ENOMEM, BELL_EAGAIN.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_broadcast(struct bell_ws_server *ws,
                                                      bell_message_type type, bell_slice data,
                                                      bell_conn except);

/*
 * Runs task on the loop thread of conn, soon, after everything the calling thread has sent to that
 * loop before. If the connection is gone by then the task runs all the same, with conn 0, so that
 * it can free what it holds; when the loop has ended, it runs so within the call. With conn 0 the
 * task is for no connection and runs on the first loop, always the same one, which ends after all
 * others. Any thread; a task that is given before start runs after it. On failure the task does
 * not run: BELL_ENOMEM; BELL_EAGAIN 262,144 tasks wait for that loop already, or it has ended and
 * 64 tasks run within one another, each having given the next; BELL_ESTATE without an I/O server.
 */
typedef void (*bell_ws_task_fn)(struct bell_ws_server *ws, bell_conn conn, void *user);
BELL_NODISCARD BELL_API bell_status bell_ws_run(struct bell_ws_server *ws, bell_conn conn,
                                                bell_ws_task_fn task, void *user);

/*
 * Runs task once on each loop, soon, each time after everything the calling thread has sent to that
 * loop before, and with conn 0. Several loops run it at the same time, with the same user. Once all
 * have, done runs, once, on the thread of the last one; it sees what the tasks have written, and
 * may free user. NULL: nothing is to be done. On a loop that has ended the task does not run; done
 * always does, within the call when all have ended. Any thread. On failure neither runs anywhere:
 * BELL_ENOMEM; BELL_EAGAIN as of bell_ws_run, for any of the loops; BELL_ESTATE without an I/O
 * server.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_run_all(struct bell_ws_server *ws, bell_ws_task_fn task,
                                                    bell_ws_task_fn done, void *user);

/*
 * Calls visit for each connection of this server that is open and lives on the loop of the calling
 * thread, in no order, until it returns false. Each loop has its own: bell_ws_run_all gets to all.
 * visit may do what every callback may: close any connection, visit again. Who is closed meanwhile
 * is not visited any more. It takes as long as all its visits do, and the loop does nothing else.
 * BELL_ESTATE not on a loop thread of the server.
 */
typedef bool (*bell_ws_visit_fn)(struct bell_ws_server *ws, bell_conn conn, void *user);
BELL_NODISCARD BELL_API bell_status bell_ws_visit(struct bell_ws_server *ws, bell_ws_visit_fn visit,
                                                  void *user);
/*
 * The same for the subscribers of a topic. Who leaves it meanwhile is not visited any more, and who
 * comes is not. Needs 8 bytes for each of them until it returns. BELL_EINVAL a bad name;
 * BELL_ENOMEM: nobody was visited; BELL_ESTATE.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_visit_topic(struct bell_ws_server *ws, bell_slice topic,
                                                        bell_ws_visit_fn visit, void *user);

/* A timer: unique among all that an I/O server ever has; never 0. */
typedef uint64_t bell_ws_timer;
typedef void (*bell_ws_timer_fn)(struct bell_ws_server *ws, bell_ws_timer timer, void *user);

/*
 * Calls ring on the loop of the calling thread after delay_ms, never earlier, and then every
 * period_ms; 0 = once. A periodic timer keeps to its grid whatever its calls take, and leaves out
 * rounds that a busy loop has missed. Those that are due in the same millisecond ring in the order
 * in which they were started. Timers end without a word when the loop does, which they do not keep
 * from ending: what user points at must be freed by somebody else then.
 *
 * Only on a loop thread of the server; bell_ws_run gets there from elsewhere. *timer (NULL: nobody
 * will cancel it) is known before ring is called. BELL_ESTATE another thread; BELL_ELIMIT 1,000,000
 * timers of one loop; BELL_ENOMEM. Each costs 60 bytes, setting and cancelling some comparisons.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_start_timer(struct bell_ws_server *ws,
                                                        uint32_t delay_ms, uint32_t period_ms,
                                                        bell_ws_timer_fn ring, void *user,
                                                        bell_ws_timer *timer);
/*
 * It will not ring any more. Only on the loop thread it was started on; in its own ring too.
 * BELL_ENOTFOUND it has rung for the last time or was cancelled; BELL_ESTATE another thread.
 */
BELL_API bell_status bell_ws_cancel_timer(struct bell_ws_server *ws, bell_ws_timer timer);

/*
 * The application's own pointer of a connection, at first what it was accepted with, else NULL; get
 * gives NULL for a stale handle.
 * Only on the connection's loop thread. It is still there in on_close, which should free it.
 */
BELL_API void bell_ws_set_user(struct bell_ws_server *ws, bell_conn conn, void *user);
BELL_API void *bell_ws_get_user(struct bell_ws_server *ws, bell_conn conn);

/*
 * Gives one connection a queue of its own kind, from the next message on; NULL = the server's
 * again. Begin with options.queue as bell_ws_options_init fills it. What waits already stays, and
 * was sent as it was sent. Only on the connection's loop thread. BELL_EINVAL as
 * bell_ws_server_create; BELL_ECLOSED, BELL_ENOMEM; BELL_ESTATE another thread.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_set_queue(struct bell_ws_server *ws, bell_conn conn,
                                                      const bell_ws_queue_options *queue);

/* Bytes waiting to be sent; 0 for a stale handle. Only on the connection's loop thread. */
BELL_API size_t bell_ws_queued_bytes(struct bell_ws_server *ws, bell_conn conn);

/* The sub-protocol that was agreed on; empty when none. Only on the connection's loop thread. */
BELL_API bell_slice bell_ws_subprotocol(struct bell_ws_server *ws, bell_conn conn);

/* The client's address as text ("192.0.2.1", "2001:db8::1"; see bell_http_request_peer), valid
 * until the next call on this thread; empty when stale. Only on its loop thread. */
BELL_API bell_slice bell_ws_peer_address(struct bell_ws_server *ws, bell_conn conn);

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status bell_ws_tls_sized(struct bell_ws_server *ws, bell_conn conn,
                                                      bell_tls_agreement *out, size_t out_bytes);

/*
 * What TLS between the peer and us has agreed on, of a client's connection too; its texts are valid
 * until the callback or task returns. Only on the connection's loop thread. BELL_ENOTFOUND there is
 * no TLS; BELL_ECLOSED stale, or not open yet; BELL_ESTATE another thread.
 */
BELL_NODISCARD static inline bell_status bell_ws_tls(struct bell_ws_server *ws, bell_conn conn,
                                                     bell_tls_agreement *out)
{
    return bell_ws_tls_sized(ws, conn, out, sizeof *out);
}

/*
 * Ends the retaining of a topic's value, on every loop soon. Any thread. BELL_ENOTFOUND there is
 * none; BELL_EINVAL a bad name; BELL_ENOMEM.
 */
BELL_NODISCARD BELL_API bell_status bell_ws_clear_retained(struct bell_ws_server *ws,
                                                           bell_slice topic);

/* Subscribers of a topic, all loops. Any thread; a moment's value. */
BELL_API uint64_t bell_ws_topic_count(const struct bell_ws_server *ws, bell_slice topic);

/* What has become of connections and messages, since the server was made; all loops. See also
 * bell/metrics.h. */
typedef struct {
    uint64_t high_marks;     /* times that a queue has passed a high mark */
    uint64_t replaced;       /* messages that a later one of the same key has taken the place of */
    uint64_t dropped;        /* messages that were dropped, old or new, since a queue was full */
    uint64_t slow_receivers; /* connections closed since their queue was full */
    uint64_t retained;       /* values that are retained now */
    uint64_t retained_bytes; /* of their names and messages */
    uint64_t connections;    /* open now */
    uint64_t opened;
    uint64_t received;       /* messages given to the application */
    uint64_t received_bytes; /* theirs, inflated */
    uint64_t sent;           /* messages put into queues, one for each receiver */
    uint64_t sent_bytes;     /* theirs, before compression */
    uint64_t timeouts; /* connections closed since the peer was silent for too long, or did not
                          answer our Close frame */
} bell_ws_stats;

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_API void bell_ws_server_stats_sized(const struct bell_ws_server *ws, bell_ws_stats *out,
                                         size_t out_bytes);

/* Any thread; a moment's values, counted since the I/O server was made. */
static inline void bell_ws_server_stats(const struct bell_ws_server *ws, bell_ws_stats *out)
{
    bell_ws_server_stats_sized(ws, out, sizeof *out);
}

/* Open connections of this server, all loops. Any thread; a moment's value. */
BELL_API uint64_t bell_ws_connection_count(const struct bell_ws_server *ws);

#ifdef __cplusplus
}
#endif
#endif
