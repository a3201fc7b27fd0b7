/*
 * Looking around on a loop: who is connected, who is in a topic, in which topics one is; and tasks
 * that are for no connection, or run on every loop.
 */
#include "base/mem.h"
#include "bell/server/connection.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_server_internal.h"
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
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOPS = 3, PEERS = 12 };

static atomic_int wrongs;
static sem_t told; /* something that the test waits for has happened */

static void check(bool is_right)
{
    atomic_fetch_add(&wrongs, is_right ? 0 : 1);
}

static void tell(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)user;
    check(conn == 0);
    check(sem_post(&told) == 0);
}

/* Everybody is in the topics of his path ("/ws": in none; else in "t" and in the path). */
static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    bell_slice path = bell_http_request_path(request);
    (void)user;
    if (!bell_slice_equal(path, BELL_LIT("/ws"))) {
        check(bell_ws_subscribe(ws, conn, BELL_LIT("t")) == BELL_OK);
        check(bell_ws_subscribe(ws, conn, path) == BELL_OK);
    }
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)user;
    check(bell_ws_send(ws, conn, m->type, m->data) == BELL_OK);
}

static const struct bell_component COMPONENT = {.on_open = on_open, .on_message = on_message};

/* The component is at "/ws", "/a" and "/b". */
static void begin(struct service *s, const struct bell_component *component, uint32_t loops)
{
    atomic_store(&wrongs, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(s, NULL);
    service_add_websocket(s, component, NULL);
    assert_int_equal(bell_http_server_websocket(s->http, "/a", s->ws), BELL_OK);
    assert_int_equal(bell_http_server_websocket(s->http, "/b", s->ws), BELL_OK);
    service_start(s, loops);
}

static void end(struct service *s)
{
    service_finish(s);
    assert_int_equal(sem_destroy(&told), 0);
    assert_int_equal(atomic_load(&wrongs), 0);
}

/* Returns when on_open has run: the echo comes after it. */
static void open_at(struct peer *p, const struct service *s, const char *path)
{
    static peer_frame f;
    peer_connect(p, s->port);
    assert_int_equal(peer_upgrade(p, path, ""), 101);
    peer_send_frame(p, 1, BELL_LIT("hello"));
    assert_true(peer_read_frame(p, &f));
    assert_int_equal(f.n, 5);
}

static void open_many(struct peer *peers, int count, const struct service *s, const char *path)
{
    for (int i = 0; i < count; i++) {
        open_at(&peers[i], s, path);
    }
}

static void close_many(struct peer *peers, int count)
{
    for (int i = 0; i < count; i++) {
        peer_close(&peers[i]);
    }
}

/* Runs a task on all loops and waits until all have. */
static void on_all(struct service *s, bell_ws_task_fn task, void *user)
{
    assert_int_equal(bell_ws_run_all(s->ws, task, tell, user), BELL_OK);
    wait_posted(&told);
}

/* ---- walks ---- */

struct count {
    atomic_int visits;
    atomic_int tasks;
    _Atomic bell_conn seen[2 * PEERS]; /* the first so many that were visited */
};

static bool count_one(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct count *n = user;
    check(bell_ws_queued_bytes(ws, conn) == 0); /* here, and not stale */
    (void)bell_ws_set_user(ws, conn, n);
    check(bell_ws_get_user(ws, conn) == n);
    int i = atomic_fetch_add(&n->visits, 1);
    if (i < 2 * PEERS) {
        atomic_store(&n->seen[i], conn);
    }
    return true;
}

static void count_all(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct count *n = user;
    check(conn == 0);
    atomic_fetch_add(&n->tasks, 1);
    check(bell_ws_visit(ws, count_one, user) == BELL_OK);
}

static void count_topic(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct count *n = user;
    (void)conn;
    atomic_fetch_add(&n->tasks, 1);
    check(bell_ws_visit_topic(ws, BELL_LIT("/a"), count_one, user) == BELL_OK);
}

static bool has_seen(const struct count *n, int count, bell_conn conn)
{
    bool found = false;
    for (int i = 0; i < count; i++) {
        found |= atomic_load(&n->seen[i]) == conn;
    }
    return found;
}

static void visits_each_connection_of_its_server_once(void **state)
{
    (void)state;
    static struct peer at_ws[PEERS];
    static struct peer at_a[PEERS];
    static struct peer other;
    struct bell_ws_server *second;
    struct service s;
    struct count all = {0};
    struct count some = {0};
    atomic_store(&wrongs, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(&s, NULL);
    service_add_websocket(&s, &COMPONENT, NULL);
    assert_int_equal(bell_http_server_websocket(s.http, "/a", s.ws), BELL_OK);
    assert_int_equal(bell_ws_server_create(&COMPONENT, NULL, &second), BELL_OK);
    assert_int_equal(bell_http_server_websocket(s.http, "/second", second), BELL_OK);
    service_start(&s, LOOPS);
    open_many(at_ws, PEERS, &s, "/ws");
    open_many(at_a, PEERS, &s, "/a");
    open_at(&other, &s, "/second");
    on_all(&s, count_all, &all);
    assert_int_equal(atomic_load(&all.tasks), LOOPS);
    assert_int_equal(atomic_load(&all.visits), 2 * PEERS);
    on_all(&s, count_topic, &some);
    assert_int_equal(atomic_load(&some.tasks), LOOPS);
    assert_int_equal(atomic_load(&some.visits), PEERS);
    for (int i = 0; i < 2 * PEERS; i++) {
        bell_conn conn = atomic_load(&all.seen[i]);
        assert_true(conn != 0);
        assert_false(has_seen(&all, i, conn));
        conn = i < PEERS ? atomic_load(&some.seen[i]) : conn;
        assert_true(has_seen(&all, 2 * PEERS, conn));
        assert_false(i < PEERS && has_seen(&some, i, conn));
    }
    close_many(at_ws, PEERS);
    close_many(at_a, PEERS);
    peer_close(&other);
    bell_io_server_stop(s.io);
    bell_io_server_destroy(s.io);
    bell_http_server_destroy(s.http);
    bell_ws_server_destroy(second);
    bell_ws_server_destroy(s.ws);
    assert_int_equal(bell_mem_live(), 0);
    assert_int_equal(sem_destroy(&told), 0);
    assert_int_equal(atomic_load(&wrongs), 0);
}

static bool kick(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    check(bell_ws_close(ws, conn, 4001, BELL_LIT("room closed")) == BELL_OK);
    return true;
}

static void kick_here(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)conn;
    check(bell_ws_visit_topic(ws, BELL_LIT("/a"), kick, user) == BELL_OK);
    /* They are closing, and so not there any more. */
    struct count *n = user;
    check(bell_ws_visit_topic(ws, BELL_LIT("/a"), count_one, n) == BELL_OK);
}

static void kicks_everybody_of_a_room(void **state)
{
    (void)state;
    static struct peer a[PEERS];
    static struct peer b[PEERS];
    static peer_frame f;
    struct service s;
    struct count n = {0};
    begin(&s, &COMPONENT, LOOPS);
    open_many(a, PEERS, &s, "/a");
    open_many(b, PEERS, &s, "/b");
    on_all(&s, kick_here, &n);
    assert_int_equal(atomic_load(&n.visits), 0);
    for (int i = 0; i < PEERS; i++) {
        assert_true(peer_read_frame(&a[i], &f));
        assert_int_equal(f.first, 0x88);
        assert_memory_equal(f.payload, "\x0f\xa1room closed", 13);
        peer_send_frame(&b[i], 1, BELL_LIT("still here"));
        assert_true(peer_read_frame(&b[i], &f));
        assert_int_equal(f.first, 0x81);
    }
    close_many(a, PEERS);
    close_many(b, PEERS);
    end(&s);
}

struct abort_others {
    bool is_topic;
    int visits;
};

static bool abort_other(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    if (conn != *(bell_conn *)user) {
        check(bell_ws_abort(ws, conn) == BELL_OK);
    }
    return true;
}

/* The first one that is visited aborts all others, in a walk within the walk, and then itself. */
static bool abort_all(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct abort_others *a = user;
    a->visits++;
    check((a->is_topic ? bell_ws_visit_topic(ws, BELL_LIT("t"), abort_other, &conn)
                       : bell_ws_visit(ws, abort_other, &conn)) == BELL_OK);
    check(bell_ws_topic_count(ws, BELL_LIT("t")) == 1);
    check(bell_ws_abort(ws, conn) == BELL_OK);
    return true;
}

static void abort_all_here(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct abort_others *a = user;
    (void)conn;
    check((a->is_topic ? bell_ws_visit_topic(ws, BELL_LIT("t"), abort_all, user)
                       : bell_ws_visit(ws, abort_all, user)) == BELL_OK);
    check(bell_ws_topic_count(ws, BELL_LIT("t")) == 0);
}

static void who_is_closed_meanwhile_is_not_visited(void **state)
{
    (void)state;
    static struct peer peers[PEERS];
    struct service s;
    for (int i = 0; i < 2; i++) {
        struct abort_others a = {.is_topic = i > 0};
        begin(&s, &COMPONENT, 1);
        open_many(peers, PEERS, &s, "/a");
        on_all(&s, abort_all_here, &a);
        assert_int_equal(a.visits, 1);
        for (int k = 0; k < PEERS; k++) {
            assert_int_equal(peer_read_to_end(&peers[k]), 0);
        }
        close_many(peers, PEERS);
        end(&s);
    }
}

static bool two_only(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    int *visits = user;
    (void)ws;
    (void)conn;
    return ++*visits < 2;
}

static void two_of_all_and_two_of_topic(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)conn;
    int *visits = user;
    check(bell_ws_visit(ws, two_only, &visits[0]) == BELL_OK);
    check(bell_ws_visit_topic(ws, BELL_LIT("t"), two_only, &visits[1]) == BELL_OK);
}

