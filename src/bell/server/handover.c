#include "bell/server/handover.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "bell/net/sock.h"
#include "bell/net/stream.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/listener.h"
#include "bell/server/server_loop.h"

#include <string.h>
#include <time.h>

/*
 * A packet: magic, version, kind, the length of the path; device and inode as 64 bits each,
 * big-endian; the path. The two sides may be different versions of this library.
 */
enum {
    MAGIC_BYTES = 8,
    AT_VERSION = MAGIC_BYTES,
    AT_KIND,
    AT_PATH_BYTES,
    AT_DEVICE = 12,
    AT_INODE = 20,
    AT_PATH = 28,
    MAX_PATH_BYTES = 107,
    PACKET_BYTES = AT_PATH + MAX_PATH_BYTES,
    VERSION = 1,
};
static const char MAGIC[MAGIC_BYTES] = {'b', 'e', 'l', 'l', 'h', 'a', 'n', 'd'};

static const bell_slice READY = {"R", 1};

enum kind { KIND_LISTENER, KIND_OFFER };

enum { OFFER_MODE = 0600, OFFER_BACKLOG = 16, PATIENCE_S = 10, TRIES = 100, TRY_AGAIN_MS = 50 };

/* The one who is taking over. */
struct bell_taker {
    struct bell_stream stream;     /* first */
    struct bell_server_loop *home; /* (borrowed) */
    bool is_ready;                 /* it runs: the sockets are its own too */
};

/* ---- packets ---- */

static size_t packet_write(char *out, enum kind kind, const struct bell_endpoint *endpoint)
{
    size_t n = endpoint->path == NULL ? 0 : strlen(endpoint->path); /* at most MAX_PATH_BYTES */
    memset(out, 0, PACKET_BYTES);
    memcpy(out, MAGIC, MAGIC_BYTES);
    out[AT_VERSION] = VERSION;
    out[AT_KIND] = (char)kind;
    out[AT_PATH_BYTES] = (char)n;
    bell_write_be64(out + AT_DEVICE, endpoint->file.device);
    bell_write_be64(out + AT_INODE, endpoint->file.inode);
    if (n > 0) {
        memcpy(out + AT_PATH, endpoint->path, n);
    }
    return AT_PATH + n;
}

/* The path of the endpoint is the caller's. BELL_EPROTO, BELL_ENOMEM. */
static bell_status packet_read(const char *bytes, size_t n, enum kind *kind,
                               struct bell_endpoint *endpoint)
{
    if (n < AT_PATH || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0 || bytes[AT_VERSION] != VERSION ||
        (bytes[AT_KIND] != KIND_LISTENER && bytes[AT_KIND] != KIND_OFFER) ||
        (size_t)(unsigned char)bytes[AT_PATH_BYTES] != n - AT_PATH) {
        return BELL_EPROTO;
    }
    bell_slice path = {bytes + AT_PATH, n - AT_PATH};
    *kind = (enum kind)bytes[AT_KIND];
    *endpoint = (struct bell_endpoint){.file = {.device = bell_read_be64(bytes + AT_DEVICE),
                                                .inode = bell_read_be64(bytes + AT_INODE)}};
    if (path.n > 0) {
        endpoint->path = bell_mem_copy_text(path);
        return endpoint->path == NULL ? BELL_ENOMEM : BELL_OK;
    }
    return BELL_OK;
}

/* ---- the running one ---- */

static bell_status endpoint_send(struct bell_io_server *io, int fd, size_t index, enum kind kind)
{
    char packet[PACKET_BYTES];
    int fds[BELL_SOCK_MAX_FDS];
    size_t count = bell_listeners_of_endpoint(io, index, fds, BELL_SOCK_MAX_FDS);
    size_t n = packet_write(packet, kind, &io->endpoints[index]);
    return count == 0 ? BELL_ESTATE
                      : bell_sock_send_fds(fd, bell_slice_make(packet, n), fds, count);
}

