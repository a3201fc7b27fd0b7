/*
 * load: the load client of `make bench`. Plays one scenario against a running server on this
 * machine, checks every answer and prints one line of JSON. Exit status 0 when all was right.
 */
#include "load.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "usage: load SCENARIO --port N [options]\n"
    "\n"
    "  echo        every connection sends, and again when it is answered\n"
    "  broadcast   one connection sends, and all others must get it\n"
    "  open        opens connections, rests, then has each answer once\n"
    "  churn       opens and closes connections\n"
    "\n"
    "  --connections N   (100); of churn: side by side\n"
    "  --size BYTES      of a message (20)\n"
    "  --depth N         messages under way of a connection (1)\n"
    "  --at-once N       connections opened side by side (64)\n"
    "  --warm-up S       seconds before it is measured (0.5)\n"
    "  --seconds S       measured (2)\n"
    "  --pid PID         of the server: its processor time and memory are measured\n"
    "  --deflate         permessage-deflate, without context take-over\n"
    "  --tcp             no handshake, server's frames: for servers that return every byte\n"
    "  --patience S      seconds without an answer until it gives up (10)\n";

enum { USAGE_STATUS = 2, MS_PER_S = 1000 };

static const double NS_PER_S = 1e9;
static const double NS_PER_US = 1e3;

struct scenario {
    const char *name;
    void (*run)(struct load *l);
};

static const struct scenario SCENARIOS[] = {
    {"echo", load_echo},
    {"broadcast", load_broadcast},
    {"open", load_open},
    {"churn", load_churn},
};

static double number_of(const char *name, const char *text, double min, double max)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(value >= min && value <= max)) {
        client_fail(name, "is out of range or no number");
    }
    return value;
}

static bool option_set(struct load_options *o, int option, const char *value)
{
    switch (option) {
    case 'P':
        o->client.port = (uint16_t)number_of("--port", value, 1, UINT16_MAX);
        break;
    case 'c':
        o->client.connections = (uint32_t)number_of("--connections", value, 1, 1e6);
        break;
    case 'm':
        o->client.message_bytes = (size_t)number_of("--size", value, 1, 1e8);
        break;
    case 'p':
        o->client.depth = (uint32_t)number_of("--depth", value, 1, 1e3);
        break;
    case 'a':
        o->at_once = (uint32_t)number_of("--at-once", value, 1, 4e3);
        break;
    case 'w':
        o->warm_up_s = number_of("--warm-up", value, 0, 3600);
        break;
    case 's':
        o->seconds = number_of("--seconds", value, 0, 3600);
        break;
    case 'i':
        o->pid = (pid_t)number_of("--pid", value, 1, INT32_MAX);
        break;
    case 'd':
        o->client.is_deflated = true;
        break;
    case 't':
        o->client.is_tcp = true;
        break;
    case 'q':
        o->client.patience_ms = (uint32_t)(number_of("--patience", value, 0.1, 3600) * MS_PER_S);
        break;
    default:
        return false;
    }
    return true;
}

