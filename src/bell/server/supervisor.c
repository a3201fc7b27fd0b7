#include "bell/supervisor.h"

#include "bell/io_server.h"
#include "bell/net/sock.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FIRST_PASSED = 3,  /* SD_LISTEN_FDS_START */
    MAX_PASSED = 1024, /* more are nobody's intention */
    MAX_DIGITS = 10,
};

/* A variable of the environment as a number; 0 when it is none. */
static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    size_t n = text == NULL ? 0 : strlen(text);
    uint64_t number = 0;
    if (n > MAX_DIGITS) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return number;
}

/* The next of the names with colons between; empty at the end, where unnamed ones go on. */
static bell_slice next_name(const char **names)
{
    const char *from = *names;
    const char *colon = strchr(from, ':');
    size_t n = colon == NULL ? strlen(from) : (size_t)(colon - from);
    *names = from + n + (colon != NULL);
    return bell_slice_make(from, n);
}

bell_status bell_supervisor_listen(struct bell_io_server *io, const char *name, size_t *count)
{
    const char *names = getenv("LISTEN_FDNAMES");
    uint64_t passed = number_of("LISTEN_FDS");
    size_t found = 0;
    if (number_of("LISTEN_PID") != (uint64_t)getpid() || passed == 0 || passed > MAX_PASSED) {
        return BELL_ENOTFOUND;
    }
    names = names == NULL ? "" : names;
    for (int fd = FIRST_PASSED; fd < FIRST_PASSED + (int)passed; fd++) {
        bell_slice fd_name = next_name(&names);
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* also those for others: no child's business */
        if (name != NULL && !bell_slice_equal(fd_name, bell_slice_from(name))) {
            continue;
        }
        bell_status st = bell_io_server_listen_fd(io, fd);
        if (st != BELL_OK) {
            return st;
        }
        found++;
    }
    if (found == 0) {
        return BELL_ENOTFOUND;
    }
    *count = found;
    return BELL_OK;
}

bell_status bell_supervisor_notify(const char *state)
{
    const char *address = getenv("NOTIFY_SOCKET");
    return address == NULL || address[0] == '\0' ? BELL_ENOTFOUND
                                                 : bell_sock_tell(address, bell_slice_from(state));
}
