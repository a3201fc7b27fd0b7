/*
 * Echo server for conformance and load tests: sends every message back with its type, at any path.
 * HELP tells its options.
 */
#include <bell/bell.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
    USAGE_STATUS = 2,
    MAX_LISTENERS = 16,
    MAX_SUBPROTOCOLS = 16,
    MAX_PROXIES = 16,
    MAX_CERTIFICATES = 16,
    MAX_NAME_BYTES = 32,
    DRAIN_MS = 3000
};

struct settings {
    const char *listen[MAX_LISTENERS];
    size_t listen_count;
    const char *static_directory;
    const char *hand_over;
    uint32_t spread_ms;
    uint32_t spin_us;
    const char *subprotocols[MAX_SUBPROTOCOLS];
    size_t subprotocol_count;
    const char *proxies[MAX_PROXIES];
    size_t proxy_count;
    const char *publish_token;
    const char *listen_plain; /* without TLS, whatever the others speak */
    const char *certificates[MAX_CERTIFICATES];
    size_t certificate_count;
    const char *keys[MAX_CERTIFICATES];
    size_t key_count;
    bell_tls_version tls_min;
    size_t max_message_bytes;
    uint32_t threads;
    uint32_t handshake_timeout_s;
    bell_io_back_end back_end;
    bell_ws_deflate_options deflate;
    bool relay;
    bool proxy_protocol;
};

static struct bell_io_server *running;
static uint32_t spread_ms;

static void on_signal(int number)
{
    (void)number;
    bell_io_server_drain_spread(running, DRAIN_MS + spread_ms, spread_ms);
}

static sem_t reload_wanted;
static atomic_bool must_end;

static void on_reload_signal(int number)
{
    (void)number;
    (void)sem_post(&reload_wanted);
}

static void echo(struct bell_ws_server *ws, bell_conn conn, const bell_message *message, void *user)
{
    (void)user;
    if (bell_ws_send(ws, conn, message->type, message->data) == BELL_ENOMEM) {
        bell_ws_abort(ws, conn);
    }
}

static void relay(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                  void *user)
{
    (void)user;
    if (bell_ws_broadcast(ws, message->type, message->data, conn) != BELL_OK) {
        bell_ws_abort(ws, conn);
    }
}

static void subscribe(struct bell_ws_server *ws, bell_conn conn,
                      const struct bell_http_request *request, void *user)
{
    (void)request;
    (void)user;
    if (bell_ws_subscribe(ws, conn, BELL_LIT("news")) != BELL_OK) {
        bell_ws_abort(ws, conn);
    }
}

static const char HELP[] =
    "usage: echo-server [--listen ADDRESS]... [--threads N] [--max-message BYTES]\n"
    "                   [--subprotocol NAME]... [--handshake-timeout SECONDS] [--static DIR]\n"
    "                   [--relay] [--io uring|epoll] [--deflate] [--deflate-takeover]\n"
    "                   [--deflate-window BITS] [--deflate-level N] [--deflate-threshold BYTES]\n"
    "                   [--trusted-proxy NETWORK]... [--proxy-protocol] [--hand-over PATH]\n"
    "                   [--spread MS] [--spin US] [--tls-cert FILE --tls-key FILE]...\n"
    "                   [--tls-min 1.2|1.3] [--listen-plain ADDRESS] [--publish TOKEN]\n"
    "\n"
    "ADDRESS is ADDR:PORT, unix:PATH, or systemd for the sockets that systemd has passed. A value\n"
    "may also stand behind a \"=\". Without --listen it is 127.0.0.1:9001.\n"
    "\n"
    "--deflate turns permessage-deflate on as the library does by default; the others, which\n"
    "change that, turn it on too. --hand-over takes the listening sockets of the one that runs "
    "with\n"
    "the same PATH, which then ends, closing its WebSockets over --spread milliseconds. "
    "--tls-cert\n"
    "and --tls-key belong together in their order; with them --listen speaks TLS, and SIGHUP "
    "reads\n"
    "their files anew. --publish: everybody subscribes to \"news\", and a POST to /publish with "
    "the\n"
    "token publishes there.\n";

static int usage(const char *problem, const char *what)
{
    (void)fprintf(stderr, "echo-server: %s %s (see --help)\n", problem, what);
    return USAGE_STATUS;
}

static bool number_parse(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > most) {
        return false;
    }
    *out = value;
    return true;
}

