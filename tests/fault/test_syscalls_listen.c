/*
 * Listeners at ports, on Unix sockets and on sockets that somebody else has opened, when the kernel
 * says no: each call of making one fails once. It is refused with the status that is promised,
 * neither a descriptor nor a file is left, and the next try, on the same server, works.
 */
#include "base/mem.h"
#include "bell/bell.h"
#include "faulty_calls.h"
#include "faulty_place.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST_CALLS = 50 };

static char folder[] = "/tmp/bell_listen_XXXXXX";
static char path[sizeof folder + 2];
static char address[sizeof folder + 8];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/s", folder);
    (void)snprintf(address, sizeof address, "unix:%s", path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a file was left */
}

static void make(struct service *s)
{
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = 2;
    service_init(s, NULL);
    assert_int_equal(bell_io_server_create(s->http, &options, &s->io), BELL_OK);
}

static void expect_answer(struct peer *p)
{
    char body[64];
    peer_send(p, BELL_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(read_answer(p, body, sizeof body), 404);
    peer_close(p);
}

static void expect_served_at_path(struct service *s)
{
    static struct peer p;
    assert_int_equal(bell_io_server_start(s->io), BELL_OK);
    peer_connect_unix(&p, path);
    expect_answer(&p);
}

static bool is_there(void)
{
    struct stat file;
    return stat(path, &file) == 0;
}

/* What a server leaves that was killed. */
static void leave_stale_file(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(close(fd), 0);
}

typedef struct {
    fault_call call;
    int error;
    uint32_t first; /* 0 = each in turn */
    bell_status status;
} row;

/* ---- ports ---- */

/* A port that nobody has. */
static uint16_t free_port(void)
{
    struct service s;
    make(&s);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    uint16_t port = bell_io_server_port(s.io, 0);
    service_finish(&s);
    return port;
}

/* Listens while calls fail with EADDRINUSE, and once more when they do not. Returns how many have
 * failed. */
static uint32_t expect_port(const char *at, fault_call call, uint32_t first, uint32_t count,
                            bell_status status)
{
    struct service s;
    static struct peer p;
    int before = descriptors();
    make(&s);
    int made = descriptors();
    const fault f = {call, EADDRINUSE, first, count, 1, true};
    faults_begin(&f);
    bell_status st = bell_io_server_listen(s.io, at);
    uint32_t failed = faults_end();
    assert_int_equal(st, status);
    if (st != BELL_OK) {
        assert_int_equal(descriptors(), made);
        assert_int_equal(bell_io_server_listen(s.io, at), BELL_OK);
    }
    assert_int_equal(bell_io_server_port(s.io, 1), 0); /* there is one listener */
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    peer_connect(&p, bell_io_server_port(s.io, 0));
    expect_answer(&p);
    service_finish(&s);
    descriptors_wait(before);
    return failed;
}

/* Each try asks once whether the port is free, and then for a socket of each loop. */
enum { PORT_TRIES = 16, CALLS_OF_A_TRY = 3 };

/* One that is taken between two calls is none, so another one is looked for. */
static void any_free_port_is_looked_for_again_and_again(void **state)
{
    static const fault_call CALLS[] = {CALL_BIND, CALL_LISTEN};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CALLS); i++) {
        for (uint32_t nth = 1; nth <= CALLS_OF_A_TRY; nth++) {
            assert_int_equal(expect_port("127.0.0.1:0", CALLS[i], nth, PORT_TRIES - 1, BELL_OK),
                             PORT_TRIES - 1);
        }
        assert_int_equal(expect_port("127.0.0.1:0", CALLS[i], 1, PORT_TRIES, BELL_EADDRINUSE),
                         PORT_TRIES);
        assert_int_equal(expect_port("127.0.0.1:0", CALLS[i], 1, FOR_EVER, BELL_EADDRINUSE),
                         PORT_TRIES);
    }
}

static void a_port_that_was_asked_for_is_tried_once(void **state)
{
    static const fault_call CALLS[] = {CALL_BIND, CALL_LISTEN};
    char at[32];
    (void)state;
    (void)snprintf(at, sizeof at, "127.0.0.1:%u", (unsigned)free_port());
    for (size_t i = 0; i < COUNT_OF(CALLS); i++) {
        for (uint32_t nth = 1; nth <= CALLS_OF_A_TRY; nth++) {
            assert_int_equal(expect_port(at, CALLS[i], nth, FOR_EVER, BELL_EADDRINUSE), 1);
        }
    }
}

