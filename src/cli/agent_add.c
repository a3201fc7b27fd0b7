#include "command.h"
#include "desk.h"
#include "password.h"

#include "desk/domain/account.h"

#include <inttypes.h>
#include <stdio.h>

struct own {
    char *email; /* (owned) */
    char *name;  /* (owned) */
    char *role;  /* (owned) */
    bool password_stdin;
};

static const char *check_role(bell_slice value)
{
    enum role role;
    return role_from_name(value, &role) ? NULL : "must be owner or agent";
}

static const struct option OPTIONS[] = {
    {.name = "email",
     .argument = "EMAIL",
     .type = OPTION_TEXT,
     .check = cli_check_text,
     .needs_value = true,
     .offset = offsetof(struct own, email),
     .help = "What the agent logs in with. Required."},
    {.name = "name",
     .argument = "NAME",
     .type = OPTION_TEXT,
     .check = cli_check_text,
     .needs_value = true,
     .offset = offsetof(struct own, name),
     .help = "Shown to colleagues and visitors. Required."},
    {.name = "role",
     .argument = "ROLE",
     .type = OPTION_TEXT,
     .value = "agent",
     .check = check_role,
     .offset = offsetof(struct own, role),
     .help = "owner (may do everything) or agent (conversations)."},
    {.name = "password-stdin",
     .type = OPTION_FLAG,
     .offset = offsetof(struct own, password_stdin),
     .help = "Reads the password from the first line of standard input instead of asking."},
};

static const struct desk_reason REASONS[] = {
    {ERROR_EXISTS, "there is an agent with this e-mail already"},
    {ERROR_BAD_FIELD, "the e-mail must be like mina@desk.example, and the name not blank"},
    {ERROR_TOO_LONG, "an e-mail has at most 254 characters, a name 100"},
};

static struct agent_add_request request_of(const struct own *own)
{
    struct agent_add_request request = {.name = bell_slice_from(own->name),
                                        .email = bell_slice_from(own->email)};
    (void)role_from_name(bell_slice_from(own->role), &request.role);
    return request;
}

static bool close_desk(struct desk *desk, struct outcome outcome)
{
    return desk_close_explained(desk, outcome, "cannot add the agent", REASONS,
                                BELL_ARRAY_LEN(REASONS));
}

/* May there be such an agent? Nothing is held while a person thinks of a password. */
static bool look(const struct cli *cli, const struct own *own)
{
    const struct agent_add_request request = request_of(own);
    struct desk desk;
    return desk_open(&desk, cli->config->data) &&
           close_desk(&desk, account_may_add(&desk.tx, ACCOUNT_DESK, &request));
}

static int add(const struct cli *cli, const struct own *own, const struct password *password)
{
    const struct agent_add_request request = request_of(own);
    struct password_hash hash;
    struct desk desk;
    if (!password_to_hash(password, &hash) || !desk_open(&desk, cli->config->data)) {
        return EXIT_FAILED;
    }
    struct agent agent;
    struct outcome outcome = account_add(&desk.tx, ACCOUNT_DESK, &request, &hash, &agent);
    int64_t number = outcome_is_done(outcome) ? agent.agent : 0;
    if (!close_desk(&desk, outcome)) {
        return EXIT_FAILED;
    }
    (void)printf("added agent %" PRId64 " %s\n", number, own->email);
    return EXIT_DONE;
}

static int run_with(const struct cli *cli, const struct own *own)
{
    if (own->email == NULL || own->name == NULL) {
        cli_complain("--%s is missing; see \"deskbell help agent add\"",
                     own->email == NULL ? "email" : "name");
        return EXIT_USAGE;
    }
    struct password password;
    if (!look(cli, own) || !password_read(own->password_stdin, &password)) {
        return EXIT_FAILED;
    }
    int status = add(cli, own, &password);
    password_wipe(&password);
    return status;
}

static int run(const struct cli *cli)
{
    struct own own = {.email = NULL};
    if (!cli_own_options(cli, &own)) {
        return EXIT_USAGE;
    }
    int status = run_with(cli, &own);
    option_finish(cli->command->options, &own);
    return status;
}

const struct command COMMAND_AGENT_ADD = {
    .group = "agent",
    .name = "add",
    .words = "",
    .summary = "Adds an agent, who can log in at once. Works while the server runs.",
    .options = {OPTIONS, BELL_ARRAY_LEN(OPTIONS)},
    .run = run,
};
