/*
 * What every I/O back end promises (bell/net/io.h), on pairs of connected sockets.
 */
#include "base/mem.h"
#include "bell/log.h"
#include "bell/net/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* What was told since the last look. */
static struct {
    int awake;
    int wakes;
    int receives;
    int ends;
    int sents;
    int connects;
    bool awake_was_first;
    bell_status status;
    size_t n;
    char bytes[64];
} told;

static void on_awake(void *user)
{
    (void)user;
    told.awake++;
    told.awake_was_first = told.receives == 0 && told.sents == 0 && told.wakes == 0;
}

static void on_receive(struct bell_io_handle *h, bell_status st, char *bytes, size_t n, void *user)
{
    (void)h;
    (void)user;
    told.receives++;
    told.ends += st == BELL_OK && n == 0;
    told.status = st;
    told.n = n;
    if (n > 0) {
        memcpy(told.bytes, bytes, n < sizeof told.bytes ? n : sizeof told.bytes);
    }
}

static void on_sent(struct bell_io_handle *h, bell_status st, size_t n, void *user)
{
    (void)h;
    (void)n;
    (void)user;
    told.sents++;
    told.status = st;
}

static void on_connected(struct bell_io_handle *h, bell_status st, void *user)
{
    (void)h;
    (void)user;
    told.connects++;
    told.status = st;
}

static void on_wake(void *user)
{
    (void)user;
    told.wakes++;
}

static struct bell_io *io;
static struct bell_io_handle handle;
static int peer;

