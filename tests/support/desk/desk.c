/*
 * A desk for tests (see desk.h).
 */
#include "desk.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "desk/domain/account.h"
#include "desk/domain/conversation.h"
#include "desk/domain/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* Monday, 1 January 2024. */
#define START_US  INT64_C(1704067200000000)
#define SECOND_US INT64_C(1000000)

void folder_make(char folder[DESK_FOLDER_BYTES])
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || access(base, W_OK) != 0) {
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    int n = snprintf(folder, DESK_FOLDER_BYTES, "%s/deskbell-test-XXXXXX", base);
    assert_in_range(n, 1, DESK_FOLDER_BYTES - 1);
    assert_non_null(mkdtemp(folder));
}

void folder_path(const char *folder, const char *name, char out[DESK_PATH_BYTES])
{
    struct bell_buf path;
    bell_buf_init(&path, DESK_PATH_BYTES - 1);
    assert_int_equal(bell_buf_printf(&path, "%s/%s", folder, name), BELL_OK);
    memcpy(out, path.p, path.n);
    out[path.n] = '\0';
    bell_buf_finish(&path);
}

void folder_remove(const char *folder)
{
    static const char *const names[] = {"deskbell.db", "deskbell.db-wal", "deskbell.db-shm",
                                        "deskbell.lock"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(names); i++) {
        char path[DESK_PATH_BYTES];
        folder_path(folder, names[i], path);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

void desk_open(struct desk *desk)
{
    *desk = (struct desk){0};
    folder_make(desk->folder);
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.folder = bell_slice_from(desk->folder),
                                          .is_server = true};
    assert_int_equal(store_open(&options, why, &desk->store), BELL_OK);
    assert_int_equal(db_open(desk->store, DB_WRITER, &desk->db), BELL_OK);
    event_list_init(&desk->events);
    bell_arena_init(&desk->arena, 1 << 24);
    desk->tx = (struct tx){.db = desk->db, .events = &desk->events, .now_us = START_US};
    desk_begin(desk);
    assert_int_equal(site_ensure_demo(&desk->tx).error, ERROR_NONE);
    desk_commit(desk);
}

void desk_close(struct desk *desk)
{
    bell_arena_finish(&desk->arena);
    event_list_finish(&desk->events);
    db_close(desk->db);
    store_close(desk->store);
    folder_remove(desk->folder);
}

int desk_setup(void **state)
{
    struct desk *desk = malloc(sizeof *desk);
    assert_non_null(desk);
    desk_open(desk);
    *state = desk;
    return 0;
}

int desk_teardown(void **state)
{
    desk_close(*state);
    free(*state);
    return 0;
}

void desk_begin(struct desk *desk)
{
    event_list_clear(&desk->events);
    assert_int_equal(db_begin(desk->db), BELL_OK);
}

void desk_commit(struct desk *desk)
{
    assert_int_equal(db_commit(desk->db), BELL_OK);
    desk->tx.now_us += SECOND_US;
}

void desk_rollback(struct desk *desk)
{
    db_rollback(desk->db);
    desk->tx.now_us += SECOND_US;
}

struct outcome desk_end(struct desk *desk, struct outcome o)
{
    if (outcome_is_done(o)) {
        desk_commit(desk);
    } else {
        desk_rollback(desk);
    }
    return o;
}

int64_t desk_add_agent(struct desk *desk, const char *name, const char *email, enum role role)
{
    const struct agent_add_request request = {
        .name = bell_slice_from(name), .email = bell_slice_from(email), .role = role};
    const struct password_hash hash = {"no password fits this"};
    struct agent agent = {0};
    desk_begin(desk);
    assert_int_equal(account_add(&desk->tx, ACCOUNT_DESK, &request, &hash, &agent).error,
                     ERROR_NONE);
    desk_commit(desk);
    return agent.agent;
}

struct visitor_self desk_add_visitor(struct desk *desk)
{
    const struct visitor_command_hello hello = {.site = BELL_LIT("demo")};
    struct visitor_hello_result result = {0};
    desk_begin(desk);
    struct outcome o =
        visitor_hello(&desk->tx, &hello, BELL_LIT(""), BELL_LIT(""), &desk->arena, &result);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    return result.self;
}

desk_id desk_make_id(struct desk *desk)
{
    desk_id id = {{0x42}};
    id.b[15] = ++desk->next_id;
    assert_int_not_equal(desk->next_id, 0);
    return id;
}

struct outcome desk_visitor_posts(struct desk *desk, const struct visitor_self *self, desk_id id,
                                  const char *text, struct posted *out)
{
    const struct visitor_command_post post = {.id = id, .text = bell_slice_from(text)};
    desk_begin(desk);
    return desk_end(desk, visitor_post(&desk->tx, self, &post, true, out));
}

struct outcome desk_agent_posts(struct desk *desk, int64_t agent,
                                const struct agent_command_post *post, struct posted *out)
{
    desk_begin(desk);
    return desk_end(desk, conversation_post(&desk->tx, agent, post, out));
}

struct outcome desk_visitor_says(struct desk *desk, const struct visitor_self *self,
                                 const char *text, struct posted *out)
{
    return desk_visitor_posts(desk, self, desk_make_id(desk), text, out);
}

struct outcome desk_agent_says(struct desk *desk, int64_t agent, int64_t conversation, int64_t seen,
                               const char *text, struct posted *out)
{
    const struct agent_command_post post = {.id = desk_make_id(desk),
                                            .conversation = conversation,
                                            .text = bell_slice_from(text),
                                            .seen = seen};
    return desk_agent_posts(desk, agent, &post, out);
}

size_t desk_count_events(const struct desk *desk, enum event_type type)
{
    size_t count = 0;
    for (const struct event *e = desk->events.first; e != NULL; e = e->next) {
        count += e->type == type ? 1 : 0;
    }
    return count;
}

const struct event *desk_event_of(const struct desk *desk, enum event_type type, size_t n)
{
    for (const struct event *e = desk->events.first; e != NULL; e = e->next) {
        if (e->type == type && n-- == 0) {
            return e;
        }
    }
    fail_msg("no such event");
    return NULL;
}

int64_t desk_count(struct desk *desk, const struct db_sql *sql)
{
    struct db_rows rows;
    db_query(desk->db, sql, DB_NO_PARAMS, &rows);
    assert_true(db_next(&rows));
    int64_t count = db_column_int(&rows, 0);
    assert_int_equal(db_end(&rows), BELL_OK);
    return count;
}
