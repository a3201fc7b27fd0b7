/*
 * What a complete head says about the message and the connection: where the body ends, whether the
 * connection stays, what the client expects (RFC 9112 sections 3.2, 6 and 9; RFC 9110 sections 7.2,
 * 7.6, 7.8, 8.6 and 10.1.1).
 *
 * Two readings of one message are how requests are smuggled; whatever leaves room for two is
 * refused. No allocation, any thread.
 */
#ifndef BELL_HTTP_FRAMING_H
#define BELL_HTTP_FRAMING_H

#include "bell/http/head.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    BELL_HTTP_BODY_NONE, /* also for "Content-Length: 0" */
    BELL_HTTP_BODY_LENGTH,
    BELL_HTTP_BODY_CHUNKED,
} bell_http_body_kind;

typedef struct {
    bell_slice host; /* (borrowed from the head) a valid Host; empty when HTTP/1.0 sent none */
    uint64_t content_length; /* for BELL_HTTP_BODY_LENGTH, at most the limit; else 0 */
    bell_http_body_kind body;
    bool should_close;    /* after the response; say "Connection: close" then */
    bool is_1_0;          /* and "Connection: keep-alive" when it does not close */
    bool expect_continue; /* answer 100 before reading the body; only when there is one to come */
    bool wants_upgrade;   /* HTTP/1.1, "Connection: upgrade", and "websocket" in Upgrade: other
                             protocols are not known, and then the field means nothing */
} bell_http_framing;

/*
 * Reads the fields that frame the message. Returns 0, or the status to refuse the request with:
 * 400, 413 (Content-Length above max_body_bytes), 417, 501 (a transfer coding other than chunked).
 * After a refusal *out is undefined and the connection must be closed.
 */
BELL_NODISCARD uint16_t bell_http_framing_read(const bell_http_head *head, uint64_t max_body_bytes,
                                               bell_http_framing *out);

#endif
