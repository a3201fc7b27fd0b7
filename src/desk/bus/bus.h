/*
 * Bus: hands what was committed to everybody who wants to hear of it.
 *
 * This is the local bus: subscribers of this process. A batch is one command's events in the
 * order in which they happened; batches come in the order of their commits. Delivery is a plain
 * call, made before bus_publish returns, on the publishing thread: desk/work's announcer
 * (threads.h). Subscribers copy what they keep, must not block and must not publish.
 *
 * Subscribe before the first batch and unsubscribe after the last one: the list of subscribers is
 * not locked.
 */
#ifndef DESK_BUS_BUS_H
#define DESK_BUS_BUS_H

#include "bell/status.h"
#include "desk/domain/event.h"

struct bus;

/* events is never empty; borrowed for the call. */
typedef void (*bus_on_events)(const struct event_list *events, void *user);

enum { BUS_MAX_SUBSCRIBERS = 8 };

BELL_NODISCARD bell_status bus_create(struct bus **out);
/* NULL is fine. */
void bus_destroy(struct bus *bus);
/* Heard in the order of subscribing. BELL_ELIMIT over BUS_MAX_SUBSCRIBERS. */
BELL_NODISCARD bell_status bus_subscribe(struct bus *bus, bus_on_events on_events, void *user);
/* Unknown pairs are ignored. */
void bus_unsubscribe(struct bus *bus, bus_on_events on_events, void *user);
void bus_publish(struct bus *bus, const struct event_list *events);

#endif
