#include "base/mem.h"
#include "bell/net/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct note {
    struct bell_mail mail;
    int from;
    int number;
};

enum { THREADS = 4, NOTES = 20000 };
static const uint64_t LONG_NS = 600000000000;

static int next_number[THREADS];
static int delivered;
static int discarded;
static bool in_order = true;

static void note_deliver(struct bell_mail *mail)
{
    struct note *n = (struct note *)(void *)mail;
    in_order = in_order && next_number[n->from] == n->number;
    next_number[n->from]++;
    delivered++;
    bell_mem_free(n);
}

static void note_discard(struct bell_mail *mail)
{
    discarded++;
    bell_mem_free(mail);
}

static struct note *note_create(int from, int number)
{
    struct note *n = bell_mem_zalloc(sizeof *n);
    if (n != NULL) {
        n->mail.deliver = note_deliver;
        n->mail.discard = note_discard;
        n->from = from;
        n->number = number;
    }
    return n;
}

struct sender {
    struct bell_mailbox *box;
    int index;
    int posted;
};

static void *send_all(void *user)
{
    struct sender *s = user;
    for (int i = 0; i < NOTES; i++) {
        struct note *n = note_create(s->index, i);
        if (n != NULL) {
            (void)bell_mailbox_post(s->box, &n->mail);
            s->posted++;
        }
    }
    return NULL;
}

static void keeps_the_order_of_each_thread_and_loses_nothing(void **state)
{
    (void)state;
    struct bell_mailbox box;
    pthread_t threads[THREADS];
    struct sender senders[THREADS];
    bell_mailbox_init(&box);
    for (int i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){&box, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    while (delivered < THREADS * NOTES) {
        (void)bell_mailbox_drain(&box, LONG_NS);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(senders[i].posted, NOTES);
    }
    assert_true(in_order);
    bell_mailbox_close(&box);
    bell_mailbox_finish(&box);
    assert_int_equal(bell_mem_live(), 0);
}

static void asks_to_wake_only_when_it_turns_non_empty(void **state)
{
    (void)state;
    struct bell_mailbox box;
    bell_mailbox_init(&box);
    next_number[0] = 0;
    assert_true(bell_mailbox_post(&box, &note_create(0, 0)->mail));
    assert_false(bell_mailbox_post(&box, &note_create(0, 1)->mail));
    assert_false(bell_mailbox_drain(&box, LONG_NS));
    assert_true(bell_mailbox_post(&box, &note_create(0, 2)->mail));
    assert_false(bell_mailbox_drain(&box, LONG_NS));
    bell_mailbox_close(&box);
    bell_mailbox_finish(&box);
}

static void what_is_left_when_time_is_over_comes_first_next_time(void **state)
{
    enum { LEFT = 100 };
    (void)state;
    struct bell_mailbox box;
    bell_mailbox_init(&box);
    next_number[0] = 0;
    delivered = 0;
    discarded = 0;
    for (int i = 0; i < LEFT; i++) {
        (void)bell_mailbox_post(&box, &note_create(0, i)->mail);
    }
    assert_true(bell_mailbox_drain(&box, 0));
    int at_once = delivered;
    assert_in_range(at_once, 1, LEFT / 4);
    /* Who waits for nothing but what comes is woken as ever. */
    assert_true(bell_mailbox_post(&box, &note_create(0, LEFT)->mail));
    while (delivered < LEFT + 1) {
        int before = delivered;
        bool is_left = bell_mailbox_drain(&box, 0);
        assert_int_equal(is_left, delivered < LEFT + 1);
        assert_in_range(delivered - before, 1, at_once);
    }
    assert_true(in_order);
    for (int i = 1; i <= LEFT; i++) {
        (void)bell_mailbox_post(&box, &note_create(0, LEFT + i)->mail);
    }
    assert_true(bell_mailbox_drain(&box, 0));
    bell_mailbox_close(&box);
    assert_int_equal(delivered + discarded, LEFT + 1 + LEFT);
    assert_true(discarded > 0);
    bell_mailbox_finish(&box);
    assert_int_equal(bell_mem_live(), 0);
}

static void a_closed_box_discards_what_it_has_and_what_comes(void **state)
{
    (void)state;
    struct bell_mailbox box;
    bell_mailbox_init(&box);
    discarded = 0;
    (void)bell_mailbox_post(&box, &note_create(0, 0)->mail);
    bell_mailbox_close(&box);
    assert_int_equal(discarded, 1);
    assert_false(bell_mailbox_post(&box, &note_create(0, 0)->mail));
    assert_int_equal(discarded, 2);
    bell_mailbox_finish(&box);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_each_thread_and_loses_nothing),
        cmocka_unit_test(asks_to_wake_only_when_it_turns_non_empty),
        cmocka_unit_test(what_is_left_when_time_is_over_comes_first_next_time),
        cmocka_unit_test(a_closed_box_discards_what_it_has_and_what_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
