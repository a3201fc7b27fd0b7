/*
 * TLS sessions on OpenSSL. It reads and writes by one BIO per loop, through which the session that
 * is at work finds its input and its wire queue: so a session costs no BIO of its own, and OpenSSL
 * never sees a socket. Between two calls a session keeps nothing but the cipher states, unless
 * half a record has come.
 *
 * Of what waits to be sent, small frames are put together in one record (RFC 8446 section 5.1), and
 * some records make a share, which is encrypted only when the one before is gone: so a peer that
 * does not read costs one share more than without TLS, and what is dropped or counted is what the
 * owner of the queue sees.
 */
#include "bell/net/tls_internal.h"

#include "base/compiler.h"
#include "base/log.h"
#include "base/mem.h"
#include "bell/net/io.h"
#include "bell/net/loop.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum {
    SHARE_BYTES = 4 * BELL_TLS_RECORD_BYTES,
    /* Handshakes, alerts and answers to KeyUpdate of a peer that reads none of it, and one share.
     */
    WIRE_MAX_BYTES = 256 * 1024,
    /*
     * Records of one receive that bring no data: KeyUpdates, tickets. A new key costs some 10 us,
     * and ten thousand of them fit into a receive; nobody needs one before he has sent gigabytes.
     * One more may be the last of the receive.
     */
    IDLE_RECORDS_MAX = 32,
};

enum session_state { SESSION_HANDSHAKE, SESSION_OPEN, SESSION_ENDED, SESSION_FAILED };

/* What a session has only while its handshake is under way. */
struct handshake {
    struct bell_tls_wait wait;
    struct bell_tls_identities *identities; /* (owned) one reference; NULL for clients */
};

/*
 *     HANDSHAKE --> OPEN --our close_notify--> ENDED
 *         \__________\______ errors _____________\__> FAILED
 *
 * ENDED still receives (RFC 8446 section 6.1).
 */
struct bell_tls_session {
    SSL *ssl;                    /* (owned) */
    struct bell_tls_loop *home;  /* (borrowed) */
    struct handshake *handshake; /* (owned) NULL once it is over */
    struct bell_out_queue wire;
    uint32_t lead_bytes;    /* of wire, that go before any of what is covered, or carry it */
    uint32_t covered_bytes; /* of the stream's queue, that are in wire */
    uint32_t steps_per_turn;
    uint8_t state; /* enum session_state */
    const char *why;
};

struct bell_tls_loop {
    struct bell_out_pool *pool; /* (borrowed) of the loop: for wire queues */
    BIO *bio;                   /* (owned) one reference, each session has others */
    BIO_METHOD *method;
    struct bell_tls_session *current; /* (borrowed) the one at work */
    bell_slice in;                    /* (borrowed) what it may read */
    uint32_t idle_records;            /* of it, without data; the one under way counts */
    bool is_flooded;                  /* they are too many: no more is read */
    bell_status failure;              /* of its wire queue */
    char gathered[BELL_TLS_RECORD_BYTES];
    char plain[BELL_IO_MAX_RECEIVE_BYTES];
};

/* ---- the way in and out ---- */

static int on_bio_read(BIO *bio, char *out, int size)
{
    struct bell_tls_loop *home = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    /* OpenSSL reads the header of a record by itself, and then the rest. */
    if (size == SSL3_RT_HEADER_LENGTH && home->in.n >= SSL3_RT_HEADER_LENGTH &&
        home->current->state != SESSION_HANDSHAKE) {
        home->is_flooded = home->idle_records > IDLE_RECORDS_MAX;
        home->idle_records++;
    }
    if (home->in.n == 0 || home->is_flooded) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = home->in.n < (size_t)size ? home->in.n : (size_t)size;
    memcpy(out, home->in.p, n);
    home->in = bell_slice_make(home->in.p + n, home->in.n - n);
    return (int)n;
}

static int on_bio_write(BIO *bio, const char *bytes, int size)
{
    struct bell_tls_loop *home = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    struct bell_out_queue *wire = &home->current->wire;
    bell_status st =
        (size_t)size > WIRE_MAX_BYTES - (size_t)wire->bytes
            ? BELL_ENOMEM
            : bell_out_queue_copy(home->pool, wire, bell_slice_make(bytes, (size_t)size),
                                  bell_slice_make(NULL, 0));
    if (st != BELL_OK) {
        home->failure = st;
        return -1;
    }
    return size;
}

static long on_bio_control(BIO *bio, int what, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return what == BIO_CTRL_FLUSH;
}

