/*
 * Certificates and keys: files become contexts of OpenSSL, one per certificate, and the name that a
 * client asks for (RFC 6066 section 3) chooses among them. Everything is read and checked before
 * anything is shown, so that a reload is all or nothing.
 */
#include "bell/net/tls_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* With forward secrecy and authenticated encryption only; of TLS 1.3 all are so. */
static const char CIPHERS_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* ---- files ---- */

static bell_status why_of_errno(const char *what, const char *path, char *why)
{
    bell_status st = errno == ENOENT || errno == ENOTDIR  ? BELL_ENOTFOUND
                     : errno == EACCES || errno == EPERM  ? BELL_EACCES
                     : errno == ENOMEM                    ? BELL_ENOMEM
                     : errno == EMFILE || errno == ENFILE ? BELL_ELIMIT
                                                          : BELL_EIO;
    char room[128];
    (void)snprintf(why, BELL_TLS_WHY_BYTES, "%s %s: %s", what, path,
                   strerror_r(errno, room, sizeof room));
    return st;
}

enum { STEP_BYTES = 16 * 1024 };

static bell_status read_all(int fd, const char *what, const char *path, struct bell_buf *out,
                            char *why)
{
    for (;;) {
        if (out->n > BELL_TLS_MAX_FILE_BYTES) {
            (void)snprintf(why, BELL_TLS_WHY_BYTES, "%s %s: longer than %d bytes", what, path,
                           BELL_TLS_MAX_FILE_BYTES);
            return BELL_ELIMIT;
        }
        if (bell_buf_reserve(out, STEP_BYTES) != BELL_OK) {
            (void)snprintf(why, BELL_TLS_WHY_BYTES, "%s %s: out of memory", what, path);
            return BELL_ENOMEM;
        }
        ssize_t n = read(fd, out->p + out->n, STEP_BYTES);
        if (n == 0) {
            return BELL_OK;
        }
        if (n < 0 && errno != EINTR) {
            return why_of_errno(what, path, why);
        }
        out->n += n > 0 ? (size_t)n : 0;
    }
}

