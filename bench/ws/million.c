/*
 * million: the client of bench/ws/million.py. Opens very many idle WebSocket connections, answers
 * their Pings, and has one message broadcast to all of them when told so on standard input:
 *
 *     broadcast   the first connection sends; waits until all others have it
 *     end         ends
 *
 * Each event is one line of JSON. One thread on epoll; a connection takes 40 bytes here and no
 * buffer, so that what is measured is the server and the kernel.
 */
#include "content.h"
#include "reply.h"
#include "upgrade.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    USAGE_STATUS = 2,
    MAX_EVENTS = 1024,
    RECEIVE_BYTES = 64 * 1024,
    MESSAGE_BYTES = 64,
    COMMAND_BYTES = 64,
    PER_ADDRESS = 16000, /* connections from one address */
    HOSTS = 200,
    LOOPBACK_NET = 127 << 24,
    MAX_AT_ONCE = 2048,
    STDIN_NUMBER = -1,
    TURN_MS = 1000,
    PATIENCE_S = 30, /* without any delivery */
};

static const double NS_PER_S = 1e9;

struct peer {
    struct reply_reader reader;
    int fd;
    bool is_open;
    bool is_lost;
};

static struct peer *peers; /* (owned) */
static uint32_t wanted;    /* connections */
static uint32_t begun;
static uint32_t open_count;
static uint32_t lost_count;
static uint64_t pings;
static uint64_t deliveries;
static uint16_t port;
static int poller;
static struct upgrade upgrade;
static struct content content;
static char received[RECEIVE_BYTES];
static bool is_asked; /* to broadcast */
static bool is_ended;

static _Noreturn void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "million: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void lose(struct peer *p)
{
    (void)close(p->fd);
    open_count -= p->is_open;
    p->is_open = false;
    p->is_lost = true;
    lost_count++;
}

/* Begins the next connection; false when the machine gives no more. */
static bool open_next(void)
{
    const int on = 1;
    uint32_t address = begun / PER_ADDRESS;
    const struct sockaddr_in from = {
        .sin_family = AF_INET,
        .sin_addr.s_addr =
            htonl((uint32_t)(LOOPBACK_NET | (address / HOSTS) << 8 | (address % HOSTS + 1))),
    };
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = begun};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) {
        (void)fprintf(stderr, "million: connection %" PRIu32 ": %s\n", begun + 1, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    peers[begun++] = (struct peer){.fd = fd};
    return true;
}

static void send_request(struct peer *p, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = number};
    if (send(p->fd, upgrade.request, upgrade.request_bytes, MSG_NOSIGNAL) !=
            (ssize_t)upgrade.request_bytes ||
        epoll_ctl(poller, EPOLL_CTL_MOD, p->fd, &event) != 0) {
        fail("upgrade", strerror(errno));
    }
}

static void answer_ping(struct peer *p, const struct reply_part *part)
{
    char frame[CONTENT_CONTROL_BYTES];
    size_t size = content_control(&content, REPLY_PONG, part->bytes, part->size, frame);
    if (!part->is_end || send(p->fd, frame, size, MSG_NOSIGNAL) != (ssize_t)size) {
        lose(p);
        return;
    }
    pings++;
}

static void take_frames(struct peer *p, const char *bytes, size_t size)
{
    struct reply_part part;
    enum reply_status status = REPLY_NEEDS_MORE;
    while (!p->is_lost && (status = reply_next(&p->reader, &bytes, &size, &part)) == REPLY_PART) {
        if (part.opcode == REPLY_PING) {
            answer_ping(p, &part);
        } else if (part.opcode == REPLY_CLOSE) {
            lose(p);
        } else if (part.opcode == REPLY_TEXT && part.is_end) {
            if (part.at + part.size != MESSAGE_BYTES ||
                memcmp(part.bytes, content.text + part.at, part.size) != 0) {
                fail("message", "it is not what was sent");
            }
            deliveries++;
        }
    }
    if (status == REPLY_BROKEN) {
        fail("message", "its frame breaks RFC 6455");
    }
}