static void a_walk_ends_when_its_visitor_wants(void **state)
{
    (void)state;
    static struct peer peers[PEERS];
    struct service s;
    int visits[2] = {0};
    begin(&s, &COMPONENT, 1);
    open_many(peers, PEERS, &s, "/a");
    on_all(&s, two_of_all_and_two_of_topic, visits);
    assert_int_equal(visits[0], 2);
    assert_int_equal(visits[1], 2);
    close_many(peers, PEERS);
    end(&s);
}

/* Each one that is visited leaves and comes back. */
static bool come_and_go(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    bell_conn *seen = user; /* [0]: how many, then who */
    for (bell_conn i = 1; i <= seen[0]; i++) {
        check(seen[i] != conn);
    }
    seen[++seen[0]] = conn;
    check(bell_ws_unsubscribe(ws, conn, BELL_LIT("t")) == BELL_OK);
    check(bell_ws_subscribe(ws, conn, BELL_LIT("t")) == BELL_OK);
    return true;
}

static bool leave(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    int *visits = user;
    ++*visits;
    check(bell_ws_unsubscribe(ws, conn, BELL_LIT("t")) == BELL_OK);
    return true;
}

static bool everybody_leaves(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    int *visits = user;
    (void)conn;
    visits[0]++;
    check(bell_ws_visit_topic(ws, BELL_LIT("t"), leave, &visits[1]) == BELL_OK);
    return true;
}