bell_status bell_tls_file_read(const char *what, const char *path, struct bell_buf *out, char *why)
{
    bell_buf_init(out, (size_t)BELL_TLS_MAX_FILE_BYTES + STEP_BYTES);
    int fd;
    do {
        /* A pipe without a writer must not make us wait. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return why_of_errno(what, path, why);
    }
    struct stat about;
    bell_status st;
    if (fstat(fd, &about) != 0) {
        st = why_of_errno(what, path, why);
    } else if (!S_ISREG(about.st_mode)) {
        (void)snprintf(why, BELL_TLS_WHY_BYTES, "%s %s: is not a file", what, path);
        st = BELL_EINVAL;
    } else {
        st = read_all(fd, what, path, out, why);
    }
    (void)close(fd);
    return st;
}

const char *bell_tls_error_text(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return text == NULL ? "unknown error" : text;
}

/* ---- one certificate ---- */

struct identity {
    X509 *certificate;      /* (owned) */
    STACK_OF(X509) * chain; /* (owned) */
    EVP_PKEY *key;          /* (owned) */
};

static void identity_finish(struct identity *id)
{
    X509_free(id->certificate);
    sk_X509_pop_free(id->chain, X509_free);
    EVP_PKEY_free(id->key);
}

/* Only files without a password are read: nobody is there to type one. */
static int on_password(char *room, int size, int is_writing, void *user)
{
    (void)room;
    (void)size;
    (void)is_writing;
    *(bool *)user = true;
    return -1;
}

static bool chain_parse(BIO *bio, struct identity *id)
{
    bool was_asked = false;
    id->certificate = PEM_read_bio_X509(bio, NULL, on_password, &was_asked);
    id->chain = sk_X509_new_null();
    if (id->certificate == NULL || id->chain == NULL) {
        return false;
    }
    X509 *next;
    while ((next = PEM_read_bio_X509(bio, NULL, on_password, &was_asked)) != NULL) {
        if (sk_X509_push(id->chain, next) == 0) {
            X509_free(next);
            return false;
        }
    }
    /* The end, not something broken. */
    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return is_end;
}

static bell_status certificate_read(const char *path, struct identity *id, char *why)
{
    struct bell_buf text;
    bell_status st = bell_tls_file_read("certificate", path, &text, why);
    if (st == BELL_OK) {
        BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
        if (bio == NULL || !chain_parse(bio, id)) {
            (void)snprintf(why, BELL_TLS_WHY_BYTES,
                           "certificate %s: is not a certificate in PEM form (%s)", path,
                           bell_tls_error_text());
            st = BELL_EINVAL;
        }
        BIO_free_all(bio);
    }
    bell_buf_finish(&text);
    return st;
}

static bell_status key_read(const char *path, struct identity *id, char *why)
{
    struct bell_buf text;
    bool was_asked = false;
    bell_status st = bell_tls_file_read("key", path, &text, why);
    if (st == BELL_OK) {
        BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
        id->key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, on_password, &was_asked);
        if (id->key == NULL) {
            (void)snprintf(why, BELL_TLS_WHY_BYTES,
                           was_asked ? "key %s: is encrypted; a key without a password is needed"
                                     : "key %s: is not a private key in PEM form",
                           path);
            st = BELL_EINVAL;
        }
        BIO_free_all(bio);
        ERR_clear_error();
    }
    if (text.p != NULL) {
        explicit_bzero(text.p, text.capacity);
    }
    bell_buf_finish(&text);
    return st;
}

/* ---- contexts ---- */

/* The set's certificate for a name; set->count when there is none. */
static size_t identities_find(const struct bell_tls_identities *set, const char *name)
{
    static const unsigned FLAGS[] = {
        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS, /* exact ones first */
        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
    };
    for (size_t pass = 0; pass < sizeof FLAGS / sizeof FLAGS[0]; pass++) {
        for (size_t i = 0; i < set->count; i++) {
            X509 *certificate = SSL_CTX_get0_certificate(set->contexts[i]);
            if (X509_check_host(certificate, name, 0, FLAGS[pass], NULL) == 1) {
                return i;
            }
        }
    }
    return set->count;
}

/*
 * A session is resumed wherever the keys of its ticket are known, but under no other name than its
 * own (RFC 6066 section 3; "none" is a name too): its ticket carries what is set here, and OpenSSL
 * compares that before it asks on_server_name. Else there is a full handshake.
 */
static int on_hello(SSL *ssl, int *alert, void *user)
{
    /* Before the name are the length of the list, a type, the length of the name; there is only one
     * name of one type, anything else OpenSSL refuses later. */
    enum { LEAD_BYTES = 5 };
    const unsigned char *list = NULL;
    size_t n = 0;
    unsigned char name[TLSEXT_MAXLEN_host_name];
    size_t name_bytes = 0;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    (void)user;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &list, &n) == 1) {
        for (size_t i = LEAD_BYTES; i < n && name_bytes < sizeof name; i++) {
            bool is_upper = list[i] >= 'A' && list[i] <= 'Z';
            name[name_bytes++] = is_upper ? list[i] | 0x20 : list[i];
        }
    }
    _Static_assert(sizeof digest <= SSL_MAX_SID_CTX_LENGTH, "it is set whole");
    if (SHA256(name, name_bytes, digest) == NULL ||
        SSL_set_session_id_context(ssl, digest, sizeof digest) != 1) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_server_name(SSL *ssl, int *alert, void *user)
{
    (void)alert;
    (void)user;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct bell_tls_identities *set = bell_tls_session_identities(ssl);
    size_t i = name == NULL || set == NULL ? 0 : identities_find(set, name);
    if (name == NULL || set == NULL || i == set->count) {
        return SSL_TLSEXT_ERR_NOACK; /* the first is shown */
    }
    if (i > 0 && SSL_set_SSL_CTX(ssl, set->contexts[i]) == NULL) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *in, unsigned in_n, void *user)
{
    const struct bell_tls *tls = user;
    unsigned char *chosen;
    (void)ssl;
    int outcome =
        SSL_select_next_proto(&chosen, out_n, (const unsigned char *)(const void *)tls->alpn.p,
                              (unsigned)tls->alpn.n, in, in_n);
    *out = chosen;
    /* RFC 7301 section 3.2: nothing in common is fatal. */
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bell_status bell_tls_alpn_write(const char *const *names, size_t count, struct bell_buf *out)
{
    bell_status st = count <= BELL_TLS_MAX_ALPN ? BELL_OK : BELL_EINVAL;
    for (size_t i = 0; i < count && st == BELL_OK; i++) {
        bell_slice name = bell_slice_from(names[i]);
        char n = (char)(unsigned char)name.n;
        st = name.n == 0 || name.n > BELL_TLS_MAX_ALPN_NAME_BYTES
                 ? BELL_EINVAL
                 : bell_buf_append(out, bell_slice_make(&n, 1));
        if (st == BELL_OK) {
            st = bell_buf_append(out, name);
        }
    }
    return st;
}

bool bell_tls_context_set_up(SSL_CTX *context, bell_tls_version min_version)
{
    /* An idle connection keeps no buffers. */
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_PRIORITIZE_CHACHA);
    int version = min_version == BELL_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    return SSL_CTX_set_min_proto_version(context, version) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1;
}

