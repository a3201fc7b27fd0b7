/*
 * The manual, for the terminal and as docs/deskbell.md; both are written from the tables.
 */
#include "command.h"

#include "base/buf.h"
#include "desk/config/manual.h"

#include <stdio.h>
#include <string.h>

enum { MANUAL_MAX_BYTES = 1024 * 1024, SUMMARY_INDENT = 6 };

struct own {
    bool markdown;
};

static const struct option OPTIONS[] = {
    {.name = "markdown",
     .type = OPTION_FLAG,
     .offset = offsetof(struct own, markdown),
     .help = "Prints the whole manual as Markdown."},
};

static const char INTRODUCTION[] =
    "# deskbell: commands and options\n"
    "\n"
    "Made by `deskbell help --markdown`; change the tables in `src/desk/config/options.c` and\n"
    "`src/cli`, then run it again.\n"
    "\n"
    "Exit statuses: 0 done, 1 it could not be done, 2 the command line or an option is wrong. "
    "What\n"
    "went wrong is one line on standard error.\n"
    "\n";

static const char SOURCES[] =
    "## Where options come from\n"
    "\n"
    "Each option can be given on the command line (`--log-level debug` or `--log-level=debug`), "
    "in\n"
    "the environment (`DESKBELL_LOG_LEVEL=debug`) and in the file that `--config FILE` or\n"
    "`DESKBELL_CONFIG` names (`log-level debug` or `log-level = debug`, one a line; lines that "
    "begin\n"
    "with `#` are comments). The command line wins over the environment, the environment over the\n"
    "file. A list may repeat the option or stand with commas between.\n"
    "\n"
    "On SIGHUP the server reads all of them again and takes over those marked so.\n"
    "\n"
    "## Signals\n"
    "\n"
    "SIGTERM and SIGINT end `deskbell serve`: it stops accepting, closes WebSockets with 1001 so\n"
    "that clients connect again elsewhere or later, commits what it has taken, and exits with 0. "
    "A\n"
    "second one ends it at once; what was acknowledged is safe even then.\n"
    "\n"
    "## Metrics\n"
    "\n"
    "`GET /metrics` answers programs on the server's own machine in the Prometheus text format.\n"
    "Names that begin with `deskbell_` are the desk's and have no labels. Those of libbell have:\n"
    "\n"
    "| names | labels |\n"
    "| --- | --- |\n"
    "| `bell_connections…`, `bell_accept_failures_total`, `bell_received_bytes_total`, "
    "`bell_sent_bytes_total` | `loop`: number of the thread |\n"
    "| `bell_loop_turn_seconds`, a histogram; its sum is the time the loop was busy | `loop`, `le` "
    "|\n"
    "| `bell_websockets…`, `bell_messages_…`, `bell_message_…_bytes_total`, `bell_queue_…`, "
    "`bell_slow_receivers_total`, `bell_retained_…` | `path`: /ws/visitor or /ws/agent |\n"
    "| `bell_websocket_closes_total` | `path`; `by`: peer, us or engine; `code` of RFC 6455 |\n"
    "| `bell_topic_subscribers`, `bell_topic_published_total`, `bell_topic_delivered_total` | "
    "`path`; `topic`: those that every console and every visitor hears |\n"
    "\n"
    "## Options of the server\n"
    "\n";

static bell_status print_usage(struct bell_buf *out, const struct command *command)
{
    return bell_buf_printf(out, "deskbell %s%s%s%s%s%s",
                           command->group == NULL ? "" : command->group,
                           command->group == NULL ? "" : " ", command->name,
                           command->options.count > 0 || command->serving ? " [options]" : "",
                           command->words[0] == '\0' ? "" : " ", command->words);
}

