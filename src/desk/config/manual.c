#include "desk/config/manual.h"

#include <inttypes.h>
#include <string.h>

enum { COLUMNS = 80, INDENT = 6 };

static bool is_shown(const struct option *option, bool serving)
{
    return serving || !option->serve_only;
}

bell_status manual_print_paragraph(struct bell_buf *out, const char *text, uint8_t indent)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        bell_status st;
        if (column == 0) {
            st = bell_buf_printf(out, "%*s%.*s", indent, "", (int)n, text);
            column = indent + n;
        } else if (column + 1 + n > COLUMNS) {
            st = bell_buf_printf(out, "\n%*s%.*s", indent, "", (int)n, text);
            column = indent + n;
        } else {
            st = bell_buf_printf(out, " %.*s", (int)n, text);
            column += 1 + n;
        }
        if (st != BELL_OK) {
            return st;
        }
        text += n;
        text += *text == ' ' ? 1 : 0;
    }
    return bell_buf_printf(out, "\n");
}

static bell_status print_limits(struct bell_buf *out, const struct option *option)
{
    bool has_value = option->value != NULL && option->value[0] != '\0';
    if (option->type == OPTION_NUMBER) {
        return bell_buf_printf(out, "%*s(%" PRIu64 " to %" PRIu64 ", default %s)\n", INDENT, "",
                               option->min, option->max, has_value ? option->value : "none");
    }
    return has_value ? bell_buf_printf(out, "%*s(default %s)\n", INDENT, "", option->value)
                     : BELL_OK;
}

bell_status manual_print_text(struct bell_buf *out, struct option_table table, bool serving)
{
    for (size_t i = 0; i < table.count; i++) {
        const struct option *option = &table.options[i];
        if (!is_shown(option, serving)) {
            continue;
        }
        bell_status st =
            bell_buf_printf(out, "  --%s%s%s\n", option->name, option->argument == NULL ? "" : " ",
                            option->argument == NULL ? "" : option->argument);
        if (st == BELL_OK) {
            st = manual_print_paragraph(out, option->help, INDENT);
        }
        if (st == BELL_OK) {
            st = print_limits(out, option);
        }
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}

static bell_status print_row(struct bell_buf *out, const struct option *option)
{
    bell_status st = bell_buf_printf(out, "| `%s` | %s | ", option->name,
                                     option->argument == NULL ? "" : option->argument);
    if (st == BELL_OK && option->type == OPTION_NUMBER) {
        st = bell_buf_printf(out, "%" PRIu64 " to %" PRIu64, option->min, option->max);
    }
    if (st != BELL_OK) {
        return st;
    }
    bool has_value = option->value != NULL && option->value[0] != '\0';
    return bell_buf_printf(out, " | %s%s%s | %s | %s |\n", has_value ? "`" : "",
                           has_value ? option->value : "", has_value ? "`" : "",
                           option->reloadable ? "yes" : "", option->help);
}

bell_status manual_print_markdown(struct bell_buf *out, struct option_table table, bool serving)
{
    bell_status st =
        bell_buf_printf(out, "| option | value | range | default | SIGHUP | meaning |\n"
                             "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; st == BELL_OK && i < table.count; i++) {
        if (is_shown(&table.options[i], serving)) {
            st = print_row(out, &table.options[i]);
        }
    }
    return st;
}
