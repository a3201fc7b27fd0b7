/*
 * Buf: bytes that grow up to a limit given at init.
 *
 * Once an append has failed the content is unchanged and the caller decides. Not thread-safe.
 */
#ifndef BELL_BASE_BUF_H
#define BELL_BASE_BUF_H

#include "base/compiler.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stddef.h>

struct bell_buf {
    char *p;          /* the first byte in use; NULL while empty and never used */
    size_t n;         /* bytes in use */
    size_t consumed;  /* bytes in front of p; what is allocated (owned) begins with them */
    size_t capacity;  /* bytes allocated */
    size_t max_bytes; /* n never exceeds this */
};

void bell_buf_init(struct bell_buf *b, size_t max_bytes);
/* Frees the memory; the buf is as after init. */
void bell_buf_finish(struct bell_buf *b);
/* Empties it, keeps the memory. */
void bell_buf_clear(struct bell_buf *b);
/* BELL_ELIMIT over max_bytes, BELL_ENOMEM; in both cases nothing was added. */
BELL_NODISCARD bell_status bell_buf_append(struct bell_buf *b, bell_slice s);
/* printf into the buf; the final zero byte is not counted. */
BELL_NODISCARD bell_status bell_buf_printf(struct bell_buf *b, const char *fmt, ...)
    BELL_PRINTF(2, 3);
/* Room for at least size_bytes after n; write there, then add to n. */
BELL_NODISCARD bell_status bell_buf_reserve(struct bell_buf *b, size_t size_bytes);
/* Removes the first count bytes (count <= n). Moves none: the next that finds no room behind them
 * does. */
void bell_buf_consume(struct bell_buf *b, size_t count);
/* Valid until the next change. */
bell_slice bell_buf_slice(const struct bell_buf *b);

#endif
