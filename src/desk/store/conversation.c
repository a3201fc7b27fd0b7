/*
 * Queries of the table conversation (see conversation.h and schema.c).
 */
#include "desk/store/conversation.h"

#include "desk/store/rows.h"

#include <assert.h>

/* --- rows --- */

#define ROW_COLUMNS                                                                                \
    "SELECT c.number, c.visitor, c.site, v.id, c.state, c.agent, c.last, c.last_shown, "           \
    "c.first_visitor,"                                                                             \
    " c.last_visitor, c.unread, c.created_at, c.changed_at, c.waiting_since, "                     \
    "c.visitor_delivered, c.visitor_read,"                                                         \
    " c.agent_read FROM conversation c JOIN visitor v ON v.number = c.visitor "

static const struct db_sql select_by_number = {ROW_COLUMNS "WHERE c.number = $1"};
static const struct db_sql select_by_visitor = {ROW_COLUMNS "WHERE c.visitor = $1"};

#undef ROW_COLUMNS

static void row_read(struct db_rows *rows, struct conversation_row *out)
{
    *out = (struct conversation_row){
        .number = db_column_int(rows, 0),
        .visitor = db_column_int(rows, 1),
        .site = db_column_int(rows, 2),
        .visitor_id = rows_id(rows, 3),
        .state = (enum state)db_column_int(rows, 4),
        .agent = db_column_int(rows, 5), /* NULL reads as 0 */
        .last = db_column_int(rows, 6),
        .last_shown = db_column_int(rows, 7),
        .first_visitor = db_column_int(rows, 8),
        .last_visitor = db_column_int(rows, 9),
        .unread = db_column_int(rows, 10),
        .created_at = db_column_int(rows, 11),
        .changed_at = db_column_int(rows, 12),
        .waiting_since = db_column_int(rows, 13),
        .visitor_delivered = db_column_int(rows, 14),
        .visitor_read = db_column_int(rows, 15),
        .agent_read = db_column_int(rows, 16),
    };
}

static bell_status row_get(struct db *db, const struct db_sql *sql, int64_t key,
                           struct conversation_row *out)
{
    struct db_rows rows;
    db_query(db, sql, DB_PARAMS(db_int(key)), &rows);
    bool found = db_next(&rows);
    struct conversation_row row = {0};
    if (found) {
        row_read(&rows, &row);
    }
    bell_status st = rows_end_one(&rows, found, BELL_OK);
    if (st == BELL_OK) {
        *out = row;
    }
    return st;
}

bell_status store_conversation_get(struct db *db, int64_t number, struct conversation_row *out)
{
    return row_get(db, &select_by_number, number, out);
}

bell_status store_conversation_of_visitor(struct db *db, int64_t visitor,
                                          struct conversation_row *out)
{
    return row_get(db, &select_by_visitor, visitor, out);
}

static db_value none_if_zero(int64_t value)
{
    return db_int_or_null(value != 0, value);
}

bell_status store_conversation_insert(struct db *db, const struct conversation_row *row,
                                      int64_t *number)
{
    static const struct db_sql insert = {
        "INSERT INTO conversation (visitor, site, state, agent, last, last_shown, first_visitor, "
        "last_visitor, unread,"
        " created_at, changed_at, waiting_since, visitor_delivered, visitor_read, agent_read)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING "
        "number"};
    return rows_one_int(db, &insert,
                        DB_PARAMS(db_int(row->visitor), db_int(row->site), db_int(row->state),
                                  none_if_zero(row->agent), db_int(row->last),
                                  db_int(row->last_shown), db_int(row->first_visitor),
                                  db_int(row->last_visitor), db_int(row->unread),
                                  db_int(row->created_at), db_int(row->changed_at),
                                  none_if_zero(row->waiting_since), db_int(row->visitor_delivered),
                                  db_int(row->visitor_read), db_int(row->agent_read)),
                        number);
}

bell_status store_conversation_save_posted(struct db *db, const struct conversation_row *row)
{
    static const struct db_sql update = {"UPDATE conversation SET last = $1, last_shown = $2, "
                                         "last_visitor = $3, unread = $4, changed_at = $5,"
                                         " waiting_since = $6 WHERE number = $7"};
    return db_run(db, &update,
                  DB_PARAMS(db_int(row->last), db_int(row->last_shown), db_int(row->last_visitor),
                            db_int(row->unread), db_int(row->changed_at),
                            none_if_zero(row->waiting_since), db_int(row->number)));
}

