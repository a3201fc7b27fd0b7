/*
 * A bounded queue (src/desk/work/lane.h).
 */
#include "desk/work/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { MAX = 4 };

struct fixture {
    struct lane lane;
    struct work_item items[MAX + 2];
};

static int setup(void **state)
{
    static struct fixture fixture;
    lane_init(&fixture.lane, MAX);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lane_finish(&f->lane);
    return 0;
}

static void gives_items_in_the_order_they_came(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lane_push(&f->lane, &f->items[i]), BELL_OK);
    }
    struct item_list two = lane_take(&f->lane, 2);
    assert_ptr_equal(two.first, &f->items[0]);
    assert_ptr_equal(two.first->next, &f->items[1]);
    assert_ptr_equal(two.last, &f->items[1]);
    assert_null(two.last->next);
    assert_int_equal(lane_push(&f->lane, &f->items[3]), BELL_OK);
    struct item_list rest = lane_take(&f->lane, 100);
    assert_ptr_equal(rest.first, &f->items[2]);
    assert_ptr_equal(rest.first->next, &f->items[3]);
    assert_null(rest.first->next->next);
}

static void is_full_until_items_are_answered_not_only_taken(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MAX; i++) {
        assert_int_equal(lane_push(&f->lane, &f->items[i]), BELL_OK);
    }
    assert_int_equal(lane_push(&f->lane, &f->items[MAX]), BELL_EAGAIN);
    assert_non_null(lane_take(&f->lane, MAX).first);
    assert_int_equal(lane_push(&f->lane, &f->items[MAX]), BELL_EAGAIN);
    lane_release(&f->lane, 1);
    assert_int_equal(lane_push(&f->lane, &f->items[MAX]), BELL_OK);
    assert_int_equal(lane_push(&f->lane, &f->items[MAX + 1]), BELL_EAGAIN);
}

static void a_closed_lane_takes_nothing_and_gives_what_it_has(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(lane_push(&f->lane, &f->items[0]), BELL_OK);
    lane_close(&f->lane);
    assert_int_equal(lane_push(&f->lane, &f->items[1]), BELL_ECLOSED);
    lane_end(&f->lane);
    assert_ptr_equal(lane_take(&f->lane, 1).first, &f->items[0]);
    assert_null(lane_take(&f->lane, 1).first);
    assert_null(lane_take(&f->lane, 1).first);
}

static void appends_whole_lists_past_the_bound(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i <= MAX; i++) {
        f->items[i].next = &f->items[i + 1];
    }
    f->items[MAX + 1].next = NULL;
    lane_append(&f->lane, (struct item_list){&f->items[0], &f->items[MAX + 1]});
    size_t count = 0;
    for (struct work_item *item = lane_take(&f->lane, SIZE_MAX).first; item != NULL;
         item = item->next) {
        count++;
    }
    assert_int_equal(count, MAX + 2);
}

#define WITH_LANE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LANE(gives_items_in_the_order_they_came),
        WITH_LANE(is_full_until_items_are_answered_not_only_taken),
        WITH_LANE(a_closed_lane_takes_nothing_and_gives_what_it_has),
        WITH_LANE(appends_whole_lists_past_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
