/*
 * Fan-out: what has happened on the desk becomes text once and goes to everybody concerned.
 *
 * Topics: `desk` for all consoles, `visitors` for all tabs of all visitors, `v/<visitor>` for the
 * tabs of one. It hears the bus on work's announcer thread, so that what it publishes goes out in
 * the order of the commits.
 *
 * Subscribing without a hole. libbell publishes to who is subscribed at that moment. A session that
 * wants "the state as of now, and everything after it" therefore takes the visitor's mark in the
 * done of its command (on the announcer), subscribes on its loop, and takes the mark again: if it
 * has not moved, nothing was published in between; else the state must be read once more. The mark
 * moves before the publishing looks for subscribers and is compared after subscribing, both in
 * sequential order, so that one of the two sees the other.
 */
#ifndef DESK_GATEWAY_FANOUT_H
#define DESK_GATEWAY_FANOUT_H

#include "bell/slice.h"
#include "bell/status.h"
#include "desk/proto/types.h"

#include <stdbool.h>
#include <stdint.h>

struct bell_ws_server;
struct bus;
struct fanout;
struct presence;
struct roster;

#define TOPIC_DESK     BELL_LIT("desk")
#define TOPIC_VISITORS BELL_LIT("visitors")
enum { TOPIC_VISITOR_BYTES = 35 }; /* "v/", 32 digits, zero byte */

/* The topic of a visitor's tabs; the text lies in out. */
bell_slice topic_of_visitor(desk_id visitor, char out[TOPIC_VISITOR_BYTES]);

struct fanout_options {
    struct bus *bus;                 /* (borrowed) all of them outlive the fan-out */
    struct bell_ws_server *visitors; /* (borrowed) */
    struct bell_ws_server *agents;   /* (borrowed) */
    struct presence *presence;       /* (borrowed) */
    struct roster *roster;           /* (borrowed) */
};

/* Subscribes to the bus. BELL_ENOMEM, BELL_ELIMIT. */
BELL_NODISCARD bell_status fanout_create(const struct fanout_options *options, struct fanout **out);
/* Takes NULL. */
void fanout_destroy(struct fanout *fanout);

/* Counts what was published to the visitor's topic, and sometimes more. Any thread. */
uint64_t fanout_visitor_mark(const struct fanout *fanout, desk_id visitor);
/* The number of the last desk event that was told. Any thread. */
int64_t fanout_last_event(const struct fanout *fanout);
/*
 * After a start nothing was told yet and the number is 0, which is not where the desk stands: the
 * first state that is read on the announcer's road says it. Without effect later. Announcer thread.
 */
void fanout_begin_at(struct fanout *fanout, int64_t event);
/*
 * Tells a desk event that this process did not make itself (the command line wrote it); nothing
 * when it was told already. Announcer thread.
 */
void fanout_tell_desk_event(struct fanout *fanout, const struct desk_event *event);

/* What is told without being stored. Any thread; from is the sender's connection, which is left
 * out. */
void fanout_tell_visitor_typing(struct fanout *fanout, int64_t conversation, bool on);
void fanout_tell_agent_typing(struct fanout *fanout, int64_t conversation, desk_id visitor,
                              int64_t agent, bell_slice agent_name, bool on, uint64_t from);
void fanout_tell_presence(struct fanout *fanout, int64_t agent, bool online, bool connected);
void fanout_tell_online(struct fanout *fanout, bool online);

/* Counters of the metrics. Any thread. */
uint64_t fanout_desk_count(const struct fanout *fanout);
uint64_t fanout_visitor_count(const struct fanout *fanout);

#endif
