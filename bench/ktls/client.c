/* The client, which is the same whatever the server does, and what it measures. */
#include "ktls.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKLOG = 64,
    SEND_BUFFER_BYTES = 256 * 1024, /* a whole echo fits, so neither side waits for the other */
    RECEIVE_BYTES = 256 * 1024,
    LINE_BYTES = 256,
    KIB = 1024,
};

static const uint64_t NS_PER_S = 1000000000;

struct server {
    pid_t pid;
    clockid_t clock;
    struct sockaddr_in address;
    int report_fd;
};

struct end {
    int fd;
    SSL *ssl; /* (owned) NULL without TLS */
};

static char received[RECEIVE_BYTES];

/* ---- the server's process ---- */

static int listen_anywhere(struct sockaddr_in *address)
{
    const int on = 1;
    const int bytes = SEND_BUFFER_BYTES;
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) != 0 ||
        bind(fd, (const struct sockaddr *)address, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &size) != 0) {
        ktls_fail("listen", strerror(errno));
    }
    return fd;
}

static struct server server_start(const struct ktls_run *run)
{
    struct server server;
    int ends[2];
    int listener = listen_anywhere(&server.address);
    (void)ktls_pattern(); /* once for both */
    if (pipe(ends) != 0 || (server.pid = fork()) < 0) {
        ktls_fail("fork", strerror(errno));
    }
    if (server.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(ends[0]);
        ktls_serve(run, listener, ends[1]);
    }
    (void)close(ends[1]);
    (void)close(listener);
    server.report_fd = ends[0];
    if (clock_getcpuclockid(server.pid, &server.clock) != 0) {
        ktls_fail("clock", "of the server is not there");
    }
    return server;
}

static void server_stop(const struct server *server)
{
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
    (void)close(server->report_fd);
}

