#include "bell/server/listener.h"

#include "base/mem.h"
#include "bell/server/drain.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"

#include <netinet/in.h>
#include <string.h>

static const char UNIX_PREFIX[] = "unix:";

/* How often a free port is looked for: each time, one that was free may have been taken. */
enum { MAX_PORT_TRIES = 16 };

struct bell_listener *bell_listener_of(struct bell_io_handle *h)
{
    return (struct bell_listener *)(void *)h; /* io is the first member */
}

/* ---- sockets of loops ---- */

/* Takes fd over, also on failure. */
static bell_status listener_add(struct bell_server_loop *home, size_t endpoint, int fd, bool deals)
{
    struct bell_listener *l = bell_mem_zalloc(sizeof *l);
    if (l == NULL) {
        bell_sock_close(fd);
        return BELL_ENOMEM;
    }
    l->endpoint = (uint8_t)endpoint; /* at most BELL_IO_MAX_LISTENERS */
    l->deals = deals;
    bell_status st = bell_io_open(home->loop.io, &l->io, fd, BELL_IO_LISTENER);
    if (st != BELL_OK) {
        bell_io_close(home->loop.io, &l->io);
        bell_mem_free(l);
        return st;
    }
    l->next = home->listeners;
    home->listeners = l;
    return BELL_OK;
}

/* The sockets of the loops that got one before a later one failed. They are the newest. */
static void listeners_drop(struct bell_io_server *io, size_t endpoint)
{
    for (uint32_t i = 0; i < io->loop_count; i++) {
        struct bell_server_loop *home = &io->loops[i];
        while (home->listeners != NULL && home->listeners->endpoint == endpoint) {
            struct bell_listener *l = home->listeners;
            home->listeners = l->next;
            bell_io_close(home->loop.io, &l->io);
            bell_mem_free(l);
        }
    }
}

bell_status bell_listeners_accept(struct bell_server_loop *home)
{
    bell_status st = BELL_OK;
    for (struct bell_listener *l = home->listeners; l != NULL; l = l->next) {
        if (l->io.fd >= 0 && bell_io_receive(home->loop.io, &l->io, true) != BELL_OK) {
            st = BELL_EIO;
        }
    }
    return st;
}

/* Does another process hold these sockets too, as far as we know? */
static bool is_shared(const struct bell_io_server *io, const struct bell_endpoint *endpoint)
{
    return endpoint->is_inherited || atomic_load(&io->is_lent) || atomic_load(&io->is_borrowed);
}

static void listener_close(struct bell_server_loop *home, struct bell_listener *l)
{
    struct bell_io_server *io = home->server;
    const struct bell_endpoint *endpoint = &io->endpoints[l->endpoint];
    /* Who hands over reads the numbers of descriptors under this lock. */
    (void)pthread_mutex_lock(&io->listeners_lock);
    if (l->io.fd >= 0 && endpoint->path != NULL && !is_shared(io, endpoint)) {
        /* Before the close: till then no other file can have its number. */
        bell_sock_remove_file(endpoint->path, &endpoint->file);
    }
    bell_io_close(home->loop.io, &l->io);
    (void)pthread_mutex_unlock(&io->listeners_lock);
}

/* A close would reset whoever waits there. As many as there could be when it began: whoever floods
 * us does not keep us. */
static void accept_rest(struct bell_server_loop *home, struct bell_listener *l)
{
    for (uint32_t i = 0; i <= home->server->options.backlog; i++) {
        int fd;
        bell_address peer;
        if (bell_sock_accept(l->io.fd, &fd, &peer) != BELL_OK) {
            return;
        }
        bell_server_loop_accept(home, l, fd, &peer);
    }
}