static struct bell_tls_loop *loop_create(struct bell_out_pool *pool)
{
    /* Not zeroed: the pages of plain should not be touched before they are needed. */
    struct bell_tls_loop *home = bell_mem_alloc(sizeof *home);
    if (home == NULL) {
        return NULL;
    }
    home->pool = pool;
    home->current = NULL;
    home->in = bell_slice_make(NULL, 0);
    home->bio = NULL;
    home->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "bell");
    if (home->method == NULL || BIO_meth_set_read(home->method, on_bio_read) != 1 ||
        BIO_meth_set_write(home->method, on_bio_write) != 1 ||
        BIO_meth_set_ctrl(home->method, on_bio_control) != 1) {
        goto free_method;
    }
    home->bio = BIO_new(home->method);
    if (home->bio == NULL) {
        goto free_method;
    }
    BIO_set_data(home->bio, home);
    BIO_set_init(home->bio, 1);
    return home;

free_method:
    BIO_meth_free(home->method);
    bell_mem_free(home);
    ERR_clear_error();
    return NULL;
}

void bell_tls_loop_destroy(struct bell_tls_loop *home)
{
    if (home != NULL) {
        BIO_free(home->bio);
        BIO_meth_free(home->method);
        bell_mem_free(home);
    }
}

/* ---- life ---- */

static bell_status session_create(struct bell_loop *loop, SSL_CTX *context,
                                  struct bell_tls_session **out)
{
    if (loop->tls == NULL && (loop->tls = loop_create(&loop->pool)) == NULL) {
        return BELL_ENOMEM;
    }
    struct bell_tls_session *session = bell_mem_zalloc(sizeof *session);
    if (session == NULL) {
        return BELL_ENOMEM;
    }
    session->home = loop->tls;
    session->why = "";
    session->handshake = bell_mem_zalloc(sizeof *session->handshake);
    session->ssl = session->handshake == NULL ? NULL : SSL_new(context);
    if (session->ssl == NULL) {
        bell_tls_session_destroy(session);
        ERR_clear_error();
        return BELL_ENOMEM;
    }
    /* The SSL takes two references. */
    (void)BIO_up_ref(loop->tls->bio);
    SSL_set0_rbio(session->ssl, loop->tls->bio);
    (void)BIO_up_ref(loop->tls->bio);
    SSL_set0_wbio(session->ssl, loop->tls->bio);
    *out = session;
    return BELL_OK;
}

bell_status bell_tls_server_session_create(struct bell_loop *loop, struct bell_tls *tls,
                                           struct bell_tls_session **out)
{
    struct bell_tls_identities *set = bell_tls_current(tls);
    if (set == NULL) {
        return BELL_ESTATE;
    }
    struct bell_tls_session *session;
    bell_status st = session_create(loop, set->contexts[0], &session);
    if (st != BELL_OK) {
        bell_tls_identities_unref(set);
        return st;
    }
    session->handshake->identities = set;
    session->steps_per_turn = tls->options.handshakes_per_turn;
    SSL_set_accept_state(session->ssl);
    *out = session;
    return BELL_OK;
}

static void handshake_destroy(struct handshake *handshake)
{
    if (handshake != NULL) {
        bell_tls_identities_unref(handshake->identities);
        bell_mem_free(handshake->wait.bytes);
        bell_mem_free(handshake);
    }
}

void bell_tls_session_destroy(struct bell_tls_session *session)
{
    if (session != NULL) {
        SSL_free(session->ssl);
        handshake_destroy(session->handshake);
        bell_out_queue_finish(session->home->pool, &session->wire);
        bell_mem_free(session);
    }
}

struct bell_tls_identities *bell_tls_session_identities(const SSL *ssl)
{
    const struct bell_tls_loop *home = BIO_get_data(SSL_get_rbio(ssl));
    return home->current->handshake->identities;
}

bell_tls_agreement bell_tls_session_agreement(const struct bell_tls_session *session)
{
    const unsigned char *protocol = NULL;
    unsigned int protocol_bytes = 0;
    const char *name = SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name);
    SSL_get0_alpn_selected(session->ssl, &protocol, &protocol_bytes);
    return (bell_tls_agreement){
        .server_name = bell_slice_make(name, name == NULL ? 0 : strlen(name)),
        .protocol = bell_slice_make((const char *)protocol, protocol_bytes),
        .version = SSL_version(session->ssl) == TLS1_3_VERSION ? BELL_TLS_1_3 : BELL_TLS_1_2,
    };
}

