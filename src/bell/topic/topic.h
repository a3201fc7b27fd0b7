/*
 * Topics of one loop: who hears of what.
 *
 * A topic keeps its subscribers in a dense array, so that publishing walks memory in one direction;
 * leaving swaps the last one into the gap, O(1). A topic exists while it has subscribers.
 * A table belongs to one loop thread; others may ask how many are in a topic.
 */
#ifndef BELL_TOPIC_TOPIC_H
#define BELL_TOPIC_TOPIC_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BELL_TOPIC_NAME_MAX_BYTES = 255,
    BELL_TOPIC_MAX_PER_SUBSCRIBER = 1024,
};

struct bell_topic;
struct bell_topic_table;

/* The topics one subscriber is in; embedded in the subscriber, zeroed at first. */
struct bell_topic_list {
    struct bell_topic_place *places; /* (owned) NULL while in none */
    uint32_t count;
    uint32_t capacity;
};

/* One subscriber of a topic. */
struct bell_topic_member {
    void *subscriber;             /* (borrowed) as given */
    struct bell_topic_list *list; /* (borrowed) its topics */
    uint32_t place;               /* of this topic in that list */
};

/* BELL_ENOMEM */
BELL_NODISCARD bell_status bell_topic_table_create(struct bell_topic_table **out);
/* All subscribers must have left. Takes NULL. */
void bell_topic_table_destroy(struct bell_topic_table *table);

/* A name that can be a topic: 1 to 255 bytes. */
bool bell_topic_is_name(bell_slice name);
/* The same for every table and thread of a process; unpredictable to others. */
uint64_t bell_topic_hash(bell_slice name);

/*
 * Joins a topic; being in it already is BELL_OK. The list must not move while it is in topics.
 * *joined tells whether it is new. BELL_EINVAL (no name), BELL_ELIMIT (too many topics),
 * BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_topic_subscribe(struct bell_topic_table *table,
                                                struct bell_topic_list *list, void *subscriber,
                                                bell_slice name, bool *joined);
/* BELL_ENOTFOUND: not in it. */
BELL_NODISCARD bell_status bell_topic_unsubscribe(struct bell_topic_table *table,
                                                  struct bell_topic_list *list, bell_slice name);
/*
 * Leaves all topics and frees the list's memory. Calls on_left with each topic's hash (may be
 * NULL).
 */
void bell_topic_leave_all(struct bell_topic_table *table, struct bell_topic_list *list,
                          void (*on_left)(uint64_t hash, void *user), void *user);

/*
 * The members of a topic, count in *count; NULL and 0 when there is none. Valid until the next
 * subscribe, unsubscribe or leave_all.
 */
const struct bell_topic_member *bell_topic_members(const struct bell_topic_table *table,
                                                   bell_slice name, size_t *count);

/* Is the list's subscriber in this topic? */
bool bell_topic_is_in(const struct bell_topic_table *table, const struct bell_topic_list *list,
                      bell_slice name);
/*
 * The name of one of the list's topics, index from 0 in no order; empty when there are no more.
 * Valid until the next unsubscribe or leave_all. Leaving a topic gives its index to the last one.
 */
bell_slice bell_topic_name_at(const struct bell_topic_list *list, size_t index);

/* How many are in a topic. Any thread; a moment's value. */
uint32_t bell_topic_count(struct bell_topic_table *table, bell_slice name);

#endif
