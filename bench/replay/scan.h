/*
 * Reads JSON in one pass without building a tree: the load client must cost far less than the
 * server it measures. The caller asks for what comes next; what it does not know it skips.
 *
 *     scan_begin_object(&s);
 *     for (bell_slice key; scan_key(&s, &key);) {
 *         if (scan_is(key, "number")) {
 *             number = scan_int(&s);
 *         } else {
 *             scan_skip(&s);
 *         }
 *     }
 *
 * The first thing that is not as asked sets failed; from then on every call returns nothing. Slices
 * are borrowed from the text.
 */
#ifndef REPLAY_SCAN_H
#define REPLAY_SCAN_H

#include "bell/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct scan {
    const char *p;   /* (borrowed) the next byte */
    const char *end; /* (borrowed) behind the last one */
    bool failed;
};

void scan_init(struct scan *s, bell_slice json);
void scan_begin_object(struct scan *s);
void scan_begin_array(struct scan *s);
/* The next key, its value comes next; false at the end of the object. */
bool scan_key(struct scan *s, bell_slice *key);
/* Is there another element? It comes next; false at the end of the array. */
bool scan_item(struct scan *s);
/* The bytes between the quotes, escapes as they stand. */
bell_slice scan_text(struct scan *s);
int64_t scan_int(struct scan *s);
bool scan_bool(struct scan *s);
/* Any value; its bytes, to be read later. */
bell_slice scan_skip(struct scan *s);

bool scan_is(bell_slice key, const char *name);
/* Does a text as scan_text gives it say the same as plain UTF-8? */
bool scan_text_equal(bell_slice escaped, bell_slice plain);

#endif
