/*
 * Frame encoder: headers, frames and Close payloads into the caller's memory (RFC 6455 section 5).
 *
 * No I/O, no allocation, any thread. Frames of a server are not masked (section 5.1); those of a
 * client take a key, which must be new and unpredictable for each frame (section 5.3). key NULL
 * means not masked.
 */
#ifndef BELL_WS_ENCODER_H
#define BELL_WS_ENCODER_H

#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the header: 2, 4 or 10, and 4 more when masked. The length is written in its shortest
 * form. */
size_t bell_ws_encoder_header_size(uint64_t payload_bytes, bool is_masked);

/* Writes a header to out, which has room for it (at most BELL_WS_HEADER_MAX_BYTES); its size. */
size_t bell_ws_encoder_write_header(char *out, enum bell_ws_opcode opcode, bool fin,
                                    uint64_t payload_bytes, const uint8_t *key);

/* Sets RSV1 of a header that was written: the first frame of a compressed message (RFC 7692
 * section 6). */
void bell_ws_encoder_mark_deflated(char *header);

/*
 * Writes a whole frame with fin set to out, which has room for header and payload; its size. The
 * payload must not overlap out, but may stand already where it belongs (out + header size).
 */
size_t bell_ws_encoder_write_frame(char *out, enum bell_ws_opcode opcode, bell_slice payload,
                                   const uint8_t *key);

/* The payload of a frame that bell_ws_encoder_write_frame has written without a key, and its
 * opcode. */
bell_slice bell_ws_encoder_payload(bell_slice frame, enum bell_ws_opcode *opcode);

/*
 * Writes the payload of a Close frame, *size bytes. A Close frame without a code (the answer to
 * one without, 1005) has an empty payload and needs no call.
 * BELL_EINVAL  a code that must not be sent, a reason over 123 bytes or not UTF-8
 */
BELL_NODISCARD bell_status bell_ws_encoder_write_close(char out[BELL_WS_CONTROL_MAX_BYTES],
                                                       uint16_t code, bell_slice reason,
                                                       size_t *size);

#endif
