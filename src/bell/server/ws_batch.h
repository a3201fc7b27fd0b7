/*
 * Batches: messages for many that are published one after the other in one turn of a loop go into
 * the queues of their receivers together.
 *
 * To walk a thousand queues sixteen times costs more than to send what is in them. So a publication
 * waits for the end of the turn, or for whatever must not come before it: another frame to a
 * connection of this loop, or a change of who receives. Then its frames are put together once, and
 * a receiver gets all of them as one shared piece. Who needs them one by one, for the sake of its
 * limits or of compression, gets them so; nobody can tell the difference. Loop thread only.
 */
#ifndef BELL_SERVER_WS_BATCH_H
#define BELL_SERVER_WS_BATCH_H

#include "bell/net/blob.h"
#include "bell/server/ws_session.h"
#include "bell/ws_server.h"

#include <stddef.h>
#include <stdint.h>

struct bell_server_loop;

enum {
    BELL_WS_BATCH_FRAMES = 64,
    BELL_WS_BATCH_BYTES = 64 * 1024,
    /* Larger frames do not wait: they would be copied once more, and sending them costs enough. */
    BELL_WS_BATCH_FRAME_BYTES = 4 * 1024,
};

/* A message for many; all borrowed. */
typedef struct {
    struct bell_ws_server *ws;
    struct bell_blob *topic;           /* its name; NULL: to everybody */
    bell_conn except;                  /* who does not get it; 0 = nobody */
    struct bell_blob *frame;           /* plain */
    struct bell_ws_variants *variants; /* its compressed twins; NULL: there are none */
    bell_ws_terms terms;
} bell_ws_publication;

/* What waits; all 0 at first. One per loop: what does not belong to it delivers it first. */
struct bell_ws_batch {
    struct bell_ws_server *ws;
    struct bell_blob *topic; /* (owned) a reference; NULL: to everybody */
    bell_conn except;
    size_t bytes;
    uint32_t count;
    struct bell_blob *frames[BELL_WS_BATCH_FRAMES]; /* (owned) a reference of each */
};

/* To all receivers on this loop, now or with what follows. Calls nothing back. */
void bell_ws_batch_publish(struct bell_server_loop *home, const bell_ws_publication *p);
/* What waits goes into the queues. Calls nothing back. */
void bell_ws_batch_deliver(struct bell_server_loop *home);

#endif
