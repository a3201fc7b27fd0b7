/*
 * io_uring: many peers that send without end use up the buffers in every turn. Nobody may starve by
 * that, neither they nor those who send little. Both with buffers that are used up piece by piece
 * and without. Where there is no io_uring at all there is nothing to test.
 */
#include "base/mem.h"
#include "bell/net/io_uring_internal.h"
#include "pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FLOODS = 40,
    QUIET = FLOODS / 2, /* this one of all sends a byte at a time */
    ENDS = FLOODS + 1,
    ROUNDS = 50,
    MOST_TURNS = 8, /* for all to have their share once: they get 24 in a turn */
    LITTLE = 100,
};

struct end {
    struct bell_io_handle handle; /* first */
    uint64_t sent;                /* bytes, each of which tells its place */
    uint64_t received;            /* of them, in order */
    size_t turn_bytes;            /* received in this turn */
    int peer;
    bool is_stopped; /* receiving, by its callback */
    bool stops;
};

/* What is different from test to test. */
struct kind {
    const char *without; /* BELL_URING_WITHOUT */
    bool is_unix;
};

struct test {
    void (*body)(const struct kind *kind);
    const struct kind *kind;
};

static const struct kind KINDS[] = {
    {"", false}, {"", true}, {"incremental", false}, {"incremental", true}};

static struct bell_io *io;
static struct end ends[ENDS];

static void on_nothing(void *user)
{
    (void)user;
}

static void on_receive(struct bell_io_handle *h, bell_status st, char *bytes, size_t n, void *user)
{
    struct end *e = (struct end *)(void *)h;
    (void)user;
    assert_int_equal(st, BELL_OK);
    assert_true(n <= PATTERN_MOST_BYTES);
    assert_int_equal(memcmp(bytes, pattern_from(e->received), n), 0);
    e->received += n;
    e->turn_bytes += n;
    if (e->stops) {
        e->is_stopped = true;
        assert_int_equal(bell_io_receive(io, h, false), BELL_OK);
    }
}

static bool has_rings(void)
{
    bell_io_back_end back_end;
    return bell_io_choose(BELL_IO_URING, &back_end) == BELL_OK;
}

/* Two ends of a TCP connection. */
static void tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct sockaddr *a = (struct sockaddr *)(void *)&address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, a, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, a, &len), 0);
    assert_int_equal(connect(fds[1], a, len), 0);
    fds[0] = accept(listener, NULL, NULL);
    assert_true(fds[0] >= 0);
    (void)close(listener);
}

static int set_up(void **state)
{
    const struct kind *kind = ((const struct test *)*state)->kind;
    static const bell_io_events EVENTS = {
        .on_awake = on_nothing, .on_receive = on_receive, .on_wake = on_nothing};
    assert_int_equal(setenv("BELL_URING_WITHOUT", kind->without, 1), 0);
    assert_int_equal(bell_io_create(BELL_IO_URING, &EVENTS, NULL, &io), BELL_OK);
    memset(ends, 0, sizeof ends);
    for (int i = 0; i < ENDS; i++) {
        int fds[2];
        if (kind->is_unix) {
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        } else {
            tcp_pair(fds);
        }
        ends[i].peer = fds[1];
        assert_int_equal(bell_io_open(io, &ends[i].handle, fds[0], BELL_IO_STREAM), BELL_OK);
        assert_int_equal(bell_io_receive(io, &ends[i].handle, true), BELL_OK);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < ENDS; i++) {
        bell_io_close(io, &ends[i].handle);
        (void)close(ends[i].peer);
    }
    bell_io_destroy(io);
    assert_int_equal(bell_mem_live(), 0);
    return 0;
}

static void put(struct end *e, size_t n)
{
    assert_true(n <= PATTERN_MOST_BYTES);
    ssize_t sent = send(e->peer, pattern_from(e->sent), n, MSG_DONTWAIT);
    assert_true(sent >= 0 || errno == EAGAIN);
    e->sent += sent > 0 ? (uint64_t)sent : 0;
}

