/*
 * Texts from people (see text.h).
 */
#include "desk/domain/text.h"

#include "desk/proto/text.h"

#include <stdint.h>

/*
 * Every byte of UTF-8 but the continuation bytes 10xxxxxx begins a character (RFC 3629 section 3).
 */
static bool begins_character(char c)
{
    return ((uint8_t)c & 0xc0) != 0x80;
}

static bool is_control(char c)
{
    return (uint8_t)c < 0x20 || (uint8_t)c == 0x7f;
}

bell_slice text_cut(bell_slice text, size_t max_characters)
{
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (begins_character(text.p[i]) && count++ == max_characters) {
            return bell_slice_make(text.p, i);
        }
    }
    return text;
}

enum desk_error text_check_post(bell_slice text)
{
    if (proto_text_is_blank(text)) {
        return ERROR_BAD_FIELD;
    }
    return proto_text_count(text) > MESSAGE_TEXT_MAX_CHARS ? ERROR_TOO_LONG : ERROR_NONE;
}

enum desk_error text_check_name(bell_slice name, size_t max_characters)
{
    if (proto_text_is_blank(name)) {
        return ERROR_BAD_FIELD;
    }
    for (size_t i = 0; i < name.n; i++) {
        if (is_control(name.p[i])) {
            return ERROR_BAD_FIELD;
        }
    }
    return proto_text_count(name) > max_characters ? ERROR_TOO_LONG : ERROR_NONE;
}

enum desk_error text_check_email(bell_slice email)
{
    if (email.n > EMAIL_MAX_BYTES) {
        return ERROR_TOO_LONG;
    }
    size_t ats = 0;
    for (size_t i = 0; i < email.n; i++) {
        if (is_control(email.p[i]) || email.p[i] == ' ') {
            return ERROR_BAD_FIELD;
        }
        ats += email.p[i] == '@' ? 1 : 0;
    }
    if (ats != 1 || email.p[0] == '@' || email.p[email.n - 1] == '@') {
        return ERROR_BAD_FIELD;
    }
    return ERROR_NONE;
}

bell_slice text_lower_email(bell_slice email, char out[EMAIL_MAX_BYTES])
{
    size_t n = email.n < EMAIL_MAX_BYTES ? email.n : EMAIL_MAX_BYTES;
    for (size_t i = 0; i < n; i++) {
        char c = email.p[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return bell_slice_make(out, n);
}
