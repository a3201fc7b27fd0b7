/*
 * How far messages came, in both directions: delivered and read, unread counts.
 */
#include "desk.h"
#include "desk/domain/conversation.h"
#include "desk/domain/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct db_sql last_event = {"SELECT coalesce(max(number), 0) FROM event"};

struct scene {
    struct desk desk;
    int64_t ann;
    struct visitor_hello_result hello;
    int64_t conversation;
};

/* Messages: 1 welcome, 2 and 3 of the visitor. */
static int scene_setup(void **state)
{
    static struct scene scene;
    struct desk *desk = &scene.desk;
    desk_open(desk);
    scene.ann = desk_add_agent(desk, "Ann", "ann@example.com", ROLE_OWNER);
    const struct visitor_command_hello command = {.site = BELL_LIT("demo")};
    desk_begin(desk);
    struct outcome o =
        visitor_hello(&desk->tx, &command, BELL_LIT(""), BELL_LIT(""), &desk->arena, &scene.hello);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &scene.hello.self, "one", &posted).error, ERROR_NONE);
    assert_int_equal(desk_visitor_says(desk, &scene.hello.self, "two", &posted).error, ERROR_NONE);
    scene.conversation = posted.conversation;
    *state = &scene;
    return 0;
}

static int scene_teardown(void **state)
{
    struct scene *scene = *state;
    desk_close(&scene->desk);
    return 0;
}

static void visitor_tells(struct scene *scene, int64_t delivered, int64_t read)
{
    struct desk *desk = &scene->desk;
    desk_begin(desk);
    const struct visitor_self *self = &scene->hello.self;
    int64_t conversation = 0;
    struct outcome o = delivered > 0 ? visitor_delivered(&desk->tx, self, delivered, &conversation)
                                     : visitor_read(&desk->tx, self, read, &conversation);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    assert_int_not_equal(conversation, 0);
}

static void agent_reads(struct scene *scene, int64_t number)
{
    struct desk *desk = &scene->desk;
    desk_begin(desk);
    struct outcome o = conversation_read(&desk->tx, scene->ann, scene->conversation, number);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
}

static void agents_have(struct scene *scene, int64_t event)
{
    struct desk *desk = &scene->desk;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, conversation_delivered(&desk->tx, scene->ann, event)).error,
                     ERROR_NONE);
}

static struct conversation look(struct scene *scene)
{
    struct agent_event_conversation answer = {0};
    struct desk *desk = &scene->desk;
    assert_int_equal(inbox_open(&desk->tx, scene->conversation, &desk->arena, &answer).error,
                     ERROR_NONE);
    return answer.conversation;
}

/* What the visitor's next hello says. */
static struct visitor_event_welcome welcome(struct scene *scene)
{
    struct desk *desk = &scene->desk;
    const struct visitor_command_hello command = {.site = BELL_LIT("demo"),
                                                  .has_visitor = true,
                                                  .visitor = scene->hello.self.id,
                                                  .has_token = true,
                                                  .token = scene->hello.welcome.token};
    struct visitor_hello_result result = {0};
    desk_begin(desk);
    struct outcome o =
        visitor_hello(&desk->tx, &command, BELL_LIT(""), BELL_LIT(""), &desk->arena, &result);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    return result.welcome;
}

static void the_visitors_side_moves_forward_only_and_never_past_the_last(void **state)
{
    struct scene *scene = *state;
    visitor_tells(scene, 2, 0);
    assert_int_equal(look(scene).visitor_delivered, 2);
    assert_int_equal(look(scene).visitor_read, 0);
    int64_t events = desk_count(&scene->desk, &last_event);
    visitor_tells(scene, 1, 0);
    visitor_tells(scene, 2, 0);
    assert_int_equal(look(scene).visitor_delivered, 2);
    assert_int_equal(desk_count(&scene->desk, &last_event), events); /* nothing to tell */
    visitor_tells(scene, 999, 0);
    assert_int_equal(look(scene).visitor_delivered, 3);
    visitor_tells(scene, 0, 2);
    assert_int_equal(look(scene).visitor_read, 2);
    visitor_tells(scene, 0, INT64_MAX);
    assert_int_equal(look(scene).visitor_read, 3);
}

static void what_the_visitor_read_has_reached_him(void **state)
{
    struct scene *scene = *state;
    visitor_tells(scene, 0, 2);
    assert_int_equal(look(scene).visitor_delivered, 2);
    const struct event *e = desk_event_of(&scene->desk, EVENT_RECEIPT, 0);
    assert_true(e->number > 0);
    assert_false(e->for_visitor);
    assert_int_equal(e->receipt.receipt.visitor_delivered, 2);
    assert_int_equal(e->receipt.receipt.visitor_read, 2);
}

