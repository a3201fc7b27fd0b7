/*
 * Web: the pages and scripts inside the binary, and the header fields they are served with.
 */
#ifndef CLI_WEB_H
#define CLI_WEB_H

#include "bell/status.h"

struct bell_http_server;

/*
 * Adds /w.js, /widget/, /console/, /demo/ and the way from / to the console. A build without web
 * parts (-Dweb=false) answers them with 404 and says why. As bell_http_server_route.
 */
BELL_NODISCARD bell_status web_mount(struct bell_http_server *http);

#endif
