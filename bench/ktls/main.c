/* Options, the order of things, and the tables. */
#include "ktls.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char HELP[] =
    "usage: ktls [options]\n"
    "\n"
    "  --connections N   (32)\n"
    "  --answers N       measured, of each load in each way (3200); of long ones a share of it\n"
    "  --rounds N        of all ways of a load; the median counts (3)\n"
    "  --idle N          connections that rest, for memory (1000); 0: not measured\n"
    "  --tls VERSION     1.2 or 1.3 (both)\n"
    "  --cipher NAME     aes-128, aes-256, chacha20 (all)\n"
    "  --load NAME       one of those in the tables (all)\n";

enum { USAGE_STATUS = 2, MAX_ROUNDS = 99, MIN_IDLE = 4, TITLE_BYTES = 64 };

static const double PERCENT = 100;

static const char *const WAY_NAMES[KTLS_WAYS] = {
    [KTLS_PLAIN] = "plain",
    [KTLS_USER] = "user space",
    [KTLS_SSL_SENDS] = "SSL_write",
    [KTLS_KERNEL_SENDS] = "send",
    [KTLS_SSL_BOTH] = "SSL_read, SSL_write",
    [KTLS_KERNEL_BOTH] = "recvmsg, send",
};

static const struct ktls_load LOADS[] = {
    {"echo-20", 20, 20, KTLS_ECHO, 1},
    {"echo-1k", 1024, 1024, KTLS_ECHO, 1},
    {"echo-16k", 16384, 16384, KTLS_ECHO, 2},
    {"echo-64k", 65536, 65536, KTLS_ECHO, 10},
    {"broadcast-100", KTLS_REQUEST_BYTES, 100, KTLS_BROADCAST, 1},
    {"memory-1m", KTLS_REQUEST_BYTES, KTLS_MAX_BYTES, KTLS_MEMORY, 50},
    {"file-1m", KTLS_REQUEST_BYTES, KTLS_MAX_BYTES, KTLS_FILE, 50},
};

static const struct ktls_cipher CIPHERS[] = {
    {"aes-128", "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"},
    {"aes-256", "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"},
    {"chacha20", "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256"},
};

enum {
    LOADS_COUNT = sizeof LOADS / sizeof *LOADS,
    CIPHERS_COUNT = sizeof CIPHERS / sizeof *CIPHERS
};

struct options {
    uint32_t connections;
    uint32_t answers;
    uint32_t rounds;
    uint32_t idle;
    int version;        /* 0 = both */
    const char *cipher; /* NULL = all */
    const char *load;   /* NULL = all */
};

struct cell {
    bool is_there;
    double server_ns;
    double core_ns;
};

static double spread; /* the largest difference between rounds of the same, by their median */

/* ---- options ---- */

static uint32_t number_of(const char *text, uint32_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n > most) {
        (void)fputs(HELP, stderr);
        exit(USAGE_STATUS);
    }
    return (uint32_t)n;
}

static int version_of(const char *text)
{
    if (strcmp(text, "1.2") == 0) {
        return TLS1_2_VERSION;
    }
    if (strcmp(text, "1.3") == 0) {
        return TLS1_3_VERSION;
    }
    (void)fputs(HELP, stderr);
    exit(USAGE_STATUS);
}

static bool is_known(const struct options *o)
{
    bool has_cipher = o->cipher == NULL;
    bool has_load = o->load == NULL;
    for (size_t i = 0; i < CIPHERS_COUNT && !has_cipher; i++) {
        has_cipher = strcmp(o->cipher, CIPHERS[i].name) == 0;
    }
    for (size_t i = 0; i < LOADS_COUNT && !has_load; i++) {
        has_load = strcmp(o->load, LOADS[i].name) == 0;
    }
    return has_cipher && has_load;
}

