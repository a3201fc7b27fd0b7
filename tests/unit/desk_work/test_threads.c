/*
 * The threads that run commands (src/desk/work/threads.h). Asserts run on the main thread; the
 * others only note what they see.
 */
#include "base/compiler.h"
#include "base/mem.h"
#include "desk.h"
#include "desk/bus/bus.h"
#include "desk/work/threads.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct db_sql make_table = {"CREATE TABLE t (n INTEGER PRIMARY KEY)"};
static const struct db_sql insert = {"INSERT INTO t (n) VALUES ($1)"};
static const struct db_sql count_rows = {"SELECT count(*) FROM t"};

enum { NOTES_MAX = 4096, QUEUE = 16, SLOW = 2, BATCH = 8 };

/* What happened, in order: "event of n" is n, "done of n" is -n. */
struct fixture {
    struct desk desk;
    struct bus *bus;
    struct work *work;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t notes[NOTES_MAX];
    size_t note_count;
    size_t done_count;
    sem_t gate; /* items that wait for it hold their thread */
};

struct task {
    struct work_item item;
    struct fixture *fixture;
    int64_t n;
    bool waits;        /* for the gate, before it writes */
    bool has_waited;   /* set when it stands at the gate */
    int64_t seen;      /* reads: rows */
    struct task *next; /* submitted by done */
};

