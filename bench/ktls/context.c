/* What both sides have in common, and their contexts. */
#include "ktls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERIAL = 1, LIFE_S = 24 * 60 * 60, PATTERN_STEP = 31 };

void ktls_fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "ktls: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

void ktls_fail_ssl(const char *what)
{
    unsigned long error = ERR_peek_last_error();
    ktls_fail(what, error == 0 ? strerror(errno) : ERR_error_string(error, NULL));
}

const char *ktls_pattern(void)
{
    static char pattern[KTLS_MAX_BYTES];
    if (pattern[1] == 0) {
        for (uint32_t i = 0; i < sizeof pattern; i++) {
            pattern[i] = (char)(i * PATTERN_STEP >> 3);
        }
    }
    return pattern;
}

bool ktls_has_tls(enum ktls_way way)
{
    return way != KTLS_PLAIN;
}

bool ktls_kernel_sends(enum ktls_way way)
{
    return way != KTLS_PLAIN && way != KTLS_USER;
}

bool ktls_kernel_receives(enum ktls_way way)
{
    return way == KTLS_SSL_BOTH || way == KTLS_KERNEL_BOTH;
}

/* A certificate that nobody has to believe. */
static void identity_make(SSL_CTX *context)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    if (key == NULL || certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), SERIAL) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(certificate), LIFE_S) == NULL ||
        X509_set_pubkey(certificate, key) != 1 || X509_sign(certificate, key, EVP_sha256()) == 0 ||
        SSL_CTX_use_certificate(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(context, key) != 1) {
        ktls_fail_ssl("certificate");
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* As src/bell/net/tls_identity.c does it. */
SSL_CTX *ktls_server_context(const struct ktls_run *run)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, run->version) != 1 ||
        SSL_CTX_set_max_proto_version(context, run->version) != 1 ||
        SSL_CTX_set_cipher_list(context, run->cipher->name_1_2) != 1 ||
        SSL_CTX_set_ciphersuites(context, run->cipher->name_1_3) != 1 ||
        SSL_CTX_set_num_tickets(context, 0) != 1) {
        ktls_fail_ssl("context");
    }
    identity_make(context);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_NO_TICKET |
                                           (ktls_kernel_sends(run->way) ? SSL_OP_ENABLE_KTLS : 0));
    return context;
}

SSL_CTX *ktls_client_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        ktls_fail_ssl("context");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_read_ahead(context, 1); /* one receive for as many records as have come */
    return context;
}
