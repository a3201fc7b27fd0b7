#include "certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { HOUR_S = 3600 };

static void extend(X509 *x, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void key_write(EVP_PKEY *key, const char *file, const EVP_CIPHER *cipher)
{
    char password[] = "secret";
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, cipher, cipher == NULL ? NULL : password,
                                               cipher == NULL ? 0 : (int)sizeof password - 1, NULL,
                                               NULL),
                     1);
    assert_int_equal(fclose(f), 0);
}

void certificate_make_encrypted_key(const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    key_write(key, key_file, EVP_aes_128_cbc());
    EVP_PKEY_free(key);
}

void certificate_make(const char *names, const char *certificate_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    assert_non_null(key);
    assert_non_null(x);
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -HOUR_S));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), HOUR_S));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    X509_NAME *name = X509_get_subject_name(x);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)(const void *)names, -1, -1,
                                                0),
                     1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    extend(x, NID_subject_alt_name, names);
    extend(x, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *f = fopen(certificate_file, "we");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    assert_int_equal(fclose(f), 0);
    key_write(key, key_file, NULL);
    X509_free(x);
    EVP_PKEY_free(key);
}
