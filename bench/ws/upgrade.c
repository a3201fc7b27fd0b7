#include "upgrade.h"

#include "bell/ws/base64.h"
#include "bell/ws/handshake.h"

#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NONCE_BYTES = 16, KEY_BYTES = 24, END_BYTES = 4 };

static const char OFFER[] = "Sec-WebSocket-Extensions: permessage-deflate; "
                            "client_no_context_takeover; server_no_context_takeover\r\n";

void upgrade_init(struct upgrade *u, uint16_t port, bool wants_deflate)
{
    unsigned char nonce[NONCE_BYTES];
    char key[KEY_BYTES];
    bell_random_fill(nonce, sizeof nonce);
    bell_ws_base64_encode(nonce, sizeof nonce, key);
    bell_ws_handshake_accept(bell_slice_make(key, sizeof key), u->accept);
    int size = snprintf(u->request, sizeof u->request,
                        "GET / HTTP/1.1\r\n"
                        "Host: 127.0.0.1:%u\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Key: %.*s\r\n"
                        "Sec-WebSocket-Version: 13\r\n"
                        "%s\r\n",
                        (unsigned)port, KEY_BYTES, key, wants_deflate ? OFFER : "");
    if (size < 0 || (size_t)size >= sizeof u->request) {
        abort();
    }
    u->request_bytes = (size_t)size;
    u->wants_deflate = wants_deflate;
}

size_t upgrade_head_bytes(const char *bytes, size_t size)
{
    const char *end = memmem(bytes, size, "\r\n\r\n", END_BYTES);
    return end == NULL ? 0 : (size_t)(end - bytes) + END_BYTES;
}

/* The value of a field, zero-terminated for now by the caller's line; NULL = absent. */
static const char *field(const char *head, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
            const char *value = line + 2 + n + 1;
            return value + strspn(value, " \t");
        }
    }
    return NULL;
}

static bool begins(const char *value, const char *word)
{
    return value != NULL && strncasecmp(value, word, strlen(word)) == 0;
}

const char *upgrade_refuse(const struct upgrade *u, char *head, size_t size)
{
    head[size - 2] = '\0'; /* the empty line is not needed any more */
    const char *accept = field(head, "Sec-WebSocket-Accept");
    const char *extensions = field(head, "Sec-WebSocket-Extensions");
    if (!begins(head, "HTTP/1.1 101")) {
        return "the answer is not 101";
    }
    if (!begins(field(head, "Upgrade"), "websocket") ||
        !begins(field(head, "Connection"), "upgrade")) {
        return "the answer lacks Upgrade or Connection";
    }
    if (accept == NULL || strncmp(accept, u->accept, UPGRADE_ACCEPT_BYTES) != 0) {
        return "Sec-WebSocket-Accept is wrong";
    }
    if (u->wants_deflate && (!begins(extensions, "permessage-deflate") ||
                             strstr(extensions, "server_no_context_takeover") == NULL)) {
        return "the server does not compress as asked";
    }
    if (!u->wants_deflate && extensions != NULL) {
        return "the server speaks an extension nobody asked for";
    }
    return NULL;
}
