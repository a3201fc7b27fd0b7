/*
 * The data folder: made, locked, opened, and its schema brought up to date (see store.h).
 */
#include "desk/store/sqlite.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WRITER_CACHE_KIB = 16384,
    READER_CACHE_KIB = 2048,
    CHECKPOINT_KIB = 8192,
    LOG_LIMIT_KIB = 131072,
    FOLDER_MODE = 0700,
    FILE_MODE = 0600,
    PATH_MAX_BYTES = 4096
};

static bell_status errno_status(int e)
{
    switch (e) {
    case EACCES:
    case EPERM:
    case EROFS:
        return BELL_EACCES;
    case ENOSPC:
    case EDQUOT:
        return BELL_ELIMIT;
    case ENOMEM:
        return BELL_ENOMEM;
    default:
        return BELL_EIO;
    }
}

static void explain(char *why, const char *fmt, ...) BELL_PRINTF(2, 3);

static void explain(char *why, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(why, STORE_WHY_BYTES, fmt, args);
    va_end(args);
    if (n < 0) {
        why[0] = '\0'; /* A sentence that is cut short is still of use. */
    }
}

/* An owned "folder/name". */
static bell_status path_join(bell_slice folder, const char *name, char **out)
{
    struct bell_buf path;
    bell_buf_init(&path, PATH_MAX_BYTES);
    bell_status st = bell_buf_printf(&path, "%.*s/%s", BELL_FMT(folder), name);
    if (st == BELL_OK) {
        *out = bell_mem_copy_text(bell_buf_slice(&path));
        st = *out == NULL ? BELL_ENOMEM : BELL_OK;
    }
    bell_buf_finish(&path);
    return st;
}

/* Makes the folder and those above it. */
static bell_status folder_make(char *folder)
{
    for (char *slash = folder + 1; *slash != '\0'; slash++) {
        if (*slash != '/') {
            continue;
        }
        *slash = '\0';
        int made = mkdir(folder, 0755);
        int reason = errno;
        *slash = '/';
        if (made != 0 && reason != EEXIST) {
            return errno_status(reason);
        }
    }
    if (mkdir(folder, FOLDER_MODE) != 0 && errno != EEXIST) {
        return errno_status(errno);
    }
    return BELL_OK;
}

/* A new name in a folder survives a power cut only when the folder itself was written. */
static void folder_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

static bell_status lock_take(struct store *store, char *why)
{
    char *path = NULL;
    bell_status st = path_join(bell_slice_from(store->folder), "deskbell.lock", &path);
    if (st != BELL_OK) {
        return st;
    }
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    int reason = errno;
    bell_mem_free(path);
    if (store->lock_fd < 0) {
        explain(why, "cannot write in the data folder %s: %s", store->folder, strerror(reason));
        return errno_status(reason);
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        explain(why,
                "another deskbell is running on the data folder %s: stop it, or choose another "
                "with --data",
                store->folder);
        return BELL_ESTATE;
    }
    return BELL_OK;
}

static void explain_status(char *why, const char *path, bell_status st)
{
    const char *hint = "";
    if (st == BELL_EACCES) {
        hint = ": the folder and the files in it must be readable and writable for this user";
    } else if (st == BELL_ELIMIT) {
        hint = ": the disk is full";
    } else if (st == BELL_EAGAIN) {
        hint = ": another program holds it locked";
    } else if (st == BELL_EINVAL) {
        hint = ": the file is not a database";
    }
    explain(why, "cannot open the database %s%s%s", path, hint,
            hint[0] == '\0' ? " (see the log)" : "");
}

/* Creates the file if it is missing, switches it to WAL and migrates. */
static bell_status database_make_ready(struct store *store, char *why)
{
    int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        int reason = errno;
        explain(why, "cannot open the database %s: %s", store->path, strerror(reason));
        return errno_status(reason);
    }
    (void)close(fd);
    sqlite3 *handle = NULL;
    why[0] = '\0';
    bell_status st = sqlite_connect(store->path, false, READER_CACHE_KIB, &handle);
    if (st == BELL_OK) {
        st = schema_migrate(handle, why);
    }
    if (st != BELL_OK && why[0] == '\0') {
        explain_status(why, store->path, st);
    }
    (void)sqlite3_close(handle);
    return st;
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value == 0 ? fallback : value;
}

static bell_status store_make_paths(struct store *store, bell_slice folder)
{
    while (folder.n > 1 && folder.p[folder.n - 1] == '/') {
        folder.n--;
    }
    if (folder.n == 0) {
        return BELL_EINVAL;
    }
    store->folder = bell_mem_copy_text(folder);
    return store->folder == NULL ? BELL_ENOMEM : path_join(folder, "deskbell.db", &store->path);
}

bell_status store_open(const struct store_options *options, char *why, struct store **out)
{
    explain(why, "out of memory");
    bell_status st = sqlite_prepare_process();
    struct store *store = st == BELL_OK ? bell_mem_zalloc(sizeof *store) : NULL;
    if (store == NULL) {
        return BELL_ENOMEM;
    }
    store->lock_fd = -1;
    store->writer_cache_kib = or_default(options->writer_cache_kib, WRITER_CACHE_KIB);
    store->reader_cache_kib = or_default(options->reader_cache_kib, READER_CACHE_KIB);
    st = store_make_paths(store, options->folder);
    if (st != BELL_OK) {
        explain(why, st == BELL_ENOMEM ? "out of memory"
                                       : "the name of the data folder is empty or too long");
        goto close_store;
    }
    st = folder_make(store->folder);
    if (st != BELL_OK) {
        explain(why, "cannot make the data folder %s: %s", store->folder, strerror(errno));
        goto close_store;
    }
    if (options->is_server) {
        st = lock_take(store, why);
        if (st != BELL_OK) {
            goto close_store;
        }
    }
    st = database_make_ready(store, why);
    if (st != BELL_OK) {
        goto close_store;
    }
    folder_sync(store->folder);
    if (options->is_server) {
        st = checkpointer_create(store->path, or_default(options->checkpoint_kib, CHECKPOINT_KIB),
                                 or_default(options->log_limit_kib, LOG_LIMIT_KIB),
                                 &store->checkpointer);
        if (st != BELL_OK) {
            explain_status(why, store->path, st);
            goto close_store;
        }
    }
    why[0] = '\0';
    *out = store;
    return BELL_OK;

close_store:
    store_close(store);
    return st;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    checkpointer_destroy(store->checkpointer);
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd);
    }
    bell_mem_free(store->path);
    bell_mem_free(store->folder);
    bell_mem_free(store);
}
