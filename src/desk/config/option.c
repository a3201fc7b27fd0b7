#include "desk/config/option.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void option_error(char *error, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(error, OPTION_ERROR_BYTES, fmt, args);
    va_end(args);
    if (n < 0) {
        error[0] = '\0';
    }
    for (char *p = error; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ') {
            *p = ' ';
        }
    }
}

const struct option *option_find(struct option_table table, bell_slice name)
{
    for (size_t i = 0; i < table.count; i++) {
        if (bell_slice_equal(name, bell_slice_from(table.options[i].name))) {
            return &table.options[i];
        }
    }
    return NULL;
}

static void *field_of(const struct option *option, void *base)
{
    return (char *)base + option->offset;
}

/* The rules every text must keep; the result says what is wrong. */
static const char *text_fault(const struct option *option, bell_slice text)
{
    size_t max = option->max == 0 ? OPTION_MAX_TEXT_BYTES : (size_t)option->max;
    if (text.n > max) {
        return "is too long";
    }
    if (option->needs_value && text.n == 0) {
        return "must not be empty";
    }
    if (memchr(text.p == NULL ? "" : text.p, '\0', text.n) != NULL) {
        return "must not hold a zero byte";
    }
    return option->check == NULL ? NULL : option->check(text);
}

static bell_status set_text(const struct option *option, char **field, bell_slice text, char *error)
{
    const char *fault = text_fault(option, text);
    if (fault != NULL) {
        option_error(error, "%s %s: \"%.*s\"", option->name, fault,
                     (int)(text.n > 100 ? 100 : text.n), text.p == NULL ? "" : text.p);
        return BELL_EINVAL;
    }
    char *copy = bell_mem_copy_text(text);
    if (copy == NULL) {
        option_error(error, "%s: out of memory", option->name);
        return BELL_ENOMEM;
    }
    bell_mem_free(*field);
    *field = copy;
    return BELL_OK;
}

/* Decimal digits only: no sign, no blank, no prefix. */
static bool parse_number(bell_slice text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.n == 0) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char digit = (unsigned char)(text.p[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

static bell_status set_number(const struct option *option, uint64_t *field, bell_slice text,
                              char *error)
{
    uint64_t value;
    if (!parse_number(text, &value) || value < option->min || value > option->max) {
        option_error(error, "%s must be a number from %" PRIu64 " to %" PRIu64 ", not \"%.*s\"",
                     option->name, option->min, option->max, (int)(text.n > 100 ? 100 : text.n),
                     text.p == NULL ? "" : text.p);
        return BELL_EINVAL;
    }
    *field = value;
    return BELL_OK;
}

static bell_status set_level(const struct option *option, enum bell_log_level *field,
                             bell_slice text, char *error)
{
    if (bell_log_level_parse(text, field) != BELL_OK) {
        option_error(error, "%s must be error, warn, info or debug, not \"%.*s\"", option->name,
                     (int)(text.n > 100 ? 100 : text.n), text.p == NULL ? "" : text.p);
        return BELL_EINVAL;
    }
    return BELL_OK;
}

static bell_status set_flag(const struct option *option, bool *field, bell_slice text, char *error)
{
    if (bell_slice_equal(text, BELL_LIT("true")) || bell_slice_equal(text, BELL_LIT("yes"))) {
        *field = true;
        return BELL_OK;
    }
    if (bell_slice_equal(text, BELL_LIT("false")) || bell_slice_equal(text, BELL_LIT("no"))) {
        *field = false;
        return BELL_OK;
    }
    option_error(error, "%s must be true or false, not \"%.*s\"", option->name,
                 (int)(text.n > 100 ? 100 : text.n), text.p == NULL ? "" : text.p);
    return BELL_EINVAL;
}

static void list_clear(struct option_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        bell_mem_free(list->items[i]);
        list->items[i] = NULL;
    }
    list->count = 0;
}

static bell_slice trimmed(bell_slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

static bell_status list_add(const struct option *option, struct option_list *list, bell_slice text,
                            char *error)
{
    if (list->count == OPTION_MAX_LIST) {
        option_error(error, "%s may be given at most %d times", option->name, OPTION_MAX_LIST);
        return BELL_EINVAL;
    }
    bell_status st = set_text(option, &list->items[list->count], text, error);
    if (st == BELL_OK) {
        list->count++;
    }
    return st;
}

static bell_status set_list(const struct option *option, struct option_list *list, bell_slice text,
                            enum option_source source, char *error)
{
    if (list->source != source) {
        list_clear(list);
        list->source = source;
    }
    while (true) {
        const char *comma = text.n == 0 ? NULL : memchr(text.p, ',', text.n);
        size_t n = comma == NULL ? text.n : (size_t)(comma - text.p);
        bell_status st = list_add(option, list, trimmed(bell_slice_make(text.p, n)), error);
        if (st != BELL_OK || comma == NULL) {
            return st;
        }
        text = bell_slice_make(comma + 1, text.n - n - 1);
    }
}

bell_status option_set(const struct option *option, void *base, bell_slice text,
                       enum option_source source, char *error)
{
    void *field = field_of(option, base);
    switch (option->type) {
    case OPTION_TEXT:
        return set_text(option, field, text, error);
    case OPTION_NUMBER:
        return set_number(option, field, text, error);
    case OPTION_LEVEL:
        return set_level(option, field, text, error);
    case OPTION_LIST:
        return set_list(option, field, text, source, error);
    case OPTION_FLAG:
        return set_flag(option, field, text, error);
    }
    assert(false);
    return BELL_EINVAL;
}

bell_status option_set_defaults(struct option_table table, void *base, char *error)
{
    for (size_t i = 0; i < table.count; i++) {
        const struct option *option = &table.options[i];
        if (option->value == NULL) {
            continue;
        }
        bell_status st =
            option_set(option, base, bell_slice_from(option->value), OPTION_DEFAULT, error);
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}

void option_finish(struct option_table table, void *base)
{
    for (size_t i = 0; i < table.count; i++) {
        void *field = field_of(&table.options[i], base);
        switch (table.options[i].type) {
        case OPTION_TEXT:
            bell_mem_free(*(char **)field);
            *(char **)field = NULL;
            break;
        case OPTION_LIST:
            list_clear(field);
            break;
        case OPTION_NUMBER:
        case OPTION_LEVEL:
        case OPTION_FLAG:
            break;
        }
    }
}