static void come_and_go_here(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)conn;
    check(bell_ws_visit_topic(ws, BELL_LIT("t"), come_and_go, user) == BELL_OK);
    int visits[2] = {0};
    check(bell_ws_visit_topic(ws, BELL_LIT("t"), everybody_leaves, visits) == BELL_OK);
    check(visits[0] == 1 && visits[1] == PEERS);
    check(bell_ws_visit_topic(ws, BELL_LIT("t"), leave, NULL) == BELL_OK);
}

static void subscribers_may_come_and_go_meanwhile(void **state)
{
    (void)state;
    static struct peer peers[PEERS];
    struct service s;
    bell_conn seen[1 + PEERS] = {0};
    begin(&s, &COMPONENT, 1);
    open_many(peers, PEERS, &s, "/a");
    on_all(&s, come_and_go_here, seen);
    assert_int_equal(seen[0], PEERS);
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("t")), 0);
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("/a")), PEERS);
    close_many(peers, PEERS);
    end(&s);
}

/* Everybody of a topic leaves it while its own name is what the walk was given. */
static bool leave_by_own_name(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    int *visits = user;
    ++*visits;
    check(bell_ws_unsubscribe(ws, conn, bell_ws_topic_at(ws, conn, 0)) == BELL_OK);
    return true;
}

