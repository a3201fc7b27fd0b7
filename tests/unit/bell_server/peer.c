#include "peer.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 20 };

static void give_up(const char *what)
{
    (void)fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static bool connect_tried(struct peer *p, const void *address, socklen_t len, int receive_bytes)
{
    const struct sockaddr *to = address;
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const int on = 1; /* what is sent in pieces shall arrive in pieces, and at once */
    p->n = 0;
    p->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 ||
        (receive_bytes > 0 &&
         setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes) != 0) ||
        (to->sa_family != AF_UNIX &&
         setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) ||
        /* Before there is a limit of time, with which an interrupted call would not be restarted.
         */
        connect(p->fd, to, len) != 0 ||
        setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0) {
        return false;
    }
    return true;
}

static void connect_to(struct peer *p, const void *address, socklen_t len, int receive_bytes)
{
    if (!connect_tried(p, address, len, receive_bytes)) {
        give_up("connect");
    }
}

static struct sockaddr_in ipv4_at(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return to;
}

static void connect_ipv4(struct peer *p, uint16_t port, int receive_bytes)
{
    const struct sockaddr_in to = ipv4_at(port);
    connect_to(p, &to, sizeof to, receive_bytes);
}

bool peer_connect_try(struct peer *p, uint16_t port)
{
    const struct sockaddr_in to = ipv4_at(port);
    bool is_connected = connect_tried(p, &to, sizeof to, 0);
    if (!is_connected) {
        if (errno != ECONNREFUSED && errno != ECONNRESET) {
            give_up("connect");
        }
        peer_close(p);
    }
    return is_connected;
}

void peer_connect(struct peer *p, uint16_t port)
{
    connect_ipv4(p, port, 0);
}

void peer_connect_small(struct peer *p, uint16_t port)
{
    connect_ipv4(p, port, 1);
}

void peer_connect_ipv6(struct peer *p, uint16_t port)
{
    const struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    connect_to(p, &to, sizeof to, 0);
}

void peer_connect_unix(struct peer *p, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    connect_to(p, &to, sizeof to, 0);
}

void peer_close(struct peer *p)
{
    (void)close(p->fd);
    p->fd = -1;
}

void peer_reset(struct peer *p)
{
    const struct linger now = {.l_onoff = 1};
    (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer_close(p);
}

void peer_send(struct peer *p, bell_slice bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(p->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            if (errno == EPIPE || errno == ECONNRESET) {
                return; /* the server has closed: what it said before is what counts */
            }
            give_up("send");
        }
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
}

void peer_connect_saying(struct peer *p, uint16_t port, bell_slice bytes, uint32_t within_ms)
{
    uint64_t begin_ms = bell_clock_now_ms();
    peer_connect(p, port);
    peer_send(p, bytes);
    while (bell_clock_now_ms() - begin_ms >= within_ms) {
        peer_close(p);
        begin_ms = bell_clock_now_ms();
        peer_connect(p, port);
        peer_send(p, bytes);
    }
}

/* Reads more; false at the end. */
static bool fill(struct peer *p)
{
    if (p->n == sizeof p->bytes) {
        errno = ENOBUFS;
        give_up("buffer");
    }
    ssize_t n;
    do { /* a ring that goes interrupts its thread */
        n = recv(p->fd, p->bytes + p->n, sizeof p->bytes - p->n, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != ECONNRESET) {
        give_up("receive");
    }
    p->n += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void use(struct peer *p, size_t n)
{
    p->n -= n;
    memmove(p->bytes, p->bytes + n, p->n);
}

bool peer_read(struct peer *p, char *out, size_t n)
{
    while (p->n < n) {
        if (!fill(p)) {
            return false;
        }
    }
    memcpy(out, p->bytes, n);
    use(p, n);
    return true;
}

size_t peer_read_to_end(struct peer *p)
{
    size_t total = p->n;
    p->n = 0;
    while (fill(p)) {
        total += p->n;
        p->n = 0;
    }
    return total;
}

int peer_read_head(struct peer *p, char *out, size_t size)
{
    for (;;) {
        char *end = memmem(p->bytes, p->n, "\r\n\r\n", 4);
        if (end != NULL) {
            size_t n = (size_t)(end - p->bytes) + 4;
            if (n >= size) {
                give_up("response head");
            }
            memcpy(out, p->bytes, n);
            out[n] = '\0';
            use(p, n);
            return (int)strtol(out + sizeof "HTTP/1.1", NULL, 10);
        }
        if (!fill(p)) {
            return 0;
        }
    }
}

int peer_upgrade(struct peer *p, const char *path, const char *more_fields)
{
    char text[4096];
    int n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                     path, more_fields);
    peer_send(p, bell_slice_make(text, (size_t)n));
    return peer_read_head(p, text, sizeof text);
}

void peer_open(struct peer *p, uint16_t port)
{
    peer_connect(p, port);
    if (peer_upgrade(p, "/", "") != 101) {
        give_up("upgrade");
    }
}

void peer_send_frame(struct peer *p, uint8_t opcode, bell_slice payload)
{
    static const unsigned char KEY[4] = {0x12, 0x34, 0x56, 0x78};
    char *frame = malloc(payload.n + 14);
    size_t n = 2;
    if (frame == NULL) {
        give_up("memory");
    }
    frame[0] = (char)(0x80 | opcode);
    if (payload.n < 126) {
        frame[1] = (char)(0x80 | payload.n);
    } else if (payload.n < 65536) {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(payload.n >> 8);
        frame[3] = (char)(payload.n & 0xff);
        n = 4;
    } else {
        frame[1] = (char)(0x80 | 127);
        for (int i = 0; i < 8; i++) {
            frame[2 + i] = (char)((payload.n >> (56 - 8 * i)) & 0xff);
        }
        n = 10;
    }
    memcpy(frame + n, KEY, 4);
    n += 4;
    for (size_t i = 0; i < payload.n; i++) {
        frame[n + i] = (char)((unsigned char)payload.p[i] ^ KEY[i % 4]);
    }
    peer_send(p, bell_slice_make(frame, n + payload.n));
    free(frame);
}

bool peer_read_frame(struct peer *p, peer_frame *out)
{
    unsigned char head[2];
    if (!peer_read(p, (char *)head, 2)) {
        return false;
    }
    out->first = head[0];
    out->n = head[1] & 0x7f;
    if (out->n == 126) {
        if (!peer_read(p, (char *)head, 2)) {
            return false;
        }
        out->n = (size_t)head[0] << 8 | head[1];
    } else if (out->n == 127) {
        unsigned char length[8];
        if (!peer_read(p, (char *)length, 8)) {
            return false;
        }
        out->n =
            (size_t)length[4] << 24 | (size_t)length[5] << 16 | (size_t)length[6] << 8 | length[7];
    }
    if (out->n > sizeof out->payload) {
        errno = EMSGSIZE;
        give_up("frame");
    }
    return peer_read(p, out->payload, out->n);
}