static const struct scenario *arguments_read(int argc, char **argv, struct load_options *o)
{
    static const struct option OPTIONS[] = {
        {"port", required_argument, NULL, 'P'},
        {"connections", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 'm'},
        {"depth", required_argument, NULL, 'p'},
        {"at-once", required_argument, NULL, 'a'},
        {"warm-up", required_argument, NULL, 'w'},
        {"seconds", required_argument, NULL, 's'},
        {"pid", required_argument, NULL, 'i'},
        {"deflate", no_argument, NULL, 'd'},
        {"tcp", no_argument, NULL, 't'},
        {"patience", required_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1;) {
        if (c == 'h') {
            (void)fputs(HELP, stdout);
            exit(EXIT_SUCCESS);
        }
        if (!option_set(o, c, optarg)) {
            exit(USAGE_STATUS);
        }
    }
    if (optind + 1 == argc && o->client.port != 0 && !(o->client.is_tcp && o->client.is_deflated)) {
        for (size_t i = 0; i < sizeof SCENARIOS / sizeof *SCENARIOS; i++) {
            if (strcmp(argv[optind], SCENARIOS[i].name) == 0) {
                return &SCENARIOS[i];
            }
        }
    }
    (void)fputs(HELP, stderr);
    exit(USAGE_STATUS);
}

static struct load_span span_now(const struct load *l)
{
    return (struct load_span){
        .clock_ns = bell_clock_now_ns(),
        .server_cpu_ns = l->options->pid == 0 ? 0 : stats_cpu_ns(l->options->pid),
        .client_cpu_ns = stats_cpu_ns(getpid()),
    };
}

void load_begin(struct load *l)
{
    l->begin = span_now(l);
}

void load_end(struct load *l)
{
    struct load_span now = span_now(l);
    l->took = (struct load_span){
        .clock_ns = now.clock_ns - l->begin.clock_ns,
        .server_cpu_ns = now.server_cpu_ns - l->begin.server_cpu_ns,
        .client_cpu_ns = now.client_cpu_ns - l->begin.client_cpu_ns,
    };
}

void load_open_next(struct load *l)
{
    if (l->next < l->options->client.connections) {
        client_open(&l->client, l->next++);
    }
}

void load_open_all(struct load *l)
{
    for (uint32_t i = 0; i < l->options->at_once; i++) {
        load_open_next(l);
    }
    while (l->client.open_count < l->options->client.connections) {
        client_turn(&l->client, LOAD_TURN_MS);
    }
}

void load_run(struct load *l, bool (*is_idle)(const struct load *))
{
    struct client *c = &l->client;
    const uint64_t warm_ns = c->now_ns + (uint64_t)(l->options->warm_up_s * NS_PER_S);
    uint64_t over_ns = 0;
    while (!l->is_over || !is_idle(l)) {
        client_turn(c, LOAD_TURN_MS);
        if (!l->is_measuring && !l->is_over && c->now_ns >= warm_ns) {
            load_begin(l);
            over_ns = l->begin.clock_ns + (uint64_t)(l->options->seconds * NS_PER_S);
            l->is_measuring = true;
        } else if (l->is_measuring && c->now_ns >= over_ns) {
            load_end(l);
            l->is_measuring = false;
            l->is_over = true;
        }
    }
}

void load_print(const struct load *l, const char *scenario, const char *counted, const char *own)
{
    double seconds = (double)l->took.clock_ns / NS_PER_S;
    printf("{%s\"scenario\": \"%s\", \"%s\": %" PRIu64 ", \"seconds\": %.6f, \"per_second\": %.1f, "
           "\"server_cpu_ns\": %" PRIu64 ", \"client_cpu_ns\": %" PRIu64,
           own, scenario, counted, l->messages, seconds,
           seconds > 0 ? (double)l->messages / seconds : 0, l->took.server_cpu_ns,
           l->took.client_cpu_ns);
    if (l->spans.count > 0) {
        printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f",
               (double)stats_quantile_ns(&l->spans, 0.5) / NS_PER_US,
               (double)stats_quantile_ns(&l->spans, 0.99) / NS_PER_US,
               (double)stats_quantile_ns(&l->spans, 0.999) / NS_PER_US);
    }
    puts("}");
}

int main(int argc, char **argv)
{
    struct load_options options = {
        .client = {.connections = 100, .message_bytes = 20, .depth = 1, .patience_ms = 10000},
        .at_once = 64,
        .warm_up_s = 0.5,
        .seconds = 2,
    };
    const struct scenario *scenario = arguments_read(argc, argv, &options);
    struct load *l = bell_mem_zalloc(sizeof *l);
    if (l == NULL) {
        client_fail("start", "no memory");
    }
    l->options = &options;
    scenario->run(l);
    client_finish(&l->client);
    bell_mem_free(l);
    return EXIT_SUCCESS;
}