static struct options options_read(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"connections", required_argument, NULL, 'c'},
        {"answers", required_argument, NULL, 'a'},
        {"rounds", required_argument, NULL, 'r'},
        {"idle", required_argument, NULL, 'i'},
        {"tls", required_argument, NULL, 't'},
        {"cipher", required_argument, NULL, 'e'},
        {"load", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {.connections = 32, .answers = 3200, .rounds = 3, .idle = 1000};
    for (int c; (c = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1;) {
        switch (c) {
        case 'c':
            o.connections = number_of(optarg, 10000);
            break;
        case 'a':
            o.answers = number_of(optarg, UINT32_MAX);
            break;
        case 'r':
            o.rounds = number_of(optarg, MAX_ROUNDS);
            break;
        case 'i':
            o.idle = number_of(optarg, 30000);
            break;
        case 't':
            o.version = version_of(optarg);
            break;
        case 'e':
            o.cipher = optarg;
            break;
        case 'l':
            o.load = optarg;
            break;
        case 'h':
            (void)fputs(HELP, stdout);
            exit(EXIT_SUCCESS);
        default:
            exit(USAGE_STATUS);
        }
    }
    if (optind != argc || o.connections == 0 || o.rounds == 0 || !is_known(&o)) {
        (void)fputs(HELP, stderr);
        exit(USAGE_STATUS);
    }
    return o;
}

/* ---- the machine ---- */

/* Both processes on one core: then its time is the sum of all that was done, by whomever. Neither
 * interrupts the other, so that all ways find as much to do at a time. */
static void core_choose(void)
{
    cpu_set_t one;
    const struct sched_param none = {.sched_priority = 0};
    int core = sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET((size_t)(core < 0 ? 0 : core), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0 ||
        sched_setscheduler(0, SCHED_BATCH, &none) != 0) {
        ktls_fail("core", strerror(errno));
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* 0, or the errno of a kernel without TLS. Only a connected socket can be asked. */
static int kernel_refuses(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || fd < 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        connect(fd, (const struct sockaddr *)&address, size) != 0) {
        ktls_fail("socket", strerror(errno));
    }
    int error = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") == 0 ? 0 : errno;
    (void)close(fd);
    (void)close(listener);
    return error;
}

static bool is_possible(enum ktls_way way, int refusal)
{
    return refusal == 0 || !ktls_kernel_sends(way);
}

/* ---- measuring ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, compare);
    double middle = values[count / 2];
    double width = (values[count - 1] - values[0]) / middle;
    spread = width > spread ? width : spread;
    return middle;
}

static void cells_fill(struct ktls_run run, uint32_t rounds, int refusal, struct cell *cells,
                       struct ktls_report *whys)
{
    double server_ns[KTLS_WAYS][MAX_ROUNDS];
    double core_ns[KTLS_WAYS][MAX_ROUNDS];
    for (uint32_t round = 0; round < rounds; round++) {
        for (unsigned way = 0; way < KTLS_WAYS; way++) {
            struct ktls_result result;
            run.way = (enum ktls_way)way;
            cells[way].is_there =
                is_possible(run.way, refusal) && ktls_measure(&run, &result, &whys[way]);
            if (cells[way].is_there) {
                server_ns[way][round] = result.server_ns;
                core_ns[way][round] = result.core_ns;
            }
        }
    }
    for (unsigned way = 0; way < KTLS_WAYS; way++) {
        if (cells[way].is_there) {
            cells[way].server_ns = median(server_ns[way], rounds);
            cells[way].core_ns = median(core_ns[way], rounds);
        }
    }
}

/* ---- tables ---- */

static void title_write(char title[TITLE_BYTES], const struct ktls_run *run)
{
    (void)snprintf(title, TITLE_BYTES, "TLS 1.%c, %s", run->version == TLS1_2_VERSION ? '2' : '3',
                   run->cipher->name);
}

static void head_print(const char *what, const char *unit)
{
    (void)printf("\n%s, %s\n\n| |", what, unit);
    for (unsigned way = 0; way < KTLS_WAYS; way++) {
        (void)printf(" %s |", WAY_NAMES[way]);
    }
    (void)printf("\n|---|");
    for (unsigned way = 0; way < KTLS_WAYS; way++) {
        (void)printf("---:|");
    }
    (void)printf("\n");
}

static void row_print(const char *name, const double *values, const bool *are_there)
{
    (void)printf("| %s |", name);
    for (unsigned way = 0; way < KTLS_WAYS; way++) {
        if (!are_there[way]) {
            (void)printf(" – |");
        } else if (way <= KTLS_USER) {
            (void)printf(" %.0f |", values[way]);
        } else {
            (void)printf(" %.0f (%+.1f %%) |", values[way],
                         (values[way] / values[KTLS_USER] - 1) * PERCENT);
        }
    }
    (void)printf("\n");
}

static void whys_print(const struct ktls_report *whys)
{
    for (unsigned way = 0; way < KTLS_WAYS; way++) {
        if (whys[way].why[0] != '\0') {
            (void)printf("\n%s: %s\n", WAY_NAMES[way], whys[way].why);
        }
    }
}

static void table_print(struct ktls_run run, const struct options *o, int refusal)
{
    struct cell cells[LOADS_COUNT][KTLS_WAYS] = {0};
    struct ktls_report whys[KTLS_WAYS] = {0};
    for (size_t i = 0; i < LOADS_COUNT; i++) {
        if (o->load == NULL || strcmp(o->load, LOADS[i].name) == 0) {
            run.load = &LOADS[i];
            cells_fill(run, o->rounds, refusal, cells[i], whys);
        }
    }
    char title[TITLE_BYTES];
    title_write(title, &run);
    for (int is_core = 0; is_core <= 1; is_core++) {
        head_print(title, is_core ? "all that the core did, ns per answer"
                                  : "processor time of the server, ns per answer");
        for (size_t i = 0; i < LOADS_COUNT; i++) {
            double values[KTLS_WAYS];
            bool are_there[KTLS_WAYS];
            for (unsigned way = 0; way < KTLS_WAYS; way++) {
                are_there[way] = cells[i][way].is_there;
                values[way] = is_core ? cells[i][way].core_ns : cells[i][way].server_ns;
            }
            if (are_there[KTLS_PLAIN]) {
                row_print(LOADS[i].name, values, are_there);
            }
        }
    }
    whys_print(whys);
    (void)fflush(stdout);
}

static void memory_print(struct ktls_run run, uint32_t idle, int refusal)
{
    double user[KTLS_WAYS];
    double kernel[KTLS_WAYS];
    bool are_there[KTLS_WAYS];
    struct ktls_report whys[KTLS_WAYS] = {0};
    run.connections = idle;
    run.load = &LOADS[0];
    for (unsigned way = 0; way < KTLS_WAYS; way++) {
        struct ktls_memory memory = {0};
        run.way = (enum ktls_way)way;
        are_there[way] = is_possible(run.way, refusal) && ktls_weigh(&run, &memory, &whys[way]);
        user[way] = memory.user_bytes;
        kernel[way] = memory.kernel_bytes;
    }
    char title[TITLE_BYTES];
    title_write(title, &run);
    head_print(
        title,
        "heap of the server and slab of the kernel for both ends, bytes per idle connection");
    row_print("server", user, are_there);
    row_print("kernel", kernel, are_there);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static const int VERSIONS[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    const struct options o = options_read(argc, argv);
    struct utsname machine;
    (void)uname(&machine);
    (void)printf("Linux %s, %s, %" PRIu32 " connections, %" PRIu32 " rounds\n", machine.release,
                 OpenSSL_version(OPENSSL_VERSION_STRING), o.connections, o.rounds);
    int refusal = kernel_refuses();
    if (refusal != 0) {
        (void)printf("This kernel has no TLS (setsockopt TCP_ULP: %s); try modprobe tls.\n",
                     strerror(refusal));
    }
    core_choose();
    for (size_t version = 0; version < sizeof VERSIONS / sizeof *VERSIONS; version++) {
        for (size_t i = 0; i < CIPHERS_COUNT; i++) {
            const struct ktls_run run = {
                .cipher = &CIPHERS[i],
                .version = VERSIONS[version],
                .connections = o.connections,
                .answers = o.answers,
            };
            if ((o.version == 0 || o.version == run.version) &&
                (o.cipher == NULL || strcmp(o.cipher, run.cipher->name) == 0)) {
                table_print(run, &o, refusal);
                if (o.idle >= MIN_IDLE && (i == 0 || o.cipher != NULL)) {
                    memory_print(run, o.idle, refusal);
                }
            }
        }
    }
    (void)printf("\nRounds of the same differ by %.1f %% at most.\n", spread * PERCENT);
    return EXIT_SUCCESS;
}
