/*
 * Request body reader: bytes behind the head become pieces of the body (RFC 9112 sections 6 and 7).
 *
 * Content-Length or chunked, whatever the framing says. Chunk extensions and trailers are checked,
 * bounded and dropped. No I/O, no allocation, no copies: pieces point into the input. The pieces
 * together do not depend on how the input is cut.
 */
#ifndef BELL_HTTP_BODY_H
#define BELL_HTTP_BODY_H

#include "bell/http/framing.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Of one chunk's extensions, above: 400. Nobody uses them but to tire a server. */
#define BELL_HTTP_MAX_CHUNK_EXTENSION_BYTES 256
/* Of all extensions of one body, above: 400. */
#define BELL_HTTP_MAX_EXTENSION_BYTES 4096
/* Of the trailer section with its line ends, without its last line; above: 431. */
#define BELL_HTTP_MAX_TRAILER_BYTES 8192

struct bell_http_body {
    uint64_t left_bytes; /* of the body (length) or of the current chunk */
    uint64_t room_bytes; /* until the limit (chunked) */
    uint16_t refusal;    /* HTTP status of the refusal after BELL_EPROTO, else 0 */
    /* private */
    uint8_t state;
    uint8_t digits;
    uint16_t extension_bytes;
    uint16_t all_extension_bytes;
    uint16_t trailer_bytes;
};

/* Ready for the body that framing announces; chunked bodies of more than max_body_bytes get 413. */
void bell_http_body_init(struct bell_http_body *b, const bell_http_framing *framing,
                         uint64_t max_body_bytes);

/*
 * The next piece of the body. Takes from the front of *in what it uses.
 *
 * BELL_OK      *piece is the next piece, never empty; call again, also with an empty *in
 * BELL_EAGAIN  all of *in was used; more bytes are needed
 * BELL_ENOTFOUND  the body is complete; *in begins with what follows it. *piece is empty.
 * BELL_EPROTO  b->refusal is to be answered (400, 413, 431) and the connection closed
 */
BELL_NODISCARD bell_status bell_http_body_next(struct bell_http_body *b, bell_slice *in,
                                               bell_slice *piece);

bool bell_http_body_is_complete(const struct bell_http_body *b);

#endif
