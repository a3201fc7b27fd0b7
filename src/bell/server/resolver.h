/*
 * Resolver: names become addresses on threads of their own, since looking one up waits for others.
 *
 * At most BELL_RESOLVER_THREADS of them, started when needed: one slow name server does not stop
 * the rest. Jobs go to the resolver with an owner that is a loop, and come back to that loop as
 * mails.
 */
#ifndef BELL_SERVER_RESOLVER_H
#define BELL_SERVER_RESOLVER_H

#include "bell/net/address.h"
#include "bell/net/mailbox.h"
#include "bell/status.h"
#include "bell/ws_server.h"

#include <stddef.h>
#include <stdint.h>

enum {
    BELL_RESOLVER_THREADS = 4,
    BELL_RESOLVER_MAX_ADDRESSES = 8, /* of one name; more are left out */
    BELL_RESOLVER_NAME_BYTES = 256,  /* with the zero byte */
    BELL_RESOLVER_MAX_JOBS = 65536,  /* that wait */
};

struct bell_resolver;
struct bell_server_loop;

typedef struct {
    bell_address address;
    uint32_t scope_id; /* of a link-local IPv6 address; else 0 */
} bell_resolved;

/* Owned by whoever has it now. */
struct bell_resolver_job {
    struct bell_mail mail;          /* first: it goes back to its loop as a mail */
    struct bell_resolver_job *next; /* in the queue */
    struct bell_server_loop *home;  /* (borrowed) */
    bell_conn conn;                 /* who waits for it */
    bell_resolved addresses[BELL_RESOLVER_MAX_ADDRESSES]; /* best first (RFC 6724) */
    size_t address_count;
    bell_status
        status; /* BELL_ENOTFOUND no such name; BELL_EAGAIN, BELL_EIO no answer; BELL_ENOMEM */
    char name[BELL_RESOLVER_NAME_BYTES];
};

/* Starts nothing yet. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_resolver_create(struct bell_resolver **out);
/* The loops must have ended. Jobs that wait are freed; one that a thread is at is freed by it,
 * later. Takes NULL. */
void bell_resolver_destroy(struct bell_resolver *r);
/* Posts the job back to its loop, where deliver of its mail is called. Takes it over, but not on
 * failure: BELL_ENOMEM there is no thread, BELL_ELIMIT too many wait. Any thread. */
BELL_NODISCARD bell_status bell_resolver_submit(struct bell_resolver *r,
                                                struct bell_resolver_job *job);
void bell_resolver_job_destroy(struct bell_resolver_job *job);

#endif
