/*
 * Programs that were compiled with older or newer headers than the library: how options and tables
 * of callbacks cross the border (docs/libbell/versioning.md).
 */
#include "bell/bell.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* A struct as a later release may have it. */
#define LATER(type)                                                                                \
    struct {                                                                                       \
        type known;                                                                                \
        uint64_t added;                                                                            \
    }

static const struct bell_component NOTHING = {0};

static void defaults_stay_within_what_an_older_program_has(void **state)
{
    (void)state;
    /* Such a program ends before the last field. */
    bell_ws_options ws;
    bell_http_options http;
    bell_io_options io;
    memset(&ws, 0x5a, sizeof ws);
    memset(&http, 0x5a, sizeof http);
    memset(&io, 0x5a, sizeof io);
    bell_ws_options_init_sized(&ws, offsetof(bell_ws_options, deflate));
    bell_http_options_init_sized(&http, offsetof(bell_http_options, send_timeout_ms));
    bell_io_options_init_sized(&io, offsetof(bell_io_options, trusted_proxies));
    assert_int_equal(ws.max_message_bytes, 1024 * 1024);
    assert_int_equal(ws.deflate.level, 0x5a);
    assert_int_equal(http.keep_alive_ms, 60000);
    assert_int_equal(http.send_timeout_ms, 0x5a5a5a5a);
    assert_int_equal(io.backlog, 4096);
    assert_int_equal(io.trusted_proxy_count, (size_t)0x5a5a5a5a5a5a5a5a);
}

static void an_older_program_gets_defaults_for_what_came_later(void **state)
{
    (void)state;
    bell_ws_options ws_options;
    bell_http_options http_options;
    bell_io_options io_options;
    struct bell_ws_server *ws;
    struct bell_http_server *http;
    struct bell_io_server *io;
    int64_t live = bell_mem_live();
    bell_ws_options_init(&ws_options);
    bell_http_options_init(&http_options);
    bell_io_options_init(&io_options);
    /* Were these read they would be refused. */
    ws_options.deflate.is_enabled = true;
    ws_options.deflate.level = 99;
    http_options.send_timeout_ms = 0;
    io_options.trusted_proxy_count = 1000;
    io_options.threads = 1;
    assert_int_equal(bell_ws_server_create_sized(&NOTHING, sizeof NOTHING, &ws_options,
                                                 offsetof(bell_ws_options, deflate), &ws),
                     BELL_OK);
    assert_int_equal(bell_http_server_create_sized(
                         &http_options, offsetof(bell_http_options, send_timeout_ms), &http),
                     BELL_OK);
    assert_int_equal(bell_io_server_create_sized(http, &io_options,
                                                 offsetof(bell_io_options, trusted_proxies), &io),
                     BELL_OK);
    bell_io_server_destroy(io);
    bell_http_server_destroy(http);
    bell_ws_server_destroy(ws);
    assert_int_equal(bell_mem_live(), live);
}

static void a_newer_program_may_leave_alone_what_is_not_there(void **state)
{
    (void)state;
    LATER(bell_ws_options) options;
    LATER(struct bell_component) component = {{0}, 0};
    struct bell_ws_server *ws;
    bell_ws_options_init_sized(&options.known, sizeof options);
    assert_int_equal(options.added, 0);
    assert_int_equal(bell_ws_server_create_sized(&component.known, sizeof component, &options.known,
                                                 sizeof options, &ws),
                     BELL_OK);
    bell_ws_server_destroy(ws);
}

