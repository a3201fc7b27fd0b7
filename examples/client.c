/* Speaks with a WebSocket server: prints what it says, sends it each line of the standard input. */
#include <bell/bell.h>

#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

static sem_t is_open;

static void on_open(struct bell_ws_server *client, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    sem_post(&is_open);
}

static void on_message(struct bell_ws_server *client, bell_conn conn, const bell_message *message,
                       void *user)
{
    printf("%.*s\n", BELL_FMT(message->data));
}

static void on_error(struct bell_ws_server *client, bell_conn conn, bell_status error, void *user)
{
    fprintf(stderr, "%s, HTTP status %u\n", bell_status_text(error),
            bell_ws_client_status(client, conn));
}

static void on_close(struct bell_ws_server *client, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    fprintf(stderr, "Closed: %u %.*s\n", event->code, BELL_FMT(event->reason));
    _exit(event->origin == BELL_CLOSED_BY_ENGINE); /* main may be waiting for a line still */
}

int main(int argc, char **argv)
{
    const struct bell_component talk = {
        .on_open = on_open, .on_message = on_message, .on_error = on_error, .on_close = on_close};
    struct bell_io_server *io;
    struct bell_ws_server *client;
    bell_conn conn;
    static char line[65536];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2 || sem_init(&is_open, 0, 0) != 0 ||
        bell_io_server_create(NULL, NULL, &io) != BELL_OK ||
        bell_ws_client_create(io, &talk, NULL, NULL, &client) != BELL_OK ||
        bell_ws_client_connect(client, argv[1], NULL, &conn) != BELL_OK ||
        bell_io_server_start(io) != BELL_OK || sem_wait(&is_open) != 0) {
        return 2;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t n = strcspn(line, "\n");
        if (bell_ws_send(client, conn, BELL_TEXT, bell_slice_make(line, n)) != BELL_OK) {
            break;
        }
    }
    bell_status st = bell_ws_close(client, conn, 1000, BELL_LIT(""));
    bell_io_server_wait(io); /* on_close ends it all */
    return st == BELL_OK ? 0 : 1;
}
