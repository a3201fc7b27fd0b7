/*
 * WebSocket client: connections that this program opens (RFC 6455 section 4.1).
 *
 * A client is a struct bell_ws_server in the other role: its component has the same callbacks, with
 * the same promises about their order, and all that ws_server.h has for connections works on them
 * (send, close, subscribe, publish, broadcast, run, …). It runs on the loops of an I/O server,
 * beside whatever that serves; one that serves nothing needs no HTTP server and no listener.
 *
 * What comes of a connect:
 *
 *     it succeeds    on_open (request is NULL), then as for a server
 *     it fails       on_error once with the reason, then on_close (from the engine, 1006, the
 *                    same reason); no on_open
 *     it is closed   bell_ws_close or bell_ws_abort before on_open: on_close alone (by us, 1006)
 *
 * on_error tells why it has failed:
 *
 *     BELL_ENOTFOUND  no such name, or no such Unix socket
 *     BELL_EAGAIN     no name server has answered
 *     BELL_EREFUSED   nobody listens there; or the server's answer was no: bell_ws_client_status
 *                     has its HTTP status. Redirects are not followed: their Location can be read
 *                     with bell_ws_client_header
 *     BELL_ETIMEOUT   connect_timeout_ms have passed, or the network gave up before
 *     BELL_EPROTO     the answer is not HTTP, or not the one to this handshake: a wrong
 *                     Sec-WebSocket-Accept, or a sub-protocol, an extension or a parameter of one
 *                     that was not offered; or TLS has failed: a certificate that is not trusted,
 *                     or not this server's, no version in common, …:
 *                     bell_ws_client_tls_failure says which
 *     BELL_ELIMIT     the answer's head is too large, or no descriptor is left
 *     BELL_ECLOSED    the server closed without an answer
 *     BELL_ESTATE     our I/O server is draining or ending
 *     BELL_EACCES, BELL_EADDRINUSE (no local port is left), BELL_EIO (no way to it), BELL_ENOMEM
 *
 * Until on_open nothing can be sent: BELL_ECLOSED on the connection's loop. Another thread is told
 * BELL_OK, since only the loop knows, and the message is dropped there: let on_open tell that
 * thread from when on it may send.
 */
#ifndef BELL_WS_CLIENT_H
#define BELL_WS_CLIENT_H

#include "bell/http_server.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "bell/tls.h"
#include "bell/ws_server.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bell_io_server;

/* What a client has beside bell_ws_options. */
typedef struct {
    uint32_t connect_timeout_ms; /* from the connect to on_open: name, TCP and handshake together.
                                    Default 10,000 */
    uint32_t max_head_bytes;   /* of the server's answer, with interim ones (1xx). Default 16 KiB */
    uint32_t max_header_count; /* likewise, of one answer. Default 100 */
    struct bell_tls_client *tls; /* for wss; outlives the client's connections (borrowed). NULL =
                                    one with default options, made with the first connect to a wss
                                    URL, which reads files then */
} bell_ws_client_options;

/* What the calls below are made of; the sizes say which fields the program knows (see version.h).
 */
BELL_API void bell_ws_client_options_init_sized(bell_ws_client_options *options,
                                                size_t options_bytes);
BELL_NODISCARD BELL_API bell_status
bell_ws_client_create_sized(struct bell_io_server *io, const struct bell_component *component,
                            size_t component_bytes, const bell_ws_options *options,
                            size_t options_bytes, const bell_ws_client_options *client_options,
                            size_t client_options_bytes, struct bell_ws_server **out);

/* The defaults. */
static inline void bell_ws_client_options_init(bell_ws_client_options *options)
{
    bell_ws_client_options_init_sized(options, sizeof *options);
}

/*
 * Copies component and options (NULL = defaults). Any time before io ends; io is borrowed until it
 * is destroyed. Owned by the caller: destroy it with bell_ws_server_destroy once io was stopped,
 * or, if it was never started, destroyed.
 *
 * options are as a server's, from this end: limits are of what the server sends; sub-protocols are
 * those offered, best first, each once. deflate is what is offered: a server that takes it up may
 * ask for less, and is held to what was asked of it (server_max_window_bits below 15,
 * has_server_takeover false); level, memory_level and threshold are of what we send.
 *
 * BELL_EINVAL as bell_ws_server_create, a limit or time of 0, a head over 16 MiB or 10,000 fields,
 * a sub-protocol named twice; BELL_ENOTSUP a callback or an option that only a later libbell knows;
 * BELL_ENOMEM.
 */
