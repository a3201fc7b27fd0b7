/*
 * The application's timers: when and where they ring, and when they do not any more.
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
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { LOOPS = 3, HOUR_MS = 3600000 };
static const uint64_t NS_PER_MS = 1000000;

static atomic_int wrongs;
static sem_t told; /* something that the test waits for has happened */

static void check(bool is_right)
{
    atomic_fetch_add(&wrongs, is_right ? 0 : 1);
}

static void begin(struct service *s, const struct bell_component *component, uint32_t loops)
{
    static const struct bell_component NONE = {.on_open = NULL};
    atomic_store(&wrongs, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(s, NULL);
    service_add_websocket(s, component == NULL ? &NONE : component, NULL);
    service_start(s, loops);
}

static void end(struct service *s)
{
    service_finish(s);
    assert_int_equal(sem_destroy(&told), 0);
    assert_int_equal(atomic_load(&wrongs), 0);
}

static void tell(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)user;
    check(conn == 0);
    check(sem_post(&told) == 0);
}

/* Runs a task on the first loop and waits until it has. */
static void on_first(struct service *s, bell_ws_task_fn task, void *user)
{
    assert_int_equal(bell_ws_run(s->ws, 0, task, user), BELL_OK);
    assert_int_equal(bell_ws_run(s->ws, 0, tell, NULL), BELL_OK);
    wait_posted(&told);
}

static void never(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    (void)ws;
    (void)timer;
    (void)user;
    check(false);
}

/* ---- one that is started, and rings ---- */

struct watch {
    uint64_t started_ns;
    bell_ws_timer timer;
    pthread_t thread;
    uint32_t delay_ms;
    uint32_t period_ms;
    int rounds; /* after which it is cancelled in its own ring; 0 = it rings once */
    int rings;
};

static void on_ring(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    struct watch *w = user;
    uint64_t since_ns = bell_clock_now_ns() - w->started_ns;
    check(timer == w->timer);
    check(pthread_equal(pthread_self(), w->thread));
    /* Never early, whatever the round; late rounds are left out and never made up for. */
    uint64_t least_ms = w->delay_ms + (uint64_t)w->rings * w->period_ms;
    check(since_ns >= least_ms * NS_PER_MS);
    w->rings++;
    bool is_last = w->rings >= w->rounds;
    if (w->period_ms == 0) {
        check(bell_ws_cancel_timer(ws, timer) == BELL_ENOTFOUND); /* it is over */
    } else if (is_last) {
        check(bell_ws_cancel_timer(ws, timer) == BELL_OK);
        check(bell_ws_cancel_timer(ws, timer) == BELL_ENOTFOUND);
    }
    if (is_last) {
        check(sem_post(&told) == 0);
    }
}

static void start_watch(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct watch *w = user;
    (void)conn;
    w->thread = pthread_self();
    w->started_ns = bell_clock_now_ns();
    check(bell_ws_start_timer(ws, w->delay_ms, w->period_ms, on_ring, w, &w->timer) == BELL_OK);
    check(w->timer != 0);
}

static void rings_on_its_loop_and_never_early(void **state)
{
    (void)state;
    static const struct watch ROWS[] = {
        {.delay_ms = 0},
        {.delay_ms = 1},
        {.delay_ms = 20},
        {.delay_ms = 0, .period_ms = 1, .rounds = 30},
        {.delay_ms = 3, .period_ms = 7, .rounds = 5},
        {.delay_ms = 25, .period_ms = 1, .rounds = 2},
    };
    struct service s;
    begin(&s, NULL, LOOPS);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct watch w = ROWS[i];
        assert_int_equal(bell_ws_run(s.ws, 0, start_watch, &w), BELL_OK);
        wait_posted(&told);
        on_first(&s, tell, NULL); /* whatever else would have rung with it */
        wait_posted(&told);
        assert_int_equal(w.rings, w.rounds == 0 ? 1 : w.rounds);
    }
    end(&s);
}

