/*
 * TLS of clients: whom they trust.
 */
#include "bell/net/tls_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/versioned.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

enum { ALPN_BYTES = BELL_TLS_MAX_ALPN * (BELL_TLS_MAX_ALPN_NAME_BYTES + 1) };

static const char *const DEFAULT_ALPN[] = {"http/1.1"};

static const bell_tls_client_options DEFAULTS = {
    .min_version = BELL_TLS_1_2,
    .alpn = DEFAULT_ALPN,
    .alpn_count = 1,
};

void bell_tls_client_options_init_sized(bell_tls_client_options *options, size_t options_bytes)
{
    bell_versioned_write(options, options_bytes, &DEFAULTS, sizeof DEFAULTS);
}

/* Every certificate of the text is trusted. BELL_EINVAL when there is none, or a broken one. */
static bell_status trust_text(X509_STORE *store, const struct bell_buf *text)
{
    BIO *bio = BIO_new_mem_buf(text->p, (int)text->n);
    if (bio == NULL) {
        return BELL_ENOMEM;
    }
    size_t count = 0;
    bool is_good = true;
    X509 *certificate;
    while (is_good && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        is_good = X509_STORE_add_cert(store, certificate) == 1;
        X509_free(certificate);
        count++;
    }
    is_good = is_good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(bio);
    return is_good && count > 0 ? BELL_OK : BELL_EINVAL;
}

static bell_status trust(SSL_CTX *context, const char *ca_file, char *why)
{
    if (ca_file == NULL) {
        return SSL_CTX_set_default_verify_paths(context) == 1 ? BELL_OK : BELL_EIO;
    }
    struct bell_buf text;
    bell_status st = bell_tls_file_read("certificates", ca_file, &text, why);
    if (st == BELL_OK) {
        st = trust_text(SSL_CTX_get_cert_store(context), &text);
        if (st != BELL_OK) {
            (void)snprintf(why, BELL_TLS_WHY_BYTES,
                           "certificates %s: are not certificates in PEM form", ca_file);
        }
    }
    bell_buf_finish(&text);
    return st;
}

static bell_status alpn_offer(SSL_CTX *context, const bell_tls_client_options *o)
{
    struct bell_buf alpn;
    bell_buf_init(&alpn, ALPN_BYTES);
    bell_status st = bell_tls_alpn_write(o->alpn, o->alpn_count, &alpn);
    if (st == BELL_OK && alpn.n > 0 &&
        SSL_CTX_set_alpn_protos(context, (const unsigned char *)(const void *)alpn.p,
                                (unsigned)alpn.n) != 0) {
        st = BELL_ENOMEM;
    }
    bell_buf_finish(&alpn);
    return st;
}

bell_status bell_tls_client_create_sized(const bell_tls_client_options *options,
                                         size_t options_bytes, struct bell_tls_client **out)
{
    bell_tls_client_options known = DEFAULTS;
    const bell_tls_client_options *o = &known;
    char why[BELL_TLS_WHY_BYTES] = "";
    if (!bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    if ((unsigned)o->min_version > BELL_TLS_1_3) {
        return BELL_EINVAL;
    }
    struct bell_tls_client *client = bell_mem_zalloc(sizeof *client);
    if (client == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st = BELL_ENOMEM;
    client->accepts_any = o->accepts_any;
    client->context = SSL_CTX_new(TLS_client_method());
    if (client->context == NULL || !bell_tls_context_set_up(client->context, o->min_version)) {
        goto free_client;
    }
    SSL_CTX_set_verify(client->context, o->accepts_any ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_OFF);
    st = alpn_offer(client->context, o);
    if (st == BELL_OK) {
        st = trust(client->context, o->ca_file, why);
    }
    if (st != BELL_OK) {
        goto free_client;
    }
    *out = client;
    return BELL_OK;

free_client:
    ERR_clear_error();
    bell_log(BELL_LOG_ERROR, "no TLS client status=%s why=\"%s\"", bell_status_name(st), why);
    bell_tls_client_destroy(client);
    return st;
}

void bell_tls_client_destroy(struct bell_tls_client *client)
{
    if (client != NULL) {
        SSL_CTX_free(client->context);
        bell_mem_free(client);
    }
}
