/*
 * An echo server that speaks TLS: wss:// and https://. New certificates without dropping anybody on
 * SIGHUP, a graceful end on SIGTERM and SIGINT.
 *
 *     tls ADDR:PORT CERTIFICATE KEY       both PEM files
 */
#include <bell/bell.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

enum { DRAIN_MS = 2000 };

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                       void *user)
{
    if (bell_ws_send(ws, conn, message->type, message->data) == BELL_ENOMEM) {
        bell_ws_abort(ws, conn);
    }
}

static void on_hello(struct bell_http_request *request, void *user)
{
    const bell_http_response answer = {.status = 200,
                                       .content_type = BELL_LIT("text/plain"),
                                       .body = bell_http_request_is_secure(request)
                                                   ? BELL_LIT("nobody can listen in\n")
                                                   : BELL_LIT("everybody can listen in\n")};
    if (bell_http_respond(request, &answer) != BELL_OK) {
        (void)fprintf(stderr, "tls: a client gets 500\n");
    }
}

static bell_status compose(const char *address, struct bell_tls *tls, struct bell_ws_server **ws,
                           struct bell_http_server **http, struct bell_io_server **io)
{
    const struct bell_component echo = {.on_message = on_message};
    bell_status st;
    if ((st = bell_ws_server_create(&echo, NULL, ws)) != BELL_OK ||
        (st = bell_http_server_create(NULL, http)) != BELL_OK ||
        (st = bell_http_server_route(*http, "GET", "/", on_hello, NULL)) != BELL_OK ||
        (st = bell_http_server_websocket(*http, "/", *ws)) != BELL_OK ||
        (st = bell_io_server_create(*http, NULL, io)) != BELL_OK) {
        return st;
    }
    return bell_io_server_listen_tls(*io, address, tls);
}

/* Reading certificates takes time, so this thread does it and no loop. */
static void wait_for_signals(struct bell_io_server *io, struct bell_tls *tls, const sigset_t *set)
{
    int number = 0;
    while (sigwait(set, &number) == 0 && number == SIGHUP) {
        bell_status st = bell_tls_reload(tls);
        printf("Certificates: %s\n", st == BELL_OK ? "reloaded" : bell_tls_why(tls));
        (void)fflush(stdout);
    }
    bell_io_server_drain(io, DRAIN_MS);
    bell_io_server_wait(io);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "usage: tls ADDR:PORT CERTIFICATE KEY\n");
        return 2;
    }
    /* Before there are threads, which inherit it: signals come to sigwait alone. */
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);

    struct bell_tls *tls = NULL;
    struct bell_ws_server *ws = NULL;
    struct bell_http_server *http = NULL;
    struct bell_io_server *io = NULL;
    bell_status st = bell_tls_create(NULL, &tls);
    const char *why = argv[1];
    if (st != BELL_OK || (st = bell_tls_add_certificate(tls, argv[2], argv[3])) != BELL_OK) {
        why = bell_tls_why(tls);
    }
    if (st == BELL_OK && (st = compose(argv[1], tls, &ws, &http, &io)) == BELL_OK &&
        (st = bell_io_server_start(io)) == BELL_OK) {
        printf("Echoing on port %u\n", (unsigned)bell_io_server_port(io, 0));
        (void)fflush(stdout);
        wait_for_signals(io, tls, &set);
    }
    if (st != BELL_OK) {
        (void)fprintf(stderr, "tls: %s: %s\n", bell_status_text(st), why);
    }
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    bell_tls_destroy(tls);
    return st == BELL_OK ? 0 : 1;
}
