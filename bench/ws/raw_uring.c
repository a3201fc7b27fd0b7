/*
 * Bare WebSocket server on io_uring: no limits, no time-outs, no checks (see bare.h). What a server
 * needs that makes few system calls: multishot accept and receive, provided buffers, all sends of a
 * turn in one submission.
 *
 * One thread. A connection has one send under way, since one that met a full socket would be
 * overtaken by the next; what comes meanwhile goes out together. Answers are sent from the buffer
 * into which the bytes came; it goes back to the ring when nothing refers to it any more.
 */
#include "bare.h"
#include "listen.h"
#include "ring.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    SUBMISSIONS = 4096,
    COMPLETIONS = 16384,
    FIRST_SLOTS = 1024,
    MAX_PIECES = 64, /* a client for whom more wait is none of load's */
};

enum operation { OP_ACCEPT, OP_RECEIVE, OP_SEND, OP_END };

/* Memory that answers lie in. */
struct hold {
    uint32_t references; /* of pieces, and 1 while bytes may still come into it */
    uint32_t filled;     /* bytes that came; of buffers of the ring */
    uint16_t buffer;
    bool is_in_ring; /* else allocated, with the bytes behind it */
    char bytes[];
};

struct piece {
    const char *bytes;
    size_t size;
    struct hold *hold;
};

struct queue {
    struct piece pieces[MAX_PIECES];
    uint32_t count;
    uint32_t sending; /* the first so many are on their way */
    struct iovec parts[MAX_PIECES];
    struct msghdr message;
    struct queue *next; /* of those nobody uses */
};

struct connection {
    struct bare_peer peer;
    struct queue *queue; /* (owned) NULL = nothing to send */
    struct hold *rest;   /* (owned) came, but must wait for what follows */
    uint32_t rest_bytes;
    uint32_t place; /* where in open_fds */
    bool is_open;
    bool is_last;    /* to be ended behind its queue */
    bool is_starved; /* its receive ended for want of buffers */
};

static struct ring ring;
static struct connection *connections; /* by descriptor */
static size_t slots;
static int *open_fds;
static uint32_t open_count;
static uint32_t starved_count;
static bool has_room;      /* a buffer went back to the ring since the starved were fed */
static struct hold *holds; /* of the buffers of the ring, by number */
static struct queue *idle_queues;

static uint64_t user_data(enum operation operation, int fd)
{
    return (uint64_t)operation << 32 | (uint32_t)fd;
}

static _Noreturn void fail(const char *why)
{
    (void)fprintf(stderr, "raw-uring: %s\n", why);
    exit(EXIT_FAILURE);
}

static void *checked(void *p)
{
    if (p == NULL) {
        fail("no memory");
    }
    return p;
}

static void release(struct hold *hold)
{
    if (--hold->references > 0) {
        return;
    }
    if (hold->is_in_ring) {
        hold->references = 1;
        hold->filled = 0;
        ring_give_back(&ring, hold->buffer);
        has_room = true;
    } else {
        bell_mem_free(hold);
    }
}

static struct queue *queue_take(void)
{
    struct queue *q = idle_queues;
    if (q == NULL) {
        return checked(bell_mem_zalloc(sizeof *q));
    }
    idle_queues = q->next;
    return q;
}

static void opened(int fd)
{
    if ((size_t)fd >= slots) {
        slots = (size_t)fd * 2 > FIRST_SLOTS ? (size_t)fd * 2 : FIRST_SLOTS;
        connections = checked(bell_mem_resize(connections, slots * sizeof *connections));
        open_fds = checked(bell_mem_resize(open_fds, slots * sizeof *open_fds));
    }
    connections[fd] = (struct connection){.place = open_count, .is_open = true};
    open_fds[open_count++] = fd;
    ring_receive(&ring, fd, user_data(OP_RECEIVE, fd));
}

