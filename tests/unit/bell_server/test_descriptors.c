/*
 * Descriptors: the limit is raised, and when they end nobody is turned away: who waits is accepted
 * when some are free again. Who makes a server when there are none is told so.
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
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FEW = 200, WAITING = 5 };

static void hello(struct bell_http_request *r, void *user)
{
    const bell_http_response response = {.status = 200, .body = BELL_LIT("hello")};
    (void)user;
    assert_int_equal(bell_http_respond(r, &response), BELL_OK);
}

static struct rlimit limit_now(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit;
}

static void limit_soft(rlim_t soft)
{
    struct rlimit limit = limit_now();
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void make(struct service *s)
{
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = 1;
    service_init(s, NULL);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/", hello, NULL), BELL_OK);
    assert_int_equal(bell_io_server_create(s->http, &options, &s->io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s->io, "127.0.0.1:0"), BELL_OK);
    s->port = bell_io_server_port(s->io, 0);
}

static void the_limit_is_raised_as_far_as_it_may(void **state)
{
    (void)state;
    struct service s;
    limit_soft(FEW);
    make(&s);
    struct rlimit limit = limit_now();
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
    service_finish(&s);
}

/* For how many descriptors the kernel has room without making more. */
static uint64_t table_size(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    unsigned size = 0;
    assert_non_null(status);
    while (fgets(line, sizeof line, status) != NULL && sscanf(line, "FDSize: %u", &size) != 1) {
    }
    assert_int_equal(fclose(status), 0);
    return size;
}

/* The table never gets smaller, so this test is the first. */
static void the_table_has_room_from_the_start(void **state)
{
    (void)state;
    static const struct {
        uint32_t max_connections;
        uint64_t room; /* a power of two */
    } CASES[] = {{1024, 1024}, {1025, 2048}, {16383, 16384}, {1000000, 16384}};
    rlim_t limit = limit_now().rlim_max;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES && CASES[i].room <= limit; i++) {
        struct service s;
        bell_io_options options;
        bell_io_options_init(&options);
        options.threads = 1;
        options.max_connections = CASES[i].max_connections;
        service_init(&s, NULL);
        assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
        assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
        assert_int_equal(bell_io_server_start(s.io), BELL_OK);
        assert_int_equal(table_size(), CASES[i].room);
        service_finish(&s);
    }
}

/* Takes every descriptor there is below the limit; returns how many. */
static int take_all(int *taken)
{
    int count = 0;
    while (count < FEW && (taken[count] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0) {
        count++;
    }
    return count;
}

static void a_server_that_gets_no_descriptors_says_so(void **state)
{
    (void)state;
    struct service s;
    int taken[FEW];
    rlim_t before = limit_now().rlim_cur;
    service_init(&s, NULL);
    limit_soft(FEW);
    int count = take_all(taken);
    assert_int_equal(bell_io_server_create(s.http, NULL, &s.io), BELL_ELIMIT);
    limit_soft(before);
    assert_int_equal(bell_io_server_create(s.http, NULL, &s.io), BELL_OK);
    limit_soft(FEW);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_ELIMIT);
    while (count > 0) {
        assert_int_equal(close(taken[--count]), 0);
    }
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    limit_soft(before);
    service_finish(&s);
}

static void ask(struct peer *p)
{
    char body[64];
    peer_send(p, BELL_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(read_answer(p, body, sizeof body), 200);
}

static uint64_t failures(const struct service *s)
{
    bell_loop_metrics m;
    assert_int_equal(bell_metrics_loop(s->io, 0, &m), BELL_OK);
    return m.accept_failures;
}

static void who_waits_is_accepted_when_descriptors_are_free_again(void **state)
{
    (void)state;
    struct service s;
    struct peer first;
    static struct peer waiting[WAITING];
    int taken[FEW];
    make(&s);
    rlim_t before = limit_now().rlim_cur;
    limit_soft(FEW); /* io_uring goes by the limit of the moment in which accepting begins */
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    for (int i = 0; i < WAITING; i++) { /* our ends, while there are descriptors */
        waiting[i].n = 0;
        waiting[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(waiting[i].fd >= 0);
    }
    peer_connect(&first, s.port);
    ask(&first);
    int count = take_all(taken);
    assert_in_range(count, WAITING, FEW - 1);
    for (int i = 0; i < WAITING; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s.port)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(
            connect(waiting[i].fd, (const struct sockaddr *)(const void *)&to, sizeof to), 0);
    }
    while (failures(&s) < 2) { /* it tries again, and does not only once */
        (void)usleep(1000);
    }
    ask(&first); /* whom it has is served meanwhile */
    while (count > 0) {
        assert_int_equal(close(taken[--count]), 0);
    }
    for (int i = 0; i < WAITING; i++) {
        ask(&waiting[i]);
        peer_close(&waiting[i]);
    }
    limit_soft(before);
    peer_close(&first);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_room_from_the_start),
        cmocka_unit_test(the_limit_is_raised_as_far_as_it_may),
        cmocka_unit_test(a_server_that_gets_no_descriptors_says_so),
        cmocka_unit_test(who_waits_is_accepted_when_descriptors_are_free_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
