/*
 * Store: the data folder and the database in it.
 *
 * The folder is made with mode 0700 and holds deskbell.db (with -wal and -shm beside it) and
 * deskbell.lock. Opening brings the schema up to date, one transaction per step. A server takes
 * the folder for itself; the command line may open it beside a running server.
 *
 * store_open and store_close run on one thread; in between connections may be opened on any.
 * While a server has the store open a thread of its own copies the log into the database file, so
 * that commits do not stall.
 */
#ifndef DESK_STORE_STORE_H
#define DESK_STORE_STORE_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store_options {
    bell_slice folder;         /* borrowed during store_open */
    bool is_server;            /* take the folder alone and run the checkpoint thread */
    uint32_t writer_cache_kib; /* page cache of the writer, 0 = 16384 */
    uint32_t reader_cache_kib; /* of each reader, 0 = 2048 */
    uint32_t checkpoint_kib;   /* log size from which it is copied over, 0 = 8192 */
    uint32_t log_limit_kib;    /* log size from which a commit waits for the rest, 0 = 131072 */
};

/* Room for the sentence that tells a person why opening failed. */
enum { STORE_WHY_BYTES = 512 };

/*
 * On failure why (room for STORE_WHY_BYTES) holds one line for people: folder, reason, what to do.
 *
 * BELL_ESTATE   another server works in this folder
 * BELL_EINVAL   it was written by a newer deskbell, or is no Deskbell database
 * BELL_EACCES   folder or file may not be read or written
 * BELL_ELIMIT   the disk is full
 * BELL_EAGAIN   the database stayed locked
 * BELL_ENOMEM, BELL_EIO
 */
BELL_NODISCARD bell_status store_open(const struct store_options *options, char *why,
                                      struct store **out);
/* All connections must be closed before. NULL is fine. */
void store_close(struct store *store);

/* Number of the newest step of the schema that this program knows. */
int store_schema_version(void);

#endif
