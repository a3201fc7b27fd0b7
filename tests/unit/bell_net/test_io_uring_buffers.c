/*
 * io_uring without buffers that are used up piece by piece (before Linux 6.12): small ones for
 * everybody, a few large ones for streams in the middle of much. Where there is no io_uring at all
 * there is nothing to test.
 */
#include "base/mem.h"
#include "bell/net/io_uring_internal.h"
#include "pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MANY = 3 * LARGE_BUFFERS,
    CROWD = SMALL_BUFFERS + SMALL_BUFFERS / 2,
    MOST_TURNS = 1000,
    MUCH = 2 * SMALL_BUFFER_BYTES, /* fills small buffers, fits into a large one */
};

struct end {
    struct bell_io_handle handle; /* first */
    uint64_t sent;                /* bytes, each of which tells its place */
    uint64_t received;            /* of them, in order */
    size_t most;                  /* in one receive since it was set to 0 */
    int peer;
    bool stops; /* receiving, from inside the callback */
};

static struct bell_io *io;
static struct end ends[CROWD];
static uint32_t end_count;

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
    assert_memory_equal(bytes, pattern_from(e->received), n);
    e->received += n;
    e->most = n > e->most ? n : e->most;
    if (e->stops) {
        assert_int_equal(bell_io_receive(io, h, false), BELL_OK);
    }
}

static bool has_rings(void)
{
    bell_io_back_end back_end;
    return bell_io_choose(BELL_IO_URING, &back_end) == BELL_OK;
}

static int set_up(void **state)
{
    static const bell_io_events EVENTS = {
        .on_awake = on_nothing, .on_receive = on_receive, .on_wake = on_nothing};
    (void)state;
    end_count = 0;
    memset(ends, 0, sizeof ends);
    io = NULL;
    return bell_io_create(BELL_IO_URING, &EVENTS, NULL, &io) != BELL_OK;
}

static int tear_down(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < end_count; i++) {
        bell_io_close(io, &ends[i].handle);
        (void)close(ends[i].peer);
    }
    bell_io_destroy(io);
    assert_int_equal(bell_mem_live(), 0);
    return 0;
}

