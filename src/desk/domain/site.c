/*
 * Sites (see site.h).
 */
#include "desk/domain/site.h"

#include "desk/domain/text.h"
#include "desk/proto/text.h"
#include "desk/store/site.h"

/* More than anybody runs from one desk; bounds the list. */
enum { SITES_MAX = 1000 };

static bool key_is_valid(bell_slice key)
{
    if (key.n == 0 || key.n > SITE_KEY_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return true;
}

/* The next line of *rest. */
static bell_slice line_take(bell_slice *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    size_t n = end == NULL ? rest->n : (size_t)(end - rest->p);
    bell_slice line = bell_slice_make(rest->p, n);
    size_t skip = end == NULL ? n : n + 1;
    *rest = bell_slice_make(rest->p + skip, rest->n - skip);
    return line;
}

/* scheme "://" host [ ":" port ], as browsers send it (RFC 6454 section 6.1). */
static bool origin_is_valid(bell_slice origin)
{
    bell_slice host = {NULL, 0};
    const bell_slice schemes[] = {BELL_LIT("https://"), BELL_LIT("http://")};
    for (size_t i = 0; i < 2; i++) {
        if (origin.n > schemes[i].n && memcmp(origin.p, schemes[i].p, schemes[i].n) == 0) {
            host = bell_slice_make(origin.p + schemes[i].n, origin.n - schemes[i].n);
        }
    }
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (c <= ' ' || c >= 0x7f || c == '/' || c == '?' || c == '#' || c == '@' ||
            (c >= 'A' && c <= 'Z')) {
            return false;
        }
    }
    return host.n > 0;
}

static bool origins_are_valid(bell_slice origins)
{
    size_t count = 0;
    while (origins.n > 0) {
        if (++count > SITE_ORIGINS_MAX || !origin_is_valid(line_take(&origins))) {
            return false;
        }
    }
    return true;
}

bool site_allows(const struct site_entry *site, bell_slice origin)
{
    if (origin.n == 0 || site->origins.n == 0) {
        return true;
    }
    bell_slice rest = site->origins;
    while (rest.n > 0) {
        if (bell_slice_equal(line_take(&rest), origin)) {
            return true;
        }
    }
    return false;
}

static enum desk_error site_check(const struct site_entry *entry)
{
    if (!key_is_valid(entry->key) || !origins_are_valid(entry->origins)) {
        return ERROR_BAD_FIELD;
    }
    if (proto_text_count(entry->welcome) > SITE_WELCOME_MAX_CHARS) {
        return ERROR_TOO_LONG;
    }
    return text_check_name(entry->name, SITE_NAME_MAX_CHARS);
}

struct outcome site_add(struct tx *tx, const struct site_entry *entry, int64_t *number)
{
    enum desk_error error = site_check(entry);
    if (error != ERROR_NONE) {
        return outcome_refused(error);
    }
    int64_t count = 0;
    bell_status st = store_site_count(tx->db, &count);
    if (st == BELL_OK && count >= SITES_MAX) {
        return outcome_refused(ERROR_BUSY);
    }
    if (st == BELL_OK) {
        struct site_row row = {.key = entry->key,
                               .name = entry->name,
                               .welcome = proto_text_is_blank(entry->welcome) ? BELL_LIT("")
                                                                              : entry->welcome,
                               .origins = entry->origins};
        st = store_site_insert(tx->db, &row, tx->now_us, number);
    }
    return st == BELL_EEXISTS ? outcome_refused(ERROR_EXISTS) : outcome_from(st);
}

struct outcome site_ensure_demo(struct tx *tx)
{
    int64_t count = 0;
    bell_status st = store_site_count(tx->db, &count);
    if (st != BELL_OK || count > 0) {
        return outcome_from(st);
    }
    struct site_entry demo = {
        .key = BELL_LIT("demo"),
        .name = BELL_LIT("Demo shop"),
        .welcome = BELL_LIT("Hello! How can we help you?"),
    };
    int64_t number = 0;
    return site_add(tx, &demo, &number);
}

struct outcome site_list(struct tx *tx, struct bell_arena *arena, struct site_entry **items,
                         size_t *count)
{
    struct site_row *rows = NULL;
    size_t n = 0;
    bell_status st = store_site_list(tx->db, SITES_MAX, arena, &rows, &n);
    struct site_entry *list = st == BELL_OK ? bell_arena_alloc(arena, n * sizeof *list) : NULL;
    if (st == BELL_OK && list == NULL) {
        st = BELL_ENOMEM;
    }
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = (struct site_entry){.number = rows[i].number,
                                      .key = rows[i].key,
                                      .name = rows[i].name,
                                      .welcome = rows[i].welcome,
                                      .origins = rows[i].origins};
    }
    *items = list;
    *count = n;
    return outcome_done();
}