static int set_up(void **state)
{
    static const bell_io_events EVENTS = {.on_awake = on_awake,
                                          .on_receive = on_receive,
                                          .on_sent = on_sent,
                                          .on_connected = on_connected,
                                          .on_wake = on_wake};
    int fds[2];
    (void)state;
    memset(&told, 0, sizeof told);
    bell_io_back_end back_end;
    assert_int_equal(bell_io_choose(BELL_IO_AUTO, &back_end), BELL_OK);
    assert_int_equal(bell_io_create(back_end, &EVENTS, NULL, &io), BELL_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(bell_io_open(io, &handle, fds[0], BELL_IO_STREAM), BELL_OK);
    peer = fds[1];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bell_io_close(io, &handle);
    bell_io_destroy(io);
    (void)close(peer);
    assert_int_equal(bell_mem_live(), 0);
    return 0;
}

static void turn(int timeout_ms)
{
    memset(&told, 0, sizeof told);
    assert_int_equal(bell_io_turn(io, timeout_ms), BELL_OK);
}

static void tells_bytes_then_the_end_once(void **state)
{
    (void)state;
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    assert_int_equal(write(peer, "hello", 5), 5);
    turn(-1);
    assert_int_equal(told.receives, 1);
    assert_int_equal(told.n, 5);
    assert_memory_equal(told.bytes, "hello", 5);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    turn(-1);
    assert_int_equal(told.ends, 1);
    turn(0);
    assert_int_equal(told.receives, 0);
}

static void tells_the_end_of_the_wait_before_anything_else(void **state)
{
    (void)state;
    turn(1);
    assert_int_equal(told.awake, 1);
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    assert_int_equal(write(peer, "x", 1), 1);
    bell_io_wake(io);
    turn(-1);
    assert_int_equal(told.awake, 1);
    assert_int_equal(told.receives, 1);
    assert_int_equal(told.wakes, 1);
    assert_true(told.awake_was_first);
}

static void who_does_not_receive_is_told_no_bytes(void **state)
{
    (void)state;
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    assert_int_equal(bell_io_receive(io, &handle, false), BELL_OK);
    assert_int_equal(write(peer, "x", 1), 1);
    turn(0);
    assert_int_equal(told.receives, 0);
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    turn(0);
    assert_int_equal(told.n, 1);
}

static void a_dead_peer_is_told_to_who_does_not_receive(void **state)
{
    (void)state;
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    assert_int_equal(bell_io_receive(io, &handle, false), BELL_OK);
    (void)close(peer);
    turn(0);
    assert_int_equal(told.receives, 1);
    assert_int_equal(told.status, BELL_ECLOSED);
}

/* Half of it is no death: the bytes before the end, and then the end, come in their turn. */
static void half_an_end_is_not_told_to_who_does_not_receive(void **state)
{
    (void)state;
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    assert_int_equal(bell_io_receive(io, &handle, false), BELL_OK);
    assert_int_equal(write(peer, "x", 1), 1);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    for (int i = 0; i < 5; i++) {
        turn(0);
        assert_int_equal(told.receives, 0);
    }
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    turn(-1);
    assert_int_equal(told.n, 1);
    for (int i = 0; told.ends == 0; i++) {
        assert_true(i < 5);
        turn(0);
    }
}

static void a_death_after_half_an_end_is_told_to_who_does_not_receive(void **state)
{
    (void)state;
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    assert_int_equal(bell_io_receive(io, &handle, false), BELL_OK);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    for (int i = 0; i < 5; i++) {
        turn(0);
        assert_int_equal(told.receives, 0);
    }
    (void)close(peer);
    turn(-1);
    assert_int_equal(told.receives, 1);
    assert_int_equal(told.status, BELL_ECLOSED);
}

/* Some back ends tell at once, some in the next turn. BELL_EAGAIN: it waits for the peer. */
static bell_status send_some(size_t n)
{
    static char bytes[1 << 20];
    struct iovec piece = {bytes, n};
    size_t sent = 0;
    bell_status st = bell_io_send(io, &handle, &piece, 1, &sent);
    if (st == BELL_EAGAIN) {
        turn(0);
        st = told.sents > 0 ? told.status : BELL_EAGAIN;
    } else if (st == BELL_OK) {
        assert_true(sent > 0);
    }
    return st;
}

/* Until a send waits for the peer. */
static void fill(void)
{
    bell_status st;
    do {
        st = send_some(1 << 20);
    } while (st == BELL_OK);
    assert_int_equal(st, BELL_EAGAIN);
}

static void drain_peer(void)
{
    static char bytes[1 << 20];
    while (read(peer, bytes, sizeof bytes) > 0) {
    }
}

static void a_send_that_does_not_fit_is_told_when_it_may_go_on(void **state)
{
    (void)state;
    fill();
    turn(0);
    assert_int_equal(told.sents, 0);
    drain_peer();
    turn(0);
    assert_int_equal(told.sents, 1);
    assert_int_equal(told.status, BELL_OK);
    turn(0);
    assert_int_equal(told.sents, 0);
    assert_int_equal(send_some(1), BELL_OK);
    (void)close(peer);
    assert_int_equal(send_some(1), BELL_ECLOSED);
}

/* Else whoever waits for a peer that only listens would be woken without end. */
static void half_an_end_does_not_end_the_wait_of_a_send(void **state)
{
    (void)state;
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    for (int round = 0; round < 3; round++) {
        fill();
        for (int i = 0; i < 5; i++) {
            turn(0);
            assert_int_equal(told.sents, 0);
        }
        drain_peer();
        turn(-1);
        assert_int_equal(told.sents, 1);
        assert_int_equal(told.status, BELL_OK);
        turn(0);
        assert_int_equal(told.sents, 0);
    }
    assert_int_equal(send_some(1), BELL_OK);
    (void)close(peer);
    assert_int_equal(send_some(1), BELL_ECLOSED);
}

static void a_send_may_be_followed_by_close_and_its_bytes_may_go(void **state)
{
    (void)state;
    char text[] = "written before the end";
    struct iovec pieces[2] = {{text, 8}, {text + 8, sizeof text - 9}};
    size_t sent = 0;
    turn(0);
    bell_status st = bell_io_send(io, &handle, pieces, 2, &sent);
    assert_true(st == BELL_OK || st == BELL_EAGAIN);
    bell_io_close(io, &handle);
    memset(text, '#', sizeof text);
    memset(pieces, 0, sizeof pieces);
    turn(0);
    assert_int_equal(told.sents, 0);
    char got[sizeof text] = {0};
    assert_int_equal(read(peer, got, sizeof got), sizeof text - 1);
    assert_string_equal(got, "written before the end");
    assert_int_equal(read(peer, got, sizeof got), 0);
}

/* As after a fork, until the child has closed what it does not need. */
static void closing_forgets_a_socket_that_others_hold(void **state)
{
    (void)state;
    int fds[2];
    int other = dup(handle.fd);
    assert_true(other >= 0);
    assert_int_equal(bell_io_receive(io, &handle, true), BELL_OK);
    bell_io_close(io, &handle);
    assert_int_equal(write(peer, "x", 1), 1);
    (void)close(peer);
    /* The memory of the handle is used again. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(bell_io_open(io, &handle, fds[0], BELL_IO_STREAM), BELL_OK);
    peer = fds[1];
    turn(0);
    assert_int_equal(told.receives, 0);
    (void)close(other);
}

/* What waits in a stream. */
static void expect_waiting(int fd, const char *text)
{
    char bytes[16];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    assert_int_equal(n, (ssize_t)strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

/* What comes for the next socket with the number of one that was closed waits there. */
static void expect_untouched(int number)
{
    int next[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, next), 0);
    assert_int_equal(next[0], number);
    assert_int_equal(write(next[1], "mine", 4), 4);
    turn(0);
    turn(0);
    expect_waiting(next[0], "mine");
    (void)close(next[0]);
    (void)close(next[1]);
}

/* What was asked for a descriptor must not be done to whoever is given its number next. */
static void what_was_closed_takes_nothing_from_who_has_its_number(void **state)
{
    struct bell_io_handle other;
    int closed[2];
    (void)state;
    turn(0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, closed), 0);
    assert_int_equal(bell_io_open(io, &other, closed[0], BELL_IO_STREAM), BELL_OK);
    assert_int_equal(bell_io_receive(io, &other, true), BELL_OK);
    bell_io_close(io, &other);
    expect_untouched(closed[0]);
    assert_int_equal(told.receives, 0);
    (void)close(closed[1]);
}

/* The same of one that was paused, and is wanted again for a moment. */
static void who_receives_again_and_is_closed_takes_nothing_either(void **state)
{
    struct bell_io_handle other;
    int closed[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, closed), 0);
    assert_int_equal(bell_io_open(io, &other, closed[0], BELL_IO_STREAM), BELL_OK);
    assert_int_equal(bell_io_receive(io, &other, true), BELL_OK);
    turn(0);
    assert_int_equal(bell_io_receive(io, &other, false), BELL_OK);
    turn(0);
    turn(0);
    assert_int_equal(bell_io_receive(io, &other, true), BELL_OK);
    bell_io_close(io, &other);
    expect_untouched(closed[0]);
    (void)close(closed[1]);
}

static void *wake(void *user)
{
    bell_io_wake(user);
    bell_io_wake(user);
    return NULL;
}

static void any_thread_wakes_it(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake, io), 0);
    turn(-1);
    assert_int_equal(told.wakes, 1);
    (void)pthread_join(thread, NULL);
}