/* ---- Unix sockets ---- */

static void expect_listen(const row *r, uint32_t nth, bool is_stale, bool *failed)
{
    struct service s;
    int before = descriptors();
    if (is_stale) {
        leave_stale_file();
    }
    make(&s);
    int made = descriptors();
    const fault f = {r->call, r->error, nth, 1, 1, true};
    faults_begin(&f);
    bell_status st = bell_io_server_listen(s.io, address);
    *failed = faults_end() > 0;
    if (st != (*failed ? r->status : BELL_OK)) {
        fail_msg("call %d, error %d, %u: %s", (int)r->call, r->error, nth, bell_status_name(st));
    }
    if (st != BELL_OK) {
        assert_int_equal(descriptors(), made);
        assert_true(is_stale || !is_there());
        assert_int_equal(bell_io_server_listen(s.io, address), BELL_OK);
    }
    expect_served_at_path(&s);
    service_finish(&s);
    assert_false(is_there());
    descriptors_wait(before);
}

static void check_listen(const row *rows, size_t count, bool is_stale)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t nth = rows[i].first == 0 ? 1 : rows[i].first;
        bool failed;
        do {
            expect_listen(&rows[i], nth, is_stale, &failed);
            assert_true(nth < MOST_CALLS);
        } while (failed && rows[i].first == 0 && ++nth > 0);
        assert_true(failed || (rows[i].first == 0 && nth > 1)); /* else there is no such call */
    }
}

static void a_unix_listener_fails_cleanly_at_each_call(void **state)
{
    static const row ROWS[] = {
        {CALL_SOCKET, EMFILE, 0, BELL_ELIMIT},  {CALL_SOCKET, ENFILE, 0, BELL_ELIMIT},
        {CALL_SOCKET, ENOBUFS, 0, BELL_ENOMEM}, {CALL_SOCKET, ENOMEM, 0, BELL_ENOMEM},
        {CALL_CHMOD, EPERM, 0, BELL_EACCES},    {CALL_CHMOD, EROFS, 0, BELL_EIO},
        {CALL_CHMOD, ENOMEM, 0, BELL_ENOMEM},   {CALL_BIND, EACCES, 0, BELL_EACCES},
        {CALL_BIND, ENOENT, 0, BELL_EINVAL},    {CALL_BIND, ENOTDIR, 0, BELL_EINVAL},
        {CALL_BIND, ENOMEM, 0, BELL_ENOMEM},    {CALL_BIND, ENOSPC, 0, BELL_EIO},
        {CALL_BIND, EROFS, 0, BELL_EIO},        {CALL_BIND, EADDRINUSE, 0, BELL_EADDRINUSE},
        {CALL_LISTEN, ENOBUFS, 0, BELL_ENOMEM}, {CALL_LISTEN, EOPNOTSUPP, 0, BELL_EIO},
        {CALL_LSTAT, EACCES, 0, BELL_EACCES},   {CALL_LSTAT, ENOMEM, 0, BELL_ENOMEM},
    };
    (void)state;
    check_listen(ROWS, COUNT_OF(ROWS), false);
}

/* Who cannot find out whether a file is in use leaves it alone. */
static void replacing_a_stale_file_fails_cleanly_at_each_call(void **state)
{
    static const row ROWS[] = {
        {CALL_LSTAT, EACCES, 1, BELL_EADDRINUSE},   {CALL_SOCKET, EMFILE, 2, BELL_EADDRINUSE},
        {CALL_SOCKET, ENOMEM, 2, BELL_EADDRINUSE},  {CALL_CONNECT, EAGAIN, 1, BELL_EADDRINUSE},
        {CALL_CONNECT, EACCES, 1, BELL_EADDRINUSE}, {CALL_CONNECT, EINTR, 1, BELL_EADDRINUSE},
        {CALL_UNLINK, EACCES, 1, BELL_EADDRINUSE},  {CALL_UNLINK, EPERM, 1, BELL_EADDRINUSE},
        {CALL_UNLINK, EROFS, 1, BELL_EADDRINUSE},   {CALL_BIND, EADDRINUSE, 2, BELL_EADDRINUSE},
        {CALL_BIND, ENOMEM, 2, BELL_ENOMEM},        {CALL_CLOSE, EINTR, 1, BELL_OK},
        {CALL_CHMOD, EPERM, 2, BELL_EACCES},        {CALL_LISTEN, ENOBUFS, 1, BELL_ENOMEM},
    };
    (void)state;
    check_listen(ROWS, COUNT_OF(ROWS), true);
}

