/*
 * Opening handshake (RFC 6455 sections 4.1 and 4.2): from a request's fields to an answer, and,
 * for clients, from the answer's fields to a verdict.
 *
 * Pure, no allocation, any thread.
 */
#ifndef BELL_WS_HANDSHAKE_H
#define BELL_WS_HANDSHAKE_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BELL_WS_ACCEPT_BYTES = 28,   /* of a Sec-WebSocket-Accept value, without a final zero byte */
    BELL_WS_NONCE_BYTES = 16,    /* of which a Sec-WebSocket-Key is the text */
    BELL_WS_KEY_TEXT_BYTES = 24, /* likewise, without a final zero byte */
};

/* The version we speak: the value of Sec-WebSocket-Version. */
#define BELL_WS_VERSION "13"

/* All lines of one header field in their order, without white space around; count 0 = absent. */
typedef struct {
    const bell_slice *values; /* (borrowed) */
    size_t count;
} bell_ws_field;

/* What counts of the request. */
typedef struct {
    bell_slice method;
    uint8_t http_major;
    uint8_t http_minor;
    bell_ws_field upgrade;
    bell_ws_field connection;
    bell_ws_field key;      /* Sec-WebSocket-Key */
    bell_ws_field version;  /* Sec-WebSocket-Version */
    bell_ws_field protocol; /* Sec-WebSocket-Protocol */
} bell_ws_handshake_request;

typedef struct {
    /*
     * 101  go on: answer with accept, and with protocol unless it is empty
     * 400  a field is missing, repeated or broken; or HTTP before 1.1
     * 405  not GET: answer with "Allow: GET"
     * 426  no upgrade to a WebSocket, or not in our version: answer with "Upgrade: websocket" and
     *      "Sec-WebSocket-Version: 13" (section 4.4)
     */
    uint16_t status;
    char accept[BELL_WS_ACCEPT_BYTES + 1]; /* Sec-WebSocket-Accept; zero-terminated */
    bell_slice
        protocol; /* the agreed sub-protocol, one of those supported (same bytes); empty = none */
} bell_ws_handshake_result;

/*
 * Decides. supported are the sub-protocols of the server, best first; of those the client offers
 * the best is taken, and none when none fits, which is no error (section 4.2.2).
 */
bell_ws_handshake_result bell_ws_handshake_check(const bell_ws_handshake_request *request,
                                                 const bell_slice *supported,
                                                 size_t supported_count);

/* Is this the base64 text of 16 bytes (section 4.2.1), in its one canonical form? */
bool bell_ws_handshake_is_key(bell_slice key);

/* The Sec-WebSocket-Accept value for a key (section 4.2.2), zero-terminated. */
void bell_ws_handshake_accept(bell_slice key, char out[BELL_WS_ACCEPT_BYTES + 1]);

/* The Sec-WebSocket-Key of a nonce (section 4.1), zero-terminated. */
void bell_ws_handshake_key(const uint8_t nonce[BELL_WS_NONCE_BYTES],
                           char out[BELL_WS_KEY_TEXT_BYTES + 1]);

/* What counts of an answer of status 101. */
typedef struct {
    bell_ws_field upgrade;
    bell_ws_field connection;
    bell_ws_field accept;   /* Sec-WebSocket-Accept */
    bell_ws_field protocol; /* Sec-WebSocket-Protocol */
} bell_ws_handshake_answer;

/*
 * Is it the answer to our key and our offer (section 4.1, "Once the client's opening handshake has
 * been sent")? The extensions are another matter: see extension.h. *chosen becomes the index of the
 * sub-protocol agreed on, offered_count when there is none.
 * BELL_EPROTO no: fail the connection.
 */
BELL_NODISCARD bell_status bell_ws_handshake_check_answer(const bell_ws_handshake_answer *answer,
                                                          bell_slice accept,
                                                          const bell_slice *offered,
                                                          size_t offered_count, size_t *chosen);

/* Is this a token (RFC 9110 section 5.6.2), as a sub-protocol's name must be? */
bool bell_ws_handshake_is_token(bell_slice name);

#endif