static bool deflate_set(bell_ws_deflate_options *deflate, const char *name, const char *value)
{
    uint64_t number = 0;
    if (strcmp(name, "--deflate-window") == 0 && number_parse(value, 15, &number) && number >= 8) {
        deflate->server_max_window_bits = (uint8_t)number;
        deflate->client_max_window_bits = (uint8_t)number;
    } else if (strcmp(name, "--deflate-level") == 0 && number_parse(value, 9, &number) &&
               number > 0) {
        deflate->level = (uint8_t)number;
    } else if (strcmp(name, "--deflate-threshold") == 0 && number_parse(value, SIZE_MAX, &number)) {
        deflate->threshold_bytes = number;
    } else {
        return false;
    }
    deflate->is_enabled = true;
    return true;
}

static bool option_set(struct settings *s, const char *name, const char *value)
{
    uint64_t number = 0;
    if (strcmp(name, "--listen") == 0 && s->listen_count < MAX_LISTENERS) {
        s->listen[s->listen_count++] = value;
    } else if (strcmp(name, "--io") == 0 && strcmp(value, "uring") == 0) {
        s->back_end = BELL_IO_URING;
    } else if (strcmp(name, "--io") == 0 && strcmp(value, "epoll") == 0) {
        s->back_end = BELL_IO_EPOLL;
    } else if (strcmp(name, "--hand-over") == 0) {
        s->hand_over = value;
    } else if (strcmp(name, "--spread") == 0 && number_parse(value, UINT32_MAX / 2, &number)) {
        s->spread_ms = (uint32_t)number;
    } else if (strcmp(name, "--spin") == 0 && number_parse(value, 1000, &number)) {
        s->spin_us = (uint32_t)number;
    } else if (strcmp(name, "--static") == 0) {
        s->static_directory = value;
    } else if (strcmp(name, "--subprotocol") == 0 && s->subprotocol_count < MAX_SUBPROTOCOLS) {
        s->subprotocols[s->subprotocol_count++] = value;
    } else if (strcmp(name, "--trusted-proxy") == 0 && s->proxy_count < MAX_PROXIES) {
        s->proxies[s->proxy_count++] = value;
    } else if (strcmp(name, "--tls-cert") == 0 && s->certificate_count < MAX_CERTIFICATES) {
        s->certificates[s->certificate_count++] = value;
    } else if (strcmp(name, "--tls-key") == 0 && s->key_count < MAX_CERTIFICATES) {
        s->keys[s->key_count++] = value;
    } else if (strcmp(name, "--publish") == 0) {
        s->publish_token = value;
    } else if (strcmp(name, "--listen-plain") == 0) {
        s->listen_plain = value;
    } else if (strcmp(name, "--tls-min") == 0 &&
               (strcmp(value, "1.2") == 0 || strcmp(value, "1.3") == 0)) {
        s->tls_min = strcmp(value, "1.3") == 0 ? BELL_TLS_1_3 : BELL_TLS_1_2;
    } else if (strcmp(name, "--threads") == 0 && number_parse(value, 64, &number) && number > 0) {
        s->threads = (uint32_t)number;
    } else if (strcmp(name, "--max-message") == 0 && number_parse(value, SIZE_MAX / 8, &number) &&
               number > 0) {
        s->max_message_bytes = number;
    } else if (strcmp(name, "--handshake-timeout") == 0 &&
               number_parse(value, UINT32_MAX / 1000, &number) && number > 0) {
        s->handshake_timeout_s = (uint32_t)number;
    } else {
        return deflate_set(&s->deflate, name, value);
    }
    return true;
}

/* Options without a value. */
static bool switch_set(struct settings *s, const char *name)
{
    if (strcmp(name, "--relay") == 0) {
        s->relay = true;
    } else if (strcmp(name, "--proxy-protocol") == 0) {
        s->proxy_protocol = true;
    } else if (strcmp(name, "--deflate") == 0) {
        s->deflate.is_enabled = true;
    } else if (strcmp(name, "--deflate-takeover") == 0) {
        s->deflate.is_enabled = true;
        s->deflate.has_server_takeover = true;
        s->deflate.has_client_takeover = true;
    } else {
        return false;
    }
    return true;
}

