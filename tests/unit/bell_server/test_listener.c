/*
 * Listeners of every kind: TCP with IPv4 and IPv6, Unix sockets and their files, and sockets that
 * somebody else has opened.
 */
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { THREADS = 3, PATH_BYTES = 256, LONGEST_PATH = 107 };

static char folder[] = "/tmp/bell_listener_XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a test has left a socket there */
}

/* ---- the server: says who asks, and on which thread ---- */

static pthread_t threads_seen[THREADS];
static size_t thread_count;
static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;

static void note_thread(void)
{
    size_t i = 0;
    (void)pthread_mutex_lock(&threads_lock);
    while (i < thread_count && pthread_equal(threads_seen[i], pthread_self()) == 0) {
        i++;
    }
    if (i == thread_count && i < THREADS) {
        threads_seen[thread_count++] = pthread_self();
    }
    (void)pthread_mutex_unlock(&threads_lock);
}

static size_t count_threads(void)
{
    (void)pthread_mutex_lock(&threads_lock);
    size_t count = thread_count;
    (void)pthread_mutex_unlock(&threads_lock);
    return count;
}

static void tell_peer(struct bell_http_request *r, void *user)
{
    const bell_http_response response = {.status = 200, .body = bell_http_request_peer(r)};
    (void)user;
    note_thread();
    if (bell_http_respond(r, &response) != BELL_OK) {
        return; /* 500 */
    }
}

static void make(struct service *s)
{
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = THREADS;
    options.unix_mode = 0600;
    thread_count = 0;
    service_init(s, NULL);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/", tell_peer, NULL), BELL_OK);
    assert_int_equal(bell_io_server_create(s->http, &options, &s->io), BELL_OK);
}

static void listen_unix(const struct service *s, const char *path, bell_status expected)
{
    char address[PATH_BYTES + sizeof "unix:"];
    (void)snprintf(address, sizeof address, "unix:%s", path);
    assert_int_equal(bell_io_server_listen(s->io, address), expected);
}

static void make_path(char *out, const char *name)
{
    assert_true(snprintf(out, PATH_BYTES, "%s/%s", folder, name) < PATH_BYTES);
}

/* Asks on the open connection, and closes it. */
static void expect_peer(struct peer *p, const char *expected)
{
    char body[64];
    peer_send(p, BELL_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(read_answer(p, body, sizeof body), 200);
    assert_string_equal(body, expected);
    peer_close(p);
}

static bool is_there(const char *path)
{
    struct stat file;
    return lstat(path, &file) == 0;
}

/* ---- TCP ---- */

static void several_listeners_with_ipv4_and_ipv6(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    make(&s);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, "[::1]:0"), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, ":0"), BELL_OK);
    assert_int_equal(bell_io_server_port(s.io, 3), 0);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    peer_connect(&p, bell_io_server_port(s.io, 0));
    expect_peer(&p, "127.0.0.1");
    peer_connect_ipv6(&p, bell_io_server_port(s.io, 1));
    expect_peer(&p, "::1");
    /* Without an address both come in, and an IPv4 client is called by its own address. */
    peer_connect(&p, bell_io_server_port(s.io, 2));
    expect_peer(&p, "127.0.0.1");
    peer_connect_ipv6(&p, bell_io_server_port(s.io, 2));
    expect_peer(&p, "::1");
    service_finish(&s);
}

static void an_address_in_use_is_refused(void **state)
{
    (void)state;
    struct service first;
    struct service second;
    char address[64];
    make(&first);
    make(&second);
    assert_int_equal(bell_io_server_listen(first.io, "[::1]:0"), BELL_OK);
    (void)snprintf(address, sizeof address, "[::1]:%u", (unsigned)bell_io_server_port(first.io, 0));
    assert_int_equal(bell_io_server_listen(second.io, address), BELL_EADDRINUSE);
    assert_int_equal(bell_io_server_listen(second.io, "[2001:db8::1]:0"), BELL_EINVAL);
    assert_int_equal(bell_io_server_listen(second.io, NULL), BELL_EINVAL);
    bell_io_server_destroy(second.io);
    bell_http_server_destroy(second.http);
    service_finish(&first);
}

static void sixteen_listeners_and_no_more(void **state)
{
    (void)state;
    struct service s;
    make(&s);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    }
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_ELIMIT);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_ESTATE);
    for (size_t i = 0; i < 16; i++) {
        struct peer p;
        peer_connect(&p, bell_io_server_port(s.io, i));
        expect_peer(&p, "127.0.0.1");
    }
    service_finish(&s);
}

/* ---- Unix sockets ---- */

