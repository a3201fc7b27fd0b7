/*
 * A disk that is slow to open files: those that are asked for meanwhile wait, but not any number of
 * them, since whoever asks can go away and ask again. The linker puts a door in front of openat(2).
 */
#include "bell/server/file_thread.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    WAITING = BELL_FILE_MAX_WAITING + 1, /* and one too many */
    PATIENCE_MS = 20000,
    FEW_DESCRIPTORS = 100
};

static sem_t is_at_the_door;
static sem_t door;

static void pass(void)
{
    (void)sem_post(&is_at_the_door);
    (void)sem_wait(&door);
    (void)sem_post(&door); /* once it is open it stays so */
}

int __real_openat64(int at, const char *path, int flags);
int __wrap_openat64(int at, const char *path, int flags);
int __wrap_openat64(int at, const char *path, int flags)
{
    pass();
    return __real_openat64(at, path, flags);
}

/* The same with a check by the C library. */
int __real___openat64_2(int at, const char *path, int flags);
int __wrap___openat64_2(int at, const char *path, int flags);
int __wrap___openat64_2(int at, const char *path, int flags)
{
    pass();
    return __real___openat64_2(at, path, flags);
}

static void ask(struct peer *p, uint16_t port)
{
    peer_connect(p, port);
    peer_send(p, BELL_LIT("GET /f HTTP/1.1\r\nHost: x\r\n\r\n"));
}

static void expect_file(struct peer *p)
{
    char body[64];
    assert_int_equal(read_answer(p, body, sizeof body), 200);
    assert_string_equal(body, "content");
}

static bool has_descriptors(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           limit.rlim_max >= 2 * (rlim_t)WAITING + FEW_DESCRIPTORS;
}

/* Of all who wait the one that is answered; there must be no other. */
static size_t answered_one(struct pollfd *waiting)
{
    size_t found = WAITING;
    assert_int_equal(poll(waiting, WAITING, PATIENCE_MS), 1);
    for (size_t i = 0; i < WAITING; i++) {
        found = waiting[i].revents != 0 ? i : found;
    }
    return found;
}

static void only_so_many_wait_for_the_disk(void **state)
{
    static struct peer p;
    static struct peer first;
    static struct pollfd waiting[WAITING];
    char folder[] = "/tmp/bell_files_XXXXXX";
    char file[sizeof folder + 2];
    char body[64];
    struct service s;
    (void)state;
    if (!has_descriptors()) {
        skip();
    }
    assert_non_null(mkdtemp(folder));
    (void)snprintf(file, sizeof file, "%s/f", folder);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_true(fputs("content", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(sem_init(&is_at_the_door, 0, 0), 0);
    assert_int_equal(sem_init(&door, 0, 0), 0);
    service_init(&s, NULL);
    assert_int_equal(bell_http_server_static(s.http, "/", folder, NULL), BELL_OK);
    service_start(&s, 1);

    ask(&first, s.port);
    assert_int_equal(sem_wait(&is_at_the_door), 0);
    for (size_t i = 0; i < WAITING; i++) {
        ask(&p, s.port);
        waiting[i] = (struct pollfd){.fd = p.fd, .events = POLLIN};
    }
    size_t refused = answered_one(waiting);
    p = (struct peer){.fd = waiting[refused].fd};
    assert_int_equal(read_answer(&p, body, sizeof body), 503);
    waiting[refused].fd = -1;
    (void)sem_post(&door);
    expect_file(&first);
    for (size_t i = 0; i < WAITING; i++) {
        struct peer *one = &first;
        if (waiting[i].fd >= 0) {
            peer_close(one);
            *one = (struct peer){.fd = waiting[i].fd};
            expect_file(one);
        }
    }
    /* There is room again, also for the one that was refused: its connection goes on. */
    peer_send(&p, BELL_LIT("GET /f HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect_file(&p);
    peer_close(&p);
    peer_close(&first);
    service_finish(&s);
    (void)sem_destroy(&door);
    (void)sem_destroy(&is_at_the_door);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_so_many_wait_for_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
