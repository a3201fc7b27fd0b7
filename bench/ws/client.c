#include "client.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SUBMISSIONS = 4096,
    COMPLETIONS = 32768,
    CHECKED_BYTES = 1024,
    MAX_HEAD_BYTES = 4096,
    NS_PER_MS = 1000000,
    LOOPBACK_NET = 127 << 24,
    /* Connections from one address, well below the 28,231 ports that Linux gives out. */
    PER_ADDRESS = 16000,
    HOSTS = 200, /* addresses 127.0.n.1 to 127.0.n.200 */
    MAX_FIRST_BYTES = 1 << 20,
};

enum operation { OP_CONNECT, OP_SEND, OP_RECEIVE, OP_END };

_Noreturn void client_fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "load: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void *checked(void *p)
{
    if (p == NULL) {
        client_fail("start", "no memory");
    }
    return p;
}

static uint64_t user_data(enum operation operation, uint32_t number)
{
    return (uint64_t)operation << 32 | number;
}

void client_init(struct client *c, const struct client_options *options,
                 const struct client_scenario *scenario)
{
    const struct ring_buffers small = {.count = 1024, .bytes = 16 * 1024};
    const struct ring_buffers large = {.count = 16, .bytes = 256 * 1024};
    *c = (struct client){.options = *options, .scenario = *scenario};
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    ring_open(&c->ring, SUBMISSIONS, COMPLETIONS, small, &large);
    content_init(&c->content, options->message_bytes, options->depth,
                 options->is_tcp        ? CONTENT_UNMASKED
                 : options->is_deflated ? CONTENT_DEFLATED
                                        : CONTENT_MASKED);
    upgrade_init(&c->upgrade, options->port, options->is_deflated);
    c->peers = checked(bell_mem_zalloc_array(options->connections, sizeof *c->peers));
    c->listed = checked(bell_mem_zalloc_array(options->connections, sizeof *c->listed));
    c->filled = checked(bell_mem_zalloc_array(c->ring.buffer_count, sizeof *c->filled));
    c->now_ns = bell_clock_now_ns();
}

void client_finish(struct client *c)
{
    for (uint32_t i = 0; i < c->options.connections; i++) {
        bell_mem_free(c->peers[i].sent_at_ns);
        bell_mem_free(c->peers[i].kept);
        bell_mem_free(c->peers[i].control);
        bell_mem_free(c->peers[i].under_way);
    }
    ring_close(&c->ring);
    content_finish(&c->content);
    bell_mem_free(c->peers);
    bell_mem_free(c->listed);
    bell_mem_free(c->filled);
}

/* Adds bytes to those kept. */
static void keep(struct client_peer *p, const char *bytes, size_t size)
{
    size_t old = p->kept == NULL ? 0 : p->kept->size;
    p->kept = checked(bell_mem_resize(p->kept, sizeof *p->kept + old + size));
    memcpy(p->kept->bytes + old, bytes, size);
    p->kept->size = old + size;
}

static void forget(struct client_bytes **bytes)
{
    bell_mem_free(*bytes);
    *bytes = NULL;
}

/* Sends what is there, one send at a time. */
static void list(struct client *c, uint32_t number)
{
    struct client_peer *p = &c->peers[number];
    if (!p->is_listed && !p->is_sending) {
        p->is_listed = true;
        c->listed[c->listed_count++] = number;
    }
}

static void send_bytes(struct client *c, uint32_t number, const char *bytes, size_t size)
{
    struct io_uring_sqe *sqe = ring_entry(&c->ring);
    io_uring_prep_send(sqe, c->peers[number].fd, bytes, size, MSG_WAITALL | MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, user_data(OP_SEND, number));
    c->peers[number].is_sending = true;
}

static void send_listed(struct client *c)
{
    for (uint32_t i = 0; i < c->listed_count; i++) {
        uint32_t number = c->listed[i];
        struct client_peer *p = &c->peers[number];
        p->is_listed = false;
        if (p->state == CLIENT_CLOSED) {
            continue;
        }
        if (p->control != NULL) {
            p->under_way = p->control;
            p->control = NULL;
            send_bytes(c, number, p->under_way->bytes, p->under_way->size);
        } else if (p->wanted > 0) {
            for (uint32_t k = 0; k < p->wanted; k++) {
                p->sent_at_ns[(p->said + k) % c->options.depth] = c->now_ns;
            }
            send_bytes(c, number, c->content.frames, c->content.frame_bytes * p->wanted);
            p->said += p->wanted;
            p->wanted = 0;
        }
    }
    c->listed_count = 0;
}

static int socket_make(const struct client *c)
{
    const int on = 1;
    uint64_t address = c->opened / PER_ADDRESS;
    const struct sockaddr_in from = {
        .sin_family = AF_INET,
        .sin_addr.s_addr =
            htonl((uint32_t)(LOOPBACK_NET | (address / HOSTS) << 8 | (address % HOSTS + 1))),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&from, sizeof from) != 0) {
        client_fail("socket", strerror(errno));
    }
    return fd;
}

