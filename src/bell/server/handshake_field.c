#include "bell/server/handshake_field.h"

bell_ws_field bell_handshake_field(const bell_http_head *head, bell_slice name,
                                   struct bell_handshake_lines *room)
{
    bell_ws_field field = {.values = room->values};
    uint32_t index = 0;
    while (field.count < BELL_HANDSHAKE_MAX_LINES &&
           bell_http_head_next(head, name, &index, &room->values[field.count])) {
        field.count++;
    }
    return field;
}
