#include "bell/server/resolver.h"

#include "base/mem.h"
#include "base/thread.h"
#include "bell/server/server_loop.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

struct bell_resolver {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    pthread_cond_t has_ended;       /* a thread has */
    struct bell_resolver_job *head; /* (owned) */
    struct bell_resolver_job *tail;
    unsigned threads;
    unsigned idle;
    unsigned looking; /* threads that are at a job */
    unsigned waiting; /* jobs in the queue */
    unsigned refs;    /* of the owner and of each thread */
    bool must_stop;
};

void bell_resolver_job_destroy(struct bell_resolver_job *job)
{
    bell_mem_free(job);
}

/* ---- looking up ---- */

static bell_status from_error(int error)
{
    switch (error) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return BELL_ENOTFOUND;
    case EAI_AGAIN:
        return BELL_EAGAIN;
    case EAI_MEMORY:
        return BELL_ENOMEM;
    default:
        return BELL_EIO;
    }
}

static void job_add(struct bell_resolver_job *job, const struct addrinfo *found)
{
    struct sockaddr_storage address = {0};
    if (job->address_count == BELL_RESOLVER_MAX_ADDRESSES ||
        (found->ai_family != AF_INET && found->ai_family != AF_INET6)) {
        return;
    }
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    bell_resolved *to = &job->addresses[job->address_count++];
    to->address = bell_address_from_sockaddr(&address);
    if (found->ai_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &address, sizeof in6);
        to->scope_id = in6.sin6_scope_id;
    }
}

static void job_run(struct bell_resolver_job *job)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(job->name, NULL, &hints, &found);
    if (error != 0) {
        job->status = from_error(error);
        return;
    }
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        job_add(job, a);
    }
    freeaddrinfo(found);
    job->status = job->address_count > 0 ? BELL_OK : BELL_ENOTFOUND;
}

/* ---- threads ---- */

/* Under the lock, which it releases. */
static void unref(struct bell_resolver *r)
{
    bool is_last = --r->refs == 0;
    (void)pthread_mutex_unlock(&r->lock);
    if (is_last) {
        (void)pthread_cond_destroy(&r->has_ended);
        (void)pthread_cond_destroy(&r->has_work);
        (void)pthread_mutex_destroy(&r->lock);
        bell_mem_free(r);
    }
}

/* Under the lock: the next job, NULL when it is time to end. */
static struct bell_resolver_job *take(struct bell_resolver *r)
{
    r->idle++;
    while (r->head == NULL && !r->must_stop) {
        (void)pthread_cond_wait(&r->has_work, &r->lock);
    }
    r->idle--;
    struct bell_resolver_job *job = r->must_stop ? NULL : r->head;
    if (job != NULL) {
        r->head = job->next;
        r->waiting--;
        if (r->head == NULL) {
            r->tail = NULL;
        }
    }
    return job;
}

static void *resolver_main(void *user)
{
    struct bell_resolver *r = user;
    struct bell_resolver_job *job;
    (void)pthread_mutex_lock(&r->lock);
    while ((job = take(r)) != NULL) {
        r->looking++;
        (void)pthread_mutex_unlock(&r->lock);
        job_run(job);
        (void)pthread_mutex_lock(&r->lock);
        r->looking--;
        /* Within the lock: the loop cannot go away meanwhile (bell_resolver_destroy). */
        if (r->must_stop) {
            bell_resolver_job_destroy(job);
        } else {
            bell_loop_post(&job->home->loop, &job->mail);
        }
    }
    (void)pthread_cond_signal(&r->has_ended);
    unref(r);
    return NULL;
}

/* Nobody waits for a name server that does not answer. */
static bool detached_thread_start(struct bell_resolver *r)
{
    pthread_t thread;
    bool is_started = bell_thread_start(&thread, resolver_main, r) == BELL_OK;
    if (is_started) {
        (void)pthread_detach(thread);
    }
    return is_started;
}

bell_status bell_resolver_create(struct bell_resolver **out)
{
    struct bell_resolver *r = bell_mem_zalloc(sizeof *r);
    if (r == NULL) {
        return BELL_ENOMEM;
    }
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->has_work, NULL);
    (void)pthread_cond_init(&r->has_ended, NULL);
    r->refs = 1;
    *out = r;
    return BELL_OK;
}

void bell_resolver_destroy(struct bell_resolver *r)
{
    if (r == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&r->lock);
    r->must_stop = true;
    (void)pthread_cond_broadcast(&r->has_work);
    while (r->head != NULL) {
        struct bell_resolver_job *job = r->head;
        r->head = job->next;
        bell_resolver_job_destroy(job);
    }
    /* Those that have nothing to do end now; one that waits for a name server ends when it may. */
    while (r->refs - 1 > r->looking) {
        (void)pthread_cond_wait(&r->has_ended, &r->lock);
    }
    unref(r);
}

bell_status bell_resolver_submit(struct bell_resolver *r, struct bell_resolver_job *job)
{
    bell_status st = BELL_OK;
    (void)pthread_mutex_lock(&r->lock);
    if (r->waiting == BELL_RESOLVER_MAX_JOBS) {
        st = BELL_ELIMIT;
    } else if (r->idle <= r->waiting && r->threads < BELL_RESOLVER_THREADS) {
        if (detached_thread_start(r)) {
            r->threads++;
            r->refs++;
        } else if (r->threads == 0) {
            st = BELL_ENOMEM;
        }
    }
    if (st == BELL_OK) {
        job->next = NULL;
        if (r->tail == NULL) {
            r->head = job;
        } else {
            r->tail->next = job;
        }
        r->tail = job;
        r->waiting++;
        (void)pthread_cond_signal(&r->has_work);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return st;
}
