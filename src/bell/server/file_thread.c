#include "bell/server/file_thread.h"

#include "base/mem.h"
#include "base/thread.h"
#include "bell/net/blob.h"
#include "bell/server/connection.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/server_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct bell_file_thread {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    struct bell_file_job *head; /* (owned) */
    struct bell_file_job *tail;
    unsigned waiting; /* to be opened */
    bool must_stop;
};

void bell_file_job_destroy(struct bell_file_job *job)
{
    if (job->fd >= 0) {
        (void)close(job->fd);
    }
    bell_blob_unref(job->chunk);
    bell_mem_free(job);
}

static int open_segment(int at, const char *segment, int flags)
{
    int fd;
    do { /* file systems of networks may be interrupted */
        fd = openat(at, segment, flags);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/*
 * Opens name below the directory, one segment after the other and following no link, so that the
 * result lies below it whatever else changes there meanwhile.
 */
static int open_below(int directory, const char *name)
{
    char segment[BELL_HTTP_MAX_FILE_SEGMENT_BYTES + 4]; /* + ".br" or ".gz" and a zero byte */
    int at = directory;
    for (;;) {
        const char *slash = strchr(name, '/');
        size_t n = slash == NULL ? strlen(name) : (size_t)(slash - name);
        if (n == 0 || n >= sizeof segment) {
            errno = ENOENT;
            n = 0;
        }
        memcpy(segment, name, n);
        segment[n] = '\0';
        int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
        int fd =
            n == 0 ? -1 : open_segment(at, segment, slash == NULL ? flags : flags | O_DIRECTORY);
        int error = errno;
        if (at != directory) {
            (void)close(at);
        }
        errno = error;
        if (fd < 0 || slash == NULL) {
            return fd;
        }
        at = fd;
        name = slash + 1;
    }
}

static const char *suffix_of(bell_http_encoding encoding)
{
    switch (encoding) {
    case BELL_HTTP_IDENTITY:
        break;
    case BELL_HTTP_GZIP:
        return ".gz";
    case BELL_HTTP_BROTLI:
        return ".br";
    }
    return "";
}

/* What cannot be opened is not there for the peer, unless it is us who have no room for it. */
static bell_status from_errno(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM ? BELL_ELIMIT : BELL_ENOTFOUND;
}

static bell_status open_encoded(struct bell_file_job *job, bell_http_encoding encoding)
{
    char name[BELL_HTTP_MAX_FILE_NAME_BYTES + 4];
    struct stat st;
    int n = snprintf(name, sizeof name, "%s%s", job->name, suffix_of(encoding));
    if (n < 0 || (size_t)n >= sizeof name) {
        return BELL_ENOTFOUND;
    }
    int fd = open_below(job->from->directory_fd, name);
    if (fd < 0) {
        return from_errno(errno);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return BELL_ENOTFOUND;
    }
    job->fd = fd;
    job->file.size_bytes = (uint64_t)st.st_size;
    job->file.mtime_s = st.st_mtim.tv_sec;
    job->file.mtime_ns = (uint32_t)st.st_mtim.tv_nsec;
    job->file.encoding = encoding;
    return BELL_OK;
}

/* There is no file in an encoding that the client takes: is there one at all? */
static bell_status job_open_refused(struct bell_file_job *job)
{
    bell_status st = open_encoded(job, BELL_HTTP_IDENTITY);
    if (st == BELL_OK) {
        (void)close(job->fd);
        job->fd = -1;
        st = BELL_EREFUSED;
    }
    return st;
}

static bell_status job_open(struct bell_file_job *job)
{
    bell_status st = BELL_ENOTFOUND;
    bool takes_identity = false;
    for (size_t i = 0; i < job->encoding_count && st == BELL_ENOTFOUND; i++) {
        st = open_encoded(job, job->encodings[i]);
        takes_identity |= job->encodings[i] == BELL_HTTP_IDENTITY;
    }
    return st == BELL_ENOTFOUND && !takes_identity ? job_open_refused(job) : st;
}

static bell_status job_read(struct bell_file_job *job)
{
    size_t want = job->left_bytes < BELL_FILE_CHUNK_BYTES ? (size_t)job->left_bytes
                                                          : (size_t)BELL_FILE_CHUNK_BYTES;
    struct bell_blob *chunk = bell_blob_create(want);
    if (chunk == NULL) {
        return BELL_ENOMEM;
    }
    while (chunk->size < want) {
        ssize_t n = pread(job->fd, chunk->bytes + chunk->size, want - chunk->size,
                          (off_t)(job->offset + chunk->size));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            /* Failed, or shorter than it was: the promised length cannot be kept. */
            bell_blob_unref(chunk);
            return BELL_EIO;
        }
        chunk->size += (size_t)n;
    }
    job->offset += want;
    job->left_bytes -= want;
    job->chunk = chunk;
    return BELL_OK;
}

static void job_deliver(struct bell_mail *mail)
{
    struct bell_file_job *job = (struct bell_file_job *)(void *)mail;
    struct bell_connection *c = bell_connection_find(job->home, job->conn);
    if (c == NULL || c->phase != BELL_CONNECTION_HTTP || !bell_http_session_is_pending(c) ||
        c->request_number != job->number) {
        bell_file_job_destroy(job); /* the peer has gone */
        return;
    }
    bell_http_file_on_job(c, job);
}

static void job_discard(struct bell_mail *mail)
{
    bell_file_job_destroy((struct bell_file_job *)(void *)mail);
}

static struct bell_file_job *take(struct bell_file_thread *t)
{
    (void)pthread_mutex_lock(&t->lock);
    while (t->head == NULL && !t->must_stop) {
        (void)pthread_cond_wait(&t->has_work, &t->lock);
    }
    struct bell_file_job *job = t->must_stop ? NULL : t->head;
    if (job != NULL) {
        t->head = job->next;
        if (t->head == NULL) {
            t->tail = NULL;
        }
        t->waiting -= job->fd < 0;
    }
    (void)pthread_mutex_unlock(&t->lock);
    return job;
}

static void *file_main(void *user)
{
    struct bell_file_thread *t = user;
    struct bell_file_job *job;
    while ((job = take(t)) != NULL) {
        job->status = job->fd < 0 ? job_open(job) : job_read(job);
        job->mail = (struct bell_mail){.deliver = job_deliver, .discard = job_discard};
        bell_loop_post(&job->home->loop, &job->mail);
    }
    return NULL;
}

bell_status bell_file_thread_create(struct bell_file_thread **out)
{
    struct bell_file_thread *t = bell_mem_zalloc(sizeof *t);
    if (t == NULL) {
        return BELL_ENOMEM;
    }
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->has_work, NULL);
    bell_status st = bell_thread_start(&t->thread, file_main, t);
    if (st != BELL_OK) {
        (void)pthread_cond_destroy(&t->has_work);
        (void)pthread_mutex_destroy(&t->lock);
        bell_mem_free(t);
        return st;
    }
    *out = t;
    return BELL_OK;
}

