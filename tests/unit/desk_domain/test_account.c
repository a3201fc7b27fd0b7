/*
 * Agents as accounts, and the first owner (src/desk/domain/account.h).
 */
#include "desk.h"
#include "desk/domain/account.h"
#include "desk/domain/conversation.h"
#include "desk/domain/inbox.h"
#include "desk/domain/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct password_hash no_password = {"no password fits this"};

static struct outcome add(struct desk *desk, int64_t actor, const char *name, const char *email,
                          enum role role)
{
    const struct agent_add_request request = {
        .name = bell_slice_from(name), .email = bell_slice_from(email), .role = role};
    struct agent agent = {0};
    desk_begin(desk);
    struct outcome may = account_may_add(&desk->tx, actor, &request);
    struct outcome added = account_add(&desk->tx, actor, &request, &no_password, &agent);
    assert_int_equal(may.error, added.error);
    return desk_end(desk, added);
}

static struct outcome remove_agent(struct desk *desk, int64_t actor, int64_t agent)
{
    desk_begin(desk);
    return desk_end(desk, account_remove(&desk->tx, actor, agent));
}

static void an_owner_adds_agents_and_the_desk_hears_of_it(void **state)
{
    struct desk *desk = *state;
    int64_t owner = desk_add_agent(desk, "Olga", "olga@example.com", ROLE_OWNER);
    assert_int_equal(add(desk, owner, "Ann", "Ann@Example.COM", ROLE_AGENT).error, ERROR_NONE);
    const struct event *e = desk_event_of(desk, EVENT_AGENT, 0);
    assert_int_equal(e->number, 2);
    assert_true(bell_slice_equal(e->agent.name, BELL_LIT("Ann")));
    assert_int_equal(e->agent.role, ROLE_AGENT);
    assert_false(e->agent.removed);
    struct agent found = {0};
    assert_int_equal(
        account_find(&desk->tx, BELL_LIT("ANN@example.com"), &desk->arena, &found).error,
        ERROR_NONE);
    assert_int_equal(found.agent, e->agent.agent);
    struct agent *agents = NULL;
    size_t count = 0;
    assert_int_equal(account_list(&desk->tx, &desk->arena, &agents, &count).error, ERROR_NONE);
    assert_int_equal(count, 2);
    assert_true(bell_slice_equal(agents[0].name, BELL_LIT("Olga")));
}

static void only_owners_and_the_command_line_change_accounts(void **state)
{
    struct desk *desk = *state;
    int64_t owner = desk_add_agent(desk, "Olga", "olga@example.com", ROLE_OWNER);
    int64_t ann = desk_add_agent(desk, "Ann", "ann@example.com", ROLE_AGENT);
    assert_int_equal(add(desk, ann, "Eve", "eve@example.com", ROLE_OWNER).error, ERROR_FORBIDDEN);
    assert_int_equal(add(desk, 999, "Eve", "eve@example.com", ROLE_OWNER).error, ERROR_FORBIDDEN);
    assert_int_equal(remove_agent(desk, ann, owner).error, ERROR_FORBIDDEN);
    desk_begin(desk);
    assert_int_equal(
        desk_end(desk, account_set_password(&desk->tx, ann, owner, &no_password, 0)).error,
        ERROR_FORBIDDEN);
    desk_begin(desk);
    assert_int_equal(
        desk_end(desk, account_set_password(&desk->tx, ann, ann, &no_password, 0)).error,
        ERROR_NONE);
    desk_begin(desk);
    assert_int_equal(
        desk_end(desk, account_set_password(&desk->tx, owner, ann, &no_password, 0)).error,
        ERROR_NONE);
    assert_int_equal(add(desk, ACCOUNT_DESK, "Bob", "bob@example.com", ROLE_AGENT).error,
                     ERROR_NONE);
}

static void an_email_is_in_use_once_until_its_agent_is_removed(void **state)
{
    struct desk *desk = *state;
    int64_t ann = desk_add_agent(desk, "Ann", "ann@example.com", ROLE_AGENT);
    assert_int_equal(add(desk, ACCOUNT_DESK, "Ann 2", "ANN@example.com", ROLE_AGENT).error,
                     ERROR_EXISTS);
    assert_int_equal(remove_agent(desk, ACCOUNT_DESK, ann).error, ERROR_NONE);
    assert_int_equal(add(desk, ACCOUNT_DESK, "Ann 2", "ann@example.com", ROLE_AGENT).error,
                     ERROR_NONE);
    struct agent found = {0};
    assert_int_equal(
        account_find(&desk->tx, BELL_LIT("ann@example.com"), &desk->arena, &found).error,
        ERROR_NONE);
    assert_int_not_equal(found.agent, ann);
    assert_int_equal(account_get(&desk->tx, ann, &desk->arena, &found).error, ERROR_NONE);
    assert_true(found.removed);
    assert_int_equal(account_get(&desk->tx, 999, &desk->arena, &found).error, ERROR_NOT_FOUND);
}

