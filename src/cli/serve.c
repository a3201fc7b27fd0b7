/*
 * deskbell serve: runs the desk until a signal ends it.
 */
#include "command.h"
#include "secure.h"
#include "server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "bell/supervisor.h"
#include "bell/tls.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    URL_BYTES = 512,
    STATE_BYTES = 64,
    NS_PER_US = 1000,
    SECRET_TEXT_BYTES = 65,
    HEAP_SLACK_BYTES = 4 * 1024 * 1024, /* free at the top of a heap before it is given back */
    HEAP_STEP_BYTES = 256 * 1024,       /* taken from the kernel at a time */
};

/*
 * Where people reach the desk: as configured, or the first listener as seen from this machine. Of
 * one that systemd has opened we know the port; behind a Unix socket only the proxy is reached.
 */
static bell_status append_url(struct bell_buf *out, const struct config *config, uint16_t port)
{
    if (config->public_url[0] != '\0') {
        return bell_buf_append(out, bell_slice_from(config->public_url));
    }
    if (port == 0) {
        return BELL_OK;
    }
    const char *address = config->listen.items[0];
    const char *colon = strrchr(address, ':');
    bell_slice host = bell_slice_make(address, colon == NULL ? 0 : (size_t)(colon - address));
    if (host.n == 0 || bell_slice_equal(host, BELL_LIT("0.0.0.0")) ||
        bell_slice_equal(host, BELL_LIT("systemd"))) {
        host = BELL_LIT("127.0.0.1");
    } else if (bell_slice_equal(host, BELL_LIT("[::]"))) {
        host = BELL_LIT("[::1]");
    }
    return bell_buf_printf(out, "%s://%.*s:%u", config->tls_cert.count > 0 ? "https" : "http",
                           BELL_FMT(host), (unsigned)port);
}

/* The first line is for programs. */
static void print_lines(const struct server *server, const char *url)
{
    (void)printf("deskbell ready port=%u\n", (unsigned)server_port(server));
    (void)printf("demo shop: %s/demo/\n", url);
    (void)printf("console: %s/console/\n", url);
    desk_secret token;
    if (server_setup_token(server, &token)) {
        char text[SECRET_TEXT_BYTES];
        bell_hex_encode(token.b, sizeof token.b, text);
        (void)printf("become the owner (this link works once): %s/console/#setup=%s\n", url, text);
        explicit_bzero(text, sizeof text);
    }
    explicit_bzero(&token, sizeof token);
    (void)fflush(stdout);
}

static void print_start(const struct config *config, const struct server *server)
{
    struct bell_buf url;
    bell_buf_init(&url, URL_BYTES);
    bell_status st = append_url(&url, config, server_port(server));
    if (st == BELL_OK) {
        st = bell_buf_append(&url, bell_slice_make("", 1));
    }
    print_lines(server, st == BELL_OK ? url.p : "");
    bell_buf_finish(&url);
}

/* Nobody may be there to be told. */
static void tell_supervisor(const char *state)
{
    bell_status st = bell_supervisor_notify(state);
    if (st != BELL_OK && st != BELL_ENOTFOUND) {
        bell_log(BELL_LOG_WARN, "cannot notify the supervisor status=%s", bell_status_name(st));
    }
}

/* Only what the table marks as reloadable is taken over; a broken file changes nothing. */
static void options_reload(const struct cli *cli)
{
    struct config fresh = {.data = NULL};
    char error[OPTION_ERROR_BYTES];
    if (config_load(&fresh, cli->arguments, (const char *const *)environ, error) != BELL_OK) {
        bell_log(BELL_LOG_ERROR, "options not reloaded: %s", error);
        return;
    }
    bell_log_set_level(fresh.log_level);
    bell_log(BELL_LOG_INFO, "options reloaded");
    config_finish(&fresh);
}

static void reload(const struct cli *cli, struct bell_tls *tls)
{
    /* sd_notify(3): the time keeps an answer to an earlier wish from being taken for this one's. */
    char text[STATE_BYTES];
    int n = snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                     bell_clock_now_ns() / NS_PER_US);
    if (n > 0 && (size_t)n < sizeof text) {
        tell_supervisor(text);
    }
    options_reload(cli);
    if (tls != NULL) {
        bell_status st = bell_tls_reload(tls);
        (void)st; /* was logged */
    }
    tell_supervisor("READY=1");
}

/* The signals are blocked in all threads and waited for here. */
static void block_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void wait_for_end(const struct cli *cli, struct bell_tls *tls, const sigset_t *set)
{
    int number = 0;
    while (number != SIGTERM && number != SIGINT) {
        if (sigwait(set, &number) == 0 && number == SIGHUP) {
            reload(cli, tls);
        }
    }
    /* From here on the same signal ends the process at once. */
    (void)pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

/*
 * glibc gives the top of a thread's heap back to the kernel as soon as 128 KiB of it are free, and
 * takes it again with the next command: a tenth of the processor's time under load. Some megabytes
 * of slack end that.
 */
static void keep_heap_tops(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_SLACK_BYTES);
    (void)mallopt(M_TOP_PAD, HEAP_STEP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_SLACK_BYTES);
}

static int run(const struct cli *cli)
{
    keep_heap_tops();
    sigset_t signals;
    block_signals(&signals);
    struct bell_tls *tls = NULL;
    if (!secure_create(cli->config, &tls)) {
        return EXIT_USAGE;
    }
    struct server *server;
    if (!server_start(cli->config, tls, &server)) {
        bell_tls_destroy(tls);
        return EXIT_FAILED;
    }
    bell_log(BELL_LOG_INFO, "ready port=%u data=%s", (unsigned)server_port(server),
             cli->config->data);
    print_start(cli->config, server);
    tell_supervisor("READY=1");
    wait_for_end(cli, tls, &signals);
    tell_supervisor("STOPPING=1");
    bell_log(BELL_LOG_INFO, "ending: answering what was taken, closing connections");
    server_drain(server);
    server_destroy(server);
    bell_tls_destroy(tls);
    bell_log(BELL_LOG_INFO, "ended");
    return EXIT_DONE;
}

const struct command COMMAND_SERVE = {
    .name = "serve",
    .words = "",
    .summary = "Runs the desk. Prints the addresses of the demo shop and the console, and while "
               "nobody is owner the link with which the first person becomes one.",
    .serving = true,
    .run = run,
};