/* All but the quiet one send as much as fits, then there is a turn. */
static void flood_and_turn(void)
{
    for (int i = 0; i < ENDS; i++) {
        ends[i].turn_bytes = 0;
        if (i != QUIET) {
            put(&ends[i], PATTERN_MOST_BYTES);
        }
    }
    assert_int_equal(bell_io_turn(io, 0), BELL_OK);
}

/* Waits in a flood until those from first to last have received more than before. */
static void turn_until_served(const uint64_t *before, int first, int last)
{
    for (int turns = 0;; turns++) {
        int served = 0;
        for (int i = first; i <= last; i++) {
            served += ends[i].received > before[i];
        }
        if (served == last - first + 1) {
            return;
        }
        assert_true(turns < MOST_TURNS);
        flood_and_turn();
    }
}

static void remember(uint64_t *received)
{
    for (int i = 0; i < ENDS; i++) {
        received[i] = ends[i].received;
    }
}

static void who_sends_little_is_told_while_others_flood(const struct kind *kind)
{
    uint64_t before[ENDS];
    (void)kind;
    for (int i = 0; i < ROUNDS; i++) {
        remember(before);
        put(&ends[QUIET], 1);
        turn_until_served(before, QUIET, QUIET);
    }
}

static void who_floods_is_told_while_others_flood(const struct kind *kind)
{
    uint64_t before[ENDS];
    (void)kind;
    for (int i = 0; i < ROUNDS; i++) {
        remember(before);
        put(&ends[QUIET], 1);
        turn_until_served(before, 0, ENDS - 1);
    }
}

/*
 * From when it has found no buffer until nothing is left to receive: a share is no more than a
 * buffer. Something may be late on its way through the kernel; then nothing is left for a moment.
 */
static void who_floods_gets_no_more_than_a_share(const struct kind *kind)
{
    uint64_t before[ENDS];
    size_t most =
        kind->without[0] == '\0' ? (size_t)PIECEWISE_BUFFER_BYTES : (size_t)LARGE_BUFFER_BYTES;
    remember(before);
    put(&ends[QUIET], 1);
    turn_until_served(before, 0, ENDS - 1);
    int waited = 0;
    for (int i = 0; i < ROUNDS; i++) {
        bool waits[ENDS];
        for (int k = 0; k < ENDS; k++) {
            waits[k] = bell_uring_slot_at(io, ends[k].handle.slot)->is_starved;
            waited += waits[k];
        }
        flood_and_turn();
        for (int k = 0; k < ENDS; k++) {
            assert_true(!waits[k] || ends[k].turn_bytes <= most);
        }
    }
    assert_true(waited >= ROUNDS * (FLOODS / 2));
}

static void nothing_is_lost_by_stopping(const struct kind *kind)
{
    (void)kind;
    for (int i = 0; i < ENDS; i++) {
        ends[i].stops = i % 3 != 0;
    }
    for (int i = 0; i < ROUNDS; i++) {
        flood_and_turn();
        for (int k = i % 2; k < ENDS; k += 2) {
            if (ends[k].is_stopped) {
                ends[k].is_stopped = false;
                assert_int_equal(bell_io_receive(io, &ends[k].handle, true), BELL_OK);
            }
        }
    }
    for (int k = 0; k < ENDS; k++) {
        ends[k].stops = false;
        assert_int_equal(bell_io_receive(io, &ends[k].handle, true), BELL_OK);
    }
    for (int i = 0; i < 10 * ROUNDS; i++) {
        assert_int_equal(bell_io_turn(io, 0), BELL_OK);
    }
    for (int i = 0; i < ENDS; i++) {
        assert_int_equal(ends[i].received, ends[i].sent);
    }
}

