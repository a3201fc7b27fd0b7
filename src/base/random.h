/*
 * Random bytes from the kernel (getrandom(2)). Any thread. The process ends when the kernel has
 * none to give, since nothing that asks for them may go on with guessable ones.
 */
#ifndef BELL_BASE_RANDOM_H
#define BELL_BASE_RANDOM_H

#include <stddef.h>

void bell_random_fill(void *out, size_t n);

#endif
