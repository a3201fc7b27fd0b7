/*
 * Hexadecimal text, lower case.
 */
#ifndef BELL_BASE_HEX_H
#define BELL_BASE_HEX_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stddef.h>

/* Writes 2 * n characters and a zero byte to out. */
void bell_hex_encode(const void *bytes, size_t n, char *out);
/* Exactly n bytes from 2 * n lower-case digits; BELL_EINVAL for anything else, out untouched in
 * meaning. */
BELL_NODISCARD bell_status bell_hex_decode(bell_slice text, void *out, size_t n);

#endif