/* ---- at work ---- */

/* Before and after every call that may read or write. */
static void begin(struct bell_tls_session *session, bell_slice in)
{
    struct bell_tls_loop *home = session->home;
    home->current = session;
    home->in = in;
    home->idle_records = 0;
    home->is_flooded = false;
    home->failure = BELL_OK;
    ERR_clear_error();
}

static void end(struct bell_tls_session *session)
{
    session->home->current = NULL;
    session->home->in = bell_slice_make(NULL, 0);
}

/* No further call may be made of OpenSSL for this session. */
static bell_status fail(struct bell_tls_session *session)
{
    bell_status st = session->home->failure;
    if (st == BELL_OK) {
        st = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE ? BELL_ENOMEM : BELL_EPROTO;
    }
    bool is_untrusted = ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    session->why = st != BELL_EPROTO ? bell_status_text(st)
                   : is_untrusted
                       ? X509_verify_cert_error_string(SSL_get_verify_result(session->ssl))
                       : bell_tls_error_text();
    session->state = SESSION_FAILED;
    session->lead_bytes = 0;
    session->covered_bytes = 0;
    ERR_clear_error();
    return st;
}

/* What a call that did not succeed means. */
static bell_status status_of(struct bell_tls_session *session, int result)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return BELL_EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return BELL_ECLOSED;
    default:
        return fail(session);
    }
}

static bell_status shake(struct bell_tls_session *session)
{
    int result = SSL_do_handshake(session->ssl);
    if (result != 1) {
        bell_status st = status_of(session, result);
        /* A peer that says goodbye before we know each other. */
        return st == BELL_ECLOSED ? fail(session) : st;
    }
    session->state = SESSION_OPEN;
    handshake_destroy(session->handshake);
    session->handshake = NULL;
    return BELL_OK;
}

/* For whom the peer's certificate must be. */
static bool expect(SSL *ssl, const char *host)
{
    char name[TLSEXT_MAXLEN_host_name + 1]; /* the macro casts const away */
    (void)snprintf(name, sizeof name, "%s", host);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1) {
        return true; /* addresses are no server names: RFC 6066 section 3 */
    }
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

bell_status bell_tls_client_session_create(struct bell_loop *loop, struct bell_tls_client *client,
                                           const char *host, struct bell_tls_session **out)
{
    struct bell_tls_session *session;
    if (host[0] == '\0' || strlen(host) > TLSEXT_MAXLEN_host_name) {
        return BELL_EINVAL;
    }
    bell_status st = session_create(loop, client->context, &session);
    if (st != BELL_OK) {
        return st;
    }
    session->steps_per_turn = UINT32_MAX;
    SSL_set_connect_state(session->ssl);
    if (!expect(session->ssl, host)) {
        st = BELL_ENOMEM;
    } else {
        /* A client speaks first. */
        begin(session, bell_slice_make(NULL, 0));
        st = shake(session);
        end(session);
    }
    if (st != BELL_EAGAIN) {
        bell_tls_session_destroy(session);
        ERR_clear_error();
        return st == BELL_OK ? BELL_EIO : st;
    }
    *out = session;
    return BELL_OK;
}

static bell_status fail_flooded(struct bell_tls_session *session)
{
    (void)fail(session);
    session->why = "too many records without data";
    return BELL_EPROTO;
}

/* Reads records until there are no more bytes, or no more room. */
static bell_status read_records(struct bell_tls_session *session, size_t *n)
{
    struct bell_tls_loop *home = session->home;
    while (*n < sizeof home->plain) {
        /* Without any input OpenSSL would make a buffer only to find that out. */
        if (home->in.n == 0 && SSL_pending(session->ssl) == 0) {
            return BELL_EAGAIN;
        }
        size_t got = 0;
        uint32_t idle_before = home->idle_records;
        int result = SSL_read_ex(session->ssl, home->plain + *n, sizeof home->plain - *n, &got);
        if (result != 1) {
            return home->is_flooded ? fail_flooded(session) : status_of(session, result);
        }
        *n += got;
        home->idle_records -= home->idle_records > idle_before; /* the last one was not */
    }
    return BELL_OK;
}

bell_status bell_tls_session_read(struct bell_tls_session *session, bell_slice *in, char **bytes,
                                  size_t *n)
{
    *bytes = session->home->plain;
    *n = 0;
    if (session->state == SESSION_FAILED) {
        return BELL_EPROTO;
    }
    begin(session, *in);
    bell_status st = session->state == SESSION_HANDSHAKE ? shake(session) : BELL_OK;
    if (st == BELL_OK) {
        st = read_records(session, n);
    }
    *in = session->home->in;
    end(session);
    return st;
}