/* A file that cannot be removed at the end is stale for the next one. */
static void a_file_that_stays_is_replaced_by_the_next_server(void **state)
{
    static const int ERRORS[] = {EACCES, EPERM, EROFS, EIO, ENOMEM};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ERRORS); i++) {
        struct service s;
        make(&s);
        assert_int_equal(bell_io_server_listen(s.io, address), BELL_OK);
        expect_served_at_path(&s);
        const fault f = {CALL_UNLINK, ERRORS[i], 1, FOR_EVER, 1, false};
        faults_begin(&f);
        bell_io_server_stop(s.io); /* a loop removes it */
        assert_int_equal(faults_end(), 1);
        service_finish(&s);
        assert_true(is_there());
        make(&s);
        assert_int_equal(bell_io_server_listen(s.io, address), BELL_OK);
        expect_served_at_path(&s);
        service_finish(&s);
        assert_false(is_there());
    }
}

static void accepting_at_a_unix_socket_survives_each_error(void **state)
{
    static const int ERRORS[] = {EMFILE, ENFILE,       ENOBUFS, ENOMEM,
                                 EINTR,  ECONNABORTED, EAGAIN,  EPERM};
    struct service s;
    (void)state;
    make(&s);
    assert_int_equal(bell_io_server_listen(s.io, address), BELL_OK);
    expect_served_at_path(&s);
    for (size_t i = 0; i < COUNT_OF(ERRORS); i++) {
        static struct peer p;
        const fault f = {CALL_ACCEPT, ERRORS[i], 1, 3, 1, false};
        faults_begin(&f);
        for (int n = 0; n < 4; n++) {
            peer_connect_unix(&p, path);
            expect_answer(&p);
        }
        assert_int_equal(faults_end(), 3);
    }
    service_finish(&s);
}

/* ---- sockets of somebody else ---- */

