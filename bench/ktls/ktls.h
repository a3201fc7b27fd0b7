/*
 * ktls: what TLS in the kernel (kTLS) would save a server, beside OpenSSL as libbell uses it.
 *
 * One process is the server, the one that started it the client, both on the same core. All ways
 * below have the same client, which does TLS in user space, and the same server loop: epoll, one
 * thread, a message is answered when it is there. They differ in who makes and reads records.
 */
#ifndef KTLS_H
#define KTLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ktls_way {
    KTLS_PLAIN,        /* no TLS */
    KTLS_USER,         /* as libbell: OpenSSL sees no socket; one receive and one send for all */
    KTLS_SSL_SENDS,    /* receives as KTLS_USER; SSL_write, and OpenSSL leaves it to the kernel */
    KTLS_KERNEL_SENDS, /* receives as KTLS_USER; send: for what is sent OpenSSL is out of it */
    KTLS_SSL_BOTH,     /* SSL_read and SSL_write, which leave it to the kernel */
    KTLS_KERNEL_BOTH,  /* recvmsg and send: OpenSSL is freed after the handshake */
    KTLS_WAYS,
};

enum ktls_kind {
    KTLS_ECHO,      /* as many bytes back; each connection has one message under way */
    KTLS_BROADCAST, /* one sends, all get it */
    KTLS_MEMORY,    /* a short request, a long answer that lies in memory */
    KTLS_FILE,      /* the same, out of a file: with sendfile where the kernel can */
};

struct ktls_load {
    const char *name;
    size_t request_bytes;
    size_t answer_bytes;
    enum ktls_kind kind;
    uint32_t share; /* that many times fewer answers than asked for: they are long */
};

struct ktls_cipher {
    const char *name;
    const char *name_1_2; /* of OpenSSL */
    const char *name_1_3;
};

struct ktls_run {
    enum ktls_way way;
    const struct ktls_load *load;
    const struct ktls_cipher *cipher;
    int version; /* TLS1_2_VERSION, TLS1_3_VERSION */
    uint32_t connections;
    uint32_t answers;
};

enum {
    KTLS_REQUEST_BYTES = 64,
    KTLS_WHY_BYTES = 128,
    KTLS_WARM_UP = 2, /* rounds of messages; the first is compared byte by byte */
    KTLS_MAX_BYTES = 1024 * 1024,
};

/* What the server says of a connection that it has accepted. */
struct ktls_report {
    char why[KTLS_WHY_BYTES]; /* it is not as the way says; "" = it is */
    size_t heap_bytes;        /* of its process, in use */
};

struct ktls_result {
    double server_ns; /* processor time of the server by answer */
    double core_ns;   /* time by answer: all that the core did meanwhile */
};

struct ktls_memory {
    double user_bytes;   /* the server's heap in use, by connection */
    double kernel_bytes; /* slab of the whole machine, for both ends */
};

/* Ends the program with a word on what failed. */
_Noreturn void ktls_fail(const char *what, const char *why);
_Noreturn void ktls_fail_ssl(const char *what);

/* What every message consists of, KTLS_MAX_BYTES. */
const char *ktls_pattern(void);
bool ktls_has_tls(enum ktls_way way);
bool ktls_kernel_sends(enum ktls_way way);
bool ktls_kernel_receives(enum ktls_way way);

/* (owned) */
SSL_CTX *ktls_server_context(const struct ktls_run *run);
SSL_CTX *ktls_client_context(void);

/* In a process of its own: reports each connection, ends with the first that ends. */
_Noreturn void ktls_serve(const struct ktls_run *run, int listener, int report_fd);

/* Starts a server, plays the load. False: the way is not to be had here, and *why says why. */
bool ktls_measure(const struct ktls_run *run, struct ktls_result *out, struct ktls_report *why);
/* The same for run->connections that rest after a message each. */
bool ktls_weigh(const struct ktls_run *run, struct ktls_memory *out, struct ktls_report *why);

#endif
