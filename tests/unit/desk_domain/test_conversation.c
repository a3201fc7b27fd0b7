/*
 * What agents do with conversations (src/desk/domain/conversation.h).
 */
#include "desk.h"
#include "desk/domain/account.h"
#include "desk/domain/conversation.h"
#include "desk/domain/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* A desk with two agents and a visitor who has written one message. */
struct scene {
    struct desk desk;
    int64_t ann;
    int64_t bob;
    struct visitor_self visitor;
    int64_t conversation;
};

static int scene_setup(void **state)
{
    static struct scene scene;
    desk_open(&scene.desk);
    scene.ann = desk_add_agent(&scene.desk, "Ann", "ann@example.com", ROLE_OWNER);
    scene.bob = desk_add_agent(&scene.desk, "Bob", "bob@example.com", ROLE_AGENT);
    scene.visitor = desk_add_visitor(&scene.desk);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(&scene.desk, &scene.visitor, "hello", &posted).error,
                     ERROR_NONE);
    assert_int_equal(posted.number, 2);
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

typedef struct outcome (*command_fn)(struct tx *, int64_t agent, int64_t conversation);

static struct outcome run(struct scene *scene, command_fn command, int64_t agent)
{
    desk_begin(&scene->desk);
    return desk_end(&scene->desk, command(&scene->desk.tx, agent, scene->conversation));
}

static struct outcome assign(struct scene *scene, int64_t agent, int64_t to)
{
    desk_begin(&scene->desk);
    return desk_end(&scene->desk,
                    conversation_assign(&scene->desk.tx, agent, scene->conversation, to));
}

static struct conversation look(struct scene *scene)
{
    struct agent_event_conversation answer = {0};
    struct desk *desk = &scene->desk;
    assert_int_equal(inbox_open(&desk->tx, scene->conversation, &desk->arena, &answer).error,
                     ERROR_NONE);
    return answer.conversation;
}

static struct message last_message(struct scene *scene)
{
    struct desk *desk = &scene->desk;
    const struct agent_command_history ask = {.conversation = scene->conversation,
                                              .has_before = true,
                                              .before = INT64_MAX,
                                              .has_limit = true,
                                              .limit = 1};
    struct agent_event_messages page = {0};
    assert_int_equal(inbox_history(&desk->tx, &ask, &desk->arena, &page).error, ERROR_NONE);
    assert_int_equal(page.items_count, 1);
    return page.items[0];
}

/* --- take, assign --- */

static void of_two_who_take_at_once_one_gets_it_and_the_other_is_told_who(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    /* Both in one transaction, as the writer runs commands that came together. */
    desk_begin(desk);
    struct outcome first = conversation_take(&desk->tx, scene->bob, scene->conversation);
    struct outcome second = conversation_take(&desk->tx, scene->ann, scene->conversation);
    desk_commit(desk);
    assert_int_equal(first.error, ERROR_NONE);
    assert_int_equal(second.error, ERROR_TAKEN);
    assert_int_equal(second.agent, scene->bob);
    assert_int_equal(look(scene).agent, scene->bob);
    assert_int_equal(look(scene).last, 3); /* one line, not two */
}

static void taking_writes_the_line_joined_and_tells_everybody(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NONE);
    const struct event *e = desk_event_of(&scene->desk, EVENT_CONVERSATION, 0);
    assert_ptr_equal(e, scene->desk.events.first); /* before the line */
    assert_int_equal(e->changed.conversation.agent, scene->ann);
    assert_true(bell_slice_equal(e->changed.agent_name, BELL_LIT("Ann")));
    assert_true(e->for_visitor);
    struct message line = last_message(scene);
    assert_int_equal(line.author, AUTHOR_SYSTEM);
    assert_true(line.has_line);
    assert_int_equal(line.line, LINE_JOINED);
    assert_int_equal(line.agent, scene->ann);
    assert_true(bell_slice_equal(line.name, BELL_LIT("Ann")));
    assert_int_equal(line.text.n, 0);
    assert_false(line.has_id);
}

static void taking_what_one_has_changes_nothing(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NONE);
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NONE);
    assert_int_equal(scene->desk.events.count, 0);
    assert_int_equal(look(scene).last, 3);
}

