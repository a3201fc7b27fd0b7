/*
 * What the protocol says of texts: how long one is, and which show nothing. All are valid UTF-8.
 * Any room may include this.
 */
#ifndef DESK_PROTO_TEXT_H
#define DESK_PROTO_TEXT_H

#include "bell/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* Code points. */
size_t proto_text_count(bell_slice text);
/* Does every character show nothing? True for the empty text. */
bool proto_text_is_blank(bell_slice text);

#endif
