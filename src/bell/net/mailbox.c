#include "bell/net/mailbox.h"

#include <stddef.h>

void bell_mailbox_init(struct bell_mailbox *m)
{
    (void)pthread_mutex_init(&m->lock, NULL);
    m->head = NULL;
    m->tail = NULL;
    m->is_closed = false;
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
        mail->discard(mail);
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

static struct bell_mail *take_all(struct bell_mailbox *m, bool close)
{
    (void)pthread_mutex_lock(&m->lock);
    struct bell_mail *mail = m->head;
    m->head = NULL;
    m->tail = NULL;
    m->is_closed = m->is_closed || close;
    (void)pthread_mutex_unlock(&m->lock);
    return mail;
}

void bell_mailbox_drain(struct bell_mailbox *m)
{
    struct bell_mail *mail = take_all(m, false);
    while (mail != NULL) {
        struct bell_mail *next = mail->next;
        mail->deliver(mail);
        mail = next;
    }
}

void bell_mailbox_close(struct bell_mailbox *m)
{
    struct bell_mail *mail = take_all(m, true);
    while (mail != NULL) {
        struct bell_mail *next = mail->next;
        mail->discard(mail);
        mail = next;
    }
}
