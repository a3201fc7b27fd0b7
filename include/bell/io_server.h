/*
 * I/O server: listeners and loops. The outermost part; it runs everything.
 */
#ifndef BELL_IO_SERVER_H
#define BELL_IO_SERVER_H

#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bell_io_server;
struct bell_http_server;
struct bell_tls;

/* How to speak to the kernel. */
typedef enum {
    BELL_IO_AUTO,  /* BELL_IO=epoll or uring in the environment (another value is ignored, with a
                      warning), else io_uring where it works for every loop, else epoll for all */
    BELL_IO_EPOLL, /* every Linux */
    BELL_IO_URING, /* Linux 6.1 and later, unless it is forbidden; else create fails */
} bell_io_back_end;

/* Begin with bell_io_options_init: a zeroed one is refused, since limits must not be 0. */
typedef struct {
    uint32_t threads;          /* loops; 0 = one per core this process may use. At most 64 */
    uint32_t max_connections;  /* of the whole server; above, new ones are closed at once. Default
                                  1,000,000 */
    uint32_t backlog;          /* of each listener. Default 4,096 */
    bell_io_back_end back_end; /* default BELL_IO_AUTO; the choice is logged */
    /*
     * Proxies in front that are believed when they say for whom they speak: networks as
     * "192.0.2.7", "10.0.0.0/8", "2001:db8::/32", or "unix" for whoever connects by a Unix socket.
     * From them X-Forwarded-For tells the client's address and X-Forwarded-Proto whether it speaks
     * TLS; what guards, handlers and components see is the client. From others these fields count
     * for nothing. (borrowed during create) At most 256. Default none.
     */
    const char *const *trusted_proxies;
    size_t trusted_proxy_count;
    /*
     * Connections from these proxies, and only those, begin with a header of the PROXY protocol
     * (version 1 or 2): without one they get 400. From others such a header is a broken request.
     * Default false.
     */
    bool proxy_protocol;
    uint32_t unix_mode; /* permission bits of Unix sockets, 0 to 0777: who may connect must be able
                           to write. Default 0660 */
    uint32_t spin_us;   /* how long a loop looks for something to do before it sleeps, in
                           microseconds, at most 1,000: at the price of a core, and only while its
                           waits are that short. Rarely worth it: see docs/libbell/limits.md.
                           Default 0 = never */
} bell_io_options;

/* What the calls below are made of; the size says which fields the program knows (see version.h).
 */
BELL_API void bell_io_options_init_sized(bell_io_options *options, size_t options_bytes);
BELL_NODISCARD BELL_API bell_status bell_io_server_create_sized(struct bell_http_server *http,
                                                                const bell_io_options *options,
                                                                size_t options_bytes,
                                                                struct bell_io_server **out);

/* The defaults. */
static inline void bell_io_options_init(bell_io_options *options)
{
    bell_io_options_init_sized(options, sizeof *options);
}

/*
 * options NULL = defaults. Borrows http, which outlives the result; NULL for a program that is a
 * client alone (bell/ws_client.h). Raises RLIMIT_NOFILE as far as it may. BELL_EINVAL (the log
 * names the option; also a proxy that is no network, or more than 256), BELL_ELIMIT no descriptor
 * is left for the loops, BELL_ENOMEM, BELL_EIO; BELL_ENOTSUP when io_uring was asked for and cannot
 * be had, or an option that only a later libbell knows; BELL_ESTATE when http, or a WebSocket
 * server in it, belongs to another I/O server.
 *
 * With io_uring the calling thread may find a system call interrupted (EINTR) after the server was
 * destroyed: so the kernel ends a ring.
 */
BELL_NODISCARD static inline bell_status bell_io_server_create(struct bell_http_server *http,
                                                               const bell_io_options *options,
                                                               struct bell_io_server **out)
{
    return bell_io_server_create_sized(http, options, sizeof *options, out);
}
/* Stops first if need be. Takes NULL. */
BELL_API void bell_io_server_destroy(struct bell_io_server *io);

