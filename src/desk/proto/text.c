/*
 * Text rules of the protocol, and names of enum values.
 */
#include "desk/proto/walk.h"

bell_slice proto_name(const struct proto_names *table, unsigned value)
{
    return value >= table->first && value < table->end ? table->names[value] : BELL_LIT("");
}

bool proto_from_name(const struct proto_names *table, bell_slice name, unsigned *out)
{
    for (unsigned value = table->first; value < table->end; value++) {
        if (bell_slice_equal(table->names[value], name)) {
            *out = value;
            return true;
        }
    }
    return false;
}

size_t proto_text_count(bell_slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++) {
        /* Every byte that is not a continuation (10xxxxxx, RFC 3629 section 3) begins a character.
         */
        count += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return count;
}

/* The character that begins at *at, which moves behind it. The text is valid UTF-8. */
static uint32_t next_character(bell_slice text, size_t *at)
{
    uint32_t first = (unsigned char)text.p[(*at)++];
    if (first < 0x80) {
        return first;
    }
    unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    uint32_t character = first & (0x3fU >> more);
    while (more-- > 0 && *at < text.n) {
        character = character << 6 | ((unsigned char)text.p[(*at)++] & 0x3fU);
    }
    return character;
}

static bool shows_nothing(uint32_t character)
{
    for (size_t i = 0; i < PROTO_BLANK_RANGE_COUNT; i++) {
        if (character <= PROTO_BLANK_RANGES[i].last) {
            return character >= PROTO_BLANK_RANGES[i].first;
        }
    }
    return false;
}

bool proto_text_is_blank(bell_slice text)
{
    size_t at = 0;
    while (at < text.n) {
        if (!shows_nothing(next_character(text, &at))) {
            return false;
        }
    }
    return true;
}