static void send_all(int fd, struct queue *q)
{
    struct io_uring_sqe *sqe = ring_entry(&ring);
    q->sending = q->count;
    if (q->count == 1) {
        io_uring_prep_send(sqe, fd, q->pieces[0].bytes, q->pieces[0].size,
                           MSG_WAITALL | MSG_NOSIGNAL);
    } else {
        for (uint32_t i = 0; i < q->count; i++) {
            const struct piece *p = &q->pieces[i];
            q->parts[i] = (struct iovec){.iov_base = p->hold->bytes, .iov_len = p->size};
            memcpy(&q->parts[i].iov_base, &p->bytes, sizeof p->bytes); /* it is only read */
        }
        q->message = (struct msghdr){.msg_iov = q->parts, .msg_iovlen = q->count};
        io_uring_prep_sendmsg(sqe, fd, &q->message, MSG_WAITALL | MSG_NOSIGNAL);
    }
    io_uring_sqe_set_data64(sqe, user_data(OP_SEND, fd));
}

static void pass_on(int fd, struct piece piece)
{
    struct connection *c = &connections[fd];
    if (c->queue == NULL) {
        c->queue = queue_take();
    }
    struct queue *q = c->queue;
    if (q->count == MAX_PIECES) {
        fail("a client does not read");
    }
    q->pieces[q->count++] = piece;
    piece.hold->references++;
    if (q->count == 1) {
        send_all(fd, q);
    }
}

/*
 * What is still to be received ends by it, and with that the connection. Not by the ring: there
 * another thread does it some time later, when the descriptor may be that of somebody else.
 */
static void end_receive(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
}

static void close_when_idle(int fd)
{
    struct connection *c = &connections[fd];
    if (c->is_open || c->queue != NULL) {
        return;
    }
    bell_mem_free(c->rest);
    c->rest = NULL;
    struct io_uring_sqe *sqe = ring_entry(&ring);
    io_uring_prep_close(sqe, fd);
    io_uring_sqe_set_data64(sqe, user_data(OP_END, fd));
}

static void closed(int fd)
{
    struct connection *c = &connections[fd];
    int last = open_fds[--open_count];
    open_fds[c->place] = last;
    connections[last].place = c->place;
    c->is_open = false;
    close_when_idle(fd);
}

/* Puts bytes behind those that came before; the result is owned by the caller. */
static struct hold *joined(struct connection *c, const char *bytes, uint32_t size)
{
    struct hold *hold = checked(bell_mem_alloc(sizeof *hold + c->rest_bytes + size));
    *hold = (struct hold){.references = 1};
    if (c->rest != NULL) {
        memcpy(hold->bytes, c->rest->bytes, c->rest_bytes);
    }
    memcpy(hold->bytes + c->rest_bytes, bytes, size);
    bell_mem_free(c->rest);
    c->rest = NULL;
    return hold;
}

static void answer(int fd, enum bare_mode mode, const struct bare_answer *a, struct hold *hold)
{
    const struct piece piece = {.bytes = a->bytes, .size = a->size, .hold = hold};
    if (a->size > 0 && (mode != BARE_RELAY || a->is_private)) {
        pass_on(fd, piece);
    } else if (a->size > 0) {
        for (uint32_t i = 0; i < open_count; i++) {
            if (open_fds[i] != fd) {
                pass_on(open_fds[i], piece);
            }
        }
    }
    struct connection *c = &connections[fd];
    if (a->is_last && !c->is_last) {
        c->is_last = true;
        if (c->queue == NULL) {
            end_receive(fd);
        }
    }
}

static void take(int fd, enum bare_mode mode, char *bytes, uint32_t size, struct hold *hold)
{
    struct connection *c = &connections[fd];
    bool is_joined = c->rest != NULL;
    if (is_joined) {
        uint32_t rest_bytes = c->rest_bytes;
        hold = joined(c, bytes, size);
        bytes = hold->bytes;
        size += rest_bytes;
        c->rest_bytes = 0;
    }
    const struct bare_answer a = bare_take(&c->peer, mode, bytes, size);
    if (a.used < size) {
        c->rest = joined(c, bytes + a.used, size - (uint32_t)a.used);
        c->rest_bytes = size - (uint32_t)a.used;
    }
    answer(fd, mode, &a, hold);
    if (is_joined) {
        release(hold);
    }
}

