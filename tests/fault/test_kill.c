/*
 * kill -9 (promises 1 and 2 of the design): a process that stores messages is killed at random
 * moments, again and again on the same folder. Afterwards every message it acknowledged is there
 * once, at the place and time that was told, and every conversation and the desk count without
 * gaps.
 */
#include "base/compiler.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"
#include "desk.h"
#include "desk/bus/bus.h"
#include "desk/domain/conversation.h"
#include "desk/work/threads.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { KILLS = 24, TALKS = 20, ACKS_MAX = 500000, LONGEST_RUN_US = 60000, HEX_BYTES = 33 };

/*
 * What the process tells of an acknowledged message; below PIPE_BUF, so it arrives whole or not at
 * all.
 */
struct ack {
    desk_id id;
    int64_t conversation;
    int64_t number;
    int64_t at;
};

/* --- the process that is killed --- */

struct child {
    struct work *work;
    int64_t agent;
    int acks_fd;
};

/* Visitor and agent write in turn; the text is the id, so that they can be compared afterwards. */
struct talk {
    struct work_item item;
    struct child *child;
    struct visitor_self self;
    int64_t conversation;
    bool is_agents_turn;
    desk_id id;
    char text[HEX_BYTES];
    struct posted posted;
};

static struct outcome run_post(struct work_item *item, struct tx *tx)
{
    struct talk *talk = BELL_CONTAINER_OF(item, struct talk, item);
    if (talk->is_agents_turn) {
        const struct agent_command_post post = {.id = talk->id,
                                                .conversation = talk->conversation,
                                                .text = bell_slice_from(talk->text),
                                                .has_force = true,
                                                .force = true};
        return conversation_post(tx, talk->child->agent, &post, &talk->posted);
    }
    const struct visitor_command_post post = {.id = talk->id, .text = bell_slice_from(talk->text)};
    return visitor_post(tx, &talk->self, &post, true, &talk->posted);
}

static void on_posted(struct work_item *item);

static void post_next(struct talk *talk)
{
    bell_random_fill(talk->id.b, sizeof talk->id.b);
    bell_hex_encode(talk->id.b, sizeof talk->id.b, talk->text);
    talk->item = (struct work_item){.run = run_post, .done = on_posted};
    if (work_submit(talk->child->work, WORK_WRITE, &talk->item) != BELL_OK) {
        _exit(3);
    }
}

static void on_posted(struct work_item *item)
{
    struct talk *talk = BELL_CONTAINER_OF(item, struct talk, item);
    if (!outcome_is_done(item->outcome) || talk->posted.is_repeat) {
        _exit(4);
    }
    const struct ack ack = {talk->id, talk->posted.conversation, talk->posted.number,
                            talk->posted.at};
    if (write(talk->child->acks_fd, &ack, sizeof ack) != (ssize_t)sizeof ack) {
        _exit(5);
    }
    talk->conversation = talk->posted.conversation;
    talk->is_agents_turn = !talk->is_agents_turn;
    post_next(talk);
}

/* Never returns: it works until it is killed. */
static void child_main(const char *folder, int64_t agent, const struct visitor_self selves[TALKS],
                       int acks_fd)
{
    char why[STORE_WHY_BYTES];
    struct store *store = NULL;
    struct bus *bus = NULL;
    static struct child child;
    static struct talk talks[TALKS];
    const struct store_options store_options = {.folder = bell_slice_from(folder),
                                                .is_server = true,
                                                .checkpoint_kib = 256,
                                                .log_limit_kib = 1024};
    if (store_open(&store_options, why, &store) != BELL_OK || bus_create(&bus) != BELL_OK) {
        _exit(1);
    }
    child = (struct child){.agent = agent, .acks_fd = acks_fd};
    const struct work_options options = {.store = store, .bus = bus};
    if (work_create(&options, &child.work) != BELL_OK) {
        _exit(2);
    }
    for (size_t i = 0; i < TALKS; i++) {
        talks[i].child = &child;
        talks[i].self = selves[i];
        post_next(&talks[i]);
    }
    for (;;) {
        (void)pause();
    }
}

/* --- the one who kills and looks --- */

struct acks {
    struct ack *items;
    size_t count;
};

/* Reads what is there; false when nobody writes any more. */
static bool acks_read(struct acks *acks, int fd)
{
    static struct ack buffer[256];
    ssize_t n = read(fd, buffer, sizeof buffer);
    assert_true(n >= 0);
    assert_int_equal((size_t)n % sizeof buffer[0], 0);
    size_t count = (size_t)n / sizeof buffer[0];
    assert_true(acks->count + count <= ACKS_MAX);
    memcpy(&acks->items[acks->count], buffer, (size_t)n);
    acks->count += count;
    return n > 0;
}

static void run_and_kill(const struct desk *desk, int64_t agent,
                         const struct visitor_self selves[TALKS], struct acks *acks)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        child_main(desk->folder, agent, selves, fds[1]);
    }
    (void)close(fds[1]);
    assert_true(acks_read(acks, fds[0])); /* it has begun */
    uint32_t random = 0;
    bell_random_fill(&random, sizeof random);
    (void)usleep(random % LONGEST_RUN_US);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (acks_read(acks, fds[0])) {
    }
    (void)close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status)); /* else it ended by itself, with a reason for its status */
}