static uint64_t server_cpu_ns(const struct server *server)
{
    struct timespec time;
    if (clock_gettime(server->clock, &time) != 0) {
        ktls_fail("server", "is gone");
    }
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* ---- connections ---- */

static struct end end_open(const struct server *server, SSL_CTX *context,
                           struct ktls_report *report)
{
    const int on = 1;
    const int bytes = SEND_BUFFER_BYTES;
    struct end end = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (end.fd < 0 || setsockopt(end.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(end.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) != 0 ||
        connect(end.fd, (const struct sockaddr *)&server->address, sizeof server->address) != 0) {
        ktls_fail("connect", strerror(errno));
    }
    if (context != NULL) {
        end.ssl = SSL_new(context);
        if (end.ssl == NULL || SSL_set_fd(end.ssl, end.fd) != 1 || SSL_connect(end.ssl) != 1) {
            ktls_fail_ssl("connect");
        }
    }
    if (read(server->report_fd, report, sizeof *report) != (ssize_t)sizeof *report) {
        ktls_fail("server", "is gone");
    }
    return end;
}

/* As many as the way can be had for; false when it cannot. */
static bool ends_open(struct end *ends, uint32_t count, const struct server *server,
                      SSL_CTX *context, struct ktls_report *report)
{
    for (uint32_t i = 0; i < count; i++) {
        ends[i] = end_open(server, context, report);
        if (report->why[0] != '\0') {
            return false;
        }
    }
    return true;
}

static void ends_close(struct end *ends, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        SSL_free(ends[i].ssl);
        if (ends[i].fd > 0) {
            (void)close(ends[i].fd);
        }
    }
    bell_mem_free(ends);
}

/* ---- messages ---- */

static void ask(const struct end *end, const struct ktls_run *run)
{
    size_t n = run->load->request_bytes;
    bool is_sent = end->ssl == NULL ? send(end->fd, ktls_pattern(), n, MSG_NOSIGNAL) == (ssize_t)n
                                    : SSL_write(end->ssl, ktls_pattern(), (int)n) == (int)n;
    if (!is_sent) {
        ktls_fail_ssl("request");
    }
}

static void hear(const struct end *end, const struct ktls_run *run, bool is_compared)
{
    for (size_t got = 0; got < run->load->answer_bytes;) {
        size_t left = run->load->answer_bytes - got;
        int size = (int)(left < sizeof received ? left : sizeof received);
        ssize_t n = end->ssl == NULL ? recv(end->fd, received, (size_t)size, 0)
                                     : SSL_read(end->ssl, received, size);
        if (n <= 0) {
            ktls_fail_ssl("answer");
        }
        if (is_compared && memcmp(received, ktls_pattern() + got, (size_t)n) != 0) {
            ktls_fail("answer", "is not what was asked for");
        }
        got += (size_t)n;
    }
}

/* A round: one answer at each connection. */
static void play(const struct end *ends, uint32_t count, const struct ktls_run *run,
                 bool is_compared)
{
    switch (run->load->kind) {
    case KTLS_ECHO:
        for (uint32_t i = 0; i < count; i++) {
            ask(&ends[i], run);
        }
        break;
    case KTLS_BROADCAST:
        ask(&ends[0], run);
        break;
    case KTLS_MEMORY:
    case KTLS_FILE:
        for (uint32_t i = 0; i < count; i++) {
            ask(&ends[i], run);
            hear(&ends[i], run, is_compared);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        hear(&ends[i], run, is_compared);
    }
}

static struct ktls_result play_all(const struct end *ends, const struct ktls_run *run,
                                   const struct server *server)
{
    for (int i = 0; i < KTLS_WARM_UP; i++) {
        play(ends, run->connections, run, i == 0);
    }
    uint32_t rounds = run->answers / run->load->share / run->connections;
    rounds = rounds == 0 ? 1 : rounds;
    uint64_t cpu_ns = server_cpu_ns(server);
    uint64_t clock_ns = bell_clock_now_ns();
    for (uint32_t i = 0; i < rounds; i++) {
        play(ends, run->connections, run, false);
    }
    double answers = (double)rounds * run->connections;
    return (struct ktls_result){
        .server_ns = (double)(server_cpu_ns(server) - cpu_ns) / answers,
        .core_ns = (double)(bell_clock_now_ns() - clock_ns) / answers,
    };
}

bool ktls_measure(const struct ktls_run *run, struct ktls_result *out, struct ktls_report *why)
{
    struct server server = server_start(run);
    SSL_CTX *context = ktls_has_tls(run->way) ? ktls_client_context() : NULL;
    struct end *ends = bell_mem_zalloc_array(run->connections, sizeof *ends);
    if (ends == NULL) {
        ktls_fail("connections", "no memory");
    }
    bool is_there = ends_open(ends, run->connections, &server, context, why);
    if (is_there) {
        *out = play_all(ends, run, &server);
    }
    server_stop(&server);
    ends_close(ends, run->connections);
    SSL_CTX_free(context);
    return is_there;
}

/* ---- memory ---- */

/* Memory of the kernel in small pieces, of which sockets and kTLS take theirs; in bytes. */
static double slab_now(void)
{
    static const char NAME[] = "Slab:";
    char line[LINE_BYTES];
    double kib = -1;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f != NULL && kib < 0 && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, NAME, sizeof NAME - 1) == 0) {
            kib = strtod(line + sizeof NAME - 1, NULL);
        }
    }
    if (kib < 0) {
        ktls_fail("/proc/meminfo", "does not tell the slab");
    }
    (void)fclose(f);
    return kib * KIB;
}

bool ktls_weigh(const struct ktls_run *run, struct ktls_memory *out, struct ktls_report *why)
{
    struct server server = server_start(run);
    SSL_CTX *context = ktls_has_tls(run->way) ? ktls_client_context() : NULL;
    struct end *ends = bell_mem_zalloc_array(run->connections, sizeof *ends);
    const uint32_t first = run->connections / 2; /* fill what is made once */
    double heap_bytes = 0;
    double slab_bytes = 0;
    if (ends == NULL) {
        ktls_fail("connections", "no memory");
    }
    bool is_there = true;
    for (uint32_t i = 0; i < run->connections && is_there; i++) {
        is_there = ends_open(&ends[i], 1, &server, context, why);
        if (is_there) {
            play(&ends[i], 1, run, true);
        }
        if (i == first) {
            heap_bytes = (double)why->heap_bytes;
            slab_bytes = slab_now();
        }
    }
    double count = run->connections - 1 - first;
    *out = (struct ktls_memory){
        .user_bytes = ((double)why->heap_bytes - heap_bytes) / count,
        .kernel_bytes = (slab_now() - slab_bytes) / count,
    };
    server_stop(&server);
    ends_close(ends, run->connections);
    SSL_CTX_free(context);
    return is_there;
}
