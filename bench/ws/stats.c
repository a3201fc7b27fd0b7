#include "stats.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FINE_BITS = 5, FINE = 1 << FINE_BITS, KIB = 1024, LINE_BYTES = 256 };

/* Below 32 one class each; above, 32 classes between two powers of two. */
static uint32_t class_of(uint64_t value)
{
    if (value < FINE) {
        return (uint32_t)value;
    }
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - FINE_BITS;
    uint32_t found = (shift + 1) * FINE + (uint32_t)(value >> shift) - FINE;
    return found < STATS_CLASSES ? found : STATS_CLASSES - 1;
}

static uint64_t class_end(uint32_t number)
{
    if (number < FINE) {
        return number;
    }
    uint32_t shift = number / FINE - 1;
    return ((uint64_t)(number % FINE + FINE + 1) << shift) - 1;
}

void stats_add(struct stats_spans *s, uint64_t span_ns)
{
    s->counts[class_of(span_ns)]++;
    s->count++;
}

uint64_t stats_quantile_ns(const struct stats_spans *s, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)s->count);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < STATS_CLASSES && s->count > 0; i++) {
        seen += s->counts[i];
        if (seen > wanted || seen == s->count) {
            return class_end(i);
        }
    }
    return 0;
}

/* The number behind a word at the beginning of a line of a file; 0 when it is not there. */
static uint64_t number_in(const char *path, const char *word)
{
    char line[LINE_BYTES];
    uint64_t number = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, word, strlen(word)) == 0) {
            number = strtoull(line + strlen(word), NULL, 10);
            break;
        }
    }
    (void)fclose(file);
    return number;
}

uint64_t stats_cpu_ns(pid_t pid)
{
    char path[PATH_MAX];
    uint64_t sum = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        return 0;
    }
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, task->d_name);
            sum += number_in(path, ""); /* one that has ended meanwhile gives 0 */
        }
    }
    (void)closedir(tasks);
    return sum;
}

uint64_t stats_rss_bytes(pid_t pid)
{
    char path[PATH_MAX];
    /* The VmRSS of status may be off by some pages per core, which is much by connection. */
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    return number_in(path, "Rss:") * KIB;
}
