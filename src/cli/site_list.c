#include "command.h"
#include "desk.h"

#include "desk/domain/site.h"

#include <stdio.h>

/* Origins stand one a line in the store and with blanks between here. */
static void print(const struct site_entry *site)
{
    (void)printf("%.*s\t%.*s\t", BELL_FMT(site->key), BELL_FMT(site->name));
    for (size_t i = 0; i < site->origins.n; i++) {
        (void)putchar(site->origins.p[i] == '\n' ? ' ' : site->origins.p[i]);
    }
    (void)putchar('\n');
}

static int run(const struct cli *cli)
{
    struct desk desk;
    if (!desk_open_kept(&desk, cli->config->data)) {
        return EXIT_FAILED;
    }
    struct site_entry *sites = NULL;
    size_t count = 0;
    struct outcome outcome = site_list(&desk.tx, &desk.arena, &sites, &count);
    for (size_t i = 0; outcome_is_done(outcome) && i < count; i++) {
        print(&sites[i]);
    }
    bool is_good = desk_close(&desk, outcome, "cannot list the sites");
    return is_good && fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

const struct command COMMAND_SITE_LIST = {
    .group = "site",
    .name = "list",
    .words = "",
    .summary = "Lists the sites: key, name and allowed origins, with tabs between.",
    .run = run,
};
