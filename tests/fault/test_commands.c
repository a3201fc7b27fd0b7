/*
 * Every command with every allocation and every store call failing once (STYLE.md section 15): the
 * answer is a refusal, nothing is left behind, nothing leaks, and the next try works. SQLite's own
 * allocations are among them.
 */
#include "base/compiler.h"
#include "base/mem.h"
#include "desk.h"
#include "desk/domain/account.h"
#include "desk/domain/conversation.h"
#include "desk/domain/inbox.h"
#include "desk/domain/login.h"
#include "desk/domain/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct scene {
    struct desk desk;
    int64_t olga; /* owner */
    int64_t ann;  /* has the conversation */
    struct visitor_hello_result hello;
    int64_t conversation;
    desk_id posted_id; /* of the visitor's first message */
    struct session_self session;
    desk_secret secret;
    desk_secret setup_token;
};

static const struct password_hash no_password = {"no password fits this"};

/* --- the commands --- */

static struct outcome hello_new(struct scene *s)
{
    const struct visitor_command_hello command = {.site = BELL_LIT("demo"),
                                                  .page = BELL_LIT("https://x/")};
    struct visitor_hello_result result;
    return visitor_hello(&s->desk.tx, &command, BELL_LIT("https://x"), BELL_LIT("B"),
                         &s->desk.arena, &result);
}

static struct outcome hello_again(struct scene *s)
{
    const struct visitor_command_hello command = {.site = BELL_LIT("demo"),
                                                  .has_visitor = true,
                                                  .visitor = s->hello.self.id,
                                                  .has_token = true,
                                                  .token = s->hello.welcome.token,
                                                  .page = BELL_LIT("https://x/other")};
    struct visitor_hello_result result;
    return visitor_hello(&s->desk.tx, &command, BELL_LIT(""), BELL_LIT("B"), &s->desk.arena,
                         &result);
}

static struct outcome post_first(struct scene *s)
{
    const struct visitor_command_hello command = {.site = BELL_LIT("demo")};
    struct visitor_hello_result result;
    struct outcome o =
        visitor_hello(&s->desk.tx, &command, BELL_LIT(""), BELL_LIT(""), &s->desk.arena, &result);
    const struct visitor_command_post post = {.id = {{9}}, .text = BELL_LIT("hi")};
    struct posted posted;
    return outcome_is_done(o) ? visitor_post(&s->desk.tx, &result.self, &post, true, &posted) : o;
}

static struct outcome post_next(struct scene *s)
{
    const struct visitor_command_post post = {.id = {{10}}, .text = BELL_LIT("hi")};
    struct posted posted;
    return visitor_post(&s->desk.tx, &s->hello.self, &post, true, &posted);
}

static struct outcome post_repeat(struct scene *s)
{
    const struct visitor_command_post post = {.id = s->posted_id, .text = BELL_LIT("hi")};
    struct posted posted;
    return visitor_post(&s->desk.tx, &s->hello.self, &post, true, &posted);
}

static struct outcome answer(struct scene *s)
{
    const struct agent_command_post post = {
        .id = {{11}}, .conversation = s->conversation, .text = BELL_LIT("hello"), .seen = 99};
    struct posted posted;
    return conversation_post(&s->desk.tx, s->ann, &post, &posted);
}

static struct outcome answer_and_take(struct scene *s)
{
    struct outcome o = conversation_assign(&s->desk.tx, s->ann, s->conversation, 0);
    return outcome_is_done(o) ? answer(s) : o;
}

static struct outcome assign(struct scene *s)
{
    return conversation_assign(&s->desk.tx, s->ann, s->conversation, s->olga);
}

static struct outcome take(struct scene *s)
{
    return conversation_take(&s->desk.tx, s->ann, s->conversation);
}

static struct outcome close_and_reopen(struct scene *s)
{
    struct outcome o = conversation_close(&s->desk.tx, s->olga, s->conversation);
    return outcome_is_done(o) ? conversation_reopen(&s->desk.tx, s->olga, s->conversation) : o;
}

