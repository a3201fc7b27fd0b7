/*
 * Between the files of TLS: tls.c has the server's side of include/bell/tls.h, tls_client.c the
 * client's, tls_identity.c certificates and the contexts made of them, tls_ticket.c the keys of
 * tickets, tls_session.c sessions. OpenSSL is seen here only; its errors become statuses and texts.
 */
#ifndef BELL_NET_TLS_INTERNAL_H
#define BELL_NET_TLS_INTERNAL_H

#include "base/buf.h"
#include "bell/net/tls.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    BELL_TLS_WHY_BYTES = 512,
    BELL_TLS_MAX_CERTIFICATES = 64,
    BELL_TLS_MAX_FILE_BYTES = 1024 * 1024,
    BELL_TLS_MAX_ALPN = 16,
    BELL_TLS_MAX_ALPN_NAME_BYTES = 255, /* RFC 7301 section 3.1 */
    BELL_TLS_RECORD_BYTES = 16384,      /* of the plain text: RFC 8446 section 5.1 */
};

/* ---- certificates ---- */

struct bell_tls_files {
    char *certificate; /* (owned) path */
    char *key;         /* (owned) path */
};

/* What is shown to clients: one context per certificate, never changed once made. Counted. */
struct bell_tls_identities {
    atomic_uint refs;
    size_t count;
    SSL_CTX *contexts[]; /* (owned) the first is for who names none of them */
};

/*
 * Reads count files, but for the first ones when known has what they were; NULL for none. why
 * (BELL_TLS_WHY_BYTES) tells what is wrong with them. As bell_tls_add_certificate.
 */
BELL_NODISCARD bell_status bell_tls_identities_load(struct bell_tls *tls,
                                                    const struct bell_tls_files *files,
                                                    size_t count,
                                                    const struct bell_tls_identities *known,
                                                    char *why, struct bell_tls_identities **out);
struct bell_tls_identities *bell_tls_identities_ref(struct bell_tls_identities *set);
/* NULL is fine. */
void bell_tls_identities_unref(struct bell_tls_identities *set);

/* A file, whole, in out, which the caller finishes whatever the status. why as above;
 * BELL_ENOTFOUND, BELL_EACCES, BELL_EIO, BELL_ELIMIT, BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_tls_file_read(const char *what, const char *path,
                                              struct bell_buf *out, char *why);
/* A list of protocols as RFC 7301 section 3.1 puts it on the wire. BELL_EINVAL, BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_tls_alpn_write(const char *const *names, size_t count,
                                               struct bell_buf *out);
/* What contexts of servers and clients have in common. */
bool bell_tls_context_set_up(SSL_CTX *context, bell_tls_version min_version);
/* What OpenSSL says of its last error, and forgets it. A static text. */
const char *bell_tls_error_text(void);

/* ---- tickets ---- */

enum { BELL_TLS_TICKET_KEYS = 4, BELL_TLS_KEY_NAME_BYTES = 16, BELL_TLS_KEY_BYTES = 32 };
/* How long a ticket may be used, in seconds, and a key make new ones. */
enum { BELL_TLS_TICKET_LIFE_S = 12 * 60 * 60 };

struct bell_tls_ticket_key {
    unsigned char name[BELL_TLS_KEY_NAME_BYTES];
    unsigned char cipher[BELL_TLS_KEY_BYTES];
    unsigned char mac[BELL_TLS_KEY_BYTES];
    uint64_t made_ms;
};

struct bell_tls_ticket_keys {
    pthread_mutex_t lock; /* held for as long as it takes to copy a key, or to draw a new one */
    struct bell_tls_ticket_key keys[BELL_TLS_TICKET_KEYS]; /* newest first */
    size_t count;
};

void bell_tls_ticket_keys_init(struct bell_tls_ticket_keys *keys);
void bell_tls_ticket_keys_finish(struct bell_tls_ticket_keys *keys);
/* A new key for new tickets. BELL_EIO without random numbers. */
BELL_NODISCARD bell_status bell_tls_ticket_keys_rotate(struct bell_tls_ticket_keys *keys);
/* Tickets of this context are made and read with the keys of its bell_tls. */
bool bell_tls_ticket_keys_use(SSL_CTX *context);

/* ---- the two sides ---- */

struct bell_tls {
    bell_tls_options options;     /* without what was borrowed */
    struct bell_buf alpn;         /* as on the wire */
    pthread_mutex_t change_lock;  /* of files, file_count and why */
    struct bell_tls_files *files; /* (owned) */
    size_t file_count;
    char why[BELL_TLS_WHY_BYTES];
    pthread_mutex_t current_lock;        /* of current, held to take a reference */
    struct bell_tls_identities *current; /* (owned) one reference; NULL without certificates */
    struct bell_tls_ticket_keys tickets;
};

struct bell_tls_client {
    SSL_CTX *context; /* (owned) */
    bool accepts_any;
};

/* The certificates that are there now; the caller unrefs them. NULL when there are none. */
struct bell_tls_identities *bell_tls_current(struct bell_tls *tls);
/* Whose context it is. */
struct bell_tls *bell_tls_of(const SSL_CTX *context);

/* ---- sessions ---- */

/* The set among which the name a client asks for is looked up, while that client's handshake is
 * under way. */
struct bell_tls_identities *bell_tls_session_identities(const SSL *ssl);

#endif