static int descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

enum { MOST_COMERS = 50 /* more than one call of a ring brings */, CROWD = 300 };

static int accepted;
static bell_address accepted_from[CROWD];    /* of the first */
static const struct bell_io_handle *counted; /* whose they are; NULL = of all */

static void on_accept(struct bell_io_handle *listener, int fd, const bell_address *from, void *user)
{
    (void)user;
    if (accepted < CROWD) {
        accepted_from[accepted] = *from;
    }
    accepted += counted == NULL || listener == counted;
    (void)close(fd);
}

static int accept_failures;

static void on_accept_failed(struct bell_io_handle *listener, void *user)
{
    (void)listener;
    (void)user;
    accept_failures++;
}

/* Those who come in when there is no turn any more in which that could be told. */
static int comers[CROWD];

static void comers_connect(int count, const struct sockaddr_in *to)
{
    const struct timeval patience = {.tv_sec = 5};
    for (int i = 0; i < count; i++) {
        comers[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(comers[i], (const struct sockaddr *)(const void *)to, sizeof *to),
                         0);
        assert_int_equal(setsockopt(comers[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
                         0);
    }
}

static void comers_close(int count)
{
    for (int i = 0; i < count; i++) {
        (void)close(comers[i]);
    }
}

/* A listener of the io, at *at. */
static void listener_open(struct bell_io_handle *listener, struct sockaddr_in *at)
{
    socklen_t n = sizeof *at;
    *at = (struct sockaddr_in){.sin_family = AF_INET};
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)at, n), 0);
    assert_int_equal(listen(fd, CROWD), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)at, &n), 0);
    assert_int_equal(bell_io_open(io, listener, fd, BELL_IO_LISTENER), BELL_OK);
}