bool bell_listeners_settle(struct bell_server_loop *home)
{
    const struct bell_io_server *io = home->server;
    bool is_settled = true;
    for (struct bell_listener *l = home->listeners; l != NULL; l = l->next) {
        if (l->io.fd < 0) {
            continue;
        }
        /* Cannot fail but for memory in the kernel; then the next tick tries again. */
        bell_status st = bell_io_receive(home->loop.io, &l->io, false);
        if (st != BELL_OK || !bell_io_is_quiet(home->loop.io, &l->io)) {
            is_settled = false;
            continue;
        }
        if (l->endpoint != BELL_IO_OFFER && !is_shared(io, &io->endpoints[l->endpoint])) {
            accept_rest(home, l);
        }
        listener_close(home, l);
    }
    return is_settled;
}

void bell_listeners_close(struct bell_server_loop *home)
{
    for (struct bell_listener *l = home->listeners; l != NULL; l = l->next) {
        listener_close(home, l);
    }
}

void bell_listeners_free(struct bell_server_loop *home)
{
    bell_listeners_close(home);
    while (home->listeners != NULL) {
        struct bell_listener *next = home->listeners->next;
        bell_mem_free(home->listeners);
        home->listeners = next;
    }
}

void bell_endpoints_finish(struct bell_io_server *io)
{
    for (size_t i = 0; i < io->endpoint_count; i++) {
        bell_mem_free(io->endpoints[i].path);
    }
    bell_mem_free(io->endpoints[BELL_IO_OFFER].path);
    io->endpoint_count = 0;
}

/* ---- dealing ---- */

struct dealt {
    struct bell_mail mail; /* first */
    struct bell_server_loop *home;
    bell_address peer;
    int fd; /* (owned) */
    uint8_t endpoint;
};

static void dealt_deliver(struct bell_mail *mail)
{
    struct dealt *d = (struct dealt *)(void *)mail;
    bell_server_loop_take(d->home, d->endpoint, d->fd, &d->peer);
    atomic_fetch_sub(&d->home->dealt_count, 1);
    bell_drain_check(d->home);
    bell_mem_free(d);
}

static void dealt_discard(struct bell_mail *mail)
{
    struct dealt *d = (struct dealt *)(void *)mail;
    bell_sock_close(d->fd);
    bell_server_loop_on_refused(d->home);
    atomic_fetch_sub(&d->home->dealt_count, 1);
    bell_mem_free(d);
}

void bell_listener_deal(struct bell_server_loop *home, uint8_t endpoint, int fd,
                        const bell_address *peer)
{
    const struct bell_io_server *io = home->server;
    uint32_t index = home->deal_next++ % io->loop_count;
    struct bell_server_loop *target = &io->loops[index];
    struct dealt *d = target == home ? NULL : bell_mem_alloc(sizeof *d);
    if (d == NULL) { /* ours, or no memory: then it is at least served */
        bell_server_loop_take(home, endpoint, fd, peer);
        return;
    }
    *d = (struct dealt){.mail = {.deliver = dealt_deliver, .discard = dealt_discard},
                        .home = target,
                        .peer = *peer,
                        .fd = fd,
                        .endpoint = endpoint};
    atomic_fetch_add(&target->dealt_count, 1);
    bell_loop_post(&target->loop, &d->mail);
}

/* ---- opening ---- */

/* sin_port and sin6_port lie at the same place. */
static uint16_t address_port(const struct sockaddr_storage *address)
{
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    return ntohs(in.sin_port);
}

static void address_set_port(struct sockaddr_storage *address, uint16_t port)
{
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    in.sin_port = htons(port);
    memcpy(address, &in, sizeof in);
}

/* One socket for each loop, all at one port. On failure listeners_drop is due. */
static bell_status listen_tcp_at(struct bell_io_server *io, struct sockaddr_storage where,
                                 socklen_t len, struct bell_endpoint *endpoint)
{
    bell_status st = bell_sock_probe(&where, len);
    for (uint32_t i = 0; i < io->loop_count && st == BELL_OK; i++) {
        int fd;
        st = bell_sock_listen(&where, len, (int)io->options.backlog, &fd);
        if (st != BELL_OK) {
            break;
        }
        if (i == 0) {
            endpoint->port = bell_sock_port(fd);
            if (endpoint->port == 0) {
                bell_sock_close(fd); /* the others would take another one */
                st = BELL_EIO;
                break;
            }
            address_set_port(&where, endpoint->port);
        }
        st = listener_add(&io->loops[i], io->endpoint_count, fd, false);
    }
    return st;
}

