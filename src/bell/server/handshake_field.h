/*
 * A field of a head as the rules of the opening handshake want to have it: all lines of its name
 * (bell/ws knows no HTTP heads).
 */
#ifndef BELL_SERVER_HANDSHAKE_FIELD_H
#define BELL_SERVER_HANDSHAKE_FIELD_H

#include "bell/http/head.h"
#include "bell/ws/handshake.h"

enum { BELL_HANDSHAKE_MAX_LINES = 16 }; /* of one field */

struct bell_handshake_lines {
    bell_slice values[BELL_HANDSHAKE_MAX_LINES]; /* (borrowed) of the head */
};

/*
 * The lines of this name; room must live as long as the result. More of them than anybody needs are
 * as good as a broken field: the last are left out.
 */
bell_ws_field bell_handshake_field(const bell_http_head *head, bell_slice name,
                                   struct bell_handshake_lines *room);

#endif
