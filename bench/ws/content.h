/* What the load client says: one text of words, the same every time, framed ahead. */
#ifndef WS_CONTENT_H
#define WS_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTENT_KEY_BYTES = 4 };

enum content_form {
    CONTENT_MASKED,   /* as a client must (RFC 6455 section 5.3), with one random key */
    CONTENT_UNMASKED, /* as a server does: for servers that send back every byte */
    CONTENT_DEFLATED, /* masked and compressed (RFC 7692 section 7.2.1) */
};

struct content {
    char *text; /* (owned) ASCII */
    size_t text_bytes;
    char *frames; /* (owned) so many equal frames behind each other */
    size_t frame_bytes;
    uint8_t key[CONTENT_KEY_BYTES];
};

/* Ends the program when there is no memory. */
void content_init(struct content *c, size_t text_bytes, uint32_t frames, enum content_form form);
void content_finish(struct content *c);

/* Is this compressed payload the text (RFC 7692 section 7.2.2)? */
bool content_inflates(const struct content *c, const char *bytes, size_t size);

/*
 * Writes a masked control frame with a payload of at most 125 bytes; tells its size.
 * out has room for CONTENT_CONTROL_BYTES.
 */
enum { CONTENT_CONTROL_BYTES = 131 };
size_t content_control(const struct content *c, uint8_t opcode, const char *payload, size_t size,
                       char *out);

#endif