static struct outcome close_and_post(struct scene *s)
{
    struct outcome o = conversation_close(&s->desk.tx, s->ann, s->conversation);
    return outcome_is_done(o) ? post_next(s) : o;
}

static struct outcome agent_read(struct scene *s)
{
    return conversation_read(&s->desk.tx, s->ann, s->conversation, 2);
}

static struct outcome agent_delivered(struct scene *s)
{
    return conversation_delivered(&s->desk.tx, s->ann, 99);
}

static struct outcome visitor_reads(struct scene *s)
{
    int64_t conversation = 0;
    return visitor_read(&s->desk.tx, &s->hello.self, 2, &conversation);
}

static struct outcome identify(struct scene *s)
{
    const struct visitor_command_identify command = {.name = BELL_LIT("Kim"),
                                                     .email = BELL_LIT("kim@x")};
    return visitor_identify(&s->desk.tx, &s->hello.self, &command);
}

static struct outcome visitor_pages(struct scene *s)
{
    struct visitor_event_messages page;
    return visitor_history(&s->desk.tx, &s->hello.self, 0, 10, &s->desk.arena, &page);
}

static struct outcome add_agent(struct scene *s)
{
    const struct agent_add_request request = {
        .name = BELL_LIT("Bob"), .email = BELL_LIT("bob@x"), .role = ROLE_AGENT};
    struct agent agent;
    return account_add(&s->desk.tx, s->olga, &request, &no_password, &agent);
}

static struct outcome set_password(struct scene *s)
{
    return account_set_password(&s->desk.tx, s->olga, s->ann, &no_password, 0);
}

static struct outcome remove_agent(struct scene *s)
{
    return account_remove(&s->desk.tx, s->olga, s->ann);
}

static struct outcome set_status(struct scene *s)
{
    return account_set_status(&s->desk.tx, s->ann, STATUS_AWAY);
}

static struct outcome list_agents(struct scene *s)
{
    struct agent *items = NULL;
    size_t count = 0;
    return account_list(&s->desk.tx, &s->desk.arena, &items, &count);
}

static struct outcome session_begin(struct scene *s)
{
    struct session_self self;
    desk_secret secret;
    return session_start_for(&s->desk.tx, s->ann, BELL_LIT("::1"), BELL_LIT("B"), &self, &secret);
}

static struct outcome session_look(struct scene *s)
{
    struct session_self self;
    return session_find(&s->desk.tx, &s->secret, BELL_LIT("::1"), INT64_MAX / 2, &self);
}

static struct outcome session_use(struct scene *s)
{
    return session_touch(&s->desk.tx, s->session.session, BELL_LIT("::2"));
}

static struct outcome session_stop(struct scene *s)
{
    return session_end_other(&s->desk.tx, s->olga, s->session.session);
}

static struct outcome sessions_expire(struct scene *s)
{
    return session_expire(&s->desk.tx, -1);
}

static struct outcome list_sessions(struct scene *s)
{
    struct session *items = NULL;
    size_t count = 0;
    return session_list(&s->desk.tx, s->olga, s->ann, 0, &s->desk.arena, &items, &count);
}

static struct outcome renew_setup(struct scene *s)
{
    bool has = false;
    desk_secret token;
    return setup_renew(&s->desk.tx, &has, &token);
}

static struct outcome add_site(struct scene *s)
{
    const struct site_entry entry = {.key = BELL_LIT("shop"), .name = BELL_LIT("Shop")};
    int64_t number = 0;
    return site_add(&s->desk.tx, &entry, &number);
}

static struct outcome list_sites(struct scene *s)
{
    struct site_entry *items = NULL;
    size_t count = 0;
    return site_list(&s->desk.tx, &s->desk.arena, &items, &count);
}

static struct outcome welcome(struct scene *s)
{
    struct agent_event_welcome answer_to_hello;
    return inbox_welcome(&s->desk.tx, s->ann, &s->desk.arena, &answer_to_hello);
}

