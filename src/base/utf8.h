/*
 * UTF-8 (RFC 3629): is text what it says it is? No overlong forms, no surrogates, nothing above
 * U+10FFFF. Pure, any thread.
 *
 * The incremental check takes text in pieces, cut anywhere, and fails with the first byte after
 * which no valid text can follow.
 */
#ifndef BELL_BASE_UTF8_H
#define BELL_BASE_UTF8_H

#include "bell/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Where a check stands: in the middle of a character, or (all 0) between two. All fields are
 * private. */
struct bell_utf8 {
    uint8_t missing; /* continuation bytes still to come */
    uint8_t min;     /* the next one lies between min ... */
    uint8_t max;     /* ... and max */
};

void bell_utf8_init(struct bell_utf8 *u);
/*
 * Checks the next piece. false: not UTF-8, wherever the text goes on; the state must not be used
 * again before init.
 */
bool bell_utf8_feed(struct bell_utf8 *u, bell_slice s);
/* Does the text fed so far end with a whole character? */
static inline bool bell_utf8_is_complete(const struct bell_utf8 *u)
{
    return u->missing == 0;
}

/* The whole text at once. */
bool bell_utf8_is_valid(bell_slice s);

#endif
