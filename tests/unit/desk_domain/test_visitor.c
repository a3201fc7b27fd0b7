/*
 * What a visitor may do (src/desk/domain/visitor.h).
 */
#include "desk.h"
#include "desk/domain/account.h"
#include "desk/domain/conversation.h"
#include "desk/domain/inbox.h"
#include "desk/domain/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct db_sql count_messages = {"SELECT count(*) FROM message"};
static const struct db_sql count_events = {"SELECT count(*) FROM event"};
static const struct db_sql last_event = {"SELECT max(number) FROM event"};
static const struct db_sql count_plain_secrets = {
    "SELECT count(*) FROM visitor WHERE length(secret_hash) <> 32"};

static struct outcome hello(struct desk *desk, const struct visitor_command_hello *command,
                            bell_slice origin, struct visitor_hello_result *out)
{
    desk_begin(desk);
    return desk_end(
        desk, visitor_hello(&desk->tx, command, origin, BELL_LIT("Browser/1"), &desk->arena, out));
}

static struct visitor_event_messages history(struct desk *desk, const struct visitor_self *self,
                                             int64_t after, int64_t limit)
{
    struct visitor_event_messages page = {0};
    assert_int_equal(visitor_history(&desk->tx, self, after, limit, &desk->arena, &page).error,
                     ERROR_NONE);
    return page;
}

/* --- hello --- */

static void a_new_visitor_gets_an_id_and_a_token_of_his_own(void **state)
{
    struct desk *desk = *state;
    const struct visitor_command_hello command = {.site = BELL_LIT("demo")};
    struct visitor_hello_result a = {0};
    struct visitor_hello_result b = {0};
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &a).error, ERROR_NONE);
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &b).error, ERROR_NONE);
    assert_true(a.welcome.has_token);
    assert_memory_not_equal(a.welcome.token.b, b.welcome.token.b, sizeof a.welcome.token.b);
    assert_false(desk_id_equal(a.self.id, b.self.id));
    assert_true(desk_id_equal(a.self.id, a.welcome.visitor));
    assert_int_equal(a.welcome.last, 0);
    assert_false(a.welcome.has_state);
    assert_true(bell_slice_equal(a.welcome.site.name, BELL_LIT("Demo shop")));
    assert_int_equal(desk_count(desk, &count_events), 0); /* Nobody has written anything yet. */
}

static void a_token_is_stored_only_as_its_hash(void **state)
{
    struct desk *desk = *state;
    static const struct db_sql find_hash = {"SELECT count(*) FROM visitor WHERE secret_hash = $1"};
    const struct visitor_command_hello command = {.site = BELL_LIT("demo")};
    struct visitor_hello_result a = {0};
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &a).error, ERROR_NONE);
    struct db_rows rows;
    db_query(desk->db, &find_hash, DB_PARAMS(db_bytes(a.welcome.token.b, sizeof a.welcome.token.b)),
             &rows);
    assert_true(db_next(&rows));
    assert_int_equal(db_column_int(&rows, 0), 0);
    assert_int_equal(db_end(&rows), BELL_OK);
    assert_int_equal(desk_count(desk, &count_plain_secrets), 0);
}

static void a_visitor_returns_with_his_token_and_with_no_other(void **state)
{
    struct desk *desk = *state;
    struct visitor_hello_result first = {0};
    struct visitor_hello_result again = {0};
    struct visitor_command_hello command = {.site = BELL_LIT("demo")};
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &first).error, ERROR_NONE);
    command.has_visitor = true;
    command.visitor = first.self.id;
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &again).error, ERROR_BAD_TOKEN);
    command.has_token = true;
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &again).error, ERROR_BAD_TOKEN);
    command.token = first.welcome.token;
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &again).error, ERROR_NONE);
    assert_int_equal(again.self.visitor, first.self.visitor);
    assert_false(again.welcome.has_token);
    command.token.b[31] ^= 1;
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &again).error, ERROR_BAD_TOKEN);
    command.token.b[31] ^= 1;
    command.visitor.b[0] ^= 1;
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &again).error, ERROR_BAD_TOKEN);
    command.has_visitor = false; /* a token without its visitor */
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &again).error, ERROR_BAD_TOKEN);
}