static struct outcome list(struct scene *s)
{
    const struct agent_command_list ask = {.view = VIEW_ALL};
    struct agent_event_conversations page;
    return inbox_list(&s->desk.tx, s->ann, &ask, &s->desk.arena, &page);
}

static struct outcome open_one(struct scene *s)
{
    struct agent_event_conversation opened;
    return inbox_open(&s->desk.tx, s->conversation, &s->desk.arena, &opened);
}

static struct outcome history(struct scene *s)
{
    const struct agent_command_history ask = {
        .conversation = s->conversation, .has_before = true, .before = 99};
    struct agent_event_messages page;
    return inbox_history(&s->desk.tx, &ask, &s->desk.arena, &page);
}

static struct outcome events(struct scene *s)
{
    const struct agent_command_events ask = {.after = 0};
    struct agent_event_events page;
    return inbox_events(&s->desk.tx, &ask, &s->desk.arena, &page);
}

static const struct {
    const char *name;
    struct outcome (*run)(struct scene *s);
} commands[] = {
    {"hello_new", hello_new},
    {"hello_again", hello_again},
    {"post_first", post_first},
    {"post_next", post_next},
    {"post_repeat", post_repeat},
    {"answer", answer},
    {"answer_and_take", answer_and_take},
    {"assign", assign},
    {"take", take},
    {"close_and_reopen", close_and_reopen},
    {"close_and_post", close_and_post},
    {"agent_read", agent_read},
    {"agent_delivered", agent_delivered},
    {"visitor_reads", visitor_reads},
    {"identify", identify},
    {"visitor_pages", visitor_pages},
    {"add_agent", add_agent},
    {"set_password", set_password},
    {"remove_agent", remove_agent},
    {"set_status", set_status},
    {"list_agents", list_agents},
    {"session_begin", session_begin},
    {"session_look", session_look},
    {"session_use", session_use},
    {"session_stop", session_stop},
    {"sessions_expire", sessions_expire},
    {"list_sessions", list_sessions},
    {"renew_setup", renew_setup},
    {"add_site", add_site},
    {"list_sites", list_sites},
    {"welcome", welcome},
    {"list", list},
    {"open_one", open_one},
    {"history", history},
    {"events", events},
};

/* --- the scene --- */

static void scene_open(struct scene *s)
{
    *s = (struct scene){0};
    struct desk *desk = &s->desk;
    desk_open(desk);
    s->olga = desk_add_agent(desk, "Olga", "olga@x", ROLE_OWNER);
    s->ann = desk_add_agent(desk, "Ann", "ann@x", ROLE_AGENT);
    const struct visitor_command_hello command = {.site = BELL_LIT("demo")};
    desk_begin(desk);
    struct outcome o =
        visitor_hello(&desk->tx, &command, BELL_LIT(""), BELL_LIT(""), &desk->arena, &s->hello);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    struct posted posted = {0};
    s->posted_id = desk_make_id(desk);
    assert_int_equal(desk_visitor_posts(desk, &s->hello.self, s->posted_id, "hi", &posted).error,
                     ERROR_NONE);
    s->conversation = posted.conversation;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, conversation_take(&desk->tx, s->ann, s->conversation)).error,
                     ERROR_NONE);
    desk_begin(desk);
    o = session_start_for(&desk->tx, s->ann, BELL_LIT("::1"), BELL_LIT("B"), &s->session,
                          &s->secret);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
}

