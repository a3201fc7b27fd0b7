/*
 * The bus of one process (see bus.h).
 */
#include "desk/bus/bus.h"

#include "base/mem.h"

#include <assert.h>

struct subscriber {
    bus_on_events on_events;
    void *user;
};

struct bus {
    struct subscriber subscribers[BUS_MAX_SUBSCRIBERS];
    size_t count;
};

bell_status bus_create(struct bus **out)
{
    struct bus *bus = bell_mem_zalloc(sizeof *bus);
    if (bus == NULL) {
        return BELL_ENOMEM;
    }
    *out = bus;
    return BELL_OK;
}

void bus_destroy(struct bus *bus)
{
    bell_mem_free(bus);
}

bell_status bus_subscribe(struct bus *bus, bus_on_events on_events, void *user)
{
    if (bus->count == BUS_MAX_SUBSCRIBERS) {
        return BELL_ELIMIT;
    }
    bus->subscribers[bus->count++] = (struct subscriber){on_events, user};
    return BELL_OK;
}

void bus_unsubscribe(struct bus *bus, bus_on_events on_events, void *user)
{
    size_t kept = 0;
    for (size_t i = 0; i < bus->count; i++) {
        struct subscriber s = bus->subscribers[i];
        if (s.on_events != on_events || s.user != user) {
            bus->subscribers[kept++] = s;
        }
    }
    bus->count = kept;
}

void bus_publish(struct bus *bus, const struct event_list *events)
{
    assert(events->first != NULL);
    for (size_t i = 0; i < bus->count; i++) {
        bus->subscribers[i].on_events(events, bus->subscribers[i].user);
    }
}
