/*
 * Options that a program has set wrong. All it gets is BELL_EINVAL, so the log says which one it
 * is.
 */
#ifndef BELL_BASE_OPTION_H
#define BELL_BASE_OPTION_H

#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *name; /* of the field */
    bool is_right;
} bell_option_rule;

/* BELL_EINVAL, after a line that names the struct and the first field that is not right. */
BELL_NODISCARD bell_status bell_option_check(const char *type, const bell_option_rule *rules,
                                             size_t count);

#endif