static void handing_over_writes_the_line_assigned_about_the_receiver(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NONE);
    assert_int_equal(assign(scene, scene->ann, scene->bob).error, ERROR_NONE);
    assert_int_equal(look(scene).agent, scene->bob);
    struct message line = last_message(scene);
    assert_int_equal(line.line, LINE_ASSIGNED);
    assert_int_equal(line.agent, scene->bob);
    assert_true(bell_slice_equal(line.name, BELL_LIT("Bob")));
    assert_int_equal(assign(scene, scene->ann, scene->bob).error, ERROR_NONE);
    assert_int_equal(scene->desk.events.count, 0); /* it is so already */
}

static void taking_over_from_another_reads_as_joining(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NONE);
    assert_int_equal(assign(scene, scene->bob, scene->bob).error, ERROR_NONE);
    assert_int_equal(last_message(scene).line, LINE_JOINED);
    assert_int_equal(last_message(scene).agent, scene->bob);
}

static void back_to_the_queue_writes_no_line(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NONE);
    assert_int_equal(assign(scene, scene->ann, 0).error, ERROR_NONE);
    assert_false(look(scene).has_agent);
    assert_int_equal(look(scene).last, 3);
    assert_int_equal(scene->desk.events.count, 1);
    assert_null(desk_event_of(&scene->desk, EVENT_CONVERSATION, 0)->changed.agent_name.p);
}

static void nobody_who_is_unknown_or_removed_acts_or_gets_it(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct posted posted = {0};
    desk_begin(desk);
    assert_int_equal(desk_end(desk, account_remove(&desk->tx, ACCOUNT_DESK, scene->bob)).error,
                     ERROR_NONE);
    assert_int_equal(assign(scene, scene->ann, scene->bob).error, ERROR_NOT_FOUND);
    assert_int_equal(assign(scene, scene->ann, 999).error, ERROR_NOT_FOUND);
    assert_int_equal(run(scene, conversation_take, scene->bob).error, ERROR_FORBIDDEN);
    assert_int_equal(run(scene, conversation_close, 999).error, ERROR_FORBIDDEN);
    assert_int_equal(desk_agent_says(desk, scene->bob, scene->conversation, 2, "x", &posted).error,
                     ERROR_FORBIDDEN);
    assert_int_equal(look(scene).last, 2);
}

static void an_unknown_conversation_is_not_found(void **state)
{
    struct scene *scene = *state;
    struct posted posted = {0};
    scene->conversation = 999;
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NOT_FOUND);
    assert_int_equal(run(scene, conversation_close, scene->ann).error, ERROR_NOT_FOUND);
    assert_int_equal(run(scene, conversation_reopen, scene->ann).error, ERROR_NOT_FOUND);
    assert_int_equal(assign(scene, scene->ann, scene->bob).error, ERROR_NOT_FOUND);
    assert_int_equal(desk_agent_says(&scene->desk, scene->ann, 999, 0, "x", &posted).error,
                     ERROR_NOT_FOUND);
}

/* --- post --- */

static void an_answer_takes_what_nobody_has(void **state)
{
    struct scene *scene = *state;
    struct posted posted = {0};
    assert_int_equal(
        desk_agent_says(&scene->desk, scene->ann, scene->conversation, 2, "hi", &posted).error,
        ERROR_NONE);
    assert_int_equal(posted.number, 4); /* after the line joined */
    const struct event *e = scene->desk.events.first;
    assert_int_equal(e->type, EVENT_CONVERSATION);
    assert_int_equal(e->changed.conversation.last, 4);
    assert_int_equal(e->next->message.line, LINE_JOINED);
    assert_int_equal(e->next->next->message.number, 4);
    assert_true(bell_slice_equal(e->next->next->message.name, BELL_LIT("Ann")));
    assert_int_equal(look(scene).agent, scene->ann);
}

static void another_may_answer_too_and_it_stays_with_whom_it_is(void **state)
{
    struct scene *scene = *state;
    struct posted posted = {0};
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NONE);
    assert_int_equal(
        desk_agent_says(&scene->desk, scene->bob, scene->conversation, 3, "me too", &posted).error,
        ERROR_NONE);
    assert_int_equal(posted.number, 4);
    assert_int_equal(scene->desk.events.count, 1);
    assert_int_equal(look(scene).agent, scene->ann);
    assert_int_equal(last_message(scene).agent, scene->bob);
}

