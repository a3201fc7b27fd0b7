/*
 * Guards: who may open a WebSocket and how much it may say. They are composed by adding them to a
 * bell_ws_server in order; own guards are made from callbacks.
 *
 * A guard serves all loops at once: its callbacks must be thread-safe.
 */
#ifndef BELL_GUARD_H
#define BELL_GUARD_H

#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bell_guard;
struct bell_http_request;

/* What a guard answers to an upgrade. status 0 lets it pass. */
typedef struct {
    uint16_t status;        /* 400-599: the upgrade is refused with it */
    uint32_t retry_after_s; /* Retry-After of the refusal; 0 = none */
} bell_guard_verdict;

/*
 * Callbacks of an own guard; each may be NULL.
 *
 * on_upgrade  before the handshake is answered, and once more before a decision that the component
 *             has deferred is carried out, when it is to accept
 * on_open     the upgrade has passed all guards
 * on_message  false refuses the message and closes the connection with 1008
 * on_close    for every on_open, once
 * destroy     with the guard
 */
typedef struct {
    bell_guard_verdict (*on_upgrade)(const struct bell_http_request *request, void *user);
    void (*on_open)(bell_conn conn, bell_slice peer_address, void *user);
    bool (*on_message)(bell_conn conn, size_t size_bytes, uint64_t now_ms, void *user);
    void (*on_close)(bell_conn conn, bell_slice peer_address, void *user);
    void (*destroy)(void *user);
} bell_guard_callbacks;

/* What the call below is made of; the size says which fields the program knows (see version.h). */
BELL_NODISCARD BELL_API bell_status bell_guard_create_sized(const bell_guard_callbacks *callbacks,
                                                            size_t callbacks_bytes, void *user,
                                                            struct bell_guard **out);

/*
 * Copies the callbacks. Owned by the caller until it is added to a server. BELL_ENOMEM,
 * BELL_ENOTSUP a callback that only a later libbell knows.
 */
BELL_NODISCARD static inline bell_status bell_guard_create(const bell_guard_callbacks *callbacks,
                                                           void *user, struct bell_guard **out)
{
    return bell_guard_create_sized(callbacks, sizeof *callbacks, user, out);
}
/* Only for guards that were not added to a server. Takes NULL. */
BELL_API void bell_guard_destroy(struct bell_guard *guard);

/*
 * Only these origins ("https://shop.example", compared as RFC 6454 section 5 wants: scheme, host,
 * port); "same" stands for the host and port the request was sent to, by https when the client is
 * known to speak TLS (bell_http_request_is_secure), else by http or https. Others, and requests
 * without Origin, get 403. BELL_EINVAL one that is no origin, or more than 1,024; BELL_ENOMEM.
 */
BELL_NODISCARD BELL_API bell_status bell_guard_origin_create(const char *const *origins,
                                                             size_t count, struct bell_guard **out);

/* Refuses upgrades from blocked networks with 403. Empty at first. BELL_ENOMEM. */
BELL_NODISCARD BELL_API bell_status bell_guard_address_create(struct bell_guard **out);
/*
 * Blocks or unblocks "192.0.2.7", "192.0.2.0/24", "2001:db8::/32" for upgrades from now on. Any
 * thread. BELL_EINVAL not an address, BELL_ELIMIT over 65,536 entries, BELL_ENOTFOUND (unblock),
 * BELL_ENOMEM.
 */
BELL_NODISCARD BELL_API bell_status bell_guard_address_block(struct bell_guard *guard,
                                                             bell_slice network);
BELL_NODISCARD BELL_API bell_status bell_guard_address_unblock(struct bell_guard *guard,
                                                               bell_slice network);

/*
 * At most max_open connections from one address at a time (IPv6: from one /64); others get 429.
 * Peers of a Unix socket have none and are not counted. BELL_EINVAL when max_open is 0;
 * BELL_ENOMEM.
 */
BELL_NODISCARD BELL_API bell_status bell_guard_connections_create(uint32_t max_open,
                                                                  uint32_t retry_after_s,
                                                                  struct bell_guard **out);

/*
 * At most per_second messages of a connection in the long run and burst at once; above: Close 1008.
 * BELL_EINVAL when one of them is 0; BELL_ENOMEM.
 */
BELL_NODISCARD BELL_API bell_status bell_guard_rate_create(uint32_t per_second, uint32_t burst,
                                                           struct bell_guard **out);

#ifdef __cplusplus
}
#endif
#endif
