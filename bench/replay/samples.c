#include "samples.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { NS_PER_US = 1000 };

void samples_init(struct samples *s, size_t max)
{
    *s = (struct samples){.us = bell_mem_zalloc_array(max, sizeof *s->us), .capacity = max};
    if (s->us == NULL) {
        fputs("replay: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
}

void samples_finish(struct samples *s)
{
    bell_mem_free(s->us);
    *s = (struct samples){0};
}

void samples_add(struct samples *s, uint64_t span_ns)
{
    uint64_t us = span_ns / NS_PER_US;
    if (s->count < s->capacity) {
        s->us[s->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t samples_percentile_us(struct samples *s, double percent)
{
    if (s->count == 0) {
        return 0;
    }
    qsort(s->us, s->count, sizeof *s->us, compare);
    size_t index = (size_t)((double)s->count * percent / 100.0);
    return s->us[index < s->count ? index : s->count - 1];
}