static bool walk_own_name(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    check(bell_ws_visit_topic(ws, bell_ws_topic_at(ws, conn, 0), leave_by_own_name, user) ==
          BELL_OK);
    return false;
}

static void walk_own_name_here(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)conn;
    check(bell_ws_visit(ws, walk_own_name, user) == BELL_OK);
}

static void a_name_may_be_the_topics_own(void **state)
{
    (void)state;
    static struct peer peers[PEERS];
    struct service s;
    int visits = 0;
    begin(&s, &COMPONENT, 1);
    open_many(peers, PEERS, &s, "/a");
    on_all(&s, walk_own_name_here, &visits);
    assert_int_equal(visits, PEERS);
    close_many(peers, PEERS);
    end(&s);
}

static bool never(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    check(false);
    return true;
}

static void try_wrong_walks(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    static char name[256];
    (void)conn;
    (void)user;
    memset(name, 'n', sizeof name);
    check(bell_ws_visit_topic(ws, BELL_LIT(""), never, NULL) == BELL_EINVAL);
    check(bell_ws_visit_topic(ws, bell_slice_make(name, 256), never, NULL) == BELL_EINVAL);
    check(bell_ws_visit_topic(ws, bell_slice_make(name, 255), never, NULL) == BELL_OK);
    bell_mem_fail_at(1);
    check(bell_ws_visit_topic(ws, BELL_LIT("t"), never, NULL) == BELL_ENOMEM);
    check(bell_mem_failed());
    bell_mem_fail_at(0);
}

static void a_walk_needs_its_loop_a_name_and_memory(void **state)
{
    (void)state;
    static struct peer p;
    struct service s;
    struct bell_ws_server *alone;
    begin(&s, &COMPONENT, 1);
    assert_int_equal(bell_ws_visit(s.ws, never, NULL), BELL_ESTATE);
    assert_int_equal(bell_ws_visit_topic(s.ws, BELL_LIT("t"), never, NULL), BELL_ESTATE);
    assert_int_equal(bell_ws_server_create(&COMPONENT, NULL, &alone), BELL_OK);
    assert_int_equal(bell_ws_visit(alone, never, NULL), BELL_ESTATE);
    bell_ws_server_destroy(alone);
    open_at(&p, &s, "/a");
    on_all(&s, try_wrong_walks, NULL);
    peer_close(&p);
    end(&s);
}

/* ---- in which topics one is ---- */

struct topics {
    int closes;
    _Atomic bell_conn conn;
};

static size_t topics_of(struct bell_ws_server *ws, bell_conn conn, char *names, size_t size)
{
    size_t n = 0;
    size_t used = 0;
    for (bell_slice topic; (topic = bell_ws_topic_at(ws, conn, n)).n > 0; n++) {
        check(bell_ws_is_subscribed(ws, conn, topic));
        int written = snprintf(names + used, size - used, "%.*s ", BELL_FMT(topic));
        check(written > 0 && (size_t)written < size - used);
        used += (size_t)written;
    }
    check(bell_ws_topic_at(ws, conn, n + 1).n == 0);
    check(bell_ws_topic_at(ws, conn, SIZE_MAX).n == 0);
    return n;
}

static void topics_on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m,
                              void *user)
{
    char names[64] = "";
    atomic_store(&((struct topics *)user)->conn, conn);
    check(topics_of(ws, conn, names, sizeof names) == 0);
    check(!bell_ws_is_subscribed(ws, conn, BELL_LIT("one")));
    check(bell_ws_subscribe(ws, conn, BELL_LIT("one")) == BELL_OK);
    check(bell_ws_subscribe(ws, conn, BELL_LIT("two")) == BELL_OK);
    check(bell_ws_subscribe(ws, conn, BELL_LIT("three")) == BELL_OK);
    check(topics_of(ws, conn, names, sizeof names) == 3);
    check(strcmp(names, "one two three ") == 0);
    /* The last one takes the place of the one that is left. */
    check(bell_ws_unsubscribe(ws, conn, bell_ws_topic_at(ws, conn, 0)) == BELL_OK);
    check(topics_of(ws, conn, names, sizeof names) == 2);
    check(strcmp(names, "three two ") == 0);
    check(!bell_ws_is_subscribed(ws, conn, BELL_LIT("one")));
    check(!bell_ws_is_subscribed(ws, conn, BELL_LIT("")));
    check(!bell_ws_is_subscribed(ws, conn, BELL_LIT("thre")));
    check(!bell_ws_is_subscribed(ws, 0, BELL_LIT("two")));
    check(bell_ws_topic_at(ws, 0, 0).n == 0);
    check(bell_ws_send(ws, conn, m->type, m->data) == BELL_OK);
}