static void an_answer_is_held_back_when_the_visitor_wrote_meanwhile(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &scene->visitor, "and another thing", &posted).error,
                     ERROR_NONE);
    struct outcome o = desk_agent_says(desk, scene->ann, scene->conversation, 2, "answer", &posted);
    assert_int_equal(o.error, ERROR_STALE);
    assert_int_equal(o.number, 3);
    assert_false(look(scene).has_agent); /* nothing of it happened */
    assert_int_equal(look(scene).last, 3);
    assert_int_equal(
        desk_agent_says(desk, scene->ann, scene->conversation, 3, "answer", &posted).error,
        ERROR_NONE);
    /* What colleagues and the desk write does not hold an answer back. */
    assert_int_equal(
        desk_agent_says(desk, scene->bob, scene->conversation, 3, "from bob", &posted).error,
        ERROR_NONE);
}

static void force_sends_although_the_visitor_wrote(void **state)
{
    struct scene *scene = *state;
    struct posted posted = {0};
    struct agent_command_post post = {.id = desk_make_id(&scene->desk),
                                      .conversation = scene->conversation,
                                      .text = BELL_LIT("anyway"),
                                      .seen = 0,
                                      .has_force = true,
                                      .force = false};
    assert_int_equal(desk_agent_posts(&scene->desk, scene->ann, &post, &posted).error, ERROR_STALE);
    post.force = true;
    assert_int_equal(desk_agent_posts(&scene->desk, scene->ann, &post, &posted).error, ERROR_NONE);
}

static void an_agents_repeat_gets_the_first_answer_whatever_happened_since(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct posted first = {0};
    struct posted again = {0};
    const struct agent_command_post post = {.id = desk_make_id(desk),
                                            .conversation = scene->conversation,
                                            .text = BELL_LIT("answer"),
                                            .seen = 2};
    assert_int_equal(desk_agent_posts(desk, scene->ann, &post, &first).error, ERROR_NONE);
    struct posted other = {0};
    assert_int_equal(desk_visitor_says(desk, &scene->visitor, "oh", &other).error, ERROR_NONE);
    assert_int_equal(run(scene, conversation_close, scene->ann).error, ERROR_NONE);
    int64_t last = look(scene).last;
    assert_int_equal(desk_agent_posts(desk, scene->ann, &post, &again).error, ERROR_NONE);
    assert_true(again.is_repeat);
    assert_int_equal(again.number, first.number);
    assert_int_equal(again.at, first.at);
    assert_int_equal(look(scene).last, last);
    /* The id of another's message is no repeat. */
    assert_int_equal(run(scene, conversation_reopen, scene->ann).error, ERROR_NONE);
    struct agent_command_post stolen = post;
    stolen.seen = INT64_MAX;
    assert_int_equal(desk_agent_posts(desk, scene->bob, &stolen, &again).error, ERROR_NONE);
    assert_false(again.is_repeat);
}

static void a_visitor_cannot_make_an_agents_message_his_own(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct posted posted = {0};
    const struct agent_command_post post = {.id = desk_make_id(desk),
                                            .conversation = scene->conversation,
                                            .text = BELL_LIT("answer"),
                                            .seen = 2};
    assert_int_equal(desk_agent_posts(desk, scene->ann, &post, &posted).error, ERROR_NONE);
    assert_int_equal(desk_visitor_posts(desk, &scene->visitor, post.id, "mine", &posted).error,
                     ERROR_NONE);
    assert_false(posted.is_repeat);
}

static void nothing_is_posted_into_a_closed_conversation(void **state)
{
    struct scene *scene = *state;
    struct posted posted = {0};
    assert_int_equal(run(scene, conversation_close, scene->ann).error, ERROR_NONE);
    assert_int_equal(
        desk_agent_says(&scene->desk, scene->ann, scene->conversation, 9, "x", &posted).error,
        ERROR_CLOSED);
    assert_int_equal(run(scene, conversation_take, scene->bob).error, ERROR_CLOSED);
    assert_int_equal(assign(scene, scene->bob, scene->ann).error, ERROR_CLOSED);
}

static void a_text_over_the_limit_is_refused(void **state)
{
    struct scene *scene = *state;
    static char text[8002];
    struct posted posted = {0};
    memset(text, 'x', 8001);
    assert_int_equal(
        desk_agent_says(&scene->desk, scene->ann, scene->conversation, 2, text, &posted).error,
        ERROR_TOO_LONG);
    text[8000] = '\0';
    assert_int_equal(
        desk_agent_says(&scene->desk, scene->ann, scene->conversation, 2, text, &posted).error,
        ERROR_NONE);
    assert_int_equal(look(scene).last_text.n, 200); /* lists show the beginning */
}

