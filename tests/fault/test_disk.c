/*
 * A disk that is full or breaks: a VFS in front of SQLite's own makes the n-th write or sync fail
 * (sqlite.org/vfs.html). What was acknowledged before is there, the refused post is not, and when
 * the disk is well again so is the desk.
 */
#include "base/compiler.h"
#include "desk.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <cmocka.h>

/* --- the disk --- */

static atomic_int fail_countdown; /* 0 = off */
static atomic_int fail_code;
static atomic_bool keeps_failing; /* a full disk stays full */
static atomic_bool has_failed;

static void disk_fail(int n, int code, bool keeps)
{
    atomic_store(&has_failed, false);
    atomic_store(&fail_code, code);
    atomic_store(&keeps_failing, keeps);
    atomic_store(&fail_countdown, n);
}

/* SQLITE_OK, or the planned failure. */
static int disk_step(void)
{
    int n = atomic_load(&fail_countdown);
    if (n == 0) {
        return SQLITE_OK;
    }
    if (n > 1) {
        atomic_store(&fail_countdown, n - 1);
        return SQLITE_OK;
    }
    atomic_store(&fail_countdown, atomic_load(&keeps_failing) ? 1 : 0);
    atomic_store(&has_failed, true);
    return atomic_load(&fail_code);
}

static sqlite3_vfs *real_vfs;

/* SQLite lays our file in front of the real one's memory. */
struct disk_file {
    sqlite3_file base;
    sqlite3_io_methods methods; /* the real ones with two replaced */
    const sqlite3_io_methods *real;
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((char *)file + sizeof(struct disk_file));
}

static int disk_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset)
{
    int code = disk_step();
    return code != SQLITE_OK ? code : real_of(file)->pMethods->xWrite(real_of(file), p, n, offset);
}

static int disk_sync(sqlite3_file *file, int flags)
{
    int code = disk_step();
    return code != SQLITE_OK ? code : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int disk_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int disk_read(sqlite3_file *file, void *p, int n, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), p, n, offset);
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int disk_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int disk_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int disk_check_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int disk_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int disk_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int disk_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int disk_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int disk_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void disk_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int disk_shm_unmap(sqlite3_file *file, int remove_it)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove_it);
}

static const sqlite3_io_methods disk_methods = {
    .iVersion = 2,
    .xClose = disk_close,
    .xRead = disk_read,
    .xWrite = disk_write,
    .xTruncate = disk_truncate,
    .xSync = disk_sync,
    .xFileSize = disk_size,
    .xLock = disk_lock,
    .xUnlock = disk_unlock,
    .xCheckReservedLock = disk_check_reserved,
    .xFileControl = disk_control,
    .xSectorSize = disk_sector,
    .xDeviceCharacteristics = disk_characteristics,
    .xShmMap = disk_shm_map,
    .xShmLock = disk_shm_lock,
    .xShmBarrier = disk_shm_barrier,
    .xShmUnmap = disk_shm_unmap,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    (void)vfs;
    int code = real_vfs->xOpen(real_vfs, name, real_of(file), flags, out_flags);
    file->pMethods = code == SQLITE_OK ? &disk_methods : NULL;
    return code;
}

static void disk_install(void)
{
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "disk-of-tests";
    vfs.szOsFile = (int)sizeof(struct disk_file) + real_vfs->szOsFile;
    vfs.xOpen = disk_open;
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

/* --- the tests --- */

static const struct db_sql count_messages = {"SELECT count(*) FROM message"};
static const struct db_sql check_integrity = {
    "SELECT integrity_check = 'ok' FROM pragma_integrity_check"};

static desk_id id_of(int n)
{
    return (desk_id){{(uint8_t)(n >> 8), (uint8_t)n, 1}};
}

/* Posts under a planned failure: the outcome as the visitor sees it. */
static struct outcome post_on_bad_disk(struct desk *desk, const struct visitor_self *self,
                                       desk_id id)
{
    const struct visitor_command_post post = {.id = id,
                                              .text = BELL_LIT("A text that goes to disk.")};
    struct posted posted = {0};
    event_list_clear(&desk->events);
    bell_status st = db_begin(desk->db);
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    struct outcome o = visitor_post(&desk->tx, self, &post, true, &posted);
    if (!outcome_is_done(o)) {
        db_rollback(desk->db);
        return o;
    }
    return outcome_from(db_commit(desk->db));
}

static void each_disk_call_fails(int code, enum desk_error expected)
{
    struct desk desk;
    desk_open(&desk);
    struct visitor_self self = desk_add_visitor(&desk);
    int64_t stored = 0;
    bool was_reached = true;
    for (int n = 1; was_reached; n++) {
        disk_fail(n, code, code == SQLITE_FULL);
        struct outcome o = post_on_bad_disk(&desk, &self, id_of(2 * n));
        was_reached = atomic_load(&has_failed);
        disk_fail(0, 0, false);
        assert_int_equal(o.error, was_reached ? expected : ERROR_NONE);
        /* The disk is well again. */
        assert_int_equal(post_on_bad_disk(&desk, &self, id_of(2 * n + 1)).error, ERROR_NONE);
        stored += was_reached ? 1 : 2;
        assert_int_equal(desk_count(&desk, &count_messages), stored + 1); /* and the welcome */
    }
    assert_true(stored > 3);
    assert_int_equal(desk_count(&desk, &check_integrity), 1);
    desk_close(&desk);
}

static void a_full_disk_refuses_with_busy_and_recovers(void **state)
{
    (void)state;
    each_disk_call_fails(SQLITE_FULL, ERROR_BUSY);
}

static void a_write_error_refuses_with_internal_and_recovers(void **state)
{
    (void)state;
    each_disk_call_fails(SQLITE_IOERR_WRITE, ERROR_INTERNAL);
}

static void a_sync_error_refuses_with_internal_and_recovers(void **state)
{
    (void)state;
    each_disk_call_fails(SQLITE_IOERR_FSYNC, ERROR_INTERNAL);
}

static void a_full_disk_at_the_first_start_is_told_clearly(void **state)
{
    (void)state;
    char folder[DESK_FOLDER_BYTES];
    char why[STORE_WHY_BYTES];
    struct store *store = NULL;
    folder_make(folder);
    const struct store_options options = {.folder = bell_slice_from(folder), .is_server = true};
    disk_fail(1, SQLITE_FULL, true);
    assert_int_equal(store_open(&options, why, &store), BELL_ELIMIT);
    disk_fail(0, 0, false);
    assert_non_null(strstr(why, "the disk is full"));
    assert_int_equal(store_open(&options, why, &store), BELL_OK);
    store_close(store);
    folder_remove(folder);
}

int main(void)
{
    struct desk desk;
    desk_open(&desk); /* prepares SQLite for this process */
    desk_close(&desk);
    disk_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_refuses_with_busy_and_recovers),
        cmocka_unit_test(a_write_error_refuses_with_internal_and_recovers),
        cmocka_unit_test(a_sync_error_refuses_with_internal_and_recovers),
        cmocka_unit_test(a_full_disk_at_the_first_start_is_told_clearly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