/*
 * Binds and listens; several calls give several listeners. Only before start; connections wait in
 * the backlog until then.
 *
 * "ADDR:PORT"   "127.0.0.1:8080", "[::1]:8080", or ":8080" for every address, IPv6 and IPv4; port
 *               0 = any free one. "localhost" is 127.0.0.1; other names are not looked up
 * "unix:PATH"   a Unix socket in the file system (options.unix_mode). A socket file which a server
 *               that is gone has left is replaced; ours is removed at the end. Peers have no
 *               address: see bell_http_request_peer
 *
 * BELL_EINVAL (also an address this machine does not have, a path over 107 bytes or in no folder),
 * BELL_EADDRINUSE (also a file that is no socket), BELL_EACCES, BELL_ENOMEM, BELL_EIO; BELL_ELIMIT
 * over 16 listeners, or no descriptor is left; BELL_ESTATE after start, or without an HTTP server.
 *
 * The addresses of a server that used io_uring and was killed (SIGKILL, a crash) stay in use for
 * some tens of milliseconds, until the kernel has taken its rings apart: who may be started right
 * after one calls again a few times on BELL_EADDRINUSE, which is allowed after every failure.
 */
BELL_NODISCARD BELL_API bell_status bell_io_server_listen(struct bell_io_server *io,
                                                          const char *address);
/*
 * Clients of the listener with this index (order of listen calls) speak TLS: https and wss. The
 * handshake must be over within bell_http_options.head_timeout_ms; then the time for a request's
 * head begins. Borrows tls, which outlives io; without a certificate in it connections are closed.
 * Only before start. BELL_EINVAL no such listener, or no tls; BELL_ESTATE.
 */
BELL_NODISCARD BELL_API bell_status bell_io_server_secure(struct bell_io_server *io, size_t index,
                                                          struct bell_tls *tls);
/* bell_io_server_listen and bell_io_server_secure in one. */
BELL_NODISCARD BELL_API bell_status bell_io_server_listen_tls(struct bell_io_server *io,
                                                              const char *address,
                                                              struct bell_tls *tls);
/*
 * The same as bell_io_server_listen with a socket that somebody else has bound and listens on, TCP
 * or Unix: inherited, or received from another process. Takes fd over, also on failure; it becomes
 * non-blocking and is closed on exec. A process that holds another descriptor of this socket may go
 * on accepting there, and the socket lives on until the last one is closed. See also
 * bell/supervisor.h.
 *
 * One loop accepts for all and deals the connections out in turn; so with a Unix socket.
 * BELL_EINVAL not a stream socket that listens; BELL_ENOMEM, BELL_EIO, BELL_ELIMIT, BELL_ESTATE.
 */
BELL_NODISCARD BELL_API bell_status bell_io_server_listen_fd(struct bell_io_server *io, int fd);
/*
 * Hand-over, for a new version of a program to take the place of the running one without a
 * connection being refused or reset. Both call this with the same path, before any listen call.
 *
 * Where nobody has, *taken becomes 0: listen as usual. The server then waits at that path, a
 * Unix socket that only this user may connect to (0600), for the one that will take over.
 *
 * Where one has, *taken becomes the number of its listeners: this server has their sockets now, in
 * the order of its listen calls, and the path; don't listen there again, but where else you like.
 * What else belongs to a listener is said anew (bell_io_server_secure). Once this one has started,
 * the other drains, with the times it had given here (bell_io_server_drain_spread). If this one
 * ends before, the other goes on.
 *
 * Waits up to some seconds: not on a loop. BELL_EAGAIN another process is about to take over;
 * BELL_EPROTO, BELL_ETIMEOUT whoever is there is no such server; BELL_ESTATE after a listen call;
 * the rest as bell_io_server_listen. After a failure the server may still listen by itself.
 */
BELL_NODISCARD BELL_API bell_status bell_io_server_hand_over(struct bell_io_server *io,
                                                             const char *path, uint32_t deadline_ms,
                                                             uint32_t spread_ms, size_t *taken);
/* The port of the listener with this index (order of listen calls); 0 when there is none, or it is
 * not TCP. */
BELL_API uint16_t bell_io_server_port(const struct bell_io_server *io, size_t index);

/*
 * Starts the loop threads and returns. BELL_ESTATE when started before, BELL_ENOMEM, BELL_EIO. One
 * that takes over (bell_io_server_hand_over) and cannot tell the other so fails too, so that there
 * are not two: then it has ended already, and the other goes on.
 */
BELL_NODISCARD BELL_API bell_status bell_io_server_start(struct bell_io_server *io);
/* start, then wait; a stop or drain that came before start counts too. What either fails with. */
BELL_NODISCARD BELL_API bell_status bell_io_server_run(struct bell_io_server *io);

