/*
 * The compiler extensions this project allows itself, in one place (see also num.h).
 */
#ifndef BELL_BASE_COMPILER_H
#define BELL_BASE_COMPILER_H

#define BELL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BELL_LIKELY(x)         __builtin_expect(!!(x), 1)
#define BELL_UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define BELL_PREFETCH(p)       __builtin_prefetch(p)
#define BELL_ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
#define BELL_INLINE            static inline __attribute__((always_inline))
/*
 * For loops over many bytes, written once and compiled twice: the same body, always inlined into a
 * function for every processor and into one with BELL_AVX2, chosen by BELL_HAS_AVX2(). Tests
 * define BELL_WITHOUT_AVX2 to reach the former.
 */
#if defined(__x86_64__) && !defined(BELL_WITHOUT_AVX2)
#define BELL_AVX2       __attribute__((target("avx2")))
#define BELL_HAS_AVX2() (__builtin_cpu_supports("avx2") != 0)
#else
#define BELL_AVX2
#define BELL_HAS_AVX2() false
#endif
/*
 * Where it is defined there may be SHA instructions, and functions with it use them. Tests define
 * BELL_WITHOUT_SHA to reach what other processors do.
 */
#if defined(__x86_64__) && !defined(BELL_WITHOUT_SHA)
#define BELL_SHA __attribute__((target("sha,ssse3")))
#endif
/* The struct that holds this member: for intrusive lists and callbacks given a member's address. */
#define BELL_CONTAINER_OF(ptr, type, member)                                                       \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
