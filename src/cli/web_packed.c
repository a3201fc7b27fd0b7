/*
 * The packed web parts (see tools/pack_web.py).
 *
 * The console and the demo shop get a strict content security policy, so that a script that came in
 * with a message could not run even if it found a way onto the page. The widget's files are made to
 * be loaded by pages of other sites, as modules too, which need permission for that (Fetch,
 * "CORS").
 */
#include "web.h"

#include "base/compiler.h"
#include "bell/http_server.h"
#include "web_files.h"

#include <assert.h>

#define NOSNIFF                                                                                    \
    {                                                                                              \
        BELL_LIT("X-Content-Type-Options"), BELL_LIT("nosniff")                                    \
    }

static void redirect(struct bell_http_request *request, bell_slice location)
{
    const bell_http_field fields[] = {{BELL_LIT("Location"), location},
                                      {BELL_LIT("Cache-Control"), BELL_LIT("no-store")}};
    const bell_http_response response = {
        .status = 302, .fields = fields, .field_count = BELL_ARRAY_LEN(fields)};
    bell_status st = bell_http_respond(request, &response);
    (void)st; /* the peer gets 500 */
}

static void on_console(struct bell_http_request *request, void *user)
{
    (void)user;
    redirect(request, BELL_LIT("/console/"));
}

static void on_demo(struct bell_http_request *request, void *user)
{
    (void)user;
    redirect(request, BELL_LIT("/demo/"));
}

static bell_status mount_console(struct bell_http_server *http)
{
    const bell_http_field fields[] = {
        NOSNIFF,
        {BELL_LIT("Content-Security-Policy"),
         BELL_LIT("default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
                  "frame-ancestors 'none'")},
        {BELL_LIT("X-Frame-Options"), BELL_LIT("DENY")},
        {BELL_LIT("Referrer-Policy"), BELL_LIT("no-referrer")},
        {BELL_LIT("Cross-Origin-Opener-Policy"), BELL_LIT("same-origin")},
        {BELL_LIT("Cross-Origin-Resource-Policy"), BELL_LIT("same-origin")},
    };
    const bell_http_static_options options = {
        .immutable_prefix = "assets/", .fields = fields, .field_count = BELL_ARRAY_LEN(fields)};
    return bell_http_server_files(http, "/console/", WEB_CONSOLE.files, WEB_CONSOLE.count,
                                  &options);
}

static bell_status mount_demo(struct bell_http_server *http)
{
    const bell_http_field fields[] = {
        NOSNIFF,
        {BELL_LIT("Content-Security-Policy"),
         BELL_LIT("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                  "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                  "frame-ancestors 'none'")},
        {BELL_LIT("Referrer-Policy"), BELL_LIT("strict-origin-when-cross-origin")},
    };
    const bell_http_static_options options = {.fields = fields,
                                              .field_count = BELL_ARRAY_LEN(fields)};
    return bell_http_server_files(http, "/demo/", WEB_DEMO.files, WEB_DEMO.count, &options);
}

/* w.js stands at the root, since every shop's page names it; the rest below /widget/. */
static bell_status mount_widget(struct bell_http_server *http)
{
    const bell_http_field fields[] = {
        NOSNIFF,
        {BELL_LIT("Access-Control-Allow-Origin"), BELL_LIT("*")},
        {BELL_LIT("Cross-Origin-Resource-Policy"), BELL_LIT("cross-origin")},
    };
    const bell_http_static_options options = {
        .immutable_prefix = "assets/", .fields = fields, .field_count = BELL_ARRAY_LEN(fields)};
    bell_status st =
        bell_http_server_files(http, "/widget/", WEB_WIDGET.files, WEB_WIDGET.count, &options);
    for (size_t i = 0; st == BELL_OK && i < WEB_WIDGET.count; i++) {
        if (bell_slice_equal(WEB_WIDGET.files[i].path, BELL_LIT("w.js"))) {
            return bell_http_server_files(http, "/", &WEB_WIDGET.files[i], 1, &options);
        }
    }
    return st != BELL_OK ? st : BELL_ENOTFOUND;
}

bell_status web_mount(struct bell_http_server *http)
{
    bell_status st = bell_http_server_route(http, "GET", "/", on_console, NULL);
    if (st == BELL_OK) {
        st = bell_http_server_route(http, "GET", "/console", on_console, NULL);
    }
    if (st == BELL_OK) {
        st = bell_http_server_route(http, "GET", "/demo", on_demo, NULL);
    }
    if (st == BELL_OK) {
        st = mount_console(http);
    }
    if (st == BELL_OK) {
        st = mount_demo(http);
    }
    return st != BELL_OK ? st : mount_widget(http);
}