/* When a flood is over its streams are as those that never took part. */
static void a_flood_leaves_nothing_behind(const struct kind *kind)
{
    uint64_t before[ENDS];
    (void)kind;
    remember(before);
    put(&ends[QUIET], 1);
    turn_until_served(before, 0, ENDS - 1);
    for (int i = 0; i < 10 * ROUNDS; i++) {
        assert_int_equal(bell_io_turn(io, 0), BELL_OK);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < ENDS; i++) {
            assert_int_equal(ends[i].received, ends[i].sent);
            put(&ends[i], LITTLE);
        }
        for (int i = 0; i < 4; i++) {
            assert_int_equal(bell_io_turn(io, 0), BELL_OK);
        }
    }
    for (int i = 0; i < ENDS; i++) {
        const struct bell_uring_slot *s = bell_uring_slot_at(io, ends[i].handle.slot);
        assert_int_equal(ends[i].received, ends[i].sent);
        assert_true(s->is_armed && !s->is_starved && !s->is_listed);
    }
}

static void closing_in_a_flood_is_harmless(const struct kind *kind)
{
    (void)kind;
    for (int i = 0; i < ENDS; i++) {
        flood_and_turn();
        bell_io_close(io, &ends[i].handle);
        (void)close(ends[i].peer);
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        ends[i] = (struct end){.peer = fds[1]};
        assert_int_equal(bell_io_open(io, &ends[i].handle, fds[0], BELL_IO_STREAM), BELL_OK);
        assert_int_equal(bell_io_receive(io, &ends[i].handle, true), BELL_OK);
    }
    uint64_t before[ENDS];
    remember(before);
    put(&ends[QUIET], 1);
    turn_until_served(before, 0, ENDS - 1);
}

/* More than all buffers hold; each of them sends little, and only once. */
static void a_crowd_is_told_soon(void **state)
{
    enum { CROWD = 400, EACH = 4096, SOON = 4 };
    static struct end crowd[CROWD];
    int told = 0;
    static_assert(CROWD * EACH > PIECEWISE_BUFFERS * PIECEWISE_BUFFER_BYTES, "it is a crowd");
    (void)state;
    memset(crowd, 0, sizeof crowd);
    for (int i = 0; i < CROWD; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        crowd[i].peer = fds[1];
        assert_int_equal(bell_io_open(io, &crowd[i].handle, fds[0], BELL_IO_STREAM), BELL_OK);
        assert_int_equal(bell_io_receive(io, &crowd[i].handle, true), BELL_OK);
    }
    assert_int_equal(bell_io_turn(io, 0), BELL_OK);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(send(crowd[i].peer, pattern_from(0), EACH, MSG_DONTWAIT), EACH);
    }
    for (int turns = 0; told < CROWD; turns++) {
        assert_true(turns < SOON);
        assert_int_equal(bell_io_turn(io, 0), BELL_OK);
        told = 0;
        for (int i = 0; i < CROWD; i++) {
            told += crowd[i].received == EACH;
        }
    }
    for (int i = 0; i < CROWD; i++) {
        bell_io_close(io, &crowd[i].handle);
        (void)close(crowd[i].peer);
    }
}

static void run(void **state)
{
    const struct test *test = *state;
    test->body(test->kind);
}

#define CASE(name, number)                                                                         \
    {                                                                                              \
#name " " #number, run, set_up, tear_down, &(struct test)                                  \
        {                                                                                          \
            name, &KINDS[number]                                                                   \
        }                                                                                          \
    }
#define TEST(name) CASE(name, 0), CASE(name, 1), CASE(name, 2), CASE(name, 3)

int main(void)
{
    static struct test piecewise = {NULL, &KINDS[0]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(a_crowd_is_told_soon, set_up, tear_down,
                                                 &piecewise),
        TEST(who_sends_little_is_told_while_others_flood),
        TEST(who_floods_is_told_while_others_flood),
        TEST(who_floods_gets_no_more_than_a_share),
        TEST(nothing_is_lost_by_stopping),
        TEST(a_flood_leaves_nothing_behind),
        TEST(closing_in_a_flood_is_harmless),
    };
    if (!has_rings()) {
        (void)puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
