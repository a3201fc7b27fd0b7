/*
 * The server, in all its ways. Sockets block: the client reads what it asked for, so a send does
 * not wait for long, and what is read is there or on its way.
 */
#include "ktls.h"

#include "base/mem.h"
#include "bell/slice.h"

#include <errno.h>
#include <linux/tls.h>
#include <malloc.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_EVENTS = 1024,
    RECEIVE_BYTES = 256 * 1024, /* BELL_IO_MAX_RECEIVE_BYTES */
    SHARE_BYTES = 64 * 1024,    /* of src/bell/net/tls_session.c */
    WIRE_BYTES = 2 * SHARE_BYTES,
    RECORD_BYTES = 16 * 1024,
    TYPE_BYTES = 64, /* control message with the type of a record */
    DATA_RECORD = 23,
    MAX_PEERS = 65536,
};

struct peer {
    int fd;
    SSL *ssl;   /* (owned) NULL without TLS, or where the kernel does it all */
    size_t got; /* of the message under way */
};

static const struct ktls_run *run;
static SSL_CTX *context;
static BIO *memory; /* the way of bytes past the socket, as in tls_session.c */
static BIO_METHOD *memory_method;
static bell_slice incoming;
static char wire[WIRE_BYTES];
static size_t wire_bytes;
static struct peer *peers[MAX_PEERS];
static uint32_t peer_count;
static int file;
static char ciphered[RECEIVE_BYTES];
static char plain[RECEIVE_BYTES];

/* ---- memory as a BIO ---- */

static int on_bio_read(BIO *bio, char *out, int size)
{
    BIO_clear_retry_flags(bio);
    if (incoming.n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = incoming.n < (size_t)size ? incoming.n : (size_t)size;
    memcpy(out, incoming.p, n);
    incoming = bell_slice_make(incoming.p + n, incoming.n - n);
    return (int)n;
}

static int on_bio_write(BIO *bio, const char *bytes, int size)
{
    BIO_clear_retry_flags(bio);
    if ((size_t)size > sizeof wire - wire_bytes) {
        return -1;
    }
    memcpy(wire + wire_bytes, bytes, (size_t)size);
    wire_bytes += (size_t)size;
    return size;
}

static long on_bio_control(BIO *bio, int what, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return what == BIO_CTRL_FLUSH;
}

static void memory_make(void)
{
    memory_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "memory");
    if (memory_method == NULL || BIO_meth_set_read(memory_method, on_bio_read) != 1 ||
        BIO_meth_set_write(memory_method, on_bio_write) != 1 ||
        BIO_meth_set_ctrl(memory_method, on_bio_control) != 1 ||
        (memory = BIO_new(memory_method)) == NULL) {
        ktls_fail_ssl("BIO");
    }
    BIO_set_init(memory, 1);
}

/* ---- sending ---- */