static int listening_socket(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static const row ADOPTING[] = {
    {CALL_GETSOCKOPT, ENOBUFS, 1, BELL_EINVAL}, {CALL_GETSOCKOPT, ENOBUFS, 2, BELL_EINVAL},
    {CALL_GETSOCKOPT, ENOBUFS, 3, BELL_OK},     {CALL_FCNTL, EACCES, 1, BELL_EIO},
    {CALL_FCNTL, EACCES, 2, BELL_EIO},          {CALL_FCNTL, EACCES, 3, BELL_EIO},
    {CALL_SETSOCKOPT, ENOMEM, 1, BELL_OK},      {CALL_GETSOCKNAME, ENOBUFS, 1, BELL_OK},
};

static void adopting_a_socket_fails_cleanly_at_each_call(void **state)
{
    (void)state;
    int before = descriptors();
    for (size_t i = 0; i < COUNT_OF(ADOPTING); i++) {
        const row *r = &ADOPTING[i];
        static struct peer p;
        struct service s;
        uint16_t port;
        make(&s);
        int made = descriptors();
        int fd = listening_socket(&port);
        const fault f = {r->call, r->error, r->first, 1, 1, true};
        faults_begin(&f);
        bell_status st = bell_io_server_listen_fd(s.io, fd);
        assert_int_equal(faults_end(), 1);
        assert_int_equal(st, r->status);
        if (st != BELL_OK) {
            assert_int_equal(descriptors(), made); /* taken over, also on failure */
            assert_int_equal(bell_io_server_listen_fd(s.io, listening_socket(&port)), BELL_OK);
        }
        assert_int_equal(bell_io_server_start(s.io), BELL_OK);
        peer_connect(&p, port);
        expect_answer(&p);
        service_finish(&s);
        descriptors_wait(before);
    }
}

/* Puts a socket where a supervisor would: the first descriptor that is passed. */
enum { FIRST_PASSED = 3 };

static void pass(uint16_t *port)
{
    char pid[16];
    int fd = listening_socket(port);
    if (fd != FIRST_PASSED) {
        assert_int_equal(dup2(fd, FIRST_PASSED), FIRST_PASSED);
        assert_int_equal(close(fd), 0);
    }
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_int_equal(setenv("LISTEN_PID", pid, 1) | setenv("LISTEN_FDS", "1", 1), 0);
}

static void sockets_of_a_supervisor_fail_cleanly_at_each_call(void **state)
{
    (void)state;
    int kept = fcntl(FIRST_PASSED, F_DUPFD_CLOEXEC, 100); /* what was there; -1 = nothing */
    int before = -1;
    for (size_t i = 0; i < COUNT_OF(ADOPTING); i++) {
        const row *r = &ADOPTING[i];
        static struct peer p;
        struct service s;
        uint16_t port;
        size_t count = 7;
        pass(&port);
        make(&s);
        /* The supervisor's own fcntl, which may fail, comes first. */
        const fault f = {r->call, r->error, r->first + (r->call == CALL_FCNTL), 1, 1, true};
        faults_begin(&f);
        bell_status st = bell_supervisor_listen(s.io, NULL, &count);
        assert_int_equal(faults_end(), 1);
        assert_int_equal(st, r->status);
        assert_int_equal(count, st == BELL_OK ? 1 : 7);
        if (st != BELL_OK) {
            pass(&port);
            assert_int_equal(bell_supervisor_listen(s.io, NULL, &count), BELL_OK);
        }
        assert_int_equal(bell_io_server_start(s.io), BELL_OK);
        peer_connect(&p, port);
        expect_answer(&p);
        service_finish(&s);
        before = before < 0 ? descriptors() : before;
        descriptors_wait(before);
    }
    assert_int_equal(unsetenv("LISTEN_PID") | unsetenv("LISTEN_FDS"), 0);
    if (kept >= 0) {
        assert_int_equal(dup2(kept, FIRST_PASSED), FIRST_PASSED);
        assert_int_equal(close(kept), 0);
    }
}

static void telling_the_supervisor_fails_cleanly_at_each_call(void **state)
{
    static const row ROWS[] = {
        {CALL_SOCKET, EMFILE, 1, BELL_ELIMIT},     {CALL_SOCKET, ENOMEM, 1, BELL_ENOMEM},
        {CALL_SEND_TO, ECONNREFUSED, 1, BELL_EIO}, {CALL_SEND_TO, ENOENT, 1, BELL_EIO},
        {CALL_SEND_TO, EAGAIN, 1, BELL_EIO},       {CALL_SEND_TO, ENOBUFS, 1, BELL_EIO},
        {CALL_CLOSE, EINTR, 1, BELL_OK},
    };
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[32];
    (void)state;
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    int before = descriptors();
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const fault f = {ROWS[i].call, ROWS[i].error, 1, 1, 1, true};
        faults_begin(&f);
        bell_status st = bell_supervisor_notify("READY=1");
        assert_int_equal(faults_end(), 1);
        assert_int_equal(st, ROWS[i].status);
        assert_int_equal(descriptors(), before);
        if (st != BELL_OK) {
            assert_int_equal(recv(fd, text, sizeof text, MSG_DONTWAIT), -1);
            assert_int_equal(bell_supervisor_notify("READY=1"), BELL_OK);
        }
        assert_int_equal(recv(fd, text, sizeof text, MSG_DONTWAIT), 7);
    }
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_free_port_is_looked_for_again_and_again),
        cmocka_unit_test(a_port_that_was_asked_for_is_tried_once),
        cmocka_unit_test(a_unix_listener_fails_cleanly_at_each_call),
        cmocka_unit_test(replacing_a_stale_file_fails_cleanly_at_each_call),
        cmocka_unit_test(a_file_that_stays_is_replaced_by_the_next_server),
        cmocka_unit_test(accepting_at_a_unix_socket_survives_each_error),
        cmocka_unit_test(adopting_a_socket_fails_cleanly_at_each_call),
        cmocka_unit_test(sockets_of_a_supervisor_fail_cleanly_at_each_call),
        cmocka_unit_test(telling_the_supervisor_fails_cleanly_at_each_call),
    };
    return place_init() ? cmocka_run_group_tests(tests, make_folder, remove_folder) : 1;
}