static void a_unix_socket_serves_all_loops_and_goes_with_its_server(void **state)
{
    (void)state;
    struct service s;
    struct stat file;
    char path[PATH_BYTES];
    make_path(path, "s");
    make(&s);
    listen_unix(&s, path, BELL_OK);
    assert_int_equal(bell_io_server_port(s.io, 0), 0);
    assert_int_equal(lstat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    for (int i = 0; i < THREADS; i++) {
        struct peer p;
        peer_connect_unix(&p, path);
        expect_peer(&p, "");
    }
    assert_int_equal(count_threads(), THREADS); /* in turn */
    service_finish(&s);
    assert_false(is_there(path));
}

static void the_socket_of_a_dead_server_is_replaced(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[PATH_BYTES];
    make_path(path, "s");
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    assert_int_equal(close(fd), 0); /* as a process that is killed leaves it */
    make(&s);
    listen_unix(&s, path, BELL_OK);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    peer_connect_unix(&p, path);
    expect_peer(&p, "");
    service_finish(&s);
    assert_false(is_there(path));
}

static void a_living_server_keeps_its_socket(void **state)
{
    (void)state;
    struct service first;
    struct service second;
    struct peer p;
    char path[PATH_BYTES];
    make_path(path, "s");
    make(&first);
    make(&second);
    listen_unix(&first, path, BELL_OK);
    listen_unix(&second, path, BELL_EADDRINUSE);
    assert_int_equal(bell_io_server_start(first.io), BELL_OK);
    listen_unix(&second, path, BELL_EADDRINUSE);
    bell_io_server_destroy(second.io);
    bell_http_server_destroy(second.http);
    peer_connect_unix(&p, path);
    expect_peer(&p, "");
    service_finish(&first);
}

static void files_of_others_stay(void **state)
{
    (void)state;
    struct service s;
    char path[PATH_BYTES];
    make_path(path, "s");
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    make(&s);
    listen_unix(&s, path, BELL_EADDRINUSE);
    assert_true(is_there(path));
    assert_int_equal(unlink(path), 0);
    /* One that took our place while we lived. */
    listen_unix(&s, path, BELL_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    assert_int_equal(close(fd), 0); /* till then that file's number is not given again */
    service_finish(&s);
    assert_true(is_there(path));
    assert_int_equal(unlink(path), 0);
}

static void paths_have_a_limit(void **state)
{
    (void)state;
    struct service s;
    char path[PATH_BYTES];
    make(&s);
    make_path(path, "");
    size_t n = strlen(path);
    memset(path + n, 'x', LONGEST_PATH + 1 - n);
    path[LONGEST_PATH + 1] = '\0';
    listen_unix(&s, path, BELL_EINVAL);
    path[LONGEST_PATH] = '\0';
    listen_unix(&s, path, BELL_OK);
    assert_true(is_there(path));
    listen_unix(&s, "", BELL_EINVAL);
    make_path(path, "none/s");
    listen_unix(&s, path, BELL_EINVAL);
    service_finish(&s);
}

static void permission_bits_are_checked(void **state)
{
    (void)state;
    struct service s;
    bell_io_options options;
    bell_io_options_init(&options);
    service_init(&s, NULL);
    options.unix_mode = 01000;
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_EINVAL);
    options.unix_mode = 0777;
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
    service_finish(&s);
}

/* ---- sockets of others ---- */

/* A listening socket of 127.0.0.1, as some other process would have made it. */
static int foreign_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* blocking, and not closed on exec */
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static void an_inherited_socket_serves_all_loops(void **state)
{
    (void)state;
    struct service s;
    make(&s);
    int fd = foreign_socket();
    assert_int_equal(bell_io_server_listen_fd(s.io, fd), BELL_OK);
    assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    uint16_t port = bell_io_server_port(s.io, 0);
    assert_int_not_equal(port, 0);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    for (int i = 0; i < THREADS; i++) {
        struct peer p;
        peer_connect(&p, port);
        expect_peer(&p, "127.0.0.1");
    }
    assert_int_equal(count_threads(), THREADS);
    service_finish(&s);
}

/* Whoever is quicker accepts; the other one's accept finds nobody, and must neither wait nor end.
 */
static void two_servers_may_share_a_socket(void **state)
{
    (void)state;
    struct service first;
    struct service second;
    make(&first);
    make(&second);
    int fd = foreign_socket();
    int other = dup(fd);
    assert_true(other >= 0);
    assert_int_equal(bell_io_server_listen_fd(first.io, fd), BELL_OK);
    assert_int_equal(bell_io_server_listen_fd(second.io, other), BELL_OK);
    uint16_t port = bell_io_server_port(first.io, 0);
    assert_int_equal(bell_io_server_start(first.io), BELL_OK);
    assert_int_equal(bell_io_server_start(second.io), BELL_OK);
    for (int i = 0; i < 200; i++) {
        struct peer p;
        peer_connect(&p, port);
        expect_peer(&p, "127.0.0.1");
    }
    /* One goes, and the socket lives on. */
    bell_io_server_destroy(first.io);
    bell_http_server_destroy(first.http);
    for (int i = 0; i < 20; i++) {
        struct peer p;
        peer_connect(&p, port);
        expect_peer(&p, "127.0.0.1");
    }
    service_finish(&second);
}

static void what_is_no_listener_is_refused_and_closed(void **state)
{
    (void)state;
    struct service s;
    make(&s);
    int refused[] = {
        socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), /* does not listen */
        socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        open("/dev/null", O_RDONLY | O_CLOEXEC),
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(bell_io_server_listen_fd(s.io, refused[i]), BELL_EINVAL);
        assert_int_equal(fcntl(refused[i], F_GETFD), -1);
    }
    assert_int_equal(bell_io_server_listen_fd(s.io, -1), BELL_EINVAL);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    int late = foreign_socket();
    assert_int_equal(bell_io_server_listen_fd(s.io, late), BELL_ESTATE);
    assert_int_equal(fcntl(late, F_GETFD), -1);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_listeners_with_ipv4_and_ipv6),
        cmocka_unit_test(an_address_in_use_is_refused),
        cmocka_unit_test(sixteen_listeners_and_no_more),
        cmocka_unit_test(a_unix_socket_serves_all_loops_and_goes_with_its_server),
        cmocka_unit_test(the_socket_of_a_dead_server_is_replaced),
        cmocka_unit_test(a_living_server_keeps_its_socket),
        cmocka_unit_test(files_of_others_stay),
        cmocka_unit_test(paths_have_a_limit),
        cmocka_unit_test(permission_bits_are_checked),
        cmocka_unit_test(an_inherited_socket_serves_all_loops),
        cmocka_unit_test(two_servers_may_share_a_socket),
        cmocka_unit_test(what_is_no_listener_is_refused_and_closed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
