/*
 * TLS of servers: the list of files, what is made of them, and its exchange.
 */
#include "bell/net/tls_internal.h"

#include "base/compiler.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/versioned.h"

#include <stdio.h>

enum { MAX_STEPS = 1000000, ALPN_BYTES = BELL_TLS_MAX_ALPN * (BELL_TLS_MAX_ALPN_NAME_BYTES + 1) };

static const char *const DEFAULT_ALPN[] = {"http/1.1"};

static const bell_tls_options DEFAULTS = {
    .min_version = BELL_TLS_1_2,
    .alpn = DEFAULT_ALPN,
    .alpn_count = 1,
    .has_tickets = true,
    .handshakes_per_turn = 16,
};

void bell_tls_options_init_sized(bell_tls_options *options, size_t options_bytes)
{
    bell_versioned_write(options, options_bytes, &DEFAULTS, sizeof DEFAULTS);
}

bell_status bell_tls_create_sized(const bell_tls_options *options, size_t options_bytes,
                                  struct bell_tls **out)
{
    bell_tls_options known = DEFAULTS;
    const bell_tls_options *o = &known;
    if (!bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    const bell_option_rule rules[] = {
        {"min_version", (unsigned)o->min_version <= BELL_TLS_1_3},
        {"handshakes_per_turn", o->handshakes_per_turn > 0 && o->handshakes_per_turn <= MAX_STEPS},
    };
    bell_status st = bell_option_check("bell_tls_options", rules, BELL_ARRAY_LEN(rules));
    if (st != BELL_OK) {
        return st;
    }
    struct bell_tls *tls = bell_mem_zalloc(sizeof *tls);
    if (tls == NULL) {
        return BELL_ENOMEM;
    }
    tls->options = *o;
    tls->options.alpn = NULL;
    bell_buf_init(&tls->alpn, ALPN_BYTES);
    st = bell_tls_alpn_write(o->alpn, o->alpn_count, &tls->alpn);
    if (st != BELL_OK) {
        bell_buf_finish(&tls->alpn);
        bell_mem_free(tls);
        return st;
    }
    (void)pthread_mutex_init(&tls->change_lock, NULL);
    (void)pthread_mutex_init(&tls->current_lock, NULL);
    bell_tls_ticket_keys_init(&tls->tickets);
    *out = tls;
    return BELL_OK;
}

void bell_tls_destroy(struct bell_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    for (size_t i = 0; i < tls->file_count; i++) {
        bell_mem_free(tls->files[i].certificate);
        bell_mem_free(tls->files[i].key);
    }
    bell_mem_free(tls->files);
    bell_tls_identities_unref(tls->current);
    bell_buf_finish(&tls->alpn);
    bell_tls_ticket_keys_finish(&tls->tickets);
    (void)pthread_mutex_destroy(&tls->current_lock);
    (void)pthread_mutex_destroy(&tls->change_lock);
    bell_mem_free(tls);
}

struct bell_tls_identities *bell_tls_current(struct bell_tls *tls)
{
    (void)pthread_mutex_lock(&tls->current_lock);
    struct bell_tls_identities *set =
        tls->current == NULL ? NULL : bell_tls_identities_ref(tls->current);
    (void)pthread_mutex_unlock(&tls->current_lock);
    return set;
}

static bell_status renew_ticket_keys(struct bell_tls *tls)
{
    bell_status st = bell_tls_ticket_keys_rotate(&tls->tickets);
    if (st != BELL_OK) {
        (void)snprintf(tls->why, sizeof tls->why, "no random bytes for the keys of tickets");
    }
    return st;
}

/* Reads files, those that are not known, and makes new keys for tickets if it is to; what comes of
 * it is shown from now on, or nothing has changed. */
static bell_status show(struct bell_tls *tls, const struct bell_tls_files *files, size_t count,
                        const struct bell_tls_identities *known, bool renews_tickets)
{
    struct bell_tls_identities *set;
    bell_status st = bell_tls_identities_load(tls, files, count, known, tls->why, &set);
    if (st != BELL_OK) {
        return st;
    }
    st = renews_tickets ? renew_ticket_keys(tls) : BELL_OK;
    if (st != BELL_OK) {
        bell_tls_identities_unref(set);
        return st;
    }
    tls->why[0] = '\0';
    (void)pthread_mutex_lock(&tls->current_lock);
    struct bell_tls_identities *old = tls->current;
    tls->current = set;
    (void)pthread_mutex_unlock(&tls->current_lock);
    bell_tls_identities_unref(old);
    return BELL_OK;
}

static bell_status add(struct bell_tls *tls, const char *certificate_file, const char *key_file)
{
    if (tls->file_count == BELL_TLS_MAX_CERTIFICATES) {
        (void)snprintf(tls->why, sizeof tls->why, "more than %d certificates",
                       BELL_TLS_MAX_CERTIFICATES);
        return BELL_ELIMIT;
    }
    struct bell_tls_files *files =
        bell_mem_resize(tls->files, (tls->file_count + 1) * sizeof *files);
    tls->files = files == NULL ? tls->files : files;
    const struct bell_tls_files last = {
        .certificate = bell_mem_copy_text(bell_slice_from(certificate_file)),
        .key = bell_mem_copy_text(bell_slice_from(key_file)),
    };
    bell_status st = BELL_ENOMEM;
    if (files == NULL || last.certificate == NULL || last.key == NULL) {
        (void)snprintf(tls->why, sizeof tls->why, "out of memory");
    } else {
        files[tls->file_count] = last;
        st = show(tls, files, tls->file_count + 1, tls->current, false);
    }
    if (st != BELL_OK) {
        bell_mem_free(last.key);
        bell_mem_free(last.certificate);
        return st;
    }
    tls->file_count++;
    return BELL_OK;
}

bell_status bell_tls_add_certificate(struct bell_tls *tls, const char *certificate_file,
                                     const char *key_file)
{
    (void)pthread_mutex_lock(&tls->change_lock);
    bell_status st = add(tls, certificate_file, key_file);
    (void)pthread_mutex_unlock(&tls->change_lock);
    return st;
}

bell_status bell_tls_reload(struct bell_tls *tls)
{
    (void)pthread_mutex_lock(&tls->change_lock);
    bell_status st = tls->file_count == 0
                         ? BELL_OK
                         : show(tls, tls->files, tls->file_count, NULL, tls->options.has_tickets);
    if (st == BELL_OK) {
        bell_log(BELL_LOG_INFO, "certificates reloaded count=%zu", tls->file_count);
    } else {
        bell_log(BELL_LOG_ERROR, "certificates not reloaded, the old ones stay why=\"%s\"",
                 tls->why);
    }
    (void)pthread_mutex_unlock(&tls->change_lock);
    return st;
}

const char *bell_tls_why(const struct bell_tls *tls)
{
    return tls == NULL ? "" : tls->why;
}
