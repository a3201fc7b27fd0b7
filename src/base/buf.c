#include "base/buf.h"

#include "base/mem.h"
#include "base/num.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const size_t FIRST_CAPACITY_BYTES = 256;

void bell_buf_init(struct bell_buf *b, size_t max_bytes)
{
    *b = (struct bell_buf){.max_bytes = max_bytes};
}

/* What is in use begins where the memory does. */
static void move_to_front(struct bell_buf *b)
{
    if (b->consumed > 0) {
        char *front = b->p - b->consumed;
        if (b->n > 0) {
            memmove(front, b->p, b->n);
        }
        b->p = front;
        b->consumed = 0;
    }
}

void bell_buf_clear(struct bell_buf *b)
{
    b->n = 0;
    move_to_front(b);
}

void bell_buf_finish(struct bell_buf *b)
{
    bell_buf_clear(b);
    bell_mem_free(b->p);
    bell_buf_init(b, b->max_bytes);
}

bell_status bell_buf_reserve(struct bell_buf *b, size_t size_bytes)
{
    size_t need;
    if (!bell_size_add(b->n, size_bytes, &need) || need > b->max_bytes) {
        return BELL_ELIMIT;
    }
    if (need <= b->capacity - b->consumed) {
        return BELL_OK;
    }
    move_to_front(b);
    if (need <= b->capacity) {
        return BELL_OK;
    }
    size_t capacity = b->capacity == 0 ? FIRST_CAPACITY_BYTES : b->capacity;
    while (capacity < need) {
        if (!bell_size_mul(capacity, 2, &capacity)) {
            capacity = need;
        }
    }
    if (capacity > b->max_bytes) {
        capacity = b->max_bytes;
    }
    char *p = bell_mem_resize(b->p, capacity);
    if (p == NULL) {
        return BELL_ENOMEM;
    }
    b->p = p;
    b->capacity = capacity;
    return BELL_OK;
}

bell_status bell_buf_append(struct bell_buf *b, bell_slice s)
{
    if (s.n == 0) {
        return BELL_OK;
    }
    bell_status st = bell_buf_reserve(b, s.n);
    if (st != BELL_OK) {
        return st;
    }
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    return BELL_OK;
}

bell_status bell_buf_printf(struct bell_buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (length < 0) {
        return BELL_EINVAL;
    }
    /* vsnprintf wants room for a zero byte that is not part of the content. */
    bell_status st = bell_buf_reserve(b, (size_t)length + 1);
    if (st != BELL_OK) {
        return st;
    }
    va_start(args, fmt);
    (void)vsnprintf(b->p + b->n, (size_t)length + 1, fmt, args);
    va_end(args);
    b->n += (size_t)length;
    return BELL_OK;
}

void bell_buf_consume(struct bell_buf *b, size_t count)
{
    assert(count <= b->n);
    if (count == 0) {
        return;
    }
    b->p += count;
    b->n -= count;
    b->consumed += count;
    if (b->n == 0) {
        move_to_front(b);
    }
}

bell_slice bell_buf_slice(const struct bell_buf *b)
{
    return (bell_slice){b->p, b->n};
}