static void wrong_names_and_emails_are_refused(void **state)
{
    struct desk *desk = *state;
    char name[102] = {0};
    memset(name, 'n', 101);
    assert_int_equal(add(desk, ACCOUNT_DESK, " ", "a@b", ROLE_AGENT).error, ERROR_BAD_FIELD);
    assert_int_equal(add(desk, ACCOUNT_DESK, "Ann", "nobody", ROLE_AGENT).error, ERROR_BAD_FIELD);
    assert_int_equal(add(desk, ACCOUNT_DESK, name, "a@b", ROLE_AGENT).error, ERROR_TOO_LONG);
    name[100] = '\0';
    assert_int_equal(add(desk, ACCOUNT_DESK, name, "a@b", ROLE_AGENT).error, ERROR_NONE);
}

static void there_are_at_most_a_thousand_agents(void **state)
{
    struct desk *desk = *state;
    desk_begin(desk);
    for (int i = 0; i < AGENT_EVENT_WELCOME_AGENTS_MAX; i++) {
        char email[32];
        int n = snprintf(email, sizeof email, "a%d@b", i);
        const struct agent_add_request request = {.name = BELL_LIT("A"),
                                                  .email = bell_slice_make(email, (size_t)n)};
        struct agent agent = {0};
        event_list_clear(&desk->events);
        assert_int_equal(account_add(&desk->tx, ACCOUNT_DESK, &request, &no_password, &agent).error,
                         ERROR_NONE);
    }
    desk_commit(desk);
    assert_int_equal(add(desk, ACCOUNT_DESK, "One more", "more@b", ROLE_AGENT).error, ERROR_BUSY);
}

static void removing_gives_open_conversations_back_and_keeps_the_author(void **state)
{
    struct desk *desk = *state;
    int64_t owner = desk_add_agent(desk, "Olga", "olga@example.com", ROLE_OWNER);
    int64_t ann = desk_add_agent(desk, "Ann", "ann@example.com", ROLE_AGENT);
    struct visitor_self visitors[3];
    struct posted posted[3];
    for (size_t i = 0; i < 3; i++) {
        visitors[i] = desk_add_visitor(desk);
        assert_int_equal(desk_visitor_says(desk, &visitors[i], "hi", &posted[i]).error, ERROR_NONE);
        int64_t who = i == 2 ? owner : ann;
        struct posted answer = {0};
        assert_int_equal(
            desk_agent_says(desk, who, posted[i].conversation, 2, "hello", &answer).error,
            ERROR_NONE);
    }
    assert_int_equal(remove_agent(desk, owner, ann).error, ERROR_NONE);
    assert_int_equal(desk_count_events(desk, EVENT_CONVERSATION), 2);
    assert_true(desk_event_of(desk, EVENT_AGENT, 0)->agent.removed);
    for (size_t i = 0; i < 3; i++) {
        struct agent_event_conversation opened = {0};
        assert_int_equal(inbox_open(&desk->tx, posted[i].conversation, &desk->arena, &opened).error,
                         ERROR_NONE);
        assert_int_equal(opened.conversation.has_agent, i == 2);
    }
    struct visitor_event_messages page = {0};
    assert_int_equal(visitor_history(&desk->tx, &visitors[0], 3, 10, &desk->arena, &page).error,
                     ERROR_NONE);
    assert_true(bell_slice_equal(page.items[0].name, BELL_LIT("Ann")));
    assert_int_equal(remove_agent(desk, owner, ann).error, ERROR_NOT_FOUND); /* she is gone */
}

static void the_last_owner_stays(void **state)
{
    struct desk *desk = *state;
    int64_t olga = desk_add_agent(desk, "Olga", "olga@example.com", ROLE_OWNER);
    assert_int_equal(remove_agent(desk, olga, olga).error, ERROR_FORBIDDEN);
    assert_int_equal(remove_agent(desk, ACCOUNT_DESK, olga).error, ERROR_FORBIDDEN);
    int64_t otto = desk_add_agent(desk, "Otto", "otto@example.com", ROLE_OWNER);
    assert_int_equal(remove_agent(desk, otto, olga).error, ERROR_NONE);
    assert_int_equal(remove_agent(desk, otto, otto).error, ERROR_FORBIDDEN);
}

