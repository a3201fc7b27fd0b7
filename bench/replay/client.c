#include "client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "bell/ws/encoder.h"
#include "bell/ws/handshake.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT_BYTES = 256 * 1024,
    OUT_MAX_BYTES = 64 * 1024 * 1024,
    MESSAGE_MAX_BYTES = 64 * 1024 * 1024,
    HEAD_MAX_BYTES = 8192,
    TURN_EVENTS = 512,
    CLOSE_PATIENCE_MS = 2000,
    CODE_ABNORMAL = 1006,
};

bell_status client_init(struct client *l, const char *address, uint16_t port, size_t max_conns)
{
    *l =
        (struct client){.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .queued_capacity = 2 * max_conns};
    l->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    /* One that is lost while the list is worked off may be opened again, and so stand in it twice.
     */
    l->queued = bell_mem_zalloc_array(l->queued_capacity, sizeof(struct conn *));
    l->input = bell_mem_alloc(INPUT_BYTES);
    bell_random_fill(&l->random, sizeof l->random);
    l->random |= 1;
    bell_status st = BELL_OK;
    if (l->epoll_fd < 0 || inet_pton(AF_INET, address, &l->server.sin_addr) != 1) {
        st = BELL_EIO;
    } else if (l->queued == NULL || l->input == NULL) {
        st = BELL_ENOMEM;
    }
    if (st != BELL_OK) {
        client_finish(l);
    }
    return st;
}

void client_finish(struct client *l)
{
    if (l->epoll_fd >= 0) {
        close(l->epoll_fd);
    }
    bell_mem_free(l->queued);
    bell_mem_free(l->input);
    *l = (struct client){.epoll_fd = -1};
}

/* xorshift64*: cheap, and each frame has a key of its own (RFC 6455 section 5.3). */
static void next_key(struct client *l, uint8_t key[BELL_WS_KEY_BYTES])
{
    l->random ^= l->random >> 12;
    l->random ^= l->random << 25;
    l->random ^= l->random >> 27;
    uint32_t bits = (uint32_t)((l->random * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
    memcpy(key, &bits, BELL_WS_KEY_BYTES);
}

void conn_init(struct conn *c, struct client *l, const struct conn_events *events, void *user)
{
    *c = (struct conn){.fd = -1, .client = l, .events = events, .user = user};
    bell_buf_init(&c->out, OUT_MAX_BYTES);
    bell_ws_assembler_init(&c->assembler, BELL_WS_CLIENT);
}

/* Gives back what belongs to one connecting, but for the place in the list of the turn. */
static void release(struct conn *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = -1;
    c->state = CONN_CLOSED;
    c->wants_write = false;
    bell_buf_clear(&c->out);
    bell_ws_assembler_finish(&c->assembler);
    bell_ws_assembler_init(&c->assembler, BELL_WS_CLIENT);
}

void conn_finish(struct conn *c)
{
    release(c);
    bell_buf_finish(&c->out);
}

static void lose(struct conn *c, unsigned code)
{
    release(c);
    c->events->on_closed(c, code);
}

static void want_write(struct conn *c, bool wanted)
{
    if (c->wants_write != wanted) {
        struct epoll_event e = {.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
        c->wants_write = wanted;
        if (epoll_ctl(c->client->epoll_fd, EPOLL_CTL_MOD, c->fd, &e) != 0) {
            lose(c, CODE_ABNORMAL);
        }
    }
}

static void queue_send(struct conn *c)
{
    struct client *l = c->client;
    if (!c->is_queued) {
        assert(l->queued_count < l->queued_capacity);
        c->is_queued = true;
        l->queued[l->queued_count++] = c;
    }
}

static void flush(struct conn *c)
{
    while (c->out.n > 0) {
        ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
            want_write(c, true);
            return;
        }
        if (n < 0) {
            lose(c, CODE_ABNORMAL);
            return;
        }
        bell_buf_consume(&c->out, (size_t)n);
    }
    want_write(c, false);
}

static void write_request(struct conn *c, const char *path, const char *subprotocol,
                          const char *cookie)
{
    static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    /* 16 bytes are 21 digits of 6 bits, one of 2 bits, and "==". */
    uint8_t random[22];
    bell_random_fill(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        c->key[i] = BASE64[i == sizeof random - 1 ? (random[i] & 3) << 4 : random[i] & 0x3f];
    }
    memcpy(c->key + sizeof random, "==", 3);
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &c->client->server.sin_addr, host, sizeof host);
    unsigned port = ntohs(c->client->server.sin_port);
    if (bell_buf_printf(&c->out,
                        "GET %s HTTP/1.1\r\nHost: %s:%u\r\nOrigin: http://%s:%u\r\n"
                        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n"
                        "User-Agent: deskbell-replay\r\n%s%s%s\r\n",
                        path, host, port, host, port, c->key, subprotocol,
                        cookie == NULL ? "" : "Cookie: ", cookie == NULL ? "" : cookie,
                        cookie == NULL ? "" : "\r\n") != BELL_OK) {
        abort();
    }
}

bell_status conn_open(struct conn *c, uint8_t source, const char *path, const char *subprotocol,
                      const char *cookie)
{
    struct client *l = c->client;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return BELL_EIO;
    }
    int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + source)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* The port is chosen by connect, so that one may be used toward several servers. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(fd, (const struct sockaddr *)&l->server, sizeof l->server) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        close(fd);
        return BELL_EIO;
    }
    c->fd = fd;
    c->state = CONN_CONNECTING;
    c->close_code = 0;
    write_request(c, path, subprotocol, cookie);
    queue_send(c);
    return BELL_OK;
}

