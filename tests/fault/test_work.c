/*
 * The writer with failing allocations and store calls: whatever fails, what was acknowledged is
 * there, what was refused is not, what was published was acknowledged, and the next batch works.
 */
#include "base/compiler.h"
#include "base/mem.h"
#include "desk.h"
#include "desk/bus/bus.h"
#include "desk/work/threads.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <cmocka.h>

enum { POSTS = 3 };

struct fixture {
    struct desk desk;
    struct bus *bus;
    struct work *work;
    struct visitor_self visitor;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t answered;
    size_t published; /* messages */
};

struct post {
    struct work_item item;
    struct fixture *fixture;
    struct visitor_command_post command;
    struct posted posted;
};

static struct outcome run_post(struct work_item *item, struct tx *tx)
{
    struct post *post = BELL_CONTAINER_OF(item, struct post, item);
    return visitor_post(tx, &post->fixture->visitor, &post->command, true, &post->posted);
}

static void on_done(struct work_item *item)
{
    struct post *post = BELL_CONTAINER_OF(item, struct post, item);
    struct fixture *f = post->fixture;
    (void)pthread_mutex_lock(&f->lock);
    f->answered++;
    (void)pthread_cond_signal(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static void on_events(const struct event_list *events, void *user)
{
    struct fixture *f = user;
    (void)pthread_mutex_lock(&f->lock);
    for (const struct event *e = events->first; e != NULL; e = e->next) {
        f->published += e->type == EVENT_MESSAGE && e->message.author == AUTHOR_VISITOR ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static void fixture_open(struct fixture *f)
{
    *f = (struct fixture){0};
    desk_open(&f->desk);
    f->visitor = desk_add_visitor(&f->desk);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    assert_int_equal(bus_create(&f->bus), BELL_OK);
    assert_int_equal(bus_subscribe(f->bus, on_events, f), BELL_OK);
    const struct work_options options = {.store = f->desk.store, .bus = f->bus, .readers = 1};
    assert_int_equal(work_create(&options, &f->work), BELL_OK);
}

static void fixture_close(struct fixture *f)
{
    work_destroy(f->work);
    bus_destroy(f->bus);
    desk_close(&f->desk);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
}

static size_t post_some(struct fixture *f, struct post posts[POSTS], uint8_t round)
{
    f->answered = 0;
    f->published = 0;
    for (unsigned i = 0; i < POSTS; i++) {
        posts[i] = (struct post){.item = {.run = run_post, .done = on_done}, .fixture = f};
        posts[i].command =
            (struct visitor_command_post){.id = {{round, (uint8_t)i}}, .text = BELL_LIT("text")};
        assert_int_equal(work_submit(f->work, WORK_WRITE, &posts[i].item), BELL_OK);
    }
    (void)pthread_mutex_lock(&f->lock);
    while (f->answered < POSTS) {
        (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    (void)pthread_mutex_unlock(&f->lock);
    size_t done = 0;
    for (size_t i = 0; i < POSTS; i++) {
        done += outcome_is_done(posts[i].item.outcome) ? 1 : 0;
        assert_true(outcome_is_done(posts[i].item.outcome) ||
                    posts[i].item.outcome.error == ERROR_INTERNAL ||
                    posts[i].item.outcome.error == ERROR_BUSY);
    }
    return done;
}

/* Is it stored just where its sender was told, or not at all when he was refused? */
static void check_stored(struct fixture *f, const struct post *post)
{
    static const struct db_sql find = {"SELECT number, at FROM message WHERE id = $1"};
    struct db_rows rows;
    db_query(f->desk.db, &find, DB_PARAMS(db_bytes(post->command.id.b, sizeof post->command.id.b)),
             &rows);
    bool found = db_next(&rows);
    assert_int_equal(found, outcome_is_done(post->item.outcome));
    if (found) {
        assert_int_equal(db_column_int(&rows, 0), post->posted.number);
        assert_int_equal(db_column_int(&rows, 1), post->posted.at);
        assert_false(db_next(&rows));
    }
    assert_int_equal(db_end(&rows), BELL_OK);
}

static void each_call_fails_once(void (*fail_at)(int64_t), bool (*has_failed)(void))
{
    struct fixture *f = malloc(sizeof *f);
    assert_non_null(f);
    int64_t live = bell_mem_live();
    bool was_reached = true;
    for (uint8_t n = 1; was_reached && n < UINT8_MAX; n++) {
        struct post posts[POSTS];
        struct post after[POSTS];
        fixture_open(f);
        fail_at(n);
        size_t done = post_some(f, posts, 1);
        was_reached = has_failed();
        fail_at(0);
        assert_int_equal(f->published, done);
        assert_true(was_reached || done == POSTS);
        assert_int_equal(post_some(f, after, 2), POSTS);
        assert_int_equal(f->published, POSTS);
        work_stop(f->work);
        for (size_t i = 0; i < POSTS; i++) {
            check_stored(f, &posts[i]);
            check_stored(f, &after[i]);
        }
        fixture_close(f);
        assert_int_equal(bell_mem_live(), live);
    }
    free(f);
}

static bool memory_has_failed(void)
{
    return bell_mem_failed();
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    each_call_fails_once(bell_mem_fail_at, memory_has_failed);
}

static void every_store_call_may_fail(void **state)
{
    (void)state;
    each_call_fails_once(db_fail_at, db_failed);
}

int main(void)
{
    struct desk desk;
    desk_open(&desk);
    desk_close(&desk);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_store_call_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
