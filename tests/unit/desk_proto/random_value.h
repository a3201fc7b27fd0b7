/*
 * Random values of the protocol that keep the limits of the schema, and their deep comparison. Both
 * walk the same tables as the code under test, and nothing else of it.
 */
#ifndef TESTS_DESK_PROTO_RANDOM_VALUE_H
#define TESTS_DESK_PROTO_RANDOM_VALUE_H

#include "base/arena.h"
#include "desk/proto/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A small generator with a seed, so that a failure can be repeated (xorshift64). */
struct dice {
    uint64_t state; /* not 0 */
};

uint64_t dice_below(struct dice *d, uint64_t end);

/* Fills the zeroed struct behind value; what it points to lives in the arena. */
void random_record(struct dice *d, const struct proto_record *record, struct bell_arena *arena,
                   void *value);
void random_tagged(struct dice *d, const struct proto_tagged *table, unsigned type,
                   struct bell_arena *arena, void *value);

bool equal_records(const struct proto_record *record, const void *a, const void *b);
bool equal_tagged(const struct proto_tagged *table, const void *a, const void *b);

/* Every direction and body there is. */
struct named_tagged {
    const char *name;
    const struct proto_tagged *table;
};
struct named_body {
    const char *name;
    const struct proto_body *table;
};
extern const struct named_tagged ALL_TAGGED[];
extern const size_t ALL_TAGGED_COUNT;
extern const struct named_body ALL_BODIES[];
extern const size_t ALL_BODIES_COUNT;

#endif
