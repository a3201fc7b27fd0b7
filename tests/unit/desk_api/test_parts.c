/*
 * The parts of the HTTP side that stand alone: origins, the cookie, metrics.
 */
#include "desk/api/cookie.h"
#include "desk/api/metrics.h"
#include "desk/api/same_origin.h"

#include "base/compiler.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void only_pages_of_the_desk_itself_are_of_the_same_origin(void **state)
{
    (void)state;
    static const struct {
        const char *origin;
        const char *host;
        const char *public_origin;
        bool same;
        bool is_secure;
    } CASES[] = {
        {"", "desk.example", "", true, false},
        {"http://desk.example", "desk.example", "", true, false},
        {"https://desk.example", "desk.example", "", true, false},
        {"HTTP://Desk.Example", "desk.example", "", true, false},
        {"http://desk.example:8080", "desk.example:8080", "", true, false},
        {"http://desk.example:8080", "desk.example", "", false, false},
        {"http://desk.example", "desk.example:8080", "", false, false},
        {"http://evil.example", "desk.example", "", false, false},
        {"http://desk.example.evil.example", "desk.example", "", false, false},
        {"http://evil.example/desk.example", "desk.example", "", false, false},
        {"null", "desk.example", "", false, false},
        {"null", "null", "", false, false},
        {"desk.example", "desk.example", "", false, false},
        {"ftp://desk.example", "desk.example", "", false, false},
        {"http://", "", "", false, false},
        {"https://desk.example", "127.0.0.1:8080", "https://desk.example", true, false},
        {"http://desk.example", "127.0.0.1:8080", "https://desk.example", false, false},
        {"https://evil.example", "127.0.0.1:8080", "https://desk.example", false, false},
        {"http://127.0.0.1:8080", "127.0.0.1:8080", "https://desk.example", true, false},
        /* A trusted proxy says that this client speaks TLS. */
        {"https://desk.example", "desk.example", "", true, true},
        {"http://desk.example", "desk.example", "", false, true},
        {"http://desk.example", "127.0.0.1", "http://desk.example", true, true},
        {"", "desk.example", "", true, true},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        assert_int_equal(
            is_same_origin(bell_slice_from(CASES[i].origin), bell_slice_from(CASES[i].host),
                           bell_slice_from(CASES[i].public_origin), CASES[i].is_secure),
            CASES[i].same);
    }
}

static void the_cookie_is_out_of_reach_of_scripts_and_other_sites(void **state)
{
    (void)state;
    desk_secret secret;
    memset(secret.b, 0xab, sizeof secret.b);
    char room[COOKIE_TEXT_BYTES];
    bell_slice text = cookie_set(&secret, INT64_C(2592000000000), false, room);
    static const char WANTED[] =
        "deskbell_session=abababababababababababababababababababababababababababababababab; "
        "Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict";
    assert_true(bell_slice_equal(text, BELL_LIT(WANTED)));
    text = cookie_set(&secret, INT64_C(2592000000000), true, room);
    assert_int_equal(text.n, sizeof WANTED - 1 + strlen("; Secure"));
    assert_memory_equal(text.p + sizeof WANTED - 1, "; Secure", 8);
}

static void the_longest_lifetime_fits(void **state)
{
    (void)state;
    desk_secret secret = {{0}};
    char room[COOKIE_TEXT_BYTES];
    bell_slice text = cookie_set(&secret, INT64_MAX, true, room);
    assert_true(text.n < COOKIE_TEXT_BYTES);
}

static void clearing_makes_the_browser_forget_it(void **state)
{
    (void)state;
    char room[COOKIE_TEXT_BYTES];
    bell_slice text = cookie_clear(false, room);
    assert_true(bell_slice_equal(
        text, BELL_LIT("deskbell_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")));
}

static void metrics_are_lines_of_the_prometheus_format(void **state)
{
    (void)state;
    const struct metrics metrics = {.work = {.commits = 7, .commit_ns = 1500000000},
                                    .gateway = {.commands = 123456789, .online = true},
                                    .uptime_ms = 2500};
    struct bell_buf out;
    bell_buf_init(&out, 1 << 20);
    assert_int_equal(metrics_print(&metrics, &out), BELL_OK);
    assert_int_equal(bell_buf_append(&out, bell_slice_make("", 1)), BELL_OK);
    assert_non_null(strstr(out.p, "# HELP deskbell_commits_total "));
    assert_non_null(strstr(out.p, "# TYPE deskbell_commits_total counter\n"
                                  "deskbell_commits_total 7\n"));
    assert_non_null(strstr(out.p, "\ndeskbell_commit_seconds_total 1.5\n"));
    assert_non_null(strstr(out.p, "\ndeskbell_commands_total 123456789\n"));
    assert_non_null(strstr(out.p, "\ndeskbell_online 1\n"));
    assert_non_null(strstr(out.p, "\ndeskbell_uptime_seconds 2.5\n"));
    bell_buf_finish(&out);
}

static void metrics_without_room_are_none(void **state)
{
    (void)state;
    const struct metrics metrics = {.uptime_ms = 0};
    struct bell_buf out;
    bell_buf_init(&out, 100);
    assert_int_equal(metrics_print(&metrics, &out), BELL_ELIMIT);
    bell_buf_finish(&out);
    bell_buf_init(&out, 1 << 20);
    bell_mem_fail_at(1);
    assert_int_equal(metrics_print(&metrics, &out), BELL_ENOMEM);
    bell_mem_fail_at(0);
    bell_buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_pages_of_the_desk_itself_are_of_the_same_origin),
        cmocka_unit_test(the_cookie_is_out_of_reach_of_scripts_and_other_sites),
        cmocka_unit_test(the_longest_lifetime_fits),
        cmocka_unit_test(clearing_makes_the_browser_forget_it),
        cmocka_unit_test(metrics_are_lines_of_the_prometheus_format),
        cmocka_unit_test(metrics_without_room_are_none),
    };
    return cmocka_run_group_tests_name("desk_api_parts", tests, NULL, NULL);
}
