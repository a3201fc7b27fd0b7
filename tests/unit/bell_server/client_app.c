#include "client_app.h"

#include "base/buf.h"
#include "bell/ws/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_S = 20 };

/* ---- the application ---- */

static pthread_mutex_t text_lock = PTHREAD_MUTEX_INITIALIZER;

static void copy_text(char *out, size_t size, bell_slice text)
{
    size_t n = text.n < size ? text.n : size - 1;
    (void)pthread_mutex_lock(&text_lock);
    if (n > 0) {
        memcpy(out, text.p, n);
    }
    out[n] = '\0';
    (void)pthread_mutex_unlock(&text_lock);
}

const char *told_text(const char *text)
{
    static char copy[256];
    (void)pthread_mutex_lock(&text_lock);
    (void)snprintf(copy, sizeof copy, "%s", text);
    (void)pthread_mutex_unlock(&text_lock);
    return copy;
}

static void note_answer(struct told *t, struct bell_ws_server *ws, bell_conn conn)
{
    atomic_store(&t->status, bell_ws_client_status(ws, conn));
    copy_text(t->header, sizeof t->header, bell_ws_client_header(ws, conn, "x-answer"));
    copy_text(t->tls_failure, sizeof t->tls_failure, bell_ws_client_tls_failure(ws, conn));
}

static void note_request(struct told *t, const struct bell_http_request *r)
{
    struct bell_buf text;
    bell_buf_init(&text, sizeof t->request);
    /* Empty when there is no memory for it. */
    bell_status st = bell_buf_printf(
        &text, "%.*s %.*s %.*s %.*s %.*s", BELL_FMT(bell_http_request_path(r)),
        BELL_FMT(bell_http_request_query(r)), BELL_FMT(bell_http_request_header(r, "Origin")),
        BELL_FMT(bell_http_request_header(r, "Cookie")),
        BELL_FMT(bell_http_request_header(r, "Host")));
    copy_text(t->request, sizeof t->request,
              st == BELL_OK ? bell_buf_slice(&text) : bell_slice_make(NULL, 0));
    bell_buf_finish(&text);
}

static void on_open(struct bell_ws_server *ws, bell_conn conn, const struct bell_http_request *r,
                    void *user)
{
    struct told *t = user;
    note_answer(t, ws, conn);
    copy_text(t->subprotocol, sizeof t->subprotocol, bell_ws_subprotocol(ws, conn));
    if (r != NULL) {
        note_request(t, r);
    }
    atomic_store(&t->conn, conn);
    atomic_fetch_add(&t->opens, 1);
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    struct told *t = user;
    copy_text(t->last, sizeof t->last, m->data);
    if (t->echoes && bell_ws_send(ws, conn, m->type, m->data) != BELL_OK) {
        (void)bell_ws_abort(ws, conn);
    }
    atomic_fetch_add(&t->bytes, m->data.n);
    atomic_fetch_add(&t->messages, 1);
}

static void on_error(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user)
{
    struct told *t = user;
    note_answer(t, ws, conn);
    atomic_store(&t->error, (int)error);
    atomic_fetch_add(&t->errors, 1);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    struct told *t = user;
    (void)ws;
    (void)conn;
    atomic_store(&t->code, e->code);
    atomic_store(&t->origin, (int)e->origin);
    atomic_store(&t->why, (int)e->why);
    atomic_fetch_add(&t->closes, 1);
}

struct bell_component told_component(struct told *t)
{
    return (struct bell_component){
        .on_open = on_open,
        .on_message = on_message,
        .on_error = on_error,
        .on_close = on_close,
        .user = t,
    };
}

void told_reset(struct told *t, bool echoes)
{
    memset(t, 0, sizeof *t);
    t->echoes = echoes;
}

void wait_for(atomic_int *count, int least)
{
    for (int i = 0; atomic_load(count) < least; i++) {
        assert_true(i < PATIENCE_S * 1000);
        (void)usleep(1000);
    }
}

/* ---- the other end ---- */

int fake_listen(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

void fake_accept(int listener, struct peer *p)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    p->n = 0;
    do {
        p->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    } while (p->fd < 0 && errno == EINTR);
    assert_true(p->fd >= 0);
    assert_int_equal(setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
}

void fake_read_request(struct peer *p, char *out, size_t size, char accept[29])
{
    static const char KEY[] = "\r\nSec-WebSocket-Key: ";
    (void)peer_read_head(p, out, size);
    const char *key = strstr(out, KEY);
    assert_non_null(key);
    key += sizeof KEY - 1;
    assert_true(bell_ws_handshake_is_key(bell_slice_make(key, strcspn(key, "\r"))));
    bell_ws_handshake_accept(bell_slice_make(key, strcspn(key, "\r")), accept);
}

void fake_answer(struct peer *p, const char *accept, const char *more_fields)
{
    char text[4096];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                     accept, more_fields);
    peer_send(p, bell_slice_make(text, (size_t)n));
}

bool fake_read_frame(struct peer *p, peer_frame *out, uint8_t key[4])
{
    uint8_t head[2];
    uint8_t length[8] = {0};
    if (!peer_read(p, (char *)head, 2)) {
        return false;
    }
    out->first = head[0];
    assert_int_equal(head[1] & 0x80, 0x80);
    out->n = head[1] & 0x7f;
    if (out->n >= 126) {
        size_t more = out->n == 126 ? 2 : 8;
        assert_true(peer_read(p, (char *)length, more));
        out->n = 0;
        for (size_t i = 0; i < more; i++) {
            out->n = out->n << 8 | length[i];
        }
    }
    assert_true(out->n <= sizeof out->payload);
    assert_true(peer_read(p, (char *)key, 4) && peer_read(p, out->payload, out->n));
    for (size_t i = 0; i < out->n; i++) {
        out->payload[i] = (char)((uint8_t)out->payload[i] ^ key[i % 4]);
    }
    return true;
}
