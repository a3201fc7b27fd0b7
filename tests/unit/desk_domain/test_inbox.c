/*
 * What agents read (src/desk/domain/inbox.h): lists, history, events.
 */
#include "desk.h"
#include "desk/domain/account.h"
#include "desk/domain/conversation.h"
#include "desk/domain/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct db_sql last_event = {"SELECT coalesce(max(number), 0) FROM event"};

enum { TALKS = 7 };

/* Seven conversations; of these Ann has the 2nd and 4th, Bob the 6th, the 7th is closed. */
struct scene {
    struct desk desk;
    int64_t ann;
    int64_t bob;
    struct visitor_self visitors[TALKS];
    int64_t conversations[TALKS];
};

static void run(struct desk *desk, struct outcome (*command)(struct tx *, int64_t, int64_t),
                int64_t agent, int64_t conversation)
{
    desk_begin(desk);
    assert_int_equal(desk_end(desk, command(&desk->tx, agent, conversation)).error, ERROR_NONE);
}

static int scene_setup(void **state)
{
    static struct scene scene;
    struct desk *desk = &scene.desk;
    desk_open(desk);
    scene.ann = desk_add_agent(desk, "Ann", "ann@example.com", ROLE_OWNER);
    scene.bob = desk_add_agent(desk, "Bob", "bob@example.com", ROLE_AGENT);
    for (size_t i = 0; i < TALKS; i++) {
        struct posted posted = {0};
        scene.visitors[i] = desk_add_visitor(desk);
        assert_int_equal(desk_visitor_says(desk, &scene.visitors[i], "hello", &posted).error,
                         ERROR_NONE);
        scene.conversations[i] = posted.conversation;
    }
    run(desk, conversation_take, scene.ann, scene.conversations[1]);
    run(desk, conversation_take, scene.ann, scene.conversations[3]);
    run(desk, conversation_take, scene.bob, scene.conversations[5]);
    run(desk, conversation_close, scene.bob, scene.conversations[6]);
    *state = &scene;
    return 0;
}

static int scene_teardown(void **state)
{
    struct scene *scene = *state;
    desk_close(&scene->desk);
    return 0;
}

static struct agent_event_conversations list(struct scene *scene, enum view view, int64_t limit,
                                             bell_slice before)
{
    const struct agent_command_list ask = {
        .view = view, .before = before, .has_limit = true, .limit = limit};
    struct agent_event_conversations page = {0};
    struct desk *desk = &scene->desk;
    assert_int_equal(inbox_list(&desk->tx, scene->ann, &ask, &desk->arena, &page).error,
                     ERROR_NONE);
    assert_int_equal(page.view, view);
    assert_int_equal(page.event, desk_count(desk, &last_event));
    return page;
}

static const bell_slice TOP = {NULL, 0};

/* --- lists --- */

static void each_list_holds_what_its_name_says_latest_change_first(void **state)
{
    struct scene *scene = *state;
    static const struct {
        enum view view;
        size_t count;
        int indices[6];
    } cases[] = {
        {VIEW_MINE, 2, {3, 1}},
        {VIEW_UNASSIGNED, 3, {4, 2, 0}},
        {VIEW_ALL, 6, {5, 3, 1, 4, 2, 0}},
        {VIEW_CLOSED, 1, {6}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct agent_event_conversations page = list(scene, cases[i].view, 50, TOP);
        assert_int_equal(page.items_count, cases[i].count);
        assert_null(page.next.p);
        for (size_t j = 0; j < page.items_count; j++) {
            assert_int_equal(page.items[j].conversation, scene->conversations[cases[i].indices[j]]);
        }
    }
}

static void pages_follow_one_another_without_gap_or_repeat(void **state)
{
    struct scene *scene = *state;
    for (int64_t limit = 1; limit <= 7; limit++) {
        bell_slice before = TOP;
        int64_t seen[TALKS] = {0};
        size_t count = 0;
        do {
            struct agent_event_conversations page = list(scene, VIEW_ALL, limit, before);
            assert_in_range(page.items_count, 1, limit);
            for (size_t i = 0; i < page.items_count; i++) {
                assert_true(count < TALKS);
                seen[count++] = page.items[i].conversation;
            }
            before = page.next;
        } while (before.p != NULL);
        assert_int_equal(count, 6);
        struct agent_event_conversations whole = list(scene, VIEW_ALL, 50, TOP);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(seen[i], whole.items[i].conversation);
        }
    }
}

static void conversations_changed_in_the_same_moment_are_paged_too(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    static const struct db_sql same_moment = {
        "UPDATE conversation SET changed_at = 1700000000000000"};
    assert_int_equal(db_run(desk->db, &same_moment, DB_NO_PARAMS), BELL_OK);
    struct agent_event_conversations first = list(scene, VIEW_ALL, 3, TOP);
    struct agent_event_conversations second = list(scene, VIEW_ALL, 3, first.next);
    assert_int_equal(first.items_count + second.items_count, 6);
    assert_null(second.next.p);
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            assert_int_not_equal(first.items[i].conversation, second.items[j].conversation);
        }
    }
}

