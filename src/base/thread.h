/*
 * Threads of libbell. The signals of the process are for the application's threads, so these block
 * them from their first instruction on: all but those that tell of a fault of the thread's own
 * (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS), for which the application may have a handler
 * that reports the crash.
 */
#ifndef BELL_BASE_THREAD_H
#define BELL_BASE_THREAD_H

#include "base/compiler.h"
#include "bell/status.h"

#include <pthread.h>

/* To be joined or detached. BELL_ENOMEM no memory, or no more threads. */
BELL_NODISCARD bell_status bell_thread_start(pthread_t *out, void *(*entry)(void *), void *user);

#endif
