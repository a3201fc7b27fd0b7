/*
 * Rooms: who connects at /ROOM hears what others say at the same path. A topic is a name; it exists
 * while somebody is subscribed to it.
 */
#include <bell/bell.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct guest {
    size_t room_bytes;
    char room[]; /* the topic this guest speaks to */
};

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    bell_slice path = bell_http_request_path(request);
    struct guest *g = malloc(sizeof *g + path.n);
    if (g == NULL) {
        bell_ws_abort(ws, conn);
        return;
    }
    g->room_bytes = path.n;
    memcpy(g->room, path.p, path.n); /* the request is gone when on_open returns */
    bell_ws_set_user(ws, conn, g);
    /* Names are at most 255 bytes long. */
    if (bell_ws_subscribe(ws, conn, path) != BELL_OK &&
        bell_ws_close(ws, conn, 1008, BELL_LIT("no such room")) != BELL_OK) {
        bell_ws_abort(ws, conn);
    }
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                       void *user)
{
    const struct guest *g = bell_ws_get_user(ws, conn);
    bell_slice room = bell_slice_make(g->room, g->room_bytes);
    if (bell_ws_publish(ws, room, message->type, message->data, conn) != BELL_OK) {
        bell_ws_abort(ws, conn);
    }
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    free(bell_ws_get_user(ws, conn)); /* the subscription ends by itself */
}

int main(int argc, char **argv)
{
    const struct bell_component rooms = {
        .on_open = on_open, .on_message = on_message, .on_close = on_close};
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:8080";
    if (argc > 2 || address[0] == '-') {
        (void)fprintf(stderr, "usage: topics [ADDR:PORT]\n");
        return 2;
    }
    return bell_serve(address, &rooms) == BELL_OK ? 0 : 1;
}
