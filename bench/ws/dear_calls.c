/*
 * Makes system calls dear: what a machine costs on which each of them takes longer.
 *
 *   dear-calls --calibrate NS             tells how long the filter for that cost must be
 *   dear-calls --length N PROGRAM ARG…    becomes the program, which has the filter from then on
 *
 * An emulation: the kernel runs a seccomp filter before each system call of the program, N
 * multiplications of which each needs the one before, and allows them all. The first operand is an
 * argument of the call, so the kernel cannot know beforehand that the answer is always the same
 * (see seccomp_cache_prepare in its kernel/seccomp.c). What a call does costs what it did; an
 * io_uring_enter pays once, whatever it submits.
 */
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FRAME = 2, /* instructions around the multiplications */
    MAX_LENGTH = BPF_MAXINSNS - FRAME,
    PROBE_LENGTH = 1000, /* long enough to tell what one costs */
    CALLS = 20000,
    TRIES = 25, /* the quickest counts: nothing came between */
    MAX_COST_NS = 1000000,
    FACTOR = 0x01000193,
    USAGE_STATUS = 2,
};

static _Noreturn void fail(const char *what)
{
    (void)fprintf(stderr, "dear-calls: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static _Noreturn void usage(void)
{
    (void)fputs("usage: dear-calls --calibrate NS | --length N PROGRAM [ARG…]\n", stderr);
    exit(USAGE_STATUS);
}

/* From now on each system call of this thread, and of what it becomes, goes through the filter. */
static void install(uint32_t length)
{
    static struct sock_filter code[BPF_MAXINSNS];
    code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                           offsetof(struct seccomp_data, args[0]));
    for (uint32_t i = 1; i <= length; i++) {
        code[i] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, FACTOR);
    }
    code[length + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)(length + FRAME), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) !=
            0) {
        fail("seccomp");
    }
}

static uint64_t call_ns(void)
{
    uint64_t best_ns = UINT64_MAX;
    for (int try = 0; try < TRIES; try++) {
        uint64_t begin_ns = bell_clock_now_ns();
        for (int i = 0; i < CALLS; i++) {
            (void)syscall(SYS_getppid);
        }
        uint64_t took_ns = bell_clock_now_ns() - begin_ns;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    return best_ns / CALLS;
}

/* What an empty system call costs; length 0: without a filter. A filter stays, so in a child. */
static uint64_t cost_ns(uint32_t length)
{
    int ends[2];
    if (pipe(ends) != 0) {
        fail("pipe");
    }
    pid_t child = fork();
    if (child < 0) {
        fail("fork");
    }
    uint64_t ns = 0;
    if (child == 0) {
        if (length > 0) {
            install(length);
        }
        ns = call_ns();
        _exit(write(ends[1], &ns, sizeof ns) == (ssize_t)sizeof ns ? 0 : EXIT_FAILURE);
    }
    (void)close(ends[1]);
    if (read(ends[0], &ns, sizeof ns) != (ssize_t)sizeof ns) {
        (void)fputs("dear-calls: a measurement failed\n", stderr);
        exit(EXIT_FAILURE);
    }
    (void)close(ends[0]);
    (void)waitpid(child, NULL, 0);
    return ns;
}

/* Prints one line of JSON. A length of 0: a call costs as much already. */
static int calibrate(uint64_t wanted_ns)
{
    uint64_t plain_ns = cost_ns(0);
    uint64_t least_ns = cost_ns(1);
    uint64_t probe_ns = cost_ns(PROBE_LENGTH);
    uint64_t length = 0;
    if (wanted_ns > least_ns && probe_ns > least_ns) {
        length = 1 + (wanted_ns - least_ns) * (PROBE_LENGTH - 1) / (probe_ns - least_ns);
    }
    if (length > MAX_LENGTH) {
        (void)fprintf(stderr,
                      "dear-calls: a filter cannot cost that much; at most %" PRIu64 " ns\n",
                      least_ns + (probe_ns - least_ns) * MAX_LENGTH / PROBE_LENGTH);
        return EXIT_FAILURE;
    }
    (void)printf("{\"length\": %" PRIu64 ", \"plain_ns\": %" PRIu64 ", \"dear_ns\": %" PRIu64 "}\n",
                 length, plain_ns, length == 0 ? plain_ns : cost_ns((uint32_t)length));
    return EXIT_SUCCESS;
}

static bool number_read(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    *out = number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= least &&
           number <= most;
}

int main(int argc, char **argv)
{
    uint64_t number;
    if (argc == 3 && strcmp(argv[1], "--calibrate") == 0 &&
        number_read(argv[2], 0, MAX_COST_NS, &number)) {
        return calibrate(number);
    }
    if (argc < 4 || strcmp(argv[1], "--length") != 0 ||
        !number_read(argv[2], 1, MAX_LENGTH, &number)) {
        usage();
    }
    install((uint32_t)number);
    (void)execvp(argv[3], argv + 3);
    fail(argv[3]);
}
