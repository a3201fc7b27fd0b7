#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the sink was given last. */
struct heard {
    uint32_t count;
    bell_log_level level;
    char line[2048];
};

static void hear(bell_log_level level, bell_slice line, void *user)
{
    struct heard *h = user;
    assert_true(line.n < sizeof h->line);
    h->count++;
    h->level = level;
    memcpy(h->line, line.p, line.n);
    h->line[line.n] = '\0';
    errno = EPIPE;
}

static void a_sink_gets_the_line_without_time_level_and_end(void **state)
{
    (void)state;
    struct heard h = {0};
    bell_log_set_sink(hear, &h);
    bell_log(BELL_LOG_WARN, "guest refused id=%d", 7);
    bell_log_set_sink(NULL, NULL);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.level, BELL_LOG_WARN);
    assert_string_equal(h.line, "guest refused id=7");
}

static void only_what_the_level_lets_through_is_said(void **state)
{
    (void)state;
    static const bell_log_level LEVELS[] = {BELL_LOG_ERROR, BELL_LOG_WARN, BELL_LOG_INFO,
                                            BELL_LOG_DEBUG};
    struct heard h = {0};
    bell_log_set_sink(hear, &h);
    for (size_t set = 0; set < 4; set++) {
        bell_log_set_level(LEVELS[set]);
        for (size_t said = 0; said < 4; said++) {
            h.count = 0;
            bell_log(LEVELS[said], "something");
            assert_int_equal(h.count, said <= set ? 1 : 0);
        }
    }
    bell_log_set_level(BELL_LOG_INFO);
    bell_log_set_sink(NULL, NULL);
}

static void one_event_is_one_line_of_at_most_a_kilobyte(void **state)
{
    (void)state;
    struct heard h = {0};
    char text[3000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    bell_log_set_sink(hear, &h);
    bell_log(BELL_LOG_ERROR, "a\nb\tc\x01");
    assert_string_equal(h.line, "a b c ");
    bell_log(BELL_LOG_ERROR, "%s", text);
    bell_log_set_sink(NULL, NULL);
    assert_int_equal(strlen(h.line), 1023);
}

static void logging_keeps_errno(void **state)
{
    (void)state;
    struct heard h = {0};
    bell_log_set_sink(hear, &h);
    errno = EAGAIN;
    bell_log(BELL_LOG_ERROR, "x");
    bell_log_set_sink(NULL, NULL);
    assert_int_equal(errno, EAGAIN);
}

static void what_a_peer_can_trigger_is_limited(void **state)
{
    (void)state;
    static struct bell_log_limit limit;
    struct heard h = {0};
    bell_log_set_sink(hear, &h);
    for (int i = 0; i < 100; i++) {
        bell_log_limited(&limit, BELL_LOG_WARN, "refused");
    }
    bell_log_set_sink(NULL, NULL);
    /* Ten; twice that when the window of ten seconds ended in between. */
    assert_true(h.count == 10 || (h.count > 10 && h.count <= 21));
}

static void without_a_sink_a_line_goes_to_standard_error(void **state)
{
    (void)state;
    int pipe_fds[2];
    char line[256];
    int before = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipe_fds), 0);
    assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
    bell_log(BELL_LOG_INFO, "ready port=%d", 80);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    ssize_t n = read(pipe_fds[0], line, sizeof line - 1);
    assert_true(n > 0);
    line[n] = '\0';
    /* 2026-11-28T12:00:00.000Z info ready port=80 */
    assert_string_equal(line + 24, " info ready port=80\n");
    assert_int_equal(line[23], 'Z');
    (void)close(before);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_gets_the_line_without_time_level_and_end),
        cmocka_unit_test(only_what_the_level_lets_through_is_said),
        cmocka_unit_test(one_event_is_one_line_of_at_most_a_kilobyte),
        cmocka_unit_test(logging_keeps_errno),
        cmocka_unit_test(what_a_peer_can_trigger_is_limited),
        cmocka_unit_test(without_a_sink_a_line_goes_to_standard_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
