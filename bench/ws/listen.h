/* What the servers here share: their command line and their listener. */
#ifndef WS_LISTEN_H
#define WS_LISTEN_H

#include "bare.h"

#include <stdint.h>

struct listen_options {
    enum bare_mode mode;
    uint16_t port; /* 0 = any free one */
};

/* Reads "--port N [--relay | --tcp]" and raises RLIMIT_NOFILE; ends the program when it cannot. */
struct listen_options listen_options(const char *name, int argc, char **argv);

/*
 * A socket that listens on 127.0.0.1, with TCP_NODELAY, which accepted sockets inherit; prints
 * "NAME ready port=N". socket_flags are added to its type. Ends the program when it cannot.
 */
int listen_start(const char *name, const struct listen_options *options, int socket_flags);

#endif
