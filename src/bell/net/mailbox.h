/*
 * Mailbox: how any thread hands work to a loop.
 *
 * A mail is a small struct with its own ways to be delivered and discarded; who posts it gives it
 * away. Mails of one thread arrive in the order of posting.
 */
#ifndef BELL_NET_MAILBOX_H
#define BELL_NET_MAILBOX_H

#include "bell/status.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Embedded as the first member of what is posted. */
struct bell_mail {
    struct bell_mail *next;
    /* On the loop thread; owns the mail. */
    void (*deliver)(struct bell_mail *mail);
    /* Instead of deliver when the loop has ended; any thread. */
    void (*discard)(struct bell_mail *mail);
};

struct bell_mailbox {
    pthread_mutex_t lock;
    struct bell_mail *head; /* (owned) oldest */
    struct bell_mail *tail;
    bool is_closed;
    struct bell_mail *taken; /* (owned) older than those, without the lock: loop thread */
    struct bell_mail *taken_tail;
};

void bell_mailbox_init(struct bell_mailbox *m);
/* Must be closed. */
void bell_mailbox_finish(struct bell_mailbox *m);
/* Any thread. Returns whether the loop must be woken: the box was empty. A closed box discards. */
bool bell_mailbox_post(struct bell_mailbox *m, struct bell_mail *mail);
/*
 * Delivers what is there; what comes meanwhile waits. After limit_ns what is left waits too: a few
 * are delivered whatever the limit. Returns whether some are left, of which nobody is woken. Loop
 * thread.
 */
bool bell_mailbox_drain(struct bell_mailbox *m, uint64_t limit_ns);
/* Discards what is there and all that comes later. */
void bell_mailbox_close(struct bell_mailbox *m);
/* How many discards run on the calling thread, one within the other: what is discarded may post to
 * a closed box itself. */
uint32_t bell_mailbox_depth(void);

#endif