/* An io of its own and a listener of it, at *at. */
static void io_with_listener(struct bell_io_handle *listener, struct sockaddr_in *at)
{
    static const bell_io_events EVENTS = {.on_awake = on_awake,
                                          .on_accept = on_accept,
                                          .on_accept_failed = on_accept_failed,
                                          .on_wake = on_wake};
    bell_io_back_end back_end;
    assert_int_equal(bell_io_choose(BELL_IO_AUTO, &back_end), BELL_OK);
    assert_int_equal(bell_io_create(back_end, &EVENTS, NULL, &io), BELL_OK);
    listener_open(listener, at);
}

/* Its listener is closed, and so many have come before; accepting began before that, or with it. */
static void io_with_comers(int count, bool accepts_before)
{
    struct sockaddr_in to;
    struct bell_io_handle listener;
    io_with_listener(&listener, &to);
    if (!accepts_before) {
        turn(0);
    }
    assert_int_equal(bell_io_receive(io, &listener, true), BELL_OK);
    if (accepts_before) {
        turn(0);
    }
    comers_connect(count, &to);
    bell_io_close(io, &listener);
}

enum { CROWD_TURNS = 30 };

/* Turns may be long: a crowd must not be let in one by one, nor forget who comes alone after it. */
static void a_crowd_is_let_in_within_few_turns(void **state)
{
    enum { ALONE = 10 };
    struct sockaddr_in to;
    struct bell_io_handle listener;
    (void)state;
    io_with_listener(&listener, &to);
    assert_int_equal(bell_io_receive(io, &listener, true), BELL_OK);
    comers_connect(CROWD, &to);
    accepted = 0;
    for (int i = 0; i < CROWD_TURNS && accepted < CROWD; i++) {
        turn(-1);
    }
    assert_int_equal(accepted, CROWD);
    comers_close(CROWD);
    for (int i = 0; i < ALONE; i++) {
        comers_connect(1, &to);
        while (accepted < CROWD + i + 1) {
            turn(-1);
        }
        comers_close(1);
    }
    bell_io_close(io, &listener);
    bell_io_destroy(io);
}

/* Nor because only one at a time comes to another listener. */
static void a_crowd_is_let_in_beside_single_ones_elsewhere(void **state)
{
    struct sockaddr_in to;
    struct sockaddr_in elsewhere;
    struct bell_io_handle listener;
    struct bell_io_handle other;
    (void)state;
    io_with_listener(&listener, &to);
    listener_open(&other, &elsewhere);
    assert_int_equal(bell_io_receive(io, &other, true), BELL_OK);
    assert_int_equal(bell_io_receive(io, &listener, true), BELL_OK);
    comers_connect(CROWD, &to);
    accepted = 0;
    counted = &listener;
    for (int i = 0; i < CROWD_TURNS && accepted < CROWD; i++) {
        int single = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(
            connect(single, (const struct sockaddr *)(const void *)&elsewhere, sizeof elsewhere),
            0);
        turn(-1);
        (void)close(single);
    }
    counted = NULL;
    assert_int_equal(accepted, CROWD);
    comers_close(CROWD);
    bell_io_close(io, &other);
    bell_io_close(io, &listener);
    bell_io_destroy(io);
}

