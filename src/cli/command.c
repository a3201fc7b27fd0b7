#include "command.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command *const COMMANDS[] = {
    &COMMAND_SERVE,        &COMMAND_AGENT_ADD,    &COMMAND_AGENT_LIST,
    &COMMAND_AGENT_PASSWD, &COMMAND_AGENT_REMOVE, &COMMAND_SITE_ADD,
    &COMMAND_SITE_LIST,    &COMMAND_VERSION,      &COMMAND_HELP,
};

const struct command *const *commands_all(size_t *count)
{
    *count = BELL_ARRAY_LEN(COMMANDS);
    return COMMANDS;
}

const struct command *commands_find(const char *const *words, size_t count, size_t *used)
{
    for (size_t i = 0; i < BELL_ARRAY_LEN(COMMANDS); i++) {
        const struct command *command = COMMANDS[i];
        size_t needed = command->group == NULL ? 1 : 2;
        if (count < needed || strcmp(words[needed - 1], command->name) != 0) {
            continue;
        }
        if (command->group == NULL || strcmp(words[0], command->group) == 0) {
            *used = needed;
            return command;
        }
    }
    return NULL;
}

bool commands_is_group(const char *name)
{
    for (size_t i = 0; i < BELL_ARRAY_LEN(COMMANDS); i++) {
        if (COMMANDS[i]->group != NULL && strcmp(COMMANDS[i]->group, name) == 0) {
            return true;
        }
    }
    return false;
}

void cli_complain(const char *fmt, ...)
{
    char line[2 * OPTION_ERROR_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "deskbell: %s\n", line);
}

bool cli_own_options(const struct cli *cli, void *own)
{
    char error[OPTION_ERROR_BYTES];
    bell_status st = option_set_defaults(cli->command->options, own, error);
    if (st == BELL_OK) {
        st = config_arguments_apply(cli->arguments, own, error);
    }
    if (st != BELL_OK) {
        cli_complain("--%s", error);
        option_finish(cli->command->options, own);
        return false;
    }
    return true;
}

const char *cli_check_text(bell_slice value)
{
    return bell_utf8_is_valid(value) ? NULL : "must be UTF-8 text";
}
