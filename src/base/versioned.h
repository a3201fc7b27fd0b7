/*
 * Structs that cross the border of the library and grow from release to release: options and
 * tables of callbacks. Whoever calls says how long the struct is that he was compiled with, so an
 * older program and a newer library understand each other (docs/libbell/versioning.md).
 */
#ifndef BELL_BASE_VERSIONED_H
#define BELL_BASE_VERSIONED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies what the caller knows over known, which holds the defaults; given NULL leaves them. false,
 * and known is not to be used, when the caller is newer and what lies beyond known_bytes is not all
 * zero: he asks for something that is not there.
 */
bool bell_versioned_read(void *known, size_t known_bytes, const void *given, size_t given_bytes);

/* The other way: fills what the caller has room for, and zeroes what only he knows. */
void bell_versioned_write(void *out, size_t out_bytes, const void *known, size_t known_bytes);

#endif
