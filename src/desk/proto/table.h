/*
 * Tables: how the plain values of the protocol lie in memory and what the wire allows for each.
 *
 * gen/tables.c is written from the schema; decode.c and encode.c walk it. Everything here is
 * constant, any thread. Private to this room (and its tests).
 */
#ifndef DESK_PROTO_TABLE_H
#define DESK_PROTO_TABLE_H

#include "desk/proto/types.h"

#include "bell/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proto_kind {
    PROTO_BOOL,
    PROTO_INT,
    PROTO_TIME,
    PROTO_ID,
    PROTO_SECRET,
    PROTO_TEXT,
    PROTO_ENUM,
    PROTO_RECORD,
    PROTO_LIST, /* of records */
};

struct proto_names {
    const bell_slice *names; /* index = value of the C enum */
    unsigned first;          /* lowest value that is on the wire: 1 for errors, where 0 is none */
    unsigned end;            /* one after the highest */
};

struct proto_record;

struct proto_field {
    bell_slice key; /* as encoded: ,"name": */
    enum proto_kind kind;
    bool is_optional;
    bool is_not_blank;  /* text */
    uint16_t at;        /* offset of the member */
    uint16_t beside_at; /* of has_X if it is optional (not text); of X_count for a list */
    int64_t min;        /* numbers: value; text: code points */
    int64_t max;        /* likewise; lists: elements */
    const struct proto_names *names;   /* enum */
    const struct proto_record *record; /* record, list */
};

struct proto_record {
    const struct proto_field *fields;
    size_t field_count;
    size_t size_bytes; /* of the struct */
};

/* One member of a tagged union; index in the table = value of its type enum. */
struct proto_member {
    bell_slice name;
    struct proto_record record;
};

/* Commands or events of one direction: struct X {type, has_ref, ref, u}. */
struct proto_tagged {
    const struct proto_member *members;
    size_t member_count;
    size_t size_bytes;
    uint16_t type_at;
    uint16_t has_ref_at;
    uint16_t ref_at;
    uint16_t u_at;
    size_t max_bytes;  /* of JSON text */
    size_t max_values; /* objects, arrays and what is in them */
};

/* A body without type and ref. */
struct proto_body {
    struct proto_record record;
    size_t max_bytes;
    size_t max_values;
};

static inline bell_slice proto_field_name(const struct proto_field *f)
{
    return (bell_slice){f->key.p + 2, f->key.n - 4};
}

#include "desk/proto/gen/tables.h"

#endif