BELL_NODISCARD static inline bell_status
bell_ws_client_create(struct bell_io_server *io, const struct bell_component *component,
                      const bell_ws_options *options, const bell_ws_client_options *client_options,
                      struct bell_ws_server **out)
{
    return bell_ws_client_create_sized(io, component, sizeof *component, options, sizeof *options,
                                       client_options, sizeof *client_options, out);
}

typedef struct {
    /*
     * Further fields of the request: Origin, Cookie, Authorization, … Not those of the handshake
     * itself (Host, Connection, Upgrade, Sec-WebSocket-…) or of a body (Content-…,
     * Transfer-Encoding). Copied.
     */
    const bell_http_field *fields;
    size_t field_count;
    void *user;              /* what bell_ws_get_user gives, from the beginning */
    uint32_t delay_ms;       /* begins only after so long: see bell_ws_client_backoff_ms */
    const char *server_name; /* of wss: whose certificate it must be, and what the server is told
                                (RFC 6066 section 3); at most 255 bytes. Copied. NULL = the URL's
                                host */
} bell_ws_connect_options;

/* What the call below is made of. */
BELL_NODISCARD BELL_API bell_status bell_ws_client_connect_sized(
    struct bell_ws_server *client, const char *url, const bell_ws_connect_options *options,
    size_t options_bytes, bell_conn *out);

/*
 * Begins to connect to url: "ws://host:port/path?query", the same with "wss" for TLS, or
 * "ws+unix:/run/some.sock:/path" for a Unix socket. A host is a name, an IPv4 address or an IPv6
 * address in brackets; names are looked up without blocking a loop, and their addresses are tried
 * one after the other, in the system's order. options NULL = none. From a callback of this I/O
 * server the connection lives on that loop, and no callback of it runs before this call has
 * returned; else on each loop in turn, and they may. *out is set before any of them runs, and 0
 * after a failure. Any thread; before start, too: then it begins with start.
 *
 * BELL_EINVAL   the url (also: a fragment, user info, bytes that had to be escaped), or a field
 * BELL_ENOTSUP  wss in a build without TLS; an option that only a later libbell knows
 * BELL_ELIMIT   the I/O server has its max_connections; a request over 64 KiB, or the path of a
 *               Unix socket over 107 bytes
 * BELL_ESTATE   not a client; the I/O server has ended or is gone
 * BELL_ENOMEM; of wss also what bell_tls_client_create can fail with
 *
 * After a failure no callback comes.
 */
BELL_NODISCARD static inline bell_status
bell_ws_client_connect(struct bell_ws_server *client, const char *url,
                       const bell_ws_connect_options *options, bell_conn *out)
{
    return bell_ws_client_connect_sized(client, url, options, sizeof *options, out);
}

/*
 * The answer to the handshake: its HTTP status, 0 when none came, and the first header field of
 * this name in any case, empty when there is none. Within on_open, and in on_error and on_close of
 * a connect that failed; elsewhere 0 and empty. The slice is borrowed until the callback returns.
 */
BELL_API uint16_t bell_ws_client_status(struct bell_ws_server *client, bell_conn conn);
BELL_API bell_slice bell_ws_client_header(struct bell_ws_server *client, bell_conn conn,
                                          const char *name);

/*
 * Why TLS has failed, in English, for a log or a developer: "hostname mismatch", "self-signed
 * certificate", "tlsv1 alert protocol version", … the words are OpenSSL's. Within on_error and
 * on_close of a connect that failed by BELL_EPROTO; elsewhere, and when it was not TLS that failed,
 * empty. The text is static.
 */
BELL_API bell_slice bell_ws_client_tls_failure(struct bell_ws_server *client, bell_conn conn);

/*
 * How long to wait before connecting again, for bell_ws_connect_options.delay_ms: a random time
 * from 0 to first_ms doubled failures - 1 times, but at most most_ms. Random, so that those who
 * lost the same server do not come back all at once. failures counts connects in a row that did not
 * last; 0 gives 0. Any thread.
 */
BELL_API uint32_t bell_ws_client_backoff_ms(uint32_t failures, uint32_t first_ms, uint32_t most_ms);

#ifdef __cplusplus
}
#endif
#endif
