/*
 * Checkpoints: what the log holds is copied into the database file, beside the commits.
 *
 * A passive checkpoint never makes a commit wait, but under steady load it never gets to the end
 * of the log either, and only a log that was copied whole is used again from its beginning. So when
 * the log has grown to a limit the writer itself copies what little the thread has left over, right
 * after a commit; a checkpoint of another connection would hardly find a gap between two
 * transactions to get the write lock. It waits for a round of the thread that is under way, since
 * two cannot copy at once: what that takes is bounded by the limit, so the log is too, however slow
 * disk and machine are. The file is not cut short: writing over blocks that exist makes the next
 * fdatasyncs cheaper, since no new size has to be written.
 *
 * See sqlite.org/c3ref/wal_checkpoint_v2.html and sqlite.org/wal.html, "Avoiding Excessively Large
 * WAL Files".
 */
#include "desk/store/sqlite.h"

#include "base/log.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>

enum {
    PAGE_KIB = 4,
    CACHE_KIB = 256,
    WRITER_WAIT_MS = 100 /* for readers that still need the log, before commits go on */
};

struct checkpointer {
    sqlite3 *handle; /* (owned) used by the thread only */
    pthread_t thread;
    int start_pages;      /* the log is copied each time it has grown by so much */
    int limit_pages;      /* log size at which the writer copies the rest */
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    pthread_cond_t round_over;
    int heard_pages;      /* log size after the last commit */
    int next_pages;       /* log size of the thread's next round */
    int next_limit_pages; /* log size of the writer's next try */
    bool must_run;
    bool is_running; /* the thread copies */
    bool must_stop;
};

static struct bell_log_limit failure_log;

static void checkpoint(sqlite3 *handle, int mode)
{
    int code = sqlite3_wal_checkpoint_v2(handle, NULL, mode, NULL, NULL);
    /* Busy is no failure: a reader still needs the old pages, the next round gets on. */
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) {
        bell_log_limited(&failure_log, BELL_LOG_ERROR,
                         "store: checkpoint failed code=%d reason=\"%s\"", code,
                         sqlite3_errmsg(handle));
    }
}

static void *run(void *user)
{
    struct checkpointer *c = user;
    (void)pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->must_run && !c->must_stop) {
            (void)pthread_cond_wait(&c->wake, &c->lock);
        }
        if (c->must_stop) {
            break;
        }
        c->must_run = false;
        c->is_running = true;
        (void)pthread_mutex_unlock(&c->lock);
        checkpoint(c->handle, SQLITE_CHECKPOINT_PASSIVE);
        (void)pthread_mutex_lock(&c->lock);
        c->is_running = false;
        (void)pthread_cond_signal(&c->round_over);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

bell_status checkpointer_create(const char *path, uint32_t start_kib, uint32_t limit_kib,
                                struct checkpointer **out)
{
    struct checkpointer *c = bell_mem_zalloc(sizeof *c);
    if (c == NULL) {
        return BELL_ENOMEM;
    }
    c->start_pages = (int)(start_kib / PAGE_KIB);
    c->limit_pages = (int)(limit_kib / PAGE_KIB);
    c->next_pages = c->start_pages;
    c->next_limit_pages = c->limit_pages;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->wake, NULL);
    (void)pthread_cond_init(&c->round_over, NULL);
    bell_status st = sqlite_connect(path, false, CACHE_KIB, &c->handle);
    if (st != BELL_OK) {
        goto free_checkpointer;
    }
    if (pthread_create(&c->thread, NULL, run, c) != 0) {
        st = BELL_ELIMIT;
        goto close_handle;
    }
    (void)pthread_setname_np(c->thread, "desk-checkpoint");
    *out = c;
    return BELL_OK;

close_handle:
    (void)sqlite3_close(c->handle);
free_checkpointer:
    (void)pthread_cond_destroy(&c->round_over);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    bell_mem_free(c);
    return st;
}

void checkpointer_destroy(struct checkpointer *c)
{
    if (c == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    c->must_stop = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    (void)sqlite3_close(c->handle);
    (void)pthread_cond_destroy(&c->round_over);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    bell_mem_free(c);
}

/* What a commit that left so many pages in the log asks for. */
enum step { STEP_NONE, STEP_WAKE_THREAD, STEP_COPY_REST };

static enum step step_after(struct checkpointer *c, int log_pages)
{
    if (log_pages < c->heard_pages) { /* it began again from its beginning */
        c->next_pages = c->start_pages;
        c->next_limit_pages = c->limit_pages;
    }
    c->heard_pages = log_pages;
    if (log_pages >= c->next_limit_pages) {
        c->next_limit_pages = log_pages + c->start_pages;
        return STEP_COPY_REST;
    }
    if (log_pages >= c->next_pages) {
        c->next_pages = log_pages + c->start_pages;
        return STEP_WAKE_THREAD;
    }
    return STEP_NONE;
}

void checkpointer_hear(struct checkpointer *c, sqlite3 *writer, int log_pages)
{
    (void)pthread_mutex_lock(&c->lock);
    enum step step = step_after(c, log_pages);
    if (step == STEP_WAKE_THREAD) {
        c->must_run = true;
        (void)pthread_cond_signal(&c->wake);
    } else if (step == STEP_COPY_REST) {
        /* Nobody else asks for rounds: none begins before we are done. */
        c->must_run = false;
        while (c->is_running) {
            (void)pthread_cond_wait(&c->round_over, &c->lock);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (step == STEP_COPY_REST) {
        (void)sqlite3_busy_timeout(writer, WRITER_WAIT_MS);
        checkpoint(writer, SQLITE_CHECKPOINT_RESTART);
        (void)sqlite3_busy_timeout(writer, SQLITE_BUSY_TIMEOUT_MS);
    }
}
