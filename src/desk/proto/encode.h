/*
 * Encoding: plain values become compact JSON text, appended to a buf.
 *
 * There is one function per kind of value, all of the same shape; gen/encode.h lists them.
 *
 *     X_encode(value, out)
 *
 * Text must be UTF-8 (what came through decode.h is); it is written as it is, but for what JSON
 * wants escaped. Limits of the schema are not checked again.
 *
 *     BELL_OK      one JSON object was appended
 *     BELL_EINVAL  an enum has a value that is none, or a required error is ERROR_NONE
 *     BELL_ELIMIT, BELL_ENOMEM of the buf
 *
 * On failure out is as before. Any thread.
 */
#ifndef DESK_PROTO_ENCODE_H
#define DESK_PROTO_ENCODE_H

#include "base/buf.h"
#include "desk/proto/types.h"

#include "bell/status.h"

#include "desk/proto/gen/encode.h"

#endif