static int settings_parse(struct settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (switch_set(s, argv[i])) {
            continue;
        }
        char name[MAX_NAME_BYTES];
        const char *equals = strchr(argv[i], '=');
        size_t name_bytes = equals == NULL ? strlen(argv[i]) : (size_t)(equals - argv[i]);
        const char *value = equals == NULL ? argv[i + 1] : equals + 1;
        if (value == NULL || name_bytes >= sizeof name) {
            return usage("unknown option or missing value:", argv[i]);
        }
        memcpy(name, argv[i], name_bytes);
        name[name_bytes] = '\0';
        if (!option_set(s, name, value)) {
            return usage("bad option or value:", argv[i]);
        }
        i += equals == NULL;
    }
    return 0;
}

/* Says what has failed, once. */
static bell_status complain(const char *what, bell_status st)
{
    if (st != BELL_OK) {
        (void)fprintf(stderr, "echo-server: %s: %s\n", what, bell_status_text(st));
    }
    return st;
}

/* *out becomes the number of listeners that were taken; the plain one is the last. */
static bell_status take_over(const struct settings *s, struct bell_io_server *io,
                             struct bell_tls *tls, size_t *out)
{
    size_t taken = 0;
    bell_status st =
        bell_io_server_hand_over(io, s->hand_over, DRAIN_MS + s->spread_ms, s->spread_ms, &taken);
    size_t secured = taken > 0 && s->listen_plain != NULL ? taken - 1 : taken;
    for (size_t i = 0; tls != NULL && st == BELL_OK && i < secured; i++) {
        st = bell_io_server_secure(io, i, tls);
    }
    *out = taken;
    return complain(s->hand_over, st);
}

static bell_status listen_on_all(const struct settings *s, struct bell_io_server *io,
                                 struct bell_tls *tls)
{
    static const char *const DEFAULT[] = {"127.0.0.1:9001"};
    const char *const *addresses = s->listen_count == 0 ? DEFAULT : s->listen;
    size_t count = s->listen_count == 0 ? 1 : s->listen_count;
    size_t opened = 0;
    bell_status took = s->hand_over == NULL ? BELL_OK : take_over(s, io, tls, &opened);
    if (took != BELL_OK || opened > 0) {
        return took;
    }
    for (size_t i = 0; i < count; i++) {
        size_t passed = 1;
        bell_status st = strcmp(addresses[i], "systemd") == 0
                             ? bell_supervisor_listen(io, NULL, &passed)
                             : bell_io_server_listen(io, addresses[i]);
        for (; st == BELL_OK && passed > 0; passed--, opened++) {
            st = tls == NULL ? BELL_OK : bell_io_server_secure(io, opened, tls);
        }
        if (complain(addresses[i], st) != BELL_OK) {
            return st;
        }
    }
    return s->listen_plain == NULL
               ? BELL_OK
               : complain(s->listen_plain, bell_io_server_listen(io, s->listen_plain));
}

/* What TLS needs; *out stays NULL without certificates. Exits as usage does. */
static int secure(const struct settings *s, struct bell_tls **out)
{
    bell_tls_options options;
    if (s->certificate_count != s->key_count) {
        return usage("as many --tls-key are needed as", "--tls-cert");
    }
    if (s->certificate_count == 0) {
        return 0;
    }
    bell_tls_options_init(&options);
    options.min_version = s->tls_min;
    bell_status st = bell_tls_create(&options, out);
    for (size_t i = 0; i < s->certificate_count && st == BELL_OK; i++) {
        st = bell_tls_add_certificate(*out, s->certificates[i], s->keys[i]);
    }
    if (st != BELL_OK) {
        (void)fprintf(stderr, "echo-server: TLS: %s\n",
                      *out == NULL ? bell_status_text(st) : bell_tls_why(*out));
        bell_tls_destroy(*out);
        *out = NULL;
    }
    return st == BELL_OK ? 0 : USAGE_STATUS;
}

/* Reads certificates anew when SIGHUP has come: files are nothing for a signal handler. */
static void *reload_main(void *user)
{
    struct bell_tls *tls = user;
    for (;;) {
        while (sem_wait(&reload_wanted) != 0) { /* EINTR */
        }
        if (atomic_load(&must_end)) {
            return NULL;
        }
        bell_status st = bell_tls_reload(tls);
        (void)st; /* the library logs it */
    }
}

static bool reload_start(struct bell_tls *tls, pthread_t *out)
{
    const struct sigaction action = {.sa_handler = on_reload_signal, .sa_flags = SA_RESTART};
    if (tls == NULL || sem_init(&reload_wanted, 0, 0) != 0) {
        return false;
    }
    (void)sigaction(SIGHUP, &action, NULL);
    return pthread_create(out, NULL, reload_main, tls) == 0;
}

