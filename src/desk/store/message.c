/*
 * Queries of the table message (see message.h and schema.c).
 */
#include "desk/store/message.h"

#include "desk/store/rows.h"

#include <assert.h>

bell_status store_message_find(struct db *db, int64_t conversation, int64_t sender, desk_id id,
                               int64_t *number, int64_t *at)
{
    static const struct db_sql select = {
        "SELECT number, at FROM message WHERE conversation = $1 AND id = $2 AND sender = $3"};
    struct db_rows rows;
    db_query(db, &select,
             DB_PARAMS(db_int(conversation), db_bytes(id.b, sizeof id.b), db_int(sender)), &rows);
    bool found = db_next(&rows);
    int64_t found_number = found ? db_column_int(&rows, 0) : 0;
    int64_t found_at = found ? db_column_int(&rows, 1) : 0;
    bell_status st = rows_end_one(&rows, found, BELL_OK);
    if (st == BELL_OK) {
        *number = found_number;
        *at = found_at;
    }
    return st;
}

bell_status store_message_insert(struct db *db, int64_t event, int64_t conversation, int64_t sender,
                                 const struct message *message)
{
    static const struct db_sql insert = {"INSERT INTO message (event, conversation, number, "
                                         "sender, id, author, agent, name, line, text, at)"
                                         " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"};
    return db_run(
        db, &insert,
        DB_PARAMS(db_int(event), db_int(conversation), db_int(message->number), db_int(sender),
                  message->has_id ? db_bytes(message->id.b, sizeof message->id.b) : db_null(),
                  db_int(message->author), db_int_or_null(message->has_agent, message->agent),
                  db_text_or_null(message->name), db_int_or_null(message->has_line, message->line),
                  db_text(message->text), db_int(message->at)));
}

/* --- reading --- */

#define COLUMNS "SELECT number, id, author, agent, name, line, text, at FROM message "

static const struct db_sql select_after = {
    COLUMNS "WHERE conversation = $1 AND number > $2 ORDER BY number LIMIT $3"};
static const struct db_sql select_before = {
    COLUMNS "WHERE conversation = $1 AND number < $2 ORDER BY number DESC LIMIT $3"};
static const struct db_sql select_of_event = {COLUMNS "WHERE event = $1"};

#undef COLUMNS

static bell_status message_read(struct db_rows *rows, struct bell_arena *arena, struct message *out)
{
    bell_status st = BELL_OK;
    *out = (struct message){
        .number = db_column_int(rows, 0),
        .has_id = !db_column_is_null(rows, 1),
        .id = rows_id(rows, 1),
        .author = (enum author)db_column_int(rows, 2),
        .has_agent = !db_column_is_null(rows, 3),
        .agent = db_column_int(rows, 3),
        .name = rows_text(rows, 4, arena, &st),
        .has_line = !db_column_is_null(rows, 5),
        .line = (enum line)db_column_int(rows, 5),
        .text = rows_text(rows, 6, arena, &st),
        .at = db_column_int(rows, 7),
    };
    return st;
}

/* One more than the page holds is asked for, to know whether there are more. */
static bell_status page_read(struct db *db, const struct db_sql *sql, int64_t conversation,
                             int64_t from, int64_t limit, struct bell_arena *arena,
                             struct message **items, size_t *count, bool *more)
{
    void *array = NULL;
    bell_status st = rows_array(arena, limit, sizeof **items, &array);
    if (st != BELL_OK) {
        return st;
    }
    struct message *list = array;
    size_t n = 0;
    size_t text_bytes = 0;
    bool has_more = false;
    struct db_rows rows;
    db_query(db, sql, DB_PARAMS(db_int(conversation), db_int(from), db_int(limit + 1)), &rows);
    while (st == BELL_OK && db_next(&rows)) {
        if (n == (size_t)limit || text_bytes >= STORE_PAGE_TEXT_BYTES) {
            has_more = true;
            break;
        }
        st = message_read(&rows, arena, &list[n]);
        text_bytes += list[n++].text.n;
    }
    st = rows_end_one(&rows, true, st);
    if (st == BELL_OK) {
        *items = list;
        *count = n;
        *more = has_more;
    }
    return st;
}

bell_status store_message_after(struct db *db, int64_t conversation, int64_t after, int64_t limit,
                                struct bell_arena *arena, struct message **items, size_t *count,
                                bool *more)
{
    return page_read(db, &select_after, conversation, after, limit, arena, items, count, more);
}

bell_status store_message_before(struct db *db, int64_t conversation, int64_t before, int64_t limit,
                                 struct bell_arena *arena, struct message **items, size_t *count,
                                 bool *more)
{
    bell_status st =
        page_read(db, &select_before, conversation, before, limit, arena, items, count, more);
    if (st != BELL_OK || *count == 0) {
        return st;
    }
    for (size_t first = 0, last = *count - 1; first < last; first++, last--) {
        struct message swapped = (*items)[first];
        (*items)[first] = (*items)[last];
        (*items)[last] = swapped;
    }
    return BELL_OK;
}

bell_status store_message_of_event(struct db *db, int64_t event, struct bell_arena *arena,
                                   struct message *out)
{
    struct db_rows rows;
    db_query(db, &select_of_event, DB_PARAMS(db_int(event)), &rows);
    bool found = db_next(&rows);
    struct message message = {0};
    bell_status st = found ? message_read(&rows, arena, &message) : BELL_OK;
    st = rows_end_one(&rows, found, st);
    if (st == BELL_OK) {
        *out = message;
    }
    return st;
}

static_assert(AUTHOR_VISITOR == 0, "the two queries below name it by number");

bell_status store_message_count_visitor(struct db *db, int64_t conversation, int64_t after,
                                        int64_t *count)
{
    static const struct db_sql select = {
        "SELECT count(*) FROM message WHERE conversation = $1 AND number > $2 AND author = 0"};
    return rows_one_int(db, &select, DB_PARAMS(db_int(conversation), db_int(after)), count);
}

bell_status store_message_last_until(struct db *db, int64_t conversation, int64_t event,
                                     int64_t *number)
{
    static const struct db_sql select = {"SELECT number FROM message WHERE conversation = $1 AND "
                                         "event <= $2 ORDER BY number DESC LIMIT 1"};
    bell_status st =
        rows_one_int(db, &select, DB_PARAMS(db_int(conversation), db_int(event)), number);
    if (st == BELL_ENOTFOUND) {
        *number = 0;
        return BELL_OK;
    }
    return st;
}

bell_status store_message_reached(struct db *db, int64_t after, int64_t until, int64_t limit,
                                  struct bell_arena *arena, struct message_reached **items,
                                  size_t *count)
{
    static const struct db_sql select = {
        "SELECT conversation, max(number) FROM message WHERE event > $1 AND event <= $2 AND author "
        "= 0"
        " GROUP BY conversation ORDER BY max(event) DESC LIMIT $3"};
    void *array = NULL;
    bell_status st = rows_array(arena, limit, sizeof **items, &array);
    if (st != BELL_OK) {
        return st;
    }
    struct message_reached *list = array;
    size_t n = 0;
    struct db_rows rows;
    db_query(db, &select, DB_PARAMS(db_int(after), db_int(until), db_int(limit)), &rows);
    while (db_next(&rows)) {
        list[n++] = (struct message_reached){db_column_int(&rows, 0), db_column_int(&rows, 1)};
    }
    st = db_end(&rows);
    if (st == BELL_OK) {
        *items = list;
        *count = n;
    }
    return st;
}
