/*
 * Response heads and the short bodies of errors (RFC 9112 section 4, RFC 9110 section 15).
 *
 * A head is written into a buf whole or not at all. What an application gives is checked, so that
 * no text of a stranger can add a field or end the head. No I/O, any thread.
 */
#ifndef BELL_HTTP_RESPONSE_H
#define BELL_HTTP_RESPONSE_H

#include "base/buf.h"
#include "bell/http_server.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    BELL_HTTP_CONNECTION_IMPLICIT,   /* no field: HTTP/1.1 stays open */
    BELL_HTTP_CONNECTION_CLOSE,      /* "close" */
    BELL_HTTP_CONNECTION_KEEP_ALIVE, /* "keep-alive", for HTTP/1.0 clients that asked for it */
    /* The next two for 101 and 426; Upgrade itself is one of the fields. */
    BELL_HTTP_CONNECTION_UPGRADE,       /* "Upgrade" */
    BELL_HTTP_CONNECTION_CLOSE_UPGRADE, /* "close, Upgrade" */
} bell_http_connection;

typedef struct {
    bell_slice date;               /* bell_http_date_cached; empty = no Date field */
    bell_slice content_type;       /* empty = none */
    const bell_http_field *fields; /* (borrowed) further ones */
    size_t field_count;
    uint64_t content_length; /* of the body that a GET would have; written unless the status has no
                                body (1xx, 204, 304) */
    uint16_t status;         /* 100 to 599 */
    bool is_nosniff;         /* "X-Content-Type-Options: nosniff": the type is what it says it is */
    bell_http_connection connection;
} bell_http_response_head;

/*
 * Appends status line, fields and the empty line.
 * BELL_EINVAL  the status; a name that is no token; a value or content type with a control
 *              character; a field that this function writes itself (Content-Length,
 *              Transfer-Encoding, Connection, Keep-Alive, Date, and Content-Type when content_type
 *              is given)
 * BELL_ELIMIT (out must have room for half a kilobyte on top of what is given), BELL_ENOMEM. After
 * a failure out is as before.
 */
BELL_NODISCARD bell_status bell_http_response_write_head(struct bell_buf *out,
                                                         const bell_http_response_head *head);

/*
 * Appends a complete answer with a line of text as its body ("404 Not Found\n"), without it for
 * HEAD and for a status that has none. head's content_type, content_length and is_nosniff are not
 * used; its fields are.
 */
BELL_NODISCARD bell_status bell_http_response_write_plain(struct bell_buf *out,
                                                          const bell_http_response_head *head,
                                                          bool is_head_request);

/* "HTTP/1.1 100 Continue" with its empty line; static. */
bell_slice bell_http_response_continue(void);

/* The reason phrase; "Unknown" for a status without one. Static. */
bell_slice bell_http_reason(uint16_t status);

/* false for 1xx, 204 and 304 (RFC 9112 section 6.3). */
bool bell_http_status_has_body(uint16_t status);

#endif
