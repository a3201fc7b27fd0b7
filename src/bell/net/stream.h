/*
 * Stream: one socket of a loop, accepted or connected: bytes come in, a queue of frames goes out.
 *
 * Sending is asked for at any time and done once at the end of the turn. Closing marks at once and
 * frees at the end of the turn, where on_closed gives the memory back to the owner. Loop thread
 * only.
 *
 *     CONNECTING --connected--> OPEN
 *
 *     OPEN --end--> ENDING --all sent, our half shut--> ENDED --peer's end--> CLOSED
 *       \______________ close, or a broken socket, from any state ____________/
 */
#ifndef BELL_NET_STREAM_H
#define BELL_NET_STREAM_H

#include "bell/net/io.h"
#include "bell/net/loop.h"
#include "bell/net/out_queue.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bell_stream_state {
    BELL_STREAM_OPEN,
    BELL_STREAM_ENDING,
    BELL_STREAM_ENDED,
    BELL_STREAM_CLOSED,
    BELL_STREAM_CONNECTING, /* or not even that: it has no socket yet */
};

struct bell_stream;
struct bell_tls_session;

/* What comes at most between two chances to pause a stream: one receive, and what TLS has kept of
 * the one before. */
enum { BELL_STREAM_MAX_RECEIVE_BYTES = BELL_IO_MAX_RECEIVE_BYTES + 32 * 1024 };

/* The owner's side. Any call of this header is legal inside. */
struct bell_stream_handler {
    /* Bytes have come; they may be changed and are valid until the callback returns. Only while
     * OPEN. */
    void (*on_receive)(struct bell_stream *s, char *bytes, size_t n);
    /*
     * BELL_OK: the peer has ended its half; the stream stays OPEN for sending. BELL_EPROTO: TLS has
     * failed (bell_tls_session_why); the stream stays OPEN, but the only use of that is to end it,
     * so that the peer gets the alert. Anything else: the socket broke; the stream is CLOSED. Not
     * called for a close of our own.
     */
    void (*on_end)(struct bell_stream *s, bell_status why);
    /* Some of the queue was taken by the socket. Not when that was the last and closed the stream.
     */
    void (*on_sent)(struct bell_stream *s);
    /*
     * What bell_stream_connect began is over. BELL_OK: the stream is OPEN and receives. Else it is
     * CONNECTING still, without a socket: to be connected to another address, or closed.
     */
    void (*on_connected)(struct bell_stream *s, bell_status st);
    /* The stream is CLOSED and nobody holds it: its memory may go. Once and last. */
    void (*on_closed)(struct bell_stream *s);
};

/*
 * From this payload on, what a copy costs (and the caches it spoils) is more than a system call of
 * its own.
 */
enum { BELL_STREAM_LARGE_BYTES = 16 * 1024 };

struct bell_stream {
    struct bell_io_handle io; /* first: completions find the stream by it */
    struct bell_loop *loop;   /* (borrowed) */
    const struct bell_stream_handler *handler;
    struct bell_tls_session *tls; /* (owned) NULL: bytes travel as they are */
    struct bell_out_queue out;
    struct bell_stream *next; /* in the loop's list of dirty streams, or of closed ones */
    uint8_t state;            /* enum bell_stream_state */
    bool is_dirty;
    bool is_sending;       /* a send is in flight */
    bool has_sent : 1;     /* a large frame went out, in part or whole: on_sent is due */
    bool has_peer_end : 1; /* the peer has ended its half */
    bool ends_last : 1;    /* ending leaves it to the peer to be the first */
    uint8_t pieces;        /* of the send in flight */
};

/* Takes fd over, also on failure, and starts receiving. BELL_ENOMEM, BELL_EIO: on_closed does not
 * come. */
BELL_NODISCARD bell_status bell_stream_open(struct bell_stream *s, struct bell_loop *loop, int fd,
                                            const struct bell_stream_handler *handler);
/* A stream without a socket: CONNECTING. Cannot fail, and needs bell_stream_close as any other. */
void bell_stream_init(struct bell_stream *s, struct bell_loop *loop,
                      const struct bell_stream_handler *handler);
/*
 * Connects fd, which it takes over, also on failure. BELL_OK: OPEN at once, on_connected does not
 * come; BELL_EAGAIN: it will come, and address must stay until then or until the stream is closed;
 * else as bell_io_connect: it is as before, without a socket.
 */
BELL_NODISCARD bell_status bell_stream_connect(struct bell_stream *s, int fd,
                                               const struct sockaddr_storage *address,
                                               socklen_t len);
/* Gives up the connect under way: CONNECTING without a socket again. */
void bell_stream_disconnect(struct bell_stream *s);
/*
 * From here on the bytes of both sides are TLS, and the handler sees what is inside (see tls.h).
 * Takes the session over. While OPEN, before anything was sent; once. came: bytes of the peer that
 * are here already, so that the handler may be called from inside.
 */
void bell_stream_start_tls(struct bell_stream *s, struct bell_tls_session *session,
                           bell_slice came);
/* Pauses or resumes receiving; nothing while it is not OPEN or has reached the peer's end. */
void bell_stream_receive(struct bell_stream *s, bool on);
/*
 * Queue a frame: copied from two parts, or shared. BELL_ECLOSED unless OPEN; BELL_ENOMEM. A large
 * one that nothing waits before is not copied but for what the socket does not take at once.
 */
BELL_NODISCARD bell_status bell_stream_send(struct bell_stream *s, bell_slice head,
                                            bell_slice payload);
BELL_NODISCARD bell_status bell_stream_send_blob(struct bell_stream *s, struct bell_blob *blob);
/* So many frames in one blob. */
BELL_NODISCARD bell_status bell_stream_send_frames(struct bell_stream *s, struct bell_blob *blob,
                                                   uint32_t frames);
/* Room for a frame at the end of the queue: the caller writes all size bytes at *out before its
 * next call. Else as bell_stream_send. */
BELL_NODISCARD bell_status bell_stream_reserve(struct bell_stream *s, size_t size, char **out);
/* As bell_out_queue_put, replace and make_room; put and replace as sends. */
BELL_NODISCARD bell_status bell_stream_put(struct bell_stream *s, struct bell_blob *blob,
                                           uint64_t key, bool may_drop);
bool bell_stream_replace(struct bell_stream *s, struct bell_blob *blob, uint64_t key,
                         size_t max_bytes);
uint32_t bell_stream_make_room(struct bell_stream *s, size_t bytes, uint32_t frames);
/*
 * The end of our half: what is queued goes out, then the peer is told, then the stream waits for
 * the peer's end and closes. (With ends_last the peer is not told: that it ends is only waited
 * for.) Whatever the peer still sends is dropped unread. The caller sees to a deadline. (Closing at
 * once would reset the connection when bytes are unread, and the peer might lose our last ones.)
 */
void bell_stream_end(struct bell_stream *s);
/* Drops what is queued but for what was begun and what is kept (see out_queue.h). */
void bell_stream_drop_unsent(struct bell_stream *s);
/* Closes at once; what is queued is dropped. */
void bell_stream_close(struct bell_stream *s);
/* Sends what is queued. Called by the loop. */
void bell_stream_flush(struct bell_stream *s);

#endif