/* From 127.0.0.2 on, one after the other. */
static void comers_connect_from_everywhere(int count, const struct sockaddr_in *to)
{
    for (int i = 0; i < count; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)i);
        comers[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(comers[i], (struct sockaddr *)(void *)&from, sizeof from), 0);
        assert_int_equal(connect(comers[i], (const struct sockaddr *)(const void *)to, sizeof *to),
                         0);
    }
}

/* However many are accepted in one turn, and whichever of two listeners they came to. */
static void everybody_is_told_with_his_own_address(void **state)
{
    static const int COUNTS[] = {1, 2, 5, 20, MOST_COMERS, 1};
    struct sockaddr_in to[2];
    struct bell_io_handle listeners[2];
    (void)state;
    io_with_listener(&listeners[0], &to[0]);
    listener_open(&listeners[1], &to[1]);
    assert_int_equal(bell_io_receive(io, &listeners[0], true), BELL_OK);
    assert_int_equal(bell_io_receive(io, &listeners[1], true), BELL_OK);
    turn(0);
    for (size_t i = 0; i < 2 * (sizeof COUNTS / sizeof *COUNTS); i++) {
        int count = COUNTS[i / 2];
        accepted = 0;
        comers_connect_from_everywhere(count, &to[i % 2]);
        while (accepted < count) {
            turn(-1);
        }
        for (int j = 0; j < count; j++) {
            char expected[BELL_ADDRESS_TEXT_BYTES];
            char room[BELL_ADDRESS_TEXT_BYTES];
            (void)snprintf(expected, sizeof expected, "127.0.0.%d", 2 + j);
            assert_string_equal(bell_address_format(&accepted_from[j], room).p, expected);
        }
        comers_close(count);
    }
    bell_io_close(io, &listeners[0]);
    bell_io_close(io, &listeners[1]);
    bell_io_destroy(io);
}

/* Another process that holds the socket may do that; then there is nothing to wait for. */
static void a_listener_that_was_shut_down_is_told_once(void **state)
{
    struct sockaddr_in to;
    struct bell_io_handle listener;
    (void)state;
    io_with_listener(&listener, &to);
    for (int i = 0; i < 2; i++) { /* the owner may try again */
        accept_failures = 0;
        assert_int_equal(bell_io_receive(io, &listener, true), BELL_OK);
        turn(0);
        assert_int_equal(shutdown(listener.fd, SHUT_RDWR), i == 0 ? 0 : -1);
        for (int j = 0; j < 10; j++) {
            turn(1);
        }
        assert_int_equal(accept_failures, 1);
        assert_int_equal(bell_io_told(io), 0); /* the last one was for nothing */
    }
    bell_io_close(io, &listener);
    bell_io_destroy(io);
}

static void destroying_leaves_nobody_accepted(void **state)
{
    static const int COUNTS[] = {1, 5, MOST_COMERS};
    (void)state;
    int before = descriptors();
    for (size_t i = 0; i < 2 * (sizeof COUNTS / sizeof *COUNTS); i++) {
        io_with_comers(COUNTS[i / 2], i % 2 == 0);
        bell_io_destroy(io);
        comers_close(COUNTS[i / 2]);
        assert_int_equal(descriptors(), before);
    }
}

