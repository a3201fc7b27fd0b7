/*
 * Negotiation of extensions (RFC 6455 section 9.1). The server's side: from the lines of
 * Sec-WebSocket-Extensions to what is agreed on. The only extension we know is permessage-deflate
 * (RFC 7692 section 7.1).
 *
 * Offers are looked at in the client's order and the first that is right in all its parameters is
 * taken. One with an unknown, repeated or wrong parameter is declined (section 7.1), and so is one
 * that is not even a list element by the grammar: the connection then goes without the extension,
 * which costs nobody anything, where failing the handshake would.
 *
 * The client's side is strict, since there is nothing left to decline: an answer that is not one to
 * our offer fails the connection (section 7.1, RFC 6455 section 9.1).
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

/* The longest offer or answer is a little shorter. */
enum { BELL_WS_EXTENSION_ANSWER_BYTES = 160 };

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

/*
 * The offer of a client that would have these terms best, zero-terminated. It says what it wants of
 * the server, when that is less than everything, and what it will not use itself; and it always
 * lets the server ask for a smaller window of ours.
 */
void bell_ws_extension_offer(bell_ws_deflate_terms ours,
                             char offer[BELL_WS_EXTENSION_ANSWER_BYTES]);

/*
 * Reads the answer to that offer; was_offered false: to none. *terms: what is agreed on,
 * server_bits 0 when the answer is that there is no compression. BELL_EPROTO  another extension, or
 * not exactly one; an unknown, repeated or wrong parameter; more than was offered, or without what
 * was asked for
 */
BELL_NODISCARD bell_status bell_ws_extension_check_answer(const bell_ws_field *answered,
                                                          bool was_offered,
                                                          bell_ws_deflate_terms ours,
                                                          bell_ws_deflate_terms *terms);

/* The same terms as the other end has them: "server" and "client" change places. */
bell_ws_deflate_terms bell_ws_extension_mirrored(bell_ws_deflate_terms terms);

#endif
