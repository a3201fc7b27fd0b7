/*
 * The manual of the options, written from their tables. Starting thread only.
 */
#ifndef DESK_CONFIG_MANUAL_H
#define DESK_CONFIG_MANUAL_H

#include "base/buf.h"
#include "bell/status.h"
#include "desk/config/option.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A paragraph for a terminal: at most 80 columns, broken at blanks, each line indented by indent
 * blanks. BELL_ELIMIT, BELL_ENOMEM.
 */
BELL_NODISCARD bell_status manual_print_paragraph(struct bell_buf *out, const char *text,
                                                  uint8_t indent);
/* For a terminal, 80 columns. serving: list also what only the server takes. BELL_ELIMIT,
 * BELL_ENOMEM. */
BELL_NODISCARD bell_status manual_print_text(struct bell_buf *out, struct option_table table,
                                             bool serving);
/* A Markdown table. As above. */
BELL_NODISCARD bell_status manual_print_markdown(struct bell_buf *out, struct option_table table,
                                                 bool serving);

#endif
