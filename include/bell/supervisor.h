/*
 * What stands above the process: systemd, or another that passes sockets and hears of states the
 * same way (sd_listen_fds(3), sd_notify(3)). Nothing of systemd is linked.
 *
 * The supervisor keeps a socket it has passed, so connections that come while a server ends and
 * the next one starts wait instead of being refused.
 */
#ifndef BELL_SUPERVISOR_H
#define BELL_SUPERVISOR_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bell_io_server;

/*
 * Listens on the sockets that were passed to this process under name ("FileDescriptorName=" in the
 * .socket unit, which by default is the unit's name), or on all when name is NULL; *count becomes
 * their number. Before start, from the thread that makes the server; each socket once.
 *
 * BELL_ENOTFOUND none was passed to this process (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES in the
 * environment); BELL_EINVAL one is not a listening stream socket ("Accept=yes" passes connections
 * instead); else as bell_io_server_listen_fd. After a failure some may be listened on already.
 */
BELL_NODISCARD BELL_API bell_status bell_supervisor_listen(struct bell_io_server *io,
                                                           const char *name, size_t *count);

/*
 * Tells the supervisor of a state: lines like "READY=1", "STOPPING=1", "STATUS=text", with "\n"
 * between. Does not wait for it. Any thread.
 *
 * BELL_ENOTFOUND nobody wants to know (no NOTIFY_SOCKET in the environment); BELL_EINVAL that
 * address cannot be used; BELL_EIO it could not be sent; BELL_ELIMIT no descriptor is left for it;
 * BELL_ENOMEM.
 */
BELL_API bell_status bell_supervisor_notify(const char *state);

#ifdef __cplusplus
}
#endif
#endif