/* ---- sending ---- */

/* Encrypts one piece, which is at most a record. */
static bell_status encrypt(struct bell_tls_session *session, const char *bytes, size_t n)
{
    size_t written = 0;
    int result = SSL_write_ex(session->ssl, bytes, n, &written);
    if (result != 1) {
        bell_status st = status_of(session, result);
        /* Nothing that we write waits for something to read. */
        return st == BELL_EAGAIN || st == BELL_ECLOSED ? fail(session) : st;
    }
    session->covered_bytes += (uint32_t)written;
    return BELL_OK;
}

/* Small pieces that follow each other share a record; of large ones each makes its own. */
static bell_status encrypt_pieces(struct bell_tls_session *session, const struct iovec *pieces,
                                  int count)
{
    char *room = session->home->gathered;
    size_t gathered = 0;
    size_t left = SHARE_BYTES;
    bell_status st = BELL_OK;
    for (int i = 0; i < count && left > 0 && st == BELL_OK; i++) {
        const char *p = pieces[i].iov_base;
        size_t n = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        left -= n;
        while (n > 0 && st == BELL_OK) {
            size_t step = BELL_TLS_RECORD_BYTES - gathered;
            step = n < step ? n : step;
            bool is_alone = gathered == 0 && (step == BELL_TLS_RECORD_BYTES || i + 1 == count);
            if (is_alone) {
                st = encrypt(session, p, step);
            } else {
                memcpy(room + gathered, p, step);
                gathered += step;
            }
            if (gathered == BELL_TLS_RECORD_BYTES) {
                st = encrypt(session, room, gathered);
                gathered = 0;
            }
            p += step;
            n -= step;
        }
    }
    return st == BELL_OK && gathered > 0 ? encrypt(session, room, gathered) : st;
}

/* RFC 8446 section 6.1. It changes nothing if it cannot be said. */
static void say_end(struct bell_tls_session *session)
{
    session->state = SESSION_ENDED;
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
}

bell_status bell_tls_session_write(struct bell_tls_session *session,
                                   const struct bell_out_queue *queue, bool is_last)
{
    if (session->state != SESSION_OPEN) {
        return BELL_OK;
    }
    bell_status st = BELL_OK;
    begin(session, bell_slice_make(NULL, 0));
    if (session->covered_bytes == 0 && !bell_out_queue_is_empty(queue)) {
        struct iovec pieces[BELL_IO_MAX_PIECES];
        int count = bell_out_queue_gather(queue, pieces, BELL_IO_MAX_PIECES);
        st = encrypt_pieces(session, pieces, count);
        session->lead_bytes = session->wire.bytes - session->covered_bytes;
    }
    if (st == BELL_OK && is_last && session->covered_bytes == queue->bytes) {
        say_end(session);
    }
    end(session);
    return st;
}

const struct bell_out_queue *bell_tls_session_wire(const struct bell_tls_session *session)
{
    return &session->wire;
}

size_t bell_tls_session_taken(struct bell_tls_session *session, size_t n)
{
    bell_out_queue_consume(session->home->pool, &session->wire, n);
    uint32_t lead = n < session->lead_bytes ? (uint32_t)n : session->lead_bytes;
    session->lead_bytes -= lead;
    n -= lead;
    uint32_t covered = n < session->covered_bytes ? (uint32_t)n : session->covered_bytes;
    session->covered_bytes -= covered;
    return covered;
}

size_t bell_tls_session_covered(const struct bell_tls_session *session)
{
    return session->covered_bytes;
}

/* ---- questions ---- */

bool bell_tls_session_owes_end(const struct bell_tls_session *session)
{
    return session->state == SESSION_OPEN;
}

bool bell_tls_session_is_new(const struct bell_tls_session *session)
{
    return SSL_in_before(session->ssl) == 1;
}

bool bell_tls_session_has_failed(const struct bell_tls_session *session)
{
    return session->state == SESSION_FAILED;
}

const char *bell_tls_session_why(const struct bell_tls_session *session)
{
    return session->why;
}

struct bell_tls_wait *bell_tls_session_wait(struct bell_tls_session *session)
{
    return session->handshake == NULL ? NULL : &session->handshake->wait;
}

uint32_t bell_tls_session_steps_per_turn(const struct bell_tls_session *session)
{
    return session->steps_per_turn;
}
