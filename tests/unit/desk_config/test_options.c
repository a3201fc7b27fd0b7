#include "desk/config/config.h"
#include "desk/config/manual.h"

#include "base/compiler.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char error[OPTION_ERROR_BYTES];

static const struct option_table NONE = {NULL, 0};

static bell_status load(struct config *config, const char *const *environment, int argc,
                        const char *const *argv)
{
    struct config_arguments arguments;
    error[0] = '\0';
    bell_status st = config_arguments_parse(&arguments, argc, argv, NONE, true, error);
    return st != BELL_OK ? st : config_load(config, &arguments, environment, error);
}

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void every_option_has_a_default_that_it_accepts_itself(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(load(&config, NULL, 0, NULL), BELL_OK);
    assert_string_equal(config.data, "./data");
    assert_int_equal(config.listen.count, 1);
    assert_string_equal(config.listen.items[0], "127.0.0.1:8080");
    assert_int_equal(config.message_rate, 2);
    assert_int_equal(config.message_burst, 20);
    assert_int_equal(config.log_level, BELL_LOG_INFO);
    assert_null(config.config_file);
    config_finish(&config);
}

static void command_line_beats_environment_beats_file_beats_default(void **state)
{
    (void)state;
    char path[] = "/tmp/deskbell-config-XXXXXX";
    write_file(path, "# a comment\n\nmessage-rate 3\nmessage-burst = 30\n  threads\t7  \r\n"
                     "public-url=https://a.example\n");
    char file_variable[64];
    (void)snprintf(file_variable, sizeof file_variable, "DESKBELL_CONFIG=%s", path);
    const char *const environment[] = {"HOME=/",
                                       file_variable,
                                       "DESKBELL_MESSAGE_BURST=40",
                                       "DESKBELL_THREADS=8",
                                       "DESKBELL_SERVICE_HOST=10.0.0.1",
                                       NULL};
    const char *const argv[] = {"--threads=9", "--log-level", "debug"};
    struct config config;
    assert_int_equal(load(&config, environment, 3, argv), BELL_OK);
    assert_int_equal(config.message_rate, 3);
    assert_int_equal(config.message_burst, 40);
    assert_int_equal(config.threads, 9);
    assert_int_equal(config.log_level, BELL_LOG_DEBUG);
    assert_string_equal(config.public_url, "https://a.example");
    config_finish(&config);
    (void)unlink(path);
}

static void a_list_from_a_stronger_source_begins_anew(void **state)
{
    (void)state;
    const char *const environment[] = {"DESKBELL_LISTEN=127.0.0.1:1, [::1]:2", NULL};
    struct config config;
    assert_int_equal(load(&config, environment, 0, NULL), BELL_OK);
    assert_int_equal(config.listen.count, 2);
    assert_string_equal(config.listen.items[1], "[::1]:2");
    config_finish(&config);

    const char *const argv[] = {"--listen", "0.0.0.0:3", "--listen=127.0.0.1:0"};
    assert_int_equal(load(&config, environment, 3, argv), BELL_OK);
    assert_int_equal(config.listen.count, 2);
    assert_string_equal(config.listen.items[0], "0.0.0.0:3");
    config_finish(&config);
}

static void a_list_takes_sixteen_values_and_no_more(void **state)
{
    (void)state;
    char text[400] = "127.0.0.1:1";
    for (int i = 1; i < OPTION_MAX_LIST; i++) {
        strncat(text, ",127.0.0.1:1", sizeof text - strlen(text) - 1);
    }
    struct config config;
    const char *argv[] = {"--listen", text};
    assert_int_equal(load(&config, NULL, 2, argv), BELL_OK);
    assert_int_equal(config.listen.count, OPTION_MAX_LIST);
    config_finish(&config);
    strncat(text, ",127.0.0.1:1", sizeof text - strlen(text) - 1);
    assert_int_equal(load(&config, NULL, 2, argv), BELL_EINVAL);
    assert_non_null(strstr(error, "at most 16"));
}

static void numbers_are_checked_below_at_and_above_their_range(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool ok;
    } CASES[] = {{"0", true},
                 {"64", true},
                 {"65", false},
                 {"", false},
                 {"-1", false},
                 {"+1", false},
                 {" 1", false},
                 {"1x", false},
                 {"0x1", false},
                 {"18446744073709551616", false},
                 {"99999999999999999999999", false}};
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char argument[64];
        (void)snprintf(argument, sizeof argument, "--threads=%s", CASES[i].value);
        const char *argv[] = {argument};
        struct config config;
        bell_status st = load(&config, NULL, 1, argv);
        assert_int_equal(st, CASES[i].ok ? BELL_OK : BELL_EINVAL);
        if (CASES[i].ok) {
            config_finish(&config);
        } else {
            assert_non_null(strstr(error, "--threads must be a number from 0 to 64"));
        }
    }
}