static bell_status all_send(struct bell_io_server *io, int fd)
{
    bell_status st = BELL_OK;
    for (size_t i = 0; i < io->endpoint_count && st == BELL_OK; i++) {
        st = endpoint_send(io, fd, i, KIND_LISTENER);
    }
    return st == BELL_OK ? endpoint_send(io, fd, BELL_IO_OFFER, KIND_OFFER) : st;
}

static void on_receive(struct bell_stream *s, char *bytes, size_t n)
{
    struct bell_taker *taker = (struct bell_taker *)(void *)s; /* stream is the first member */
    struct bell_server_loop *home = taker->home;
    struct bell_io_server *io = home->server;
    if (bell_slice_equal(bell_slice_make(bytes, n), READY)) {
        bell_log(BELL_LOG_INFO, "handed over: the next server runs");
        taker->is_ready = true;
        bell_io_server_drain_spread(io, io->handover_deadline_ms, io->handover_spread_ms);
    } else {
        bell_stream_close(s);
        atomic_store(&io->is_lent, false);
    }
}

static void on_end(struct bell_stream *s, bell_status why)
{
    struct bell_taker *taker = (struct bell_taker *)(void *)s;
    struct bell_io_server *io = taker->home->server;
    (void)why;
    if (!atomic_load(&io->must_drain)) {
        bell_log(BELL_LOG_WARN, "not handed over: the next server ended before it ran");
        atomic_store(&io->is_lent, false);
    }
    bell_stream_close(s);
}

static void on_sent(struct bell_stream *s)
{
    (void)s;
}

static void on_closed(struct bell_stream *s)
{
    struct bell_taker *taker = (struct bell_taker *)(void *)s;
    taker->home->taker = NULL;
    bell_mem_free(taker);
}

static const struct bell_stream_handler HANDLER = {
    .on_receive = on_receive, .on_end = on_end, .on_sent = on_sent, .on_closed = on_closed};

/* Sends what the taker wants, and keeps the connection for its answer. */
static bell_status lend(struct bell_server_loop *home, int fd)
{
    struct bell_io_server *io = home->server;
    struct bell_taker *taker = bell_mem_zalloc(sizeof *taker);
    if (taker == NULL) {
        bell_sock_close(fd);
        return BELL_ENOMEM;
    }
    taker->home = home;
    /* No loop closes its listeners meanwhile: another descriptor might get the number. */
    (void)pthread_mutex_lock(&io->listeners_lock);
    bool is_ending = atomic_load(&io->must_drain);
    atomic_store(&io->is_lent, !is_ending);
    bell_status st = is_ending ? BELL_ESTATE : all_send(io, fd);
    (void)pthread_mutex_unlock(&io->listeners_lock);
    if (st != BELL_OK) {
        bell_sock_close(fd);
    } else {
        st = bell_stream_open(&taker->stream, &home->loop, fd, &HANDLER);
    }
    if (st != BELL_OK) {
        atomic_store(&io->is_lent, false);
        bell_mem_free(taker);
        return st;
    }
    home->taker = taker;
    return BELL_OK;
}

void bell_handover_on_taker(struct bell_server_loop *home, int fd)
{
    if (home->taker != NULL || atomic_load(&home->server->is_lent)) {
        bell_sock_close(fd); /* one at a time; it tries again */
        return;
    }
    bell_status st = lend(home, fd);
    if (st != BELL_OK) {
        bell_log(BELL_LOG_WARN, "cannot hand over status=%s", bell_status_name(st));
    }
}

void bell_handover_end(struct bell_server_loop *home)
{
    struct bell_taker *taker = home->taker;
    if (taker == NULL || taker->stream.state == BELL_STREAM_CLOSED) {
        return;
    }
    if (!taker->is_ready && bell_sock_has_ended(taker->stream.io.fd)) {
        atomic_store(&home->server->is_lent, false); /* it has not come to be told of that */
    }
    bell_stream_close(&taker->stream);
}

/* ---- the next one ---- */