bell_status store_conversation_save(struct db *db, const struct conversation_row *row)
{
    static const struct db_sql update = {"UPDATE conversation SET state = $1, agent = $2, last = "
                                         "$3, last_shown = $4, last_visitor = $5, unread = $6,"
                                         " changed_at = $7, waiting_since = $8 WHERE number = $9"};
    return db_run(db, &update,
                  DB_PARAMS(db_int(row->state), none_if_zero(row->agent), db_int(row->last),
                            db_int(row->last_shown), db_int(row->last_visitor), db_int(row->unread),
                            db_int(row->changed_at), none_if_zero(row->waiting_since),
                            db_int(row->number)));
}

bell_status store_conversation_save_receipt(struct db *db, const struct conversation_row *row)
{
    static const struct db_sql update = {"UPDATE conversation SET unread = $1, visitor_delivered = "
                                         "$2, visitor_read = $3, agent_read = $4"
                                         " WHERE number = $5"};
    return db_run(db, &update,
                  DB_PARAMS(db_int(row->unread), db_int(row->visitor_delivered),
                            db_int(row->visitor_read), db_int(row->agent_read),
                            db_int(row->number)));
}

/* --- as lists show them --- */

/*
 * The beginnings of two messages come from the messages themselves: lists are read far less often
 * than written.
 */
#define RECORD_COLUMNS                                                                             \
    "SELECT c.number, s.key, v.id, v.name, v.email, c.state, c.agent, c.last, c.unread, "          \
    "substr(f.text, 1, 200),"                                                                      \
    " substr(l.text, 1, 200), l.author, c.created_at, c.changed_at, c.waiting_since, "             \
    "c.visitor_delivered,"                                                                         \
    " c.visitor_read, c.agent_read"                                                                \
    " FROM conversation c"                                                                         \
    " JOIN site s ON s.number = c.site"                                                            \
    " JOIN visitor v ON v.number = c.visitor"                                                      \
    " JOIN message f ON f.conversation = c.number AND f.number = c.first_visitor"                  \
    " JOIN message l ON l.conversation = c.number AND l.number = c.last_shown "
#define RECORD_ORDER " ORDER BY c.changed_at DESC, c.number DESC LIMIT "

static const struct db_sql select_record = {RECORD_COLUMNS "WHERE c.number = $1"};
static const struct db_sql select_mine = {
    RECORD_COLUMNS
    "WHERE c.state = 0 AND c.agent = $1 AND (c.changed_at, c.number) < ($2, $3)" RECORD_ORDER "$4"};
static const struct db_sql select_unassigned = {
    RECORD_COLUMNS
    "WHERE c.state = 0 AND c.agent IS NULL AND (c.changed_at, c.number) < ($1, $2)" RECORD_ORDER
    "$3"};
static const struct db_sql select_open = {
    RECORD_COLUMNS "WHERE c.state = 0 AND (c.changed_at, c.number) < ($1, $2)" RECORD_ORDER "$3"};
static const struct db_sql select_closed = {
    RECORD_COLUMNS "WHERE c.state = 1 AND (c.changed_at, c.number) < ($1, $2)" RECORD_ORDER "$3"};

#undef RECORD_COLUMNS
#undef RECORD_ORDER

static_assert(STATE_OPEN == 0 && STATE_CLOSED == 1,
              "the lists and their indices name them by number");

