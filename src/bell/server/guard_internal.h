/*
 * Guards as the WebSocket server asks them.
 */
#ifndef BELL_SERVER_GUARD_INTERNAL_H
#define BELL_SERVER_GUARD_INTERNAL_H

#include "bell/guard.h"

#include <stddef.h>
#include <stdint.h>

struct bell_guard {
    bell_guard_callbacks callbacks;
    void *user;
};

/* Asks all in their order; the first refusal holds. */
bell_guard_verdict bell_guards_on_upgrade(struct bell_guard *const *guards, size_t count,
                                          const struct bell_http_request *request);
void bell_guards_on_open(struct bell_guard *const *guards, size_t count, bell_conn conn,
                         bell_slice peer);
bool bell_guards_on_message(struct bell_guard *const *guards, size_t count, bell_conn conn,
                            size_t size_bytes, uint64_t now_ms);
void bell_guards_on_close(struct bell_guard *const *guards, size_t count, bell_conn conn,
                          bell_slice peer);

#endif
