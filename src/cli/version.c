#include "command.h"

#include "version.h"

#include <stdio.h>

static int run(const struct cli *cli)
{
    (void)cli;
    return printf("deskbell %s\n", DESKBELL_VERSION) < 0 || fflush(stdout) != 0 ? EXIT_FAILED
                                                                                : EXIT_DONE;
}

const struct command COMMAND_VERSION = {
    .name = "version",
    .words = "",
    .summary = "Prints the version.",
    .bare = true,
    .run = run,
};
