/*
 * Queries of the table visitor (see visitor.h and schema.c).
 */
#include "desk/store/visitor.h"

#include "desk/store/rows.h"

#define COLUMNS                                                                                    \
    "SELECT number, site, secret_hash, id, name, email, page, title, referrer, language, browser " \
    "FROM visitor "

static const struct db_sql select_by_id = {COLUMNS "WHERE id = $1"};
static const struct db_sql select_by_number = {COLUMNS "WHERE number = $1"};

#undef COLUMNS

static bell_status row_read(struct db_rows *rows, struct bell_arena *arena, struct visitor_row *out)
{
    bell_status st = BELL_OK;
    *out = (struct visitor_row){
        .number = db_column_int(rows, 0),
        .site = db_column_int(rows, 1),
        .visitor = {.visitor = rows_id(rows, 3),
                    .name = rows_text(rows, 4, arena, &st),
                    .email = rows_text(rows, 5, arena, &st)},
        .facts = {.page = rows_text(rows, 6, arena, &st),
                  .title = rows_text(rows, 7, arena, &st),
                  .referrer = rows_text(rows, 8, arena, &st),
                  .language = rows_text(rows, 9, arena, &st),
                  .browser = rows_text(rows, 10, arena, &st)},
    };
    bell_slice hash = db_column_bytes(rows, 2);
    if (hash.n == sizeof out->secret_hash) {
        memcpy(out->secret_hash, hash.p, sizeof out->secret_hash);
    }
    return st;
}

static bell_status row_get(struct db *db, const struct db_sql *sql, db_value key,
                           struct bell_arena *arena, struct visitor_row *out)
{
    struct db_rows rows;
    db_query(db, sql, &key, 1, &rows);
    bool found = db_next(&rows);
    struct visitor_row row = {0};
    bell_status st = found ? row_read(&rows, arena, &row) : BELL_OK;
    st = rows_end_one(&rows, found, st);
    if (st == BELL_OK) {
        *out = row;
    }
    return st;
}

bell_status store_visitor_find(struct db *db, desk_id id, struct bell_arena *arena,
                               struct visitor_row *out)
{
    return row_get(db, &select_by_id, db_bytes(id.b, sizeof id.b), arena, out);
}

bell_status store_visitor_get(struct db *db, int64_t number, struct bell_arena *arena,
                              struct visitor_row *out)
{
    return row_get(db, &select_by_number, db_int(number), arena, out);
}

bell_status store_visitor_insert(struct db *db, const struct visitor_row *row, int64_t at,
                                 int64_t *number)
{
    static const struct db_sql insert = {
        "INSERT INTO visitor (id, site, secret_hash, name, email, page, title, referrer, language, "
        "browser, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING number"};
    return rows_one_int(
        db, &insert,
        DB_PARAMS(db_bytes(row->visitor.visitor.b, sizeof row->visitor.visitor.b),
                  db_int(row->site), db_bytes(row->secret_hash, sizeof row->secret_hash),
                  db_text_or_null(row->visitor.name), db_text_or_null(row->visitor.email),
                  db_text_or_null(row->facts.page), db_text_or_null(row->facts.title),
                  db_text_or_null(row->facts.referrer), db_text_or_null(row->facts.language),
                  db_text_or_null(row->facts.browser), db_int(at)),
        number);
}

bell_status store_visitor_set_facts(struct db *db, int64_t number, const struct facts *facts)
{
    static const struct db_sql update = {"UPDATE visitor SET page = $1, title = $2, referrer = $3, "
                                         "language = $4, browser = $5 WHERE number = $6"};
    return db_run(db, &update,
                  DB_PARAMS(db_text_or_null(facts->page), db_text_or_null(facts->title),
                            db_text_or_null(facts->referrer), db_text_or_null(facts->language),
                            db_text_or_null(facts->browser), db_int(number)));
}

bell_status store_visitor_set_names(struct db *db, int64_t number, bell_slice name,
                                    bell_slice email)
{
    static const struct db_sql update = {"UPDATE visitor SET name = coalesce($1, name), email = "
                                         "coalesce($2, email) WHERE number = $3"};
    return db_run(db, &update,
                  DB_PARAMS(db_text_or_null(name), db_text_or_null(email), db_int(number)));
}
