/*
 * What the operator chose: every option of the server, from the command line, the environment
 * (DESKBELL_*), a file and the defaults, the first of these winning.
 *
 * Made once at start, then only read, from any thread; SIGHUP makes a second one and compares.
 */
#ifndef DESK_CONFIG_CONFIG_H
#define DESK_CONFIG_CONFIG_H

#include "base/log.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "desk/config/option.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The meaning of each field stands in the table (options.c), with its range and default. */
struct config {
    char *config_file; /* (owned) path that was read; NULL = none */
    char *data;        /* (owned) */
    char *public_url;  /* (owned) without a final "/"; empty = made from the first listener */
    struct option_list listen;
    char *unix_mode; /* (owned) octal digits */
    struct option_list tls_cert;
    struct option_list tls_key;
    char *tls_min; /* (owned) "1.2" or "1.3" */
    struct option_list trusted_proxies;
    bool proxy_protocol;
    enum bell_log_level log_level;
    char *io; /* (owned) "auto", "uring" or "epoll" */
    uint64_t threads;
    uint64_t readers;
    uint64_t message_rate;
    uint64_t message_burst;
    uint64_t command_rate;
    uint64_t command_burst;
    uint64_t connections_per_address;
    uint64_t conversations_per_address;
    uint64_t conversations_window_s;
    uint64_t login_attempts;
    uint64_t login_window_s;
    uint64_t session_days;
    uint64_t presence_grace_ms;
    uint64_t queue_commands;
    uint64_t batch_commands;
    uint64_t send_queue_bytes;
    uint64_t event_history;
    uint64_t drain_timeout_ms;
};

/* The table all of this comes from. Any thread. */
struct option_table config_options(void);

/* What a command line says, cut apart. The slices and texts point into argv. */
enum { CONFIG_MAX_ARGUMENTS = 64, CONFIG_MAX_WORDS = 8 };

struct config_argument {
    const struct option *option; /* of the server's table or of the command's own */
    bell_slice value;
    bool is_own;
};

struct config_arguments {
    struct config_argument items[CONFIG_MAX_ARGUMENTS];
    size_t count;
    const char *words[CONFIG_MAX_WORDS]; /* what is no option, in order */
    size_t word_count;
    bool wants_help; /* --help or -h stood somewhere */
};

/*
 * Cuts the arguments of one command (without program and command name) into options and words.
 * own: the options only this command knows. serving: is it the command that may take all options?
 * BELL_EINVAL with a line in error (OPTION_ERROR_BYTES): unknown option, value missing, too many.
 */
BELL_NODISCARD bell_status config_arguments_parse(struct config_arguments *arguments, int argc,
                                                  const char *const *argv, struct option_table own,
                                                  bool serving, char *error);

/* Puts what the command line says of the command's own options into own_base. As option_set. */
BELL_NODISCARD bell_status config_arguments_apply(const struct config_arguments *arguments,
                                                  void *own_base, char *error);

/*
 * Fills a config (zeroed or finished before) from all sources. environment is a list of NAME=VALUE
 * that ends with NULL, as environ(7); arguments may be NULL. On success the caller finishes it; on
 * failure nothing is left to free.
 * BELL_EINVAL, BELL_ENOTFOUND (the file), BELL_EIO, BELL_ENOMEM, each with a line in error.
 */
BELL_NODISCARD bell_status config_load(struct config *config,
                                       const struct config_arguments *arguments,
                                       const char *const *environment, char *error);
void config_finish(struct config *config);

/*
 * The lines of one configuration text ("key value" or "key = value", # begins a comment line) into
 * config. name stands in errors as name:line. As config_load.
 */
BELL_NODISCARD bell_status config_read_text(struct config *config, bell_slice text,
                                            const char *name, char *error);

#endif