struct order {
    int next;
    int index;
    struct order *first;
};

static void ring_in_order(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    struct order *o = user;
    (void)ws;
    (void)timer;
    check(o->first->next++ == o->index);
    if (o->index == 2) {
        check(sem_post(&told) == 0);
    }
}

static void start_in_order(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct order *o = user;
    (void)conn;
    for (int i = 0; i < 3; i++) {
        check(bell_ws_start_timer(ws, 5, 0, ring_in_order, &o[i], NULL) == BELL_OK);
    }
}

static void those_with_the_same_delay_ring_in_order(void **state)
{
    (void)state;
    struct service s;
    struct order o[3] = {{0, 0, &o[0]}, {0, 1, &o[0]}, {0, 2, &o[0]}};
    begin(&s, NULL, 1);
    assert_int_equal(bell_ws_run(s.ws, 0, start_in_order, o), BELL_OK);
    wait_posted(&told);
    end(&s);
}

/* ---- cancelling ---- */

struct pair {
    bell_ws_timer mine;
    bell_ws_timer other; /* due at the same time, and cancelled by the first that rings */
    int rings;
};

static void cancel_other(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    struct pair *p = user;
    p->rings++;
    check(bell_ws_cancel_timer(ws, timer == p->mine ? p->other : p->mine) == BELL_OK);
    check(sem_post(&told) == 0);
}

static void start_pair(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct pair *p = user;
    bell_ws_timer gone;
    (void)conn;
    check(bell_ws_start_timer(ws, 5, 0, cancel_other, p, &p->mine) == BELL_OK);
    check(bell_ws_start_timer(ws, 5, 0, cancel_other, p, &p->other) == BELL_OK);
    check(bell_ws_start_timer(ws, 0, 1, never, NULL, &gone) == BELL_OK);
    check(p->mine != p->other && p->mine != gone && p->other != gone);
    check(bell_ws_cancel_timer(ws, gone) == BELL_OK);
    check(bell_ws_cancel_timer(ws, gone) == BELL_ENOTFOUND);
    check(bell_ws_cancel_timer(ws, 0) == BELL_ENOTFOUND);
    /* Its place is used again, and the handle is another one. */
    bell_ws_timer next;
    check(bell_ws_start_timer(ws, HOUR_MS, 0, never, NULL, &next) == BELL_OK);
    check(next != gone);
    check(bell_ws_cancel_timer(ws, gone) == BELL_ENOTFOUND);
    check(bell_ws_cancel_timer(ws, next) == BELL_OK);
}

static void who_is_cancelled_does_not_ring(void **state)
{
    (void)state;
    struct service s;
    struct pair p = {.rings = 0};
    begin(&s, NULL, LOOPS);
    assert_int_equal(bell_ws_run(s.ws, 0, start_pair, &p), BELL_OK);
    wait_posted(&told);
    on_first(&s, tell, NULL);
    wait_posted(&told);
    assert_int_equal(p.rings, 1);
    end(&s);
}

struct elsewhere {
    struct bell_ws_server *other;
    bell_ws_timer timer; /* of the first loop */
    pthread_t first;
};

static void start_for_elsewhere(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct elsewhere *e = user;
    (void)conn;
    e->first = pthread_self();
    check(bell_ws_start_timer(ws, HOUR_MS, HOUR_MS, never, NULL, &e->timer) == BELL_OK);
    check(bell_ws_cancel_timer(e->other, e->timer) == BELL_ENOTFOUND); /* not its own */
}

/* Each loop has one in the same slot. */
static void cancel_from_elsewhere(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct elsewhere *e = user;
    bell_ws_timer mine;
    (void)conn;
    check(bell_ws_start_timer(ws, HOUR_MS, 0, never, NULL, &mine) == BELL_OK);
    check(mine != e->timer);
    if (!pthread_equal(e->first, pthread_self())) {
        check(bell_ws_cancel_timer(ws, e->timer) == BELL_ESTATE);
        check(bell_ws_cancel_timer(ws, 0) == BELL_ENOTFOUND);
    }
    check(bell_ws_cancel_timer(ws, mine) == BELL_OK);
}

