/*
 * Server: everything of `deskbell serve` put together, from the store to the listeners.
 *
 * One thread makes it, ends it and frees it.
 */
#ifndef CLI_SERVER_H
#define CLI_SERVER_H

#include "desk/config/config.h"
#include "desk/proto/value.h"

#include <stdbool.h>
#include <stdint.h>

struct bell_tls;
struct server;

/*
 * Opens the store, listens and starts all threads. false: it failed, the reason was said in one
 * line that tells what to do, and nothing is left. config and tls, NULL for none, are borrowed
 * until server_destroy.
 */
bool server_start(const struct config *config, struct bell_tls *tls, struct server **out);
/*
 * Ends it without losing anything: answers what was taken, tells clients to connect again (1001),
 * waits for them at most as long as configured.
 */
void server_drain(struct server *server);
/* After server_drain. Takes NULL. */
void server_destroy(struct server *server);

/* The port of the first listener. */
uint16_t server_port(const struct server *server);
/* While nobody is owner: true, and the one-time token that makes the first one. */
bool server_setup_token(const struct server *server, desk_secret *out);

#endif