static void a_site_that_is_unknown_or_not_for_this_page_is_refused(void **state)
{
    struct desk *desk = *state;
    const struct site_entry site = {.key = BELL_LIT("shop"),
                                    .name = BELL_LIT("Shop"),
                                    .origins = BELL_LIT("https://shop.example")};
    int64_t number = 0;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, site_add(&desk->tx, &site, &number)).error, ERROR_NONE);
    struct visitor_command_hello command = {.site = BELL_LIT("nowhere")};
    struct visitor_hello_result result = {0};
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &result).error, ERROR_BAD_SITE);
    command.site = BELL_LIT("shop");
    assert_int_equal(hello(desk, &command, BELL_LIT("https://evil.example"), &result).error,
                     ERROR_BAD_SITE);
    assert_int_equal(hello(desk, &command, BELL_LIT("https://shop.example"), &result).error,
                     ERROR_NONE);
    /* A visitor belongs to the site where he came. */
    command = (struct visitor_command_hello){.site = BELL_LIT("demo"),
                                             .has_visitor = true,
                                             .visitor = result.self.id,
                                             .has_token = true,
                                             .token = result.welcome.token};
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &result).error, ERROR_BAD_SITE);
}

static void hello_notes_the_page_and_writes_nothing_when_it_is_the_same(void **state)
{
    struct desk *desk = *state;
    struct visitor_hello_result first = {0};
    struct visitor_hello_result again = {0};
    struct visitor_command_hello command = {.site = BELL_LIT("demo"),
                                            .page = BELL_LIT("https://shop.example/a"),
                                            .title = BELL_LIT("A"),
                                            .referrer = BELL_LIT("https://search.example/"),
                                            .language = BELL_LIT("ko")};
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &first).error, ERROR_NONE);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &first.self, "hi", &posted).error, ERROR_NONE);
    command.has_visitor = command.has_token = true;
    command.visitor = first.self.id;
    command.token = first.welcome.token;
    int64_t changes = db_changes(desk->db);
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &again).error, ERROR_NONE);
    assert_int_equal(db_changes(desk->db), changes);
    command.page = BELL_LIT("https://shop.example/b");
    command.title = (bell_slice){NULL, 0}; /* absent: stays */
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &again).error, ERROR_NONE);
    struct agent_event_conversation opened = {0};
    assert_int_equal(inbox_open(&desk->tx, posted.conversation, &desk->arena, &opened).error,
                     ERROR_NONE);
    assert_true(bell_slice_equal(opened.facts.page, BELL_LIT("https://shop.example/b")));
    assert_true(bell_slice_equal(opened.facts.title, BELL_LIT("A")));
    assert_true(bell_slice_equal(opened.facts.referrer, BELL_LIT("https://search.example/")));
    assert_true(bell_slice_equal(opened.facts.language, BELL_LIT("ko")));
    assert_true(bell_slice_equal(opened.facts.browser, BELL_LIT("Browser/1")));
}

/* --- post --- */

static void the_first_post_opens_the_conversation_after_the_welcome(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &self, "hello", &posted).error, ERROR_NONE);
    assert_true(posted.opened);
    assert_false(posted.is_repeat);
    assert_int_equal(posted.number, 2);
    struct visitor_event_messages page = history(desk, &self, 0, 100);
    assert_int_equal(page.items_count, 2);
    assert_int_equal(page.items[0].author, AUTHOR_SITE);
    assert_false(page.items[0].has_id);
    assert_true(bell_slice_equal(page.items[0].text, BELL_LIT("Hello! How can we help you?")));
    assert_int_equal(page.items[1].author, AUTHOR_VISITOR);
    assert_true(bell_slice_equal(page.items[1].text, BELL_LIT("hello")));
    assert_int_equal(page.items[1].at, posted.at);
}

static void the_console_hears_of_a_new_conversation_before_its_messages(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &self, "hello", &posted).error, ERROR_NONE);
    const struct event *e = desk->events.first;
    assert_int_equal(e->type, EVENT_CONVERSATION);
    assert_int_equal(e->number, 1);
    assert_true(e->for_visitor);
    /* It shows how things are after the whole command. */
    const struct conversation *c = &e->changed.conversation;
    assert_int_equal(c->conversation, posted.conversation);
    assert_int_equal(c->last, 2);
    assert_int_equal(c->unread, 1);
    assert_true(bell_slice_equal(c->first_text, BELL_LIT("hello")));
    assert_true(bell_slice_equal(c->last_text, BELL_LIT("hello")));
    assert_true(bell_slice_equal(c->site, BELL_LIT("demo")));
    assert_int_equal(c->last_author, AUTHOR_VISITOR);
    assert_true(c->has_waiting_since);
    assert_int_equal(c->waiting_since, posted.at);
    assert_false(c->has_agent);
    e = e->next;
    assert_int_equal(e->type, EVENT_MESSAGE);
    assert_int_equal(e->number, 2);
    assert_int_equal(e->message.number, 1);
    e = e->next;
    assert_int_equal(e->message.number, 2);
    assert_int_equal(e->number, 3);
    assert_true(desk_id_equal(e->visitor, self.id));
    assert_null(e->next);
}

