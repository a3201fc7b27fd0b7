#include "command.h"
#include "desk.h"

#include "desk/domain/account.h"

#include <inttypes.h>
#include <stdio.h>

static void print(const struct agent *agent)
{
    bell_slice role = role_name(agent->role);
    (void)printf("%" PRId64 "\t%.*s\t%.*s\t%.*s\n", agent->agent, BELL_FMT(role),
                 BELL_FMT(agent->email), BELL_FMT(agent->name));
}

static int run(const struct cli *cli)
{
    struct desk desk;
    if (!desk_open_kept(&desk, cli->config->data)) {
        return EXIT_FAILED;
    }
    struct agent *agents = NULL;
    size_t count = 0;
    struct outcome outcome = account_list(&desk.tx, &desk.arena, &agents, &count);
    for (size_t i = 0; outcome_is_done(outcome) && i < count; i++) {
        if (!agents[i].removed) {
            print(&agents[i]);
        }
    }
    bool is_good = desk_close(&desk, outcome, "cannot list the agents");
    return is_good && fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

const struct command COMMAND_AGENT_LIST = {
    .group = "agent",
    .name = "list",
    .words = "",
    .summary = "Lists the agents: number, role, e-mail and name, with tabs between.",
    .run = run,
};