/* A number that changes when anything in the database does. */
static int64_t fingerprint(struct desk *desk)
{
    static const struct db_sql sum = {
        "SELECT (SELECT count(*) FROM site) + 7 * (SELECT count(*) FROM visitor) + 11 * (SELECT "
        "count(*) FROM agent)"
        " + 13 * (SELECT count(*) FROM session) + 17 * (SELECT count(*) FROM conversation)"
        " + 19 * (SELECT count(*) FROM message) + 23 * (SELECT coalesce(max(number), 0) FROM event)"
        " + (SELECT sum(state * 29 + coalesce(agent, 0) * 31 + last * 37 + unread * 41 + changed_at"
        "               + visitor_read * 43 + visitor_delivered * 47 + agent_read * 53) FROM "
        "conversation)"
        " + (SELECT sum(password_version * 59 + status * 61 + removed * 67) FROM agent)"
        " + (SELECT coalesce(sum(value), 0) * 71 FROM counter) + (SELECT count(*) * 73 FROM "
        "setup_token)"
        " + (SELECT sum(seen_at) FROM session) + (SELECT count(name) * 79 + count(page) * 83 FROM "
        "visitor)"};
    return desk_count(desk, &sum);
}

/* One try with the n-th call failing; true when that call was reached. */
static bool try_once(struct scene *s, size_t command, void (*fail_at)(int64_t),
                     bool (*has_failed)(void), int64_t n)
{
    struct desk *desk = &s->desk;
    desk_begin(desk);
    fail_at(n);
    struct outcome o = commands[command].run(s);
    bool was_reached = has_failed();
    fail_at(0);
    /* SQLite does without some allocations, so it may have been done all the same. */
    if (!outcome_is_done(o) && o.error != ERROR_INTERNAL && o.error != ERROR_BUSY) {
        fail_msg("%s ended with %d when call %lld failed", commands[command].name, o.error,
                 (long long)n);
    }
    if (!was_reached && !outcome_is_done(o)) {
        fail_msg("%s was refused with %d without a reason", commands[command].name, o.error);
    }
    desk_rollback(desk);
    bell_arena_finish(&desk->arena);
    return was_reached;
}

static void each_call_fails_once(void (*fail_at)(int64_t), bool (*has_failed)(void))
{
    struct scene *s = malloc(sizeof *s);
    assert_non_null(s);
    int64_t live = bell_mem_live();
    for (size_t i = 0; i < BELL_ARRAY_LEN(commands); i++) {
        scene_open(s);
        int64_t before = fingerprint(&s->desk);
        int64_t n = 1;
        while (try_once(s, i, fail_at, has_failed, n)) {
            assert_int_equal(fingerprint(&s->desk), before);
            n++;
        }
        /* After all that it works, and is committed. */
        desk_begin(&s->desk);
        assert_int_equal(desk_end(&s->desk, commands[i].run(s)).error, ERROR_NONE);
        desk_close(&s->desk);
        assert_int_equal(bell_mem_live(), live);
    }
    free(s);
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

static void opening_a_store_may_fail_anywhere(void **state)
{
    (void)state;
    int64_t live = bell_mem_live();
    bool was_reached = true;
    /*
     * The schema alone takes SQLite many hundred allocations: of the later ones every eleventh
     * will do.
     */
    for (int64_t n = 1; was_reached; n += n < 150 ? 1 : 11) {
        char folder[DESK_FOLDER_BYTES];
        char why[STORE_WHY_BYTES];
        struct store *store = NULL;
        folder_make(folder);
        const struct store_options options = {.folder = bell_slice_from(folder), .is_server = true};
        bell_mem_fail_at(n);
        bell_status st = store_open(&options, why, &store);
        was_reached = bell_mem_failed();
        bell_mem_fail_at(0);
        if (st != BELL_OK) {
            assert_true(was_reached);
            assert_true(why[0] != '\0');
            /* What is there now is no hindrance. */
            assert_int_equal(store_open(&options, why, &store), BELL_OK);
        }
        store_close(store);
        folder_remove(folder);
        assert_int_equal(bell_mem_live(), live);
    }
}

int main(void)
{
    /* The first use of SQLite keeps some memory for the process. */
    struct desk desk;
    desk_open(&desk);
    desk_close(&desk);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_store_call_may_fail),
        cmocka_unit_test(opening_a_store_may_fail_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
