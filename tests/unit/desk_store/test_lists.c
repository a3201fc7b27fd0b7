/*
 * Queries find their rows by an index and in order: every statement is run once, then SQLite is
 * asked how it reads (sqlite.org/eqp.html). Also: lists keep their bounds.
 */
#include "base/buf.h"
#include "base/compiler.h"
#include "desk.h"
#include "desk/store/agent.h"
#include "desk/store/conversation.h"
#include "desk/store/counter.h"
#include "desk/store/event.h"
#include "desk/store/message.h"
#include "desk/store/session.h"
#include "desk/store/site.h"
#include "desk/store/sqlite.h"
#include "desk/store/visitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Small tables that are read whole on purpose, or by an index that holds just these rows. */
static const char *const whole_on_purpose[] = {
    "SCAN site",
    "SCAN setup_token",
    "SCAN agent",
    "SCAN session",
    "SCAN CONSTANT ROW",
    "SCAN conversation USING INDEX conversation_of_agent",
    "SCAN conversation USING COVERING INDEX conversation_open",
    "SCAN c USING INDEX conversation_open",
    "SCAN c USING INDEX conversation_closed",
};

static void check_step(const char *sql, const char *step)
{
    bool sorts = strstr(step, "TEMP B-TREE") != NULL;
    /* What was grouped, and the few sessions of one agent, may be sorted afterwards. */
    if (sorts && strstr(sql, "GROUP BY") == NULL && strstr(sql, "FROM session") == NULL) {
        fail_msg("%s\nsorts: %s", sql, step);
    }
    if (strncmp(step, "SCAN", 4) != 0) {
        return;
    }
    for (size_t i = 0; i < BELL_ARRAY_LEN(whole_on_purpose); i++) {
        if (strncmp(step, whole_on_purpose[i], strlen(whole_on_purpose[i])) == 0) {
            return;
        }
    }
    fail_msg("%s\nreads a whole table: %s", sql, step);
}