/* The back end may live on for long: nobody waits for it to serve him. */
static void after_the_last_turn_nobody_is_left_waiting(void **state)
{
    static const int COUNTS[] = {1, 5, MOST_COMERS};
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof COUNTS / sizeof *COUNTS); i++) {
        int count = COUNTS[i / 2];
        io_with_comers(count, i % 2 == 0);
        bell_io_settle(io);
        for (int j = 0; j < count; j++) {
            char byte;
            ssize_t got;
            do { /* the ring interrupts its thread */
                got = recv(comers[j], &byte, 1, 0);
            } while (got < 0 && errno == EINTR);
            if (got != 0 && errno != ECONNRESET) {
                fail_msg("comer %d of %d: %s", j, count, strerror(errno));
            }
        }
        bell_io_destroy(io);
        comers_close(count);
    }
}

/* As many as one call of a ring does not bring. */
static void after_the_last_turn_all_that_was_closed_is_closed_for_the_peer(void **state)
{
    enum { STREAMS = 100 };
    static struct bell_io_handle handles[STREAMS];
    int peers[STREAMS];
    (void)state;
    for (int i = 0; i < STREAMS; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        assert_int_equal(bell_io_open(io, &handles[i], fds[0], BELL_IO_STREAM), BELL_OK);
        assert_int_equal(bell_io_receive(io, &handles[i], true), BELL_OK);
        peers[i] = fds[1];
    }
    turn(0);
    for (int i = 0; i < STREAMS; i++) {
        bell_io_close(io, &handles[i]);
    }
    bell_io_settle(io);
    for (int i = 0; i < STREAMS; i++) {
        char byte;
        if (recv(peers[i], &byte, 1, 0) != 0) {
            fail_msg("stream %d: %s", i, strerror(errno));
        }
        (void)close(peers[i]);
    }
}

/* ---- choosing ---- */

static void count_warning(bell_log_level level, bell_slice line, void *user)
{
    int *count = user;
    (void)line;
    *count += level == BELL_LOG_WARN;
}

/* Who mistypes it should not believe that he measures epoll. */
static void a_wish_that_is_none_is_told(void **state)
{
    static const struct {
        const char *wish;
        int warnings;
    } CASES[] = {{"kqueue", 1}, {"EPOLL", 1}, {"", 0}, {"epoll", 0}};
    const char *own = getenv("BELL_IO");
    char kept[16] = "";
    (void)state;
    assert_true(own == NULL || strlen(own) < sizeof kept);
    (void)snprintf(kept, sizeof kept, "%s", own == NULL ? "" : own);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bell_io_back_end back_end;
        int warnings = 0;
        bell_log_set_sink(count_warning, &warnings);
        assert_int_equal(setenv("BELL_IO", CASES[i].wish, 1), 0);
        assert_int_equal(bell_io_choose(BELL_IO_AUTO, &back_end), BELL_OK);
        bell_log_set_sink(NULL, NULL);
        assert_int_equal(warnings, CASES[i].warnings);
    }
    assert_int_equal(own == NULL ? unsetenv("BELL_IO") : setenv("BELL_IO", kept, 1), 0);
}

/* ---- connecting ---- */

/* A socket of 127.0.0.1 that listens, or one that is only bound, and its address. */
static int bind_loopback(bool listens, struct sockaddr_storage *address, socklen_t *len)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&in, sizeof in), 0);
    assert_true(!listens || listen(fd, 4) == 0);
    *len = sizeof *address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)address, len), 0);
    return fd;
}

/* Connects a handle of its own; returns what comes of it, at once or later. */
static bell_status connect_to(struct bell_io_handle *h, const struct sockaddr_storage *address,
                              socklen_t len)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bell_io_open(io, h, fd, BELL_IO_STREAM), BELL_OK);
    bell_status st = bell_io_connect(io, h, address, len);
    memset(&told, 0, sizeof told);
    while (st == BELL_EAGAIN && told.connects == 0) {
        turn(-1);
    }
    return st == BELL_EAGAIN ? told.status : st;
}