/* All commands, or those of a group ("agent") when it is not NULL. */
static bell_status print_list(struct bell_buf *out, const char *group)
{
    size_t count;
    const struct command *const *all = commands_all(&count);
    bell_status st = BELL_OK;
    if (group == NULL) {
        st = bell_buf_printf(out, "Deskbell: live customer service for any website.\n\n");
    }
    for (size_t i = 0; st == BELL_OK && i < count; i++) {
        if (group != NULL && (all[i]->group == NULL || strcmp(all[i]->group, group) != 0)) {
            continue;
        }
        st = bell_buf_printf(out, "  ");
        if (st == BELL_OK) {
            st = print_usage(out, all[i]);
        }
        if (st == BELL_OK) {
            st = bell_buf_printf(out, "\n");
        }
        if (st == BELL_OK) {
            st = manual_print_paragraph(out, all[i]->summary, SUMMARY_INDENT);
        }
    }
    return st != BELL_OK ? st
                         : bell_buf_printf(out, "\n\"deskbell help COMMAND\" tells its options.\n");
}

static bell_status print_one(struct bell_buf *out, const struct command *command)
{
    bell_status st = print_usage(out, command);
    if (st == BELL_OK) {
        st = bell_buf_printf(out, "\n\n");
    }
    if (st == BELL_OK) {
        st = manual_print_paragraph(out, command->summary, 0);
    }
    if (st == BELL_OK) {
        st = bell_buf_printf(out, "\n");
    }
    if (st == BELL_OK) {
        st = manual_print_text(out, command->options, true);
    }
    return st != BELL_OK ? st : manual_print_text(out, config_options(), command->serving);
}

static bell_status print_markdown(struct bell_buf *out)
{
    size_t count;
    const struct command *const *all = commands_all(&count);
    bell_status st = bell_buf_append(out, BELL_LIT(INTRODUCTION));
    for (size_t i = 0; st == BELL_OK && i < count; i++) {
        st = bell_buf_printf(out, "## `");
        if (st == BELL_OK) {
            st = print_usage(out, all[i]);
        }
        if (st == BELL_OK) {
            st = bell_buf_printf(out, "`\n\n%s\n\n", all[i]->summary);
        }
        if (st == BELL_OK && all[i]->options.count > 0) {
            st = manual_print_markdown(out, all[i]->options, true);
        }
        if (st == BELL_OK && all[i]->options.count > 0) {
            st = bell_buf_printf(out, "\n");
        }
    }
    if (st == BELL_OK) {
        st = bell_buf_append(out, BELL_LIT(SOURCES));
    }
    return st != BELL_OK ? st : manual_print_markdown(out, config_options(), true);
}

static int complain_unknown(const struct cli *cli)
{
    const char *first = cli->words[0];
    if (commands_is_group(first)) {
        cli_complain("there is no command \"%.100s %.100s\"; \"deskbell help %.100s\" lists them",
                     first, cli->words[1], first);
    } else {
        cli_complain("there is no command \"%.100s\"; \"deskbell help\" lists them", first);
    }
    return EXIT_USAGE;
}

static int print(const struct cli *cli, bool markdown)
{
    struct bell_buf out;
    bell_buf_init(&out, MANUAL_MAX_BYTES);
    size_t used;
    const struct command *command = commands_find(cli->words, cli->word_count, &used);
    bell_status st;
    if (markdown) {
        st = print_markdown(&out);
    } else if (cli->word_count == 0) {
        st = print_list(&out, NULL);
    } else if (cli->word_count == 1 && commands_is_group(cli->words[0])) {
        st = print_list(&out, cli->words[0]);
    } else if (command == NULL) {
        bell_buf_finish(&out);
        return complain_unknown(cli);
    } else {
        st = print_one(&out, command);
    }
    int status = EXIT_DONE;
    if (st != BELL_OK) {
        cli_complain("cannot print the manual: %s", bell_status_text(st));
        status = EXIT_FAILED;
    } else if (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0) {
        status = EXIT_FAILED;
    }
    bell_buf_finish(&out);
    return status;
}

static int run(const struct cli *cli)
{
    struct own own = {false};
    return cli_own_options(cli, &own) ? print(cli, own.markdown) : EXIT_USAGE;
}

const struct command COMMAND_HELP = {
    .name = "help",
    .words = "[COMMAND]",
    .summary = "Lists the commands, or tells what one of them does and takes.",
    .options = {OPTIONS, BELL_ARRAY_LEN(OPTIONS)},
    .max_words = 2,
    .bare = true,
    .run = run,
};
