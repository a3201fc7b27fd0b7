/*
 * All sources put together, the weakest first, so that stronger ones overwrite.
 */
#include "desk/config/config.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX_BYTES = 256 * 1024, NAME_MAX_BYTES = 64 };

static const char PREFIX[] = "DESKBELL_";

static bell_slice trim(bell_slice s)
{
    static const char BLANKS[] = " \t\r";
    while (s.n > 0 && memchr(BLANKS, s.p[0], sizeof BLANKS - 1) != NULL) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && memchr(BLANKS, s.p[s.n - 1], sizeof BLANKS - 1) != NULL) {
        s.n--;
    }
    return s;
}

/* "key value" and "key = value" are the same; the value goes to the end of the line. */
static void cut_line(bell_slice line, bell_slice *key, bell_slice *value)
{
    size_t n = 0;
    while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t' && line.p[n] != '=') {
        n++;
    }
    *key = bell_slice_make(line.p, n);
    *value = trim(bell_slice_make(line.p + n, line.n - n));
    if (value->n > 0 && value->p[0] == '=') {
        *value = trim(bell_slice_make(value->p + 1, value->n - 1));
    }
}

static bell_status read_line(struct config *config, bell_slice line, char *error)
{
    line = trim(line);
    if (line.n == 0 || line.p[0] == '#') {
        return BELL_OK;
    }
    bell_slice key;
    bell_slice value;
    cut_line(line, &key, &value);
    const struct option *option = option_find(config_options(), key);
    if (option == NULL) {
        option_error(error, "unknown option \"%.*s\"", (int)(key.n > 100 ? 100 : key.n), key.p);
        return BELL_EINVAL;
    }
    if (bell_slice_equal(key, BELL_LIT("config"))) {
        option_error(error, "config cannot stand in a configuration file");
        return BELL_EINVAL;
    }
    return option_set(option, config, value, OPTION_FILE, error);
}

bell_status config_read_text(struct config *config, bell_slice text, const char *name, char *error)
{
    size_t number = 0;
    while (text.n > 0) {
        number++;
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end == NULL ? text.n : (size_t)(end - text.p);
        char fault[OPTION_ERROR_BYTES];
        bell_status st = read_line(config, bell_slice_make(text.p, n), fault);
        if (st != BELL_OK) {
            option_error(error, "%.200s:%zu: %.280s", name, number, fault);
            return st;
        }
        n += end == NULL ? 0 : 1;
        text = bell_slice_make(text.p + n, text.n - n);
    }
    return BELL_OK;
}

static bell_status read_whole(FILE *file, struct bell_buf *out)
{
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, file)) > 0) {
        bell_status st = bell_buf_append(out, bell_slice_make(piece, n));
        if (st != BELL_OK) {
            return st;
        }
    }
    return ferror(file) != 0 ? BELL_EIO : BELL_OK;
}

static bell_status read_file(struct config *config, const char *path, char *error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        option_error(error, "cannot read the configuration file %.200s: %s", path, strerror(errno));
        return errno == ENOENT ? BELL_ENOTFOUND : BELL_EIO;
    }
    struct bell_buf text;
    bell_buf_init(&text, FILE_MAX_BYTES);
    bell_status st = read_whole(file, &text);
    if (st == BELL_OK) {
        st = config_read_text(config, bell_buf_slice(&text), path, error);
    } else {
        option_error(error, "cannot read the configuration file %.200s: %s", path,
                     bell_status_text(st));
    }
    bell_buf_finish(&text);
    (void)fclose(file);
    return st;
}

/* Is text NAME=VALUE with the name of this option (log-level: DESKBELL_LOG_LEVEL)? */
static const char *environment_value(const char *text, const char *option_name)
{
    char name[NAME_MAX_BYTES];
    int n = snprintf(name, sizeof name, "%s%s=", PREFIX, option_name);
    if (n < 0 || (size_t)n >= sizeof name) {
        return NULL;
    }
    for (char *p = name; *p != '\0'; p++) {
        if (*p == '-') {
            *p = '_';
        } else if (*p >= 'a' && *p <= 'z') {
            *p = (char)(*p - 'a' + 'A');
        }
    }
    return strncmp(text, name, (size_t)n) == 0 ? text + n : NULL;
}

static const char *environment_find(const char *const *environment, const char *option_name)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        const char *value = environment_value(environment[i], option_name);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

/*
 * Names with the prefix that are no option are left alone: orchestrators put their own there
 * (DESKBELL_SERVICE_HOST for a service that is called deskbell).
 */
static bell_status read_environment(struct config *config, const char *const *environment,
                                    char *error)
{
    struct option_table table = config_options();
    for (size_t i = 0; i < table.count; i++) {
        const struct option *option = &table.options[i];
        const char *value = environment_find(environment, option->name);
        if (value == NULL) {
            continue;
        }
        char fault[OPTION_ERROR_BYTES];
        bell_status st =
            option_set(option, config, bell_slice_from(value), OPTION_ENVIRONMENT, fault);
        if (st != BELL_OK) {
            option_error(error, "environment: %.480s", fault);
            return st;
        }
    }
    return BELL_OK;
}

static bell_status read_arguments(struct config *config, const struct config_arguments *arguments,
                                  char *error)
{
    for (size_t i = 0; i < arguments->count; i++) {
        const struct config_argument *argument = &arguments->items[i];
        if (argument->is_own) {
            continue;
        }
        char fault[OPTION_ERROR_BYTES];
        bell_status st =
            option_set(argument->option, config, argument->value, OPTION_COMMAND_LINE, fault);
        if (st != BELL_OK) {
            option_error(error, "--%.500s", fault);
            return st;
        }
    }
    return BELL_OK;
}

/* What no option can say about itself alone. */
static bell_status check_together(const struct config *config, char *error)
{
    /* Only trusted proxies are asked for the header, so without any it would never be read. */
    if (config->proxy_protocol && config->trusted_proxies.count == 0) {
        option_error(error, "proxy-protocol needs trusted-proxies: say which proxies are believed");
        return BELL_EINVAL;
    }
    return BELL_OK;
}

/* The file is named by the two strongest sources, and must be known before anything is read. */
static bell_slice file_path(const struct config_arguments *arguments,
                            const char *const *environment)
{
    bell_slice path = bell_slice_from(environment_find(environment, "config"));
    for (size_t i = 0; arguments != NULL && i < arguments->count; i++) {
        if (!arguments->items[i].is_own &&
            strcmp(arguments->items[i].option->name, "config") == 0) {
            path = arguments->items[i].value;
        }
    }
    return path;
}

bell_status config_load(struct config *config, const struct config_arguments *arguments,
                        const char *const *environment, char *error)
{
    memset(config, 0, sizeof *config);
    bell_status st = option_set_defaults(config_options(), config, error);
    bell_slice path = file_path(arguments, environment);
    if (st == BELL_OK && path.n > 0) {
        char *copy = bell_mem_copy_text(path);
        if (copy == NULL) {
            option_error(error, "out of memory");
            st = BELL_ENOMEM;
        } else {
            st = read_file(config, copy, error);
            bell_mem_free(copy);
        }
    }
    if (st == BELL_OK) {
        st = read_environment(config, environment, error);
    }
    if (st == BELL_OK && arguments != NULL) {
        st = read_arguments(config, arguments, error);
    }
    if (st == BELL_OK) {
        st = check_together(config, error);
    }
    if (st != BELL_OK) {
        config_finish(config);
    }
    return st;
}

void config_finish(struct config *config)
{
    option_finish(config_options(), config);
}
