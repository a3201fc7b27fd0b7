/*
 * Bare WebSocket server on epoll: no limits, no time-outs, no checks (see bare.h). What a server on
 * epoll must do at least; the 1.00 of bench/RESULTS.md.
 *
 * One thread, level-triggered, one receive and one send for each socket that is ready. What a
 * socket does not take at once waits in memory of its connection.
 */
#include "bare.h"
#include "listen.h"

#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 1024, RECEIVE_BYTES = 512 * 1024, FIRST_SLOTS = 1024 };

struct bytes {
    char *p; /* (owned) NULL = none */
    size_t size;
};

struct connection {
    struct bare_peer peer;
    uint32_t place;       /* where in open_fds */
    struct bytes backlog; /* still to be sent */
    struct bytes rest;    /* came, but must wait for what follows */
    bool is_last;         /* to be closed behind the backlog */
};

static struct connection *connections; /* by descriptor */
static int *open_fds;                  /* dense, for the relay */
static uint32_t open_count;
static size_t slots;
static int poller;
static char received[RECEIVE_BYTES];

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void *grown(void *p, size_t count, size_t size)
{
    void *larger = bell_mem_resize(p, count * size);
    if (larger == NULL) {
        fail("raw-epoll: memory");
    }
    return larger;
}

static void append(struct bytes *to, const char *p, size_t size)
{
    to->p = grown(to->p, to->size + size, 1);
    memcpy(to->p + to->size, p, size);
    to->size += size;
}

static void clear(struct bytes *bytes)
{
    bell_mem_free(bytes->p);
    *bytes = (struct bytes){0};
}

static void watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poller, operation, fd, &event) != 0) {
        fail("raw-epoll: epoll_ctl");
    }
}

static void opened(int fd)
{
    if ((size_t)fd >= slots) {
        slots = (size_t)fd * 2 > FIRST_SLOTS ? (size_t)fd * 2 : FIRST_SLOTS;
        connections = grown(connections, slots, sizeof *connections);
        open_fds = grown(open_fds, slots, sizeof *open_fds);
    }
    connections[fd] = (struct connection){.place = open_count};
    open_fds[open_count++] = fd;
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
}

static void closed(int fd)
{
    struct connection *c = &connections[fd];
    int last = open_fds[--open_count];
    open_fds[c->place] = last;
    connections[last].place = c->place;
    clear(&c->backlog);
    clear(&c->rest);
    (void)close(fd);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        opened(fd);
    }
}

static void pass_on(int fd, const char *bytes, size_t size)
{
    struct bytes *backlog = &connections[fd].backlog;
    ssize_t sent = 0;
    if (backlog->p == NULL) {
        sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return; /* the next receive sees the same */
        }
        sent = sent < 0 ? 0 : sent;
    }
    if ((size_t)sent == size) {
        return;
    }
    if (backlog->p == NULL) {
        watch(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
    }
    append(backlog, bytes + sent, size - (size_t)sent);
}

/* Was that the end of the connection? */
static bool send_rest(int fd)
{
    struct bytes *backlog = &connections[fd].backlog;
    ssize_t sent = send(fd, backlog->p, backlog->size, MSG_NOSIGNAL);
    if (sent <= 0) {
        return false;
    }
    backlog->size -= (size_t)sent;
    memmove(backlog->p, backlog->p + sent, backlog->size);
    if (backlog->size > 0) {
        return false;
    }
    clear(backlog);
    if (connections[fd].is_last) {
        closed(fd);
        return true;
    }
    watch(EPOLL_CTL_MOD, fd, EPOLLIN);
    return false;
}

static void answer(int fd, enum bare_mode mode, const struct bare_answer *a)
{
    if (a->size > 0 && (mode != BARE_RELAY || a->is_private)) {
        pass_on(fd, a->bytes, a->size);
    } else if (a->size > 0) {
        for (uint32_t i = 0; i < open_count; i++) {
            if (open_fds[i] != fd) {
                pass_on(open_fds[i], a->bytes, a->size);
            }
        }
    }
    if (a->is_last && connections[fd].backlog.p == NULL) {
        closed(fd);
    } else if (a->is_last) {
        connections[fd].is_last = true;
    }
}

static void receive(int fd, enum bare_mode mode)
{
    struct connection *c = &connections[fd];
    size_t size = c->rest.size;
    if (size >= sizeof received) {
        (void)fputs("raw-epoll: a frame is too large to be relayed\n", stderr);
        exit(EXIT_FAILURE);
    }
    ssize_t got = recv(fd, received + size, sizeof received - size, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            closed(fd);
        }
        return;
    }
    if (size > 0) {
        memcpy(received, c->rest.p, size);
        clear(&c->rest);
    }
    size += (size_t)got;
    const struct bare_answer a = bare_take(&c->peer, mode, received, size);
    if (a.used < size) {
        append(&c->rest, received + a.used, size - a.used);
    }
    answer(fd, mode, &a);
}

int main(int argc, char **argv)
{
    const struct listen_options options = listen_options("raw-epoll", argc, argv);
    int listener = listen_start("raw-epoll", &options, SOCK_NONBLOCK);
    struct epoll_event events[MAX_EVENTS];
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        int count = epoll_wait(poller, events, MAX_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(fd);
                continue;
            }
            if ((events[i].events & EPOLLOUT) != 0 && send_rest(fd)) {
                continue;
            }
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
                receive(fd, options.mode);
            }
        }
    }
}
