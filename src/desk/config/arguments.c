/*
 * The command line: --key value, --key=value, --flag, and words between them; "--" ends the
 * options.
 */
#include "desk/config/config.h"

#include <string.h>

struct cursor {
    const char *const *argv; /* (borrowed) */
    int argc;
    int at; /* the next argument to look at */
};

static const struct option *find(bell_slice name, struct option_table own, bool serving,
                                 bool *is_own)
{
    const struct option *option = option_find(own, name);
    *is_own = option != NULL;
    if (option == NULL) {
        option = option_find(config_options(), name);
        if (option != NULL && option->serve_only && !serving) {
            option = NULL;
        }
    }
    return option;
}

/* The value behind the name: after "=", or the next argument unless that is an option itself. */
static bell_status take_value(const struct option *option, const char *equals,
                              struct cursor *cursor, bell_slice *out, char *error)
{
    if (equals != NULL) {
        *out = bell_slice_from(equals + 1);
        return BELL_OK;
    }
    if (option->type == OPTION_FLAG) {
        *out = BELL_LIT("true");
        return BELL_OK;
    }
    if (cursor->at == cursor->argc || strncmp(cursor->argv[cursor->at], "--", 2) == 0) {
        option_error(error, "--%s needs a value: --%s %s", option->name, option->name,
                     option->argument);
        return BELL_EINVAL;
    }
    *out = bell_slice_from(cursor->argv[cursor->at++]);
    return BELL_OK;
}

static bell_status take_option(struct config_arguments *arguments, const char *text,
                               struct cursor *cursor, struct option_table own, bool serving,
                               char *error)
{
    const char *name = text + 2;
    const char *equals = strchr(name, '=');
    bell_slice key = bell_slice_make(name, equals == NULL ? strlen(name) : (size_t)(equals - name));
    struct config_argument argument = {.option = NULL};
    argument.option = find(key, own, serving, &argument.is_own);
    if (argument.option == NULL) {
        option_error(error, "unknown option --%.*s", (int)(key.n > 100 ? 100 : key.n), key.p);
        return BELL_EINVAL;
    }
    if (arguments->count == CONFIG_MAX_ARGUMENTS) {
        option_error(error, "too many options: at most %d", CONFIG_MAX_ARGUMENTS);
        return BELL_EINVAL;
    }
    bell_status st = take_value(argument.option, equals, cursor, &argument.value, error);
    if (st == BELL_OK) {
        arguments->items[arguments->count++] = argument;
    }
    return st;
}

static bell_status take_word(struct config_arguments *arguments, const char *text, char *error)
{
    if (arguments->word_count == CONFIG_MAX_WORDS) {
        option_error(error, "too many arguments at \"%.100s\"", text);
        return BELL_EINVAL;
    }
    arguments->words[arguments->word_count++] = text;
    return BELL_OK;
}

bell_status config_arguments_parse(struct config_arguments *arguments, int argc,
                                   const char *const *argv, struct option_table own, bool serving,
                                   char *error)
{
    memset(arguments, 0, sizeof *arguments);
    struct cursor cursor = {argv, argc, 0};
    bool options_ended = false;
    while (cursor.at < argc) {
        const char *text = argv[cursor.at++];
        bell_status st = BELL_OK;
        if (options_ended || text[0] != '-' || text[1] == '\0') {
            st = take_word(arguments, text, error);
        } else if (strcmp(text, "--") == 0) {
            options_ended = true;
        } else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
            arguments->wants_help = true;
        } else if (text[1] == '-') {
            st = take_option(arguments, text, &cursor, own, serving, error);
        } else {
            option_error(error, "unknown option %.100s", text);
            st = BELL_EINVAL;
        }
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}

bell_status config_arguments_apply(const struct config_arguments *arguments, void *own_base,
                                   char *error)
{
    for (size_t i = 0; i < arguments->count; i++) {
        const struct config_argument *argument = &arguments->items[i];
        if (!argument->is_own) {
            continue;
        }
        bell_status st =
            option_set(argument->option, own_base, argument->value, OPTION_COMMAND_LINE, error);
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}
