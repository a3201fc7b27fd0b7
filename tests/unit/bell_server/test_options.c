/*
 * Options that are refused: the log names the first that is wrong.
 */
#include "bell/bell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static char last_line[256];

static void keep(bell_log_level level, bell_slice line, void *user)
{
    (void)user;
    assert_int_equal(level, BELL_LOG_ERROR);
    assert_true(line.n < sizeof last_line);
    memcpy(last_line, line.p, line.n);
    last_line[line.n] = '\0';
}

static int listen_to_the_log(void **state)
{
    (void)state;
    bell_log_set_sink(keep, NULL);
    return 0;
}

static int write_the_log_again(void **state)
{
    (void)state;
    bell_log_set_sink(NULL, NULL);
    return 0;
}

static void expect_refused(bell_status st, const char *option)
{
    char line[256];
    assert_int_equal(st, BELL_EINVAL);
    (void)snprintf(line, sizeof line, "option refused option=%s", option);
    assert_string_equal(last_line, line);
    last_line[0] = '\0';
}

static const struct bell_component COMPONENT = {0};

static void expect_ws_refused(const bell_ws_options *o, const char *option)
{
    struct bell_ws_server *ws;
    expect_refused(bell_ws_server_create(&COMPONENT, o, &ws), option);
}

static void a_websocket_server_names_it(void **state)
{
    static const char *const broken[] = {"chat", "a name"};
    (void)state;
    bell_ws_options o = {0};
    expect_ws_refused(&o, "bell_ws_options.max_message_bytes");
    bell_ws_options_init(&o);
    o.deflate.server_max_window_bits = 7;
    o.deflate.is_enabled = true;
    expect_ws_refused(&o, "bell_ws_deflate_options.server_max_window_bits");
    bell_ws_options_init(&o);
    o.queue.high_bytes = o.queue.max_bytes + 1;
    expect_ws_refused(&o, "bell_ws_queue_options.high_bytes");
    bell_ws_options_init(&o);
    o.queue.close_code = 1005;
    expect_ws_refused(&o, "bell_ws_queue_options.close_code");
    bell_ws_options_init(&o);
    o.subprotocols = broken;
    o.subprotocol_count = 2;
    expect_ws_refused(&o, "bell_ws_options.subprotocols");
}

static void an_http_server_names_it(void **state)
{
    (void)state;
    struct bell_http_server *http;
    bell_http_options o;
    bell_http_options_init(&o);
    o.keep_alive_ms = 0;
    expect_refused(bell_http_server_create(&o, &http), "bell_http_options.keep_alive_ms");
}

static void an_io_server_names_it(void **state)
{
    static const char *const networks[] = {"10.0.0.0/8", "proxy.example"};
    (void)state;
    struct bell_io_server *io;
    bell_io_options o;
    bell_io_options_init(&o);
    o.spin_us = 1001;
    expect_refused(bell_io_server_create(NULL, &o, &io), "bell_io_options.spin_us");
    bell_io_options_init(&o);
    o.trusted_proxies = networks;
    o.trusted_proxy_count = 2;
    assert_int_equal(bell_io_server_create(NULL, &o, &io), BELL_EINVAL);
    assert_non_null(strstr(last_line, "bell_io_options.trusted_proxies given=proxy.example"));
}

static void a_client_names_it(void **state)
{
    (void)state;
    struct bell_io_server *io;
    struct bell_ws_server *client;
    bell_ws_client_options o;
    assert_int_equal(bell_io_server_create(NULL, NULL, &io), BELL_OK);
    bell_ws_client_options_init(&o);
    o.connect_timeout_ms = 0;
    expect_refused(bell_ws_client_create(io, &COMPONENT, NULL, &o, &client),
                   "bell_ws_client_options.connect_timeout_ms");
    bell_io_server_destroy(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_websocket_server_names_it),
        cmocka_unit_test(an_http_server_names_it),
        cmocka_unit_test(an_io_server_names_it),
        cmocka_unit_test(a_client_names_it),
    };
    return cmocka_run_group_tests(tests, listen_to_the_log, write_the_log_again);
}
