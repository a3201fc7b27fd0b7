#include "secure.h"

#include "command.h"

#include "bell/tls.h"

#include <string.h>

static bell_status add_all(const struct config *config, struct bell_tls *tls)
{
    bell_status st = BELL_OK;
    for (size_t i = 0; i < config->tls_cert.count && st == BELL_OK; i++) {
        st = bell_tls_add_certificate(tls, config->tls_cert.items[i], config->tls_key.items[i]);
    }
    if (st != BELL_OK) {
        cli_complain("%s (see --tls-cert and --tls-key)", bell_tls_why(tls));
    }
    return st;
}

bool secure_create(const struct config *config, struct bell_tls **out)
{
    if (config->tls_cert.count != config->tls_key.count) {
        cli_complain("each --tls-cert needs its --tls-key: there are %zu and %zu",
                     config->tls_cert.count, config->tls_key.count);
        return false;
    }
    if (config->tls_cert.count == 0) {
        return true;
    }
    bell_tls_options options;
    bell_tls_options_init(&options);
    options.min_version = strcmp(config->tls_min, "1.3") == 0 ? BELL_TLS_1_3 : BELL_TLS_1_2;
    struct bell_tls *tls = NULL;
    bell_status st = bell_tls_create(&options, &tls);
    if (st != BELL_OK) {
        cli_complain("no TLS: %s", st == BELL_ENOTSUP ? "deskbell was built without OpenSSL"
                                                      : bell_status_text(st));
        return false;
    }
    if (add_all(config, tls) != BELL_OK) {
        bell_tls_destroy(tls);
        return false;
    }
    *out = tls;
    return true;
}