static void listen_addresses_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool ok;
    } CASES[] = {{"127.0.0.1:0", true},
                 {"[::1]:65535", true},
                 {"127.0.0.1:65536", false},
                 {"127.0.0.1", false},
                 {"localhost:80", false},
                 {":80", false},
                 {"::1:80", false},
                 {"[::1]", false},
                 {"[::1]:", false},
                 {"127.0.0.1:000080", false},
                 {"127.0.0.1:8a", false},
                 {"", false},
                 {"unix:/run/desk.sock", true},
                 {"unix:", false},
                 {"unix", false},
                 {"systemd", true},
                 {"systemd:web", true},
                 {"systemd:", false},
                 {"systemdx", false}};
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        const char *argv[] = {"--listen", CASES[i].value};
        struct config config;
        bell_status st = load(&config, NULL, 2, argv);
        assert_int_equal(st, CASES[i].ok ? BELL_OK : BELL_EINVAL);
        if (CASES[i].ok) {
            config_finish(&config);
        }
    }
}

static void permission_bits_are_octal(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool ok;
    } CASES[] = {{"0660", true}, {"600", true}, {"0777", true},   {"1777", false}, {"0800", false},
                 {"66", false},  {"rw", false}, {"00660", false}, {"", false}};
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        const char *argv[] = {"--unix-mode", CASES[i].value};
        struct config config;
        bell_status st = load(&config, NULL, 2, argv);
        assert_int_equal(st, CASES[i].ok ? BELL_OK : BELL_EINVAL);
        if (CASES[i].ok) {
            config_finish(&config);
        }
    }
}

static void public_urls_are_a_scheme_and_a_host(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool ok;
    } CASES[] = {{"https://desk.example", true}, {"http://h:8080", true},  {"", true},
                 {"desk.example", false},        {"https://", false},      {"https://a/b", false},
                 {"https://a?b", false},         {"ftp://a", false},       {"https://a b", false},
                 {"https://a/", false},          {"javascript://x", false}};
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char argument[64];
        (void)snprintf(argument, sizeof argument, "--public-url=%s", CASES[i].value);
        const char *argv[] = {argument};
        struct config config;
        bell_status st = load(&config, NULL, 1, argv);
        assert_int_equal(st, CASES[i].ok ? BELL_OK : BELL_EINVAL);
        if (CASES[i].ok) {
            config_finish(&config);
        }
    }
}

static void the_proxy_protocol_needs_somebody_who_is_believed(void **state)
{
    (void)state;
    const char *const alone[] = {"--proxy-protocol"};
    const char *const together[] = {"--proxy-protocol", "--trusted-proxies=10.0.0.0/8"};
    const char *const environment[] = {"DESKBELL_TRUSTED_PROXIES=unix", NULL};
    struct config config;
    assert_int_equal(load(&config, NULL, 1, alone), BELL_EINVAL);
    assert_non_null(strstr(error, "proxy-protocol needs trusted-proxies"));
    assert_int_equal(load(&config, NULL, 2, together), BELL_OK);
    config_finish(&config);
    assert_int_equal(load(&config, environment, 1, alone), BELL_OK);
    config_finish(&config);
}

static void file_errors_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } CASES[] = {
        {"threads 1\nthreds 2\n", "desk.conf:2: unknown option \"threds\""},
        {"\n\nthreads x", "desk.conf:3: threads must be a number from 0 to 64, not \"x\""},
        {"threads", "desk.conf:1: threads must be a number from 0 to 64, not \"\""},
        {"log-level loud\n",
         "desk.conf:1: log-level must be error, warn, info or debug, not \"loud\""},
        {"data =\n", "desk.conf:1: data must not be empty: \"\""},
        {"config other.conf", "desk.conf:1: config cannot stand in a configuration file"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct config config;
        assert_int_equal(load(&config, NULL, 0, NULL), BELL_OK);
        assert_int_equal(
            config_read_text(&config, bell_slice_from(CASES[i].text), "desk.conf", error),
            BELL_EINVAL);
        assert_string_equal(error, CASES[i].error);
        config_finish(&config);
    }
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    const char *const argv[] = {"--config", "/nonexistent/desk.conf"};
    struct config config;
    assert_int_equal(load(&config, NULL, 2, argv), BELL_ENOTFOUND);
    assert_non_null(strstr(error, "/nonexistent/desk.conf"));
}

