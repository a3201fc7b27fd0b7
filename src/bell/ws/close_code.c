#include "bell/ws/close_code.h"

bool bell_ws_close_code_is_receivable(uint16_t code)
{
    return (code >= BELL_WS_CLOSE_NORMAL && code <= BELL_WS_CLOSE_UNSUPPORTED_DATA) ||
           (code >= BELL_WS_CLOSE_INVALID_DATA && code <= BELL_WS_CLOSE_BAD_GATEWAY) ||
           /* Section 7.4.2: 3000-3999 are registered by libraries, 4000-4999 are private. */
           (code >= 3000 && code <= 4999);
}

bool bell_ws_close_code_is_sendable(uint16_t code)
{
    return bell_ws_close_code_is_receivable(code);
}
