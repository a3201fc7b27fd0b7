/*
 * replay: plays dialogues against a running server and measures. bench/run.py starts it with
 * everything it needs; see --help for use by hand.
 */
#include "replay.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DEFAULT_PORT = 8080,
    DEFAULT_SLOTS = 500,
    DEFAULT_RECEIPT_MS = 200,
    DEFAULT_PATIENCE_MS = 30000
};

static const char HELP[] =
    "usage: replay --dialogues FILE --cookies FILE [options]\n"
    "\n"
    "  --dialogues FILE    what is said, as bench/dialogues.py writes it\n"
    "  --cookies FILE      a Cookie field per line, one for each agent's console\n"
    "  --server ADDR:PORT  (127.0.0.1:8080)\n"
    "  --site KEY          (demo)\n"
    "  --conversations N   dialogues to play (all of the file)\n"
    "  --at-once N         dialogues at a time (500)\n"
    "  --rate N            turns per second over all; 0 = as fast as it goes (0)\n"
    "  --seconds S         start no turn after this time; 0 = until all is played (0)\n"
    "  --receipt-ms MS     receipts are sent at most this often (200)\n"
    "  --patience-ms MS    give up when nothing has arrived for so long (30000)\n"
    "  --transcript FILE   write what was acknowledged and shown\n"
    "\n"
    "SIGINT and SIGTERM end it as --seconds does: what is under way comes to its end.\n";

struct arguments {
    struct replay_options options;
    const char *dialogues;
    const char *cookies;
    const char *transcript;
    char address[64];
};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "replay: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static double number_of(const char *name, const char *text, double min, double max)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(value >= min && value <= max)) {
        fail(name, "is out of range or no number");
    }
    return value;
}

static void set_server(struct arguments *a, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof a->address) {
        fail("--server", "must be ADDR:PORT");
    }
    memcpy(a->address, text, (size_t)(colon - text));
    a->address[colon - text] = '\0';
    a->options.address = a->address;
    a->options.port = (uint16_t)number_of("--server", colon + 1, 1, UINT16_MAX);
}

static void read_arguments(int argc, char **argv, struct arguments *a)
{
    static const struct option OPTIONS[] = {
        {"dialogues", required_argument, NULL, 'd'},
        {"cookies", required_argument, NULL, 'c'},
        {"server", required_argument, NULL, 's'},
        {"site", required_argument, NULL, 'k'},
        {"conversations", required_argument, NULL, 'n'},
        {"at-once", required_argument, NULL, 'a'},
        {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 't'},
        {"receipt-ms", required_argument, NULL, 'm'},
        {"patience-ms", required_argument, NULL, 'p'},
        {"transcript", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1;) {
        switch (c) {
        case 'd':
            a->dialogues = optarg;
            break;
        case 'c':
            a->cookies = optarg;
            break;
        case 's':
            set_server(a, optarg);
            break;
        case 'k':
            a->options.site = optarg;
            break;
        case 'n':
            a->options.play_count = (uint32_t)number_of("--conversations", optarg, 1, 1e7);
            break;
        case 'a':
            a->options.slot_count = (uint32_t)number_of("--at-once", optarg, 1, 1e5);
            break;
        case 'r':
            a->options.rate = number_of("--rate", optarg, 0, 1e6);
            break;
        case 't':
            a->options.seconds = number_of("--seconds", optarg, 0, 1e6);
            break;
        case 'm':
            a->options.receipt_ms = (uint64_t)number_of("--receipt-ms", optarg, 1, 1e6);
            break;
        case 'p':
            a->options.patience_ms = (uint64_t)number_of("--patience-ms", optarg, 1, 1e7);
            break;
        case 'o':
            a->transcript = optarg;
            break;
        case 'h':
            fputs(HELP, stdout);
            exit(EXIT_SUCCESS);
        default:
            exit(2);
        }
    }
    if (optind != argc || a->dialogues == NULL || a->cookies == NULL) {
        fputs(HELP, stderr);
        exit(2);
    }
}

/* One Cookie field per line. */
static uint32_t read_cookies(const char *path, char (*out)[COOKIE_BYTES])
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail(path, strerror(errno));
    }
    uint32_t count = 0;
    while (count < MAX_AGENTS && fgets(out[count], COOKIE_BYTES, file) != NULL) {
        out[count][strcspn(out[count], "\r\n")] = '\0';
        count += out[count][0] != '\0';
    }
    fclose(file);
    if (count == 0) {
        fail(path, "holds no cookie");
    }
    return count;
}

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

int main(int argc, char **argv)
{
    static char cookies[MAX_AGENTS][COOKIE_BYTES];
    const char *cookie_texts[MAX_AGENTS];
    struct arguments a = {.options = {.address = "127.0.0.1",
                                      .port = DEFAULT_PORT,
                                      .site = "demo",
                                      .slot_count = DEFAULT_SLOTS,
                                      .receipt_ms = DEFAULT_RECEIPT_MS,
                                      .patience_ms = DEFAULT_PATIENCE_MS}};
    struct dialogues dialogues;
    struct replay replay;
    read_arguments(argc, argv, &a);
    uint32_t cookie_count = read_cookies(a.cookies, cookies);
    for (uint32_t i = 0; i < cookie_count; i++) {
        cookie_texts[i] = cookies[i];
    }
    if (dialogues_read(a.dialogues, &dialogues) != BELL_OK) {
        fail(a.dialogues, "is no file of dialogues");
    }
    if (a.options.play_count == 0) {
        a.options.play_count = dialogues.count;
    }
    a.options.stop = &stop;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (replay_init(&replay, &a.options, &dialogues, cookie_texts, cookie_count) != BELL_OK) {
        fail("start", "no memory or no sockets");
    }
    bool is_well = replay_run(&replay);
    replay_print(&replay);
    if (a.transcript != NULL && !replay_write_transcript(&replay, a.transcript)) {
        is_well = false;
    }
    replay_finish(&replay);
    dialogues_finish(&dialogues);
    return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