static void a_site_without_welcome_begins_with_the_visitor(void **state)
{
    struct desk *desk = *state;
    const struct site_entry site = {.key = BELL_LIT("quiet"), .name = BELL_LIT("Quiet")};
    int64_t number = 0;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, site_add(&desk->tx, &site, &number)).error, ERROR_NONE);
    const struct visitor_command_hello command = {.site = BELL_LIT("quiet")};
    struct visitor_hello_result result = {0};
    assert_int_equal(hello(desk, &command, BELL_LIT(""), &result).error, ERROR_NONE);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &result.self, "hello", &posted).error, ERROR_NONE);
    assert_int_equal(posted.number, 1);
    const struct event *e = desk_event_of(desk, EVENT_CONVERSATION, 0);
    assert_true(bell_slice_equal(e->changed.conversation.first_text, BELL_LIT("hello")));
}

static void a_repeat_gets_the_first_answer_whatever_its_text(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    desk_id id = desk_make_id(desk);
    struct posted first = {0};
    struct posted again = {0};
    assert_int_equal(desk_visitor_posts(desk, &self, id, "one", &first).error, ERROR_NONE);
    assert_int_equal(desk_visitor_says(desk, &self, "two", &again).error, ERROR_NONE);
    int64_t messages = desk_count(desk, &count_messages);
    int64_t events = desk_count(desk, &count_events);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            desk_visitor_posts(desk, &self, id, i == 0 ? "one" : "changed", &again).error,
            ERROR_NONE);
        assert_true(again.is_repeat);
        assert_false(again.opened);
        assert_int_equal(again.number, first.number);
        assert_int_equal(again.at, first.at);
        assert_int_equal(again.conversation, first.conversation);
        assert_int_equal(desk->events.count, 0);
    }
    assert_int_equal(desk_count(desk, &count_messages), messages);
    assert_int_equal(desk_count(desk, &count_events), events);
    assert_true(bell_slice_equal(history(desk, &self, 1, 1).items[0].text, BELL_LIT("one")));
}

static void two_visitors_may_use_the_same_message_id(void **state)
{
    struct desk *desk = *state;
    struct visitor_self a = desk_add_visitor(desk);
    struct visitor_self b = desk_add_visitor(desk);
    desk_id id = desk_make_id(desk);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_posts(desk, &a, id, "mine", &posted).error, ERROR_NONE);
    assert_int_equal(desk_visitor_posts(desk, &b, id, "also mine", &posted).error, ERROR_NONE);
    assert_false(posted.is_repeat);
    assert_true(bell_slice_equal(history(desk, &b, 1, 1).items[0].text, BELL_LIT("also mine")));
}

static void numbers_have_no_gaps_whatever_is_refused_between(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    struct posted posted = {0};
    for (int64_t expected = 2; expected < 12; expected++) {
        assert_int_equal(desk_visitor_says(desk, &self, "  ", &posted).error, ERROR_BAD_FIELD);
        assert_int_equal(desk_visitor_says(desk, &self, "text", &posted).error, ERROR_NONE);
        assert_int_equal(posted.number, expected);
        /* Stored, but then the transaction is lost. */
        const struct visitor_command_post lost = {.id = desk_make_id(desk),
                                                  .text = BELL_LIT("lost")};
        desk_begin(desk);
        assert_int_equal(visitor_post(&desk->tx, &self, &lost, true, &posted).error, ERROR_NONE);
        desk_rollback(desk);
    }
    struct visitor_event_messages page = history(desk, &self, 0, 100);
    for (size_t i = 0; i < page.items_count; i++) {
        assert_int_equal(page.items[i].number, i + 1);
    }
    assert_int_equal(desk_count(desk, &count_events), desk_count(desk, &last_event));
}

