#include "dialogues.h"

#include "base/mem.h"

#include <stdio.h>

enum { TURN_HEAD_BYTES = 5, COUNT_BYTES = 4, TEXT_MAX_BYTES = 100 * 1024, JSON_GROWTH = 6 };

/* What is left of the file; reading past its end sets failed. */
struct input {
    const char *p;
    size_t n;
    bool failed;
};

static uint32_t read_u32(struct input *in)
{
    if (in->n < COUNT_BYTES) {
        in->failed = true;
        return 0;
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < COUNT_BYTES; i++) {
        value |= (uint32_t)(unsigned char)in->p[i] << (8 * i);
    }
    in->p += COUNT_BYTES;
    in->n -= COUNT_BYTES;
    return value;
}

static bell_status read_file(const char *path, char **out, size_t *size)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return BELL_EIO;
    }
    bell_status st = BELL_EIO;
    char *content = NULL;
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (end > 0 && fseek(file, 0, SEEK_SET) == 0) {
        content = bell_mem_alloc((size_t)end);
        st = content == NULL ? BELL_ENOMEM : BELL_OK;
    }
    if (st == BELL_OK && fread(content, 1, (size_t)end, file) != (size_t)end) {
        st = BELL_EIO;
        bell_mem_free(content);
    }
    fclose(file);
    if (st == BELL_OK) {
        *out = content;
        *size = (size_t)end;
    }
    return st;
}

/* JSON wants quote, backslash and control characters escaped. */
static bell_status write_json(struct bell_buf *b, bell_slice text)
{
    bell_status st = bell_buf_append(b, BELL_LIT("\""));
    for (size_t i = 0; i < text.n && st == BELL_OK; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\') {
            st = bell_buf_printf(b, "\\%c", c);
        } else if (c < ' ') {
            st = bell_buf_printf(b, "\\u%04x", (unsigned)c);
        } else {
            st = bell_buf_append(b, bell_slice_make(text.p + i, 1));
        }
    }
    return st == BELL_OK ? bell_buf_append(b, BELL_LIT("\"")) : st;
}

/* The buf may move while it grows: the slices are made when all is in it. */
static bell_status write_all_json(struct dialogues *d, size_t file_size)
{
    bell_buf_init(&d->json, JSON_GROWTH * file_size);
    for (size_t i = 0; i < d->turn_count; i++) {
        size_t before = d->json.n;
        bell_status st = write_json(&d->json, d->turns[i].text);
        if (st != BELL_OK) {
            return st;
        }
        d->turns[i].json.n = d->json.n - before;
        if (d->turns[i].json.n > TEXT_MAX_BYTES) {
            return BELL_EPROTO;
        }
    }
    const char *p = d->json.p;
    for (size_t i = 0; i < d->turn_count; i++) {
        d->turns[i].json.p = p;
        p += d->turns[i].json.n;
    }
    return BELL_OK;
}

static bell_status read_turn(struct input *in, struct turn *out)
{
    if (in->n < TURN_HEAD_BYTES) {
        return BELL_EPROTO;
    }
    out->by_agent = *in->p != 0;
    in->p++;
    in->n--;
    uint32_t size = read_u32(in);
    if (in->failed || size == 0 || size > TEXT_MAX_BYTES || size > in->n) {
        return BELL_EPROTO;
    }
    out->text = bell_slice_make(in->p, size);
    in->p += size;
    in->n -= size;
    return BELL_OK;
}

static bell_status read_all(struct input in, size_t max_turns, struct dialogues *d)
{
    d->count = read_u32(&in);
    if (in.failed || d->count == 0 || d->count > max_turns) {
        return BELL_EPROTO;
    }
    d->items = bell_mem_zalloc_array(d->count, sizeof *d->items);
    d->turns = bell_mem_zalloc_array(max_turns, sizeof *d->turns);
    if (d->items == NULL || d->turns == NULL) {
        return BELL_ENOMEM;
    }
    for (uint32_t i = 0; i < d->count; i++) {
        struct turn *first = &d->turns[d->turn_count];
        uint32_t turns = read_u32(&in);
        if (in.failed || turns == 0) {
            return BELL_EPROTO;
        }
        for (uint32_t k = 0; k < turns; k++) {
            if (d->turn_count == max_turns) {
                return BELL_EPROTO;
            }
            bell_status st = read_turn(&in, &d->turns[d->turn_count]);
            if (st != BELL_OK) {
                return st;
            }
            d->turn_count++;
        }
        if (first->by_agent) {
            return BELL_EPROTO;
        }
        d->items[i] = (struct dialogue){first, turns};
    }
    return in.n == 0 ? BELL_OK : BELL_EPROTO;
}

bell_status dialogues_read(const char *path, struct dialogues *out)
{
    struct dialogues d = {0};
    size_t size = 0;
    bell_status st = read_file(path, &d.content, &size);
    if (st == BELL_OK) {
        /* A turn takes at least its head and one byte. */
        st = read_all((struct input){d.content, size, false}, size / (TURN_HEAD_BYTES + 1), &d);
    }
    if (st == BELL_OK) {
        st = write_all_json(&d, size);
    }
    if (st != BELL_OK) {
        dialogues_finish(&d);
        return st;
    }
    *out = d;
    return BELL_OK;
}

void dialogues_finish(struct dialogues *d)
{
    bell_buf_finish(&d->json);
    bell_mem_free(d->turns);
    bell_mem_free(d->items);
    bell_mem_free(d->content);
    *d = (struct dialogues){0};
}