/* --- waiting, close, reopen --- */

static void waiting_begins_with_the_first_unanswered_message(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    struct posted first = {0};
    struct posted posted = {0};
    int64_t since = look(scene).waiting_since;
    assert_true(look(scene).has_waiting_since);
    assert_int_equal(desk_visitor_says(desk, &scene->visitor, "hello?", &posted).error, ERROR_NONE);
    assert_int_equal(look(scene).waiting_since, since);
    assert_int_equal(run(scene, conversation_take, scene->ann).error, ERROR_NONE);
    assert_true(look(scene).has_waiting_since); /* taking is no answer */
    assert_int_equal(
        desk_agent_says(desk, scene->ann, scene->conversation, 3, "yes", &posted).error,
        ERROR_NONE);
    assert_false(look(scene).has_waiting_since);
    assert_int_equal(desk_visitor_says(desk, &scene->visitor, "thanks", &first).error, ERROR_NONE);
    assert_int_equal(look(scene).waiting_since, first.at);
    assert_int_equal(run(scene, conversation_close, scene->ann).error, ERROR_NONE);
    assert_false(look(scene).has_waiting_since);
}

static void closing_and_reopening_write_their_lines_once(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(run(scene, conversation_reopen, scene->ann).error, ERROR_NONE);
    assert_int_equal(scene->desk.events.count, 0); /* it is open */
    assert_int_equal(run(scene, conversation_close, scene->bob).error, ERROR_NONE);
    assert_int_equal(last_message(scene).line, LINE_CLOSED);
    assert_int_equal(last_message(scene).agent, scene->bob);
    assert_int_equal(look(scene).state, STATE_CLOSED);
    assert_true(bell_slice_equal(look(scene).last_text,
                                 BELL_LIT("hello"))); /* lines are not shown in lists */
    assert_int_equal(run(scene, conversation_close, scene->ann).error, ERROR_NONE);
    assert_int_equal(scene->desk.events.count, 0);
    assert_int_equal(run(scene, conversation_reopen, scene->ann).error, ERROR_NONE);
    assert_int_equal(last_message(scene).line, LINE_REOPENED);
    assert_int_equal(look(scene).state, STATE_OPEN);
    assert_int_equal(look(scene).last, 4);
}

static void every_change_is_the_latest_in_the_lists(void **state)
{
    struct scene *scene = *state;
    static const command_fn commands[] = {conversation_take, conversation_close,
                                          conversation_reopen};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        int64_t now_us = scene->desk.tx.now_us;
        assert_int_equal(run(scene, commands[i], scene->ann).error, ERROR_NONE);
        assert_int_equal(look(scene).changed_at, now_us);
    }
    int64_t now_us = scene->desk.tx.now_us;
    assert_int_equal(assign(scene, scene->ann, 0).error, ERROR_NONE);
    assert_int_equal(look(scene).changed_at, now_us);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(of_two_who_take_at_once_one_gets_it_and_the_other_is_told_who),
        WITH_SCENE(taking_writes_the_line_joined_and_tells_everybody),
        WITH_SCENE(taking_what_one_has_changes_nothing),
        WITH_SCENE(handing_over_writes_the_line_assigned_about_the_receiver),
        WITH_SCENE(taking_over_from_another_reads_as_joining),
        WITH_SCENE(back_to_the_queue_writes_no_line),
        WITH_SCENE(nobody_who_is_unknown_or_removed_acts_or_gets_it),
        WITH_SCENE(an_unknown_conversation_is_not_found),
        WITH_SCENE(an_answer_takes_what_nobody_has),
        WITH_SCENE(another_may_answer_too_and_it_stays_with_whom_it_is),
        WITH_SCENE(an_answer_is_held_back_when_the_visitor_wrote_meanwhile),
        WITH_SCENE(force_sends_although_the_visitor_wrote),
        WITH_SCENE(an_agents_repeat_gets_the_first_answer_whatever_happened_since),
        WITH_SCENE(a_visitor_cannot_make_an_agents_message_his_own),
        WITH_SCENE(nothing_is_posted_into_a_closed_conversation),
        WITH_SCENE(a_text_over_the_limit_is_refused),
        WITH_SCENE(waiting_begins_with_the_first_unanswered_message),
        WITH_SCENE(closing_and_reopening_write_their_lines_once),
        WITH_SCENE(every_change_is_the_latest_in_the_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
