/*
 * Close codes (RFC 6455 section 7.4 and the IANA registry it set up). Pure, any thread.
 */
#ifndef BELL_WS_CLOSE_CODE_H
#define BELL_WS_CLOSE_CODE_H

#include <stdbool.h>
#include <stdint.h>

/* Section 7.4.1; 1012 to 1014 were registered later. */
enum bell_ws_close_code {
    BELL_WS_CLOSE_NORMAL = 1000,
    BELL_WS_CLOSE_GOING_AWAY = 1001,
    BELL_WS_CLOSE_PROTOCOL_ERROR = 1002,
    BELL_WS_CLOSE_UNSUPPORTED_DATA = 1003,
    BELL_WS_CLOSE_NO_CODE = 1005,  /* never on the wire: a Close frame without a code */
    BELL_WS_CLOSE_ABNORMAL = 1006, /* never on the wire: no Close frame came */
    BELL_WS_CLOSE_INVALID_DATA = 1007,
    BELL_WS_CLOSE_POLICY = 1008,
    BELL_WS_CLOSE_TOO_BIG = 1009,
    BELL_WS_CLOSE_EXTENSION_MISSING = 1010,
    BELL_WS_CLOSE_INTERNAL_ERROR = 1011,
    BELL_WS_CLOSE_SERVICE_RESTART = 1012,
    BELL_WS_CLOSE_TRY_LATER = 1013,
    BELL_WS_CLOSE_BAD_GATEWAY = 1014,
};

/*
 * May a peer put this code into a Close frame? 1000-1003, 1007-1014 and 3000-4999; every other one
 * is a protocol error (1002): reserved (1004), never on the wire (1005, 1006, 1015) or unassigned.
 */
bool bell_ws_close_code_is_receivable(uint16_t code);

/* May the application close with this code? The same ranges (see bell_ws_close). */
bool bell_ws_close_code_is_sendable(uint16_t code);

#endif
