/*
 * Slices: borrowed bytes with a length.
 *
 * A slice owns nothing and says nothing about a final zero byte. It is a plain value, to be passed
 * by copy; whoever hands one out says how long the bytes behind it live.
 */
#ifndef BELL_SLICE_H
#define BELL_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *p; /* (borrowed) first byte; may be NULL only when n is 0 */
    size_t n;      /* length in bytes */
} bell_slice;

/* A slice over a string literal, without its final zero byte. */
#ifdef __cplusplus
#define BELL_LIT(s) (bell_slice{(s), sizeof(s) - 1})
#else
#define BELL_LIT(s) ((bell_slice){(s), sizeof(s) - 1})
#endif

/*
 * The same where only an initializer is wanted and no value: in one of a static variable strict C
 * (-Wpedantic) does not take BELL_LIT for a constant. bell_slice name = BELL_LIT_INIT("text");
 */
#define BELL_LIT_INIT(s)                                                                           \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }

/* For printf: printf("%.*s", BELL_FMT(s)). Slices over INT_MAX bytes must not be printed. */
#ifdef __cplusplus
#define BELL_FMT(s) static_cast<int>((s).n), (s).p
#else
#define BELL_FMT(s) (int)(s).n, (s).p
#endif

/* The slice over a zero-terminated string; NULL gives the empty slice. */
static inline bell_slice bell_slice_from(const char *text)
{
    bell_slice s = {text, text == NULL ? 0 : strlen(text)};
    return s;
}

/* The slice over n bytes at p. */
static inline bell_slice bell_slice_make(const void *p, size_t n)
{
#ifdef __cplusplus
    bell_slice s = {static_cast<const char *>(p), n};
#else
    bell_slice s = {(const char *)p, n};
#endif
    return s;
}

/* The same bytes? Takes as long as they are equal: not for secrets. */
static inline bool bell_slice_equal(bell_slice a, bell_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#ifdef __cplusplus
}
#endif
#endif
