#include "bell/net/mailbox.h"

#include "base/clock.h"

#include <stddef.h>

enum { MAILS_PER_LOOK = 8 }; /* at the clock, which costs about a tenth of what a mail does */

static _Thread_local uint32_t depth; /* of discards */

static void discard(struct bell_mail *mail)
{
    depth++;
    mail->discard(mail);
    depth--;
}

uint32_t bell_mailbox_depth(void)
{
    return depth;
}

void bell_mailbox_init(struct bell_mailbox *m)
{
    (void)pthread_mutex_init(&m->lock, NULL);
    m->head = NULL;
    m->tail = NULL;
    m->is_closed = false;
    m->taken = NULL;
    m->taken_tail = NULL;
}

void bell_mailbox_finish(struct bell_mailbox *m)
{
    (void)pthread_mutex_destroy(&m->lock);
}

bool bell_mailbox_post(struct bell_mailbox *m, struct bell_mail *mail)
{
    mail->next = NULL;
    (void)pthread_mutex_lock(&m->lock);
    if (m->is_closed) {
        (void)pthread_mutex_unlock(&m->lock);
        discard(mail);
        return false;
    }
    bool was_empty = m->head == NULL;
    if (was_empty) {
        m->head = mail;
    } else {
        m->tail->next = mail;
    }
    m->tail = mail;
    (void)pthread_mutex_unlock(&m->lock);
    return was_empty;
}

/* What has come goes behind what is left of what came before. */
static void take_all(struct bell_mailbox *m, bool close)
{
    (void)pthread_mutex_lock(&m->lock);
    struct bell_mail *head = m->head;
    struct bell_mail *tail = m->tail;
    m->head = NULL;
    m->tail = NULL;
    m->is_closed = m->is_closed || close;
    (void)pthread_mutex_unlock(&m->lock);
    if (head == NULL) {
        return;
    }
    if (m->taken == NULL) {
        m->taken = head;
    } else {
        m->taken_tail->next = head;
    }
    m->taken_tail = tail;
}

static struct bell_mail *next_taken(struct bell_mailbox *m)
{
    struct bell_mail *mail = m->taken;
    m->taken = mail->next;
    return mail;
}

bool bell_mailbox_drain(struct bell_mailbox *m, uint64_t limit_ns)
{
    take_all(m, false);
    if (m->taken == NULL) {
        return false;
    }
    uint64_t begin_ns = bell_clock_now_ns();
    for (uint32_t delivered = 1; m->taken != NULL; delivered++) {
        struct bell_mail *mail = next_taken(m);
        mail->deliver(mail);
        if (delivered % MAILS_PER_LOOK == 0 && bell_clock_now_ns() - begin_ns >= limit_ns) {
            break;
        }
    }
    return m->taken != NULL;
}

void bell_mailbox_close(struct bell_mailbox *m)
{
    take_all(m, true);
    while (m->taken != NULL) {
        discard(next_taken(m));
    }
}