static void reload_stop(pthread_t thread)
{
    atomic_store(&must_end, true);
    (void)sem_post(&reload_wanted);
    (void)pthread_join(thread, NULL);
}

static bell_status compose(const struct settings *s, struct bell_tls *tls,
                           struct bell_ws_server **ws, struct bell_http_server **http,
                           struct bell_io_server **io)
{
    const struct bell_component component = {.on_open = s->publish_token != NULL ? subscribe : NULL,
                                             .on_message = s->relay ? relay : echo};
    const bell_http_publish_options publish_options = {.max_message_bytes = s->max_message_bytes,
                                                       .allows_retained = true};
    bell_ws_options ws_options;
    bell_http_options http_options;
    bell_io_options io_options;
    bell_ws_options_init(&ws_options);
    bell_http_options_init(&http_options);
    bell_io_options_init(&io_options);
    ws_options.max_message_bytes = s->max_message_bytes;
    /* Room for the echo of the largest message, and half as much again before the peer is not read.
     */
    ws_options.queue.max_bytes = s->max_message_bytes * 2 + (size_t)4 * 1024 * 1024;
    ws_options.deflate = s->deflate;
    ws_options.subprotocols = s->subprotocols;
    ws_options.subprotocol_count = s->subprotocol_count;
    http_options.head_timeout_ms = s->handshake_timeout_s * 1000;
    io_options.threads = s->threads;
    io_options.back_end = s->back_end;
    io_options.spin_us = s->spin_us;
    io_options.trusted_proxies = s->proxies;
    io_options.trusted_proxy_count = s->proxy_count;
    io_options.proxy_protocol = s->proxy_protocol;
    bell_status st;
    if ((st = bell_ws_server_create(&component, &ws_options, ws)) != BELL_OK) {
        return complain("--subprotocol", st);
    }
    if ((st = bell_http_server_create(&http_options, http)) != BELL_OK ||
        (st = bell_http_server_websocket(*http, "/*", *ws)) != BELL_OK) {
        return complain("HTTP", st);
    }
    if (s->publish_token != NULL &&
        (st = bell_http_server_publish(*http, "/publish", *ws, s->publish_token,
                                       &publish_options)) != BELL_OK) {
        return complain("--publish", st);
    }
    if (s->static_directory != NULL &&
        (st = bell_http_server_static(*http, "/", s->static_directory, NULL)) != BELL_OK) {
        return complain(s->static_directory, st);
    }
    st = bell_io_server_create(*http, &io_options, io);
    return st == BELL_OK ? listen_on_all(s, *io, tls) : complain("--io or --trusted-proxy", st);
}

int main(int argc, char **argv)
{
#ifdef __GLIBC__
    /* What glibc keeps of the memory of large messages has a bound; it would be 64 MiB. */
    (void)mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
#endif
    struct settings s = {
        .max_message_bytes = (size_t)16 * 1024 * 1024, .threads = 1, .handshake_timeout_s = 10};
    bell_ws_options defaults;
    bell_ws_options_init(&defaults);
    s.deflate = defaults.deflate;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return fputs(HELP, stdout) == EOF || fflush(stdout) != 0 ? 1 : 0;
    }
    int status = settings_parse(&s, argc, argv);
    struct bell_tls *tls = NULL;
    if (status == 0) {
        status = secure(&s, &tls);
    }
    if (status != 0) {
        return status;
    }
    pthread_t reloader;
    bool reloads = reload_start(tls, &reloader);
    struct bell_ws_server *ws = NULL;
    struct bell_http_server *http = NULL;
    struct bell_io_server *io = NULL;
    bell_status st = compose(&s, tls, &ws, &http, &io);
    if (st == BELL_OK) {
        running = io;
        spread_ms = s.spread_ms;
        const struct sigaction action = {.sa_handler = on_signal};
        (void)sigaction(SIGTERM, &action, NULL);
        (void)sigaction(SIGINT, &action, NULL);
        printf("echo-server ready port=%u threads=%" PRIu32 "\n",
               (unsigned)bell_io_server_port(io, 0), bell_io_server_threads(io));
        (void)fflush(stdout);
        st = complain("run", bell_io_server_run(io));
    }
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    if (reloads) {
        reload_stop(reloader);
    }
    bell_tls_destroy(tls);
    return st == BELL_OK ? 0 : 1;
}