static bell_status listen_tcp(struct bell_io_server *io, const char *address,
                              struct bell_endpoint *endpoint)
{
    struct sockaddr_storage where;
    socklen_t len;
    bell_status st = bell_address_parse_listen(address, &where, &len);
    if (st != BELL_OK) {
        return st;
    }
    /*
     * Any free port: bind(2) chooses one, and it may be taken by somebody else, a connection too,
     * before listen(2) or the next loop's bind(2). Then another one is as good.
     */
    uint32_t tries = address_port(&where) == 0 ? MAX_PORT_TRIES : 1;
    st = listen_tcp_at(io, where, len, endpoint);
    while (st == BELL_EADDRINUSE && --tries > 0) {
        listeners_drop(io, io->endpoint_count);
        st = listen_tcp_at(io, where, len, endpoint);
    }
    return st;
}

/* The loop that accepts for all; another one for each listener. */
static bell_status listen_for_all(struct bell_io_server *io, int fd)
{
    return listener_add(&io->loops[io->endpoint_count % io->loop_count], io->endpoint_count, fd,
                        true);
}

/* Makes a Unix socket that is the endpoint's, with a file to be removed. */
static bell_status open_unix(const char *path, bool has_packets, uint32_t mode, int backlog,
                             struct bell_endpoint *endpoint, int *out_fd)
{
    char *copy = bell_mem_copy_text(bell_slice_from(path));
    if (copy == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st =
        bell_sock_listen_unix(path, has_packets, mode, backlog, out_fd, &endpoint->file);
    if (st != BELL_OK) {
        bell_mem_free(copy);
        return st;
    }
    endpoint->path = copy;
    return BELL_OK;
}

static void close_unix(struct bell_endpoint *endpoint)
{
    bell_sock_remove_file(endpoint->path, &endpoint->file);
    bell_mem_free(endpoint->path);
    endpoint->path = NULL;
}

static bell_status listen_unix(struct bell_io_server *io, const char *path,
                               struct bell_endpoint *endpoint)
{
    int fd;
    bell_status st =
        open_unix(path, false, io->options.unix_mode, (int)io->options.backlog, endpoint, &fd);
    if (st != BELL_OK) {
        return st;
    }
    st = listen_for_all(io, fd);
    if (st != BELL_OK) {
        close_unix(endpoint);
    }
    return st;
}

static bell_status may_listen(const struct bell_io_server *io)
{
    if (io->phase != BELL_IO_NEW || io->http == NULL) {
        return BELL_ESTATE;
    }
    return io->endpoint_count == BELL_IO_MAX_LISTENERS ? BELL_ELIMIT : BELL_OK;
}

static bell_status added(struct bell_io_server *io, bell_status st,
                         const struct bell_endpoint *endpoint)
{
    if (st == BELL_OK) {
        io->endpoints[io->endpoint_count++] = *endpoint;
    } else {
        listeners_drop(io, io->endpoint_count);
    }
    return st;
}

bell_status bell_io_server_listen(struct bell_io_server *io, const char *address)
{
    struct bell_endpoint endpoint = {.path = NULL};
    bell_status st = may_listen(io);
    if (st != BELL_OK) {
        return st;
    }
    size_t prefix = sizeof UNIX_PREFIX - 1;
    bool is_unix = address != NULL && strncmp(address, UNIX_PREFIX, prefix) == 0;
    st =
        is_unix ? listen_unix(io, address + prefix, &endpoint) : listen_tcp(io, address, &endpoint);
    return added(io, st, &endpoint);
}

bell_status bell_io_server_listen_fd(struct bell_io_server *io, int fd)
{
    bell_status st = may_listen(io);
    if (st == BELL_OK) {
        st = bell_sock_adopt(fd, false);
    }
    if (st != BELL_OK) {
        if (fd >= 0) {
            bell_sock_close(fd);
        }
        return st;
    }
    const struct bell_endpoint endpoint = {.port = bell_sock_port(fd), .is_inherited = true};
    return added(io, listen_for_all(io, fd), &endpoint);
}

bell_status bell_io_server_secure(struct bell_io_server *io, size_t index, struct bell_tls *tls)
{
    if (io->phase != BELL_IO_NEW) {
        return BELL_ESTATE;
    }
    if (index >= io->endpoint_count || tls == NULL) {
        return BELL_EINVAL;
    }
    io->endpoints[index].tls = tls;
    return BELL_OK;
}

bell_status bell_io_server_listen_tls(struct bell_io_server *io, const char *address,
                                      struct bell_tls *tls)
{
    bell_status st = tls == NULL ? BELL_EINVAL : bell_io_server_listen(io, address);
    return st == BELL_OK ? bell_io_server_secure(io, io->endpoint_count - 1, tls) : st;
}

/* ---- the hand-over ---- */

bell_status bell_listeners_offer(struct bell_io_server *io, const char *path, uint32_t mode,
                                 int backlog)
{
    struct bell_endpoint *offer = &io->endpoints[BELL_IO_OFFER];
    int fd;
    bell_status st = open_unix(path, true, mode, backlog, offer, &fd);
    if (st != BELL_OK) {
        return st;
    }
    st = listener_add(&io->loops[0], BELL_IO_OFFER, fd, false);
    if (st != BELL_OK) {
        close_unix(offer);
    }
    return st;
}

size_t bell_listeners_of_endpoint(const struct bell_io_server *io, size_t index, int *fds,
                                  size_t most)
{
    size_t count = 0;
    for (uint32_t i = 0; i < io->loop_count; i++) {
        for (const struct bell_listener *l = io->loops[i].listeners; l != NULL; l = l->next) {
            if (l->endpoint == index && l->io.fd >= 0 && count < most) {
                fds[count++] = l->io.fd;
            }
        }
    }
    return count;
}

bell_status bell_listeners_take(struct bell_io_server *io, size_t index, const int *fds,
                                size_t count, const struct bell_endpoint *endpoint)
{
    bool is_offer = index == BELL_IO_OFFER;
    bell_status st = !is_offer && index == BELL_IO_MAX_LISTENERS ? BELL_ELIMIT
                     : count == 0 || (is_offer && count > 1)     ? BELL_EPROTO
                                                                 : BELL_OK;
    for (size_t i = 0; i < count; i++) {
        if (st == BELL_OK && bell_sock_adopt(fds[i], is_offer) != BELL_OK) {
            st = BELL_EPROTO;
        }
        if (st != BELL_OK) {
            bell_sock_close(fds[i]);
            continue;
        }
        /* As many sockets as we have loops: then each has its own. */
        st = listener_add(&io->loops[i % io->loop_count], index, fds[i],
                          !is_offer && count != io->loop_count);
    }
    if (st != BELL_OK) {
        listeners_drop(io, index);
        return st;
    }
    io->endpoints[index] = *endpoint;
    io->endpoints[index].port = is_offer ? 0 : bell_sock_port(fds[0]);
    io->endpoint_count += !is_offer;
    return BELL_OK;
}

void bell_listeners_untake(struct bell_io_server *io)
{
    /* The newest first. */
    listeners_drop(io, BELL_IO_OFFER);
    bell_mem_free(io->endpoints[BELL_IO_OFFER].path);
    io->endpoints[BELL_IO_OFFER].path = NULL;
    while (io->endpoint_count > 0) {
        io->endpoint_count--;
        listeners_drop(io, io->endpoint_count);
        bell_mem_free(io->endpoints[io->endpoint_count].path);
        io->endpoints[io->endpoint_count].path = NULL;
    }
}

uint16_t bell_io_server_port(const struct bell_io_server *io, size_t index)
{
    return index < io->endpoint_count ? io->endpoints[index].port : 0;
}