static void a_conversation_is_not_opened_when_it_may_not(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    const struct visitor_command_post post = {.id = desk_make_id(desk), .text = BELL_LIT("hi")};
    struct posted posted = {0};
    desk_begin(desk);
    assert_int_equal(desk_end(desk, visitor_post(&desk->tx, &self, &post, false, &posted)).error,
                     ERROR_RATE_LIMITED);
    assert_int_equal(desk_count(desk, &count_messages), 0);
    assert_int_equal(desk_visitor_posts(desk, &self, post.id, "hi", &posted).error, ERROR_NONE);
    const struct visitor_command_post second = {.id = desk_make_id(desk), .text = BELL_LIT("more")};
    desk_begin(desk); /* In his own conversation he may always write. */
    assert_int_equal(desk_end(desk, visitor_post(&desk->tx, &self, &second, false, &posted)).error,
                     ERROR_NONE);
}

static void a_post_opens_a_closed_conversation_again_with_its_agent(void **state)
{
    struct desk *desk = *state;
    int64_t ann = desk_add_agent(desk, "Ann", "ann@example.com", ROLE_AGENT);
    struct visitor_self self = desk_add_visitor(desk);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &self, "hi", &posted).error, ERROR_NONE);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, conversation_take(&desk->tx, ann, posted.conversation)).error,
                     ERROR_NONE);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, conversation_close(&desk->tx, ann, posted.conversation)).error,
                     ERROR_NONE);
    assert_int_equal(desk_visitor_says(desk, &self, "one more thing", &posted).error, ERROR_NONE);
    assert_false(posted.opened);
    assert_int_equal(posted.number, 5);                          /* welcome, hi, joined, closed */
    assert_int_equal(desk_count_events(desk, EVENT_MESSAGE), 1); /* no line */
    const struct event *e = desk_event_of(desk, EVENT_CONVERSATION, 0);
    assert_int_equal(e->changed.conversation.state, STATE_OPEN);
    assert_int_equal(e->changed.conversation.agent, ann);
    assert_true(bell_slice_equal(e->changed.agent_name, BELL_LIT("Ann")));
    assert_true(e->for_visitor);
    assert_int_equal(e->changed.conversation.waiting_since, posted.at);
}

static void an_agent_who_was_removed_does_not_get_it_back(void **state)
{
    struct desk *desk = *state;
    int64_t ann = desk_add_agent(desk, "Ann", "ann@example.com", ROLE_AGENT);
    struct visitor_self self = desk_add_visitor(desk);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &self, "hi", &posted).error, ERROR_NONE);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, conversation_take(&desk->tx, ann, posted.conversation)).error,
                     ERROR_NONE);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, conversation_close(&desk->tx, ann, posted.conversation)).error,
                     ERROR_NONE);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, account_remove(&desk->tx, ACCOUNT_DESK, ann)).error,
                     ERROR_NONE);
    assert_int_equal(desk_visitor_says(desk, &self, "again", &posted).error, ERROR_NONE);
    assert_false(desk_event_of(desk, EVENT_CONVERSATION, 0)->changed.conversation.has_agent);
}

/* --- identify --- */

static struct outcome identify(struct desk *desk, const struct visitor_self *self, const char *name,
                               const char *email)
{
    const struct visitor_command_identify command = {.name = bell_slice_from(name),
                                                     .email = bell_slice_from(email)};
    desk_begin(desk);
    return desk_end(desk, visitor_identify(&desk->tx, self, &command));
}

static void a_name_stays_when_only_the_email_is_given(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    struct posted posted = {0};
    assert_int_equal(identify(desk, &self, "Min-su", NULL).error, ERROR_NONE);
    assert_int_equal(desk->events.count, 0); /* no conversation yet, nobody is concerned */
    assert_int_equal(desk_visitor_says(desk, &self, "hi", &posted).error, ERROR_NONE);
    assert_int_equal(identify(desk, &self, NULL, "min@example.com").error, ERROR_NONE);
    const struct event *e = desk_event_of(desk, EVENT_CONVERSATION, 0);
    assert_true(bell_slice_equal(e->changed.conversation.visitor.name, BELL_LIT("Min-su")));
    assert_true(
        bell_slice_equal(e->changed.conversation.visitor.email, BELL_LIT("min@example.com")));
    assert_false(e->for_visitor);
    assert_int_equal(identify(desk, &self, NULL, NULL).error, ERROR_NONE);
    assert_int_equal(desk->events.count, 0);
}

