/*
 * A server without pages: what was asked for is not inside this binary.
 */
#include "web.h"

#include "base/compiler.h"
#include "bell/http_server.h"

static void on_page(struct bell_http_request *request, void *user)
{
    (void)user;
    const bell_http_field nosniff = {BELL_LIT("X-Content-Type-Options"), BELL_LIT("nosniff")};
    const bell_http_response response = {
        .status = 404,
        .content_type = BELL_LIT("text/plain; charset=utf-8"),
        .body = BELL_LIT("This deskbell was built without its web parts (-Dweb=false).\n"),
        .fields = &nosniff,
        .field_count = 1};
    bell_status st = bell_http_respond(request, &response);
    (void)st; /* the peer gets 500 */
}

bell_status web_mount(struct bell_http_server *http)
{
    static const char *const PATTERNS[] = {"/", "/w.js", "/widget/*", "/console/*", "/demo/*"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(PATTERNS); i++) {
        bell_status st = bell_http_server_route(http, "GET", PATTERNS[i], on_page, NULL);
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}
