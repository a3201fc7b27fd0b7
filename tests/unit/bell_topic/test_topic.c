#include "base/mem.h"
#include "bell/topic/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUBSCRIBERS = 40, TOPICS = 30, STEPS = 20000 };

struct subscriber {
    struct bell_topic_list list;
    bool is_in[TOPICS];
};

static bell_slice name_of(int topic, char room[16])
{
    (void)snprintf(room, 16, "topic/%d", topic);
    return bell_slice_from(room);
}

static void check_all(struct bell_topic_table *table, const struct subscriber *all)
{
    for (int t = 0; t < TOPICS; t++) {
        char room[16];
        size_t count;
        size_t expected = 0;
        const struct bell_topic_member *m = bell_topic_members(table, name_of(t, room), &count);
        for (int s = 0; s < SUBSCRIBERS; s++) {
            expected += all[s].is_in[t] ? 1 : 0;
        }
        assert_int_equal(count, expected);
        assert_int_equal(bell_topic_count(table, name_of(t, room)), expected);
        for (int s = 0; s < SUBSCRIBERS; s++) {
            assert_int_equal(bell_topic_is_in(table, &all[s].list, name_of(t, room)),
                             all[s].is_in[t]);
        }
        for (size_t i = 0; i < count; i++) {
            const struct subscriber *who = m[i].subscriber;
            assert_true(who->is_in[t]);
            for (size_t j = 0; j < i; j++) {
                assert_ptr_not_equal(m[j].subscriber, who);
            }
        }
    }
}

/* Each topic of each list is told, and, as many as they are, no other. */
static void check_names(const struct subscriber *all)
{
    for (int s = 0; s < SUBSCRIBERS; s++) {
        bool is_in[TOPICS] = {false};
        size_t i = 0;
        for (bell_slice name; (name = bell_topic_name_at(&all[s].list, i)).n > 0; i++) {
            for (int t = 0; t < TOPICS; t++) {
                char room[16];
                is_in[t] |= bell_slice_equal(name, name_of(t, room));
            }
        }
        assert_int_equal(i, all[s].list.count);
        assert_memory_equal(is_in, all[s].is_in, sizeof is_in);
    }
}

static void random_joins_and_leaves_agree_with_a_plain_model(void **state)
{
    (void)state;
    struct bell_topic_table *table;
    static struct subscriber all[SUBSCRIBERS];
    unsigned seed = 11;
    assert_int_equal(bell_topic_table_create(&table), BELL_OK);
    for (int step = 0; step < STEPS; step++) {
        struct subscriber *who = &all[rand_r(&seed) % SUBSCRIBERS];
        int t = rand_r(&seed) % TOPICS;
        char room[16];
        bool joined;
        switch (rand_r(&seed) % 5) {
        case 0:
        case 1:
        case 2:
            assert_int_equal(
                bell_topic_subscribe(table, &who->list, who, name_of(t, room), &joined), BELL_OK);
            assert_int_equal(joined, !who->is_in[t]);
            who->is_in[t] = true;
            break;
        case 3:
            assert_int_equal(bell_topic_unsubscribe(table, &who->list, name_of(t, room)),
                             who->is_in[t] ? BELL_OK : BELL_ENOTFOUND);
            who->is_in[t] = false;
            break;
        default:
            if (rand_r(&seed) % 20 == 0) {
                bell_topic_leave_all(table, &who->list, NULL, NULL);
                memset(who->is_in, 0, sizeof who->is_in);
            }
        }
        if (step % 500 == 0) {
            check_all(table, all);
            check_names(all);
        }
    }
    check_all(table, all);
    for (int s = 0; s < SUBSCRIBERS; s++) {
        bell_topic_leave_all(table, &all[s].list, NULL, NULL);
    }
    bell_topic_table_destroy(table);
    assert_int_equal(bell_mem_live(), 0);
}

static void a_name_has_1_to_255_bytes(void **state)
{
    (void)state;
    static char name[256];
    struct bell_topic_table *table;
    struct bell_topic_list list = {0};
    bool joined;
    memset(name, 'n', sizeof name);
    assert_int_equal(bell_topic_table_create(&table), BELL_OK);
    assert_int_equal(bell_topic_subscribe(table, &list, &list, bell_slice_make(name, 0), &joined),
                     BELL_EINVAL);
    assert_int_equal(bell_topic_subscribe(table, &list, &list, bell_slice_make(name, 1), &joined),
                     BELL_OK);
    assert_int_equal(bell_topic_subscribe(table, &list, &list, bell_slice_make(name, 255), &joined),
                     BELL_OK);
    assert_int_equal(bell_topic_subscribe(table, &list, &list, bell_slice_make(name, 256), &joined),
                     BELL_EINVAL);
    bell_topic_leave_all(table, &list, NULL, NULL);
    bell_topic_table_destroy(table);
}

