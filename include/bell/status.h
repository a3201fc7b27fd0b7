/*
 * Status values: how every call that can fail reports.
 *
 * 0 is success, failures are negative. The list below is the only place where they are defined.
 */
#ifndef BELL_STATUS_H
#define BELL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BELL_NODISCARD __attribute__((warn_unused_result))
#define BELL_API       __attribute__((visibility("default")))
#else
#define BELL_NODISCARD
#define BELL_API
#endif

/* X(name, value, text) */
#define BELL_STATUS_MAP(X)                                                                         \
    X(BELL_OK, 0, "success")                                                                       \
    X(BELL_ENOMEM, -1, "out of memory")                                                            \
    X(BELL_EINVAL, -2, "invalid argument")                                                         \
    X(BELL_ELIMIT, -3, "a limit was reached")                                                      \
    X(BELL_EPROTO, -4, "the peer broke the protocol")                                              \
    X(BELL_ECLOSED, -5, "the connection is closed or closing")                                     \
    X(BELL_EAGAIN, -6, "not now, try again")                                                       \
    X(BELL_EIO, -7, "input or output failed")                                                      \
    X(BELL_EADDRINUSE, -8, "the address is in use")                                                \
    X(BELL_EACCES, -9, "permission denied")                                                        \
    X(BELL_ENOTFOUND, -10, "not found")                                                            \
    X(BELL_EEXISTS, -11, "exists already")                                                         \
    X(BELL_ESTATE, -12, "not allowed in this state")                                               \
    X(BELL_ETIMEOUT, -13, "timed out")                                                             \
    X(BELL_ENOTSUP, -14, "not supported by this machine or library")                               \
    X(BELL_EREFUSED, -15, "the peer refused")

typedef enum {
#define BELL_STATUS_ENUM(name, value, text) name = (value),
    BELL_STATUS_MAP(BELL_STATUS_ENUM)
#undef BELL_STATUS_ENUM
} bell_status;

/* The name ("BELL_ENOMEM") and the English text of a status; both static, "unknown" when it is
 * none. Any thread. */
BELL_API const char *bell_status_name(bell_status st);
BELL_API const char *bell_status_text(bell_status st);

#ifdef __cplusplus
}
#endif
#endif