static void reopen(struct desk *desk)
{
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.folder = bell_slice_from(desk->folder),
                                          .is_server = true};
    assert_int_equal(store_open(&options, why, &desk->store), BELL_OK);
    assert_int_equal(db_open(desk->store, DB_WRITER, &desk->db), BELL_OK);
}

static void leave(struct desk *desk)
{
    db_close(desk->db);
    store_close(desk->store);
}

static void check_ack(struct desk *desk, const struct ack *ack)
{
    static const struct db_sql find = {
        "SELECT conversation, number, at, text FROM message WHERE conversation = $1 AND id = $2"};
    char text[HEX_BYTES];
    bell_hex_encode(ack->id.b, sizeof ack->id.b, text);
    struct db_rows rows;
    db_query(desk->db, &find,
             DB_PARAMS(db_int(ack->conversation), db_bytes(ack->id.b, sizeof ack->id.b)), &rows);
    assert_true(db_next(&rows));
    assert_int_equal(db_column_int(&rows, 0), ack->conversation);
    assert_int_equal(db_column_int(&rows, 1), ack->number);
    assert_int_equal(db_column_int(&rows, 2), ack->at);
    assert_true(bell_slice_equal(db_column_bytes(&rows, 3), bell_slice_make(text, HEX_BYTES - 1)));
    assert_false(db_next(&rows));
    assert_int_equal(db_end(&rows), BELL_OK);
}

static void check_whole(struct desk *desk)
{
    static const struct db_sql gaps_in_conversations = {
        "SELECT count(*) FROM (SELECT conversation FROM message GROUP BY conversation"
        " HAVING min(number) <> 1 OR max(number) <> count(*))"};
    static const struct db_sql wrong_ends = {
        "SELECT count(*) FROM conversation c WHERE c.last <>"
        " (SELECT max(number) FROM message m WHERE m.conversation = c.number)"};
    static const struct db_sql gaps_in_events = {"SELECT max(number) - count(*) FROM event"};
    static const struct db_sql messages_without_event = {
        "SELECT count(*) FROM message m LEFT JOIN event e ON e.number = m.event AND e.kind = 0"
        " AND e.conversation = m.conversation WHERE e.number IS NULL"};
    static const struct db_sql repeated_ids = {"SELECT count(*) FROM (SELECT id FROM message WHERE "
                                               "id IS NOT NULL GROUP BY id HAVING count(*) > 1)"};
    static const struct db_sql integrity = {
        "SELECT integrity_check <> 'ok' FROM pragma_integrity_check"};
    assert_int_equal(desk_count(desk, &gaps_in_conversations), 0);
    assert_int_equal(desk_count(desk, &wrong_ends), 0);
    assert_int_equal(desk_count(desk, &gaps_in_events), 0);
    assert_int_equal(desk_count(desk, &messages_without_event), 0);
    assert_int_equal(desk_count(desk, &repeated_ids), 0);
    assert_int_equal(desk_count(desk, &integrity), 0);
}

/* The client that got no answer repeats; the one that got one must hear the same. */
static void check_repeat(struct desk *desk, const struct visitor_self selves[TALKS],
                         const struct ack *ack)
{
    for (size_t i = 0; i < TALKS; i++) {
        struct visitor_event_messages page = {0};
        struct posted posted = {0};
        assert_int_equal(
            visitor_history(&desk->tx, &selves[i], ack->number - 1, 1, &desk->arena, &page).error,
            ERROR_NONE);
        if (page.items_count == 1 && page.items[0].author == AUTHOR_VISITOR &&
            desk_id_equal(page.items[0].id, ack->id)) {
            assert_int_equal(desk_visitor_posts(desk, &selves[i], ack->id, "again", &posted).error,
                             ERROR_NONE);
            assert_true(posted.is_repeat);
            assert_int_equal(posted.number, ack->number);
            assert_int_equal(posted.at, ack->at);
        }
    }
    bell_arena_finish(&desk->arena);
}

static void no_acknowledged_message_is_lost_or_doubled_by_kill_9(void **state)
{
    (void)state;
    struct desk desk;
    struct visitor_self selves[TALKS];
    struct acks acks = {.items = bell_mem_zalloc_array(ACKS_MAX, sizeof *acks.items)};
    assert_non_null(acks.items);
    desk_open(&desk);
    int64_t agent = desk_add_agent(&desk, "Ann", "ann@example.com", ROLE_OWNER);
    for (size_t i = 0; i < TALKS; i++) {
        selves[i] = desk_add_visitor(&desk);
    }
    leave(&desk);
    for (int i = 0; i < KILLS; i++) {
        size_t before = acks.count;
        run_and_kill(&desk, agent, selves, &acks);
        reopen(&desk);
        desk.tx.db = desk.db;
        for (size_t j = before; j < acks.count; j++) {
            check_ack(&desk, &acks.items[j]);
        }
        check_repeat(&desk, selves, &acks.items[acks.count - 1]);
        leave(&desk);
    }
    reopen(&desk);
    desk.tx.db = desk.db;
    for (size_t j = 0; j < acks.count; j++) {
        check_ack(&desk, &acks.items[j]);
    }
    check_whole(&desk);
    print_message("# %zu acknowledged messages, %d kills\n", acks.count, KILLS);
    desk_close(&desk);
    bell_mem_free(acks.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_acknowledged_message_is_lost_or_doubled_by_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
