/*
 * News from other programs: who connects to /ws hears what anybody with the token posts.
 *
 *     push 127.0.0.1:8080 TOKEN
 *     curl -H "Authorization: Bearer TOKEN" -d "hello" "http://127.0.0.1:8080/publish?topic=news"
 *
 * With "&retain=1" the message also waits for those who come later.
 */
#include <bell/bell.h>

#include <stdio.h>

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    if (bell_ws_subscribe(ws, conn, BELL_LIT("news")) != BELL_OK) {
        bell_ws_abort(ws, conn);
    }
}

int main(int argc, char **argv)
{
    const struct bell_component news = {.on_open = on_open};
    const bell_http_publish_options options = {.allows_retained = true};
    struct bell_ws_server *ws = NULL;
    struct bell_http_server *http = NULL;
    struct bell_io_server *io = NULL;
    bell_status st;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: push ADDR:PORT TOKEN\n");
        return 2;
    }
    if ((st = bell_ws_server_create(&news, NULL, &ws)) == BELL_OK &&
        (st = bell_http_server_create(NULL, &http)) == BELL_OK &&
        (st = bell_http_server_websocket(http, "/ws", ws)) == BELL_OK &&
        (st = bell_http_server_publish(http, "/publish", ws, argv[2], &options)) == BELL_OK &&
        (st = bell_io_server_create(http, NULL, &io)) == BELL_OK &&
        (st = bell_io_server_listen(io, argv[1])) == BELL_OK) {
        printf("Pushing on port %u\n", (unsigned)bell_io_server_port(io, 0));
        (void)fflush(stdout);
        st = bell_io_server_run(io);
    }
    if (st != BELL_OK) {
        (void)fprintf(stderr, "push: %s: %s\n", argv[1], bell_status_text(st));
    }
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    return st == BELL_OK ? 0 : 1;
}
