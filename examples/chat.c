/* A chat room: whatever one connection says, all the others hear. */
#include <bell/bell.h>

#include <inttypes.h>
#include <stdio.h>

static void on_open(struct bell_ws_server *ws, bell_conn id,
                    const struct bell_http_request *request, void *user)
{
    printf("New connection! (%" PRIu64 ")\n", id);
}

static void on_message(struct bell_ws_server *ws, bell_conn id, const bell_message *message,
                       void *user)
{
    if (bell_ws_broadcast(ws, message->type, message->data, id) != BELL_OK) {
        bell_ws_abort(ws, id);
    }
}

static void on_close(struct bell_ws_server *ws, bell_conn id, const bell_close_event *event,
                     void *user)
{
    printf("Connection %" PRIu64 " has disconnected\n", id);
}

static void on_error(struct bell_ws_server *ws, bell_conn id, bell_status error, void *user)
{
    printf("An error has occurred: %s\n", bell_status_text(error));
    bell_ws_abort(ws, id);
}

int main(int argc, char **argv)
{
    const struct bell_component chat = {
        .on_open = on_open, .on_message = on_message, .on_error = on_error, .on_close = on_close};
    setvbuf(stdout, NULL, _IOLBF, 0);
    return bell_serve(argc > 1 ? argv[1] : "127.0.0.1:8080", &chat) == BELL_OK ? 0 : 1;
}
