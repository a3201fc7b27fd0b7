#include "command.h"
#include "desk.h"

#include "base/buf.h"
#include "desk/domain/site.h"

#include <stdio.h>

enum { ORIGINS_MAX_BYTES = 16 * 1024 };

struct own {
    char *name;    /* (owned) */
    char *welcome; /* (owned) */
    struct option_list origin;
};

static const struct option OPTIONS[] = {
    {.name = "name",
     .argument = "NAME",
     .type = OPTION_TEXT,
     .check = cli_check_text,
     .needs_value = true,
     .offset = offsetof(struct own, name),
     .help = "Shown in the widget. Required."},
    {.name = "welcome",
     .argument = "TEXT",
     .type = OPTION_TEXT,
     .value = "",
     .check = cli_check_text,
     .offset = offsetof(struct own, welcome),
     .help = "The first message every visitor sees; none when it is not given."},
    {.name = "origin",
     .argument = "ORIGIN",
     .type = OPTION_LIST,
     .needs_value = true,
     .offset = offsetof(struct own, origin),
     .help =
         "Pages of this origin (https://shop.example) may show the widget; several may be given. "
         "Without any, all may."},
};

#define RULES                                                                                      \
    "its key is 1 to 64 of a-z, 0-9 and -, its name 1 to 100 characters, its welcome at most "     \
    "1000, an origin like https://shop.example"

static const struct desk_reason REASONS[] = {
    {ERROR_EXISTS, "there is a site with this key already"},
    {ERROR_BAD_FIELD, RULES},
    {ERROR_TOO_LONG, RULES},
};

#undef RULES

static int add(const struct cli *cli, const struct own *own, bell_slice origins)
{
    const struct site_entry entry = {.key = bell_slice_from(cli->words[0]),
                                     .name = bell_slice_from(own->name),
                                     .welcome = bell_slice_from(own->welcome),
                                     .origins = origins};
    struct desk desk;
    if (!desk_open(&desk, cli->config->data)) {
        return EXIT_FAILED;
    }
    int64_t number;
    struct outcome outcome = site_add(&desk.tx, &entry, &number);
    if (!desk_close_explained(&desk, outcome, "cannot add the site", REASONS,
                              BELL_ARRAY_LEN(REASONS))) {
        return EXIT_FAILED;
    }
    (void)printf("added site %s\n", cli->words[0]);
    return EXIT_DONE;
}

static int run_with(const struct cli *cli, const struct own *own)
{
    if (own->name == NULL) {
        cli_complain("--name is missing; see \"deskbell help site add\"");
        return EXIT_USAGE;
    }
    struct bell_buf origins;
    bell_buf_init(&origins, ORIGINS_MAX_BYTES);
    bell_status st = BELL_OK;
    for (size_t i = 0; st == BELL_OK && i < own->origin.count; i++) {
        st = bell_buf_printf(&origins, "%s%s", i == 0 ? "" : "\n", own->origin.items[i]);
    }
    int status = EXIT_FAILED;
    if (st == BELL_OK) {
        status = add(cli, own, bell_buf_slice(&origins));
    } else {
        cli_complain("cannot take so many origins: %s", bell_status_text(st));
    }
    bell_buf_finish(&origins);
    return status;
}

static int run(const struct cli *cli)
{
    struct own own = {.name = NULL};
    if (!cli_own_options(cli, &own)) {
        return EXIT_USAGE;
    }
    int status = run_with(cli, &own);
    option_finish(cli->command->options, &own);
    return status;
}

const struct command COMMAND_SITE_ADD = {
    .group = "site",
    .name = "add",
    .words = "KEY",
    .summary = "Adds a website that may show the widget; KEY is its data-site. Works at once.",
    .options = {OPTIONS, BELL_ARRAY_LEN(OPTIONS)},
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
