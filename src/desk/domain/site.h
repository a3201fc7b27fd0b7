/*
 * Sites: the websites that show the widget.
 */
#ifndef DESK_DOMAIN_SITE_H
#define DESK_DOMAIN_SITE_H

#include "base/arena.h"
#include "desk/domain/tx.h"

/* The texts have the limits of the schema (desk/proto/types.h). */
enum { SITE_KEY_MAX_BYTES = 64, SITE_ORIGINS_MAX = 32 };

struct site_entry {
    int64_t number;
    bell_slice key;     /* a-z 0-9 and -, 1 to 64 */
    bell_slice name;    /* 1 to 100 characters */
    bell_slice welcome; /* empty: none */
    bell_slice origins; /* allowed origins, one a line; empty: any */
};

/* A fresh data folder gets the site "demo". Writes; does nothing when there is any site. */
struct outcome site_ensure_demo(struct tx *tx);
/*
 * ERROR_BAD_FIELD for a wrong key, name, welcome or origin; ERROR_EXISTS. entry->number is
 * ignored.
 */
struct outcome site_add(struct tx *tx, const struct site_entry *entry, int64_t *number);
/* All sites by key; texts live in arena. */
struct outcome site_list(struct tx *tx, struct bell_arena *arena, struct site_entry **items,
                         size_t *count);
/* May a page of this origin show the site? An empty origin (no browser) may. */
bool site_allows(const struct site_entry *site, bell_slice origin);

#endif
