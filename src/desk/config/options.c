/*
 * The options of the server. This table is the only place where they stand: file, environment,
 * command line and manual read it. A new option is one line here and one field in config.h.
 */
#include "desk/config/config.h"

#include "base/compiler.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

enum { ADDRESS_BYTES = 64, PORT_DIGITS = 5, MAX_PORT = 65535, DAY_S = 24 * 60 * 60 };
enum { V4_BITS = 32, V6_BITS = 128, PREFIX_DIGITS = 3 };

/* Is it the word, or the word with ":" and something behind? */
static bool is_word(bell_slice value, const char *word)
{
    size_t n = strlen(word);
    return value.n >= n && memcmp(value.p, word, n) == 0 &&
           (value.n == n || (value.n > n + 1 && value.p[n] == ':'));
}

/* "127.0.0.1:8080", "[::1]:8080", "unix:/run/desk.sock", "systemd" or "systemd:name". */
static const char *check_listen(bell_slice value)
{
    static const char FAULT[] = "must be ADDR:PORT, for example 127.0.0.1:8080 or [::1]:8080, or "
                                "unix:PATH, or systemd";
    if (is_word(value, "systemd") || (is_word(value, "unix") && value.n > strlen("unix"))) {
        return NULL;
    }
    const char *colon = value.n == 0 ? NULL : memrchr(value.p, ':', value.n);
    if (colon == NULL) {
        return FAULT;
    }
    bell_slice host = bell_slice_make(value.p, (size_t)(colon - value.p));
    bell_slice port = bell_slice_make(colon + 1, value.n - host.n - 1);
    uint32_t number = 0;
    if (port.n == 0 || port.n > PORT_DIGITS) {
        return FAULT;
    }
    for (size_t i = 0; i < port.n; i++) {
        if (port.p[i] < '0' || port.p[i] > '9') {
            return FAULT;
        }
        number = number * 10 + (uint32_t)(port.p[i] - '0');
    }
    bool v6 = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (v6) {
        host = bell_slice_make(host.p + 1, host.n - 2);
    }
    char text[ADDRESS_BYTES];
    unsigned char address[sizeof(struct in6_addr)];
    if (number > MAX_PORT || host.n >= sizeof text) {
        return FAULT;
    }
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, address) == 1 ? NULL : FAULT;
}

/* "https://desk.example" or "http://host:8080": scheme and host, nothing behind. */
static const char *check_public_url(bell_slice value)
{
    static const char FAULT[] = "must be like https://desk.example, without a path";
    if (value.n == 0) {
        return NULL;
    }
    static const char *const SCHEMES[] = {"http://", "https://"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(SCHEMES); i++) {
        size_t n = strlen(SCHEMES[i]);
        if (value.n <= n || memcmp(value.p, SCHEMES[i], n) != 0) {
            continue;
        }
        for (size_t k = n; k < value.n; k++) {
            unsigned char c = (unsigned char)value.p[k];
            if (c <= ' ' || c >= 0x7f || strchr("/?#@\"'\\<>", c) != NULL) {
                return FAULT;
            }
        }
        return NULL;
    }
    return FAULT;
}

/* "192.0.2.7", "10.0.0.0/8", "2001:db8::/32" or "unix". */
static const char *check_network(bell_slice value)
{
    static const char FAULT[] = "must be an address, a network like 10.0.0.0/8, or unix";
    if (bell_slice_equal(value, BELL_LIT("unix"))) {
        return NULL;
    }
    const char *slash = value.n == 0 ? NULL : memchr(value.p, '/', value.n);
    size_t n = slash == NULL ? value.n : (size_t)(slash - value.p);
    char text[ADDRESS_BYTES];
    unsigned char address[sizeof(struct in6_addr)];
    if (n >= sizeof text) {
        return FAULT;
    }
    memcpy(text, value.p, n);
    text[n] = '\0';
    uint32_t most = inet_pton(AF_INET, text, address) == 1    ? V4_BITS
                    : inet_pton(AF_INET6, text, address) == 1 ? V6_BITS
                                                              : 0;
    bell_slice bits = slash == NULL ? BELL_LIT("0") : bell_slice_make(slash + 1, value.n - n - 1);
    uint32_t number = 0;
    if (bits.n == 0 || bits.n > PREFIX_DIGITS) {
        return FAULT;
    }
    for (size_t i = 0; i < bits.n; i++) {
        if (bits.p[i] < '0' || bits.p[i] > '9') {
            return FAULT;
        }
        number = number * 10 + (uint32_t)(bits.p[i] - '0');
    }
    return most > 0 && number <= most ? NULL : FAULT;
}

/* "0660": permission bits, octal. */
static const char *check_mode(bell_slice value)
{
    bool is_good = value.n >= 3 && value.n <= 4 && (value.n == 3 || value.p[0] == '0');
    for (size_t i = 0; i < value.n; i++) {
        is_good = is_good && value.p[i] >= '0' && value.p[i] <= '7';
    }
    return is_good ? NULL : "must be permission bits like 0660";
}