static void send_frame(struct conn *c, enum bell_ws_opcode opcode, bell_slice payload)
{
    size_t size = bell_ws_encoder_header_size(payload.n, true) + payload.n;
    if (bell_buf_reserve(&c->out, size) != BELL_OK) {
        abort(); /* A measurement without memory means nothing. */
    }
    uint8_t key[BELL_WS_KEY_BYTES];
    next_key(c->client, key);
    c->out.n += bell_ws_encoder_write_frame(c->out.p + c->out.n, opcode, payload, key);
    queue_send(c);
}

void conn_send(struct conn *c, bell_slice text)
{
    if (c->state == CONN_OPEN) {
        send_frame(c, BELL_WS_TEXT, text);
    }
}

void conn_close(struct conn *c)
{
    static const char NORMAL[] = {0x03, (char)0xe8};
    if (c->state == CONN_OPEN) {
        send_frame(c, BELL_WS_CLOSE, bell_slice_make(NORMAL, sizeof NORMAL));
        c->state = CONN_CLOSING;
        c->closing_since_ms = bell_clock_now_ms();
    } else if (c->state != CONN_CLOSED && c->state != CONN_CLOSING) {
        lose(c, CODE_ABNORMAL);
    }
}

void conn_check(struct conn *c, uint64_t now_ms)
{
    if (c->state == CONN_CLOSING && now_ms - c->closing_since_ms > CLOSE_PATIENCE_MS) {
        lose(c, CODE_ABNORMAL);
    }
}

/*
 * The answer to the upgrade. It comes in one piece over loopback; one that does not is refused.
 * Leaves in *in what follows it.
 */
