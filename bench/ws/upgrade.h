/* The opening handshake, the client's side (RFC 6455 section 4.1). */
#ifndef WS_UPGRADE_H
#define WS_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UPGRADE_REQUEST_BYTES = 400, UPGRADE_ACCEPT_BYTES = 28 };

struct upgrade {
    char request[UPGRADE_REQUEST_BYTES];
    size_t request_bytes;
    char accept[UPGRADE_ACCEPT_BYTES + 1]; /* what the server must answer */
    bool wants_deflate; /* permessage-deflate, without context take-over in both directions */
};

void upgrade_init(struct upgrade *u, uint16_t port, bool wants_deflate);

/* The size of an answer's head with its empty line; 0 = it is not all there. */
size_t upgrade_head_bytes(const char *bytes, size_t size);

/* What is wrong with an answer's head, or NULL. It is changed. */
const char *upgrade_refuse(const struct upgrade *u, char *head, size_t size);

#endif
