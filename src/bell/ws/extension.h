/*
 * Negotiation of extensions, the server's side (RFC 6455 section 9.1): from the lines of
 * Sec-WebSocket-Extensions to what is agreed on. The only extension we know is permessage-deflate
 * (RFC 7692 section 7.1).
 *
 * Offers are looked at in the client's order and the first that is right in all its parameters is
 * taken. One with an unknown, repeated or wrong parameter is declined (section 7.1), and so is one
 * that is not even a list element by the grammar: the connection then goes without the extension,
 * which costs nobody anything, where failing the handshake would.
 *
 * Pure, no allocation, any thread.
 */
#ifndef BELL_WS_EXTENSION_H
#define BELL_WS_EXTENSION_H

#include "bell/ws/handshake.h"

#include <stdbool.h>
#include <stdint.h>

/* Exponents of LZ77 window sizes (section 7.1.2). */
enum { BELL_WS_MIN_WINDOW_BITS = 8, BELL_WS_MAX_WINDOW_BITS = 15 };

/* How the messages of a connection are compressed; each side for what it sends. 2 bytes, since
 * every connection has one. */
typedef struct {
    uint8_t server_bits : 4; /* window, 8 to 15; 0 = permessage-deflate was not agreed on */
    uint8_t client_bits : 4;
    bool server_keeps : 1; /* context takeover: a message may refer to the ones before */
    bool client_keeps : 1;
} bell_ws_deflate_terms;

enum { BELL_WS_EXTENSION_ANSWER_BYTES = 160 }; /* the longest answer is a little shorter */

/*
 * Decides. ours are the terms the server would have best; the result never goes beyond them but for
 * client_bits, which a client can be asked to lower only when it says that it knows how to: one
 * that does not say so is denied context takeover instead, so that a small window stays the bound
 * of what the server must keep.
 *
 * false: nothing was agreed on, and there is no answer. true: *terms, and in answer the
 * zero-terminated value of the response's Sec-WebSocket-Extensions.
 */
bool bell_ws_extension_negotiate(const bell_ws_field *offered, bell_ws_deflate_terms ours,
                                 bell_ws_deflate_terms *terms,
                                 char answer[BELL_WS_EXTENSION_ANSWER_BYTES]);

#endif