static struct end *open_end(void)
{
    int fds[2];
    const int room = 1 << 20;
    struct end *e = &ends[end_count++];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    (void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    e->peer = fds[1];
    assert_int_equal(bell_io_open(io, &e->handle, fds[0], BELL_IO_STREAM), BELL_OK);
    assert_int_equal(bell_io_receive(io, &e->handle, true), BELL_OK);
    return e;
}

static void put(struct end *e, size_t n)
{
    assert_true(n <= PATTERN_MOST_BYTES);
    assert_int_equal(send(e->peer, pattern_from(e->sent), n, MSG_DONTWAIT), (ssize_t)n);
    e->sent += n;
}

static void turn(void)
{
    assert_int_equal(bell_io_turn(io, 0), BELL_OK);
}

/* The kernel receives for all, some at a time, before anything is told and a buffer comes back. */
static void turn_for_all(void)
{
    for (uint32_t i = 0; i < end_count; i++) {
        assert_int_equal(bell_uring_submit(io), BELL_OK);
    }
    turn();
}

static void turn_until_received(const struct end *e)
{
    for (int i = 0; e->received < e->sent; i++) {
        assert_true(i < MOST_TURNS);
        turn();
    }
}

/* A few turns more: whatever is being cancelled or armed is over then. */
static void rest(void)
{
    for (int i = 0; i < 4; i++) {
        turn();
    }
}

/* Sends n bytes, receives them, and lets the stream be armed as it then wants to be. */
static void pass(struct end *e, size_t n)
{
    e->most = 0;
    put(e, n);
    turn_until_received(e);
    rest();
}

static const struct bell_uring_slot *slot_of(const struct end *e)
{
    return bell_uring_slot_at(io, e->handle.slot);
}

static void is_settled(const struct end *e, bool is_large)
{
    assert_true(slot_of(e)->is_armed);
    assert_int_equal(slot_of(e)->is_large, is_large);
    assert_int_equal(slot_of(e)->wants_large, is_large);
}

/*
 * Pages of the large buffers that are in memory, but for the first and last, which others touch;
 * and for the second, since AddressSanitizer fills the beginning of what it gives.
 */
static size_t large_pages(void)
{
    static unsigned char is_there[LARGE_BUFFERS * LARGE_BUFFER_BYTES / 4096];
    const struct bell_uring_buffers *b = &io->buffers[GROUP_LARGE];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = 2 * page - (uintptr_t)b->bytes % page;
    size_t n = ((size_t)b->count * b->buffer_bytes - before) / page;
    size_t count = 0;
    assert_int_equal(mincore(b->bytes + before, n * page, is_there), 0);
    for (size_t i = 0; i < n; i++) {
        count += is_there[i] & 1U;
    }
    return count;
}

/* First of all: memory that was used before may be used again, and is touched then. */
static void large_buffers_cost_nothing_until_they_are_needed(void **state)
{
    (void)state;
    struct end *e = open_end();
    assert_int_equal(large_pages(), 0);
    for (int i = 0; i < 2 * SMALL_BUFFERS; i++) {
        pass(e, SMALL_BUFFER_BYTES - 1);
    }
    is_settled(e, false);
    assert_int_equal(large_pages(), 0);
    pass(e, MUCH);
    pass(e, MUCH);
    is_settled(e, true);
    assert_true(large_pages() > 0);
}

static void a_filled_small_buffer_makes_a_stream_receive_from_large_ones(void **state)
{
    static const struct {
        size_t n;
        bool is_large; /* afterwards */
    } CASES[] = {
        {1, false},
        {SMALL_BUFFER_BYTES - 1, false},
        {SMALL_BUFFER_BYTES, true},
        {SMALL_BUFFER_BYTES + 1, true},
        {LARGE_BUFFER_BYTES, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct end *e = open_end();
        pass(e, CASES[i].n);
        assert_in_range(e->most, 1, SMALL_BUFFER_BYTES);
        is_settled(e, CASES[i].is_large);
        pass(e, 2 * SMALL_BUFFER_BYTES);
        assert_int_equal(e->most > SMALL_BUFFER_BYTES, CASES[i].is_large);
        is_settled(e, true);
    }
}

static void a_stream_that_needs_none_goes_back_after_some_patience(void **state)
{
    (void)state;
    struct end *e = open_end();
    pass(e, MUCH);
    is_settled(e, true);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < LARGE_PATIENCE - 1; i++) {
            pass(e, i == 0 ? SMALL_BUFFER_BYTES : 1); /* at the limit: it would have fitted */
            is_settled(e, true);
        }
        pass(e, SMALL_BUFFER_BYTES + 1); /* counts anew */
        is_settled(e, true);
    }
    for (int i = 0; i < LARGE_PATIENCE; i++) {
        is_settled(e, true);
        pass(e, 1);
    }
    is_settled(e, false);
    pass(e, SMALL_BUFFER_BYTES - 1);
    is_settled(e, false);
    pass(e, SMALL_BUFFER_BYTES);
    is_settled(e, true);
}

static void streams_that_find_no_large_buffer_take_small_ones(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++) {
        (void)open_end();
    }
    for (int i = 0; i < MANY; i++) {
        pass(&ends[i], MUCH);
        is_settled(&ends[i], true);
    }
    for (int i = 0; i < MANY; i++) {
        put(&ends[i], MUCH);
    }
    uint32_t went = 0;
    turn_for_all();
    for (int i = 0; i < MANY; i++) {
        went += !slot_of(&ends[i])->wants_large;
    }
    assert_int_equal(went, MANY - LARGE_BUFFERS);
    for (int i = 0; i < MANY; i++) {
        turn_until_received(&ends[i]);
    }
    rest();
    for (int i = 0; i < MANY; i++) {
        is_settled(&ends[i], true); /* they have filled small ones since */
        pass(&ends[i], MUCH);
    }
}

