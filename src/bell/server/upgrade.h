/*
 * Upgrade: from an HTTP request to a WebSocket session (RFC 6455 section 4.2).
 */
#ifndef BELL_SERVER_UPGRADE_H
#define BELL_SERVER_UPGRADE_H

#include "bell/http/response.h"
#include "bell/server/http_server_internal.h"

/*
 * The request wants to upgrade and a WebSocket server is matched: answers 101 and starts the
 * session, or refuses and ends the connection. rest is what follows the head; it may be changed.
 */
void bell_upgrade_try(struct bell_http_request *r, bell_slice rest, bell_slice date);
/* A request for a WebSocket's path that is none: 426. */
BELL_NODISCARD bell_status bell_upgrade_required(struct bell_http_request *r, bell_slice date,
                                                 bell_http_connection connection);

#endif
