/*
 * Compression for sessions (RFC 7692): who has which window, and messages that many get.
 *
 * Without context takeover any window will do for any connection, so a loop has some for all of its
 * connections, made when first needed: one to inflate, and to deflate one of each size. A message
 * is given the smallest that it fits into as a whole: that is no worse and much cheaper, since a
 * window has to be cleared, and it makes the payload the same for nearly all receivers, whatever
 * sizes they have agreed on.
 *
 * With takeover a connection has its own, made with its first compressed message.
 *
 * Loop thread only, but for variants.
 */
#ifndef BELL_SERVER_WS_PACKER_H
#define BELL_SERVER_WS_PACKER_H

#include "base/buf.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws/deflate.h"
#include "bell/ws/extension.h"
#include "bell/ws/frame.h"
#include "bell/ws_server.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bell_blob;
struct bell_connection;
struct bell_ws_rest;

/* Sizes of windows that we deflate with: zlib has none of 8 bits (bell/ws/deflate.h). */
enum {
    BELL_WS_PACKER_MIN_BITS = 9,
    BELL_WS_PACKER_SIZES = BELL_WS_MAX_WINDOW_BITS - BELL_WS_PACKER_MIN_BITS + 1,
};

/* A message as long as that is compressed only when its beginning becomes shorter by it. */
enum { BELL_WS_PACKER_LONG_BYTES = 1024 * 1024, BELL_WS_PACKER_TRIED_BYTES = 64 * 1024 };

/* What one loop has for one WebSocket server. */
struct bell_ws_packer {
    const bell_ws_deflate_options *options;                   /* (borrowed) the server's */
    struct bell_ws_inflater *inflater;                        /* (owned) NULL until needed */
    struct bell_ws_deflater *deflaters[BELL_WS_PACKER_SIZES]; /* (owned) NULL until needed */
    struct bell_buf in;            /* the message inflated last; empty and small between two */
    struct bell_buf out;           /* the payload deflated last; likewise */
    bool is_lent;                  /* in is being looked at by the application */
    atomic_uint_fast64_t deflated; /* messages compressed so far; any thread may read it */
};

/* What few connections have: windows of their own, for context takeover, a queue of their own kind,
 * and input that waits. */
struct bell_ws_extra {
    struct bell_ws_inflater *inflater; /* (owned) NULL unless the client keeps its context */
    struct bell_ws_deflater *deflater; /* (owned) NULL unless we do */
    struct bell_ws_rest *rest;         /* (owned) NULL unless something waits to be looked at */
    bool has_queue;
    bell_ws_queue_options queue; /* complete: no field is 0 */
};

/* Allocates nothing. options must outlive the packer. */
void bell_ws_packer_init(struct bell_ws_packer *p, const bell_ws_options *options);
void bell_ws_packer_finish(struct bell_ws_packer *p);
/* Makes it when it is not there; NULL without memory. */
struct bell_ws_extra *bell_ws_extra_of(struct bell_connection *c);
/* Takes NULL. */
void bell_ws_extra_destroy(struct bell_ws_extra *extra);

/* What the server would like to agree on. */
bell_ws_deflate_terms bell_ws_packer_terms(const bell_ws_deflate_options *options);

/* Shall a message of this size go to this connection compressed? */
bool bell_ws_packer_wants(const struct bell_connection *c, size_t message_bytes);

/*
 * Compresses a message for a connection. false: it does not pay, or there is no memory: send it
 * plain. The payload is valid until bell_ws_packer_done.
 */
bool bell_ws_packer_pack(struct bell_ws_packer *p, struct bell_connection *c, bell_slice message,
                         bell_slice *payload);
/* The payload was copied (is_sent) or will not be sent. */
void bell_ws_packer_done(struct bell_ws_packer *p, struct bell_connection *c, bool is_sent);

/*
 * Inflates a message of a connection, which is valid until bell_ws_packer_take_back, a call that
 * must come. Failures are those of bell_ws_inflater_run and need none.
 */
BELL_NODISCARD bell_status bell_ws_packer_lend(struct bell_ws_packer *p, struct bell_connection *c,
                                               bell_message_type type, bell_slice payload,
                                               bell_slice *message);
void bell_ws_packer_take_back(struct bell_ws_packer *p);

/*
 * A whole frame by itself, which may be shared from the start: nothing can be put behind it. The
 * payload is written as it is, under the mask of a client (key, else NULL). NULL without memory.
 */
struct bell_blob *bell_ws_frame_create(enum bell_ws_opcode opcode, bell_slice payload,
                                       bool is_deflated, const uint8_t *key);

/*
 * The compressed twins of a frame that many connections get, one for each size of window that is
 * needed, made by the first loop that needs it. Counted; any thread.
 *
 * Loops do not wait for each other: two that need a twin at the same moment make it both, and one
 * of the two is used.
 */
struct bell_ws_variants {
    atomic_uint refs;
    _Atomic(struct bell_blob *) frames[BELL_WS_PACKER_SIZES]; /* (owned) NULL until made */
};

/* Held once. NULL without memory. */
struct bell_ws_variants *bell_ws_variants_create(void);
/* Takes NULL, and gives it back. */
struct bell_ws_variants *bell_ws_variants_ref(struct bell_ws_variants *v);
/* NULL is fine. */
void bell_ws_variants_unref(struct bell_ws_variants *v);

/*
 * The frame to send to a connection without context takeover instead of this plain one: its twin,
 * or itself when compressing it does not pay. Borrowed from v and from the caller.
 */
struct bell_blob *bell_ws_variants_choose(struct bell_ws_variants *v, struct bell_ws_packer *p,
                                          const struct bell_connection *c, struct bell_blob *plain);

#endif
