/*
 * Patterns of routes: "/a/:name" and the like (see bell/http_server.h). Part of the route table.
 *
 * No allocation, no state, any thread.
 */
#ifndef BELL_HTTP_PATTERN_H
#define BELL_HTTP_PATTERN_H

#include "bell/http/route.h"
#include "bell/slice.h"

#include <stdbool.h>
#include <stddef.h>

bool bell_http_pattern_is_valid(bell_slice pattern);

/*
 * The order in which valid patterns are asked: below 0 when a comes before b; 0 when they fit the
 * same paths.
 */
int bell_http_pattern_compare(bell_slice a, bell_slice b);

/* How many bytes every path that fits begins with. */
size_t bell_http_pattern_literal_bytes(bell_slice pattern);

/* Does it fit? Fills in the parameters of *m as it goes; they mean nothing when it does not. */
bool bell_http_pattern_fits(bell_slice pattern, bell_slice path, bell_http_match *m);

#endif