static void what_cannot_be_a_name_or_email_is_refused(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    char name[102] = {0};
    memset(name, 'n', 101);
    assert_int_equal(identify(desk, &self, " ", NULL).error, ERROR_BAD_FIELD);
    assert_int_equal(identify(desk, &self, NULL, "nobody").error, ERROR_BAD_FIELD);
    assert_int_equal(identify(desk, &self, name, NULL).error, ERROR_TOO_LONG);
    name[100] = '\0';
    assert_int_equal(identify(desk, &self, name, NULL).error, ERROR_NONE);
}

/* --- history --- */

static void history_pages_everything_after_a_number(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    struct posted posted = {0};
    assert_int_equal(history(desk, &self, 0, 10).items_count, 0); /* no conversation yet */
    for (int i = 0; i < 9; i++) {
        assert_int_equal(desk_visitor_says(desk, &self, "x", &posted).error, ERROR_NONE);
    }
    struct visitor_event_messages page = history(desk, &self, 0, 4);
    assert_int_equal(page.items_count, 4);
    assert_int_equal(page.items[0].number, 1);
    assert_true(page.more);
    page = history(desk, &self, 4, 6);
    assert_int_equal(page.items_count, 6);
    assert_int_equal(page.items[0].number, 5);
    assert_false(page.more);
    page = history(desk, &self, 4, 5);
    assert_true(page.more);
    assert_int_equal(history(desk, &self, 10, 5).items_count, 0);
    assert_int_equal(history(desk, &self, 99, 5).items_count, 0);
}

static void a_visitor_sees_only_his_own_messages(void **state)
{
    struct desk *desk = *state;
    struct visitor_self a = desk_add_visitor(desk);
    struct visitor_self b = desk_add_visitor(desk);
    struct posted posted = {0};
    assert_int_equal(desk_visitor_says(desk, &a, "secret of a", &posted).error, ERROR_NONE);
    assert_int_equal(history(desk, &b, 0, 100).items_count, 0);
    assert_int_equal(desk_visitor_says(desk, &b, "secret of b", &posted).error, ERROR_NONE);
    struct visitor_event_messages page = history(desk, &b, 0, 100);
    assert_int_equal(page.items_count, 2);
    assert_true(bell_slice_equal(page.items[1].text, BELL_LIT("secret of b")));
}

static void texts_come_back_byte_for_byte(void **state)
{
    struct desk *desk = *state;
    struct visitor_self self = desk_add_visitor(desk);
    static const char *const texts[] = {
        "<script>alert('x')</script>", "배송은 언제 오나요? 😀",        "你好，我想退货。",
        "'; DROP TABLE message; --",   "line one\nline two\ttabbed  ", "\u00a0e\u0301",
    };
    struct posted posted = {0};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(desk_visitor_says(desk, &self, texts[i], &posted).error, ERROR_NONE);
    }
    struct visitor_event_messages page = history(desk, &self, 1, 100);
    for (size_t i = 0; i < page.items_count; i++) {
        assert_true(bell_slice_equal(page.items[i].text, bell_slice_from(texts[i])));
    }
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DESK(a_new_visitor_gets_an_id_and_a_token_of_his_own),
        WITH_DESK(a_token_is_stored_only_as_its_hash),
        WITH_DESK(a_visitor_returns_with_his_token_and_with_no_other),
        WITH_DESK(a_site_that_is_unknown_or_not_for_this_page_is_refused),
        WITH_DESK(hello_notes_the_page_and_writes_nothing_when_it_is_the_same),
        WITH_DESK(the_first_post_opens_the_conversation_after_the_welcome),
        WITH_DESK(the_console_hears_of_a_new_conversation_before_its_messages),
        WITH_DESK(a_site_without_welcome_begins_with_the_visitor),
        WITH_DESK(a_repeat_gets_the_first_answer_whatever_its_text),
        WITH_DESK(two_visitors_may_use_the_same_message_id),
        WITH_DESK(numbers_have_no_gaps_whatever_is_refused_between),
        WITH_DESK(a_conversation_is_not_opened_when_it_may_not),
        WITH_DESK(a_post_opens_a_closed_conversation_again_with_its_agent),
        WITH_DESK(an_agent_who_was_removed_does_not_get_it_back),
        WITH_DESK(a_name_stays_when_only_the_email_is_given),
        WITH_DESK(what_cannot_be_a_name_or_email_is_refused),
        WITH_DESK(history_pages_everything_after_a_number),
        WITH_DESK(a_visitor_sees_only_his_own_messages),
        WITH_DESK(texts_come_back_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