static void a_place_that_no_page_gave_is_refused(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    static const char *const places[] = {
        "", "x", "1", "1.", ".1", "1.x", "1.2.3", "-1.2", "99999999999999999999.1"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct agent_command_list ask = {.view = VIEW_ALL,
                                               .before = bell_slice_from(places[i])};
        struct agent_event_conversations page = {0};
        assert_int_equal(inbox_list(&desk->tx, scene->ann, &ask, &desk->arena, &page).error,
                         ERROR_BAD_FIELD);
    }
}

static void the_welcome_counts_the_lists(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct agent_event_welcome w = {0};
    assert_int_equal(inbox_welcome(&desk->tx, scene->ann, &desk->arena, &w).error, ERROR_NONE);
    assert_int_equal(w.mine, 2);
    assert_int_equal(w.unassigned, 3);
    assert_int_equal(w.all, 6);
    assert_int_equal(w.agents_count, 2);
    assert_int_equal(w.agent.agent, scene->ann);
    assert_int_equal(w.event, desk_count(desk, &last_event));
    assert_int_equal(w.oldest, 1);
    assert_int_equal(inbox_welcome(&desk->tx, 999, &desk->arena, &w).error, ERROR_FORBIDDEN);
}

/* --- history --- */

static struct agent_event_messages history(struct scene *scene, int64_t after, int64_t before,
                                           int64_t limit)
{
    const struct agent_command_history ask = {.conversation = scene->conversations[0],
                                              .has_after = after >= 0,
                                              .after = after,
                                              .has_before = before >= 0,
                                              .before = before,
                                              .has_limit = limit > 0,
                                              .limit = limit};
    struct agent_event_messages page = {0};
    struct desk *desk = &scene->desk;
    assert_int_equal(inbox_history(&desk->tx, &ask, &desk->arena, &page).error, ERROR_NONE);
    return page;
}

