#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { BACKLOG = 4096, USAGE_STATUS = 2 };

static bool port_parse(const char *text, uint16_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long port = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || port > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

struct listen_options listen_options(const char *name, int argc, char **argv)
{
    struct listen_options options = {.mode = BARE_ECHO};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--relay") == 0) {
            options.mode = BARE_RELAY;
        } else if (strcmp(argv[i], "--tcp") == 0) {
            options.mode = BARE_TCP;
        } else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc &&
                   port_parse(argv[i + 1], &options.port)) {
            i++;
        } else {
            (void)fprintf(stderr, "usage: %s --port N [--relay | --tcp]\n", name);
            exit(USAGE_STATUS);
        }
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    return options;
}

int listen_start(const char *name, const struct listen_options *options, int socket_flags)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(options->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&address, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        (void)fprintf(stderr, "%s: listen: %s\n", name, strerror(errno));
        exit(EXIT_FAILURE);
    }
    printf("%s ready port=%u\n", name, (unsigned)ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}
