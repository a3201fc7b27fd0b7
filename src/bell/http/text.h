/*
 * Words of HTTP: tokens, field values, case-blind comparison, comma lists, numbers (RFC 9110
 * section 5.6).
 *
 * No allocation, no state, any thread. Slices handed out point into the input.
 */
#ifndef BELL_HTTP_TEXT_H
#define BELL_HTTP_TEXT_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stdint.h>

/* One or more tchar (RFC 9110 section 5.6.2). */
bool bell_http_is_token(bell_slice s);
/* No control character but HTAB; may be empty (RFC 9110 section 5.5, obs-text allowed). */
bool bell_http_is_field_value(bell_slice s);
bool bell_http_is_tchar(char c);
/* VCHAR, SP, HTAB or obs-text. */
bool bell_http_is_field_char(char c);
/* The value of a hexadecimal digit of either case, -1 for anything else. */
int bell_http_hex_value(char c);
/* ASCII letters only; bytes from 0x80 on are themselves. */
char bell_http_lower(char c);
/* Equal but for the case of ASCII letters. */
bool bell_http_equal_nocase(bell_slice a, bell_slice b);
/* Without SP and HTAB at both ends. */
bell_slice bell_http_trim(bell_slice s);

/*
 * The next element of a comma list (RFC 9110 section 5.6.1), trimmed; commas in quoted strings do
 * not count and empty elements are skipped. *rest moves behind it. false when there is none left.
 */
bool bell_http_list_next(bell_slice *rest, bell_slice *element);

/* Is word one of the elements, in any case? */
bool bell_http_list_has(bell_slice list, bell_slice word);

/*
 * One or more decimal digits and nothing else.
 * BELL_EINVAL anything else, BELL_ELIMIT digits that do not fit.
 */
BELL_NODISCARD bell_status bell_http_parse_decimal(bell_slice s, uint64_t *out);

#endif
