/*
 * Sockets passed by systemd and words to it, with this process as its own supervisor.
 */
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_PASSED = 3, PASSED = 3 };

static void set_number(const char *name, long number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%ld", number);
    assert_int_equal(setenv(name, text, 1), 0);
}

static void pass_socket(int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int made = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(made >= 0);
    assert_int_equal(bind(made, (const struct sockaddr *)(const void *)&address, sizeof address),
                     0);
    assert_int_equal(listen(made, 16), 0);
    assert_int_equal(dup2(made, fd), fd);
    assert_int_equal(close(made), 0);
}

static void make(struct service *s)
{
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = 1;
    service_init(s, NULL);
    assert_int_equal(bell_io_server_create(s->http, &options, &s->io), BELL_OK);
}

/* Three sockets, two of them of one name. */
static int pass(void **state)
{
    (void)state;
    for (int i = 0; i < PASSED; i++) {
        pass_socket(FIRST_PASSED + i);
    }
    set_number("LISTEN_PID", getpid());
    set_number("LISTEN_FDS", PASSED);
    return setenv("LISTEN_FDNAMES", "web:admin:web", 1);
}

static int forget(void **state)
{
    (void)state;
    for (int i = 0; i < PASSED; i++) { /* those that a test has not taken */
        (void)dup2(STDERR_FILENO, FIRST_PASSED + i);
    }
    return unsetenv("LISTEN_PID") + unsetenv("LISTEN_FDS") + unsetenv("LISTEN_FDNAMES");
}

static void all_sockets_are_taken(void **state)
{
    (void)state;
    struct service s;
    size_t count = 0;
    make(&s);
    assert_int_equal(bell_supervisor_listen(s.io, NULL, &count), BELL_OK);
    assert_int_equal(count, PASSED);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    for (size_t i = 0; i < PASSED; i++) {
        struct peer p;
        char body[64];
        peer_connect(&p, bell_io_server_port(s.io, i));
        peer_send(&p, BELL_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_int_equal(read_answer(&p, body, sizeof body), 404);
        peer_close(&p);
    }
    service_finish(&s);
}

static void those_of_a_name_are_taken(void **state)
{
    (void)state;
    struct service s;
    size_t count = 0;
    make(&s);
    assert_int_equal(bell_supervisor_listen(s.io, "none", &count), BELL_ENOTFOUND);
    assert_int_equal(bell_supervisor_listen(s.io, "web", &count), BELL_OK);
    assert_int_equal(count, 2);
    assert_int_equal(bell_io_server_port(s.io, 2), 0);
    /* The other one is nobody's, but goes to no child either. */
    assert_int_not_equal(fcntl(FIRST_PASSED + 1, F_GETFD) & FD_CLOEXEC, 0);
    service_finish(&s);
}

static void sockets_of_another_process_are_left_alone(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"1", "", "x", "99999999999999999999"};
    struct service s;
    size_t count = 7;
    make(&s);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        assert_int_equal(setenv("LISTEN_PID", WRONG[i], 1), 0);
        assert_int_equal(bell_supervisor_listen(s.io, NULL, &count), BELL_ENOTFOUND);
    }
    set_number("LISTEN_PID", getpid());
    static const char *const NONE[] = {"0", "-1", "1025", "3x", ""};
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++) {
        assert_int_equal(setenv("LISTEN_FDS", NONE[i], 1), 0);
        assert_int_equal(bell_supervisor_listen(s.io, NULL, &count), BELL_ENOTFOUND);
    }
    assert_int_equal(unsetenv("LISTEN_FDS"), 0);
    assert_int_equal(bell_supervisor_listen(s.io, NULL, &count), BELL_ENOTFOUND);
    assert_int_equal(count, 7);
    assert_int_equal(bell_io_server_port(s.io, 0), 0);
    service_finish(&s);
}

static void names_may_be_missing(void **state)
{
    (void)state;
    struct service s;
    size_t count = 0;
    make(&s);
    assert_int_equal(setenv("LISTEN_FDNAMES", "web", 1), 0);
    assert_int_equal(bell_supervisor_listen(s.io, "web", &count), BELL_OK);
    assert_int_equal(count, 1);
    service_finish(&s);
}

static void a_connection_is_no_listener(void **state)
{
    (void)state;
    struct service s;
    int pair[2];
    size_t count = 0;
    make(&s);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(dup2(pair[0], FIRST_PASSED), FIRST_PASSED);
    assert_int_equal(bell_supervisor_listen(s.io, NULL, &count), BELL_EINVAL);
    assert_int_equal(close(pair[0]) + close(pair[1]), 0);
    service_finish(&s);
}

/* ---- telling ---- */

static void expect_told(const char *notify, int fd)
{
    char text[64] = "";
    assert_int_equal(setenv("NOTIFY_SOCKET", notify, 1), 0);
    assert_int_equal(bell_supervisor_notify("READY=1\nSTATUS=here"), BELL_OK);
    assert_int_equal(recv(fd, text, sizeof text - 1, 0), 19);
    assert_string_equal(text, "READY=1\nSTATUS=here");
}

static void states_are_told(void **state)
{
    (void)state;
    char folder[] = "/tmp/bell_supervisor_XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/n", folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    expect_told(address.sun_path, fd);
    assert_int_equal(close(fd) + unlink(address.sun_path) + rmdir(folder), 0);
    assert_int_equal(bell_supervisor_notify("READY=1"), BELL_EIO); /* nobody is there any more */

    /* The kernel chooses an abstract name. */
    socklen_t n = sizeof address;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address.sun_family), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&address, &n), 0);
    char name[sizeof address.sun_path + 1] = "@";
    memcpy(name + 1, address.sun_path + 1, n - offsetof(struct sockaddr_un, sun_path) - 1);
    expect_told(name, fd);
    assert_int_equal(close(fd), 0);
}

static void without_anybody_to_tell(void **state)
{
    (void)state;
    char longest[sizeof((struct sockaddr_un *)NULL)->sun_path + 1];
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(bell_supervisor_notify("READY=1"), BELL_ENOTFOUND);
    assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
    assert_int_equal(bell_supervisor_notify("READY=1"), BELL_ENOTFOUND);
    static const char *const WRONG[] = {"@", "relative", "vsock:2:1"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", WRONG[i], 1), 0);
        assert_int_equal(bell_supervisor_notify("READY=1"), BELL_EINVAL);
    }
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", longest, 1), 0);
    assert_int_equal(bell_supervisor_notify("READY=1"), BELL_EINVAL);
    longest[sizeof longest - 2] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", longest, 1), 0);
    assert_int_equal(bell_supervisor_notify("READY=1"), BELL_EIO);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_sockets_are_taken, pass, forget),
        cmocka_unit_test_setup_teardown(those_of_a_name_are_taken, pass, forget),
        cmocka_unit_test_setup_teardown(sockets_of_another_process_are_left_alone, pass, forget),
        cmocka_unit_test_setup_teardown(names_may_be_missing, pass, forget),
        cmocka_unit_test_setup_teardown(a_connection_is_no_listener, pass, forget),
        cmocka_unit_test(states_are_told),
        cmocka_unit_test(without_anybody_to_tell),
    };
    /* Their numbers are not to be given to anything else. */
    for (int i = 0; i < PASSED; i++) {
        if (dup2(STDERR_FILENO, FIRST_PASSED + i) < 0) {
            return 1;
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
