/*
 * The compiler extensions this project allows itself, in one place (see also num.h).
 */
#ifndef BELL_BASE_COMPILER_H
#define BELL_BASE_COMPILER_H

#define BELL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BELL_LIKELY(x)         __builtin_expect(!!(x), 1)
#define BELL_UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define BELL_UNUSED            __attribute__((unused))
#define BELL_ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
/* The struct that holds this member: for intrusive lists and callbacks given a member's address. */
#define BELL_CONTAINER_OF(ptr, type, member)                                                       \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
