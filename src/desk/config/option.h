/*
 * One option: how it is called, what it may hold, and where its value stands in a struct.
 *
 * The server's options (options.c) and those of single commands are tables of these; the file, the
 * environment, the command line and the manual all read the same tables. Used while starting, on
 * one thread.
 */
#ifndef DESK_CONFIG_OPTION_H
#define DESK_CONFIG_OPTION_H

#include "base/compiler.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OPTION_MAX_TEXT_BYTES = 4096, /* of one value */
    OPTION_MAX_LIST = 16,         /* values of one list */
    OPTION_ERROR_BYTES = 512,     /* room for the one line that says what is wrong */
};

/* What an option holds, and the type of the field at its offset. */
enum option_type {
    OPTION_TEXT,   /* char * (owned) */
    OPTION_NUMBER, /* uint64_t between min and max */
    OPTION_LEVEL,  /* enum bell_log_level */
    OPTION_LIST,   /* struct option_list: several texts, repeated or with commas between */
    OPTION_FLAG,   /* bool; on the command line the name alone means true */
};

/* Where a value came from; a later one replaces what an earlier one said. */
enum option_source { OPTION_DEFAULT, OPTION_FILE, OPTION_ENVIRONMENT, OPTION_COMMAND_LINE };

struct option_list {
    char *items[OPTION_MAX_LIST]; /* (owned) */
    size_t count;
    enum option_source source; /* of all items: a list from a stronger source begins anew */
};

struct option {
    const char *name;     /* "log-level": the key in a file, --log-level, DESKBELL_LOG_LEVEL */
    const char *argument; /* "ADDR:PORT": what stands in the manual for the value; NULL for flags */
    const char *value;    /* the default, as text; NULL = none */
    const char *help;     /* for people; full sentences */
    /* Further rule for one text; NULL = none. The result says what is wrong, NULL = nothing. */
    const char *(*check)(bell_slice value);
    uint64_t min; /* of numbers */
    uint64_t max; /* of numbers; of texts the longest in bytes, 0 = OPTION_MAX_TEXT_BYTES */
    size_t offset;
    enum option_type type;
    bool reloadable;  /* SIGHUP takes a new value from the file */
    bool serve_only;  /* of no use to other commands, so they refuse it */
    bool needs_value; /* must not be empty */
};

struct option_table {
    const struct option *options; /* (borrowed) */
    size_t count;
};

/* The option with this name, or NULL. */
const struct option *option_find(struct option_table table, bell_slice name);

/*
 * Puts a text into the field of the option in the struct at base.
 *
 * BELL_EINVAL  not of the type, out of range or against the check; error (OPTION_ERROR_BYTES) then
 *              says so in one line that begins with the option's name
 * BELL_ENOMEM  likewise
 */
BELL_NODISCARD bell_status option_set(const struct option *option, void *base, bell_slice text,
                                      enum option_source source, char *error);

/* All fields of the table get their defaults; the struct must be zeroed or finished. As option_set.
 */
BELL_NODISCARD bell_status option_set_defaults(struct option_table table, void *base, char *error);

/* Frees what the fields own and zeroes them. */
void option_finish(struct option_table table, void *base);

/* The sentence for an error: cut to OPTION_ERROR_BYTES, on one line. */
void option_error(char *error, const char *fmt, ...) BELL_PRINTF(2, 3);

#endif