void client_open(struct client *c, uint32_t number)
{
    static struct sockaddr_in to; /* must stay until the kernel has read it */
    to = (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons(c->options.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client_peer *p = &c->peers[number];
    uint64_t *sent_at_ns = p->sent_at_ns;
    *p = (struct client_peer){
        .fd = socket_make(c), .state = CLIENT_CONNECTING, .sent_at_ns = sent_at_ns};
    if (sent_at_ns == NULL) {
        p->sent_at_ns = checked(bell_mem_zalloc_array(c->options.depth, sizeof *p->sent_at_ns));
    }
    c->opened++;
    struct io_uring_sqe *sqe = ring_entry(&c->ring);
    io_uring_prep_connect(sqe, p->fd, (const struct sockaddr *)&to, sizeof to);
    io_uring_sqe_set_data64(sqe, user_data(OP_CONNECT, number));
}

void client_say(struct client *c, uint32_t number, uint32_t messages)
{
    c->peers[number].wanted += messages;
    list(c, number);
}

void client_end(struct client *c, uint32_t number)
{
    struct client_peer *p = &c->peers[number];
    p->state = CLIENT_ENDING;
    if (c->options.is_tcp) {
        struct io_uring_sqe *sqe = ring_entry(&c->ring);
        io_uring_prep_shutdown(sqe, p->fd, SHUT_WR);
        io_uring_sqe_set_data64(sqe, user_data(OP_END, number));
        return;
    }
    static const char NORMAL[] = {0x03, (char)0xe8}; /* 1000 */
    p->control = checked(bell_mem_alloc(sizeof *p->control + CONTENT_CONTROL_BYTES));
    p->control->size =
        content_control(&c->content, REPLY_CLOSE, NORMAL, sizeof NORMAL, p->control->bytes);
    list(c, number);
}

static void opened(struct client *c, uint32_t number)
{
    c->peers[number].state = CLIENT_OPEN;
    c->open_count++;
    if (c->scenario.on_open != NULL) {
        c->scenario.on_open(c, number);
    }
}

static void connected(struct client *c, uint32_t number, int result)
{
    struct client_peer *p = &c->peers[number];
    if (result < 0) {
        client_fail("connect", strerror(-result));
    }
    p->is_receiving = true;
    ring_receive(&c->ring, p->fd, user_data(OP_RECEIVE, number));
    if (c->options.is_tcp) {
        opened(c, number);
        return;
    }
    p->state = CLIENT_UPGRADING;
    send_bytes(c, number, c->upgrade.request, c->upgrade.request_bytes);
}

/* The connection is over when nothing of it is under way any more. */
static void close_when_idle(struct client *c, uint32_t number)
{
    struct client_peer *p = &c->peers[number];
    if (p->is_receiving || p->is_sending) {
        return;
    }
    (void)close(p->fd);
    forget(&p->kept);
    forget(&p->control);
    forget(&p->under_way);
    p->state = CLIENT_CLOSED;
    p->wanted = 0;
    c->open_count--;
    if (c->scenario.on_closed != NULL) {
        c->scenario.on_closed(c, number);
    }
}

static void sent(struct client *c, uint32_t number, int result)
{
    struct client_peer *p = &c->peers[number];
    if (result < 0 && p->state != CLIENT_ENDING) {
        client_fail("send", strerror(-result));
    }
    p->is_sending = false;
    forget(&p->under_way);
    if (!p->is_receiving && p->state == CLIENT_ENDING) {
        close_when_idle(c, number);
    } else if (p->wanted > 0 || p->control != NULL) {
        list(c, number);
    }
}

static void check_text(const struct client *c, const struct client_peer *p,
                       const struct reply_part *part)
{
    if (part->opcode != REPLY_TEXT || part->is_compressed) {
        client_fail("message", "it is not text as it was sent");
    }
    if (part->size > c->content.text_bytes - part->at ||
        (part->is_end && part->at + part->size != c->content.text_bytes)) {
        client_fail("message", "its length is wrong");
    }
    size_t checked_bytes = part->size;
    if (p->replies > 0) {
        size_t most = part->at < CHECKED_BYTES ? CHECKED_BYTES - (size_t)part->at : 0;
        checked_bytes = checked_bytes < most ? checked_bytes : most;
    }
    if (checked_bytes > 0 && memcmp(part->bytes, c->content.text + part->at, checked_bytes) != 0) {
        client_fail("message", "its text is wrong");
    }
}

/* Only the first of a connection is inflated; later ones must be as long. */
static void check_deflated(const struct client *c, struct client_peer *p,
                           const struct reply_part *part)
{
    if (part->opcode != REPLY_TEXT || !part->is_compressed) {
        client_fail("message", "it is not compressed text");
    }
    if (p->replies == 0) {
        keep(p, part->bytes, part->size);
        if (p->kept->size > MAX_FIRST_BYTES ||
            (part->is_end && !content_inflates(&c->content, p->kept->bytes, p->kept->size))) {
            client_fail("message", "its compressed text is wrong");
        }
    } else if (part->at + part->size > p->kept->size ||
               (part->is_end && part->at + part->size != p->kept->size)) {
        client_fail("message", "its compressed length changes");
    }
}

static void control_take(struct client *c, uint32_t number, const struct reply_part *part)
{
    struct client_peer *p = &c->peers[number];
    if (part->opcode == REPLY_CLOSE) {
        if (p->state != CLIENT_ENDING) {
            client_fail("connection", "the server closes it");
        }
        return; /* the server ends the stream now: RFC 6455 section 7.1.1 */
    }
    if (part->opcode != REPLY_PING || p->control != NULL) {
        return; /* one Pong is enough: RFC 6455 section 5.5.3 */
    }
    if (!part->is_end) {
        client_fail("ping", "it comes in pieces, which load does not gather");
    }
    p->control = checked(bell_mem_alloc(sizeof *p->control + CONTENT_CONTROL_BYTES));
    p->control->size =
        content_control(&c->content, REPLY_PONG, part->bytes, part->size, p->control->bytes);
    list(c, number);
}

static void frames_take(struct client *c, uint32_t number, const char *bytes, size_t size)
{
    struct client_peer *p = &c->peers[number];
    struct reply_part part;
    enum reply_status status;
    while ((status = reply_next(&p->reader, &bytes, &size, &part)) == REPLY_PART) {
        if (part.opcode > REPLY_BINARY) {
            control_take(c, number, &part);
            continue;
        }
        if (c->options.is_deflated) {
            check_deflated(c, p, &part);
        } else {
            check_text(c, p, &part);
        }
        if (part.is_end) {
            c->scenario.on_message(c, number);
            p->replies++;
        }
    }
    if (status == REPLY_BROKEN) {
        client_fail("message", "its frame breaks RFC 6455");
    }
}

static void answer_take(struct client *c, uint32_t number, const char *bytes, size_t size)
{
    struct client_peer *p = &c->peers[number];
    keep(p, bytes, size);
    size_t head = upgrade_head_bytes(p->kept->bytes, p->kept->size);
    if (head == 0 && p->kept->size < MAX_HEAD_BYTES) {
        return;
    }
    const char *why =
        head == 0 ? "the answer does not end" : upgrade_refuse(&c->upgrade, p->kept->bytes, head);
    if (why != NULL) {
        client_fail("upgrade", why);
    }
    struct client_bytes *all = p->kept;
    p->kept = NULL;
    opened(c, number);
    frames_take(c, number, all->bytes + head, all->size - head);
    bell_mem_free(all);
}

static void received(struct client *c, uint32_t number, const struct io_uring_cqe *cqe)
{
    struct client_peer *p = &c->peers[number];
    if (cqe->res <= 0 && cqe->res != -ENOBUFS) {
        if (p->state != CLIENT_ENDING) {
            client_fail("connection", cqe->res == 0 ? "the server ends it" : strerror(-cqe->res));
        }
        p->is_receiving = false;
        close_when_idle(c, number);
        return;
    }
    if (cqe->res > 0) {
        uint16_t id = ring_buffer_id(cqe);
        const char *bytes = ring_buffer(&c->ring, id) + c->filled[id];
        if (p->state == CLIENT_UPGRADING) {
            answer_take(c, number, bytes, (size_t)cqe->res);
        } else {
            frames_take(c, number, bytes, (size_t)cqe->res);
        }
        c->filled[id] += (uint64_t)cqe->res;
        if ((cqe->flags & RING_BUFFER_STAYS) == 0) {
            c->filled[id] = 0;
            ring_give_back(&c->ring, id);
        }
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        ring_receive(&c->ring, p->fd, user_data(OP_RECEIVE, number));
    }
}

static void complete(struct client *c, const struct io_uring_cqe *cqe)
{
    uint64_t data = io_uring_cqe_get_data64(cqe);
    uint32_t number = (uint32_t)data;
    switch ((enum operation)(data >> 32)) {
    case OP_CONNECT:
        connected(c, number, cqe->res);
        break;
    case OP_SEND:
        sent(c, number, cqe->res);
        break;
    case OP_RECEIVE:
        received(c, number, cqe);
        break;
    case OP_END:
        break;
    }
}

void client_turn(struct client *c, uint32_t timeout_ms)
{
    send_listed(c);
    ring_turn(&c->ring, (uint64_t)timeout_ms * NS_PER_MS);
    c->now_ns = bell_clock_now_ns();
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned count = 0;
    io_uring_for_each_cqe(&c->ring.uring, head, cqe)
    {
        complete(c, cqe);
        count++;
    }
    io_uring_cq_advance(&c->ring.uring, count);
    if (count > 0 || c->heard_ns == 0) {
        c->heard_ns = c->now_ns;
    } else if (c->now_ns - c->heard_ns > (uint64_t)c->options.patience_ms * NS_PER_MS) {
        client_fail("server", "nothing comes from it any more");
    }
}
