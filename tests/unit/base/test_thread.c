#include "base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void *blocked_read(void *user)
{
    (void)pthread_sigmask(SIG_SETMASK, NULL, user);
    return NULL;
}

static void blocks_signals_of_the_process_but_no_faults(void **state)
{
    (void)state;
    static const int OF_THE_PROCESS[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGUSR1, SIGCHLD};
    static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    pthread_t thread;
    sigset_t blocked;
    assert_int_equal(bell_thread_start(&thread, blocked_read, &blocked), BELL_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < sizeof OF_THE_PROCESS / sizeof OF_THE_PROCESS[0]; i++) {
        assert_true(sigismember(&blocked, OF_THE_PROCESS[i]) == 1);
    }
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        assert_true(sigismember(&blocked, FAULTS[i]) == 0);
    }
}

static void leaves_the_signals_of_its_caller_alone(void **state)
{
    (void)state;
    sigset_t before;
    sigset_t after;
    sigset_t ignored;
    pthread_t thread;
    (void)sigemptyset(&before);
    (void)sigaddset(&before, SIGUSR2);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(bell_thread_start(&thread, blocked_read, &ignored), BELL_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_true(sigismember(&after, SIGUSR2) == 1);
    assert_true(sigismember(&after, SIGTERM) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_signals_of_the_process_but_no_faults),
        cmocka_unit_test(leaves_the_signals_of_its_caller_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
