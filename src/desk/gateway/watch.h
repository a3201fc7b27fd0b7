/*
 * Watch: looks after what other processes do to the store while the server runs. The command line
 * may add or remove agents, change passwords, and so end log-ins; nobody tells the server.
 *
 * It travels with the writes and is answered on the announcer, so that it tells foreign events in
 * their place, each once.
 */
#ifndef DESK_GATEWAY_WATCH_H
#define DESK_GATEWAY_WATCH_H

struct gateway;

/*
 * Gives one look to work: closes consoles whose log-in has ended, tells desk events that were
 * written elsewhere, and notes the use of log-ins. Does nothing while no console is connected, or
 * when work has no room. Any thread.
 */
void watch_look(struct gateway *gateway);
/* Gives the removal of log-ins that were not used for too long to work. Any thread. */
void watch_expire_sessions(struct gateway *gateway);

#endif
