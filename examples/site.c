/*
 * A static site with a WebSocket in it: files of a folder at "/", a route at "/visitors", and at
 * "/live" a WebSocket for pages of this site only, which tells everybody how many are there.
 *
 *     site [ADDR:PORT [FOLDER]]
 */
#include <bell/bell.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum { DRAIN_MS = 2000 };

static struct bell_io_server *running;

static void on_signal(int number)
{
    (void)number;
    bell_io_server_drain(running, DRAIN_MS);
}

static void tell_all(struct bell_ws_server *ws, uint64_t count)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%" PRIu64, count);
    if (bell_ws_broadcast(ws, BELL_TEXT, bell_slice_make(text, (size_t)n), 0) != BELL_OK) {
        (void)fprintf(stderr, "site: not everybody knows how many are here\n");
    }
}

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    tell_all(ws, bell_ws_connection_count(ws));
}

/* Who leaves is still counted. */
static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    tell_all(ws, bell_ws_connection_count(ws) - 1);
}

static void on_visitors(struct bell_http_request *request, void *user)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%" PRIu64 "\n", bell_ws_connection_count(user));
    const bell_http_response answer = {.status = 200,
                                       .content_type = BELL_LIT("text/plain"),
                                       .body = bell_slice_make(text, (size_t)n)};
    if (bell_http_respond(request, &answer) != BELL_OK) {
        (void)fprintf(stderr, "site: a visitor gets 500\n");
    }
}

/* Which pages may connect: those of this server. */
static bell_status add_guard(struct bell_ws_server *ws)
{
    static const char *const ORIGINS[] = {"same"};
    struct bell_guard *guard;
    bell_status st = bell_guard_origin_create(ORIGINS, 1, &guard);
    return st == BELL_OK ? bell_ws_server_add_guard(ws, guard) : st;
}

static bell_status compose(const char *folder, struct bell_ws_server **ws,
                           struct bell_http_server **http)
{
    const struct bell_component live = {.on_open = on_open, .on_close = on_close};
    bell_status st;
    if ((st = bell_ws_server_create(&live, NULL, ws)) != BELL_OK ||
        (st = add_guard(*ws)) != BELL_OK || (st = bell_http_server_create(NULL, http)) != BELL_OK ||
        (st = bell_http_server_websocket(*http, "/live", *ws)) != BELL_OK ||
        (st = bell_http_server_route(*http, "GET", "/visitors", on_visitors, *ws)) != BELL_OK) {
        return st;
    }
    return bell_http_server_static(*http, "/", folder, NULL);
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:8080";
    const char *folder = argc > 2 ? argv[2] : ".";
    struct bell_ws_server *ws = NULL;
    struct bell_http_server *http = NULL;
    struct bell_io_server *io = NULL;
    bell_status st;
    if (argc > 3 || address[0] == '-') {
        (void)fprintf(stderr, "usage: site [ADDR:PORT [FOLDER]]\n");
        return 2;
    }
    if ((st = compose(folder, &ws, &http)) == BELL_OK &&
        (st = bell_io_server_create(http, NULL, &io)) == BELL_OK &&
        (st = bell_io_server_listen(io, address)) == BELL_OK) {
        running = io;
        const struct sigaction action = {.sa_handler = on_signal};
        (void)sigaction(SIGTERM, &action, NULL);
        (void)sigaction(SIGINT, &action, NULL);
        printf("Serving on port %u\n", (unsigned)bell_io_server_port(io, 0));
        (void)fflush(stdout);
        st = bell_io_server_run(io);
    }
    if (st != BELL_OK) {
        (void)fprintf(stderr, "site: folder %s at %s: %s\n", folder, address, bell_status_text(st));
    }
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    return st == BELL_OK ? 0 : 1;
}
