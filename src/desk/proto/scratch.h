/*
 * Scratch: the memory jansson works with during one call of the decoder.
 *
 * jansson 2.14 does not take a lack of memory well: it reports it as a syntax error or trips over
 * an assertion of its own. So all it can need for a text is taken before, in one piece, and it
 * cannot run out. That also saves a few dozen allocations for each command.
 *
 * One at a time and thread, since jansson's allocation functions know of no context. Private to
 * this room.
 */
#ifndef DESK_PROTO_SCRATCH_H
#define DESK_PROTO_SCRATCH_H

#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * From now on jansson's memory on this thread comes from here: enough for a text of text_bytes with
 * so many values (objects, arrays, their elements). BELL_ENOMEM: nothing has begun.
 */
BELL_NODISCARD bell_status proto_scratch_begin(size_t text_bytes, size_t values);
/* Frees all of it at once: json_decref is not needed, and no json_t may be used any more. */
void proto_scratch_end(void);
/* Was it not enough after all? That is a mistake in scratch.c, and a test's business. */
bool proto_scratch_has_run_out(void);

#endif