static void send_bytes(const struct peer *p, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(p->fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            ktls_fail("send", strerror(errno));
        }
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void send_wire(const struct peer *p)
{
    send_bytes(p, wire, wire_bytes);
    wire_bytes = 0;
}

static void send_by_ssl(const struct peer *p, const char *bytes, size_t n)
{
    size_t written = 0;
    ERR_clear_error();
    if (SSL_write_ex(p->ssl, bytes, n, &written) != 1 || written != n) {
        ktls_fail_ssl("SSL_write");
    }
}

/* A share of records, then one send; record by record, as in tls_session.c. */
static void send_in_user_space(const struct peer *p, const char *bytes, size_t n)
{
    while (n > 0) {
        for (size_t left = SHARE_BYTES; n > 0 && left > 0;) {
            size_t step = n < RECORD_BYTES ? n : RECORD_BYTES;
            send_by_ssl(p, bytes, step);
            bytes += step;
            n -= step;
            left -= step;
        }
        send_wire(p);
    }
}

static void send_answer(const struct peer *p, size_t n)
{
    switch (run->way) {
    case KTLS_PLAIN:
    case KTLS_KERNEL_SENDS:
    case KTLS_KERNEL_BOTH:
        send_bytes(p, ktls_pattern(), n);
        return;
    case KTLS_USER:
        send_in_user_space(p, ktls_pattern(), n);
        return;
    case KTLS_SSL_SENDS:
    case KTLS_SSL_BOTH:
        send_by_ssl(p, ktls_pattern(), n);
        return;
    case KTLS_WAYS:
        break;
    }
}

static void send_file_in_user_space(const struct peer *p, size_t n)
{
    static char piece[SHARE_BYTES];
    for (off_t at = 0; (size_t)at < n;) {
        ssize_t got = pread(file, piece, sizeof piece, at);
        if (got <= 0) {
            ktls_fail("pread", strerror(errno));
        }
        send_in_user_space(p, piece, (size_t)got);
        at += got;
    }
}

static void send_file_by_kernel(const struct peer *p, size_t n)
{
    for (off_t at = 0; (size_t)at < n;) {
        if (sendfile(p->fd, file, &at, n - (size_t)at) <= 0) {
            ktls_fail("sendfile", strerror(errno));
        }
    }
}

static void send_file_by_ssl(const struct peer *p, size_t n)
{
    for (off_t at = 0; (size_t)at < n;) {
        ossl_ssize_t sent = SSL_sendfile(p->ssl, file, at, n - (size_t)at, 0);
        if (sent <= 0) {
            ktls_fail_ssl("SSL_sendfile");
        }
        at += sent;
    }
}

static void send_file(const struct peer *p, size_t n)
{
    switch (run->way) {
    case KTLS_PLAIN:
    case KTLS_KERNEL_SENDS:
    case KTLS_KERNEL_BOTH:
        send_file_by_kernel(p, n);
        return;
    case KTLS_USER:
        send_file_in_user_space(p, n);
        return;
    case KTLS_SSL_SENDS:
    case KTLS_SSL_BOTH:
        send_file_by_ssl(p, n);
        return;
    case KTLS_WAYS:
        break;
    }
}

static void answer(const struct peer *p)
{
    switch (run->load->kind) {
    case KTLS_ECHO:
    case KTLS_MEMORY:
        send_answer(p, run->load->answer_bytes);
        return;
    case KTLS_FILE:
        send_file(p, run->load->answer_bytes);
        return;
    case KTLS_BROADCAST:
        for (uint32_t i = 0; i < peer_count; i++) {
            send_answer(peers[i], run->load->answer_bytes);
        }
        return;
    }
}

/* ---- receiving: how many bytes of messages came, 0 when the peer has ended ---- */

static size_t receive_by_ssl(const struct peer *p)
{
    size_t n = 0;
    ERR_clear_error();
    int result = SSL_read_ex(p->ssl, plain, sizeof plain, &n);
    if (result == 1 || SSL_get_error(p->ssl, result) == SSL_ERROR_WANT_READ ||
        SSL_get_error(p->ssl, result) == SSL_ERROR_ZERO_RETURN) {
        return n;
    }
    ktls_fail_ssl("SSL_read");
}

static size_t receive_raw(const struct peer *p, char *out)
{
    ssize_t n = recv(p->fd, out, RECEIVE_BYTES, 0);
    if (n < 0) {
        ktls_fail("recv", strerror(errno));
    }
    return (size_t)n;
}

/* 0 also when half a record came: then there is more to come. */
static size_t receive_in_user_space(const struct peer *p)
{
    size_t all = 0;
    do {
        size_t n = receive_raw(p, ciphered);
        if (n == 0) {
            return 0;
        }
        incoming = bell_slice_make(ciphered, n);
        while (incoming.n > 0 || SSL_pending(p->ssl) > 0) {
            n = receive_by_ssl(p);
            if (n == 0 && incoming.n > 0) {
                return 0; /* close_notify */
            }
            all += n;
        }
    } while (all == 0 && SSL_get_shutdown(p->ssl) == 0);
    return all;
}

/* Records of data come together; others alone, and end it here. */
static size_t receive_by_kernel(const struct peer *p)
{
    char type[TYPE_BYTES];
    struct iovec piece = {.iov_base = plain, .iov_len = sizeof plain};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = type, .msg_controllen = sizeof type};
    ssize_t n = recvmsg(p->fd, &message, 0);
    if (n < 0) {
        ktls_fail("recvmsg", strerror(errno));
    }
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    bool is_data =
        head == NULL || head->cmsg_type != TLS_GET_RECORD_TYPE || *CMSG_DATA(head) == DATA_RECORD;
    return is_data ? (size_t)n : 0;
}

