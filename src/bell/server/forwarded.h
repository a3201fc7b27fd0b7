/*
 * X-Forwarded-For and X-Forwarded-Proto: whom a proxy speaks for, request by request.
 *
 * Anybody can send these fields, so they count only as far as they were written by proxies that are
 * listed: the list of X-Forwarded-For is walked from its end, where the nearest proxy has written,
 * to the first address that is not listed. That one is the client; what it says further is its own
 * claim. No I/O, no memory, any thread.
 */
#ifndef BELL_SERVER_FORWARDED_H
#define BELL_SERVER_FORWARDED_H

#include "bell/http/head.h"
#include "bell/net/address.h"

#include <stdbool.h>
#include <stddef.h>

/* Who a request comes from. */
typedef struct {
    bell_address address;
    bool is_secure; /* the client speaks TLS, with us or with a proxy that says so */
} bell_client;

/*
 * Changes client, which is whom the connection comes from, into whom the request comes from. Of a
 * list the last scheme counts. What is not an address ends the walk: the proxy that wrote it stands
 * for its client.
 */
void bell_forwarded_read(const bell_http_head *head, const bell_network *proxies, size_t count,
                         bell_client *client);

#endif