static void streams_that_find_no_small_buffer_are_served_in_later_turns(void **state)
{
    (void)state;
    for (int i = 0; i < CROWD; i++) {
        (void)open_end();
    }
    turn();
    for (int i = 0; i < CROWD; i++) {
        put(&ends[i], 20);
    }
    turn_for_all();
    uint32_t served = 0;
    for (int i = 0; i < CROWD; i++) {
        served += ends[i].received == 20;
    }
    assert_int_equal(served, SMALL_BUFFERS);
    turn_for_all();
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(ends[i].received, 20);
    }
    rest();
    for (int i = 0; i < CROWD; i++) {
        is_settled(&ends[i], false);
    }
}

static void nothing_is_lost_by_stopping_at_any_moment_of_a_change(void **state)
{
    (void)state;
    for (int turns = 0; turns < 6; turns++) {
        for (int from_large = 0; from_large < 2; from_large++) {
            struct end *e = open_end();
            if (from_large != 0) {
                pass(e, MUCH);
            }
            for (int i = 0; i < LARGE_PATIENCE; i++) {
                put(e, from_large != 0 ? 1 : MUCH);
                turn();
            }
            for (int i = 0; i < turns; i++) {
                turn();
            }
            put(e, MUCH);
            assert_int_equal(bell_io_receive(io, &e->handle, false), BELL_OK);
            uint64_t received = e->received;
            rest();
            assert_int_equal(e->received, received);
            put(e, MUCH);
            assert_int_equal(bell_io_receive(io, &e->handle, true), BELL_OK);
            turn_until_received(e);
            rest();
            assert_true(slot_of(e)->is_armed);
        }
    }
}

/* Each receive is stopped by its callback and goes on later, while the group changes. */
static void nothing_is_lost_by_stopping_in_the_callback(void **state)
{
    (void)state;
    struct end *e = open_end();
    e->stops = true;
    for (int i = 0; i < 20; i++) {
        put(e, i % 2 == 0 ? (size_t)MUCH + (size_t)i : 3);
        for (int turns = 0; e->received < e->sent; turns++) {
            assert_true(turns < MOST_TURNS);
            assert_int_equal(bell_io_receive(io, &e->handle, true), BELL_OK);
            turn();
        }
    }
}

static void closing_at_any_moment_of_a_change_gives_all_buffers_back(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * LARGE_BUFFERS; i++) {
        struct end *e = open_end();
        if (i % 2 == 0) {
            pass(e, MUCH);
        }
        put(e, MUCH);
        for (int turns = 0; turns < i % 4; turns++) {
            turn();
        }
        put(e, MUCH);
        assert_int_equal(bell_uring_submit(io), BELL_OK); /* received, and not told any more */
        bell_io_close(io, &e->handle);
        (void)close(e->peer);
        end_count--;
        memset(e, 0, sizeof *e);
        rest();
    }
    /* As many as there are can be had at once. */
    for (int i = 0; i < LARGE_BUFFERS; i++) {
        pass(open_end(), MUCH);
    }
    for (int i = 0; i < LARGE_BUFFERS; i++) {
        ends[i].most = 0;
        put(&ends[i], MUCH);
    }
    turn_for_all();
    for (int i = 0; i < LARGE_BUFFERS; i++) {
        assert_int_equal(ends[i].most, MUCH);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(large_buffers_cost_nothing_until_they_are_needed),
        TEST(a_filled_small_buffer_makes_a_stream_receive_from_large_ones),
        TEST(a_stream_that_needs_none_goes_back_after_some_patience),
        TEST(streams_that_find_no_large_buffer_take_small_ones),
        TEST(streams_that_find_no_small_buffer_are_served_in_later_turns),
        TEST(nothing_is_lost_by_stopping_at_any_moment_of_a_change),
        TEST(nothing_is_lost_by_stopping_in_the_callback),
        TEST(closing_at_any_moment_of_a_change_gives_all_buffers_back),
    };
    (void)setenv("BELL_URING_WITHOUT", "incremental", 1);
    if (!has_rings()) {
        (void)puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
