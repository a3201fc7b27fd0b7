/*
 * The data folder and the schema (src/desk/store/store.h).
 */
#include "base/mem.h"
#include "desk.h"
#include "desk/store/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
    char folder[DESK_FOLDER_BYTES];
    char path[DESK_PATH_BYTES]; /* of the database */
    char why[STORE_WHY_BYTES];
    struct store *store;
};

static int place_setup(void **state)
{
    static struct place place_of_test;
    struct place *place = &place_of_test;
    *place = (struct place){0};
    folder_make(place->folder);
    folder_path(place->folder, "deskbell.db", place->path);
    *state = place;
    return 0;
}

static int place_teardown(void **state)
{
    struct place *place = *state;
    store_close(place->store);
    (void)chmod(place->folder, 0700);
    folder_remove(place->folder);
    return 0;
}

static bell_status place_open(struct place *place, bool is_server)
{
    const struct store_options options = {.folder = bell_slice_from(place->folder),
                                          .is_server = is_server};
    return store_open(&options, place->why, &place->store);
}

/* Runs SQL on the file itself, as another program would. */
static void run_sql(const char *path, const char *sql)
{
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static int take_text(void *user, int columns, char **values, char **names)
{
    (void)names;
    char *text = user;
    for (int i = 0; i < columns; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, 16384 - used, "%s\n", values[i] == NULL ? "" : values[i]);
    }
    return 0;
}

static void read_schema(const char *path, char text[16384])
{
    sqlite3 *handle = NULL;
    text[0] = '\0';
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(handle, "PRAGMA user_version; SELECT sql FROM sqlite_schema ORDER BY name",
                     take_text, text, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static void makes_a_folder_that_only_its_owner_can_read(void **state)
{
    struct place *place = *state;
    char inner[DESK_PATH_BYTES];
    folder_path(place->folder, "a/b", inner);
    const struct store_options options = {.folder = bell_slice_from(inner), .is_server = true};
    assert_int_equal(store_open(&options, place->why, &place->store), BELL_OK);
    struct stat folder;
    assert_int_equal(stat(inner, &folder), 0);
    assert_int_equal(folder.st_mode & 0777, 0700);
    char file[DESK_PATH_BYTES];
    folder_path(inner, "deskbell.db", file);
    assert_int_equal(stat(file, &folder), 0);
    assert_int_equal(folder.st_mode & 0777, 0600);
    store_close(place->store);
    place->store = NULL;
    folder_remove(inner);
    folder_path(place->folder, "a", inner);
    folder_remove(inner);
}

static void two_servers_cannot_share_a_folder(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_open(place, true), BELL_OK);
    struct store *second = NULL;
    const struct store_options options = {.folder = bell_slice_from(place->folder),
                                          .is_server = true};
    assert_int_equal(store_open(&options, place->why, &second), BELL_ESTATE);
    assert_non_null(strstr(place->why, "another deskbell is running"));
    assert_non_null(strstr(place->why, place->folder));
    store_close(place->store);
    place->store = NULL;
    assert_int_equal(place_open(place, true), BELL_OK); /* The lock went with its holder. */
}

static void the_command_line_opens_beside_a_server(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_open(place, true), BELL_OK);
    struct store *second = NULL;
    const struct store_options options = {.folder = bell_slice_from(place->folder)};
    assert_int_equal(store_open(&options, place->why, &second), BELL_OK);
    store_close(second);
}

static void opening_again_changes_nothing(void **state)
{
    struct place *place = *state;
    static char first[16384];
    static char second[16384];
    assert_int_equal(place_open(place, true), BELL_OK);
    store_close(place->store);
    read_schema(place->path, first);
    assert_int_equal(place_open(place, true), BELL_OK);
    store_close(place->store);
    place->store = NULL;
    read_schema(place->path, second);
    assert_string_equal(first, second);
    assert_int_equal(strtol(first, NULL, 10), store_schema_version());
}

static void a_database_left_half_way_is_brought_up_to_date(void **state)
{
    struct place *place = *state;
    /* As after a power cut before the first step: ours, but empty. */
    run_sql(place->path, "PRAGMA application_id=1147499371; PRAGMA user_version=0; VACUUM");
    assert_int_equal(place_open(place, true), BELL_OK);
    store_close(place->store);
    place->store = NULL;
    static char schema[16384];
    read_schema(place->path, schema);
    assert_int_equal(strtol(schema, NULL, 10), store_schema_version());
    assert_non_null(strstr(schema, "CREATE TABLE message"));
}

static void refuses_the_database_of_a_newer_deskbell(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_open(place, true), BELL_OK);
    store_close(place->store);
    place->store = NULL;
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%d", store_schema_version() + 1);
    run_sql(place->path, sql);
    assert_int_equal(place_open(place, true), BELL_EINVAL);
    assert_non_null(strstr(place->why, "newer deskbell"));
}

static void refuses_the_database_of_another_program_and_leaves_it_alone(void **state)
{
    struct place *place = *state;
    run_sql(place->path, "CREATE TABLE theirs (x)");
    assert_int_equal(place_open(place, true), BELL_EINVAL);
    assert_non_null(strstr(place->why, "not a database of deskbell"));
    static char schema[16384];
    read_schema(place->path, schema);
    assert_string_equal(schema, "0\nCREATE TABLE theirs (x)\n");
}

static void refuses_a_file_that_is_no_database(void **state)
{
    struct place *place = *state;
    FILE *file = fopen(place->path, "w");
    assert_non_null(file);
    for (int i = 0; i < 500; i++) {
        assert_true(fputs("This is a letter to my aunt.\n", file) > 0);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(place_open(place, true), BELL_EINVAL);
    assert_non_null(strstr(place->why, "the file is not a database"));
}

static void says_what_is_wrong_with_the_folder(void **state)
{
    struct place *place = *state;
    FILE *file = fopen(place->path, "w"); /* a file where a folder is wanted */
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    const struct store_options options = {.folder = bell_slice_from(place->path),
                                          .is_server = true};
    assert_int_not_equal(store_open(&options, place->why, &place->store), BELL_OK);
    assert_non_null(strstr(place->why, place->path));
    const struct store_options empty = {.folder = BELL_LIT("")};
    assert_int_equal(store_open(&empty, place->why, &place->store), BELL_EINVAL);
    assert_non_null(strstr(place->why, "empty"));
}

static void says_that_the_folder_may_not_be_written(void **state)
{
    struct place *place = *state;
    assert_int_equal(chmod(place->folder, 0500), 0);
    if (access(place->folder, W_OK) == 0) {
        skip(); /* root may write everywhere */
    }
    assert_int_equal(place_open(place, true), BELL_EACCES);
    assert_non_null(strstr(place->why, "cannot write in the data folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_a_folder_that_only_its_owner_can_read, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(two_servers_cannot_share_a_folder, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(the_command_line_opens_beside_a_server, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(opening_again_changes_nothing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_database_left_half_way_is_brought_up_to_date, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(refuses_the_database_of_a_newer_deskbell, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(refuses_the_database_of_another_program_and_leaves_it_alone,
                                        place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(refuses_a_file_that_is_no_database, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(says_what_is_wrong_with_the_folder, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(says_that_the_folder_may_not_be_written, place_setup,
                                        place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