static void a_connected_stream_sends_and_receives(void **state)
{
    struct sockaddr_storage address = {0};
    socklen_t len;
    struct bell_io_handle h;
    char bytes[3];
    size_t sent = 0;
    (void)state;
    int listener = bind_loopback(true, &address, &len);
    assert_int_equal(connect_to(&h, &address, len), BELL_OK);
    int other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(other >= 0);
    assert_int_equal(bell_io_receive(io, &h, true), BELL_OK);
    assert_int_equal(write(other, "abc", 3), 3);
    turn(-1);
    assert_int_equal(told.receives, 1);
    assert_memory_equal(told.bytes, "abc", 3);
    char text[] = "def";
    const struct iovec piece = {text, 3};
    bell_status st = bell_io_send(io, &h, &piece, 1, &sent);
    assert_true(st == BELL_OK || st == BELL_EAGAIN);
    turn(0);
    assert_int_equal(read(other, bytes, 3), 3);
    assert_memory_equal(bytes, "def", 3);
    bell_io_close(io, &h);
    (void)close(other);
    (void)close(listener);
}

static void a_connect_to_nobody_tells_so(void **state)
{
    struct sockaddr_storage address = {0};
    socklen_t len;
    struct bell_io_handle h;
    (void)state;
    int bound = bind_loopback(false, &address, &len);
    assert_int_equal(connect_to(&h, &address, len), BELL_EREFUSED);
    bell_io_close(io, &h);
    (void)close(bound);
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/nowhere/at/all"};
    memset(&address, 0, sizeof address);
    memcpy(&address, &un, sizeof un);
    assert_int_equal(connect_to(&h, &address, sizeof un), BELL_ENOTFOUND);
    bell_io_close(io, &h);
}

/* Its address may go as soon as it is closed, and nothing is told any more. */
static void a_connect_under_way_may_be_closed(void **state)
{
    socklen_t len;
    struct bell_io_handle h;
    (void)state;
    struct sockaddr_storage *address = calloc(1, sizeof *address);
    assert_non_null(address);
    int listener = bind_loopback(true, address, &len);
    turn(0); /* the ring is this thread's now */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bell_io_open(io, &h, fd, BELL_IO_STREAM), BELL_OK);
    bell_status st = bell_io_connect(io, &h, address, len);
    assert_true(st == BELL_OK || st == BELL_EAGAIN);
    bell_io_close(io, &h);
    memset(address, 0xff, sizeof *address);
    free(address);
    turn(10);
    assert_int_equal(told.connects, 0);
    (void)close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_bytes_then_the_end_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_the_end_of_the_wait_before_anything_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_receive_is_told_no_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dead_peer_is_told_to_who_does_not_receive, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(half_an_end_is_not_told_to_who_does_not_receive, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_death_after_half_an_end_is_told_to_who_does_not_receive,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_send_that_does_not_fit_is_told_when_it_may_go_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(half_an_end_does_not_end_the_wait_of_a_send, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_send_may_be_followed_by_close_and_its_bytes_may_go,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_forgets_a_socket_that_others_hold, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_closed_takes_nothing_from_who_has_its_number,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_receives_again_and_is_closed_takes_nothing_either,
                                        set_up, tear_down),
        cmocka_unit_test(a_crowd_is_let_in_within_few_turns),
        cmocka_unit_test(a_crowd_is_let_in_beside_single_ones_elsewhere),
        cmocka_unit_test(everybody_is_told_with_his_own_address),
        cmocka_unit_test(a_listener_that_was_shut_down_is_told_once),
        cmocka_unit_test(destroying_leaves_nobody_accepted),
        cmocka_unit_test(after_the_last_turn_nobody_is_left_waiting),
        cmocka_unit_test_setup_teardown(
            after_the_last_turn_all_that_was_closed_is_closed_for_the_peer, set_up, tear_down),
        cmocka_unit_test(a_wish_that_is_none_is_told),
        cmocka_unit_test_setup_teardown(any_thread_wakes_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connected_stream_sends_and_receives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connect_to_nobody_tells_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connect_under_way_may_be_closed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
