/*
 * What is counted where: helpers for those who count. On the loop thread of what they are given.
 */
#ifndef BELL_SERVER_METRICS_INTERNAL_H
#define BELL_SERVER_METRICS_INTERNAL_H

#include "bell/metrics.h"

#include <stddef.h>
#include <stdint.h>

struct bell_ws_loop;

/* A WebSocket of this loop has ended. */
void bell_metrics_count_close(struct bell_ws_loop *loop, const bell_close_event *event);
/* Frees the names of topics. */
void bell_metrics_forget_topics(struct bell_ws_server *ws);
/* The index of a named topic; named_topic_count for all others. Any thread. */
size_t bell_metrics_find_topic(const struct bell_ws_server *ws, uint64_t hash);
/* A named topic of this loop has some more of a number; no other is looked at. */
void bell_metrics_count_topic(struct bell_ws_loop *loop, uint64_t hash, uint64_t subscribers,
                              uint64_t delivered);

#endif
