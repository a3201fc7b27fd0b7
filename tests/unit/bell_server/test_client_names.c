/*
 * Names that clients look up: getaddrinfo is ours here, so that each name has the addresses, the
 * failure or the patience that its test wants.
 */
#include "base/mem.h"
#include "client_app.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 12 };

/* ---- the system's resolver ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* who holds it holds "slow.test" up */
static atomic_int lookups;
static atomic_int slow_lookups; /* begun */
static atomic_int slow_ends;

static struct addrinfo *ipv4(const char *text, struct addrinfo *next)
{
    struct room {
        struct addrinfo info;
        struct sockaddr_in address;
    } *room = calloc(1, sizeof *room);
    if (room == NULL) {
        abort();
    }
    room->address.sin_family = AF_INET;
    if (inet_pton(AF_INET, text, &room->address.sin_addr) != 1) {
        abort();
    }
    room->info = (struct addrinfo){.ai_family = AF_INET,
                                   .ai_addr = (struct sockaddr *)(void *)&room->address,
                                   .ai_addrlen = sizeof room->address,
                                   .ai_next = next};
    return &room->info;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    (void)service;
    (void)hints;
    atomic_fetch_add(&lookups, 1);
    *out = NULL;
    if (strcmp(name, "second.test") == 0) {
        *out = ipv4("127.0.0.2", ipv4("127.0.0.1", NULL));
    } else if (strcmp(name, "swallows.test") == 0) {
        *out = ipv4("127.0.0.3", ipv4("127.0.0.1", NULL));
    } else if (strcmp(name, "many.test") == 0) {
        for (int i = 0; i < MANY; i++) {
            *out = ipv4("127.0.0.2", *out);
        }
    } else if (strcmp(name, "again.test") == 0) {
        return EAI_AGAIN;
    } else if (strcmp(name, "memory.test") == 0) {
        return EAI_MEMORY;
    } else if (strcmp(name, "broken.test") == 0) {
        return EAI_FAIL;
    } else if (strcmp(name, "slow.test") == 0) {
        atomic_fetch_add(&slow_lookups, 1);
        (void)pthread_mutex_lock(&gate);
        (void)pthread_mutex_unlock(&gate);
        *out = ipv4("127.0.0.1", NULL);
        atomic_fetch_add(&slow_ends, 1);
    } else if (strcmp(name, "empty.test") != 0) {
        return EAI_NONAME;
    }
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;
        free(info);
        info = next;
    }
}

/* ---- both ends ---- */

static struct told there;
static struct told here;

struct both {
    struct service s;
    struct bell_ws_server *client;
};

static void both_init(struct both *b, uint32_t connect_timeout_ms)
{
    bell_ws_client_options options;
    told_reset(&there, true);
    told_reset(&here, false);
    const struct bell_component server_component = told_component(&there);
    const struct bell_component component = told_component(&here);
    service_init(&b->s, NULL);
    service_add_websocket(&b->s, &server_component, NULL);
    service_start(&b->s, 1);
    bell_ws_client_options_init(&options);
    options.connect_timeout_ms = connect_timeout_ms;
    assert_int_equal(bell_ws_client_create(b->s.io, &component, NULL, &options, &b->client),
                     BELL_OK);
}

static void both_finish(struct both *b)
{
    bell_io_server_stop(b->s.io);
    bell_ws_server_destroy(b->client);
    service_finish(&b->s);
}

static bell_conn connect_to(struct both *b, const char *name)
{
    char url[128];
    bell_conn conn;
    (void)snprintf(url, sizeof url, "ws://%s:%u/ws", name, b->s.port);
    assert_int_equal(bell_ws_client_connect(b->client, url, NULL, &conn), BELL_OK);
    return conn;
}

/* ---- tests ---- */

