/*
 * For tests of clients: a component that counts what it is told, and the other end of a handshake
 * in exact bytes.
 */
#ifndef TEST_BELL_SERVER_CLIENT_APP_H
#define TEST_BELL_SERVER_CLIENT_APP_H

#include "bell/bell.h"
#include "peer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one end was told, on whatever thread. */
struct told {
    atomic_int opens;
    atomic_int messages;
    atomic_int errors;
    atomic_int closes;
    atomic_int error;       /* the last one */
    atomic_int code;        /* of the last close */
    atomic_int origin;      /* likewise */
    atomic_int why;         /* likewise */
    atomic_int status;      /* of the handshake's answer, when it was opened or failed */
    atomic_size_t bytes;    /* of all messages */
    _Atomic bell_conn conn; /* opened last */
    bool echoes;            /* sends each message back */
    /* Texts, of whatever connection was the last: to be read by told_text. */
    char last[256];       /* the last message; the beginning of it */
    char header[64];      /* X-Answer of the handshake's answer */
    char tls_failure[64]; /* of a connect */
    char subprotocol[64]; /* of what was opened last */
    char request[256];    /* a server's: the last request, as "path query Origin Cookie Host" */
};

/* A component that tells t; reset before. */
struct bell_component told_component(struct told *t);
void told_reset(struct told *t, bool echoes);
/* A copy of one of the texts of a struct told, valid until the next call. */
const char *told_text(const char *text);
/* Waits until a count is at least that; ends the test when it takes too long. */
void wait_for(atomic_int *count, int least);

/* A listening socket on a free port of 127.0.0.1. */
int fake_listen(uint16_t *port);
/* Takes the next connection. */
void fake_accept(int listener, struct peer *p);
/* Reads a request head into out as text, and gives the Sec-WebSocket-Accept for its key. */
void fake_read_request(struct peer *p, char *out, size_t size, char accept[29]);
/* Answers 101 with further header lines. */
void fake_answer(struct peer *p, const char *accept, const char *more_fields);
/* The next frame, which must be masked, unmasked; false at the end of the stream. */
bool fake_read_frame(struct peer *p, peer_frame *out, uint8_t key[4]);

#endif