static void check_statement(sqlite3 *handle, const char *sql)
{
    struct bell_buf explain;
    bell_buf_init(&explain, 8192);
    assert_int_equal(bell_buf_printf(&explain, "EXPLAIN QUERY PLAN %s", sql), BELL_OK);
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(handle, explain.p, (int)explain.n, &statement, NULL);
    bell_buf_finish(&explain);
    assert_int_equal(code, SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        check_step(sql, (const char *)sqlite3_column_text(statement, 3));
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

static void is_ok_or_not_found(bell_status st)
{
    assert_true(st == BELL_OK || st == BELL_ENOTFOUND);
}

/* Every query that reads, on an empty desk. */
static void run_reads(struct desk *desk)
{
    struct db *db = desk->db;
    struct bell_arena *arena = &desk->arena;
    struct conversation_row row;
    struct conversation conversation;
    struct conversation *conversations = NULL;
    struct message message;
    struct message *messages = NULL;
    struct message_reached *reached = NULL;
    struct event_row *events = NULL;
    struct session *sessions = NULL;
    struct agent *agents = NULL;
    struct agent_row agent;
    struct visitor_row visitor;
    struct site_row site;
    struct site_row *sites = NULL;
    struct session_row session;
    uint8_t hash[SESSION_HASH_BYTES] = {0};
    const desk_id id = {{0}};
    size_t count = 0;
    bool more = false;
    int64_t a = 0;
    int64_t b = 0;
    int64_t c = 0;
    is_ok_or_not_found(store_conversation_get(db, 1, &row));
    is_ok_or_not_found(store_conversation_of_visitor(db, 1, &row));
    is_ok_or_not_found(store_conversation_load(db, 1, arena, &conversation));
    for (int view = VIEW_MINE; view <= VIEW_CLOSED; view++) {
        is_ok_or_not_found(store_conversation_list(db, (enum view)view, 1, NULL, 10, arena,
                                                   &conversations, &count));
    }
    is_ok_or_not_found(store_conversation_counts(db, 1, &a, &b, &c));
    is_ok_or_not_found(store_conversation_any_of(db, 1, &a));
    is_ok_or_not_found(store_message_find(db, 1, 0, id, &a, &b));
    is_ok_or_not_found(store_message_after(db, 1, 0, 10, arena, &messages, &count, &more));
    is_ok_or_not_found(store_message_before(db, 1, 9, 10, arena, &messages, &count, &more));
    is_ok_or_not_found(store_message_of_event(db, 1, arena, &message));
    is_ok_or_not_found(store_message_count_visitor(db, 1, 0, &a));
    is_ok_or_not_found(store_message_last_until(db, 1, 1, &a));
    is_ok_or_not_found(store_message_reached(db, 0, 9, 10, arena, &reached, &count));
    is_ok_or_not_found(store_event_last(db, &a));
    is_ok_or_not_found(store_event_oldest(db, &a));
    is_ok_or_not_found(store_event_page(db, 0, 10, arena, &events, &count));
    is_ok_or_not_found(store_event_prune(db, 0));
    is_ok_or_not_found(store_counter_get(db, COUNTER_AGENT_DELIVERED, &a));
    is_ok_or_not_found(store_session_find(db, hash, BELL_LIT(""), &session));
    is_ok_or_not_found(store_session_agent(db, 1, &a));
    is_ok_or_not_found(store_session_any_of(db, 1, 0, &a));
    is_ok_or_not_found(store_session_oldest_beyond(db, 1, 5, &a));
    is_ok_or_not_found(store_session_any_before(db, 0, &a, &b));
    is_ok_or_not_found(store_session_list(db, 1, 10, arena, &sessions, &count));
    is_ok_or_not_found(store_agent_get(db, 1, arena, &agent));
    is_ok_or_not_found(store_agent_by_email(db, BELL_LIT("x@y"), arena, &agent));
    is_ok_or_not_found(store_agent_list(db, 10, arena, &agents, &count));
    is_ok_or_not_found(store_agent_count(db, &a));
    is_ok_or_not_found(store_agent_count_owners(db, &a));
    is_ok_or_not_found(store_visitor_find(db, id, arena, &visitor));
    is_ok_or_not_found(store_visitor_get(db, 1, arena, &visitor));
    is_ok_or_not_found(store_site_by_key(db, BELL_LIT("demo"), arena, &site));
    is_ok_or_not_found(store_site_get(db, 1, arena, &site));
    is_ok_or_not_found(store_site_list(db, 10, arena, &sites, &count));
}

static void every_query_finds_its_rows_by_an_index_and_in_order(void **state)
{
    struct desk *desk = *state;
    run_reads(desk);
    size_t checked = 0;
    for (size_t i = 0; i < DB_CACHE_SLOTS; i++) {
        const struct db_sql *sql = desk->db->slots[i].sql;
        if (sql != NULL &&
            (strncmp(sql->text, "SELECT", 6) == 0 || strncmp(sql->text, "DELETE", 6) == 0)) {
            check_statement(desk->db->handle, sql->text);
            checked++;
        }
    }
    assert_in_range(checked, 38, 60);
}

static void lists_say_so_when_the_arena_is_too_small(void **state)
{
    struct desk *desk = *state;
    struct bell_arena small;
    bell_arena_init(&small, 64);
    struct conversation *conversations = NULL;
    struct message *messages = NULL;
    size_t count = 0;
    bool more = false;
    assert_int_equal(
        store_conversation_list(desk->db, VIEW_ALL, 0, NULL, 50, &small, &conversations, &count),
        BELL_ENOMEM);
    assert_int_equal(store_message_after(desk->db, 1, 0, 50, &small, &messages, &count, &more),
                     BELL_ENOMEM);
    bell_arena_finish(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_query_finds_its_rows_by_an_index_and_in_order,
                                        desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(lists_say_so_when_the_arena_is_too_small, desk_setup,
                                        desk_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