static void topics_on_close(struct bell_ws_server *ws, bell_conn conn,
                            const bell_close_event *event, void *user)
{
    char names[64] = "";
    (void)event;
    ((struct topics *)user)->closes++;
    check(topics_of(ws, conn, names, sizeof names) == 2);
    check(strcmp(names, "three two ") == 0);
    check(bell_ws_visit(ws, never, NULL) == BELL_OK); /* it is not open any more */
    check(bell_ws_visit_topic(ws, BELL_LIT("two"), never, NULL) == BELL_OK);
    check(sem_post(&told) == 0);
}

static void tells_the_topics_of_a_connection_to_its_end(void **state)
{
    (void)state;
    static struct peer p;
    struct service s;
    struct topics t = {0};
    const struct bell_component component = {
        .on_message = topics_on_message, .on_close = topics_on_close, .user = &t};
    begin(&s, &component, 1);
    open_at(&p, &s, "/ws");
    /* Not here. */
    bell_conn conn = atomic_load(&t.conn);
    assert_false(bell_ws_is_subscribed(s.ws, conn, BELL_LIT("two")));
    assert_int_equal(bell_ws_topic_at(s.ws, conn, 0).n, 0);
    peer_close(&p);
    wait_posted(&told);
    assert_int_equal(t.closes, 1);
    end(&s);
}

/* ---- tasks ---- */

static void remember_thread(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    pthread_t *thread = user;
    *thread = pthread_self();
    tell(ws, conn, NULL);
}

static void a_task_for_no_connection_runs_on_the_first_loop(void **state)
{
    (void)state;
    struct service s;
    pthread_t threads[3];
    begin(&s, &COMPONENT, LOOPS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bell_ws_run(s.ws, 0, remember_thread, &threads[i]), BELL_OK);
        wait_posted(&told);
        assert_false(pthread_equal(threads[i], pthread_self()));
        assert_true(pthread_equal(threads[i], threads[0]));
    }
    end(&s);
}

struct round {
    int written[LOOPS]; /* each by one loop, without a lock */
    atomic_uint next;
    atomic_int dones;
    int sum; /* of written, as done has seen it */
};

static void write_once(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct round *r = user;
    (void)ws;
    check(conn == 0);
    unsigned i = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed);
    check(i < LOOPS);
    r->written[i % LOOPS] = 1;
}

static void sum_up(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct round *r = user;
    for (int i = 0; i < LOOPS; i++) {
        r->sum += r->written[i];
    }
    atomic_fetch_add(&r->dones, 1);
    tell(ws, conn, NULL);
}

static void done_sees_what_every_loop_has_written(void **state)
{
    (void)state;
    struct service s;
    begin(&s, &COMPONENT, LOOPS);
    for (int i = 0; i < 100; i++) {
        struct round r = {0};
        assert_int_equal(bell_ws_run_all(s.ws, write_once, sum_up, &r), BELL_OK);
        wait_posted(&told);
        assert_int_equal(r.sum, LOOPS);
        assert_int_equal(atomic_load(&r.dones), 1);
    }
    /* Nobody wants to know; the next round comes after it on each loop. */
    struct round quiet = {0};
    assert_int_equal(bell_ws_run_all(s.ws, write_once, NULL, &quiet), BELL_OK);
    struct round r = {0};
    assert_int_equal(bell_ws_run_all(s.ws, write_once, sum_up, &r), BELL_OK);
    wait_posted(&told);
    assert_int_equal(atomic_load(&quiet.next), LOOPS);
    end(&s);
}

