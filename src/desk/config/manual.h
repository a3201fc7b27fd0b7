/*
 * The manual of the options, written from their tables. Starting thread only.
 */
#ifndef DESK_CONFIG_MANUAL_H
#define DESK_CONFIG_MANUAL_H

#include "base/buf.h"
#include "bell/status.h"
#include "desk/config/option.h"

#include <stdbool.h>

/* For a terminal, 80 columns. serving: list also what only the server takes. BELL_ELIMIT,
 * BELL_ENOMEM. */
BELL_NODISCARD bell_status manual_print_text(struct bell_buf *out, struct option_table table,
                                             bool serving);
/* A Markdown table. As above. */
BELL_NODISCARD bell_status manual_print_markdown(struct bell_buf *out, struct option_table table,
                                                 bool serving);

#endif
