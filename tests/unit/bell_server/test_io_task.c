/*
 * Tasks and timers of a program that has routes and no WebSocket server.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LOOPS = 3, HOUR_MS = 3600000, MOST_TASKS = 262144, MOST_NESTED = 64 };
static const uint64_t NS_PER_MS = 1000000;

static atomic_int wrongs;
static sem_t told; /* something that the test waits for has happened */
static struct service service;

static void check(bool is_right)
{
    atomic_fetch_add(&wrongs, is_right ? 0 : 1);
}

static void begin(void)
{
    atomic_store(&wrongs, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(&service, NULL);
}

static void end(void)
{
    service_finish(&service);
    assert_int_equal(sem_destroy(&told), 0);
    assert_int_equal(atomic_load(&wrongs), 0);
}

static void tell(struct bell_io_server *io, void *user)
{
    (void)user;
    check(io == service.io);
    check(sem_post(&told) == 0);
}

static void never(struct bell_io_server *io, bell_io_timer timer, void *user)
{
    (void)io;
    (void)timer;
    (void)user;
    check(false);
}

/* ---- tasks ---- */

struct notes {
    pthread_t thread;
    int count;
};

static void note(struct bell_io_server *io, void *user)
{
    struct notes *n = user;
    check(io == service.io);
    check(n->count == 0 || pthread_equal(n->thread, pthread_self()));
    n->thread = pthread_self();
    n->count++;
}

static void tasks_run_on_the_first_loop_before_start_and_after_the_end_too(void **state)
{
    (void)state;
    struct notes notes = {.count = 0};
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = LOOPS;
    begin();
    assert_int_equal(bell_io_server_create(service.http, &options, &service.io), BELL_OK);
    assert_int_equal(bell_io_server_run_task(service.io, note, &notes), BELL_OK);
    assert_int_equal(notes.count, 0);
    assert_int_equal(bell_io_server_start(service.io), BELL_OK);
    assert_int_equal(bell_io_server_run_task(service.io, note, &notes), BELL_OK);
    assert_int_equal(bell_io_server_run_task(service.io, tell, NULL), BELL_OK);
    wait_posted(&told); /* what one thread gives runs in its order */
    assert_int_equal(notes.count, 2);
    assert_false(pthread_equal(notes.thread, pthread_self()));
    bell_io_server_stop(service.io);
    struct notes late = {.count = 0};
    assert_int_equal(bell_io_server_run_task(service.io, note, &late), BELL_OK);
    assert_int_equal(late.count, 1);
    assert_true(pthread_equal(late.thread, pthread_self()));
    end();
}

static void a_task_of_a_server_that_never_starts_runs_when_it_is_destroyed(void **state)
{
    (void)state;
    struct notes notes = {.count = 0};
    begin();
    assert_int_equal(bell_io_server_create(service.http, NULL, &service.io), BELL_OK);
    assert_int_equal(bell_io_server_run_task(service.io, note, &notes), BELL_OK);
    end();
    assert_int_equal(notes.count, 1);
}

/* ---- many tasks ---- */

enum { MANY = 400, TOGETHER_MS = 800 };

static sem_t may_go_on;
static atomic_int done;
static atomic_int done_before; /* the request was read */

static void hold(struct bell_io_server *io, void *user)
{
    tell(io, user);
    wait_posted(&may_go_on);
}

static void take_long(struct bell_io_server *io, void *user)
{
    uint64_t end_ns = bell_clock_now_ns() + TOGETHER_MS * NS_PER_MS / MANY;
    (void)io, (void)user;
    while (bell_clock_now_ns() < end_ns) {
    }
    atomic_fetch_add(&done, 1);
}

static void on_question(struct bell_http_request *request, void *user)
{
    static const bell_http_response NOTHING = {.status = 204};
    (void)user;
    atomic_store(&done_before, atomic_load(&done));
    check(bell_http_respond(request, &NOTHING) == BELL_OK);
}

/* What other threads give a loop to do does not keep those waiting who are connected. */
static void who_asks_is_answered_before_all_tasks_are_done(void **state)
{
    (void)state;
    char head[512];
    struct peer p;
    begin();
    assert_int_equal(sem_init(&may_go_on, 0, 0), 0);
    atomic_store(&done, 0);
    assert_int_equal(bell_http_server_route(service.http, "GET", "/", on_question, NULL), BELL_OK);
    service_start(&service, 1);
    /* The second one comes together with the many, in a later turn than the first. */
    assert_int_equal(bell_io_server_run_task(service.io, hold, NULL), BELL_OK);
    wait_posted(&told);
    assert_int_equal(bell_io_server_run_task(service.io, hold, NULL), BELL_OK);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(bell_io_server_run_task(service.io, take_long, NULL), BELL_OK);
    }
    assert_int_equal(sem_post(&may_go_on), 0);
    wait_posted(&told);
    peer_connect(&p, service.port);
    peer_send(&p, BELL_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(sem_post(&may_go_on), 0);
    assert_int_equal(peer_read_head(&p, head, sizeof head), 204);
    assert_in_range(atomic_load(&done_before), 1, MANY / 2);
    peer_close(&p);
    end();
    assert_int_equal(atomic_load(&done), MANY);
    assert_int_equal(sem_destroy(&may_go_on), 0);
}

static void without_memory_a_task_does_not_run(void **state)
{
    (void)state;
    struct notes notes = {.count = 0};
    begin();
    assert_int_equal(bell_io_server_create(service.http, NULL, &service.io), BELL_OK);
    bell_mem_fail_at(1); /* no other thread is there yet */
    bell_status st = bell_io_server_run_task(service.io, note, &notes);
    bell_mem_fail_at(0);
    assert_int_equal(st, BELL_ENOMEM);
    end();
    assert_int_equal(notes.count, 0);
}

static void at_most_so_many_tasks_wait(void **state)
{
    (void)state;
    struct notes notes = {.count = 0};
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = 1;
    begin();
    assert_int_equal(bell_io_server_create(service.http, &options, &service.io), BELL_OK);
    for (int i = 0; i < MOST_TASKS; i++) {
        assert_int_equal(bell_io_server_run_task(service.io, note, &notes), BELL_OK);
    }
    assert_int_equal(bell_io_server_run_task(service.io, note, &notes), BELL_EAGAIN);
    assert_int_equal(bell_io_server_start(service.io), BELL_OK);
    while (bell_io_server_run_task(service.io, tell, NULL) == BELL_EAGAIN) {
        (void)sched_yield();
    }
    wait_posted(&told);
    assert_int_equal(notes.count, MOST_TASKS);
    end();
}

/* Gives itself again and again. */
struct chain {
    int left; /* times, with this one */
    int runs;
    int refusals;
};

static void go_on(struct bell_io_server *io, void *user)
{
    struct chain *c = user;
    if (c->runs++ == 0) {
        check(sem_post(&told) == 0);
    }
    if (--c->left > 0 && bell_io_server_run_task(io, go_on, c) == BELL_EAGAIN) {
        c->refusals++;
    }
}

static void after_the_end_only_so_many_tasks_run_within_one_another(void **state)
{
    (void)state;
    begin();
    service_start(&service, LOOPS);
    bell_io_server_stop(service.io);
    for (int wanted = MOST_NESTED - 1; wanted <= MOST_NESTED + 1; wanted++) {
        struct chain c = {.left = wanted};
        assert_int_equal(bell_io_server_run_task(service.io, go_on, &c), BELL_OK);
        assert_int_equal(c.runs, wanted < MOST_NESTED ? wanted : MOST_NESTED);
        assert_int_equal(c.refusals, wanted > MOST_NESTED);
    }
    end();
}

static void one_that_gives_itself_for_ever_does_not_outlive_its_loop(void **state)
{
    struct chain c = {.left = INT_MAX};
    (void)state;
    begin();
    service_start(&service, 1);
    assert_int_equal(bell_io_server_run_task(service.io, go_on, &c), BELL_OK);
    wait_posted(&told);
    end();
    assert_int_equal(c.refusals, 1);
}

/* ---- timers ---- */

struct watch {
    uint64_t started_ns;
    bell_io_timer timer;
    bell_io_timer other; /* cancelled by the first that rings */
    pthread_t thread;
    uint32_t delay_ms;
    uint32_t period_ms;
    int rounds;
    int rings;
};

static void on_ring(struct bell_io_server *io, bell_io_timer timer, void *user)
{
    struct watch *w = user;
    uint64_t least_ms = w->delay_ms + (uint64_t)w->rings * w->period_ms;
    check(io == service.io);
    check(timer == w->timer);
    check(pthread_equal(pthread_self(), w->thread));
    check(bell_clock_now_ns() - w->started_ns >= least_ms * NS_PER_MS);
    if (w->rings++ == 0) {
        check(bell_io_server_cancel_timer(io, w->other) == BELL_OK);
        check(bell_io_server_cancel_timer(io, w->other) == BELL_ENOTFOUND);
    }
    if (w->rings == w->rounds) {
        check(bell_io_server_cancel_timer(io, timer) ==
              (w->period_ms == 0 ? BELL_ENOTFOUND : BELL_OK));
        check(sem_post(&told) == 0);
    }
}

static void start_watch(struct bell_io_server *io, void *user)
{
    struct watch *w = user;
    w->thread = pthread_self();
    w->started_ns = bell_clock_now_ns();
    check(bell_io_server_start_timer(io, HOUR_MS, 0, never, NULL, &w->other) == BELL_OK);
    check(bell_io_server_start_timer(io, w->delay_ms, w->period_ms, on_ring, w, &w->timer) ==
          BELL_OK);
    check(bell_io_server_start_timer(io, HOUR_MS, HOUR_MS, never, NULL, NULL) == BELL_OK);
}

static void timers_ring_where_they_were_started_and_never_early(void **state)
{
    (void)state;
    static const struct watch ROWS[] = {
        {.delay_ms = 0, .rounds = 1},
        {.delay_ms = 20, .rounds = 1},
        {.delay_ms = 3, .period_ms = 2, .rounds = 4},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct watch w = ROWS[i];
        begin();
        service_start(&service, LOOPS);
        assert_int_equal(bell_io_server_run_task(service.io, start_watch, &w), BELL_OK);
        wait_posted(&told);
        end();
        assert_int_equal(w.rings, w.rounds);
    }
}

static void start_one(struct bell_io_server *io, void *user)
{
    check(bell_io_server_start_timer(io, HOUR_MS, 0, never, NULL, user) == BELL_OK);
    tell(io, NULL);
}

static void timers_are_their_loops(void **state)
{
    (void)state;
    bell_io_timer timer = 0;
    begin();
    service_start(&service, 1);
    assert_int_equal(bell_io_server_start_timer(service.io, 0, 0, never, NULL, NULL), BELL_ESTATE);
    assert_int_equal(bell_io_server_run_task(service.io, start_one, &timer), BELL_OK);
    wait_posted(&told);
    assert_int_not_equal(timer, 0);
    assert_int_equal(bell_io_server_cancel_timer(service.io, timer), BELL_ESTATE);
    end();
}

/* ---- beside a WebSocket server ---- */

static void never_ws(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    (void)ws;
    (void)timer;
    (void)user;
    check(false);
}

static void on_ws_ring(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    (void)timer;
    (void)user;
    check(ws == service.ws);
    check(sem_post(&told) == 0);
}

static void mix(struct bell_io_server *io, void *user)
{
    bell_io_timer ours = 0;
    bell_ws_timer theirs = 0;
    (void)user;
    check(bell_io_server_start_timer(io, HOUR_MS, 0, never, NULL, &ours) == BELL_OK);
    check(bell_ws_start_timer(service.ws, HOUR_MS, 0, never_ws, NULL, &theirs) == BELL_OK);
    check(ours != theirs);
    check(bell_ws_cancel_timer(service.ws, ours) == BELL_ENOTFOUND);
    check(bell_io_server_cancel_timer(io, theirs) == BELL_ENOTFOUND);
    check(bell_io_server_cancel_timer(io, ours) == BELL_OK);
    check(bell_ws_cancel_timer(service.ws, theirs) == BELL_OK);
    check(bell_ws_start_timer(service.ws, 1, 0, on_ws_ring, NULL, NULL) == BELL_OK);
}

static void each_has_its_own(void **state)
{
    (void)state;
    static const struct bell_component NONE = {.on_open = NULL};
    begin();
    service_add_websocket(&service, &NONE, NULL);
    service_start(&service, 1);
    assert_int_equal(bell_io_server_run_task(service.io, mix, NULL), BELL_OK);
    wait_posted(&told);
    end();
}

/* ---- what it is for ---- */

static void give_up(struct bell_io_server *io, bell_io_timer timer, void *user)
{
    static const bell_http_response NOTHING = {.status = 204};
    bell_http_exchange *asked = user;
    (void)io;
    (void)timer;
    check(bell_http_respond_later(service.http, *asked, &NOTHING) == BELL_OK);
    free(asked);
}

static void on_news(struct bell_http_request *request, void *user)
{
    bell_http_exchange *asked = malloc(sizeof *asked);
    (void)user;
    check(asked != NULL);
    if (asked != NULL) {
        check(bell_io_server_start_timer(service.io, 5, 0, give_up, asked, NULL) == BELL_OK);
        *asked = bell_http_request_defer(request);
    }
}

static void a_handler_of_any_loop_answers_in_time(void **state)
{
    (void)state;
    struct peer peers[2 * LOOPS];
    begin();
    assert_int_equal(bell_http_server_route(service.http, "GET", "/news", on_news, NULL), BELL_OK);
    service_start(&service, LOOPS);
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        peer_connect(&peers[i], service.port);
        peer_send(&peers[i], BELL_LIT("GET /news HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        char head[512];
        assert_int_equal(peer_read_head(&peers[i], head, sizeof head), 204);
        peer_close(&peers[i]);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_on_the_first_loop_before_start_and_after_the_end_too),
        cmocka_unit_test(a_task_of_a_server_that_never_starts_runs_when_it_is_destroyed),
        cmocka_unit_test(who_asks_is_answered_before_all_tasks_are_done),
        cmocka_unit_test(without_memory_a_task_does_not_run),
        cmocka_unit_test(at_most_so_many_tasks_wait),
        cmocka_unit_test(after_the_end_only_so_many_tasks_run_within_one_another),
        cmocka_unit_test(one_that_gives_itself_for_ever_does_not_outlive_its_loop),
        cmocka_unit_test(timers_ring_where_they_were_started_and_never_early),
        cmocka_unit_test(timers_are_their_loops),
        cmocka_unit_test(each_has_its_own),
        cmocka_unit_test(a_handler_of_any_loop_answers_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