struct bell_tls *bell_tls_of(const SSL_CTX *context)
{
    return SSL_CTX_get_app_data(context);
}

static bool context_set_up(SSL_CTX *context, struct bell_tls *tls)
{
    if (SSL_CTX_set_app_data(context, tls) != 1 ||
        !bell_tls_context_set_up(context, tls->options.min_version) ||
        SSL_CTX_set_tlsext_servername_callback(context, on_server_name) != 1) {
        return false;
    }
    SSL_CTX_set_client_hello_cb(context, on_hello, NULL);
    if (tls->alpn.n > 0) {
        SSL_CTX_set_alpn_select_cb(context, on_alpn, tls);
    }
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_timeout(context, BELL_TLS_TICKET_LIFE_S);
    if (!tls->options.has_tickets) {
        (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(context, 0) == 1;
    }
    /* A connection that is lost is replaced by one, so one is enough. */
    return SSL_CTX_set_num_tickets(context, 1) == 1 && bell_tls_ticket_keys_use(context);
}

static bell_status identity_use(struct bell_tls *tls, const struct bell_tls_files *files,
                                const struct identity *id, char *why, SSL_CTX **out)
{
    if (X509_check_private_key(id->certificate, id->key) != 1) {
        ERR_clear_error();
        (void)snprintf(why, BELL_TLS_WHY_BYTES, "key %s: is not the key of the certificate %s",
                       files->key, files->certificate);
        return BELL_EINVAL;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || !context_set_up(context, tls)) {
        (void)snprintf(why, BELL_TLS_WHY_BYTES, "certificate %s: no context (%s)",
                       files->certificate, bell_tls_error_text());
        SSL_CTX_free(context);
        return BELL_ENOMEM;
    }
    if (SSL_CTX_use_cert_and_key(context, id->certificate, id->key, id->chain, 1) != 1) {
        (void)snprintf(why, BELL_TLS_WHY_BYTES, "certificate %s: cannot be used (%s)",
                       files->certificate, bell_tls_error_text());
        SSL_CTX_free(context);
        return BELL_EINVAL;
    }
    *out = context;
    return BELL_OK;
}

static bell_status context_load(struct bell_tls *tls, const struct bell_tls_files *files, char *why,
                                SSL_CTX **out)
{
    struct identity id = {.certificate = NULL};
    bell_status st = certificate_read(files->certificate, &id, why);
    if (st == BELL_OK) {
        st = key_read(files->key, &id, why);
    }
    if (st == BELL_OK) {
        st = identity_use(tls, files, &id, why, out);
    }
    identity_finish(&id);
    return st;
}

/* ---- the set ---- */

bell_status bell_tls_identities_load(struct bell_tls *tls, const struct bell_tls_files *files,
                                     size_t count, const struct bell_tls_identities *known,
                                     char *why, struct bell_tls_identities **out)
{
    struct bell_tls_identities *set =
        bell_mem_zalloc(sizeof *set + count * sizeof set->contexts[0]);
    if (set == NULL) {
        (void)snprintf(why, BELL_TLS_WHY_BYTES, "out of memory");
        return BELL_ENOMEM;
    }
    atomic_init(&set->refs, 1);
    bell_status st = BELL_OK;
    for (; set->count < count; set->count++) {
        size_t i = set->count;
        if (known != NULL && i < known->count) {
            (void)SSL_CTX_up_ref(known->contexts[i]);
            set->contexts[i] = known->contexts[i];
            continue;
        }
        st = context_load(tls, &files[i], why, &set->contexts[i]);
        if (st != BELL_OK) {
            bell_tls_identities_unref(set);
            return st;
        }
    }
    *out = set;
    return BELL_OK;
}

struct bell_tls_identities *bell_tls_identities_ref(struct bell_tls_identities *set)
{
    /* Relaxed: who refs holds one already. */
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void bell_tls_identities_unref(struct bell_tls_identities *set)
{
    /* Release what this holder did, acquire what the others did before the last one frees. */
    if (set != NULL && atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) == 1) {
        for (size_t i = 0; i < set->count; i++) {
            SSL_CTX_free(set->contexts[i]);
        }
        bell_mem_free(set);
    }
}