static void the_command_line_tells_options_from_words(void **state)
{
    (void)state;
    struct own {
        char *name;
        bool quiet;
    } own = {NULL, false};
    static const struct option OWN[] = {
        {.name = "name",
         .argument = "TEXT",
         .type = OPTION_TEXT,
         .offset = offsetof(struct own, name)},
        {.name = "quiet", .type = OPTION_FLAG, .offset = offsetof(struct own, quiet)},
    };
    const struct option_table table = {OWN, BELL_ARRAY_LEN(OWN)};
    const char *const argv[] = {"add", "--name", "Min", "--quiet", "a@b.example", "--", "--last"};
    struct config_arguments arguments;
    assert_int_equal(config_arguments_parse(&arguments, 7, argv, table, false, error), BELL_OK);
    assert_int_equal(arguments.word_count, 3);
    assert_string_equal(arguments.words[1], "a@b.example");
    assert_string_equal(arguments.words[2], "--last");
    assert_int_equal(config_arguments_apply(&arguments, &own, error), BELL_OK);
    assert_string_equal(own.name, "Min");
    assert_true(own.quiet);
    option_finish(table, &own);
}

static void bad_command_lines_get_one_clear_line(void **state)
{
    (void)state;
    static const struct {
        const char *argument;
        bool serving;
        const char *error;
    } CASES[] = {
        {"--no-such", true, "unknown option --no-such"},
        {"--no-such=1", true, "unknown option --no-such"},
        {"-x", true, "unknown option -x"},
        {"--data", true, "--data needs a value: --data DIR"},
        {"--listen=1.2.3.4:5", false, "unknown option --listen"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        const char *const argv[] = {CASES[i].argument};
        struct config_arguments arguments;
        assert_int_equal(config_arguments_parse(&arguments, 1, argv, NONE, CASES[i].serving, error),
                         BELL_EINVAL);
        assert_string_equal(error, CASES[i].error);
    }
    const char *const swallowed[] = {"--data", "--threads"};
    struct config_arguments arguments;
    assert_int_equal(config_arguments_parse(&arguments, 2, swallowed, NONE, true, error),
                     BELL_EINVAL);
}

static void an_error_is_one_line_whatever_the_value_holds(void **state)
{
    (void)state;
    const char *const argv[] = {"--log-level=a\nb\x1b[31m"};
    struct config config;
    assert_int_equal(load(&config, NULL, 1, argv), BELL_EINVAL);
    assert_null(strchr(error, '\n'));
    assert_null(strchr(error, '\x1b'));
}

static void the_manual_tells_every_option(void **state)
{
    (void)state;
    struct bell_buf text;
    bell_buf_init(&text, 1 << 20);
    assert_int_equal(manual_print_text(&text, config_options(), true), BELL_OK);
    assert_int_equal(manual_print_markdown(&text, config_options(), true), BELL_OK);
    assert_int_equal(bell_buf_append(&text, bell_slice_make("", 1)), BELL_OK);
    for (size_t i = 0; i < config_options().count; i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "  --%s", config_options().options[i].name);
        assert_non_null(strstr(text.p, name));
        (void)snprintf(name, sizeof name, "| `%s` |", config_options().options[i].name);
        assert_non_null(strstr(text.p, name));
    }
    bell_buf_finish(&text);
}

static void a_failed_allocation_leaves_nothing_behind(void **state)
{
    (void)state;
    int64_t before = bell_mem_live();
    for (int64_t n = 1;; n++) {
        struct config config;
        const char *const argv[] = {"--listen=127.0.0.1:1,127.0.0.1:2", "--data=x"};
        bell_mem_fail_at(n);
        bell_status st = load(&config, NULL, 2, argv);
        bell_mem_fail_at(0);
        if (st == BELL_OK) {
            config_finish(&config);
            break;
        }
        assert_int_equal(st, BELL_ENOMEM);
        assert_int_equal(bell_mem_live(), before);
    }
    assert_int_equal(bell_mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_has_a_default_that_it_accepts_itself),
        cmocka_unit_test(command_line_beats_environment_beats_file_beats_default),
        cmocka_unit_test(a_list_from_a_stronger_source_begins_anew),
        cmocka_unit_test(a_list_takes_sixteen_values_and_no_more),
        cmocka_unit_test(numbers_are_checked_below_at_and_above_their_range),
        cmocka_unit_test(listen_addresses_are_checked),
        cmocka_unit_test(permission_bits_are_octal),
        cmocka_unit_test(public_urls_are_a_scheme_and_a_host),
        cmocka_unit_test(the_proxy_protocol_needs_somebody_who_is_believed),
        cmocka_unit_test(file_errors_name_file_and_line),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(the_command_line_tells_options_from_words),
        cmocka_unit_test(bad_command_lines_get_one_clear_line),
        cmocka_unit_test(an_error_is_one_line_whatever_the_value_holds),
        cmocka_unit_test(the_manual_tells_every_option),
        cmocka_unit_test(a_failed_allocation_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("desk_config_options", tests, NULL, NULL);
}