static void a_round_is_for_all_loops_or_none(void **state)
{
    (void)state;
    struct service s;
    struct round r = {0};
    begin(&s, &COMPONENT, LOOPS);
    for (int64_t i = 1; i <= 1 + LOOPS; i++) { /* one for the round, and a mail for each loop */
        bell_mem_fail_at(i);
        assert_int_equal(bell_ws_run_all(s.ws, write_once, sum_up, &r), BELL_ENOMEM);
        assert_true(bell_mem_failed());
    }
    bell_mem_fail_at(0);
    assert_int_equal(atomic_load(&r.next), 0);
    on_all(&s, write_once, &r);
    assert_int_equal(atomic_load(&r.next), LOOPS);
    assert_int_equal(atomic_load(&r.dones), 0);
    end(&s);
}

static void loops_that_do_not_run_are_done(void **state)
{
    (void)state;
    struct service s;
    struct round before = {0};
    struct round after = {0};
    atomic_store(&wrongs, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(&s, NULL);
    service_add_websocket(&s, &COMPONENT, NULL);
    assert_int_equal(bell_ws_run_all(s.ws, write_once, sum_up, &before), BELL_ESTATE);
    service_start(&s, LOOPS);
    bell_io_server_stop(s.io);
    assert_int_equal(bell_ws_run_all(s.ws, write_once, sum_up, &after), BELL_OK);
    assert_int_equal(atomic_load(&after.dones), 1); /* within the call */
    assert_int_equal(atomic_load(&after.next), 0);
    assert_int_equal(atomic_load(&before.dones), 0);
    end(&s);
}

/* One that has not started. */
static void create(struct service *s)
{
    bell_io_options options;
    atomic_store(&wrongs, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(s, NULL);
    service_add_websocket(s, &COMPONENT, NULL);
    bell_io_options_init(&options);
    options.threads = LOOPS;
    assert_int_equal(bell_io_server_create(s->http, &options, &s->io), BELL_OK);
}

/* What is given before start runs after it; when it never starts, done runs all the same. */
static void a_round_may_come_before_the_start(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct service s;
        struct round r = {0};
        create(&s);
        assert_int_equal(bell_ws_run_all(s.ws, write_once, sum_up, &r), BELL_OK);
        if (i == 0) {
            assert_int_equal(bell_io_server_start(s.io), BELL_OK);
            wait_posted(&told);
        }
        end(&s);
        assert_int_equal(atomic_load(&r.next), i == 0 ? LOOPS : 0);
        assert_int_equal(atomic_load(&r.dones), 1);
    }
}

static void count_task(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)ws;
    (void)conn;
    atomic_fetch_add((atomic_uint *)user, 1);
}

/* Fills the last loop's line of tasks; the others, messages and what closes have their own. */
static void only_so_many_tasks_wait_for_a_loop(void **state)
{
    (void)state;
    const bell_conn here = bell_connection_handle_of(LOOPS - 1, 1, 1);
    atomic_uint ran = 0;
    struct service s;
    struct round none = {0};
    struct round all = {0};
    create(&s);
    for (uint32_t i = 0; i < BELL_MAX_TASKS; i++) {
        assert_int_equal(bell_ws_run(s.ws, here, count_task, &ran), BELL_OK);
    }
    assert_int_equal(bell_ws_run(s.ws, here, count_task, &ran), BELL_EAGAIN);
    assert_int_equal(bell_ws_run_all(s.ws, write_once, sum_up, &none), BELL_EAGAIN);
    assert_int_equal(bell_ws_run(s.ws, 0, count_task, &ran), BELL_OK);
    assert_int_equal(bell_ws_send(s.ws, here, BELL_TEXT, BELL_LIT("hi")), BELL_OK);
    assert_int_equal(bell_ws_close(s.ws, here, 1000, BELL_LIT("")), BELL_OK);
    assert_int_equal(bell_ws_abort(s.ws, here), BELL_OK);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    while (bell_ws_run_all(s.ws, write_once, sum_up, &all) == BELL_EAGAIN) {
        (void)usleep(1000); /* until it has begun with them */
    }
    wait_posted(&told);
    end(&s);
    assert_int_equal(atomic_load(&ran), BELL_MAX_TASKS + 1);
    assert_int_equal(atomic_load(&all.next), LOOPS);
    assert_int_equal(atomic_load(&none.next), 0);
    assert_int_equal(atomic_load(&none.dones), 0);
}