static bool finish_upgrade(struct conn *c, bell_ws_input *in)
{
    static const char END[] = "\r\n\r\n";
    const char *end = memmem(in->p, in->n, END, sizeof END - 1);
    char expected[BELL_WS_ACCEPT_BYTES + 1];
    bell_ws_handshake_accept(bell_slice_from(c->key), expected);
    static const char STATUS[] = "HTTP/1.1 101 ";
    bool is_upgrade = end != NULL && in->n > sizeof STATUS &&
                      memcmp(in->p, STATUS, sizeof STATUS - 1) == 0 &&
                      memmem(in->p, (size_t)(end - in->p), expected, BELL_WS_ACCEPT_BYTES) != NULL;
    if (!is_upgrade) {
        unsigned status = in->n > 12 ? (unsigned)strtoul(in->p + 9, NULL, 10) : 0;
        lose(c, status == 0 ? CODE_ABNORMAL : status);
        return false;
    }
    size_t used = (size_t)(end - in->p) + sizeof END - 1;
    in->p += used;
    in->n -= used;
    c->state = CONN_OPEN;
    c->events->on_open(c);
    return c->state == CONN_OPEN;
}

static bool on_message(bell_message_type type, bell_slice data, void *user)
{
    struct conn *c = user;
    if (c->state == CONN_OPEN && type == BELL_TEXT) {
        c->events->on_text(c, data);
    }
    return c->state == CONN_OPEN || c->state == CONN_CLOSING;
}

static bool on_ping(bell_slice payload, void *user)
{
    struct conn *c = user;
    if (c->state == CONN_OPEN) {
        send_frame(c, BELL_WS_PONG, payload);
    }
    return true;
}

static bool on_pong(bell_slice payload, void *user)
{
    (void)payload;
    (void)user;
    return true;
}

static bool on_close(uint16_t code, bell_slice reason, void *user)
{
    (void)reason;
    struct conn *c = user;
    c->close_code = code;
    if (c->state == CONN_OPEN) { /* The server began: answer, it closes the connection. */
        conn_close(c);
    }
    return true;
}

static const bell_ws_limits LIMITS = {MESSAGE_MAX_BYTES, MESSAGE_MAX_BYTES};

static const bell_ws_events WS_EVENTS = {
    .on_message = on_message, .on_ping = on_ping, .on_pong = on_pong, .on_close = on_close};

/* False when there is nothing more to read now. */
static bool read_some(struct conn *c)
{
    ssize_t n = recv(c->fd, c->client->input, INPUT_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN || errno == EINTR)) {
        return false;
    }
    if (n <= 0) {
        lose(c, c->close_code == 0 ? CODE_ABNORMAL : c->close_code);
        return false;
    }
    bell_ws_input in = {c->client->input, (size_t)n};
    if (c->state == CONN_CONNECTING) {
        c->state = CONN_UPGRADING;
    }
    if (c->state == CONN_UPGRADING && !finish_upgrade(c, &in)) {
        return false;
    }
    int fd = c->fd;
    bell_status st = bell_ws_assembler_feed(&c->assembler, &in, &LIMITS, &WS_EVENTS, c);
    if (c->fd != fd || c->state == CONN_CLOSED || st == BELL_ECLOSED) {
        return false;
    }
    if (st != BELL_OK) {
        lose(c, bell_ws_assembler_close_code(&c->assembler));
        return false;
    }
    return n == INPUT_BYTES;
}

void client_turn(struct client *l, int timeout_ms)
{
    struct epoll_event events[TURN_EVENTS];
    int count = epoll_wait(l->epoll_fd, events, TURN_EVENTS, l->queued_count > 0 ? 0 : timeout_ms);
    for (int i = 0; i < count; i++) {
        struct conn *c = events[i].data.ptr;
        if (c->state != CONN_CLOSED && (events[i].events & EPOLLOUT) != 0) {
            queue_send(c);
        }
        while (c->state != CONN_CLOSED && (events[i].events & ~(uint32_t)EPOLLOUT) != 0 &&
               read_some(c)) {
        }
    }
    /* Callbacks of a lost connection may queue more: those go out as well. */
    for (size_t i = 0; i < l->queued_count; i++) {
        struct conn *c = l->queued[i];
        c->is_queued = false;
        if (c->state != CONN_CLOSED) {
            flush(c);
        }
    }
    l->queued_count = 0;
}