static void a_newer_program_that_asks_for_more_is_told(void **state)
{
    (void)state;
    LATER(bell_ws_options) ws_options;
    LATER(bell_http_options) http_options;
    LATER(bell_io_options) io_options;
    LATER(bell_http_static_options) files = {{0}, 1};
    LATER(struct bell_component) component = {{0}, 1};
    LATER(bell_guard_callbacks) guards = {{0}, 1};
    LATER(bell_ws_acceptance) terms = {{0}, 1};
    LATER(bell_ws_publish_options) publishing = {{0}, 1};
    LATER(bell_ws_send_options) sending = {.added = 1};
    LATER(bell_ws_topic_options) topic = {{0}, 1};
    LATER(bell_http_publish_options) route = {{0}, 1};
    struct bell_ws_server *ws = NULL;
    struct bell_http_server *http = NULL;
    struct bell_io_server *io = NULL;
    struct bell_guard *guard = NULL;
    int64_t live = bell_mem_live();
    bell_ws_options_init_sized(&ws_options.known, sizeof ws_options);
    bell_http_options_init_sized(&http_options.known, sizeof http_options);
    bell_io_options_init_sized(&io_options.known, sizeof io_options);
    ws_options.added = 1;
    http_options.added = 1;
    io_options.added = 1;
    assert_int_equal(bell_ws_server_create_sized(&NOTHING, sizeof NOTHING, &ws_options.known,
                                                 sizeof ws_options, &ws),
                     BELL_ENOTSUP);
    assert_int_equal(bell_ws_server_create_sized(&component.known, sizeof component, NULL, 0, &ws),
                     BELL_ENOTSUP);
    assert_int_equal(bell_serve_sized("127.0.0.1:0", &component.known, sizeof component),
                     BELL_ENOTSUP);
    assert_int_equal(bell_http_server_create_sized(&http_options.known, sizeof http_options, &http),
                     BELL_ENOTSUP);
    assert_int_equal(bell_guard_create_sized(&guards.known, sizeof guards, NULL, &guard),
                     BELL_ENOTSUP);
    assert_null(ws);
    assert_null(http);
    assert_null(guard);
    assert_int_equal(bell_ws_server_create(&NOTHING, NULL, &ws), BELL_OK);
    assert_int_equal(bell_ws_accept_later_sized(ws, 1, &terms.known, sizeof terms), BELL_ENOTSUP);
    assert_int_equal(bell_ws_publish_sized(ws, BELL_LIT("a"), BELL_TEXT, BELL_LIT("b"),
                                           &publishing.known, sizeof publishing),
                     BELL_ENOTSUP);
    assert_int_equal(
        bell_ws_send_sized(ws, 1, BELL_TEXT, BELL_LIT("b"), &sending.known, sizeof sending),
        BELL_ENOTSUP);
    assert_int_equal(bell_ws_server_set_topic_sized(ws, BELL_LIT("a"), &topic.known, sizeof topic),
                     BELL_ENOTSUP);
    bell_ws_server_destroy(ws);
    assert_int_equal(bell_http_server_create(NULL, &http), BELL_OK);
    assert_int_equal(
        bell_http_server_publish_sized(http, "/p", ws, "token", &route.known, sizeof route),
        BELL_ENOTSUP);
    assert_int_equal(bell_http_server_static_sized(http, "/", "/", &files.known, sizeof files),
                     BELL_ENOTSUP);
    assert_int_equal(bell_http_server_files_sized(http, "/", NULL, 0, &files.known, sizeof files),
                     BELL_ENOTSUP);
    assert_int_equal(bell_io_server_create_sized(http, &io_options.known, sizeof io_options, &io),
                     BELL_ENOTSUP);
    assert_null(io);
    bell_http_server_destroy(http);
    assert_int_equal(bell_mem_live(), live);
}

static void the_library_tells_the_version_of_its_headers(void **state)
{
    (void)state;
    assert_string_equal(bell_version(), BELL_VERSION_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stay_within_what_an_older_program_has),
        cmocka_unit_test(an_older_program_gets_defaults_for_what_came_later),
        cmocka_unit_test(a_newer_program_may_leave_alone_what_is_not_there),
        cmocka_unit_test(a_newer_program_that_asks_for_more_is_told),
        cmocka_unit_test(the_library_tells_the_version_of_its_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
