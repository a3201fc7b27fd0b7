/*
 * deskbell: finds the command, reads the options, runs it.
 */
#include "command.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int complain_unknown(int argc, const char *const *argv)
{
    if (argc == 1) {
        cli_complain("a command is missing; \"deskbell help\" lists them");
    } else if (commands_is_group(argv[1])) {
        cli_complain("\"deskbell help %.100s\" lists what can stand behind \"%.100s\"", argv[1],
                     argv[1]);
    } else {
        cli_complain("there is no command \"%.100s\"; \"deskbell help\" lists them", argv[1]);
    }
    return EXIT_USAGE;
}

static bool words_fit(const struct command *command, const struct config_arguments *arguments)
{
    const char *group = command->group == NULL ? "" : command->group;
    const char *blank = command->group == NULL ? "" : " ";
    if (arguments->word_count < command->min_words) {
        cli_complain("an argument is missing: deskbell %s%s%s %s", group, blank, command->name,
                     command->words);
        return false;
    }
    if (arguments->word_count > command->max_words) {
        cli_complain("unexpected argument \"%.100s\"; see \"deskbell help %s%s%s\"",
                     arguments->words[command->max_words], group, blank, command->name);
        return false;
    }
    return true;
}

static int run_help_of(const struct command *command)
{
    const char *words[] = {command->group == NULL ? command->name : command->group, command->name};
    struct config_arguments none = {.count = 0};
    const struct cli cli = {&COMMAND_HELP, NULL, &none, words, command->group == NULL ? 1 : 2};
    return COMMAND_HELP.run(&cli);
}

static int run_command(const struct command *command, int argc, const char *const *argv)
{
    char error[OPTION_ERROR_BYTES];
    struct config_arguments arguments;
    if (config_arguments_parse(&arguments, argc, argv, command->options, command->serving, error) !=
        BELL_OK) {
        cli_complain("%s", error);
        return EXIT_USAGE;
    }
    if (arguments.wants_help) {
        return run_help_of(command);
    }
    if (!words_fit(command, &arguments)) {
        return EXIT_USAGE;
    }
    struct cli cli = {command, NULL, &arguments, arguments.words, arguments.word_count};
    if (command->bare) {
        return command->run(&cli);
    }
    struct config config = {.data = NULL};
    const char *const *environment = (const char *const *)environ;
    if (config_load(&config, &arguments, environment, error) != BELL_OK) {
        cli_complain("%s", error);
        return EXIT_USAGE;
    }
    bell_log_set_level(config.log_level);
    cli.config = &config;
    int status = command->run(&cli);
    config_finish(&config);
    return status;
}

int main(int argc, char **argv)
{
    bell_mem_bound_kept();
    /* A peer or a pipe that has gone is told by the failed write, not by a signal that ends us. */
    (void)signal(SIGPIPE, SIG_IGN);
    const char *const *arguments = (const char *const *)argv;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return run_command(&COMMAND_HELP, 0, arguments);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return run_command(&COMMAND_VERSION, 0, arguments);
    }
    if (argc == 3 && commands_is_group(argv[1]) &&
        (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        const char *const group[] = {argv[0], argv[1]};
        return run_command(&COMMAND_HELP, 1, group + 1);
    }
    size_t used;
    const struct command *command = commands_find(arguments + 1, (size_t)argc - 1, &used);
    if (command == NULL) {
        return complain_unknown(argc, arguments);
    }
    return run_command(command, argc - 1 - (int)used, arguments + 1 + used);
}
