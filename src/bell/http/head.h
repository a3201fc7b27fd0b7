/*
 * A head, of a request or a response, as the parser found it: places in the buffer it was read
 * from.
 *
 * Fields are kept as offsets, so that the buffer may move while the head is still arriving. A
 * bell_http_head is a plain view: it borrows the buffer and the array of fields, and whoever moves
 * one of them makes a new view.
 */
#ifndef BELL_HTTP_HEAD_H
#define BELL_HTTP_HEAD_H

#include "bell/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes [at, at + n) of the buffer. */
typedef struct {
    uint32_t at;
    uint32_t n;
} bell_http_span;

typedef struct {
    bell_http_span name;  /* a token, as it came */
    bell_http_span value; /* without white space at the ends; may be empty */
} bell_http_head_field;

typedef struct {
    const char *base;                   /* (borrowed) first byte of the buffer */
    const bell_http_head_field *fields; /* (borrowed) field_count of them, in order */
    uint32_t field_count;
    uint32_t size_bytes; /* of the whole head with its empty line; the body begins here */
    bell_http_span method;
    bell_http_span target;
    uint16_t status;       /* of a response, which has no method and no target; else 0 */
    uint8_t minor_version; /* 0 or 1; HTTP/1.2 and above count as 1 (RFC 9110 section 2.5) */
} bell_http_head;

static inline bell_slice bell_http_head_slice(const bell_http_head *head, bell_http_span span)
{
    return bell_slice_make(head->base + span.at, span.n);
}

static inline bell_slice bell_http_head_method(const bell_http_head *head)
{
    return bell_http_head_slice(head, head->method);
}

static inline bell_slice bell_http_head_target(const bell_http_head *head)
{
    return bell_http_head_slice(head, head->target);
}

/* index < field_count */
static inline bell_slice bell_http_head_name(const bell_http_head *head, uint32_t index)
{
    return bell_http_head_slice(head, head->fields[index].name);
}

static inline bell_slice bell_http_head_value(const bell_http_head *head, uint32_t index)
{
    return bell_http_head_slice(head, head->fields[index].value);
}

/*
 * Walks the fields of one name (any case), for lists that may come in several lines: *index starts
 * at 0 and is kept between calls. false when there is no further one.
 */
bool bell_http_head_next(const bell_http_head *head, bell_slice name, uint32_t *index,
                         bell_slice *value);

/* The value of the first field of this name, empty when there is none. */
bell_slice bell_http_head_find(const bell_http_head *head, bell_slice name);
bool bell_http_head_has(const bell_http_head *head, bell_slice name);

#endif
