/*
 * Speaks with a WebSocket server: prints what it says, sends it each line of the standard input.
 *
 *     client ws://127.0.0.1:8080/
 *
 * The end of the input closes at once; what the server says after that is not printed.
 */
#include <bell/bell.h>

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
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
    uint16_t status = bell_ws_client_status(client, conn);
    bell_slice tls = bell_ws_client_tls_failure(client, conn);
    if (status != 0) {
        fprintf(stderr, "%s, HTTP status %u\n", bell_status_text(error), status);
    } else if (tls.n > 0) {
        fprintf(stderr, "%s, TLS: %.*s\n", bell_status_text(error), BELL_FMT(tls));
    } else {
        fprintf(stderr, "%s\n", bell_status_text(error));
    }
}

static void on_close(struct bell_ws_server *client, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    fprintf(stderr, "Closed: %u %.*s\n", event->code, BELL_FMT(event->reason));
    _exit(event->origin == BELL_CLOSED_BY_ENGINE); /* main may be waiting for a line still */
}

/* Sends the lines of the standard input, as long as somebody is there. */
static void talk_until_end(struct bell_ws_server *client, bell_conn conn)
{
    static char line[65536];
    while (fgets(line, sizeof line, stdin) != NULL) {
        bell_slice text = bell_slice_make(line, strcspn(line, "\n"));
        if (bell_ws_send(client, conn, BELL_TEXT, text) != BELL_OK) {
            return;
        }
    }
}

int main(int argc, char **argv)
{
    const struct bell_component talk = {
        .on_open = on_open, .on_message = on_message, .on_error = on_error, .on_close = on_close};
    struct bell_io_server *io = NULL;
    struct bell_ws_server *client = NULL;
    bell_conn conn;
    bell_status st;
    int status = 2;
    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: client ws://HOST:PORT/PATH (or wss://…, ws+unix:SOCKET:/PATH)\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    sem_init(&is_open, 0, 0);
    if ((st = bell_io_server_create(NULL, NULL, &io)) != BELL_OK ||
        (st = bell_ws_client_create(io, &talk, NULL, NULL, &client)) != BELL_OK ||
        (st = bell_ws_client_connect(client, argv[1], NULL, &conn)) != BELL_OK ||
        (st = bell_io_server_start(io)) != BELL_OK) {
        fprintf(stderr, "client: %s: %s\n", argv[1], bell_status_text(st));
    } else {
        sem_wait(&is_open); /* or on_close ends it all */
        talk_until_end(client, conn);
        st = bell_ws_close(client, conn, 1000, BELL_LIT(""));
        bell_io_server_wait(io); /* on_close ends it all */
        status = st == BELL_OK ? 0 : 1;
    }
    bell_io_server_destroy(io);
    bell_ws_server_destroy(client);
    return status;
}