/*
 * Graceful end: stops accepting, answers what was asked by HTTP and closes those connections,
 * closes WebSockets with 1001: at once, or evenly over spread_ms, so that their clients do not all
 * come back in the same moment. What was sent before the call, by the thread that calls, goes out
 * before its 1001. An upgrade that waits for its decision still gets it, and its 1001 after it.
 * Whatever is left after deadline_ms is dropped, a spread that would take longer too. Returns at
 * once; wait with bell_io_server_wait or run.
 *
 * Connections that wait to be accepted are accepted and served, but for those at sockets which
 * somebody else may accept from (bell_io_server_listen_fd, bell_io_server_hand_over).
 *
 * Any thread, and signal handlers. The first call counts; a later one only brings the deadline
 * nearer, 0 = now.
 */
BELL_API void bell_io_server_drain_spread(struct bell_io_server *io, uint32_t deadline_ms,
                                          uint32_t spread_ms);
/* The same, all of them at once. */
BELL_API void bell_io_server_drain(struct bell_io_server *io, uint32_t deadline_ms);
/*
 * Waits until all loops have ended. Not on a loop thread. BELL_OK when they were asked to (stop,
 * drain), one of them at least; else why the first one could not go on, BELL_EIO: whoever was
 * connected was dropped, and every on_close has run. Each such loop is logged. May be called again,
 * and says the same.
 */
BELL_API bell_status bell_io_server_wait(struct bell_io_server *io);
/* Drops everything, ends the loops, waits for them. Every on_close has run afterwards. Not on a
 * loop thread. */
BELL_API void bell_io_server_stop(struct bell_io_server *io);

/*
 * Tasks and timers of a program that has no WebSocket server at hand, such as one with routes alone
 * (bell_ws_run and bell_ws_start_timer are the same with one).
 *
 * Runs task on the first loop, always the same one, soon, after everything the calling thread has
 * given to that loop before; when the loop has ended, within the call. Any thread; a task that is
 * given before start runs after it, or when io is destroyed. On failure it does not run:
 * BELL_ENOMEM; BELL_EAGAIN 262,144 tasks wait for that loop already, those of WebSocket servers
 * too, or the loop has ended and 64 tasks run within one another, each having given the next. For
 * all loops there is bell_ws_run_all.
 */
typedef void (*bell_io_task_fn)(struct bell_io_server *io, void *user);
BELL_NODISCARD BELL_API bell_status bell_io_server_run_task(struct bell_io_server *io,
                                                            bell_io_task_fn task, void *user);

/* A timer: unique among all that an I/O server ever has; never 0. */
typedef uint64_t bell_io_timer;
typedef void (*bell_io_timer_fn)(struct bell_io_server *io, bell_io_timer timer, void *user);
/*
 * Calls ring on the loop of the calling thread, that of a handler for example, after delay_ms and
 * then every period_ms (0 = once). All of it as bell_ws_start_timer: never early, in step,
 * BELL_ESTATE not on a loop thread of io, BELL_ELIMIT, BELL_ENOMEM.
 */
BELL_NODISCARD BELL_API bell_status bell_io_server_start_timer(struct bell_io_server *io,
                                                               uint32_t delay_ms,
                                                               uint32_t period_ms,
                                                               bell_io_timer_fn ring, void *user,
                                                               bell_io_timer *timer);
/* As bell_ws_cancel_timer; of timers that were started by the call above. BELL_ENOTFOUND,
 * BELL_ESTATE. */
BELL_API bell_status bell_io_server_cancel_timer(struct bell_io_server *io, bell_io_timer timer);

/* What the call below is made of; the size says which callbacks the program knows. */
BELL_NODISCARD BELL_API bell_status bell_serve_sized(const char *address,
                                                     const struct bell_component *component,
                                                     size_t component_bytes);

/*
 * The short way: composes a component with default options, WebSockets at every path, and runs it
 * at address until the process ends. What listen and run can fail with; the reason is logged.
 */
BELL_NODISCARD static inline bell_status bell_serve(const char *address,
                                                    const struct bell_component *component)
{
    return bell_serve_sized(address, component, sizeof *component);
}

/* The number of loops that run. */
BELL_API uint32_t bell_io_server_threads(const struct bell_io_server *io);

#ifdef __cplusplus
}
#endif
#endif