static void a_status_is_kept_and_told_once(void **state)
{
    struct desk *desk = *state;
    int64_t ann = desk_add_agent(desk, "Ann", "ann@example.com", ROLE_AGENT);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, account_set_status(&desk->tx, ann, STATUS_AWAY)).error,
                     ERROR_NONE);
    const struct event *e = desk_event_of(desk, EVENT_STATUS, 0);
    assert_int_equal(e->number, 0); /* no desk event: the welcome tells the whole */
    assert_int_equal(e->status.agent, ann);
    assert_int_equal(e->status.status, STATUS_AWAY);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, account_set_status(&desk->tx, ann, STATUS_AWAY)).error,
                     ERROR_NONE);
    assert_int_equal(desk->events.count, 0);
    struct agent found = {0};
    assert_int_equal(account_get(&desk->tx, ann, &desk->arena, &found).error, ERROR_NONE);
    assert_int_equal(found.status, STATUS_AWAY);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, account_set_status(&desk->tx, 999, STATUS_AWAY)).error,
                     ERROR_FORBIDDEN);
}

/* --- the first owner --- */

static bool renew(struct desk *desk, desk_secret *token)
{
    bool has = false;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, setup_renew(&desk->tx, &has, token)).error, ERROR_NONE);
    return has;
}

static struct outcome use(struct desk *desk, const desk_secret *token, struct agent *out)
{
    const struct setup_request request = {
        .token = *token, .name = BELL_LIT("Olga"), .email = BELL_LIT("olga@example.com")};
    desk_begin(desk);
    return desk_end(desk, setup_use(&desk->tx, &request, &no_password, out));
}

static void the_token_makes_the_first_owner_once(void **state)
{
    struct desk *desk = *state;
    desk_secret token;
    struct agent agent = {0};
    bool is_needed = false;
    assert_true(renew(desk, &token));
    assert_int_equal(setup_is_needed(&desk->tx, &is_needed).error, ERROR_NONE);
    assert_true(is_needed);
    assert_int_equal(setup_check(&desk->tx, &token).error, ERROR_NONE);
    assert_int_equal(use(desk, &token, &agent).error, ERROR_NONE);
    assert_int_equal(agent.role, ROLE_OWNER);
    assert_int_equal(setup_is_needed(&desk->tx, &is_needed).error, ERROR_NONE);
    assert_false(is_needed);
    assert_int_equal(use(desk, &token, &agent).error, ERROR_EXISTS);
    assert_false(renew(desk, &token));
}

static void only_the_newest_token_counts_and_only_its_hash_is_stored(void **state)
{
    struct desk *desk = *state;
    desk_secret old;
    desk_secret token;
    struct agent agent = {0};
    assert_int_equal(use(desk, &(desk_secret){{0}}, &agent).error,
                     ERROR_BAD_TOKEN); /* there is none */
    assert_true(renew(desk, &old));
    assert_true(renew(desk, &token));
    assert_int_equal(use(desk, &old, &agent).error, ERROR_BAD_TOKEN);
    desk_secret wrong = token;
    wrong.b[0] ^= 1;
    assert_int_equal(use(desk, &wrong, &agent).error, ERROR_BAD_TOKEN);
    static const struct db_sql find = {"SELECT count(*) FROM setup_token WHERE hash = $1"};
    struct db_rows rows;
    db_query(desk->db, &find, DB_PARAMS(db_bytes(token.b, sizeof token.b)), &rows);
    assert_true(db_next(&rows));
    assert_int_equal(db_column_int(&rows, 0), 0);
    assert_int_equal(db_end(&rows), BELL_OK);
    assert_int_equal(use(desk, &token, &agent).error, ERROR_NONE);
}

static void an_owner_made_by_the_command_line_ends_the_setup(void **state)
{
    struct desk *desk = *state;
    desk_secret token;
    struct agent agent = {0};
    assert_true(renew(desk, &token));
    (void)desk_add_agent(desk, "Ann", "ann@example.com", ROLE_AGENT);
    assert_int_equal(setup_check(&desk->tx, &token).error, ERROR_NONE); /* an agent is no owner */
    (void)desk_add_agent(desk, "Olga", "olga@example.com", ROLE_OWNER);
    assert_int_equal(use(desk, &token, &agent).error, ERROR_EXISTS);
    assert_int_equal(setup_check(&desk->tx, &token).error, ERROR_EXISTS);
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DESK(an_owner_adds_agents_and_the_desk_hears_of_it),
        WITH_DESK(only_owners_and_the_command_line_change_accounts),
        WITH_DESK(an_email_is_in_use_once_until_its_agent_is_removed),
        WITH_DESK(wrong_names_and_emails_are_refused),
        WITH_DESK(there_are_at_most_a_thousand_agents),
        WITH_DESK(removing_gives_open_conversations_back_and_keeps_the_author),
        WITH_DESK(the_last_owner_stays),
        WITH_DESK(a_status_is_kept_and_told_once),
        WITH_DESK(the_token_makes_the_first_owner_once),
        WITH_DESK(only_the_newest_token_counts_and_only_its_hash_is_stored),
        WITH_DESK(an_owner_made_by_the_command_line_ends_the_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
