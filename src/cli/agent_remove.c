#include "command.h"
#include "desk.h"

#include "desk/domain/account.h"

#include <stdio.h>

static const struct desk_reason REASONS[] = {
    {ERROR_NOT_FOUND, "no agent has this e-mail; see \"deskbell agent list\""},
    {ERROR_FORBIDDEN, "the last owner cannot be removed; add another one first"},
};

static int run(const struct cli *cli)
{
    struct desk desk;
    if (!desk_open_kept(&desk, cli->config->data)) {
        return EXIT_FAILED;
    }
    struct agent agent;
    struct outcome outcome =
        account_find(&desk.tx, bell_slice_from(cli->words[0]), &desk.arena, &agent);
    if (outcome_is_done(outcome)) {
        outcome = account_remove(&desk.tx, ACCOUNT_DESK, agent.agent);
    }
    if (!desk_close_explained(&desk, outcome, "cannot remove the agent", REASONS,
                              BELL_ARRAY_LEN(REASONS))) {
        return EXIT_FAILED;
    }
    (void)printf("removed %s; open conversations went back to the queue\n", cli->words[0]);
    return EXIT_DONE;
}

const struct command COMMAND_AGENT_REMOVE = {
    .group = "agent",
    .name = "remove",
    .words = "EMAIL",
    .summary =
        "Removes an agent: all log-ins end, open conversations go back to the queue. What the "
        "agent wrote stays. A running server closes the agent's consoles within seconds.",
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