static size_t receive(const struct peer *p)
{
    switch (run->way) {
    case KTLS_PLAIN:
        return receive_raw(p, plain);
    case KTLS_USER:
    case KTLS_SSL_SENDS:
    case KTLS_KERNEL_SENDS:
        return receive_in_user_space(p);
    case KTLS_SSL_BOTH:
        return receive_by_ssl(p);
    case KTLS_KERNEL_BOTH:
        return receive_by_kernel(p);
    case KTLS_WAYS:
        break;
    }
    return 0;
}

static void on_readable(struct peer *p)
{
    do {
        size_t n = receive(p);
        if (n == 0) {
            _exit(EXIT_SUCCESS);
        }
        p->got += n;
    } while (p->got < run->load->request_bytes);
    p->got -= run->load->request_bytes;
    answer(p);
}

/* ---- connections ---- */

static void handshake(const struct peer *p)
{
    int result;
    do {
        ERR_clear_error();
        result = SSL_accept(p->ssl);
        send_wire(p);
        if (result != 1) {
            if (SSL_get_error(p->ssl, result) != SSL_ERROR_WANT_READ) {
                ktls_fail_ssl("handshake");
            }
            incoming = bell_slice_make(ciphered, receive_raw(p, ciphered));
        }
    } while (result != 1);
}

static void tls_start(struct peer *p, struct ktls_report *report)
{
    p->ssl = SSL_new(context);
    BIO *socket = BIO_new_socket(p->fd, BIO_NOCLOSE);
    if (p->ssl == NULL || socket == NULL || BIO_up_ref(memory) != 1 || BIO_up_ref(memory) != 1 ||
        BIO_up_ref(socket) != 1) {
        ktls_fail_ssl("session");
    }
    SSL_set0_rbio(p->ssl, ktls_kernel_receives(run->way) ? socket : memory);
    SSL_set0_wbio(p->ssl, ktls_kernel_sends(run->way) ? socket : memory);
    handshake(p);
    if (ktls_kernel_sends(run->way) && BIO_get_ktls_send(SSL_get_wbio(p->ssl)) != 1) {
        (void)snprintf(report->why, sizeof report->why, "OpenSSL does not let the kernel send");
    } else if (ktls_kernel_receives(run->way) && BIO_get_ktls_recv(SSL_get_rbio(p->ssl)) != 1) {
        (void)snprintf(report->why, sizeof report->why, "OpenSSL does not let the kernel receive");
    } else if (run->way == KTLS_KERNEL_BOTH) {
        SSL_free(p->ssl);
        p->ssl = NULL;
    }
}

static void accept_peer(int listener, int poller, int report_fd)
{
    struct ktls_report report = {.why = ""};
    struct peer *p = bell_mem_zalloc(sizeof *p);
    if (p == NULL || peer_count == MAX_PEERS) {
        ktls_fail("connection", "too many");
    }
    p->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    if (p->fd < 0) {
        ktls_fail("accept", strerror(errno));
    }
    if (ktls_has_tls(run->way)) {
        tls_start(p, &report);
    }
    report.heap_bytes = mallinfo2().uordblks;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, p->fd, &event) != 0 ||
        write(report_fd, &report, sizeof report) != (ssize_t)sizeof report) {
        ktls_fail("connection", strerror(errno));
    }
    peers[peer_count++] = p;
}

static void file_make(void)
{
    file = memfd_create("ktls", MFD_CLOEXEC);
    if (file < 0 || write(file, ktls_pattern(), KTLS_MAX_BYTES) != KTLS_MAX_BYTES) {
        ktls_fail("file", strerror(errno));
    }
}

void ktls_serve(const struct ktls_run *how, int listener, int report_fd)
{
    struct epoll_event events[MAX_EVENTS];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int poller = epoll_create1(EPOLL_CLOEXEC);
    run = how;
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) != 0) {
        ktls_fail("epoll", strerror(errno));
    }
    file_make();
    if (ktls_has_tls(run->way)) {
        memory_make();
        context = ktls_server_context(run);
    }
    for (;;) {
        int count = epoll_wait(poller, events, MAX_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL) {
                accept_peer(listener, poller, report_fd);
            } else {
                on_readable(events[i].data.ptr);
            }
        }
    }
}