static void note(struct fixture *f, int64_t n)
{
    (void)pthread_mutex_lock(&f->lock);
    f->notes[f->note_count++ % NOTES_MAX] = n;
    f->done_count += n < 0 ? 1 : 0;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static void wait_for_done(struct fixture *f, size_t count)
{
    (void)pthread_mutex_lock(&f->lock);
    while (f->done_count < count) {
        (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static void on_events(const struct event_list *events, void *user)
{
    for (const struct event *e = events->first; e != NULL; e = e->next) {
        note(user, e->number);
    }
}

static void stand_at_gate(struct task *task)
{
    struct fixture *f = task->fixture;
    (void)pthread_mutex_lock(&f->lock);
    task->has_waited = true;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    while (sem_wait(&f->gate) != 0) {
    }
}

static void wait_until_at_gate(struct fixture *f, const struct task *task)
{
    (void)pthread_mutex_lock(&f->lock);
    while (!task->has_waited) {
        (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static struct outcome run_write(struct work_item *item, struct tx *tx)
{
    struct task *task = BELL_CONTAINER_OF(item, struct task, item);
    if (task->waits) {
        stand_at_gate(task);
    }
    struct event *event = event_list_add(tx->events, EVENT_MESSAGE);
    if (event == NULL) {
        return outcome_refused(ERROR_INTERNAL);
    }
    event->number = task->n;
    return outcome_from(db_run(tx->db, &insert, DB_PARAMS(db_int(task->n))));
}

static struct outcome run_read(struct work_item *item, struct tx *tx)
{
    struct task *task = BELL_CONTAINER_OF(item, struct task, item);
    if (task->waits) {
        stand_at_gate(task);
    }
    struct db_rows rows;
    db_query(tx->db, &count_rows, DB_NO_PARAMS, &rows);
    task->seen = db_next(&rows) ? db_column_int(&rows, 0) : -1;
    return outcome_from(db_end(&rows));
}

static void on_done(struct work_item *item)
{
    struct task *task = BELL_CONTAINER_OF(item, struct task, item);
    struct task *next = task->next;
    if (next != NULL && work_submit(task->fixture->work, WORK_READ, &next->item) != BELL_OK) {
        note(task->fixture, -next->n);
    }
    note(task->fixture, -task->n);
}

static struct task write_of(struct fixture *f, int64_t n)
{
    return (struct task){.item = {.run = run_write, .done = on_done}, .fixture = f, .n = n};
}

static struct task read_of(struct fixture *f, int64_t n)
{
    return (struct task){.item = {.run = run_read, .done = on_done}, .fixture = f, .n = n};
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    desk_open(&f.desk);
    assert_int_equal(db_run(f.desk.db, &make_table, DB_NO_PARAMS), BELL_OK);
    (void)pthread_mutex_init(&f.lock, NULL);
    (void)pthread_cond_init(&f.changed, NULL);
    (void)sem_init(&f.gate, 0, 0);
    assert_int_equal(bus_create(&f.bus), BELL_OK);
    assert_int_equal(bus_subscribe(f.bus, on_events, &f), BELL_OK);
    const struct work_options options = {.store = f.desk.store,
                                         .bus = f.bus,
                                         .queue_max = QUEUE,
                                         .slow_max = SLOW,
                                         .batch_max = BATCH};
    assert_int_equal(work_create(&options, &f.work), BELL_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    work_destroy(f->work);
    bus_destroy(f->bus);
    desk_close(&f->desk);
    (void)sem_destroy(&f->gate);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    return 0;
}

static void each_write_is_published_then_answered_in_the_order_submitted(void **state)
{
    struct fixture *f = *state;
    static struct task tasks[QUEUE];
    for (int64_t i = 0; i < QUEUE; i++) {
        tasks[i] = write_of(f, i + 1);
        assert_int_equal(work_submit(f->work, WORK_WRITE, &tasks[i].item), BELL_OK);
    }
    wait_for_done(f, QUEUE);
    assert_int_equal(f->note_count, 2 * QUEUE);
    for (int64_t i = 0; i < QUEUE; i++) {
        assert_int_equal(f->notes[2 * i], i + 1);
        assert_int_equal(f->notes[2 * i + 1], -(i + 1));
        assert_int_equal(tasks[i].item.outcome.error, ERROR_NONE);
    }
}

static void what_waits_together_is_committed_together_up_to_the_bound(void **state)
{
    struct fixture *f = *state;
    static struct task tasks[12];
    for (int64_t i = 0; i < 12; i++) {
        tasks[i] = write_of(f, i + 1);
        tasks[i].waits = i == 0;
    }
    assert_int_equal(work_submit(f->work, WORK_WRITE, &tasks[0].item), BELL_OK);
    wait_until_at_gate(f, &tasks[0]); /* the first is a batch of its own */
    for (size_t i = 1; i < 12; i++) {
        assert_int_equal(work_submit(f->work, WORK_WRITE, &tasks[i].item), BELL_OK);
    }
    (void)sem_post(&f->gate);
    wait_for_done(f, 12);
    work_stop(f->work);
    struct work_counters c;
    work_read_counters(f->work, &c);
    assert_int_equal(c.commits, 3); /* 1, 8, 3 */
    assert_int_equal(c.committed, 12);
    assert_int_equal(c.batch_largest, BATCH);
    assert_int_equal(c.writes, 12);
    assert_int_equal(c.waiting, 0);
    assert_true(c.commit_ns > 0);
}

static void a_full_queue_refuses_and_the_item_stays_with_its_owner(void **state)
{
    struct fixture *f = *state;
    static struct task tasks[QUEUE + 1];
    for (int64_t i = 0; i <= QUEUE; i++) {
        tasks[i] = write_of(f, i + 1);
        tasks[i].waits = i == 0;
    }
    for (size_t i = 0; i < QUEUE; i++) {
        assert_int_equal(work_submit(f->work, WORK_WRITE, &tasks[i].item), BELL_OK);
    }
    assert_int_equal(work_submit(f->work, WORK_WRITE, &tasks[QUEUE].item), BELL_EAGAIN);
    (void)sem_post(&f->gate);
    wait_for_done(f, QUEUE);
    struct work_counters c;
    work_read_counters(f->work, &c);
    assert_int_equal(c.refused, 1);
    work_stop(f->work);
    assert_int_equal(f->note_count, 2 * QUEUE); /* of the refused one nothing was heard */
}

static void slow_items_have_a_queue_of_their_own(void **state)
{
    struct fixture *f = *state;
    static struct task slow[SLOW + 1];
    for (int64_t i = 0; i <= SLOW; i++) {
        slow[i] = read_of(f, 100 + i);
        slow[i].waits = true;
    }
    for (size_t i = 0; i < SLOW; i++) {
        assert_int_equal(work_submit(f->work, WORK_SLOW, &slow[i].item), BELL_OK);
    }
    assert_int_equal(work_submit(f->work, WORK_SLOW, &slow[SLOW].item), BELL_EAGAIN);
    struct task write = write_of(f, 1);
    struct task read = read_of(f, 2);
    assert_int_equal(work_submit(f->work, WORK_WRITE, &write.item), BELL_OK);
    assert_int_equal(work_submit(f->work, WORK_READ, &read.item), BELL_OK);
    wait_for_done(f, 2); /* while the slow ones stand at the gate */
    for (size_t i = 0; i < SLOW; i++) {
        (void)sem_post(&f->gate);
    }
    wait_for_done(f, 2 + SLOW);
    work_stop(f->work);
    struct work_counters c;
    work_read_counters(f->work, &c);
    assert_int_equal(c.slow, SLOW);
    assert_int_equal(c.reads, 1);
}

static void a_read_submitted_when_a_write_is_answered_sees_it(void **state)
{
    struct fixture *f = *state;
    for (int64_t i = 1; i <= 50; i++) {
        struct task read = read_of(f, 1000 + i);
        struct task write = write_of(f, i);
        write.next = &read;
        assert_int_equal(work_submit(f->work, WORK_WRITE, &write.item), BELL_OK);
        wait_for_done(f, (size_t)i * 2);
        assert_int_equal(read.item.outcome.error, ERROR_NONE);
        assert_true(read.seen >= i);
    }
}

static void a_failed_commit_is_answered_and_nothing_of_it_is_published(void **state)
{
    struct fixture *f = *state;
    struct task first = write_of(f, 1);
    struct task second = write_of(f, 1); /* the same key: its insert fails, the write is undone */
    struct task third = write_of(f, 3);
    assert_int_equal(work_submit(f->work, WORK_WRITE, &first.item), BELL_OK);
    wait_for_done(f, 1);
    assert_int_equal(work_submit(f->work, WORK_WRITE, &second.item), BELL_OK);
    wait_for_done(f, 2);
    assert_int_equal(second.item.outcome.error, ERROR_INTERNAL);
    db_fail_at(3); /* begin, insert, commit */
    assert_int_equal(work_submit(f->work, WORK_WRITE, &third.item), BELL_OK);
    wait_for_done(f, 3);
    db_fail_at(0);
    assert_int_equal(third.item.outcome.error, ERROR_INTERNAL);
    work_stop(f->work);
    assert_int_equal(f->note_count, 4); /* event and done of the first, done of the others */
    struct work_counters c;
    work_read_counters(f->work, &c);
    assert_int_equal(c.failed, 1);
    assert_int_equal(desk_count(&f->desk, &count_rows), 1);
}

static void stopping_answers_what_was_accepted_and_accepts_nothing_more(void **state)
{
    struct fixture *f = *state;
    static struct task tasks[QUEUE];
    static struct task late;
    for (int64_t i = 0; i < QUEUE; i++) {
        tasks[i] = i % 2 == 0 ? write_of(f, i + 1) : read_of(f, i + 1);
        assert_int_equal(work_submit(f->work, i % 2 == 0 ? WORK_WRITE : WORK_READ, &tasks[i].item),
                         BELL_OK);
    }
    work_stop(f->work);
    assert_int_equal(f->done_count, QUEUE);
    for (size_t i = 0; i < QUEUE; i++) {
        assert_int_equal(tasks[i].item.outcome.error, ERROR_NONE);
    }
    late = write_of(f, 99);
    assert_int_equal(work_submit(f->work, WORK_WRITE, &late.item), BELL_ECLOSED);
    assert_int_equal(work_submit(f->work, WORK_READ, &late.item), BELL_ECLOSED);
    assert_int_equal(work_submit(f->work, WORK_SLOW, &late.item), BELL_ECLOSED);
    work_stop(f->work); /* again without effect */
}

static void what_done_submits_while_stopping_is_refused_softly(void **state)
{
    struct fixture *f = *state;
    struct task read = read_of(f, 2);
    struct task write = write_of(f, 1);
    write.waits = true;
    write.next = &read;
    assert_int_equal(work_submit(f->work, WORK_WRITE, &write.item), BELL_OK);
    wait_until_at_gate(f, &write);
    (void)sem_post(&f->gate);
    work_stop(f->work);
    assert_int_equal(f->done_count, 2); /* run or refused, never lost */
}

static void wrong_options_and_missing_memory_are_told(void **state)
{
    (void)state;
    struct desk desk;
    struct bus *bus = NULL;
    struct work *work = NULL;
    desk_open(&desk);
    assert_int_equal(bus_create(&bus), BELL_OK);
    struct work_options options = {.store = desk.store, .bus = bus, .readers = 65};
    assert_int_equal(work_create(&options, &work), BELL_EINVAL);
    options.readers = 64;
    assert_int_equal(work_create(&options, &work), BELL_OK);
    work_destroy(work);
    work_destroy(NULL);
    options.readers = 1;
    int64_t live = bell_mem_live();
    for (int64_t n = 1;; n++) {
        bell_mem_fail_at(n);
        bell_status st = work_create(&options, &work);
        bool was_hit = bell_mem_failed();
        bell_mem_fail_at(0);
        if (st == BELL_OK) {
            work_destroy(work);
        }
        assert_int_equal(bell_mem_live(), live);
        if (!was_hit) {
            break;
        }
    }
    bus_destroy(bus);
    desk_close(&desk);
}

#define WITH_WORK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORK(each_write_is_published_then_answered_in_the_order_submitted),
        WITH_WORK(what_waits_together_is_committed_together_up_to_the_bound),
        WITH_WORK(a_full_queue_refuses_and_the_item_stays_with_its_owner),
        WITH_WORK(slow_items_have_a_queue_of_their_own),
        WITH_WORK(a_read_submitted_when_a_write_is_answered_sees_it),
        WITH_WORK(a_failed_commit_is_answered_and_nothing_of_it_is_published),
        WITH_WORK(stopping_answers_what_was_accepted_and_accepts_nothing_more),
        WITH_WORK(what_done_submits_while_stopping_is_refused_softly),
        cmocka_unit_test(wrong_options_and_missing_memory_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