static bell_status record_read(struct db_rows *rows, struct bell_arena *arena,
                               struct conversation *out)
{
    bell_status st = BELL_OK;
    *out = (struct conversation){
        .conversation = db_column_int(rows, 0),
        .site = rows_text(rows, 1, arena, &st),
        .visitor = {.visitor = rows_id(rows, 2),
                    .name = rows_text(rows, 3, arena, &st),
                    .email = rows_text(rows, 4, arena, &st)},
        .state = (enum state)db_column_int(rows, 5),
        .has_agent = !db_column_is_null(rows, 6),
        .agent = db_column_int(rows, 6),
        .last = db_column_int(rows, 7),
        .unread = db_column_int(rows, 8),
        .first_text = rows_text(rows, 9, arena, &st),
        .last_text = rows_text(rows, 10, arena, &st),
        .last_author = (enum author)db_column_int(rows, 11),
        .created_at = db_column_int(rows, 12),
        .changed_at = db_column_int(rows, 13),
        .has_waiting_since = !db_column_is_null(rows, 14),
        .waiting_since = db_column_int(rows, 14),
        .visitor_delivered = db_column_int(rows, 15),
        .visitor_read = db_column_int(rows, 16),
        .agent_read = db_column_int(rows, 17),
    };
    return st;
}

bell_status store_conversation_load(struct db *db, int64_t number, struct bell_arena *arena,
                                    struct conversation *out)
{
    struct db_rows rows;
    db_query(db, &select_record, DB_PARAMS(db_int(number)), &rows);
    bool found = db_next(&rows);
    struct conversation record = {0};
    bell_status st = found ? record_read(&rows, arena, &record) : BELL_OK;
    st = rows_end_one(&rows, found, st);
    if (st == BELL_OK) {
        *out = record;
    }
    return st;
}

static void list_query(struct db *db, enum view view, int64_t agent,
                       struct conversation_place after, int64_t limit, struct db_rows *rows)
{
    db_value at = db_int(after.changed_at);
    db_value number = db_int(after.number);
    switch (view) {
    case VIEW_MINE:
        db_query(db, &select_mine, DB_PARAMS(db_int(agent), at, number, db_int(limit)), rows);
        return;
    case VIEW_UNASSIGNED:
        db_query(db, &select_unassigned, DB_PARAMS(at, number, db_int(limit)), rows);
        return;
    case VIEW_ALL:
        db_query(db, &select_open, DB_PARAMS(at, number, db_int(limit)), rows);
        return;
    case VIEW_CLOSED:
        db_query(db, &select_closed, DB_PARAMS(at, number, db_int(limit)), rows);
        return;
    }
}

bell_status store_conversation_list(struct db *db, enum view view, int64_t agent,
                                    const struct conversation_place *after, int64_t limit,
                                    struct bell_arena *arena, struct conversation **items,
                                    size_t *count)
{
    const struct conversation_place top = {INT64_MAX, INT64_MAX};
    void *array = NULL;
    bell_status st = rows_array(arena, limit, sizeof **items, &array);
    if (st != BELL_OK) {
        return st;
    }
    struct conversation *list = array;
    size_t n = 0;
    struct db_rows rows;
    list_query(db, view, agent, after == NULL ? top : *after, limit, &rows);
    while (st == BELL_OK && db_next(&rows)) {
        st = record_read(&rows, arena, &list[n++]);
    }
    st = rows_end_one(&rows, true, st);
    if (st == BELL_OK) {
        *items = list;
        *count = n;
    }
    return st;
}

bell_status store_conversation_counts(struct db *db, int64_t agent, int64_t *mine,
                                      int64_t *unassigned, int64_t *all)
{
    static const struct db_sql count_mine = {
        "SELECT count(*) FROM conversation WHERE state = 0 AND agent = $1"};
    static const struct db_sql count_unassigned = {
        "SELECT count(*) FROM conversation WHERE state = 0 AND agent IS NULL"};
    static const struct db_sql count_all = {"SELECT count(*) FROM conversation WHERE state = 0"};
    bell_status st = rows_one_int(db, &count_mine, DB_PARAMS(db_int(agent)), mine);
    if (st == BELL_OK) {
        st = rows_one_int(db, &count_unassigned, DB_NO_PARAMS, unassigned);
    }
    if (st == BELL_OK) {
        st = rows_one_int(db, &count_all, DB_NO_PARAMS, all);
    }
    return st;
}

bell_status store_conversation_any_of(struct db *db, int64_t agent, int64_t *number)
{
    static const struct db_sql select = {
        "SELECT number FROM conversation WHERE state = 0 AND agent = $1 LIMIT 1"};
    return rows_one_int(db, &select, DB_PARAMS(db_int(agent)), number);
}