static void a_subscriber_is_in_at_most_1024_topics(void **state)
{
    (void)state;
    struct bell_topic_table *table;
    struct bell_topic_list list = {0};
    bool joined;
    char room[16];
    assert_int_equal(bell_topic_table_create(&table), BELL_OK);
    for (int i = 0; i < BELL_TOPIC_MAX_PER_SUBSCRIBER; i++) {
        assert_int_equal(bell_topic_subscribe(table, &list, &list, name_of(i, room), &joined),
                         BELL_OK);
    }
    assert_int_equal(bell_topic_subscribe(table, &list, &list, BELL_LIT("more"), &joined),
                     BELL_ELIMIT);
    assert_int_equal(bell_topic_unsubscribe(table, &list, name_of(5, room)), BELL_OK);
    assert_int_equal(bell_topic_subscribe(table, &list, &list, BELL_LIT("more"), &joined), BELL_OK);
    bell_topic_leave_all(table, &list, NULL, NULL);
    bell_topic_table_destroy(table);
}

static void every_failed_allocation_leaves_things_as_they_were(void **state)
{
    (void)state;
    bool failed = true;
    for (int64_t nth = 1; failed; nth++) {
        struct bell_topic_table *table;
        struct bell_topic_list list = {0};
        bool joined;
        size_t count;
        assert_int_equal(bell_topic_table_create(&table), BELL_OK);
        bell_mem_fail_at(nth);
        bell_status st = bell_topic_subscribe(table, &list, &list, BELL_LIT("t"), &joined);
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_int_equal(st, failed ? BELL_ENOMEM : BELL_OK);
        (void)bell_topic_members(table, BELL_LIT("t"), &count);
        assert_int_equal(count, failed ? 0 : 1);
        assert_int_equal(bell_topic_subscribe(table, &list, &list, BELL_LIT("t"), &joined),
                         BELL_OK);
        bell_topic_leave_all(table, &list, NULL, NULL);
        bell_topic_table_destroy(table);
        assert_int_equal(bell_mem_live(), 0);
    }
}

/* ---- counts for other threads ---- */

static struct bell_topic_table *counted;
static atomic_bool is_over;
static atomic_int wrongs;

static void *count_all(void *user)
{
    (void)user;
    do {
        for (int t = 0; t < TOPICS; t++) {
            char room[16];
            if (bell_topic_count(counted, name_of(t, room)) > SUBSCRIBERS) {
                atomic_fetch_add(&wrongs, 1);
            }
        }
    } while (!atomic_load(&is_over));
    return NULL;
}

static void others_may_count_while_topics_come_and_go(void **state)
{
    (void)state;
    enum { MORE_TOPICS = 200 }; /* so that the table grows */
    static struct subscriber all[SUBSCRIBERS];
    pthread_t thread;
    char room[16];
    bool joined;
    assert_int_equal(bell_topic_table_create(&counted), BELL_OK);
    assert_int_equal(pthread_create(&thread, NULL, count_all, NULL), 0);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < MORE_TOPICS; i++) {
            struct subscriber *who = &all[i % SUBSCRIBERS];
            assert_int_equal(
                bell_topic_subscribe(counted, &who->list, who, name_of(i, room), &joined), BELL_OK);
        }
        for (int i = 0; i < SUBSCRIBERS; i++) {
            bell_topic_leave_all(counted, &all[i].list, NULL, NULL);
        }
    }
    atomic_store(&is_over, true);
    (void)pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&wrongs), 0);
    assert_int_equal(bell_topic_count(counted, name_of(0, room)), 0);
    assert_int_equal(bell_topic_count(counted, BELL_LIT("")), 0);
    bell_topic_table_destroy(counted);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_joins_and_leaves_agree_with_a_plain_model),
        cmocka_unit_test(a_name_has_1_to_255_bytes),
        cmocka_unit_test(a_subscriber_is_in_at_most_1024_topics),
        cmocka_unit_test(every_failed_allocation_leaves_things_as_they_were),
        cmocka_unit_test(others_may_count_while_topics_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
