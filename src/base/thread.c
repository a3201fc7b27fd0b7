#include "base/thread.h"

#include <signal.h>

bell_status bell_thread_start(pthread_t *out, void *(*entry)(void *), void *user)
{
    static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t blocked;
    sigset_t before;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < BELL_ARRAY_LEN(FAULTS); i++) {
        (void)sigdelset(&blocked, FAULTS[i]);
    }
    /* The new thread inherits them. */
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int error = pthread_create(out, NULL, entry, user);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? BELL_OK : BELL_ENOMEM;
}
