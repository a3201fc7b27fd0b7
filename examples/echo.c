/*
 * Sends every message back to whom it came from. The parts, from the inside out: a component, the
 * WebSocket server that calls it, the HTTP server that hands over upgrades, the I/O server that
 * runs it all.
 */
#include <bell/bell.h>

#include <stdio.h>

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                       void *user)
{
    if (bell_ws_send(ws, conn, message->type, message->data) == BELL_ENOMEM) {
        bell_ws_abort(ws, conn);
    }
}

int main(int argc, char **argv)
{
    const struct bell_component echo = {.on_message = on_message};
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:8080";
    struct bell_ws_server *ws = NULL;
    struct bell_http_server *http = NULL;
    struct bell_io_server *io = NULL;
    bell_status st;
    if (argc > 2 || address[0] == '-') {
        (void)fprintf(stderr, "usage: echo [ADDR:PORT]\n");
        return 2;
    }
    if ((st = bell_ws_server_create(&echo, NULL, &ws)) == BELL_OK &&
        (st = bell_http_server_create(NULL, &http)) == BELL_OK &&
        (st = bell_http_server_websocket(http, "/*", ws)) == BELL_OK &&
        (st = bell_io_server_create(http, NULL, &io)) == BELL_OK &&
        (st = bell_io_server_listen(io, address)) == BELL_OK) {
        printf("Echoing on port %u\n", (unsigned)bell_io_server_port(io, 0));
        (void)fflush(stdout);
        st = bell_io_server_run(io);
    }
    if (st != BELL_OK) {
        (void)fprintf(stderr, "echo: %s: %s\n", address, bell_status_text(st));
    }
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    return st == BELL_OK ? 0 : 1;
}