static void take(struct peer *p)
{
    ssize_t size = recv(p->fd, received, sizeof received, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) {
            lose(p);
        }
        return;
    }
    if (p->is_open) {
        take_frames(p, received, (size_t)size);
        return;
    }
    /* An answer this short comes in one piece, or something is wrong. */
    size_t head = upgrade_head_bytes(received, (size_t)size);
    const char *why =
        head == 0 ? "the answer is not whole" : upgrade_refuse(&upgrade, received, head);
    if (why != NULL) {
        fail("upgrade", why);
    }
    p->is_open = true;
    open_count++;
    take_frames(p, received + head, (size_t)size - head);
}

static void turn(int timeout_ms)
{
    static struct epoll_event events[MAX_EVENTS];
    char command[COMMAND_BYTES];
    int count = epoll_wait(poller, events, MAX_EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == (uint64_t)STDIN_NUMBER) {
            ssize_t size = read(STDIN_FILENO, command, sizeof command);
            is_ended = size <= 0 || memmem(command, (size_t)size, "end", strlen("end")) != NULL;
            is_asked = !is_ended;
            continue;
        }
        struct peer *p = &peers[events[i].data.u64];
        if ((events[i].events & EPOLLOUT) != 0) {
            send_request(p, (uint32_t)events[i].data.u64);
        } else if (!p->is_lost) {
            take(p);
        }
    }
}

static void open_all(uint32_t at_once)
{
    uint64_t begin_ns = bell_clock_now_ns();
    bool is_full = false;
    while (!is_ended && (open_count + lost_count < begun || (begun < wanted && !is_full))) {
        while (begun < wanted && !is_full && begun - open_count - lost_count < at_once) {
            is_full = !open_next();
        }
        turn(TURN_MS);
    }
    printf("{\"event\": \"open\", \"connections\": %" PRIu32 ", \"lost\": %" PRIu32
           ", \"pings\": %" PRIu64 ", \"seconds\": %.3f}\n",
           open_count, lost_count, pings, (double)(bell_clock_now_ns() - begin_ns) / NS_PER_S);
    (void)fflush(stdout);
}

static void broadcast(void)
{
    uint64_t begin_ns = bell_clock_now_ns();
    uint64_t heard_ns = begin_ns;
    deliveries = 0;
    if (open_count < 2 || peers[0].is_lost ||
        send(peers[0].fd, content.frames, content.frame_bytes, MSG_NOSIGNAL) !=
            (ssize_t)content.frame_bytes) {
        fail("broadcast", "the first connection cannot send");
    }
    while (deliveries < open_count - 1 && !is_ended) {
        uint64_t before = deliveries;
        turn(TURN_MS); /* may have brought Pings only */
        uint64_t now_ns = bell_clock_now_ns();
        if (deliveries > before) {
            heard_ns = now_ns;
        } else if ((double)(now_ns - heard_ns) > PATIENCE_S * NS_PER_S) {
            break;
        }
    }
    printf("{\"event\": \"broadcast\", \"deliveries\": %" PRIu64 ", \"lost\": %" PRIu32
           ", \"pings\": %" PRIu64 ", \"seconds\": %.3f}\n",
           deliveries, lost_count, pings, (double)(bell_clock_now_ns() - begin_ns) / NS_PER_S);
    (void)fflush(stdout);
}

static uint32_t number_of(const char *text, uint32_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < 1 || value > most) {
        (void)fputs("usage: million PORT CONNECTIONS AT-ONCE\n", stderr);
        exit(USAGE_STATUS);
    }
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)number_of("", 0);
    }
    port = (uint16_t)number_of(argv[1], UINT16_MAX);
    wanted = number_of(argv[2], PER_ADDRESS * HOSTS * UINT8_MAX);
    uint32_t at_once = number_of(argv[3], MAX_AT_ONCE);
    upgrade_init(&upgrade, port, false);
    content_init(&content, MESSAGE_BYTES, 1, CONTENT_MASKED);
    peers = bell_mem_zalloc_array(wanted, sizeof *peers);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)STDIN_NUMBER};
    if (peers == NULL || poller < 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) {
        fail("start", "no memory, or standard input cannot be waited for");
    }
    open_all(at_once);
    while (!is_ended) {
        turn(TURN_MS);
        if (is_asked) {
            is_asked = false;
            broadcast();
        }
    }
    return EXIT_SUCCESS;
}