static void history_goes_forward_and_backward_always_in_order(void **state)
{
    struct scene *scene = *state;
    struct posted posted = {0};
    for (int i = 0; i < 8; i++) {
        assert_int_equal(desk_visitor_says(&scene->desk, &scene->visitors[0], "x", &posted).error,
                         ERROR_NONE);
    }
    static const struct {
        int64_t after, before, limit;
        int64_t first, last;
        bool more;
    } cases[] = {
        {-1, -1, 0, 1, 10, false}, {0, -1, 3, 1, 3, true},          {7, -1, 3, 8, 10, false},
        {6, -1, 3, 7, 9, true},    {-1, 11, 4, 7, 10, true},        {-1, 5, 4, 1, 4, false},
        {-1, 6, 4, 2, 5, true},    {-1, INT64_MAX, 2, 9, 10, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct agent_event_messages page =
            history(scene, cases[i].after, cases[i].before, cases[i].limit);
        assert_int_equal(page.items_count, cases[i].last - cases[i].first + 1);
        for (size_t j = 0; j < page.items_count; j++) {
            assert_int_equal(page.items[j].number, cases[i].first + (int64_t)j);
        }
        assert_int_equal(page.more, cases[i].more);
    }
    assert_int_equal(history(scene, -1, 1, 5).items_count, 0);
}

static void history_wants_one_direction_and_a_conversation_that_exists(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct agent_event_messages page = {0};
    struct agent_command_history ask = {.conversation = scene->conversations[0],
                                        .has_after = true,
                                        .has_before = true,
                                        .before = 1};
    assert_int_equal(inbox_history(&desk->tx, &ask, &desk->arena, &page).error, ERROR_BAD_FIELD);
    ask = (struct agent_command_history){.conversation = 999};
    assert_int_equal(inbox_history(&desk->tx, &ask, &desk->arena, &page).error, ERROR_NOT_FOUND);
    struct agent_event_conversation opened = {0};
    assert_int_equal(inbox_open(&desk->tx, 999, &desk->arena, &opened).error, ERROR_NOT_FOUND);
}

/* --- events --- */

static struct outcome events(struct scene *scene, int64_t after, int64_t limit,
                             struct agent_event_events *page)
{
    const struct agent_command_events ask = {.after = after, .has_limit = true, .limit = limit};
    return inbox_events(&scene->desk.tx, &ask, &scene->desk.arena, page);
}

static void events_are_paged_in_order_without_gaps_as_things_stand_now(void **state)
{
    struct scene *scene = *state;
    int64_t last = desk_count(&scene->desk, &last_event);
    int64_t expected = 1;
    while (expected <= last) {
        struct agent_event_events page = {0};
        assert_int_equal(events(scene, expected - 1, 4, &page).error, ERROR_NONE);
        assert_int_equal(page.last, last);
        for (size_t i = 0; i < page.items_count; i++) {
            const struct desk_event *e = &page.items[i];
            assert_int_equal(e->event, expected++);
            assert_int_equal(e->has_message, e->kind == EVENT_KIND_MESSAGE);
            assert_int_equal(e->has_changed, e->kind == EVENT_KIND_CONVERSATION);
            assert_int_equal(e->has_receipt, e->kind == EVENT_KIND_RECEIPT);
            assert_int_equal(e->has_agent, e->kind == EVENT_KIND_AGENT);
            assert_int_equal(e->has_conversation, e->has_message || e->has_receipt);
        }
    }
    struct agent_event_events page = {0};
    /* The event of the second conversation's beginning shows who has it today. */
    assert_int_equal(events(scene, 0, 500, &page).error, ERROR_NONE);
    size_t found = 0;
    for (size_t i = 0; i < page.items_count; i++) {
        if (page.items[i].has_changed &&
            page.items[i].changed.conversation == scene->conversations[1]) {
            assert_int_equal(page.items[i].changed.agent, scene->ann);
            found++;
        }
    }
    assert_int_equal(found, 2);
}

static void reading_after_n_gives_what_was_told_live(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    int64_t before = desk_count(desk, &last_event);
    struct posted posted = {0};
    assert_int_equal(
        desk_agent_says(desk, scene->bob, scene->conversations[0], 2, "good day", &posted).error,
        ERROR_NONE);
    struct agent_event_events page = {0};
    assert_int_equal(events(scene, before, 500, &page).error, ERROR_NONE);
    assert_int_equal(page.items_count, desk->events.count);
    size_t i = 0;
    for (const struct event *e = desk->events.first; e != NULL; e = e->next, i++) {
        const struct desk_event *read = &page.items[i];
        assert_int_equal(read->event, e->number);
        if (e->type == EVENT_MESSAGE) {
            assert_int_equal(read->conversation, e->conversation);
            assert_int_equal(read->message.number, e->message.number);
            assert_int_equal(read->message.at, e->message.at);
            assert_int_equal(read->message.author, e->message.author);
            assert_true(bell_slice_equal(read->message.text, e->message.text));
            assert_true(bell_slice_equal(read->message.name, e->message.name));
        } else {
            assert_int_equal(e->type, EVENT_CONVERSATION);
            assert_int_equal(read->changed.last, e->changed.conversation.last);
            assert_int_equal(read->changed.agent, e->changed.conversation.agent);
        }
    }
}

static void events_that_are_gone_or_never_were_are_refused(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    static const struct db_sql prune = {"DELETE FROM event WHERE number < 5"};
    int64_t last = desk_count(desk, &last_event);
    struct agent_event_events page = {0};
    assert_int_equal(events(scene, last, 10, &page).error, ERROR_NONE);
    assert_int_equal(page.items_count, 0);
    assert_int_equal(events(scene, last + 1, 10, &page).error, ERROR_GONE);
    assert_int_equal(db_run(desk->db, &prune, DB_NO_PARAMS), BELL_OK);
    assert_int_equal(events(scene, 3, 10, &page).error, ERROR_GONE);
    assert_int_equal(events(scene, 4, 10, &page).error, ERROR_NONE);
    assert_int_equal(page.items[0].event, 5);
}

static void old_events_are_forgotten_beyond_the_bound_and_counting_goes_on(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    static const struct db_sql count_events = {"SELECT count(*) FROM event"};
    desk->tx.event_history = 500;
    desk_begin(desk);
    for (int64_t number = desk_count(desk, &last_event); number < 2100; number++) {
        const struct visitor_command_identify identify = {.name = BELL_LIT("Kim")};
        assert_int_equal(visitor_identify(&desk->tx, &scene->visitors[0], &identify).error,
                         ERROR_NONE);
    }
    desk_commit(desk);
    assert_int_equal(desk_count(desk, &last_event), 2100);
    /* Forgotten in steps: at least the bound is kept, at most one step more. */
    assert_in_range(desk_count(desk, &count_events), 500, 500 + 1024);
    struct agent_event_welcome w = {0};
    assert_int_equal(inbox_welcome(&desk->tx, scene->ann, &desk->arena, &w).error, ERROR_NONE);
    struct agent_event_events page = {0};
    assert_int_equal(events(scene, w.oldest - 1, 10, &page).error, ERROR_NONE);
    assert_int_equal(page.items[0].event, w.oldest);
    assert_int_equal(events(scene, w.oldest - 2, 10, &page).error, ERROR_GONE);
    /* More than one command can tell live is left to paging. */
    assert_int_equal(desk->events.count, EVENT_LIST_MAX);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(each_list_holds_what_its_name_says_latest_change_first),
        WITH_SCENE(pages_follow_one_another_without_gap_or_repeat),
        WITH_SCENE(conversations_changed_in_the_same_moment_are_paged_too),
        WITH_SCENE(a_place_that_no_page_gave_is_refused),
        WITH_SCENE(the_welcome_counts_the_lists),
        WITH_SCENE(history_goes_forward_and_backward_always_in_order),
        WITH_SCENE(history_wants_one_direction_and_a_conversation_that_exists),
        WITH_SCENE(events_are_paged_in_order_without_gaps_as_things_stand_now),
        WITH_SCENE(reading_after_n_gives_what_was_told_live),
        WITH_SCENE(events_that_are_gone_or_never_were_are_refused),
        WITH_SCENE(old_events_are_forgotten_beyond_the_bound_and_counting_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