static void cancel_at_last(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    const struct elsewhere *e = user;
    (void)conn;
    check(bell_ws_cancel_timer(ws, e->timer) == BELL_OK);
}

static void a_timer_is_its_loops_own(void **state)
{
    (void)state;
    struct service s;
    struct elsewhere e = {.timer = 0};
    static const struct bell_component NONE = {.on_open = NULL};
    atomic_store(&wrongs, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(&s, NULL);
    service_add_websocket(&s, &NONE, NULL);
    assert_int_equal(bell_ws_server_create(&NONE, NULL, &e.other), BELL_OK);
    assert_int_equal(bell_ws_start_timer(e.other, 0, 0, never, NULL, NULL), BELL_ESTATE);
    assert_int_equal(bell_http_server_websocket(s.http, "/other", e.other), BELL_OK);
    service_start(&s, LOOPS);
    on_first(&s, start_for_elsewhere, &e);
    assert_int_equal(bell_ws_start_timer(s.ws, 0, 0, never, NULL, NULL), BELL_ESTATE);
    assert_int_equal(bell_ws_cancel_timer(s.ws, e.timer), BELL_ESTATE);
    assert_int_equal(bell_ws_run_all(s.ws, cancel_from_elsewhere, tell, &e), BELL_OK);
    wait_posted(&told);
    on_first(&s, cancel_at_last, &e);
    bell_io_server_stop(s.io);
    bell_io_server_destroy(s.io);
    s.io = NULL;
    bell_http_server_destroy(s.http);
    s.http = NULL;
    bell_ws_server_destroy(e.other);
    end(&s);
}

/* ---- memory, and the end ---- */

static void start_without_memory(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    bell_ws_timer timer = 7;
    (void)conn;
    (void)user;
    for (int64_t i = 1; i <= 2; i++) {
        bell_mem_fail_at(i);
        check(bell_ws_start_timer(ws, 0, 0, never, NULL, &timer) == BELL_ENOMEM);
        check(bell_mem_failed() && timer == 7);
    }
    bell_mem_fail_at(0);
    check(bell_ws_start_timer(ws, HOUR_MS, 0, never, NULL, &timer) == BELL_OK);
}

static void without_memory_nothing_is_started(void **state)
{
    (void)state;
    struct service s;
    begin(&s, NULL, 1);
    on_first(&s, start_without_memory, NULL);
    end(&s);
}

/* A deadline for the connection: it ends with it. */
static void close_late(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    const bell_conn *conn = user;
    (void)timer;
    check(bell_ws_close(ws, *conn, 4008, BELL_LIT("log in")) == BELL_OK);
}

struct own {
    bell_conn conn;
    bell_ws_timer timer;
};

static struct own owns[2];
static atomic_int opens;
static atomic_int closes;

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    int i = atomic_fetch_add(&opens, 1);
    (void)request;
    (void)user;
    owns[i].conn = conn;
    bell_ws_set_user(ws, conn, &owns[i]);
    check(bell_ws_start_timer(ws, i == 0 ? 10 : HOUR_MS, 0, close_late, &owns[i].conn,
                              &owns[i].timer) == BELL_OK);
}

/* Cancelling here is legal too when the loop has begun to end, and so is starting. */
static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    const struct own *own = bell_ws_get_user(ws, conn);
    (void)event;
    (void)user;
    check(bell_ws_cancel_timer(ws, own->timer) ==
          (own == &owns[0] ? BELL_ENOTFOUND : BELL_OK)); /* it has rung */
    check(bell_ws_start_timer(ws, own == &owns[0] ? HOUR_MS : 0, 1, never, NULL, NULL) == BELL_OK);
    atomic_fetch_add(&closes, 1);
}