static void a_visitor_without_conversation_tells_nothing(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct visitor_self stranger = desk_add_visitor(desk);
    desk_begin(desk);
    int64_t conversation = -1;
    struct outcome o = visitor_read(&desk->tx, &stranger, 1, &conversation);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    assert_int_equal(conversation, 0);
    assert_int_equal(desk->events.count, 0);
}

static void reading_counts_down_the_unread_and_tells_both_sides(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(look(scene).unread, 2);
    agent_reads(scene, 1);
    assert_int_equal(look(scene).unread, 2); /* the welcome is not the visitor's */
    agent_reads(scene, 2);
    assert_int_equal(look(scene).unread, 1);
    const struct event *e = desk_event_of(&scene->desk, EVENT_RECEIPT, 0);
    assert_true(e->number > 0);
    assert_true(e->for_visitor);
    assert_int_equal(e->receipt.receipt.agent_read, 2);
    assert_int_equal(e->receipt.agent_delivered, 2); /* what was read has arrived */
    agent_reads(scene, 999);
    assert_int_equal(look(scene).unread, 0);
    assert_int_equal(look(scene).agent_read, 3);
    agent_reads(scene, 1);
    assert_int_equal(look(scene).agent_read, 3);
    assert_int_equal(scene->desk.events.count, 0);
    assert_int_equal(welcome(scene).read, 3);
}

static void new_messages_after_reading_are_unread(void **state)
{
    struct scene *scene = *state;
    struct posted posted = {0};
    agent_reads(scene, 3);
    assert_int_equal(desk_visitor_says(&scene->desk, &scene->hello.self, "three", &posted).error,
                     ERROR_NONE);
    assert_int_equal(look(scene).unread, 1);
    assert_int_equal(desk_agent_says(&scene->desk, scene->ann, scene->conversation, posted.number,
                                     "answer", &posted)
                         .error,
                     ERROR_NONE);
    assert_int_equal(look(scene).unread, 1); /* the answer itself is not counted */
}

static void a_console_that_has_the_events_has_the_messages(void **state)
{
    struct scene *scene = *state;
    int64_t last = desk_count(&scene->desk, &last_event);
    assert_int_equal(welcome(scene).delivered, 0);
    agents_have(scene, last - 1); /* all but the last message */
    assert_int_equal(scene->desk.events.count, 1);
    const struct event *e = desk_event_of(&scene->desk, EVENT_RECEIPT, 0);
    assert_int_equal(e->number, 0); /* the desk knows it itself */
    assert_true(e->for_visitor);
    assert_int_equal(e->receipt.agent_delivered, 2);
    assert_int_equal(e->receipt.receipt.agent_read, 0);
    assert_true(desk_id_equal(e->visitor, scene->hello.self.id));
    assert_int_equal(welcome(scene).delivered, 2);
    agents_have(scene, INT64_MAX);
    assert_int_equal(welcome(scene).delivered, 3);
    assert_int_equal(desk_count(&scene->desk, &last_event), last); /* no desk event */
    agents_have(scene, 1);
    assert_int_equal(scene->desk.events.count, 0);
    assert_int_equal(welcome(scene).delivered, 3);
}

static void delivery_concerns_only_visitors_who_wrote(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct posted posted = {0};
    agents_have(scene, INT64_MAX);
    struct visitor_self other = desk_add_visitor(desk);
    assert_int_equal(desk_visitor_says(desk, &other, "hi", &posted).error, ERROR_NONE);
    int64_t others = posted.conversation;
    assert_int_equal(
        desk_agent_says(desk, scene->ann, scene->conversation, 3, "answer", &posted).error,
        ERROR_NONE);
    agents_have(scene, INT64_MAX);
    assert_int_equal(desk->events.count, 1);
    assert_int_equal(desk->events.first->conversation, others);
}

static void only_agents_tell_of_the_agents_side(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, conversation_delivered(&desk->tx, 999, 1)).error,
                     ERROR_FORBIDDEN);
    desk_begin(desk);
    assert_int_equal(
        desk_end(desk, conversation_read(&desk->tx, 999, scene->conversation, 1)).error,
        ERROR_FORBIDDEN);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, conversation_read(&desk->tx, scene->ann, 999, 1)).error,
                     ERROR_NOT_FOUND);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(the_visitors_side_moves_forward_only_and_never_past_the_last),
        WITH_SCENE(what_the_visitor_read_has_reached_him),
        WITH_SCENE(a_visitor_without_conversation_tells_nothing),
        WITH_SCENE(reading_counts_down_the_unread_and_tells_both_sides),
        WITH_SCENE(new_messages_after_reading_are_unread),
        WITH_SCENE(a_console_that_has_the_events_has_the_messages),
        WITH_SCENE(delivery_concerns_only_visitors_who_wrote),
        WITH_SCENE(only_agents_tell_of_the_agents_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