static void pause_before_next_try(void)
{
    const struct timespec pause = {.tv_nsec = TRY_AGAIN_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

/* The next packet. *kind is valid unless it fails; BELL_ECLOSED: the end. */
static bell_status endpoint_take(struct bell_io_server *io, int fd, enum kind *kind)
{
    char bytes[PACKET_BYTES];
    int fds[BELL_SOCK_MAX_FDS];
    size_t n;
    size_t count;
    struct bell_endpoint endpoint = {.path = NULL};
    bell_status st = bell_sock_receive_fds(fd, bytes, sizeof bytes, &n, fds, &count);
    if (st != BELL_OK) {
        return st;
    }
    st = n == 0 ? BELL_ECLOSED : packet_read(bytes, n, kind, &endpoint);
    if (st == BELL_OK) {
        size_t index = *kind == KIND_OFFER ? BELL_IO_OFFER : io->endpoint_count;
        st = bell_listeners_take(io, index, fds, count, &endpoint);
    } else {
        for (size_t i = 0; i < count; i++) {
            bell_sock_close(fds[i]);
        }
    }
    if (st != BELL_OK) {
        bell_mem_free(endpoint.path);
    }
    return st;
}

static bell_status all_take(struct bell_io_server *io, int fd)
{
    enum kind kind = KIND_LISTENER;
    bell_status st = BELL_OK;
    while (st == BELL_OK && kind != KIND_OFFER) {
        st = endpoint_take(io, fd, &kind);
    }
    return st;
}

/*
 * BELL_ENOTFOUND: nobody is there; BELL_EAGAIN: somebody hung up instead, since another one takes
 * over or just has.
 */
static bell_status take_from(struct bell_io_server *io, const char *path)
{
    int fd;
    bell_status st = bell_sock_connect_unix(path, PATIENCE_S, &fd);
    if (st != BELL_OK) {
        return st;
    }
    atomic_store(&io->is_borrowed, true);
    st = all_take(io, fd);
    if (st != BELL_OK) {
        bell_sock_close(fd);
        bell_listeners_untake(io);
        atomic_store(&io->is_borrowed, false);
        return st == BELL_ECLOSED ? BELL_EAGAIN : st;
    }
    io->predecessor_fd = fd;
    return BELL_OK;
}

bell_status bell_io_server_hand_over(struct bell_io_server *io, const char *path,
                                     uint32_t deadline_ms, uint32_t spread_ms, size_t *taken)
{
    if (io->phase != BELL_IO_NEW || io->endpoint_count > 0 ||
        io->endpoints[BELL_IO_OFFER].path != NULL) {
        return BELL_ESTATE;
    }
    bell_status st = BELL_EAGAIN;
    for (int i = 0; i < TRIES && st == BELL_EAGAIN; i++) {
        if (i > 0) {
            pause_before_next_try();
        }
        st = take_from(io, path);
    }
    bool is_first = st == BELL_ENOTFOUND;
    if (is_first) {
        st = bell_listeners_offer(io, path, OFFER_MODE, OFFER_BACKLOG);
    }
    if (st == BELL_OK) {
        io->handover_deadline_ms = deadline_ms;
        io->handover_spread_ms = spread_ms;
        *taken = io->endpoint_count;
    }
    return st;
}

bell_status bell_handover_ready(struct bell_io_server *io)
{
    if (io->predecessor_fd < 0) {
        return BELL_OK;
    }
    bell_status st = bell_sock_send_fds(io->predecessor_fd, READY, NULL, 0);
    /* When it has gone meanwhile the sockets are ours all the same. */
    st = st == BELL_ECLOSED ? BELL_OK : st;
    if (st == BELL_OK) {
        atomic_store(&io->is_borrowed, false);
    } else {
        bell_log(BELL_LOG_ERROR, "cannot take over: the server that runs is not told status=%s",
                 bell_status_name(st));
    }
    bell_handover_finish(io); /* without being told it goes on */
    return st;
}

void bell_handover_finish(struct bell_io_server *io)
{
    if (io->predecessor_fd >= 0) {
        bell_sock_close(io->predecessor_fd);
        io->predecessor_fd = -1;
    }
}
