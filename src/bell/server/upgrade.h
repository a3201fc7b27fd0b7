/*
 * Upgrade: from an HTTP request to a WebSocket session (RFC 6455 section 4.2).
 *
 *     handshake's rules -> draining? -> guards -> component -> 101, session
 *                                          ^          \-- later --> PENDING
 *                                          \-------- accepted -----/
 */
#ifndef BELL_SERVER_UPGRADE_H
#define BELL_SERVER_UPGRADE_H

#include "bell/http/response.h"
#include "bell/server/http_server_internal.h"
#include "bell/ws_server.h"

#include <stdbool.h>

enum { BELL_UPGRADE_MAX_FIELDS = 32 }; /* that an application adds to the 101 */

struct bell_ws_server;

/*
 * The request wants to upgrade and a WebSocket server is matched: answers 101 and starts the
 * session, or refuses and ends the connection. Returns true when the component has deferred the
 * decision: the request stays pending.
 */
bool bell_upgrade_try(struct bell_http_request *r);
/*
 * The request under way, an upgrade whose decision was deferred, is accepted. Returns whether the
 * session has begun (and perhaps ended again); else the upgrade is refused.
 */
bool bell_upgrade_finish(struct bell_connection *c, const bell_ws_acceptance *terms);
/* What can be said of terms without knowing the request. BELL_EINVAL. */
BELL_NODISCARD bell_status bell_upgrade_check_terms(const struct bell_ws_server *ws,
                                                    const bell_ws_acceptance *terms);
/* A request for a WebSocket's path that is none: 426. */
BELL_NODISCARD bell_status bell_upgrade_required(struct bell_http_request *r, bell_slice date,
                                                 bell_http_connection connection);

#endif
