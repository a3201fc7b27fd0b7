/*
 * The dialogues to replay, read once and then constant.
 *
 * The file is binary, little-endian, made by bench/dialogues.py:
 *
 *     u32 number of dialogues, then for each
 *         u32 number of turns, then for each
 *             u8 who (0 visitor, 1 agent), u32 bytes, UTF-8 text
 */
#ifndef REPLAY_DIALOGUES_H
#define REPLAY_DIALOGUES_H

#include "base/buf.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct turn {
    bell_slice text; /* (borrowed from the file's content) */
    bell_slice json; /* (borrowed from the set) the same as JSON string, quotes included */
    bool by_agent;
};

struct dialogue {
    const struct turn
        *turns; /* (borrowed from the set) never empty; the first one is a visitor's */
    uint32_t turn_count;
};

struct dialogues {
    struct dialogue *items; /* (owned) */
    uint32_t count;
    struct turn *turns; /* (owned) of all */
    size_t turn_count;
    char *content;        /* (owned) the file */
    struct bell_buf json; /* (owned) all texts as JSON strings */
};

/* BELL_EIO when it cannot be read, BELL_EPROTO when it is not such a file, BELL_ENOMEM. */
BELL_NODISCARD bell_status dialogues_read(const char *path, struct dialogues *out);
void dialogues_finish(struct dialogues *d);

#endif