void bell_file_thread_destroy(struct bell_file_thread *t)
{
    if (t == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&t->lock);
    t->must_stop = true;
    (void)pthread_cond_signal(&t->has_work);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->thread, NULL);
    while (t->head != NULL) {
        struct bell_file_job *job = t->head;
        t->head = job->next;
        bell_file_job_destroy(job);
    }
    (void)pthread_cond_destroy(&t->has_work);
    (void)pthread_mutex_destroy(&t->lock);
    bell_mem_free(t);
}

/* Under the lock. */
static void append(struct bell_file_thread *t, struct bell_file_job *job)
{
    job->next = NULL;
    if (t->tail == NULL) {
        t->head = job;
    } else {
        t->tail->next = job;
    }
    t->tail = job;
    (void)pthread_cond_signal(&t->has_work);
}

bell_status bell_file_thread_open(struct bell_file_thread *t, struct bell_file_job *job)
{
    (void)pthread_mutex_lock(&t->lock);
    bool has_room = t->waiting < BELL_FILE_MAX_WAITING;
    if (has_room) {
        t->waiting++;
        append(t, job);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return has_room ? BELL_OK : BELL_ELIMIT;
}

void bell_file_thread_read(struct bell_file_thread *t, struct bell_file_job *job)
{
    (void)pthread_mutex_lock(&t->lock);
    append(t, job);
    (void)pthread_mutex_unlock(&t->lock);
}
