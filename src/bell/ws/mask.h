/*
 * Masking of payloads (RFC 6455 section 5.3): byte i of a payload is XORed with byte i mod 4 of the
 * key. Masking and unmasking are the same. Pure, any thread.
 */
#ifndef BELL_WS_MASK_H
#define BELL_WS_MASK_H

#include "bell/ws/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * XORs n bytes at p in place, as many at a time as the processor can. key[0] meets p[0]: for a
 * later piece of the same payload rotate the key first. Tells whether all bytes are ASCII
 * afterwards, since the pass has them in registers anyway: such text needs no further check. p may
 * have any alignment.
 */
bool bell_ws_mask_apply(char *p, size_t n, const uint8_t key[BELL_WS_KEY_BYTES]);

/* Turns the key so that it continues after n bytes of payload. */
void bell_ws_mask_rotate(uint8_t key[BELL_WS_KEY_BYTES], size_t n);

#endif