static void received(int fd, const struct io_uring_cqe *cqe, enum bare_mode mode)
{
    if (cqe->res == -ENOBUFS) {
        connections[fd].is_starved = true;
        starved_count++;
        return;
    }
    if (cqe->res <= 0) {
        closed(fd);
        return;
    }
    struct hold *hold = &holds[ring_buffer_id(cqe)];
    char *bytes = ring_buffer(&ring, hold->buffer) + hold->filled;
    hold->filled += (uint32_t)cqe->res;
    take(fd, mode, bytes, (uint32_t)cqe->res, hold);
    if ((cqe->flags & RING_BUFFER_STAYS) == 0) {
        release(hold);
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        ring_receive(&ring, fd, user_data(OP_RECEIVE, fd));
    }
}

static void sent(int fd)
{
    struct connection *c = &connections[fd];
    struct queue *q = c->queue;
    for (uint32_t i = 0; i < q->sending; i++) {
        release(q->pieces[i].hold);
    }
    q->count -= q->sending;
    if (q->count > 0) {
        memmove(q->pieces, q->pieces + q->sending, q->count * sizeof *q->pieces);
        send_all(fd, q);
        return;
    }
    q->next = idle_queues;
    idle_queues = q;
    c->queue = NULL;
    if (c->is_open && c->is_last) {
        end_receive(fd);
    } else {
        close_when_idle(fd);
    }
}

static void feed_starved(void)
{
    if (!has_room) {
        return;
    }
    has_room = false;
    for (uint32_t i = 0; starved_count > 0 && i < open_count; i++) {
        struct connection *c = &connections[open_fds[i]];
        if (c->is_starved) {
            c->is_starved = false;
            starved_count--;
            ring_receive(&ring, open_fds[i], user_data(OP_RECEIVE, open_fds[i]));
        }
    }
}

static void complete(const struct io_uring_cqe *cqe, enum bare_mode mode)
{
    uint64_t data = io_uring_cqe_get_data64(cqe);
    int fd = (int)(uint32_t)data;
    switch ((enum operation)(data >> 32)) {
    case OP_ACCEPT:
        if (cqe->res >= 0) {
            opened(cqe->res);
        }
        if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
            ring_accept(&ring, fd, data);
        }
        break;
    case OP_RECEIVE:
        received(fd, cqe, mode);
        break;
    case OP_SEND:
        sent(fd);
        break;
    case OP_END:
        break;
    }
}

int main(int argc, char **argv)
{
    const struct listen_options options = listen_options("raw-uring", argc, argv);
    const struct ring_buffers small = {.count = 256, .bytes = 16 * 1024};
    const struct ring_buffers large = {.count = 8, .bytes = 256 * 1024};
    ring_open(&ring, SUBMISSIONS, COMPLETIONS, small, &large);
    holds = checked(bell_mem_zalloc_array(ring.buffer_count, sizeof *holds));
    for (uint32_t i = 0; i < ring.buffer_count; i++) {
        holds[i] = (struct hold){.references = 1, .buffer = (uint16_t)i, .is_in_ring = true};
    }
    int listener = listen_start("raw-uring", &options, 0);
    ring_accept(&ring, listener, user_data(OP_ACCEPT, listener));
    for (;;) {
        ring_turn(&ring, 0);
        struct io_uring_cqe *cqe;
        unsigned head;
        unsigned count = 0;
        io_uring_for_each_cqe(&ring.uring, head, cqe)
        {
            complete(cqe, options.mode);
            count++;
        }
        io_uring_cq_advance(&ring.uring, count);
        feed_starved();
    }
}
