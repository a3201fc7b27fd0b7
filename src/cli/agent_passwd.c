#include "command.h"
#include "desk.h"
#include "password.h"

#include "desk/domain/account.h"

#include <stdio.h>

struct own {
    bool password_stdin;
};

static const struct option OPTIONS[] = {
    {.name = "password-stdin",
     .type = OPTION_FLAG,
     .offset = offsetof(struct own, password_stdin),
     .help = "Reads the password from the first line of standard input instead of asking."},
};

static const struct desk_reason REASONS[] = {
    {ERROR_NOT_FOUND, "no agent has this e-mail; see \"deskbell agent list\""},
};

static struct outcome find(struct desk *desk, const struct cli *cli, struct agent *out)
{
    return account_find(&desk->tx, bell_slice_from(cli->words[0]), &desk->arena, out);
}

static bool close_desk(struct desk *desk, struct outcome outcome)
{
    return desk_close_explained(desk, outcome, "cannot set the password", REASONS,
                                BELL_ARRAY_LEN(REASONS));
}

/* Is there such an agent? Nothing is held while a person thinks of a password. */
static bool look(const struct cli *cli)
{
    struct desk desk;
    struct agent agent;
    return desk_open_kept(&desk, cli->config->data) && close_desk(&desk, find(&desk, cli, &agent));
}

static int set(const struct cli *cli, const struct password *password)
{
    struct password_hash hash;
    struct desk desk;
    if (!password_to_hash(password, &hash) || !desk_open_kept(&desk, cli->config->data)) {
        return EXIT_FAILED;
    }
    struct agent agent;
    struct outcome outcome = find(&desk, cli, &agent);
    if (outcome_is_done(outcome)) {
        outcome = account_set_password(&desk.tx, ACCOUNT_DESK, agent.agent, &hash, 0);
    }
    if (!close_desk(&desk, outcome)) {
        return EXIT_FAILED;
    }
    (void)printf("password set; all log-ins of %s have ended\n", cli->words[0]);
    return EXIT_DONE;
}

static int run(const struct cli *cli)
{
    struct own own = {false};
    if (!cli_own_options(cli, &own)) {
        return EXIT_USAGE;
    }
    struct password password;
    if (!look(cli) || !password_read(own.password_stdin, &password)) {
        return EXIT_FAILED;
    }
    int status = set(cli, &password);
    password_wipe(&password);
    return status;
}

const struct command COMMAND_AGENT_PASSWD = {
    .group = "agent",
    .name = "passwd",
    .words = "EMAIL",
    .summary = "Sets an agent's password and ends all log-ins of that agent.",
    .options = {OPTIONS, BELL_ARRAY_LEN(OPTIONS)},
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
