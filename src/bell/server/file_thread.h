/*
 * File thread: opens and reads files for the loops, which must not wait for a disk.
 *
 * A job goes back and forth between its loop and this thread, and is always owned by exactly one of
 * the two.
 */
#ifndef BELL_SERVER_FILE_THREAD_H
#define BELL_SERVER_FILE_THREAD_H

#include "bell/http/static_file.h"
#include "bell/net/mailbox.h"
#include "bell/status.h"
#include "bell/ws_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BELL_FILE_CHUNK_BYTES = 128 * 1024,
    BELL_FILE_MAX_WAITING = 4096, /* to be opened; some 5 MiB of jobs */
};

struct bell_blob;
struct bell_file_thread;
struct bell_http_static;
struct bell_server_loop;

struct bell_file_job {
    struct bell_mail mail;                                  /* first: how it travels back */
    struct bell_file_job *next;                             /* of the thread's queue */
    struct bell_server_loop *home;                          /* (borrowed) whose it is */
    bell_conn conn;                                         /* the connection it is for */
    uint8_t number;                                         /* of the request there */
    const struct bell_http_static *from;                    /* (borrowed) */
    bell_http_encoding encodings[BELL_HTTP_ENCODING_COUNT]; /* wanted, best first */
    size_t encoding_count;
    int fd;                     /* (owned) -1 until opened */
    bell_http_static_file file; /* filled when opened */
    uint64_t offset;            /* of the next byte to read */
    uint64_t left_bytes;        /* to read and send */
    struct bell_blob *chunk;    /* (owned) what was read last */
    /* Of the last step. Opening: BELL_ENOTFOUND, BELL_EREFUSED (it is there, but in no encoding
     * that the client takes), BELL_ELIMIT (no descriptor or memory left for it); reading: BELL_EIO,
     * BELL_ENOMEM. */
    bell_status status;
    char name[BELL_HTTP_MAX_FILE_NAME_BYTES];
};

/* Starts the thread. BELL_ENOMEM. */
BELL_NODISCARD bell_status bell_file_thread_create(struct bell_file_thread **out);
/* Ends it; jobs that wait are freed. Takes NULL. */
void bell_file_thread_destroy(struct bell_file_thread *t);
/*
 * Opens the file; then posts the job back to its loop, where it is given to bell_http_file_on_job.
 * Takes it over, unless BELL_ELIMIT: so many wait already. (Whoever asks may go away and ask again,
 * so connections are no bound of them.)
 */
BELL_NODISCARD bell_status bell_file_thread_open(struct bell_file_thread *t,
                                                 struct bell_file_job *job);
/* The same with the next chunk of a file that is open. Takes the job over. */
void bell_file_thread_read(struct bell_file_thread *t, struct bell_file_job *job);
void bell_file_job_destroy(struct bell_file_job *job);

#endif
