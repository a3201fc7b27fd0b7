/*
 * The commands of the program: one file each, one row each in commands.c.
 *
 * Exit statuses: 0 done, 1 it could not be done, 2 the command line or an option is wrong. What
 * went wrong is one line on standard error that begins with "deskbell:".
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/compiler.h"
#include "bell/slice.h"
#include "desk/config/config.h"

#include <stdbool.h>
#include <stddef.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What a command is given. */
struct cli {
    const struct command *command;            /* (borrowed) */
    const struct config *config;              /* (borrowed) from all sources; NULL for bare ones */
    const struct config_arguments *arguments; /* (borrowed) */
    const char *const *words;                 /* (borrowed) behind the command's name */
    size_t word_count;
};

struct command {
    const char *group; /* "agent" of "agent add"; NULL = none */
    const char *name;
    const char *words;           /* as the manual shows what stands behind the name; may be empty */
    const char *summary;         /* a sentence */
    struct option_table options; /* those of this command alone */
    size_t min_words;
    size_t max_words;
    bool serving; /* takes all options of the server */
    bool bare;    /* needs no configuration, and works when that is broken */
    int (*run)(const struct cli *cli);
};

extern const struct command COMMAND_SERVE;
extern const struct command COMMAND_AGENT_ADD;
extern const struct command COMMAND_AGENT_LIST;
extern const struct command COMMAND_AGENT_PASSWD;
extern const struct command COMMAND_AGENT_REMOVE;
extern const struct command COMMAND_SITE_ADD;
extern const struct command COMMAND_SITE_LIST;
extern const struct command COMMAND_VERSION;
extern const struct command COMMAND_HELP;

/* All of them, in the order of the manual. */
const struct command *const *commands_all(size_t *count);
/*
 * The command that the first words name; *used tells how many of them. NULL when there is none.
 */
const struct command *commands_find(const char *const *words, size_t count, size_t *used);
bool commands_is_group(const char *name);

/* Writes "deskbell: …" and a line end to standard error. */
void cli_complain(const char *fmt, ...) BELL_PRINTF(1, 2);

/*
 * Fills the command's own options: defaults, then what the command line says. own is zeroed memory
 * of the struct the command's table is made for; the caller finishes it with option_finish. false:
 * something is wrong and was said; exit with EXIT_USAGE.
 */
bool cli_own_options(const struct cli *cli, void *own);
/* The check of an option that is text of people: NULL, or why it is none. */
const char *cli_check_text(bell_slice value);

#endif
