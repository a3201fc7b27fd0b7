/*
 * Static files: everything that can be decided without touching a disk (RFC 9110 sections
 * 8, 12.5.3, 13 and 14).
 *
 * The engine asks for a file name, opens the file or one of its encoded brothers, and asks what to
 * answer. No I/O, no allocation, any thread.
 */
#ifndef BELL_HTTP_STATIC_FILE_H
#define BELL_HTTP_STATIC_FILE_H

#include "bell/http/date.h"
#include "bell/http/head.h"
#include "bell/http_server.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A relative name with its zero byte; longer ones are refused. */
#define BELL_HTTP_MAX_FILE_NAME_BYTES 1024
/* One segment of it (NAME_MAX). */
#define BELL_HTTP_MAX_FILE_SEGMENT_BYTES 255

typedef enum {
    BELL_HTTP_IDENTITY,
    BELL_HTTP_GZIP,   /* FILE.gz */
    BELL_HTTP_BROTLI, /* FILE.br */
} bell_http_encoding;

#define BELL_HTTP_ENCODING_COUNT 3

/*
 * The file for what stands behind the prefix in a decoded path ("" or "css/" gives the index): a
 * relative name, zero-terminated in room, of segments that are not empty and do not begin with a
 * dot. index NULL = "index.html".
 * BELL_ENOTFOUND  no file may have that name: answer 404
 */
BELL_NODISCARD bell_status bell_http_static_name(bell_slice below, const char *index,
                                                 char room[BELL_HTTP_MAX_FILE_NAME_BYTES],
                                                 bell_slice *name);

typedef struct {
    bell_slice type;      /* static; "application/octet-stream" for an unknown extension */
    bool is_compressible; /* may have .br and .gz brothers; the answer varies by Accept-Encoding */
} bell_http_content_type;

/* By the extension of a file name, in any case. */
bell_http_content_type bell_http_content_type_of(bell_slice name);

/*
 * The encodings that the client takes, best first (RFC 9110 section 12.5.3); what it likes equally
 * comes in our order: brotli, gzip, identity. Without the field: identity only. Returns how many; 0
 * when even identity is refused (answer 406 then, if none of the others exists it is just the
 * same).
 */
size_t bell_http_accept_encodings(const bell_http_head *head,
                                  bell_http_encoding out[BELL_HTTP_ENCODING_COUNT]);

/* Of an entity tag that the caller gives. */
#define BELL_HTTP_MAX_TAG_BYTES 40

/* The file that was opened, in the encoding that was chosen. */
typedef struct {
    uint64_t size_bytes; /* of the encoded file */
    int64_t mtime_s;     /* modification time: seconds since 1970; -1 = unknown, give a tag */
    uint32_t mtime_ns;   /* and nanoseconds of the second */
    bell_http_encoding encoding;
    bell_http_content_type type; /* of the name without .br or .gz */
    bell_slice cache_control;    /* (borrowed) empty = no such field */
    bell_slice tag; /* (borrowed) stands for the content: at most BELL_HTTP_MAX_TAG_BYTES of visible
                       ASCII without quotes; empty = made from size and time */
} bell_http_static_file;

#define BELL_HTTP_ETAG_BYTES          64
#define BELL_HTTP_MAX_STATIC_FIELDS   8
#define BELL_HTTP_CONTENT_RANGE_BYTES 80

/*
 * The answer: head fields and the part of the file to send. Points into itself and into the file's
 * slices: not to be copied.
 */
struct bell_http_static_answer {
    uint16_t status;         /* 200, 206, 304, 412 or 416 */
    uint64_t first_byte;     /* for 200 and 206: the body begins here … */
    uint64_t length;         /* … and is so long (for HEAD too, which sends none of it) */
    bell_slice content_type; /* for 200 and 206, else empty */
    size_t field_count;
    bell_http_field fields[BELL_HTTP_MAX_STATIC_FIELDS]; /* ETag, Last-Modified, Vary, … */
    /* private */
    char etag[BELL_HTTP_ETAG_BYTES];
    char last_modified[BELL_HTTP_DATE_BYTES + 1];
    char content_range[BELL_HTTP_CONTENT_RANGE_BYTES];
};

/*
 * Decides by If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, Range and If-Range,
 * in the order of RFC 9110 section 13.2.2. head is a GET or a HEAD. now_s is the wall clock in
 * seconds. Several ranges in one request get the whole file.
 */
void bell_http_static_decide(const bell_http_head *head, const bell_http_static_file *file,
                             int64_t now_s, struct bell_http_static_answer *out);
/* Is it a field of answers that says one thing only, and that the call above decides? Vary is not:
 * it is a list, which may stand in several fields (RFC 9110 section 5.3). */
bool bell_http_static_is_own_field(bell_slice name);

#endif