static void failures_are_told_apart(void **state)
{
    static const struct {
        const char *name;
        bell_status why;
    } CASES[] = {
        {"none.test", BELL_ENOTFOUND}, {"empty.test", BELL_ENOTFOUND}, {"again.test", BELL_EAGAIN},
        {"memory.test", BELL_ENOMEM},  {"broken.test", BELL_EIO},      {"many.test", BELL_EREFUSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct both b;
        both_init(&b, 10000);
        (void)connect_to(&b, CASES[i].name);
        wait_for(&here.closes, 1);
        assert_int_equal(atomic_load(&here.errors), 1);
        if (atomic_load(&here.error) != (int)CASES[i].why) {
            fail_msg("%s: %s", CASES[i].name,
                     bell_status_name((bell_status)atomic_load(&here.error)));
        }
        both_finish(&b);
    }
}

static void the_next_address_is_tried_when_one_refuses(void **state)
{
    struct both b;
    (void)state;
    both_init(&b, 10000);
    (void)connect_to(&b, "second.test");
    wait_for(&here.opens, 1);
    assert_int_equal(atomic_load(&here.errors), 0);
    both_finish(&b);
}

/* A listener whose backlog is full: further connects are not answered. */
static int swallow(uint16_t port, int fillers[4])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, "127.0.0.3", &at.sin_addr), 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int st = connect(fillers[i], (const struct sockaddr *)(const void *)&at, sizeof at);
        assert_true(st == 0 || errno == EINPROGRESS);
    }
    return fd;
}

static void the_next_address_is_tried_when_one_does_not_answer(void **state)
{
    int fillers[4];
    struct both b;
    (void)state;
    both_init(&b, 2000);
    int fd = swallow(b.s.port, fillers);
    (void)connect_to(&b, "swallows.test");
    wait_for(&here.opens, 1);
    assert_int_equal(atomic_load(&here.errors), 0);
    both_finish(&b);
    (void)close(fd);
    for (int i = 0; i < 4; i++) {
        (void)close(fillers[i]);
    }
}

/* One name server that does not answer stops neither other names nor a loop, and nobody waits for
 * it: neither the connect, nor the end of all. */
static void a_slow_lookup_holds_nobody_up(void **state)
{
    struct both b;
    (void)state;
    atomic_store(&slow_lookups, 0);
    atomic_store(&slow_ends, 0);
    both_init(&b, 1500); /* the time for all but the first connect */
    (void)pthread_mutex_lock(&gate);
    (void)connect_to(&b, "slow.test");
    bell_conn closed = connect_to(&b, "slow.test");
    wait_for(&slow_lookups, 2);
    (void)connect_to(&b, "second.test");
    wait_for(&here.opens, 1);
    assert_int_equal(bell_ws_close(b.client, closed, 1000, BELL_LIT("")), BELL_OK);
    wait_for(&here.closes, 2);
    assert_int_equal(atomic_load(&here.errors), 1);
    assert_int_equal(atomic_load(&here.error), BELL_ETIMEOUT);
    (void)connect_to(&b, "slow.test");
    wait_for(&slow_lookups, 3);
    bell_io_server_destroy(b.s.io);
    assert_int_equal(atomic_load(&slow_ends), 0);
    assert_int_equal(atomic_load(&here.closes), 4);
    bell_ws_server_destroy(b.client);
    bell_http_server_destroy(b.s.http);
    bell_ws_server_destroy(b.s.ws);
    (void)pthread_mutex_unlock(&gate);
    wait_for(&slow_ends, 3);
    /* The threads that come back free what is theirs. */
    for (int i = 0; bell_mem_live() > 0; i++) {
        assert_true(i < 20000);
        (void)usleep(1000);
    }
}

/* More lookups than threads: they wait for their turn. */
static void all_are_looked_up_in_turn(void **state)
{
    enum { COUNT = 40 };
    struct both b;
    (void)state;
    both_init(&b, 10000);
    for (int i = 0; i < COUNT; i++) {
        (void)connect_to(&b, i % 2 == 0 ? "second.test" : "none.test");
    }
    wait_for(&here.opens, COUNT / 2);
    wait_for(&here.errors, COUNT / 2);
    both_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_are_told_apart),
        cmocka_unit_test(the_next_address_is_tried_when_one_refuses),
        cmocka_unit_test(the_next_address_is_tried_when_one_does_not_answer),
        cmocka_unit_test(a_slow_lookup_holds_nobody_up),
        cmocka_unit_test(all_are_looked_up_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