static void a_connection_may_have_a_deadline_of_its_own(void **state)
{
    (void)state;
    static const struct bell_component component = {.on_open = on_open, .on_close = on_close};
    static struct peer early;
    static struct peer late;
    static peer_frame f;
    struct service s;
    atomic_store(&opens, 0);
    atomic_store(&closes, 0);
    begin(&s, &component, 1);
    peer_connect(&early, s.port);
    assert_int_equal(peer_upgrade(&early, "/ws", ""), 101);
    assert_true(peer_read_frame(&early, &f));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x0f\xa8log in", 8);
    peer_connect(&late, s.port);
    assert_int_equal(peer_upgrade(&late, "/ws", ""), 101);
    bell_io_server_stop(s.io);
    assert_int_equal(atomic_load(&closes), 2);
    peer_close(&early);
    peer_close(&late);
    end(&s);
}

static void start_for_ever(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)conn;
    (void)user;
    check(bell_ws_start_timer(ws, HOUR_MS, 0, never, NULL, NULL) == BELL_OK);
    check(bell_ws_start_timer(ws, HOUR_MS, 1, never, NULL, NULL) == BELL_OK);
}

static void timers_do_not_keep_a_server_from_ending(void **state)
{
    (void)state;
    struct service s;
    begin(&s, NULL, LOOPS);
    assert_int_equal(bell_ws_run_all(s.ws, start_for_ever, tell, NULL), BELL_OK);
    wait_posted(&told);
    bell_io_server_drain(s.io, HOUR_MS);
    assert_int_equal(bell_io_server_wait(s.io), BELL_OK);
    end(&s);
}

/* ---- a tick that publishes ---- */

static void tick(struct bell_ws_server *ws, bell_ws_timer timer, void *user)
{
    int *count = user;
    const char text = (char)('a' + (*count)++);
    if (*count == 5) {
        check(bell_ws_cancel_timer(ws, timer) == BELL_OK);
    }
    check(bell_ws_publish(ws, BELL_LIT("tick"), BELL_TEXT, bell_slice_make(&text, 1), 0) ==
          BELL_OK);
}

static void start_ticking(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)conn;
    check(bell_ws_start_timer(ws, 1, 2, tick, user, NULL) == BELL_OK);
}

static void subscribe(struct bell_ws_server *ws, bell_conn conn,
                      const struct bell_http_request *request, void *user)
{
    (void)request;
    (void)user;
    check(bell_ws_subscribe(ws, conn, BELL_LIT("tick")) == BELL_OK);
    check(sem_post(&told) == 0);
}

static void a_tick_reaches_the_subscribers_of_all_loops(void **state)
{
    (void)state;
    enum { PEERS = 8 };
    static const struct bell_component component = {.on_open = subscribe};
    static struct peer peers[PEERS];
    static peer_frame f;
    struct service s;
    int count = 0;
    begin(&s, &component, LOOPS);
    for (int i = 0; i < PEERS; i++) {
        peer_connect(&peers[i], s.port);
        assert_int_equal(peer_upgrade(&peers[i], "/ws", ""), 101);
        wait_posted(&told);
    }
    assert_int_equal(bell_ws_run(s.ws, 0, start_ticking, &count), BELL_OK);
    for (int i = 0; i < PEERS; i++) {
        for (int k = 0; k < 5; k++) {
            assert_true(peer_read_frame(&peers[i], &f));
            assert_int_equal(f.n, 1);
            assert_int_equal(f.payload[0], 'a' + k);
        }
        peer_close(&peers[i]);
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_on_its_loop_and_never_early),
        cmocka_unit_test(those_with_the_same_delay_ring_in_order),
        cmocka_unit_test(who_is_cancelled_does_not_ring),
        cmocka_unit_test(a_timer_is_its_loops_own),
        cmocka_unit_test(without_memory_nothing_is_started),
        cmocka_unit_test(a_connection_may_have_a_deadline_of_its_own),
        cmocka_unit_test(timers_do_not_keep_a_server_from_ending),
        cmocka_unit_test(a_tick_reaches_the_subscribers_of_all_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
