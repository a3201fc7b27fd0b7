/*
 * Texts from people: lengths in characters, e-mail addresses, names. Pure.
 *
 * A character is a Unicode code point, and a text is blank when none of them shows anything, as in
 * the schema (desk/proto/text.h). All texts are valid UTF-8: they were checked when they came in.
 */
#ifndef DESK_DOMAIN_TEXT_H
#define DESK_DOMAIN_TEXT_H

#include "bell/slice.h"
#include "desk/proto/types.h"

#include <stddef.h>

/* The first max characters. */
bell_slice text_cut(bell_slice text, size_t max_characters);

/* What a post may say: ERROR_NONE, ERROR_BAD_FIELD (blank), ERROR_TOO_LONG. */
enum desk_error text_check_post(bell_slice text);
/*
 * A name of one line, not blank, at most max characters: ERROR_NONE, ERROR_BAD_FIELD,
 * ERROR_TOO_LONG.
 */
enum desk_error text_check_name(bell_slice name, size_t max_characters);

/* 254 characters are the longest that fits into a path of SMTP (RFC 5321 section 4.5.3.1.3). */
enum { EMAIL_MAX_BYTES = 254 };

/*
 * Only what is certain: something before and after the only @, no spaces and no control characters.
 * Whether mail arrives there only mail can tell. ERROR_NONE, ERROR_BAD_FIELD, ERROR_TOO_LONG.
 */
enum desk_error text_check_email(bell_slice email);
/* ASCII letters in lower case, at most EMAIL_MAX_BYTES written; the slice points to out. */
bell_slice text_lower_email(bell_slice email, char out[EMAIL_MAX_BYTES]);

#endif
