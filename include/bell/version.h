/*
 * The version of libbell, of these headers and of the library that a program runs with.
 *
 * Structs that grow. Options and tables of callbacks get new fields at their end. A program says
 * with each call how long they were when it was compiled, so it runs with every later library of
 * the same soname: what it does not know keeps its default. The calls that do so end in "_sized";
 * the inline calls beside them fill in the sizes and are what C and C++ programs use. A library
 * that is older than the program's headers refuses what it does not know with BELL_ENOTSUP.
 * docs/libbell/versioning.md tells the rules.
 */
#ifndef BELL_VERSION_H
#define BELL_VERSION_H

#include "bell/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of these headers. As a number for #if: 10000 * major + 100 * minor + patch. */
#define BELL_VERSION_MAJOR 0
#define BELL_VERSION_MINOR 1
#define BELL_VERSION_PATCH 0
#define BELL_VERSION_TEXT  "0.1.0"
#define BELL_VERSION_NUMBER                                                                        \
    (10000 * BELL_VERSION_MAJOR + 100 * BELL_VERSION_MINOR + BELL_VERSION_PATCH)

/* Of the library, as BELL_VERSION_TEXT; static. Any thread. */
BELL_API const char *bell_version(void);

#ifdef __cplusplus
}
#endif
#endif
