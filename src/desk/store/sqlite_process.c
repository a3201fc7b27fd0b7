/*
 * SQLite in this process, set up once: its memory comes from base/mem.h, so that tests count it and
 * make it fail like all other; connections are not shared between threads; no statistics, which
 * would cost a lock at each allocation.
 */
#include "desk/store/sqlite.h"

#include "base/log.h"
#include "base/mem.h"

#include <malloc.h>
#include <pthread.h>

static void *sqlite_malloc(int size)
{
    return bell_mem_alloc((size_t)size);
}

static void *sqlite_realloc(void *p, int size)
{
    return bell_mem_resize(p, (size_t)size);
}

static int sqlite_size(void *p)
{
    return p == NULL ? 0 : (int)malloc_usable_size(p);
}

static int sqlite_roundup(int size)
{
    return (size + 7) & ~7;
}

static int sqlite_mem_init(void *user)
{
    (void)user;
    return SQLITE_OK;
}

static void sqlite_mem_shutdown(void *user)
{
    (void)user;
}

static int process_result = SQLITE_OK;

static void prepare_process(void)
{
    static const struct sqlite3_mem_methods methods = {
        .xMalloc = sqlite_malloc,
        .xFree = bell_mem_free,
        .xRealloc = sqlite_realloc,
        .xSize = sqlite_size,
        .xRoundup = sqlite_roundup,
        .xInit = sqlite_mem_init,
        .xShutdown = sqlite_mem_shutdown,
    };
    /*
     * Whoever has used SQLite in this process before us keeps his settings: all three are wishes.
     */
    (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    process_result = sqlite3_initialize();
}

bell_status sqlite_prepare_process(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, prepare_process);
    if (process_result != SQLITE_OK) {
        bell_log(BELL_LOG_ERROR, "store: sqlite cannot start code=%d", process_result);
    }
    return sqlite_status(process_result);
}
