/*
 * What the server shows to browsers that speak TLS with it: the certificates of --tls-cert.
 */
#ifndef CLI_SECURE_H
#define CLI_SECURE_H

#include "desk/config/config.h"

#include <stdbool.h>

struct bell_tls;

/* Reads certificates and keys. *out stays NULL when none are configured; the caller destroys it.
 * false: something is wrong with them, and was said. */
bool secure_create(const struct config *config, struct bell_tls **out);

#endif
