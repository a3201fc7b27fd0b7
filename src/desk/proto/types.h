/*
 * The protocol as plain C values: what clients ask (commands), what they are told (events), the
 * bodies of the HTTP interface, and the records and enums they are made of.
 *
 * docs/protocol.md says what they mean; the files in schema/ are their source. Here they hold:
 *
 *     absent fields   has_X is false; an absent text has p == NULL, an empty one does not
 *     time            microseconds since 1970 (milliseconds on the wire)
 *     lists           X and X_count
 *     text            UTF-8 without zero characters, not ended by a zero byte
 *     ref             pairs a command with its answer
 *
 * Everything a struct points to is borrowed: after decoding it lives in the arena that was given,
 * for encoding the caller keeps it until the call returns.
 *
 * No JSON here and no functions but names: any room may include this. decode.h and encode.h turn
 * these values from and into JSON.
 */
#ifndef DESK_PROTO_TYPES_H
#define DESK_PROTO_TYPES_H

#include "desk/proto/gen/types.h"
#include "desk/proto/value.h"

#endif
