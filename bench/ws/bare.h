/*
 * What the bare servers do with bytes: the least of RFC 6455 that answers a well-formed client.
 *
 * Answers are made where the bytes lie, since a server's frame is 4 bytes shorter than a client's.
 * A payload is passed on as it comes, so that no message is ever gathered; only what is to be
 * relayed must be whole, or frames of several senders would mix. Nothing is checked. No I/O, no
 * allocation.
 */
#ifndef WS_BARE_H
#define WS_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BARE_KEY_BYTES = 4 };

enum bare_mode {
    BARE_ECHO,  /* every message back to its sender */
    BARE_RELAY, /* every message to all others */
    BARE_TCP,   /* every byte back to its sender: no handshake, no frames */
};

/* Of a connection; all zero at its beginning. */
struct bare_peer {
    uint64_t left;               /* of the payload under way, still to come */
    uint8_t key[BARE_KEY_BYTES]; /* its mask, turned to the next byte */
    bool is_upgraded;
};

struct bare_answer {
    char *bytes; /* within what was given */
    size_t size; /* 0 = none */
    size_t used; /* of what was given; the rest is to be given again in front of what comes next */
    bool is_private; /* for the sender, even when relaying */
    bool is_last;    /* the connection is to be closed behind it */
};

struct bare_answer bare_take(struct bare_peer *peer, enum bare_mode mode, char *bytes, size_t size);

#endif
