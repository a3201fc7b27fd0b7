/*
 * Keys of session tickets (RFC 5077 section 4, as RFC 8446 section 4.6.1 still allows): all loops
 * share them, and they outlive the contexts that a reload replaces. A key makes tickets for half of
 * their life and reads them for all of it, unless reloads bring newer ones faster.
 */
#include "bell/net/tls_internal.h"

#include "base/clock.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { MS_PER_S = 1000 };
static const uint64_t ROTATE_MS = (uint64_t)BELL_TLS_TICKET_LIFE_S * MS_PER_S / 2;

/* What OpenSSL wants to hear. */
enum { TICKET_FAILED = -1, TICKET_UNKNOWN = 0, TICKET_GOOD = 1, TICKET_RENEW = 2 };

void bell_tls_ticket_keys_init(struct bell_tls_ticket_keys *keys)
{
    *keys = (struct bell_tls_ticket_keys){.count = 0};
    (void)pthread_mutex_init(&keys->lock, NULL);
}

void bell_tls_ticket_keys_finish(struct bell_tls_ticket_keys *keys)
{
    (void)pthread_mutex_destroy(&keys->lock);
    explicit_bzero(keys, sizeof *keys);
}

/* Under the lock. */
static bell_status rotate(struct bell_tls_ticket_keys *keys, uint64_t now_ms)
{
    struct bell_tls_ticket_key fresh = {.made_ms = now_ms};
    if (RAND_bytes(fresh.name, sizeof fresh.name) != 1 ||
        RAND_priv_bytes(fresh.cipher, sizeof fresh.cipher) != 1 ||
        RAND_priv_bytes(fresh.mac, sizeof fresh.mac) != 1) {
        return BELL_EIO;
    }
    memmove(&keys->keys[1], &keys->keys[0], sizeof keys->keys - sizeof keys->keys[0]);
    keys->keys[0] = fresh;
    keys->count += keys->count < BELL_TLS_TICKET_KEYS;
    explicit_bzero(&fresh, sizeof fresh);
    return BELL_OK;
}

bell_status bell_tls_ticket_keys_rotate(struct bell_tls_ticket_keys *keys)
{
    (void)pthread_mutex_lock(&keys->lock);
    bell_status st = rotate(keys, bell_clock_now_ms());
    (void)pthread_mutex_unlock(&keys->lock);
    return st;
}

static bell_status newest(struct bell_tls_ticket_keys *keys, struct bell_tls_ticket_key *out)
{
    uint64_t now_ms = bell_clock_now_ms();
    bell_status st = BELL_OK;
    (void)pthread_mutex_lock(&keys->lock);
    if (keys->count == 0 || now_ms - keys->keys[0].made_ms >= ROTATE_MS) {
        st = rotate(keys, now_ms);
    }
    *out = keys->keys[0];
    (void)pthread_mutex_unlock(&keys->lock);
    return st;
}

static int find(struct bell_tls_ticket_keys *keys, const unsigned char *name,
                struct bell_tls_ticket_key *out)
{
    int outcome = TICKET_UNKNOWN;
    (void)pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < keys->count && outcome == TICKET_UNKNOWN; i++) {
        if (memcmp(keys->keys[i].name, name, BELL_TLS_KEY_NAME_BYTES) == 0) {
            *out = keys->keys[i];
            outcome = i == 0 ? TICKET_GOOD : TICKET_RENEW;
        }
    }
    (void)pthread_mutex_unlock(&keys->lock);
    return outcome;
}

static bool mac_begin(EVP_MAC_CTX *mac, struct bell_tls_ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_new)
{
    struct bell_tls_ticket_keys *keys = &bell_tls_of(SSL_get_SSL_CTX(ssl))->tickets;
    struct bell_tls_ticket_key key;
    int outcome = TICKET_GOOD;
    bool is_ready = false;
    if (is_new != 0) {
        if (newest(keys, &key) == BELL_OK &&
            RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1) {
            memcpy(name, key.name, sizeof key.name);
            is_ready = EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1;
        }
    } else {
        outcome = find(keys, name, &key);
        if (outcome == TICKET_UNKNOWN) {
            return outcome; /* a full handshake */
        }
        is_ready = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1;
    }
    is_ready = is_ready && mac_begin(mac, &key);
    explicit_bzero(&key, sizeof key);
    return is_ready ? outcome : TICKET_FAILED;
}

bool bell_tls_ticket_keys_use(SSL_CTX *context)
{
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1;
}
