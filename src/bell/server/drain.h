/*
 * Draining: how one loop of an I/O server ends in good order.
 *
 *   listeners stop accepting; what their backlogs hold is accepted and served, unless somebody else
 *   goes on accepting from the same sockets
 *   HTTP answers what was asked and closes; who has just come may still ask
 *   WebSockets get their 1001, spread evenly over the time that was set
 *   when nobody is left, or at the deadline, the loop stops
 *
 * Loop thread only, but for what io_server.h says of its calls.
 */
#ifndef BELL_SERVER_DRAIN_H
#define BELL_SERVER_DRAIN_H

#include "bell/net/mailbox.h"
#include "bell/net/timer.h"

#include <stdbool.h>
#include <stdint.h>

struct bell_connection;
struct bell_server_loop;

/* How long who has come and asked nothing yet may still begin with a request. */
enum { BELL_DRAIN_GRACE_MS = 1000 };

/* Of one loop; zeroed until draining is asked for. */
struct bell_drain {
    struct bell_mail order;     /* begins it, after the mails that were posted before */
    struct bell_timer deadline; /* ends the loop */
    struct bell_timer tick;
    uint64_t deadline_ms;
    uint64_t spread_end_ms;
    uint32_t left;       /* WebSockets that were open when it began and have not been told */
    uint32_t cursor;     /* the slot that was looked at last */
    bool is_ordered;     /* order was posted */
    bool is_spread_over; /* from now on whoever becomes a WebSocket is told at once */
    bool has_settled;    /* the listeners are closed */
};

/* The loop was woken: draining may have been asked for, or its deadline have come nearer, or
 * another loop may have closed its listeners. */
void bell_drain_on_wake(struct bell_server_loop *home);
/* One of the two timers. */
void bell_drain_on_time(struct bell_server_loop *home, const struct bell_timer *timer,
                        uint64_t now_ms);
/* Ends the loop when it is draining and nobody is left, nor can come. */
void bell_drain_check(struct bell_server_loop *home);
/* A connection is about to be a WebSocket: it is told soon when the others have been. */
void bell_drain_on_upgrade(struct bell_server_loop *home);
/* The loop stops: its listeners are gone, whatever was to be done with them. */
void bell_drain_finish(struct bell_server_loop *home);

#endif
