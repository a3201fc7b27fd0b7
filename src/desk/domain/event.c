/*
 * Lists of events (see event.h), and how the store's statuses end a command (tx.h).
 */
#include "desk/domain/event.h"

#include "desk/domain/tx.h"

struct outcome outcome_from(bell_status st)
{
    switch (st) {
    case BELL_OK:
        return outcome_done();
    case BELL_EAGAIN: /* locked for too long */
    case BELL_ELIMIT: /* disk full: what is repeated later may find room */
        return outcome_refused(ERROR_BUSY);
    case BELL_ENOMEM:
    case BELL_EINVAL:
    case BELL_EPROTO:
    case BELL_ECLOSED:
    case BELL_EIO:
    case BELL_EADDRINUSE:
    case BELL_EACCES:
    case BELL_ENOTFOUND:
    case BELL_EEXISTS:
    case BELL_ESTATE:
    case BELL_ETIMEOUT:
    case BELL_ENOTSUP:
    case BELL_EREFUSED:
        return outcome_refused(ERROR_INTERNAL);
    }
    return outcome_refused(ERROR_INTERNAL);
}

void event_list_init(struct event_list *list)
{
    *list = (struct event_list){0};
    bell_arena_init(&list->arena, EVENT_LIST_MAX_BYTES);
}

void event_list_finish(struct event_list *list)
{
    event_list_clear(list);
}

void event_list_clear(struct event_list *list)
{
    bell_arena_finish(&list->arena);
    list->first = NULL;
    list->last = NULL;
    list->count = 0;
}

struct event *event_list_add(struct event_list *list, enum event_type type)
{
    struct event *event = bell_arena_zalloc(&list->arena, sizeof *event);
    if (event == NULL) {
        return NULL;
    }
    event->type = type;
    if (list->last == NULL) {
        list->first = event;
    } else {
        list->last->next = event;
    }
    list->last = event;
    list->count++;
    return event;
}