static const char *check_tls_min(bell_slice value)
{
    return bell_slice_equal(value, BELL_LIT("1.2")) || bell_slice_equal(value, BELL_LIT("1.3"))
               ? NULL
               : "must be 1.2 or 1.3";
}

static const char *check_io(bell_slice value)
{
    static const char *const BACK_ENDS[] = {"auto", "uring", "epoll"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(BACK_ENDS); i++) {
        if (value.n == strlen(BACK_ENDS[i]) && memcmp(value.p, BACK_ENDS[i], value.n) == 0) {
            return NULL;
        }
    }
    return "must be auto, uring or epoll";
}

#define AT(field)         .offset = offsetof(struct config, field)
#define NUMBER(low, high) .type = OPTION_NUMBER, .min = (low), .max = (high)

static const struct option OPTIONS[] = {
    {.name = "config",
     .argument = "FILE",
     AT(config_file),
     .type = OPTION_TEXT,
     .needs_value = true,
     .help = "Reads options from this file. Each line is \"key value\" or \"key = value\" with the "
             "names of this list; lines that begin with # are comments."},
    {.name = "data",
     .argument = "DIR",
     .value = "./data",
     AT(data),
     .type = OPTION_TEXT,
     .needs_value = true,
     .help = "The folder that holds everything the desk keeps. It is made when it is not there."},
    {.name = "log-level",
     .argument = "LEVEL",
     .value = "info",
     AT(log_level),
     .type = OPTION_LEVEL,
     .reloadable = true,
     .help = "How much is written to standard error: error, warn, info or debug."},
    {.name = "listen",
     .argument = "ADDRESS",
     .value = "127.0.0.1:8080",
     AT(listen),
     .type = OPTION_LIST,
     .check = check_listen,
     .needs_value = true,
     .serve_only = true,
     .help = "Where the server listens; several may be given. ADDR:PORT, like 127.0.0.1:8080 or "
             "[::1]:8080, port 0 taking any free one; unix:PATH, a Unix socket for a proxy on this "
             "machine; systemd, the sockets that systemd has passed (deskbell.socket), or "
             "systemd:NAME, those of this name."},
    {.name = "unix-mode",
     .argument = "MODE",
     .value = "0660",
     AT(unix_mode),
     .type = OPTION_TEXT,
     .check = check_mode,
     .needs_value = true,
     .serve_only = true,
     .help = "The permission bits of Unix sockets; who connects must be able to write."},
    {.name = "public-url",
     .argument = "URL",
     .value = "",
     AT(public_url),
     .type = OPTION_TEXT,
     .max = 256,
     .check = check_public_url,
     .serve_only = true,
     .help =
         "The address people use, when it is not that of the first listener. Printed links begin "
         "with it, and with https:// the session cookie is marked Secure."},
    {.name = "tls-cert",
     .argument = "FILE",
     AT(tls_cert),
     .type = OPTION_LIST,
     .needs_value = true,
     .serve_only = true,
     .help = "A certificate (PEM, the ones between it and its root behind it). With it all that "
             "listens speaks TLS: https and wss, and the session cookie is marked Secure. Several "
             "may be given, each with its tls-key: browsers get the one that is made out to the "
             "name they ask for, or the first. SIGHUP reads the files anew; connections go on, and "
             "if something is wrong with a file, so do the old certificates."},
    {.name = "tls-key",
     .argument = "FILE",
     AT(tls_key),
     .type = OPTION_LIST,
     .needs_value = true,
     .serve_only = true,
     .help = "The private key of a tls-cert (PEM, not encrypted), in the same order."},
    {.name = "tls-min",
     .argument = "VERSION",
     .value = "1.2",
     AT(tls_min),
     .type = OPTION_TEXT,
     .check = check_tls_min,
     .serve_only = true,
     .help = "The oldest version of TLS that is spoken: 1.2 or 1.3."},
    {.name = "trusted-proxies",
     .argument = "NETWORK",
     AT(trusted_proxies),
     .type = OPTION_LIST,
     .check = check_network,
     .needs_value = true,
     .serve_only = true,
     .help = "Proxies in front that are believed when they say for whom they speak, by address or "
             "network, for example 127.0.0.1 or 10.0.0.0/8, or unix for those that come by a Unix "
             "socket: X-Forwarded-For is the visitor's address then, for all limits, and "
             "X-Forwarded-Proto: https marks the session cookie Secure. From others these fields "
             "count for nothing."},
    {.name = "proxy-protocol",
     AT(proxy_protocol),
     .type = OPTION_FLAG,
     .serve_only = true,
     .help = "Connections from trusted-proxies begin with a header of the PROXY protocol, version "
             "1 or 2, which tells the visitor's address; those without one are refused. Needs "
             "trusted-proxies."},
    {.name = "threads",
     .argument = "N",
     .value = "0",
     AT(threads),
     NUMBER(0, 64),
     .serve_only = true,
     .help = "Threads that serve connections; 0 means one per core."},
    {.name = "io",
     .argument = "BACK-END",
     .value = "auto",
     AT(io),
     .type = OPTION_TEXT,
     .check = check_io,
     .serve_only = true,
     .help = "How the server speaks to the kernel: uring (Linux 6.1 and later), epoll, or auto, "
             "which takes uring where it works."},
    {.name = "readers",
     .argument = "N",
     .value = "2",
     AT(readers),
     NUMBER(1, 16),
     .serve_only = true,
     .help = "Threads that read from the store and check passwords."},
    {.name = "message-rate",
     .argument = "N",
     .value = "2",
     AT(message_rate),
     NUMBER(1, 1000000),
     .serve_only = true,
     .help = "Messages a visitor may send per second in the long run."},
    {.name = "message-burst",
     .argument = "N",
     .value = "20",
     AT(message_burst),
     NUMBER(1, 1000000),
     .serve_only = true,
     .help = "Messages a visitor may send at once."},
    {.name = "command-rate",
     .argument = "N",
     .value = "50",
     AT(command_rate),
     NUMBER(1, 1000000),
     .serve_only = true,
     .help = "Commands of any kind a connection may send per second in the long run."},
    {.name = "command-burst",
     .argument = "N",
     .value = "200",
     AT(command_burst),
     NUMBER(1, 1000000),
     .serve_only = true,
     .help = "Commands of any kind a connection may send at once."},
    {.name = "connections-per-address",
     .argument = "N",
     .value = "50",
     AT(connections_per_address),
     NUMBER(1, 1000000),
     .serve_only = true,
     .help = "WebSocket connections that may be open from one address (IPv6: from one /64)."},
    {.name = "conversations-per-address",
     .argument = "N",
     .value = "20",
     AT(conversations_per_address),
     NUMBER(1, 1000000),
     .serve_only = true,
     .help = "New conversations from one address within conversations-window-s, and 500 times as "
             "many new visitors."},
    {.name = "conversations-window-s",
     .argument = "SECONDS",
     .value = "3600",
     AT(conversations_window_s),
     NUMBER(1, DAY_S),
     .serve_only = true,
     .help = "The time that conversations-per-address counts over."},
    {.name = "login-attempts",
     .argument = "N",
     .value = "10",
     AT(login_attempts),
     NUMBER(1, 1000000),
     .serve_only = true,
     .help = "Log-ins that may be tried for one account, and from one address, within "
             "login-window-s."},
    {.name = "login-window-s",
     .argument = "SECONDS",
     .value = "900",
     AT(login_window_s),
     NUMBER(1, DAY_S),
     .serve_only = true,
     .help = "The time that login-attempts counts over."},
    {.name = "session-days",
     .argument = "DAYS",
     .value = "30",
     AT(session_days),
     NUMBER(1, 3650),
     .serve_only = true,
     .help = "Days without use after which a log-in of an agent ends."},
    {.name = "presence-grace-ms",
     .argument = "MS",
     .value = "5000",
     AT(presence_grace_ms),
     NUMBER(0, 600000),
     .serve_only = true,
     .help = "How long an agent whose connection was lost still counts as being there."},
    {.name = "queue-commands",
     .argument = "N",
     .value = "16384",
     AT(queue_commands),
     NUMBER(16, 1048576),
     .serve_only = true,
     .help = "Commands that may wait for the store; above, they are refused as busy."},
    {.name = "batch-commands",
     .argument = "N",
     .value = "512",
     AT(batch_commands),
     NUMBER(1, 65536),
     .serve_only = true,
     .help = "Commands that share one transaction at most."},
    {.name = "send-queue-bytes",
     .argument = "BYTES",
     .value = "4194304",
     AT(send_queue_bytes),
     NUMBER(4194304, 1073741824),
     .serve_only = true,
     .help =
         "What may wait to be sent to one connection; above, it is closed with 1013. The longest "
         "answer must fit."},
    {.name = "event-history",
     .argument = "N",
     .value = "1000000",
     AT(event_history),
     NUMBER(1000, 1000000000),
     .serve_only = true,
     .help = "Desk events that are kept, so that consoles can catch up after an absence."},
    {.name = "drain-timeout-ms",
     .argument = "MS",
     .value = "10000",
     AT(drain_timeout_ms),
     NUMBER(0, 600000),
     .serve_only = true,
     .help = "How long stopping waits for connections to end by themselves."},
};

#undef AT
#undef NUMBER

struct option_table config_options(void)
{
    return (struct option_table){OPTIONS, BELL_ARRAY_LEN(OPTIONS)};
}