/* A round whose end begins the next one. */
struct chain {
    uint32_t left; /* rounds that are to come, with this one */
    uint32_t dones;
    uint32_t refusals;
};

static void begin_next(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct chain *c = user;
    (void)conn;
    c->dones++;
    if (--c->left > 0 && bell_ws_run_all(ws, count_task, begin_next, c) == BELL_EAGAIN) {
        c->refusals++;
    }
}

static void go_on(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct chain *c = user;
    check(conn == 0);
    c->dones++;
    if (--c->left > 0 && bell_ws_run(ws, 0, go_on, c) == BELL_EAGAIN) {
        c->refusals++;
    }
}

/* What runs within the call, since its loop has ended, may give another that does so too. */
static void only_so_many_tasks_run_within_one_another(void **state)
{
    static const uint32_t MOST = BELL_MAX_NESTED_TASKS;
    (void)state;
    struct service s;
    atomic_store(&wrongs, 0);
    assert_int_equal(sem_init(&told, 0, 0), 0);
    service_init(&s, NULL);
    service_add_websocket(&s, &COMPONENT, NULL);
    service_start(&s, LOOPS);
    bell_io_server_stop(s.io);
    for (uint32_t wanted = MOST - 1; wanted <= MOST + 1; wanted++) {
        struct chain tasks = {.left = wanted};
        struct chain rounds = {.left = wanted};
        assert_int_equal(bell_ws_run(s.ws, 0, go_on, &tasks), BELL_OK);
        assert_int_equal(bell_ws_run_all(s.ws, count_task, begin_next, &rounds), BELL_OK);
        assert_int_equal(tasks.dones, wanted < MOST ? wanted : MOST);
        assert_int_equal(tasks.refusals, wanted > MOST);
        assert_int_equal(rounds.dones, wanted < MOST ? wanted : MOST);
        assert_int_equal(rounds.refusals, wanted > MOST);
    }
    end(&s);
}

static struct count totals[2];

static void count_totals(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)conn;
    (void)user;
    check(bell_ws_visit(ws, count_one, &totals[0]) == BELL_OK);
    check(bell_ws_visit_topic(ws, BELL_LIT("/b"), count_one, &totals[1]) == BELL_OK);
}

static void *count_many_times(void *user)
{
    struct service *s = user;
    for (int i = 0; i < 50; i++) {
        check(bell_ws_run_all(s->ws, count_totals, NULL, NULL) == BELL_OK);
    }
    return NULL;
}

static void rounds_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    static struct peer b[PEERS];
    struct service s;
    pthread_t threads[4];
    memset(totals, 0, sizeof totals);
    begin(&s, &COMPONENT, LOOPS);
    open_many(b, PEERS, &s, "/b");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_many_times, &s), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    struct round last = {0};
    on_all(&s, write_once, &last); /* after all of theirs */
    assert_int_equal(atomic_load(&totals[0].visits), 4 * 50 * PEERS);
    assert_int_equal(atomic_load(&totals[1].visits), 4 * 50 * PEERS);
    close_many(b, PEERS);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visits_each_connection_of_its_server_once),
        cmocka_unit_test(kicks_everybody_of_a_room),
        cmocka_unit_test(who_is_closed_meanwhile_is_not_visited),
        cmocka_unit_test(a_walk_ends_when_its_visitor_wants),
        cmocka_unit_test(subscribers_may_come_and_go_meanwhile),
        cmocka_unit_test(a_name_may_be_the_topics_own),
        cmocka_unit_test(a_walk_needs_its_loop_a_name_and_memory),
        cmocka_unit_test(tells_the_topics_of_a_connection_to_its_end),
        cmocka_unit_test(a_task_for_no_connection_runs_on_the_first_loop),
        cmocka_unit_test(done_sees_what_every_loop_has_written),
        cmocka_unit_test(a_round_is_for_all_loops_or_none),
        cmocka_unit_test(loops_that_do_not_run_are_done),
        cmocka_unit_test(a_round_may_come_before_the_start),
        cmocka_unit_test(only_so_many_tasks_wait_for_a_loop),
        cmocka_unit_test(only_so_many_tasks_run_within_one_another),
        cmocka_unit_test(rounds_of_several_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
