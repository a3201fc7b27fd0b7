/*
 * TLS sessions: bytes of a peer become bytes for the application, and the other way round.
 *
 * No I/O: what a peer sent is fed in, what must go to it is collected in the session's wire queue.
 * stream_tls.c is the only user; others make a session and give it to bell_stream_start_tls:
 *
 *     bell_tls_client_session_create(loop, client, "example.com", &session)   // or server_session
 *     bell_stream_open(s, loop, fd, handler)
 *     bell_stream_start_tls(s, session, bell_slice_make(NULL, 0))             // takes it over
 *
 * From then on the stream behaves as one without TLS. What is sent before the handshake is over
 * waits in the stream's queue. When TLS fails (a certificate that is not trusted, a peer that does
 * not speak TLS) the handler's on_end says BELL_EPROTO and bell_tls_session_why tells more.
 *
 * A session belongs to its loop's thread. tls_none.c stands in where the build has no TLS.
 */
#ifndef BELL_NET_TLS_H
#define BELL_NET_TLS_H

#include "bell/net/out_queue.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "bell/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bell_loop;
struct bell_stream;
struct bell_tls_loop;
struct bell_tls_session;

/* While a handshake is under way: the stream's place in the line of those whose next step waits for
 * a later turn, and what that step will read. */
struct bell_tls_wait {
    struct bell_stream *stream; /* (borrowed) */
    struct bell_tls_wait *next;
    struct bell_tls_wait *previous;
    char *bytes; /* (owned) n of them */
    size_t n;
    bool is_in_line;
};

/* For an accepted connection: it gets the certificates that are there now. BELL_ENOMEM;
 * BELL_ESTATE without a certificate; BELL_ENOTSUP. */
BELL_NODISCARD bell_status bell_tls_server_session_create(struct bell_loop *loop,
                                                          struct bell_tls *tls,
                                                          struct bell_tls_session **out);
/*
 * For a connection of ours to host, a name or an address ("example.com", "192.0.2.1", "::1"), for
 * which the peer's certificate must be; it is also what the peer is told (RFC 6066 section 3).
 * BELL_EINVAL, BELL_ENOMEM, BELL_ENOTSUP.
 */
BELL_NODISCARD bell_status bell_tls_client_session_create(struct bell_loop *loop,
                                                          struct bell_tls_client *client,
                                                          const char *host,
                                                          struct bell_tls_session **out);
/* Takes NULL. */
void bell_tls_session_destroy(struct bell_tls_session *session);

/*
 * Reads from *in, which shrinks. Bytes for the application are at *bytes (n of them, perhaps none),
 * may be changed and are valid until the next call on this loop. Whatever the status, they come
 * first.
 *
 * BELL_OK      perhaps there is more: call again
 * BELL_EAGAIN  all of *in was used
 * BELL_ECLOSED the peer has said that nothing more comes (close_notify)
 * BELL_EPROTO  the peer broke TLS, or is not trusted; an alert for it may be in the wire queue
 * BELL_ENOMEM  also: the peer makes us answer more than it reads
 */
BELL_NODISCARD bell_status bell_tls_session_read(struct bell_tls_session *session, bell_slice *in,
                                                 char **bytes, size_t *n);
/*
 * Puts a share of what waits into the wire queue, unless the share before has not gone yet or the
 * handshake is under way. It stays in queue until it has gone: bell_tls_session_taken. is_last:
 * nothing will follow, which the peer is told when all of queue is in. BELL_ENOMEM, BELL_EPROTO.
 */
BELL_NODISCARD bell_status bell_tls_session_write(struct bell_tls_session *session,
                                                  const struct bell_out_queue *queue, bool is_last);
/* What must go to the peer. */
const struct bell_out_queue *bell_tls_session_wire(const struct bell_tls_session *session);
/* So many bytes of the wire queue have gone. Returns how many of what was written that were. */
size_t bell_tls_session_taken(struct bell_tls_session *session, size_t n);
/* How much of what was written has not gone yet. */
size_t bell_tls_session_covered(const struct bell_tls_session *session);
/* The peer must still be told that nothing follows. */
bool bell_tls_session_owes_end(const struct bell_tls_session *session);
/* Of a server: the peer's hello has not been looked at yet. */
bool bell_tls_session_is_new(const struct bell_tls_session *session);
/* Nothing can be sent or received any more, but what is in the wire queue. */
bool bell_tls_session_has_failed(const struct bell_tls_session *session);
/* Why it failed, as a static text; empty when it did not, or nobody knows. */
const char *bell_tls_session_why(const struct bell_tls_session *session);
/* What was agreed on, borrowed from the session. Once the handshake is over. */
bell_tls_agreement bell_tls_session_agreement(const struct bell_tls_session *session);
/* NULL once the handshake is over. */
struct bell_tls_wait *bell_tls_session_wait(struct bell_tls_session *session);
/* See bell_tls_options; without a bound for clients. */
uint32_t bell_tls_session_steps_per_turn(const struct bell_tls_session *session);

/* What the sessions of one loop share. NULL is fine. */
void bell_tls_loop_destroy(struct bell_tls_loop *home);

#endif
